package providertest

import (
	"net/http"
	"slices"
	"strings"
)

// respond answers for a response.
func (x *exchange) respond(body []byte, have bool) answer {
	root, e := x.asked(body, have)
	if e != nil {
		return x.refuse(e)
	}
	model, e := x.checkResponse(root)
	if e != nil {
		return x.refuse(e)
	}
	t, e := x.newTurn(root.without(x.up.profile.responding.ignores...), body, model)
	if e != nil {
		return x.refuse(e)
	}
	return x.scripted(func() answer {
		kept := x.played(t)
		view := kept.view(x.up.profile.responding) // before others can see it change
		if t.kept {
			x.keep(t, kept)
		}
		if root.get("stream").is() {
			return x.eventsAnswer(kept.events)
		}
		return x.value(view)
	})
}

// checkResponse judges a request for a response, and returns the model's name for
// the reply.
func (x *exchange) checkResponse(root *node) (string, *APIError) {
	by := x.up.profile.responding
	lenient := &judge{lenient: x.up.lenient()}
	if e := x.up.schema.rule("CreateResponse")(lenient, "", root); e != nil {
		return "", e
	}
	for _, name := range by.less {
		if root.get(name).set() {
			return "", refuse(name, "unsupported_parameter", "Unsupported parameter: '%s' is not supported here.", name)
		}
	}
	for name, value := range by.never {
		if n := root.get(name); n.set() && string(n.compact()) == value {
			return "", refuse(name, "unsupported_value", "Unsupported value: '%s' cannot be %s here.", name, value)
		}
	}
	id := root.get("model").str()
	if id == "" {
		return "", refuse("model", "missing_required_parameter", "Missing required parameter: 'model'.")
	}
	model, ok := x.up.models.find(id)
	if !ok {
		e := noModel(id)
		e.Status, e.Param = http.StatusBadRequest, "model"
		return "", e
	}
	if e := checkResponseTogether(root); e != nil {
		return "", e
	}
	return model, checkResponseModel(root, model)
}

// checkResponseTogether judges members that need or exclude each other, and schemas.
func checkResponseTogether(root *node) *APIError {
	stored := !root.get("store").set() || root.get("store").is()
	format := root.get("text").get("format")
	switch {
	case root.get("previous_response_id").set() && root.get("conversation").set():
		return refuse("", "mutually_exclusive_parameters", "Only one of 'previous_response_id' and 'conversation' may be set.")
	case !root.get("input").set() && !root.get("prompt").set() && !root.get("previous_response_id").set() && !root.get("conversation").set():
		return refuse("input", "missing_required_parameter", "One of 'input', 'previous_response_id', 'prompt' and 'conversation' must be set.")
	case root.get("background").is() && !stored:
		return refuse("background", "", "A background response must be stored: 'store' cannot be false.")
	case root.get("stream_options").set() && !root.get("stream").is():
		return refuse("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case format.get("type").str() == "json_object" && !strings.Contains(strings.ToLower(string(root.get("input").compact())), "json"):
		return refuse("input", "", "The input must have the word 'json' for a 'text.format' of type 'json_object'.")
	}
	if format.get("strict").is() {
		if why := strictSchema(format.get("schema"), ""); why != "" {
			return refuse("text.format.schema", "invalid_json_schema", "Invalid schema for response_format '%s': %s.", format.get("name").str(), why)
		}
	}
	names := map[string]bool{}
	for _, tool := range root.get("tools").items() {
		own := tool.get("name").str()
		if own != "" && tool.get("type").str() != "mcp" && names[own] {
			return refuse("tools", "invalid_value", "The tool '%s' is there twice.", own)
		}
		names[own] = true
		if why := strictSchema(tool.get("parameters"), ""); tool.get("strict").is() && why != "" {
			return refuse("tools", "invalid_function_parameters", "Invalid schema for function '%s': %s.", own, why)
		}
	}
	choice := root.get("tool_choice")
	if t := choice.get("type").str(); (t == "function" || t == "custom") && !names[choice.get("name").str()] {
		return refuse("tool_choice", "", "The tool '%s' of 'tool_choice' is not in 'tools'.", choice.get("name").str())
	}
	return nil
}

// checkResponseModel judges what only some models take.
func checkResponseModel(root *node, model string) *APIError {
	if !reasons(model) {
		if strings.HasPrefix(model, "gpt-") && root.get("reasoning").get("effort").set() {
			return unsupported("reasoning.effort")
		}
		return nil
	}
	for _, name := range []string{"temperature", "top_p"} {
		if f, ok := root.get(name).float(); ok && f != 1 {
			return unsupported(name)
		}
	}
	return nil
}

// eventsAnswer is a stream of a response's events.
func (x *exchange) eventsAnswer(events []*node) answer {
	events = slices.Clone(events)
	if x.script.NoUsage {
		last := len(events) - 1
		events[last] = events[last].clone()
		response := events[last].get("response").clone()
		response.put("usage", nil)
		events[last].put("response", response)
	}
	a := streamAnswer(named(events))
	a.failing = func(e *APIError, n int) []event { return x.failed(events, e, n) }
	return a
}

// failed are the events of a failure in the place of event n: the error, and the
// response that has it.
func (x *exchange) failed(events []*node, e *APIError, n int) []event {
	by := x.up.profile.responding
	number := 0
	if n < len(events) {
		number, _ = asInt(events[n].get("sequence_number"))
	}
	response := events[0].get("response").clone()
	response.put("status", "failed")
	response.put("error", obj("code", orElseText(e.Code, "server_error"), "message", e.Message))
	return named([]*node{
		obj("type", "error", "sequence_number", number, "error", e.node()).laid(by.event),
		obj("type", "response.failed", "sequence_number", number+1, "response", response).laid(by.event),
	})
}

// asInt is a whole number as an int.
func asInt(n *node) (int, bool) {
	i, ok := n.integer()
	return int(i), ok
}

// orElseText is a text, or another for an empty one.
func orElseText(text, other string) string {
	if text == "" {
		return other
	}
	return text
}
