package demo

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

const (
	// notice begins every reply that has room for words.
	notice = "[Demonstration by Signalbox: no model answered, and each word counts as a token.] "
	// maxEcho is how many bytes of a text are echoed.
	maxEcho = 2000
)

// reply is what the demonstration answers: text, then calls of tools, in tokens.
type reply struct {
	calls  []*chatv1.ToolCall // without their arguments
	tokens []token
	finish string
}

// token is a piece of the text, or of the arguments of one of the calls.
type token struct {
	call int // negative: of the text
	text string
}

// answer thinks of the reply.
func (r *request) answer() *reply {
	answer := &reply{finish: "stop"}
	tools := r.toolsToCall()
	if len(tools) == 0 {
		answer.say(-1, r.text())
		return answer.within(r.limit)
	}
	answer.finish = "tool_calls"
	answer.say(-1, notice+"Calling "+strings.Join(names(tools), " and ")+".")
	for i, tool := range tools {
		// The messages before it make an id that no earlier turn has.
		call := &chatv1.ToolCall{Id: new(fmt.Sprintf("call_demonstration_%d_%d", len(r.messages), i))}
		input := "demonstration"
		if function := tool.GetFunction(); function != nil {
			call.Type, call.Function = new("function"), &chatv1.FunctionCall{Name: new(function.GetName())}
			input = example(function.GetParametersJson())
		} else {
			call.Type, call.Custom = new("custom"), &chatv1.CustomCall{Name: new(nameOf(tool))}
		}
		answer.calls = append(answer.calls, call)
		answer.say(i, input)
	}
	return answer.within(r.limit)
}

func names(tools []*chatv1.ChatTool) []string {
	list := make([]string, 0, len(tools))
	for _, tool := range tools {
		list = append(list, nameOf(tool))
	}
	return list
}

// toolsToCall are the tools that the request insists on, else those that the last
// message, a user's, asks for: "call get_weather".
func (r *request) toolsToCall() []*chatv1.ChatTool {
	if name := r.chosen(); name != "" {
		return []*chatv1.ChatTool{r.tool(name)}
	}
	last := r.messages[len(r.messages)-1]
	var asked []*chatv1.ChatTool
	if text, _ := textOf(last); last.GetRole() == "user" && r.params.GetToolChoice() != "none" {
		for _, tool := range r.params.GetTools() {
			if asksFor(text, nameOf(tool)) {
				asked = append(asked, tool)
			}
		}
	}
	if len(asked) == 0 && r.mustCall() {
		asked = r.params.GetTools()[:1]
	}
	if len(asked) > 1 && r.params.ParallelToolCalls != nil && !r.params.GetParallelToolCalls() {
		asked = asked[:1]
	}
	return asked
}

// asksFor says whether a text has "call" and the whole of a name behind it.
func asksFor(text, name string) bool {
	for {
		_, rest, found := strings.Cut(text, "call "+name)
		if !found {
			return false
		}
		next, _ := utf8.DecodeRuneInString(rest)
		if next != '_' && next != '-' && !unicode.IsLetter(next) && !unicode.IsDigit(next) {
			return true
		}
		text = rest
	}
}

// text is what is said when no tool is called.
func (r *request) text() string {
	last := r.messages[len(r.messages)-1]
	text, others := textOf(last)
	switch format := r.params.GetResponseFormat(); {
	case format.GetJsonSchema().GetSchemaJson() != "":
		return example(format.GetJsonSchema().GetSchemaJson()) // no room for the notice
	case format.GetType() == "json_object":
		return `{"demonstration":true,"echo":` + quote(cut(text)) + `}`
	}
	said := "You said: "
	if last.GetRole() == "tool" {
		said = "The tool answered: "
	}
	said = notice + said + cut(text)
	if others > 0 {
		said += fmt.Sprintf(" (and sent %d parts that are no text)", others)
	}
	return r.untilStop(said)
}

// untilStop is a text up to the first sequence that the request stops at.
func (r *request) untilStop(text string) string {
	for _, stop := range append(slices.Clone(r.params.GetStopSequences()), r.params.GetStop()) {
		if stop != "" {
			text, _, _ = strings.Cut(text, stop)
		}
	}
	return text
}

// cut is a text's beginning, at most maxEcho bytes of it.
func cut(text string) string {
	if len(text) <= maxEcho {
		return text
	}
	end := maxEcho
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// say adds a text to the reply, or to the arguments of a call.
func (a *reply) say(call int, text string) {
	for piece := range words(text) {
		a.tokens = append(a.tokens, token{call: call, text: piece})
	}
}

// within ends the reply at a number of tokens.
func (a *reply) within(limit int) *reply {
	if limit >= 0 && len(a.tokens) > limit {
		a.tokens = a.tokens[:limit]
		a.finish = "length"
	}
	return a
}

// message is the whole reply.
func (a *reply) message() *chatv1.ChatMessage {
	message := &chatv1.ChatMessage{Role: "assistant"}
	texts := make([]strings.Builder, len(a.calls)+1)
	for _, token := range a.tokens {
		texts[token.call+1].WriteString(token.text)
	}
	message.Content = new(texts[0].String())
	for i, call := range a.calls {
		if texts[i+1].Len() == 0 {
			break // beyond the limit
		}
		message.ToolCalls = append(message.ToolCalls, withInput(call, texts[i+1].String()))
	}
	return message
}

// withInput is a call with its arguments.
func withInput(call *chatv1.ToolCall, input string) *chatv1.ToolCall {
	out := &chatv1.ToolCall{Id: call.Id, Type: call.Type}
	if call.GetFunction() != nil {
		out.Function = &chatv1.FunctionCall{Name: call.GetFunction().Name, Arguments: new(input)}
	} else {
		out.Custom = &chatv1.CustomCall{Name: call.GetCustom().Name, Input: new(input)}
	}
	return out
}
