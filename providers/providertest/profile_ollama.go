package providertest

import (
	"strconv"
	"strings"
)

// ollamaProfile is Ollama: whatever it does not know, it passes over.
func ollamaProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels, serveEmbeddings, serveResponses, serveNative}),
		credential: []string{"Authorization"},
		keyless:    true,
		lenient:    true,
		grammar: &grammar{
			images: inlineImage,
			more: map[string]map[string]field{
				"request": {
					"reasoning_effort": may(nullable(oneOf("high", "medium", "low", "none"))),
					"logit_bias":       may(anything), "tool_choice": may(anything), "n": may(anything), "user": may(anything),
					"parallel_tool_calls": may(anything), "max_completion_tokens": may(anything),
				},
				"assistant": {"reasoning": may(nullable(text))},
			},
			lessKinds: map[string][]string{"part": {"input_audio", "file"}},
		},
		ignores: []string{"max_completion_tokens", "tool_choice", "n", "logit_bias", "parallel_tool_calls", "user", "logprobs", "top_logprobs"},
		thinking: func(root *node) (bool, bool) {
			return root.get("reasoning_effort").str() == "none", false
		},
		thinkers: []string{"qwen3", "gpt-oss", "deepseek-r1"},
		models:   same("llama3.2", "llama3.2:latest", "qwen3:8b", "nomic-embed-text", "nomic-embed-text:latest"),
		model:    entry("library"),
		voice: &voice{
			reply:   "id object created model system_fingerprint choices usage",
			choice:  "index message finish_reason",
			message: "role content reasoning tool_calls",
			call:    "id index type function",
			chunk:   "id object created model system_fingerprint choices usage",
			part:    "index delta finish_reason",
			delta:   "role content reasoning tool_calls",
			piece:   "id index type function",
			id: func(a *ask) string { // one of a thousand, so that they come again
				n, _ := strconv.ParseUint(a.id[:8], 16, 64)
				return "chatcmpl-" + strconv.FormatUint(n%999, 10)
			},
			callID:    prefixed("call_", 8),
			usage:     usageLaid("prompt_tokens completion_tokens total_tokens", "", ""),
			reasoning: "reasoning",
			lateRole:  true, everyRole: true, everyText: true, wholeCall: true, wordless: wordlessEmpty,
			more: func(n *node, _ moment) { n.put("system_fingerprint", "fp_ollama") },
			failing: func(_ *APIError, first *node) [][]byte {
				c := first.clone()
				c.put("choices", list(obj("index", 0, "delta", obj("role", "assistant", "content", ""), "finish_reason", nil)))
				return [][]byte{c.compact()}
			},
		},
		embedding: &embedding{
			sizes:    map[string]int{"nomic-embed-text": 768, "nomic-embed-text:latest": 768},
			fields:   openAIEmbedding().fields,
			noTokens: true, empty: true,
			reply: "object data model usage", entry: "object embedding index",
			usage: embeddingUsage("prompt_tokens total_tokens"),
		},
		responding: statelessResponding("previous_response_id", "conversation", "background"),
		envelope:   ollamaError,
	}
	p.list = func(ids []string) *node {
		if len(ids) == 0 {
			return obj("object", "list", "data", nil)
		}
		return obj("object", "list", "data", p.entries(ids))
	}
	return p
}

// anything takes all values.
func anything(*judge, string, *node) *APIError { return nil }

// inlineImage takes data URLs alone.
func inlineImage(j *judge, path string, n *node) *APIError {
	if strings.HasPrefix(n.str(), "http") {
		return refuse(path, "", "invalid image input")
	}
	return imageURL(j, path, n)
}

// ollamaError is OpenAI's envelope without a code, and a text at its own API.
func ollamaError(e *APIError, endpoint string) (int, *node) {
	if strings.Contains(endpoint, " /api/") {
		return e.Status, obj("error", e.Message)
	}
	kind := "api_error"
	switch {
	case e.Status == 404:
		kind = "not_found_error"
	case e.Status < 500:
		kind = "invalid_request_error"
	}
	return e.Status, obj("error", obj("message", e.Message, "type", kind, "param", nil, "code", nil))
}
