package audit

import (
	"context"
	"sync"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
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
	// chat assembles a streamed reply.
	chat *Chat
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

// chatRequest is a request for a chat completion.
type chatRequest interface {
	GetParams() *chatv1.ChatCompletionParams
}

// request keeps the client's request as it came, before any step changes it.
func (k keeper) request(_ context.Context, c *call.Call, message proto.Message) error {
	if !allowed(c) {
		return nil
	}
	kept := &body{}
	k.under.Store(c, kept)
	if request, ok := message.(chatRequest); ok && request.GetParams() != nil {
		kept.request = k.text(kept, request.GetParams())
	}
	return nil
}

// reply keeps what the client gets.
func (k keeper) reply(_ context.Context, c *call.Call, message proto.Message) error {
	found, ok := k.under.Load(c)
	if !ok {
		return nil
	}
	kept, _ := found.(*body)
	switch reply := message.(type) {
	case *chatv1.CreateChatCompletionResponse:
		kept.response = k.text(kept, reply.GetCompletion())
	case *chatv1.StreamChatCompletionResponse:
		if reply.GetChunk() == nil {
			return nil
		}
		if kept.chat == nil {
			kept.chat = NewChat(k.config.GetMaxBodyBytes())
		}
		kept.chat.Add(reply.GetChunk())
	}
	return nil
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
	if kept.chat == nil {
		return
	}
	completion := kept.chat.Completion()
	if completion == nil {
		kept.truncated = true
		return
	}
	kept.response = k.text(kept, completion)
}
