package providertest

// openRouterProfile is OpenRouter: lenient, with comments while it waits, and
// errors that come with status 200.
func openRouterProfile() *profile {
	p := &profile{
		base:       "/api/v1",
		serves:     set([]string{serveChat, serveModels, serveEmbeddings, serveResponses}),
		credential: []string{"Authorization"},
		headers:    []string{"Http-Referer", "X-Title"},
		lenient:    true,
		grammar: &grammar{
			more: map[string]map[string]field{
				"request": {
					"reasoning": may(nullable(object(map[string]field{
						"effort": may(nullable(text)), "max_tokens": may(nullable(integer(0, 1<<31))),
						"exclude": may(boolean), "enabled": may(boolean),
					}))),
					"models": may(array(0, 100, text)), "route": may(nullable(text)), "provider": may(nullable(anyObject)),
					"plugins": may(array(0, 100, anyObject)), "transforms": may(array(0, 100, text)),
					"usage": may(object(map[string]field{"include": may(boolean)})),
				},
				"assistant": {"reasoning": may(nullable(text)), "reasoning_details": may(array(0, 1000, anyObject))},
			},
		},
		thinking: func(root *node) (bool, bool) {
			r := root.get("reasoning")
			on := r.get("effort").str() != "" && r.get("effort").str() != "none" || r.get("max_tokens").set() || r.get("enabled").is()
			return r.get("exclude").is(), on || root.get("reasoning_effort").str() != ""
		},
		thinkers: []string{"deepseek-r1", "o3", ":thinking"},
		models:   same("openai/gpt-4o-mini", "anthropic/claude-sonnet-4.5", "deepseek/deepseek-r1", "openrouter/auto", "openai/text-embedding-3-small"),
		model: func(id string) *node {
			return obj(
				"id", id, "canonical_slug", id, "name", id, "created", modelsCreated, "context_length", 128000,
				"architecture", obj("modality", "text->text", "tokenizer", "Other"),
				"pricing", obj("prompt", "0.00000015", "completion", "0.0000006"),
			)
		},
		voice: openRouterVoice(),
		embedding: &embedding{
			sizes:    map[string]int{"openai/text-embedding-3-small": 1536},
			fields:   openAIEmbedding().fields,
			noTokens: true, empty: true,
			reply: "object data model usage id provider", entry: "object index embedding",
			usage: embeddingUsage("prompt_tokens total_tokens cost"),
		},
		responding: openRouterResponding(),
		envelope:   openRouterError,
		requestID:  "X-Generation-Id",
	}
	p.list = func(ids []string) *node { return obj("data", p.entries(ids)) }
	return p
}

// openRouterResponding is that of a server that keeps nothing, and says so.
func openRouterResponding() *responding {
	by := statelessResponding("previous_response_id", "conversation", "background")
	by.never = map[string]string{"store": "true"}
	return by
}

// openRouterVoice is how OpenRouter spells completions.
func openRouterVoice() *voice {
	return &voice{
		reply:   "id provider model object created choices system_fingerprint usage",
		choice:  "logprobs finish_reason native_finish_reason index message",
		message: "role content refusal reasoning reasoning_details tool_calls",
		call:    "index id type function",
		chunk:   "id provider model object created choices system_fingerprint usage",
		part:    "index delta finish_reason native_finish_reason logprobs",
		delta:   "role content reasoning reasoning_details tool_calls",
		piece:   "index id type function",
		id:      func(a *ask) string { return "gen-1769092764-" + a.id[:20] },
		callID:  prefixed("call_", 24),
		usage: func(c counts) *node {
			n := usageLaid(
				"prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details", "cached_tokens audio_tokens", "reasoning_tokens",
			)(c)
			n.put("cost", 0.00014)
			n.put("is_byok", false)
			n.put("cost_details", obj("upstream_inference_cost", nil))
			return n
		},
		reasoning: "reasoning", lateRole: true, everyRole: true, everyText: true,
		comments: ": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
		more:     func(n *node, _ moment) { n.put("provider", "OpenAI") },
		within: func(choice, says *node, m moment) {
			choice.put("native_finish_reason", choice.get("finish_reason"))
			if text := says.get("reasoning"); text != nil {
				says.put("reasoning_details", list(obj("type", "reasoning.text", "text", text, "format", "unknown", "index", 0)))
			}
			if !m.stream && len(m.said.reasoning) == 0 {
				says.put("reasoning", nil)
			}
		},
		failing: func(e *APIError, first *node) [][]byte {
			c := first.clone()
			_, body := openRouterError(e, "")
			c.put("error", body.get("error"))
			c.put("choices", list(obj(
				"index", 0, "delta", obj("role", "assistant", "content", ""), "finish_reason", "error", "native_finish_reason", "error",
			)))
			return [][]byte{c.compact(), []byte(done)}
		},
	}
}

// openRouterError has the status as its code.
func openRouterError(e *APIError, _ string) (int, *node) {
	n := obj("message", e.Message, "code", e.Status)
	if e.Status >= 500 || e.Status == 429 {
		n.put("metadata", obj("raw", e.Message, "provider_name", "OpenAI"))
	}
	return e.Status, obj("error", n, "user_id", "user_providertest")
}
