package openai

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

var _ providers.Lossy = (*Provider)(nil)

// Fields is what the type takes of requests: what Losses goes by.
func (o *Provider) Fields() Fields { return o.quirks.Fields }

// Losses implements providers.Lossy: it writes the request and throws it away.
func (o *Provider) Losses(m proto.Message, target *planv1.Target) []*commonv1.Loss {
	given, ok := m.(*chatv1.ChatCompletionParams)
	rules := o.rulesFor(target, true)
	if !ok || rules == nil {
		return nil
	}
	p := codec.ShallowCopyChatCompletionParams(given)
	p.Model = ""
	var r request
	defer r.release()
	losses := r.apply(p, rules).losses
	slices.SortFunc(losses, func(a, b *commonv1.Loss) int { return cmp.Compare(a.GetField(), b.GetField()) })
	return losses
}

// rulesFor are the rules of the provider, then those of the target's model; nil where
// requests go through as they are.
func (o *Provider) rulesFor(target *planv1.Target, patch bool) []*rules {
	own := o.rules // of capacity 1
	if !patch {
		return own
	}
	for _, rule := range target.GetParameterRules() {
		if r := o.parameters[rule]; r != nil {
			own = append(own, r)
		}
	}
	return own
}

// rewritten is a request that rules were applied to: the texts of messages and tools
// where the client gave them as text, and of all the rest.
type rewritten struct {
	rewriting

	head, messages, tools string
}

// apply writes a request by the rules. The texts are pieces of the request's buffer
// and of the params.
func (r *request) apply(p *chatv1.ChatCompletionParams, all []*rules) *rewritten {
	out := &rewritten{messages: strings.TrimSpace(p.GetMessagesJson()), tools: strings.TrimSpace(p.GetToolsJson())}
	p.MessagesJson, p.ToolsJson = "", ""
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

// member applies the rules to a top member that the client gave as text.
func (w *rewritten) member(name, text string) string {
	n := w.root.members[name]
	if n == nil || text == "" || !w.look(name, text) {
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
