package providertest

// groqProfile is Groq: strict, with timings in its usage.
func groqProfile() *profile {
	p := &profile{
		base:       "/openai/v1",
		serves:     set([]string{serveChat, serveModels, serveResponses}),
		credential: []string{"Authorization"},
		grammar:    groqGrammar(),
		senses:     []sense{checkTurns, checkTools, checkTogether, checkGroq},
		thinkers:   []string{"qwen3", "gpt-oss", "deepseek-r1"},
		thinking: func(root *node) (bool, bool) {
			shown := root.get("include_reasoning")
			return root.get("reasoning_format").str() == "hidden" || shown.set() && !shown.is() ||
				root.get("reasoning_effort").str() == "none", false
		},
		models: same("llama-3.3-70b-versatile", "llama-3.1-8b-instant", "qwen/qwen3-32b", "openai/gpt-oss-120b"),
		model: func(id string) *node {
			return obj(
				"id", id, "object", "model", "created", modelsCreated, "owned_by", "Meta", "active", true,
				"context_window", 131072, "public_apps", nil, "max_completion_tokens", 32768,
			)
		},
		voice:      groqVoice(),
		responding: groqResponding(),
		envelope:   groqError,
		requestID:  "X-Request-Id",
		limits:     true,
		header:     map[string]string{"X-Groq-Region": "fra"},
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}

// groqGrammar is what Groq takes and refuses.
func groqGrammar() *grammar {
	return &grammar{
		less: map[string][]string{
			"request": {
				"logprobs", "top_logprobs", "logit_bias", "modalities", "audio", "prediction", "verbosity", "safety_identifier",
				"prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "web_search_options", "moderation",
			},
			"message":        {"name"},
			"part":           {"prompt_cache_breakpoint"},
			"stream_options": {"include_obfuscation"},
		},
		more: map[string]map[string]field{
			"request": {
				"n":                 may(nullable(integer(1, 1))),
				"reasoning_format":  may(nullable(oneOf("hidden", "raw", "parsed"))),
				"include_reasoning": may(nullable(boolean)),
				"reasoning_effort":  may(nullable(oneOf("none", "default", "low", "medium", "high"))),
				"service_tier":      may(nullable(oneOf("auto", "on_demand", "flex", "performance"))),
				"search_settings":   may(nullable(anyObject)),
				"compound_custom":   may(nullable(anyObject)),
				"documents":         may(nullable(array(0, 100, anyObject))),
				"citation_options":  may(nullable(oneOf("enabled", "disabled"))),
				"exclude_domains":   may(nullable(array(0, 100, text))), "include_domains": may(nullable(array(0, 100, text))),
				"disable_tool_validation": may(nullable(boolean)),
			},
			"assistant": {"reasoning": may(nullable(text))},
		},
		lessKinds: map[string][]string{"tool": {"custom"}, "call": {"custom"}, "part": {"input_audio", "file"}},
		moreKinds: map[string]map[string]rule{
			"part": {"document": object(map[string]field{"type": must(text), "document": must(anyObject)})},
		},
	}
}

// groqResponding is that of a server that keeps nothing, and says so.
func groqResponding() *responding {
	by := statelessResponding(
		"previous_response_id", "conversation", "background", "prompt", "include", "truncation", "safety_identifier", "prompt_cache_key",
	)
	by.never = map[string]string{"store": "true"}
	return by
}

// checkGroq judges what Groq takes together.
func checkGroq(_ *exchange, root *node, _ string) *APIError {
	if root.get("reasoning_format").set() && root.get("include_reasoning").set() {
		return refuse("reasoning_format", "", "Only one of 'reasoning_format' and 'include_reasoning' may be set.")
	}
	return nil
}

// groqError is OpenAI's envelope without the members that are not set.
func groqError(e *APIError, _ string) (int, *node) {
	layout := "message type"
	if e.Param != "" {
		layout += " param"
	}
	if e.Code != "" {
		layout += " code"
	}
	n := e.node().laid(layout)
	if e.Code == "tool_use_failed" {
		n.put("failed_generation", "<function=f>{</function>")
	}
	return e.Status, obj("error", n)
}

// groqVoice is how Groq spells completions.
func groqVoice() *voice {
	return &voice{
		reply:   "id object created model choices usage usage_breakdown system_fingerprint x_groq service_tier",
		choice:  "index message logprobs finish_reason",
		message: "role content reasoning tool_calls function_call",
		call:    "id type function",
		chunk:   "id object created model system_fingerprint choices x_groq usage",
		part:    "index delta logprobs finish_reason",
		delta:   "role content reasoning tool_calls function_call",
		piece:   "id type function index",
		id:      func(a *ask) string { return "chatcmpl-" + uuid(a.id) },
		callID:  prefixed("", 9),
		usage: func(c counts) *node {
			n := obj(
				"queue_time", 0.089910694, "prompt_tokens", c.prompt, "prompt_time", 0.001689387,
				"completion_tokens", c.completion, "completion_time", 0.030590271,
				"total_tokens", c.prompt+c.completion, "total_time", 0.032279658,
			)
			if c.reasoning > 0 {
				n.put("completion_tokens_details", obj("reasoning_tokens", c.reasoning))
			}
			return n
		},
		usagePlace: alwaysLast,
		reasoning:  "reasoning",
		wholeCall:  true,
		wordless:   wordlessAbsent,
		more: func(n *node, m moment) {
			n.put("usage_breakdown", nil)
			n.put("service_tier", "on_demand")
			x := obj("id", "req_01"+m.a.id[:24])
			switch {
			case !m.stream || m.first:
				x.put("seed", 874043000)
			case m.last:
				if m.usage != nil {
					x.put("usage", m.usage)
				}
			default:
				return
			}
			n.put("x_groq", x)
		},
		failing: func(e *APIError, first *node) [][]byte {
			c := first.clone()
			c.put("choices", list())
			c.put("x_groq", obj("id", first.get("x_groq").get("id"), "error", e.Message))
			_, body := groqError(e, "")
			return [][]byte{c.compact(), body.compact()}
		},
	}
}
