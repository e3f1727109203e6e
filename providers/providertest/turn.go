package providertest

import (
	"strings"
)

// turn is a request for a response with all that it continues.
type turn struct {
	root  *node
	model string
	seed  string
	id    string
	// context is what went before; input is what this request adds, with ids.
	context, input []*node
	// conversation is the one that it belongs to. Empty: none.
	conversation string
	// kept says that the response is stored.
	kept, background bool
}

// newTurn reads a checked request.
func (x *exchange) newTurn(root *node, body []byte, model string) (*turn, *APIError) {
	by := x.up.profile.responding
	t := &turn{root: root, model: model}
	t.kept = by.keeps && (!root.get("store").set() || root.get("store").is())
	t.background = root.get("background").is()
	t.seed = x.up.store.seed(x.rec.Credential, body, t.kept)
	if t.id = "resp_" + (t.seed + digest(t.seed))[:50]; !by.prefixed {
		t.id = uuid(t.seed)
	}
	var e *APIError
	if t.context, e = x.before(t); e != nil {
		return nil, e
	}
	if t.input, e = x.resolved(itemsOf(root.get("input"), t.seed)); e != nil {
		return nil, e
	}
	return t, checkOutputs(append(t.context[:len(t.context):len(t.context)], t.input...))
}

// before returns what a turn continues.
func (x *exchange) before(t *turn) ([]*node, *APIError) {
	var out []*node
	var failed *APIError
	previous := t.root.get("previous_response_id").str()
	if t.conversation = t.root.get("conversation").str(); t.conversation == "" {
		t.conversation = t.root.get("conversation").get("id").str()
	}
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		if t.conversation != "" {
			c := s.conversations[t.conversation]
			if c == nil {
				failed = noConversation(t.conversation)
				return
			}
			out = c.items
			return
		}
		out, failed = x.chain(s, previous)
	})
	return out, failed
}

// chain are all items of a response and of those that it continued. Empty: none.
func (x *exchange) chain(s *shelf, id string) ([]*node, *APIError) {
	if id == "" {
		return nil, nil
	}
	if e := x.checkID("previous_response_id", id); e != nil {
		return nil, e
	}
	r := s.responses[id]
	if r == nil {
		return nil, refuse("previous_response_id", "previous_response_not_found", "There is no previous response with the id '%s'.", id)
	}
	out := append(r.context[:len(r.context):len(r.context)], r.input...)
	return append(out, r.final.get("output").items()...), nil
}

// checkID judges the form of a response's id.
func (x *exchange) checkID(param, id string) *APIError {
	if x.up.profile.responding.prefixed && !strings.HasPrefix(id, "resp_") {
		return refuse(param, "invalid_value", "Invalid '%s': '%s'. An id that begins with 'resp' is expected.", param, id)
	}
	return nil
}

// ask is the turn as a request for a completion, which is what decides what is said.
func (t *turn) ask() *ask {
	messages := list()
	for _, item := range append(t.context[:len(t.context):len(t.context)], t.input...) {
		if m := messageOf(item); m != nil {
			messages.elems = append(messages.elems, m)
		}
	}
	root := obj("model", t.root.get("model"), "messages", messages)
	for from, to := range map[string]string{
		"max_output_tokens": "max_tokens", "top_logprobs": "top_logprobs", "parallel_tool_calls": "parallel_tool_calls", "stream": "stream",
		"stream_options": "stream_options",
	} {
		if v := t.root.get(from); v.set() {
			root.put(to, v)
		}
	}
	for _, include := range t.root.get("include").items() {
		if include.str() == "message.output_text.logprobs" {
			root.put("logprobs", true)
		}
	}
	root.put("tools", chatTools(t.root.get("tools").items()))
	root.put("tool_choice", chatChoice(t.root.get("tool_choice")))
	if format := t.root.get("text").get("format"); format.get("type").str() == "json_schema" {
		root.put("response_format", obj("type", "json_schema", "json_schema", obj("schema", format.get("schema"))))
	} else {
		root.put("response_format", format)
	}
	a := newAsk(root, nil, t.model)
	a.id = t.seed
	a.prompt += len(tokens(t.root.get("instructions").str()))
	return a
}

// messageOf is an item as a message. Nil: it is none.
func messageOf(item *node) *node {
	switch item.get("type").str() {
	case "message":
		var text strings.Builder
		for _, part := range item.get("content").items() {
			text.WriteString(part.get("text").str())
		}
		return obj("role", item.get("role"), "content", text.String())
	case "function_call_output", "custom_tool_call_output":
		return obj("role", "tool", "content", item.get("output"))
	default:
		return nil
	}
}

// chatTools are the tools that can be called, as completions have them.
func chatTools(tools []*node) *node {
	out := list()
	for _, t := range tools {
		switch t.get("type").str() {
		case "function":
			out.elems = append(out.elems, obj("type", "function", "function", t.without("type")))
		case "custom":
			out.elems = append(out.elems, obj("type", "custom", "custom", t.without("type")))
		}
	}
	return out
}

// chatChoice is which tools are called, as completions have it.
func chatChoice(choice *node) *node {
	switch choice.get("type").str() {
	case "function", "custom":
		typ := choice.get("type").str()
		return obj("type", typ, typ, obj("name", choice.get("name")))
	case "allowed_tools":
		tools := chatTools(choice.get("tools").items())
		return obj("type", "allowed_tools", "allowed_tools", obj("mode", choice.get("mode"), "tools", tools))
	case "":
		return choice
	default: // a hosted one
		return nil
	}
}
