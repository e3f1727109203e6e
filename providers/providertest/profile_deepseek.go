package providertest

import "fmt"

// deepSeekProfile is DeepSeek: deltas with both texts, one of them null.
func deepSeekProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels}),
		credential: []string{"Authorization"},
		lenient:    true,
		grammar: &grammar{
			lessKinds: map[string][]string{
				"role": {"developer", "function"}, "tool": {"custom"}, "call": {"custom"}, "format": {"json_schema"},
				"part": {"image_url", "input_audio", "file"},
			},
			more: map[string]map[string]field{
				"request": {
					"thinking": may(nullable(tagged("type", map[string]rule{
						"enabled": anyObject, "disabled": anyObject,
					}))),
				},
				"assistant": {"reasoning_content": may(nullable(text)), "prefix": may(boolean)},
			},
		},
		senses:   []sense{checkTurns, checkTools, checkTogether, checkThought},
		thinkers: []string{"reasoner"},
		thinking: func(root *node) (bool, bool) {
			t := root.get("thinking").get("type").str()
			return t == "disabled", t == "enabled"
		},
		ignores: []string{"n", "max_completion_tokens", "seed"},
		models:  same("deepseek-chat", "deepseek-reasoner"),
		model: func(id string) *node {
			return obj("id", id, "object", "model", "owned_by", "deepseek")
		},
		voice: &voice{
			reply:   "id object created model choices usage system_fingerprint",
			choice:  "index message logprobs finish_reason",
			message: "role content reasoning_content tool_calls",
			call:    "index id type function",
			chunk:   "id object created model system_fingerprint choices usage",
			part:    "index delta logprobs finish_reason",
			delta:   "role content reasoning_content tool_calls",
			piece:   "index id type function",
			id:      func(a *ask) string { return uuid(a.id) },
			callID:  prefixed("call_00_", 24),
			usage:   deepSeekUsage, usagePlace: lastChunk, nullUsage: true,
			reasoning: "reasoning_content",
			lastText:  true, bothTexts: true, wordless: wordlessEmpty,
			comments: ": keep-alive\n\n",
		},
		envelope:  deepSeekError,
		requestID: "X-Ds-Trace-Id",
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}

// deepSeekUsage counts hits of the cache beside what OpenAI counts.
func deepSeekUsage(c counts) *node {
	layout := "prompt_tokens completion_tokens total_tokens prompt_tokens_details"
	if c.reasoning > 0 {
		layout += " completion_tokens_details"
	}
	return usageLaid(layout+" prompt_cache_hit_tokens prompt_cache_miss_tokens", "cached_tokens", "reasoning_tokens")(c)
}

// checkThought judges that calls of tools come back with what was thought before
// them, as long as their turn lasts.
func checkThought(x *exchange, root *node, model string) *APIError {
	_, thinks := x.up.profile.thinking(root)
	if !x.up.profile.thinks(model) && !thinks {
		return nil
	}
	messages := root.get("messages").items()
	turn := 0
	for i, m := range messages {
		if m.get("role").str() == "user" {
			turn = i
		}
	}
	for i, m := range messages[turn:] {
		if len(m.get("tool_calls").items()) > 0 && m.get("reasoning_content").str() == "" {
			return refuse(fmt.Sprintf("messages[%d]", turn+i), "invalid_request_error",
				"The message %d calls tools and lacks its reasoning_content.", turn+i)
		}
	}
	return nil
}

// deepSeekError is OpenAI's envelope, with a code that repeats the type.
func deepSeekError(e *APIError, _ string) (int, *node) {
	n := e.node()
	switch e.Status {
	case 401:
		n.put("type", "authentication_error")
		n.put("code", "invalid_request_error")
	case 400:
		n.put("code", "invalid_request_error")
		n.put("param", nil)
	}
	return e.Status, obj("error", n)
}
