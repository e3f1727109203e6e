package providertest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// spoken is what one choice says, before it is spelled as a message or as deltas.
type spoken struct {
	// reasoning and pieces are what is thought and what is said, token by token.
	reasoning, pieces []string
	// refusal says that the text is one.
	refusal bool
	calls   []toolCall
	// legacy is the call of a deprecated `functions`.
	legacy *toolCall
	finish string
}

// compose decides what all choices say.
func (x *exchange) compose(a *ask) []spoken {
	out := make([]spoken, a.n)
	for i := range out {
		out[i] = x.say(a, i)
		out[i].reasoning = x.thought(a)
	}
	return out
}

// say decides what one choice says.
func (x *exchange) say(a *ask, i int) spoken {
	s := &x.script
	if s.Refusal != "" {
		return finished(spoken{pieces: tokens(s.Refusal), refusal: true, finish: "stop"}, s)
	}
	if calls, forced := x.chosenCalls(a, i); len(calls) > 0 {
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

// thought is what is thought before something is said, where the provider shows it.
func (x *exchange) thought(a *ask) []string {
	switch text := x.script.Reasoning; {
	case a.mute:
		return nil
	case text != "":
		return tokens(text)
	case x.up.profile.thinks(a.model) || a.thinks:
		return tokens("The user says: " + excerpt(a.last))
	default:
		return nil
	}
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
