package server

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
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
		if params != nil {
			if err := checkMembers(params); err != nil {
				return err
			}
		}
		if err := validator.Validate(message); err != nil {
			return err //nolint:wrapcheck // coded by its type
		}
		if c.Entrance != auditv1.Entrance_ENTRANCE_GRPC || params == nil {
			return nil
		}
		return codec.Check(params, limits)
	}}
}

// params is OpenAI's body of a request.
type params interface {
	proto.Message
	GetExtraJson() string
}

// kinds says what members must be that the gateway itself goes by. One of another kind
// stands where no field could take it, and would pass unseen.
var kinds = map[string]string{
	"model":                "a string",
	"messages":             "an array",
	"input":                "a string or an array",
	"items":                "an array",
	"stream":               "true or false",
	"store":                "true or false",
	"background":           "true or false",
	"previous_response_id": "a string",
	"conversation":         "a string or an object",
	"encoding_format":      "a string",
	"metadata":             "an object of strings",
}

// checkMembers refuses members that no field could take although one has their name:
// of the wrong kind, where the gateway cannot do without, or known but for their case,
// "Model": a provider that does not look at case would be asked for another model than
// the one that was planned and allowed. A null is as good as nothing.
func checkMembers(params params) error {
	if params.GetExtraJson() == "" {
		return nil
	}
	var err error
	fields := params.ProtoReflect().Descriptor().Fields()
	wire.Held(params.GetExtraJson(), func(name string) uint64 {
		folded := strings.ToLower(strings.ToUpper(name))
		switch {
		case kinds[name] != "" && fields.ByName(protoreflect.Name(name)) != nil:
			if value, _ := wire.Member(params.GetExtraJson(), name); !vacant(value, kinds[name]) || needed[name] {
				err = wrongMember(name, fmt.Sprintf("`%s` must be %s", name, kinds[name]))
			}
		case folded != name && fields.ByName(protoreflect.Name(folded)) != nil:
			err = wrongMember(name, fmt.Sprintf("%q must be written %q", name, folded))
		}
		return 0
	})
	return err
}

// vacant says that a member says nothing: null, or an empty one of its kind.
func vacant(value, kind string) bool {
	switch {
	case value == "null":
		return true
	case strings.Contains(kind, "an object") && strings.HasPrefix(value, "{"):
		return strings.TrimSpace(value[1:len(value)-1]) == ""
	case strings.Contains(kind, "an array") && strings.HasPrefix(value, "["):
		return strings.TrimSpace(value[1:len(value)-1]) == ""
	default:
		return false
	}
}

// needed are the members that may not even be null.
var needed = map[string]bool{"model": true, "messages": true}

func wrongMember(name, what string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
		Message: "The request is invalid: " + what + ".",
		Param:   name,
	}
}

// paramsOf is OpenAI's body in a request. Nil: there is none.
func paramsOf(message proto.Message) params {
	switch request := message.(type) {
	case interface {
		GetParams() *chatv1.ChatCompletionParams
	}:
		return some(request.GetParams())
	case interface {
		GetParams() *responsesv1.ResponseParams
	}:
		return some(request.GetParams())
	case *embeddingsv1.CreateEmbeddingsRequest:
		return some(request.GetParams())
	case *conversationsv1.CreateConversationRequest:
		return some(request.GetParams())
	case *conversationsv1.CreateConversationItemsRequest:
		return some(request.GetParams())
	case *conversationsv1.UpdateConversationRequest:
		return some(request.GetParams())
	case *chatv1.UpdateChatCompletionRequest:
		return some(request.GetParams())
	case *planv1.ExplainRequest:
		return explained(request)
	default:
		return nil
	}
}

// explained is the body of the call that is to be explained.
func explained(request *planv1.ExplainRequest) params {
	switch asked := request.GetCall().(type) {
	case *planv1.ExplainRequest_ChatCompletion:
		return some(asked.ChatCompletion)
	case *planv1.ExplainRequest_Response:
		return some(asked.Response)
	case *planv1.ExplainRequest_Embeddings:
		return some(asked.Embeddings)
	default:
		return nil
	}
}

// some is a body, or nil without a type.
func some[P interface {
	params
	comparable
}](body P) params {
	var none P
	if body == none {
		return nil
	}
	return body
}

// holders are the fields that OpenAI's bodies stand in.
var holders = []string{"params", "chat_completion", "response", "embeddings"}

// param is the name that callers know a field by. OpenAI's bodies stand in `params`;
// a rule over several members, "one of messages, messages_json must be set", names
// them in its message alone, the public one first.
func param(path, message string) string {
	for _, holder := range holders {
		path = strings.TrimPrefix(path, holder+".")
	}
	_, members, found := strings.Cut(message, "one of ")
	if !found {
		return path
	}
	first, _, found := strings.Cut(members, ", ")
	switch {
	case !found || strings.Contains(first, " "):
		return path
	case path == "" || slices.Contains(holders, path):
		return first
	default:
		return path + "." + first
	}
}
