package audit

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/server/call"
)

// keeper keeps what is sent and received of calls under way, as far as the
// configuration and the RPC's policy allow it.
type keeper struct {
	config *configv1.Audit
	shown  headerNames
	encode func([]byte, proto.Message) ([]byte, error)
	// under has the bodies of calls under way, *body by *call.Call. It stays empty
	// unless bodies are kept.
	under *sync.Map
}

// body is what is kept of one call.
type body struct {
	request   string
	response  string
	truncated bool
	// assemble is the whole of a streamed reply as far as it came. Nil: it was none. Its
	// result is nil where the pieces were too large.
	assemble func() proto.Message
	// chat and events assemble it.
	chat   *Chat
	events *responses.Accumulator
}

func newKeeper(params Params) keeper {
	return keeper{
		config: params.Config,
		shown:  newHeaderNames(params.Config.GetShowHeaders()),
		encode: params.Encode,
		under:  &sync.Map{},
	}
}

// allowed says whether the RPC's policy lets bodies and headers be kept.
func allowed(c *call.Call) bool {
	return c.Policy.GetAudit() == policyv1.AuditLevel_AUDIT_LEVEL_BODIES
}

// request keeps the client's request as it came, before any step changes it.
func (k keeper) request(_ context.Context, c *call.Call, message proto.Message) error {
	if !allowed(c) {
		return nil
	}
	kept := &body{}
	k.under.Store(c, kept)
	if params := paramsOf(message); params != nil {
		kept.request = k.text(kept, params)
	}
	return nil
}

// paramsOf is the body of a request. Nil: it has none.
func paramsOf(message proto.Message) proto.Message {
	m := message.ProtoReflect()
	params := m.Descriptor().Fields().ByName("params")
	if params == nil || !m.Has(params) {
		return nil
	}
	return m.Get(params).Message().Interface()
}

// bodyOf is the body of a reply: what stands beside the facts of the call, or the reply
// itself where it has none of them. Nil: it has no body.
func bodyOf(message proto.Message) (body proto.Message) {
	m := message.ProtoReflect()
	if m.Descriptor().Fields().ByName("info") == nil {
		return message
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		if field.Name() != "info" && field.Message() != nil && !field.IsList() && !field.IsMap() {
			body = value.Message().Interface()
		}
		return body == nil
	})
	return body
}

// reply keeps what the client gets.
func (k keeper) reply(_ context.Context, c *call.Call, message proto.Message) error {
	found, ok := k.under.Load(c)
	if !ok {
		return nil
	}
	kept, _ := found.(*body)
	limit := k.config.GetMaxBodyBytes()
	switch body := bodyOf(message).(type) {
	case nil:
	case *chatv1.ChatCompletionChunk:
		if kept.chat == nil {
			kept.chat = NewChat(limit)
			kept.assemble = func() proto.Message { return orNil(kept.chat.Completion()) }
		}
		kept.chat.Add(body)
	case *responsesv1.StreamEvent:
		if kept.events == nil {
			kept.events = responses.NewAccumulator(limit)
			kept.assemble = func() proto.Message { return orNil(kept.events.Response()) }
		}
		kept.events.Add(body)
	default:
		kept.response = k.text(kept, body)
	}
	return nil
}

// orNil is a message, or nil without a type.
func orNil[M interface {
	proto.Message
	comparable
}](message M) proto.Message {
	var none M
	if message == none {
		return nil
	}
	return message
}

// text is a message as redacted JSON text. One that is too long is left out.
func (k keeper) text(kept *body, message proto.Message) string {
	limit := k.config.GetMaxBodyBytes()
	// JSON is longer than protobuf: what is too long already is not encoded at all.
	if int64(proto.Size(message)) > limit {
		kept.truncated = true
		return ""
	}
	text, err := k.encode(nil, message)
	if err != nil {
		kept.truncated = true
		return ""
	}
	text = redactJSON(text)
	if int64(len(text)) > limit {
		kept.truncated = true
		return ""
	}
	return string(text)
}

// finish returns what was kept of a call, and forgets it. Nil: nothing was.
func (k keeper) finish(c *call.Call) *auditv1.AuditBodies {
	if !k.config.GetBodies() && !k.config.GetHeaders() {
		return nil
	}
	bodies := &auditv1.AuditBodies{}
	if found, ok := k.under.LoadAndDelete(c); ok {
		kept, _ := found.(*body)
		k.assemble(kept)
		bodies.RequestJson, bodies.ResponseJson, bodies.Truncated = kept.request, kept.response, kept.truncated
	}
	if k.config.GetHeaders() && allowed(c) {
		bodies.RequestHeaders = k.shown.request(c.RequestHeader)
		bodies.ResponseHeaders = k.shown.response(c)
	}
	if proto.Size(bodies) == 0 {
		return nil
	}
	return bodies
}

// assemble makes the whole reply of a stream.
func (k keeper) assemble(kept *body) {
	if kept.assemble == nil {
		return
	}
	if whole := kept.assemble(); whole != nil {
		kept.response = k.text(kept, whole)
	} else {
		kept.truncated = true
	}
}
