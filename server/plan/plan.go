// Package plan derives the execution plan of a call: from what the RPC declares,
// who calls, what is asked, and which models there are. It has no side effects, so
// explaining a call is planning it and stopping there.
package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

// Params is what a Planner is made from. All members are required.
type Params struct {
	// Catalog knows the models.
	Catalog *catalog.Catalog
	// Instances says of each provider instance what it can do.
	Instances map[string]Instance
	// Upstream bounds upstream calls.
	Upstream *configv1.Upstream
	// ConfigDigest stands in every plan.
	ConfigDigest string
}

// Instance is what a plan must know of a provider instance.
type Instance struct {
	// Chats says that it answers chat completions.
	Chats bool
	// SameDialect says that it speaks OpenAI's dialect.
	SameDialect bool
	// StreamUsage says that its streams are asked for their usage.
	StreamUsage bool
}

// Planner derives plans. Safe for concurrent use.
type Planner struct {
	params Params
	unary  *planv1.RetryPolicy
	stream *planv1.RetryPolicy
}

// New returns a planner.
func New(params Params) *Planner {
	up := params.Upstream
	return &Planner{
		params: params,
		unary: &planv1.RetryPolicy{
			MaxAttempts:      up.GetMaxAttempts(),
			MaxBackoff:       up.GetMaxBackoff(),
			FirstByteTimeout: up.GetHeaderTimeout(),
		},
		stream: &planv1.RetryPolicy{
			MaxAttempts:      up.GetMaxAttempts(),
			MaxBackoff:       up.GetMaxBackoff(),
			FirstByteTimeout: up.GetFirstEventTimeout(),
			IdleTimeout:      up.GetIdleTimeout(),
		},
	}
}

// Step plans each call. A plan that could not be completed is on the call too, so
// that the record has what is known.
func (p *Planner) Step() call.Step {
	return call.Step{Name: "plan", Request: func(_ context.Context, c *call.Call, message proto.Message) error {
		plan, err := p.Derive(Question{RPC: c.RPC, Policy: c.Policy, Principal: c.Principal, Request: message})
		plan.RequestId = c.RequestID
		c.Plan, c.Outcome.Planned = plan, time.Now()
		return err
	}}
}

// Question is what a plan answers.
type Question struct {
	// RPC and Policy are the RPC's.
	RPC    string
	Policy *policyv1.MethodPolicy
	// Principal is who calls. Nil: nobody, who may use every model.
	Principal *call.Principal
	// Request is the request message.
	Request proto.Message
}

// Derive returns the plan, always; with an error, a *failure.Error, it is
// incomplete.
func (p *Planner) Derive(q Question) (*planv1.ExecutionPlan, error) {
	plan := &planv1.ExecutionPlan{
		Method:       q.RPC,
		Operation:    q.Policy.GetOperation(),
		Mode:         planv1.ExecutionMode_EXECUTION_MODE_LOCAL,
		ConfigDigest: p.params.ConfigDigest,
	}
	var err error
	switch request := q.Request.(type) {
	case *chatv1.CreateChatCompletionRequest:
		err = p.chat(plan, q, chat{request.GetParams(), request.GetOptions(), false})
	case *chatv1.StreamChatCompletionRequest:
		err = p.chat(plan, q, chat{request.GetParams(), request.GetOptions(), true})
	default:
		plan.Features = slices.Clone(q.Policy.GetFeatures())
	}
	if failed := failure.As(err); failed != nil {
		plan.Incomplete = failed.Reason
	}
	plan.Digest = digest(plan)
	return plan, err
}

// chat is what is asked of a chat RPC.
type chat struct {
	params  *chatv1.ChatCompletionParams
	options *commonv1.CallOptions
	stream  bool
}

// chat plans a chat completion.
func (p *Planner) chat(plan *planv1.ExecutionPlan, q Question, asked chat) error {
	plan.Mode = planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED
	// Cloned: a plan may be kept longer than the request that it came from.
	plan.Requested = &planv1.RequestedSelector{Model: strings.Clone(asked.params.GetModel()), Provider: asked.options.GetProvider()}
	plan.Retry = p.unary
	if asked.stream {
		plan.Retry = p.stream
	}
	plan.Features = p.features(plan, q.Policy, asked.stream) // as far as they need no target
	if slices.Contains(plan.GetFeatures(), policyv1.Feature_FEATURE_SEMANTICS) {
		plan.Capabilities = capabilities(asked.params)
	}
	snapshot := p.params.Catalog.Snapshot()
	if snapshot.Empty() {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY,
			"No provider has told its models yet, so no model can be found.")
	}
	found, err := find(snapshot, plan.Requested)
	if err != nil {
		return err
	}
	if silent := unheard(snapshot, plan.Requested); len(found) == 0 && silent != "" {
		return &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY,
			Message: fmt.Sprintf("The provider %q has not told its models yet.", silent),
			Param:   "model",
		}
	}
	for _, model := range found {
		p.consider(plan, q.Principal, model)
	}
	plan.Features = p.features(plan, q.Policy, asked.stream)
	if plan.Target == nil {
		return noTarget(plan)
	}
	return nil
}

// consider makes a model the target, or says why it is not.
func (p *Planner) consider(plan *planv1.ExecutionPlan, principal *call.Principal, model catalog.Model) {
	instance := p.params.Instances[model.Provider]
	target := &planv1.Target{
		Provider:       model.Provider,
		ProviderType:   model.ProviderType,
		Model:          model.ID,
		SameDialect:    instance.SameDialect,
		ParameterRules: model.Card.GetParameterRules(),
	}
	known := model.Card.GetCapabilities()
	switch {
	case principal != nil && !auth.Allows(principal, model.Provider, model.ID):
		reject(plan, target, planv1.RejectionReason_REJECTION_REASON_NOT_ALLOWED, "The key may not use this model.")
	case !instance.Chats || len(known) > 0 && !slices.Contains(known, modelsv1.Capability_CAPABILITY_CHAT):
		reject(plan, target, planv1.RejectionReason_REJECTION_REASON_NO_CAPABILITY, "The model does not answer chat completions.")
	case plan.GetTarget() == nil:
		plan.Target = target
	}
}

func reject(plan *planv1.ExecutionPlan, target *planv1.Target, reason planv1.RejectionReason, detail string) {
	plan.Rejected = append(plan.Rejected, &planv1.RejectedTarget{Target: target, Reason: reason, Detail: detail})
}

// noTarget is why nothing can take the call.
func noTarget(plan *planv1.ExecutionPlan) error {
	failed := &failure.Error{Param: "model"}
	model := call.Cut(plan.GetRequested().GetModel(), 128)
	switch {
	case len(plan.GetRejected()) == 0:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
		failed.Message = fmt.Sprintf("The model %q does not exist here, or no provider has it.", model)
	case plan.GetRejected()[0].GetReason() == planv1.RejectionReason_REJECTION_REASON_NOT_ALLOWED:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_ALLOWED
		failed.Message = fmt.Sprintf("The key may not use the model %q.", model)
	default:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
		failed.Message = fmt.Sprintf("The model %q does not answer chat completions.", model)
	}
	return failed
}

// features is what of the RPC's policy is in force for this call.
func (p *Planner) features(plan *planv1.ExecutionPlan, policy *policyv1.MethodPolicy, stream bool) []policyv1.Feature {
	var features []policyv1.Feature
	for _, feature := range policy.GetFeatures() {
		if feature == policyv1.Feature_FEATURE_PATCHING && !p.patches(plan, stream) {
			continue
		}
		features = append(features, feature)
	}
	if stream {
		features = append(features, policyv1.Feature_FEATURE_STREAMING)
	}
	return features
}

// patches says whether the request must change on its way to the target.
func (p *Planner) patches(plan *planv1.ExecutionPlan, stream bool) bool {
	target := plan.GetTarget()
	return len(target.GetParameterRules()) > 0 || stream && p.params.Instances[target.GetProvider()].StreamUsage
}

// digest is over all that decides: not over ids. The plan has none yet.
func digest(plan *planv1.ExecutionPlan) string {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(plan)
	if err != nil {
		return "" // a plan is UTF-8: the decoder and gRPC have seen to it
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
