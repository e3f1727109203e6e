package providertest

import "net/http"

// vllmProfile is vLLM: lenient, and its errors have a number for a code.
func vllmProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels, serveEmbeddings, serveResponses, serveStored, serveCancel}),
		credential: []string{"Authorization"},
		keyless:    true,
		lenient:    true,
		grammar: &grammar{
			more: map[string]map[string]field{
				"request": {
					"logit_bias":           may(nullable(anyObject)),
					"top_k":                may(nullable(integer(-1, 1<<31))),
					"include_reasoning":    may(boolean),
					"chat_template_kwargs": may(nullable(anyObject)),
				},
				"stream_options": {"continuous_usage_stats": may(nullable(boolean))},
			},
		},
		thinking: func(root *node) (bool, bool) {
			shown := root.get("include_reasoning")
			return shown.set() && !shown.is() || root.get("reasoning_effort").str() == "none", false
		},
		thinkers: []string{"Qwen3", "gpt-oss", "DeepSeek-R1"},
		models:   same("meta-llama/Llama-3.1-8B-Instruct", "Qwen/Qwen3-8B", "intfloat/e5-mistral-7b-instruct"),
		model: func(id string) *node {
			return obj(
				"id", id, "object", "model", "created", modelsCreated, "owned_by", "vllm", "root", id, "parent", nil,
				"max_model_len", 40960, "permission", list(obj("id", "modelperm-"+digest(id), "object", "model_permission")),
			)
		},
		voice: &voice{
			reply:   "id object created model choices service_tier system_fingerprint usage prompt_logprobs prompt_token_ids kv_transfer_params",
			choice:  "index message logprobs finish_reason stop_reason token_ids",
			message: "role content refusal annotations audio function_call tool_calls reasoning",
			call:    "id type function",
			chunk:   "id object created model choices usage",
			part:    "index delta logprobs finish_reason stop_reason token_ids",
			delta:   "role content reasoning tool_calls",
			piece:   "id type index function",
			id:      func(a *ask) string { return "chatcmpl-" + a.id[:26] },
			callID:  prefixed("chatcmpl-tool-", 24),
			usage: func(c counts) *node {
				return obj(
					"prompt_tokens", c.prompt, "total_tokens", c.prompt+c.completion, "completion_tokens", c.completion,
					"prompt_tokens_details", nil,
				)
			},
			reasoning: "reasoning", lastText: true,
			more: func(n *node, _ moment) {
				for _, name := range []string{"service_tier", "system_fingerprint", "prompt_logprobs", "prompt_token_ids", "kv_transfer_params"} {
					n.put(name, nil)
				}
			},
			within: vllmWithin,
			failing: func(e *APIError, _ *node) [][]byte {
				_, body := vllmError(e, "")
				return [][]byte{body.compact(), []byte(done)}
			},
		},
		embedding: &embedding{
			sizes:  map[string]int{"intfloat/e5-mistral-7b-instruct": 4096},
			fixed:  set([]string{"intfloat/e5-mistral-7b-instruct"}),
			fields: openAIEmbedding().fields,
			empty:  true,
			reply:  "id object created model data usage", entry: "index object embedding",
			usage: embeddingUsage("prompt_tokens total_tokens completion_tokens prompt_tokens_details"),
		},
		responding: vllmResponding(),
		envelope:   vllmError,
		requestID:  "X-Request-Id",
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}

// vllmResponding is that of a server with few members, which keeps responses.
func vllmResponding() *responding {
	by := statelessResponding("conversation", "prompt", "context_management", "moderation")
	by.keeps, by.more = true, nil
	return by
}

// vllmWithin adds the nulls and the empty list that vLLM writes.
func vllmWithin(choice, says *node, m moment) {
	if !m.stream || m.last {
		choice.put("stop_reason", nil)
	}
	choice.put("token_ids", nil)
	if m.stream {
		return
	}
	for _, name := range []string{"annotations", "audio", "function_call"} {
		if !says.get(name).set() || name == "annotations" {
			says.put(name, nil)
		}
	}
	if !says.has("tool_calls") {
		says.put("tool_calls", list())
	}
	if !says.has("reasoning") {
		says.put("reasoning", nil)
	}
}

// vllmError is OpenAI's envelope with names of HTTP's and numbers, and Starlette's
// for paths that are not there.
func vllmError(e *APIError, _ string) (int, *node) {
	kind := "InternalServerError"
	switch {
	case e.Status == http.StatusUnauthorized:
		return e.Status, obj("error", "Unauthorized")
	case e.Code == "unknown_url":
		return e.Status, obj("detail", "Not Found")
	case e.Status == http.StatusNotFound:
		kind = "NotFoundError"
	case e.Status == http.StatusTooManyRequests:
		kind = "RateLimitError"
	case e.Status < 500:
		kind = "BadRequestError"
	}
	return e.Status, obj("error", obj("message", e.Message, "type", kind, "param", orNull(e.Param), "code", e.Status))
}
