package server

import (
	"context"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
)

// steps is what every call passes, outermost first: unary and streams, gRPC and
// REST alike.
func (s *Server) steps(validator protovalidate.Validator) []call.Step {
	steps := []call.Step{
		s.telemetry.Step(),            // outermost: it sees every outcome
		s.audit.Step(),                // before anything can refuse: refused calls are recorded too
		s.gate.Step(),                 // before work is spent on a call that cannot be served now
		s.auth.Step(),                 // the last to Open: no body is read before we know whose it is
		validate(validator, s.limits), // the first on Request: after auth (AIP-211)
		s.planner.Step(),
		s.audit.Admit(), // the last: the begin record is on disk before a handler can call a provider
	}
	return append(steps, s.extra...)
}

// validate checks a request against the rules of its proto, and the JSON texts of a
// gRPC caller against JSON; REST's were checked when they were decoded.
func validate(validator protovalidate.Validator, limits wire.Limits) call.Step {
	return call.Step{Name: "validate", Request: func(_ context.Context, c *call.Call, message proto.Message) error {
		if err := validator.Validate(message); err != nil {
			return err //nolint:wrapcheck // coded by its type
		}
		if c.Entrance != auditv1.Entrance_ENTRANCE_GRPC {
			return nil
		}
		params := paramsOf(message)
		if params == nil {
			return nil
		}
		return codec.CheckChatCompletionParams(params, limits)
	}}
}

// paramsOf is the chat completion in a request. Nil: there is none.
func paramsOf(message proto.Message) *chatv1.ChatCompletionParams {
	switch request := message.(type) {
	case *chatv1.CreateChatCompletionRequest:
		return request.GetParams()
	case *chatv1.StreamChatCompletionRequest:
		return request.GetParams()
	case *planv1.ExplainRequest:
		return request.GetChatCompletion()
	default:
		return nil
	}
}

// param is the name that callers know a field by. OpenAI's bodies stand in `params`;
// a rule over several members, "one of messages, messages_json must be set", names
// them in its message alone, the public one first.
func param(path, message string) string {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "params."), "chat_completion.")
	_, members, found := strings.Cut(message, "one of ")
	if !found {
		return path
	}
	first, _, found := strings.Cut(members, ", ")
	switch {
	case !found || strings.Contains(first, " "):
		return path
	case path == "params" || path == "chat_completion" || path == "":
		return first
	default:
		return path + "." + first
	}
}
