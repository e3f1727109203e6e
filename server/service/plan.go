package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/plan"
)

// PlanDeps is what explanations need. All members are required.
type PlanDeps struct {
	// Planner is the real one.
	Planner *plan.Planner
	// Policies are the RPCs' policies.
	Policies call.Policies
	// Principal finds the principal of a key's public id.
	Principal func(name string) (*call.Principal, bool)
}

// Plan is the PlanService.
type Plan struct {
	planv1.UnimplementedPlanServiceServer
	deps PlanDeps
}

// NewPlan returns the PlanService.
func NewPlan(deps PlanDeps) *Plan { return &Plan{deps: deps} }

const (
	createChat = "signalbox.chat.v1.ChatService/CreateChatCompletion"
	streamChat = "signalbox.chat.v1.ChatService/StreamChatCompletion"

	createResponse   = "signalbox.responses.v1.ResponsesService/CreateResponse"
	streamResponse   = "signalbox.responses.v1.ResponsesService/StreamResponse"
	createEmbeddings = "signalbox.embeddings.v1.EmbeddingsService/CreateEmbeddings"
)

// Explain plans a call and stops there.
func (s *Plan) Explain(ctx context.Context, req *planv1.ExplainRequest) (*planv1.ExplainResponse, error) {
	principal, err := s.principal(call.From(ctx).Principal, req.GetKeyId())
	if err != nil {
		return nil, err
	}
	rpc, request := explained(req)
	explained, err := s.deps.Planner.Derive(plan.Question{RPC: rpc, Policy: s.deps.Policies[rpc], Principal: principal, Request: request})
	if failed := failure.As(err); failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT {
		return nil, err
	}
	return &planv1.ExplainResponse{Plan: explained}, nil
}

// explained is the call that is to be planned.
func explained(req *planv1.ExplainRequest) (rpc string, request proto.Message) {
	options := req.GetOptions()
	switch asked := req.GetCall().(type) {
	case *planv1.ExplainRequest_Response:
		if req.GetStream() || asked.Response.GetStream() {
			return streamResponse, &responsesv1.StreamResponseRequest{Params: asked.Response, Options: options}
		}
		return createResponse, &responsesv1.CreateResponseRequest{Params: asked.Response, Options: options}
	case *planv1.ExplainRequest_Embeddings:
		return createEmbeddings, &embeddingsv1.CreateEmbeddingsRequest{Params: asked.Embeddings, Options: options}
	default:
		if req.GetStream() || req.GetChatCompletion().GetStream() {
			return streamChat, &chatv1.StreamChatCompletionRequest{Params: req.GetChatCompletion(), Options: options}
		}
		return createChat, &chatv1.CreateChatCompletionRequest{Params: req.GetChatCompletion(), Options: options}
	}
}

// principal is whom the plan is for: the caller, or a key that an administrator
// names.
func (s *Plan) principal(caller *call.Principal, keyID string) (*call.Principal, error) {
	if keyID == "" || keyID == caller.Name {
		return caller, nil
	}
	if !caller.Holds(policyv1.Scope_SCOPE_ADMIN_READ) {
		return nil, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING,
			Message: "Planning for another key needs the scope admin_read.",
			Param:   "key_id",
		}
	}
	principal, ok := s.deps.Principal(keyID)
	if !ok {
		return nil, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND,
			Message: "There is no key of this name.",
			Param:   "key_id",
		}
	}
	return principal, nil
}
