package providertest

import "strings"

// toolCall is a call of a tool.
type toolCall struct {
	id string
	// typ is "function" or "custom".
	typ string
	// name is the tool's; arguments are the text that it is called with.
	name, arguments string
}

// node is a call with all members.
func (c toolCall) node(k int) *node {
	n := obj("index", k, "id", c.id, "type", c.typ)
	if c.typ == "custom" {
		n.put("custom", obj("name", c.name, "input", c.arguments))
	} else {
		n.put("function", obj("name", c.name, "arguments", c.arguments))
	}
	return n
}

// reply spells the choices as a completion.
func (x *exchange) reply(a *ask, said []spoken) *node {
	v := x.up.profile.voice
	c := obj(
		"id", v.id(a), "object", "chat.completion", "created", modelsCreated, "model", a.model, "choices", list(),
		"service_tier", "default", "system_fingerprint", fingerprint(a.model),
	)
	m := moment{a: a, first: true, last: true}
	if !x.script.NoUsage {
		m.usage = v.usage(counted(a, said))
		c.put("usage", m.usage)
	}
	choices := list()
	for i := range said {
		m.said = &said[i]
		choices.elems = append(choices.elems, x.choice(i, m))
	}
	c.put("choices", choices)
	m.said = nil
	return v.laid(c, v.reply, m)
}

// choice spells one choice.
func (x *exchange) choice(i int, m moment) *node {
	v, s := x.up.profile.voice, m.said
	says := obj("role", "assistant", "content", nil, "refusal", nil, "annotations", list())
	text := strings.Join(s.pieces, "")
	switch {
	case s.refusal:
		says.put("refusal", text)
	case len(s.calls) > 0:
		says.put("tool_calls", v.calls(s.calls))
	case s.legacy != nil:
		says.put("function_call", obj("name", s.legacy.name, "arguments", s.legacy.arguments))
	case wantsAudio(m.a):
		says.put("audio", spokenAudio(m.a, text))
	default:
		says.put("content", text)
	}
	if len(s.calls) > 0 {
		v.wordless.apply(says)
	}
	v.think(says, strings.Join(s.reasoning, ""), true)
	choice := obj("index", i, "logprobs", logprobsOf(m.a, s.refusal, s.pieces), "finish_reason", s.finish)
	if x.script.NoFinish || x.script.NoFinishButDone {
		choice.put("finish_reason", nil)
	}
	if reasons(m.a.model) {
		choice = choice.without("logprobs")
	}
	return v.choose(choice, says, m)
}

// apply gives a message with calls its content.
func (w wordless) apply(says *node) {
	switch w {
	case wordlessEmpty:
		says.put("content", "")
	case wordlessAbsent:
		*says = *says.without("content")
	case wordlessNull:
	}
}

// think puts reasoning into a message or a delta. whole says that it is a message,
// whose content stands already.
func (v *voice) think(says *node, text string, whole bool) {
	switch {
	case text == "" || v.reasoning == "":
	case v.reasoning != "content":
		says.put(v.reasoning, text)
	default:
		parts := list(obj("type", "thinking", "thinking", list(obj("type", "text", "text", text))))
		if whole && says.get("content").str() != "" {
			parts.elems = append(parts.elems, obj("type", "text", "text", says.get("content")))
		}
		says.put("content", parts)
	}
}

// counted counts a reply's tokens.
func counted(a *ask, said []spoken) counts {
	c := counts{prompt: a.prompt}
	for _, s := range said {
		c.completion += len(s.pieces)
		calls := s.calls
		if s.legacy != nil {
			calls = []toolCall{*s.legacy}
		}
		for _, call := range calls {
			c.completion += 5 + len(tokens(call.arguments))
		}
		c.reasoning += len(s.reasoning)
	}
	if reasons(a.model) {
		c.reasoning += 64 // it thinks, and does not show it
	}
	c.completion += c.reasoning
	if wantsAudio(a) {
		c.audio = c.completion
	}
	return c
}

// fingerprint names the model's build.
func fingerprint(model string) string { return "fp_" + digest(model)[:10] }
