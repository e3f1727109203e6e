package providertest

import (
	"encoding/base64"
	"encoding/json"
)

// streamer spells choices as chunks.
type streamer struct {
	a      *ask
	script *Script
	out    [][]byte
}

// events returns the data of all chunks of a stream, without [DONE].
func (x *exchange) events(a *ask, said []spoken) [][]byte {
	s := &streamer{a: a, script: &x.script}
	for i, c := range said {
		s.open(i, c)
	}
	for at, more := 0, true; more; at++ { // choices take turns
		more = false
		for i, c := range said {
			if at < len(c.pieces) {
				s.piece(i, c, c.pieces[at])
				more = true
			}
		}
	}
	for i, c := range said {
		s.calls(i, c)
	}
	if x.script.NoFinish {
		return s.out
	}
	for i, c := range said {
		if !x.script.NoFinishButDone {
			s.chunk([]chunkChoice{{Index: i, Logprobs: s.noLogprobs(), FinishReason: &c.finish}}, nil)
		}
	}
	if a.usage && !x.script.NoUsage {
		u, _ := marshal(x.usage(a, said)) // no value of it can fail
		s.chunk([]chunkChoice{}, u)
	}
	return s.out
}

// open writes the first chunk of a choice, which has the role.
func (s *streamer) open(i int, c spoken) {
	d := delta{Role: "assistant", Content: quoted(""), Refusal: json.RawMessage(null)}
	switch {
	case c.refusal:
		d.Content, d.Refusal = json.RawMessage(null), quoted("")
	case c.legacy != nil:
		d.Content, d.FunctionCall = json.RawMessage(null), &function{Name: c.legacy.Name}
	case len(c.calls) > 0:
		d.Content = json.RawMessage(null)
		if len(c.calls) == 1 {
			d.ToolCalls = []toolCall{opening(0, c.calls[0])}
		}
	case wantsAudio(s.a):
		d.Content, d.Audio = nil, &audio{ID: spokenAudio(s.a, "").ID}
	}
	s.chunk([]chunkChoice{{Index: i, Delta: d, Logprobs: s.logprobs(c, nil)}}, nil)
}

// piece writes a token.
func (s *streamer) piece(i int, c spoken, text string) {
	d := delta{Content: quoted(text)}
	switch {
	case c.refusal:
		d = delta{Refusal: quoted(text)}
	case wantsAudio(s.a):
		d = delta{Audio: &audio{Data: base64.StdEncoding.EncodeToString([]byte(text)), Transcript: text}}
	}
	s.chunk([]chunkChoice{{Index: i, Delta: d, Logprobs: s.logprobs(c, []string{text})}}, nil)
}

// calls writes the arguments of a choice's calls. Several calls begin with a chunk
// of their own.
func (s *streamer) calls(i int, c spoken) {
	if c.legacy != nil {
		for _, p := range pieces(c.legacy.Arguments, 6) {
			s.chunk([]chunkChoice{{Index: i, Delta: delta{FunctionCall: &function{Arguments: p}}, Logprobs: s.noLogprobs()}}, nil)
		}
	}
	for k, call := range c.calls {
		if len(c.calls) > 1 {
			s.chunk([]chunkChoice{{Index: i, Delta: delta{ToolCalls: []toolCall{opening(k, call)}}, Logprobs: s.noLogprobs()}}, nil)
		}
		for _, p := range pieces(arguments(call), 6) {
			t := toolCall{Index: &k, Function: &function{Arguments: p}}
			if call.Custom != nil {
				t = toolCall{Index: &k, Custom: &custom{Input: p}}
			}
			s.chunk([]chunkChoice{{Index: i, Delta: delta{ToolCalls: []toolCall{t}}, Logprobs: s.noLogprobs()}}, nil)
		}
	}
}

// opening is the first piece of a call: all but its arguments.
func opening(k int, call toolCall) toolCall {
	t := toolCall{Index: &k, ID: call.ID, Type: call.Type}
	if call.Custom != nil {
		t.Custom = &custom{Name: call.Custom.Name}
	} else {
		t.Function = &function{Name: call.Function.Name}
	}
	return t
}

// chunk writes one chunk.
func (s *streamer) chunk(choices []chunkChoice, use json.RawMessage) {
	c := chunk{
		ID: "chatcmpl-" + s.a.id, Object: "chat.completion.chunk", Created: modelsCreated, Model: s.a.model,
		ServiceTier: "default", SystemFingerprint: fingerprint(s.a.model), Choices: choices, Usage: use,
	}
	if use == nil && s.a.usage {
		c.Usage = json.RawMessage(null)
	}
	if s.a.hide {
		c.Obfuscation = padding(s.a.id, len(s.out))
	}
	b, _ := marshal(c) // no value of it can fail
	s.out = append(s.out, b)
}

// logprobs are those of a chunk's tokens.
func (s *streamer) logprobs(c spoken, tokens []string) json.RawMessage {
	if len(c.calls) > 0 || c.legacy != nil {
		return s.noLogprobs()
	}
	return logprobsOf(s.a, c.refusal, tokens)
}

// noLogprobs is what chunks without tokens have: null, or nothing.
func (s *streamer) noLogprobs() json.RawMessage {
	if reasons(s.a.model) {
		return nil
	}
	return json.RawMessage(null)
}
