package server

import (
	"context"
	"fmt"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
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
		params := paramsOf(message)
		if err := checkMembers(params); err != nil {
			return err
		}
		if err := validator.Validate(message); err != nil {
			return err //nolint:wrapcheck // coded by its type
		}
		if c.Entrance != auditv1.Entrance_ENTRANCE_GRPC || params == nil {
			return nil
		}
		return codec.CheckChatCompletionParams(params, limits)
	}}
}

// checkMembers refuses members that no field could take although one has their name:
// of the wrong kind, where the request cannot do without, or known but for their case,
// "Model": a provider that does not look at case would be asked for another model than
// the one that was planned and allowed.
func checkMembers(params *chatv1.ChatCompletionParams) error {
	if params.GetExtraJson() == "" {
		return nil
	}
	var err error
	fields := params.ProtoReflect().Descriptor().Fields()
	wire.Held(params.GetExtraJson(), func(name string) uint64 {
		folded := strings.ToLower(strings.ToUpper(name))
		switch {
		case name == "model":
			err = wrongMember(name, "`model` must be a string")
		case name == "messages":
			err = wrongMember(name, "`messages` must be an array")
		case folded != name && fields.ByName(protoreflect.Name(folded)) != nil:
			err = wrongMember(name, fmt.Sprintf("%q must be written %q", name, folded))
		}
		return 0
	})
	return err
}

func wrongMember(name, what string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
		Message: "The request is invalid: " + what + ".",
		Param:   name,
	}
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
