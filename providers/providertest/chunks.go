package providertest

import "encoding/base64"

// streamer spells choices as chunks.
type streamer struct {
	x     *exchange
	a     *ask
	v     *voice
	usage *node
	// opened are the choices that have their role.
	opened map[int]bool
	out    []*node
}

// events returns the data of all chunks of a stream, without [DONE].
func (x *exchange) events(a *ask, said []spoken) []*node {
	s := &streamer{x: x, a: a, v: x.up.profile.voice, opened: map[int]bool{}}
	if !x.script.NoUsage {
		s.usage = s.v.usage(counted(a, said))
	}
	if s.v.leading != nil {
		s.out = append(s.out, s.v.leading())
	}
	for i := range said {
		s.open(i, &said[i])
	}
	s.turns(said, func(c *spoken) []string { return c.reasoning }, s.reason)
	s.turns(said, func(c *spoken) []string { return c.pieces }, s.piece)
	for i := range said {
		s.calls(i, &said[i])
	}
	if x.script.NoFinish {
		return s.out
	}
	for i := range said {
		s.finish(i, &said[i], i == len(said)-1)
	}
	if s.v.usagePlace == ownChunk && a.usage && s.usage != nil {
		s.chunk(nil, moment{usage: s.usage, last: true})
	}
	return s.out
}

// turns has choices say their pieces in turns.
func (s *streamer) turns(said []spoken, of func(*spoken) []string, say func(int, *spoken, string)) {
	for at, more := 0, true; more; at++ {
		more = false
		for i := range said {
			if pieces := of(&said[i]); at < len(pieces) {
				say(i, &said[i], pieces[at])
				more = true
			}
		}
	}
}

// open writes the first chunk of a choice, which has the role.
func (s *streamer) open(i int, c *spoken) {
	if s.v.lateRole || s.v.reasoning == "content" && len(c.reasoning) > 0 {
		return
	}
	d := obj("content", "", "refusal", nil)
	switch {
	case c.refusal:
		d = obj("content", nil, "refusal", "")
	case c.legacy != nil:
		d = obj("content", nil, "refusal", nil, "function_call", obj("name", c.legacy.name, "arguments", ""))
	case len(c.calls) > 0 && s.v.wordless != wordlessEmpty && !s.v.callEnds:
		d = obj("content", nil, "refusal", nil)
		if s.early(c) {
			d.put("tool_calls", list(s.opening(0, c.calls[0])))
		}
	case wantsAudio(s.a):
		d = obj("refusal", nil, "audio", obj("id", spokenAudio(s.a, "").get("id")))
	}
	if s.v.bothTexts && len(c.reasoning) > 0 {
		d.put("content", nil)
		d.put("reasoning_content", "")
	}
	s.say(i, c, d, s.logprobs(c), moment{first: true})
}

// reason writes a token of the reasoning.
func (s *streamer) reason(i int, c *spoken, text string) {
	d := obj()
	if s.v.bothTexts {
		d.put("content", nil)
	}
	s.v.think(d, text, false)
	s.say(i, c, d, nil, moment{})
}

// piece writes a token.
func (s *streamer) piece(i int, c *spoken, text string) {
	d := obj("content", text)
	switch {
	case c.refusal:
		d = obj("refusal", text)
	case wantsAudio(s.a):
		d = obj("audio", obj("data", base64.StdEncoding.EncodeToString([]byte(text)), "transcript", text))
	case s.v.reasoning == "content" && len(c.reasoning) > 0:
		d = obj("content", list(obj("type", "text", "text", text)))
	case s.v.bothTexts && len(c.reasoning) > 0:
		d.put("reasoning_content", nil)
	}
	s.say(i, c, d, s.logprobs(c, text), moment{})
}

// calls writes the arguments of a choice's calls. Several calls begin with a chunk
// of their own, and so does one that the choice did not open with.
func (s *streamer) calls(i int, c *spoken) {
	if c.legacy != nil {
		for _, p := range pieces(c.legacy.arguments, 6) {
			s.say(i, c, obj("function_call", obj("arguments", p)), nil, moment{})
		}
	}
	if s.v.callEnds { // all of them come with the finish reason
		return
	}
	for k, call := range c.calls {
		if s.v.wholeCall {
			s.say(i, c, obj("tool_calls", list(call.node(k).laid(s.v.piece))), nil, moment{})
			continue
		}
		if !s.early(c) || s.v.wordless == wordlessEmpty || s.v.lateRole {
			s.say(i, c, obj("tool_calls", list(s.opening(k, call))), nil, moment{})
		}
		for _, p := range pieces(call.arguments, 6) {
			t := obj("index", k, "function", obj("arguments", p))
			if call.typ == "custom" {
				t = obj("index", k, "custom", obj("input", p))
			}
			s.say(i, c, obj("tool_calls", list(t)), nil, moment{})
		}
	}
}

// early says that a choice opens with its call: it is one, and nothing is thought before.
func (s *streamer) early(c *spoken) bool {
	return len(c.calls) == 1 && len(c.reasoning) == 0 && !s.v.wholeCall
}

// opening is the first piece of a call: all but its arguments.
func (s *streamer) opening(k int, call toolCall) *node {
	call.arguments = ""
	return call.node(k).laid(s.v.piece)
}

// finish writes the finish reason of a choice. last says that it is the last one.
func (s *streamer) finish(i int, c *spoken, last bool) {
	d, m := obj(), moment{last: true}
	if s.v.lastText {
		d.put("content", "")
		if s.v.bothTexts && len(c.reasoning) > 0 {
			d.put("reasoning_content", nil)
		}
	}
	if s.v.callEnds && len(c.calls) > 0 {
		d.put("content", nil)
		d.put("tool_calls", s.v.calls(c.calls))
	}
	if last && (s.v.usagePlace == alwaysLast || s.v.usagePlace == lastChunk && s.a.usage) {
		m.usage = s.usage
	}
	if !s.x.script.NoFinishButDone {
		s.say(i, c, d, nil, m)
	}
}

// say writes a chunk of one choice. Without logprobs it has the null that chunks
// without tokens have.
func (s *streamer) say(i int, c *spoken, d, probs *node, m moment) {
	if !s.opened[i] || s.v.everyRole {
		d.put("role", "assistant")
	}
	m.first = !s.opened[i]
	s.opened[i] = true
	if s.v.everyText && !d.has("content") {
		d.put("content", "")
	}
	choice := obj("index", i, "logprobs", probs, "finish_reason", nil)
	if m.last {
		choice.put("finish_reason", c.finish)
	}
	if reasons(s.a.model) {
		choice = choice.without("logprobs")
	}
	m.a, m.said, m.stream = s.a, c, true
	s.chunk([]*node{s.v.choose(choice, d, m)}, m)
}

// chunk writes one chunk.
func (s *streamer) chunk(choices []*node, m moment) {
	m.a, m.stream, m.n = s.a, true, len(s.out)
	c := obj(
		"id", s.v.id(s.a), "object", "chat.completion.chunk", "created", modelsCreated, "model", s.a.model,
		"service_tier", "default", "system_fingerprint", fingerprint(s.a.model), "choices", choices,
	)
	if s.v.drifting {
		c.put("created", modelsCreated+m.n/4)
	}
	switch {
	case m.usage != nil:
		c.put("usage", m.usage)
	case s.v.nullUsage && s.a.usage:
		c.put("usage", nil)
	}
	if s.a.hide {
		c.put("obfuscation", padding(s.a.id, m.n))
	}
	s.out = append(s.out, s.v.laid(c, s.v.chunk, m))
}

// logprobs are those of a chunk's tokens.
func (s *streamer) logprobs(c *spoken, tokens ...string) *node {
	if len(c.calls) > 0 || c.legacy != nil {
		return nil
	}
	return logprobsOf(s.a, c.refusal, tokens)
}
