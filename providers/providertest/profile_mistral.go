package providertest

import (
	"math"
	"net/http"
	"strconv"
	"strings"
)

// mistralProfile is Mistral: strict as FastAPI is, and thinking is part of the
// content.
func mistralProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels, serveEmbeddings}),
		credential: []string{"Authorization"},
		grammar:    mistralGrammar(),
		roles:      true,
		senses:     []sense{checkTurns, checkTools, checkCallIDs},
		thinkers:   []string{"magistral"},
		models:     same("mistral-small-latest", "mistral-large-latest", "magistral-medium-2507", "mistral-embed"),
		model: func(id string) *node {
			return obj(
				"id", id, "object", "model", "created", modelsCreated, "owned_by", "mistralai",
				"capabilities", obj("completion_chat", true, "function_calling", true, "vision", false),
				"name", id, "max_context_length", 131072, "aliases", list(), "type", "base",
			)
		},
		voice: &voice{
			reply:   "id created model usage object choices",
			choice:  "index finish_reason message",
			message: "role tool_calls content",
			call:    "id function",
			chunk:   "id object created model choices usage",
			part:    "index delta finish_reason logprobs",
			delta:   "role content tool_calls",
			piece:   "id function",
			id:      func(a *ask) string { return strings.ReplaceAll(uuid(a.id), "-", "") },
			callID:  prefixed("", 9),
			usage: func(c counts) *node {
				return obj("prompt_tokens", c.prompt, "total_tokens", c.prompt+c.completion, "completion_tokens", c.completion)
			},
			usagePlace: alwaysLast,
			reasoning:  "content",
			callEnds:   true, lastText: true, wordless: wordlessAbsent,
			within: func(choice, says *node, m moment) {
				thought := len(m.said.reasoning) > 0
				if !m.stream && !says.has("tool_calls") && !thought {
					says.put("tool_calls", nil)
				}
				if m.stream && thought {
					*choice = *choice.without("logprobs")
				}
			},
		},
		embedding: &embedding{
			sizes: map[string]int{"mistral-embed": 1024},
			fields: map[string]field{
				"encoding_format":  may(nullable(oneOf("float", "base64"))),
				"output_dimension": may(nullable(integer(1, 3072))),
				"output_dtype":     may(oneOf("float")),
				"metadata":         may(nullable(anyObject)),
			},
			fixed:    set([]string{"mistral-embed"}),
			noTokens: true,
			reply:    "id object data model usage", entry: "object embedding index",
			usage: embeddingUsage("prompt_tokens total_tokens completion_tokens"),
		},
		envelope:  mistralError,
		requestID: "Mistral-Correlation-Id",
		limits:    true,
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}

// mistralGrammar is what Mistral takes and refuses.
func mistralGrammar() *grammar {
	thinking := object(map[string]field{
		"type": must(text), "thinking": must(array(0, math.MaxInt32, anyObject)), "closed": may(boolean), "signature": may(nullable(text)),
	})
	address := either(text, object(map[string]field{"url": must(imageURL), "detail": may(nullable(text))}))
	return &grammar{
		less: map[string][]string{
			"request": {
				"functions", "function_call", "max_completion_tokens", "logprobs", "top_logprobs", "logit_bias", "seed", "stream_options",
				"modalities", "audio", "verbosity", "service_tier", "store", "user", "safety_identifier",
				"prompt_cache_retention", "prompt_cache_options", "web_search_options", "moderation",
			},
			"message":   {"name"},
			"assistant": {"refusal", "annotations", "audio", "function_call"},
			"part":      {"prompt_cache_breakpoint"},
		},
		more: map[string]map[string]field{
			"request": {
				"random_seed": may(nullable(integer(0, math.MaxInt64))), "safe_prompt": may(boolean),
				"prompt_mode":      may(nullable(oneOf("reasoning"))),
				"guardrails":       may(nullable(array(0, 100, anyObject))),
				"reasoning_effort": may(nullable(oneOf("none", "high"))),
				"temperature":      may(nullable(decimal(0, 1.5))),
				"tool_choice": may(nullable(either(oneOf("none", "auto", "any", "required"), object(map[string]field{
					"type": may(oneOf("function")), "function": must(object(map[string]field{"name": must(name)})),
				})))),
			},
			"assistant": {"prefix": may(boolean)},
			"tool":      {"name": may(nullable(text))},
			"call":      {"type": may(text), "index": may(integer(0, 1000))},
		},
		lessKinds: map[string][]string{
			"role": {"developer", "function"}, "tool": {"custom"}, "call": {"custom"}, "assistant part": {"refusal"},
		},
		moreKinds: map[string]map[string]rule{
			"part": {
				"image_url":    object(map[string]field{"type": must(text), "image_url": must(address)}),
				"document_url": object(map[string]field{"type": must(text), "document_url": must(text), "document_name": may(nullable(text))}),
				"file":         object(map[string]field{"type": must(text), "file_id": must(text)}),
				"reference":    object(map[string]field{"type": must(text), "reference_ids": must(array(0, 1000, anything))}),
				"input_audio":  object(map[string]field{"type": must(text), "input_audio": must(text)}),
			},
			"assistant part": {"thinking": thinking},
		},
	}
}

// checkCallIDs judges that calls have ids of nine letters and digits.
func checkCallIDs(_ *exchange, root *node, _ string) *APIError {
	for _, m := range root.get("messages").items() {
		ids := []*node{m.get("tool_call_id")}
		for _, c := range m.get("tool_calls").items() {
			ids = append(ids, c.get("id"))
		}
		for _, id := range ids {
			good := func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
			if id != nil && (len(id.str()) != 9 || strings.TrimFunc(id.str(), good) != "") {
				return &APIError{
					Status: http.StatusBadRequest, Type: "invalid_function_call", Code: "3280",
					Message: "The id of a tool call must be nine letters or digits, and this one is '" + id.str() + "'.",
				}
			}
		}
	}
	return nil
}

// mistralError is FastAPI's for requests of a wrong form, and its own for others.
func mistralError(e *APIError, _ string) (int, *node) {
	kind := map[string]string{
		"unknown_parameter": "extra_forbidden", "missing_required_parameter": "missing", "invalid_type": "type_error",
		"invalid_value": "literal_error",
	}[e.Code]
	switch {
	case e.Status == http.StatusUnauthorized:
		return e.Status, obj("detail", "Unauthorized")
	case e.Status == http.StatusNotFound && e.Code == "unknown_url":
		return e.Status, obj("message", "no Route matched with those values", "request_id", "0123456789abcdef")
	case e.Code == "model_not_found":
		return http.StatusBadRequest, obj(
			"object", "error", "message", e.Message, "type", "invalid_model", "param", nil, "code", "1500",
		)
	case e.Status == http.StatusBadRequest && e.Param != "" && e.Code != "":
		if kind == "" {
			kind = "value_error"
		}
		where := list(valueOf("body"))
		for _, step := range strings.FieldsFunc(e.Param, func(r rune) bool { return strings.ContainsRune(".[]", r) }) {
			if i, err := strconv.Atoi(step); err == nil {
				where.elems = append(where.elems, valueOf(i))
				continue
			}
			where.elems = append(where.elems, valueOf(step))
		}
		detail := obj("type", kind, "loc", where, "msg", e.Message, "input", nil)
		return http.StatusUnprocessableEntity, obj(
			"object", "error", "message", obj("detail", list(detail)), "type", "invalid_request_error", "param", nil, "code", nil,
		)
	default:
		return e.Status, obj("object", "error", "message", e.Message, "type", e.Type, "param", orNull(e.Param), "code", orNull(e.Code))
	}
}
