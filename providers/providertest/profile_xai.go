package providertest

import (
	"net/http"
	"strings"
)

// xaiProfile is xAI: its completion tokens are without the reasoning.
func xaiProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels, serveResponses, serveStored}),
		credential: []string{"Authorization"},
		lenient:    true,
		grammar: &grammar{
			lessKinds: map[string][]string{"role": {"function"}, "tool": {"custom"}, "call": {"custom"}},
			more: map[string]map[string]field{
				"request": {
					"reasoning_effort":  may(nullable(oneOf("none", "low", "medium", "high"))),
					"search_parameters": may(nullable(anyObject)),
					"deferred":          may(nullable(boolean)),
				},
				"assistant": {"reasoning_content": may(nullable(text))},
			},
		},
		senses:   []sense{checkTurns, checkTools, checkXAI},
		thinkers: []string{"grok-3-mini", "grok-4"},
		models:   same("grok-3", "grok-3-mini", "grok-4-0709", "grok-2-vision-1212"),
		model:    entry("xai"),
		voice: &voice{
			reply:   "id object created model choices usage system_fingerprint",
			choice:  "index message finish_reason",
			message: "role content reasoning_content tool_calls refusal",
			call:    "id function type",
			chunk:   "id object created model choices usage system_fingerprint",
			part:    "index delta finish_reason",
			delta:   "reasoning_content content tool_calls role",
			piece:   "id function index type",
			id:      func(a *ask) string { return uuid(a.id) },
			callID:  prefixed("call_", 8),
			usage:   xaiUsage, reasoning: "reasoning_content",
			lateRole: true, wholeCall: true, noNulls: true, drifting: true, wordless: wordlessEmpty,
		},
		responding: xaiResponding(),
		envelope:   xaiError,
		requestID:  "X-Request-Id",
		limits:     true,
	}
	p.list = func(ids []string) *node { return obj("data", p.entries(ids), "object", "list") }
	return p
}

// xaiUsage counts the completion without its reasoning, and the total with it.
func xaiUsage(c counts) *node {
	n := usageLaid(
		"prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details",
		"text_tokens audio_tokens image_tokens cached_tokens",
		"reasoning_tokens audio_tokens accepted_prediction_tokens rejected_prediction_tokens",
	)(c)
	n.put("completion_tokens", c.completion-c.reasoning)
	n.put("num_sources_used", 0)
	n.put("cost_in_usd_ticks", 2073250)
	return n
}

// checkXAI judges what models that reason do not take.
func checkXAI(x *exchange, root *node, model string) *APIError {
	if !x.up.profile.thinks(model) {
		if root.get("reasoning_effort").set() {
			return refuse("reasoning_effort", "", "Model %s does not take the argument reasoning_effort.", model)
		}
		return nil
	}
	for _, name := range []string{"stop", "presence_penalty", "frequency_penalty"} {
		if root.get(name).set() {
			return refuse(name, "", "Model %s does not take the argument %s.", model, name)
		}
	}
	if root.get("reasoning_effort").set() && strings.Contains(model, "grok-4") {
		return refuse("reasoning_effort", "", "Model %s does not take the argument reasoning_effort.", model)
	}
	return nil
}

// xaiError is a code in words, and a text.
func xaiError(e *APIError, _ string) (int, *node) {
	code := "The service had an error"
	switch e.Status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		code = "Client specified an invalid argument"
	case http.StatusUnauthorized:
		code = "unauthenticated:bad-credentials"
	case http.StatusForbidden:
		code = "The caller does not have permission to execute the specified operation"
	case http.StatusNotFound:
		code = "Some requested entity was not found"
	case http.StatusTooManyRequests:
		code = "Some resource has been exhausted"
	case http.StatusServiceUnavailable:
		code = "The service is currently unavailable"
	}
	return e.Status, obj("code", code, "error", e.Message)
}
