package openai

import (
	"slices"
	"strings"
	"unsafe"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// rewritten is a request that rules were applied to: the texts of messages and tools
// where the client gave them as text, and of all the rest.
type rewritten struct {
	rewriting

	head, messages, tools string
}

// apply writes a request by the rules. The texts are pieces of the request's buffer
// and of the params.
func (r *request) apply(p *chatv1.ChatCompletionParams, all []*rules) *rewritten {
	out := &rewritten{messages: strings.TrimSpace(p.GetMessagesJson())}
	p.MessagesJson = ""
	if !slices.ContainsFunc(all, func(r *rules) bool { return r.drops["tools"] }) { // else it stays with the rest
		out.tools, p.ToolsJson = strings.TrimSpace(p.GetToolsJson()), ""
	}
	r.lease()
	*r.buffer = codec.AppendChatCompletionParams((*r.buffer)[:0], p, wire.Request)
	// The bytes are written by nobody until the buffer is given back.
	out.head = unsafe.String(unsafe.SliceData(*r.buffer), len(*r.buffer)) //nolint:gosec // see above
	for _, rules := range all {
		out.rules = rules
		out.head = out.top(out.head, rules.root)
		out.messages = out.member("messages", out.messages)
		out.tools = out.member("tools", out.tools)
	}
	return out
}

// member applies the rules to a top member that the client gave as text. To walk through
// it is cheaper than to search it for the names that matter.
func (w *rewritten) member(name, text string) string {
	n := w.root.members[name]
	if n == nil || text == "" {
		return text
	}
	return w.top(text, n)
}

// rewrite writes the body by the rules.
func (r *request) rewrite(p *chatv1.ChatCompletionParams, all []*rules) error {
	out := r.apply(p, all)
	if out.refused != nil {
		return out.refused
	}
	r.add(out.head[:len(out.head)-1])
	for _, member := range [...]struct{ name, text string }{{`,"messages":`, out.messages}, {`,"tools":`, out.tools}} {
		if member.text != "" {
			r.add(member.name)
			r.add(member.text)
		}
	}
	r.add("}")
	return nil
}

// add puts a text behind the body, without copying it.
func (r *request) add(text string) {
	r.call.Body = append(r.call.Body, unsafe.Slice(unsafe.StringData(text), len(text))) //nolint:gosec // it is only read
}
