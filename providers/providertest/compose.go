package providertest

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// spoken is what one choice says, before it is spelled as a message or as deltas.
type spoken struct {
	pieces  []string // of the text, token by token
	refusal bool     // the text is a refusal
	calls   []toolCall
	legacy  *function // the call of a deprecated `functions`
	finish  string
}

// compose decides what all choices say.
func (x *exchange) compose(a *ask) []spoken {
	out := make([]spoken, a.n)
	for i := range out {
		out[i] = x.say(a, i)
	}
	return out
}

// say decides what one choice says.
func (x *exchange) say(a *ask, i int) spoken {
	s := &x.script
	if s.Refusal != "" {
		return finished(spoken{pieces: tokens(s.Refusal), refusal: true, finish: "stop"}, s)
	}
	if calls, forced := chosenCalls(a, i); len(calls) > 0 {
		finish := "tool_calls"
		if forced { // a named tool ends with "stop", as at OpenAI
			finish = "stop"
		}
		return finished(spoken{calls: calls, finish: finish}, s)
	}
	if f := chosenFunction(a); f != nil {
		return finished(spoken{legacy: f, finish: "function_call"}, s)
	}
	return finished(x.text(a, i), s)
}

// finished applies the script's finish reason.
func finished(s spoken, script *Script) spoken {
	if script.FinishReason != "" {
		s.finish = script.FinishReason
	}
	return s
}

// text is a choice of plain words, as the request and the script shape it.
func (x *exchange) text(a *ask, i int) spoken {
	said := spoken{finish: "stop"}
	p := &x.up.params
	switch {
	case x.script.LineBytes > 0:
		said.pieces = []string{filler(x.script.LineBytes)}
		if a.stream {
			said.pieces = append(said.pieces, " and", " on", ".")
		}
		return said
	case x.script.Text != "":
		said.pieces = tokens(x.script.Text)
	case a.stream && p.Chunks > 0:
		for range p.Chunks {
			said.pieces = append(said.pieces, filler(max(1, p.ChunkBytes)))
		}
		return said
	case !a.stream && p.ReplyBytes > 0:
		said.pieces = []string{filler(p.ReplyBytes)}
		return said
	default:
		said.pieces = tokens(usualText(a, i))
	}
	said.pieces = stopped(said.pieces, a.root.get("stop"))
	if a.limit > 0 && len(said.pieces) > a.limit {
		said.pieces, said.finish = said.pieces[:a.limit], "length"
	}
	return said
}

// usualText answers by the request's format.
func usualText(a *ask, i int) string {
	format := a.root.get("response_format")
	switch format.get("type").str() {
	case "json_object":
		return `{"reply":` + string(quoted(excerpt(a.last))) + `}`
	case "json_schema":
		return instance(format.get("json_schema").get("schema"))
	}
	text := "You said: " + excerpt(a.last)
	if i > 0 {
		text += fmt.Sprintf(" (choice %d)", i+1)
	}
	return text
}

// excerpt is the beginning of a text, whole characters alone.
func excerpt(text string) string {
	const size = 200
	if len(text) <= size {
		return text
	}
	cut := size
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut]
}

// stopped ends pieces before the first stop sequence.
func stopped(pieces []string, stop *node) []string {
	sequences := stop.items()
	if stop.str() != "" {
		sequences = []*node{stop}
	}
	text := strings.Join(pieces, "")
	end := len(text)
	for _, s := range sequences {
		if at := strings.Index(text, s.str()); s.str() != "" && at >= 0 {
			end = min(end, at)
		}
	}
	if end == len(text) {
		return pieces
	}
	return tokens(text[:end])
}

// filler is a text of n bytes.
func filler(n int) string {
	const words = "all work and no play makes a dull test upstream "
	return strings.Repeat(words, n/len(words)+1)[:n]
}

// reply spells the choices as a completion.
func (x *exchange) reply(a *ask, said []spoken) completion {
	c := completion{
		ID: "chatcmpl-" + a.id, Object: "chat.completion", Created: modelsCreated, Model: a.model,
		Usage: x.usage(a, said), ServiceTier: "default", SystemFingerprint: fingerprint(a.model),
	}
	for i, s := range said {
		ch := choice{Index: i, FinishReason: &s.finish, Message: message{Role: "assistant", Annotations: []json.RawMessage{}}}
		if x.script.NoFinish || x.script.NoFinishButDone {
			ch.FinishReason = nil
		}
		text := strings.Join(s.pieces, "")
		switch {
		case s.refusal:
			ch.Message.Refusal = &text
		case len(s.calls) > 0:
			ch.Message.ToolCalls = s.calls
		case s.legacy != nil:
			ch.Message.FunctionCall = s.legacy
		case wantsAudio(a):
			ch.Message.Audio = spokenAudio(a, text)
		default:
			ch.Message.Content = &text
		}
		ch.Logprobs = logprobsOf(a, s.refusal, s.pieces)
		c.Choices = append(c.Choices, ch)
	}
	if x.script.NoUsage {
		c.Usage = nil
	}
	return c
}

// usage counts.
func (x *exchange) usage(a *ask, said []spoken) *usage {
	u := &usage{PromptTokens: a.prompt}
	for _, s := range said {
		u.CompletionTokens += len(s.pieces)
		for _, c := range s.calls {
			u.CompletionTokens += 5 + len(tokens(arguments(c)))
		}
		if s.legacy != nil {
			u.CompletionTokens += 5 + len(tokens(s.legacy.Arguments))
		}
	}
	if reasons(a.model) {
		u.Completion.ReasoningTokens = 64
		u.CompletionTokens += 64
	}
	if wantsAudio(a) {
		u.Completion.AudioTokens = u.CompletionTokens
	}
	u.TotalTokens = u.PromptTokens + u.CompletionTokens
	return u
}

// fingerprint names the model's build.
func fingerprint(model string) string { return "fp_" + digest(model)[:10] }
