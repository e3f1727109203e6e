// Package plan derives the execution plan of a call: from what the RPC declares,
// who calls, what is asked, and which models there are. It has no side effects, so
// explaining a call is planning it and stopping there.
package plan

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// Params is what a Planner is made from. All members are required.
type Params struct {
	// Catalog knows the models, and the routes.
	Catalog *catalog.Catalog
	// Instances says of each provider instance what it can do.
	Instances map[string]Instance
	// Order are the instances' names, in the order of the configuration.
	Order []string
	// Objects tells by its id where an object is kept.
	Objects *objects.Keeper
	// Upstream bounds upstream calls.
	Upstream *configv1.Upstream
	// ConfigDigest stands in every plan.
	ConfigDigest string
}

// Instance is what a plan must know of a provider instance.
type Instance struct {
	// Type is the name of its type.
	Type string
	// Chats says that it answers chat completions.
	Chats bool
	// Responds says that it answers responses itself.
	Responds bool
	// Counts and Compacts say that it counts the tokens of an input, and compacts one.
	Counts, Compacts bool
	// Embeds says that it turns texts into vectors.
	Embeds bool
	// KeepsResponses, KeepsConversations and KeepsCompletions say what it keeps.
	KeepsResponses, KeepsConversations, KeepsCompletions bool
	// SameDialect says that it speaks OpenAI's dialect.
	SameDialect bool
	// StreamUsage says that its streams are asked for their usage.
	StreamUsage bool
	// Losses is providers.Lossy's. Nil: it can carry everything.
	Losses func(proto.Message, *planv1.Target) []*commonv1.Loss
}

// Planner derives plans. Safe for concurrent use.
type Planner struct {
	params Params
	retry  policies
	routes map[string]*route
}

// New returns a planner.
func New(params Params) *Planner {
	p := &Planner{params: params, retry: newPolicies(params.Upstream, nil), routes: map[string]*route{}}
	for _, configured := range params.Catalog.Snapshot().Routes() { // all snapshots have the same
		p.routes[configured.GetName()] = &route{config: configured, retry: newPolicies(params.Upstream, configured)}
	}
	return p
}

// Step plans each call. A plan that could not be completed is on the call too, so
// that the record has what is known.
func (p *Planner) Step() call.Step {
	return call.Step{Name: "plan", Request: func(_ context.Context, c *call.Call, message proto.Message) error {
		plan, err := p.Derive(Question{RPC: c.RPC, Policy: c.Policy, Principal: c.Principal, RequestID: c.RequestID, Request: message})
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
	// RequestID is the call's, which draws the first target where a route spreads its
	// calls by weight. Empty: the heaviest is first.
	RequestID string
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
		err = p.model(plan, q, chat(request.GetParams(), request.GetOptions(), false))
	case *chatv1.StreamChatCompletionRequest:
		err = p.model(plan, q, chat(request.GetParams(), request.GetOptions(), true))
	case *responsesv1.CreateResponseRequest:
		err = p.model(plan, q, response(request.GetParams(), request.GetOptions(), false))
	case *responsesv1.StreamResponseRequest:
		err = p.model(plan, q, response(request.GetParams(), request.GetOptions(), true))
	case *responsesv1.CountInputTokensRequest:
		err = p.model(plan, q, counting(request.GetParams(), request.GetOptions()))
	case *responsesv1.CompactResponseRequest:
		err = p.model(plan, q, compacting(request.GetParams(), request.GetOptions()))
	case *embeddingsv1.CreateEmbeddingsRequest:
		err = p.model(plan, q, embedding(request.GetParams(), request.GetOptions()))
	default:
		plan.Features = slices.Clone(q.Policy.GetFeatures())
		if s, ok := storedOf(q.Request); ok {
			err = p.object(plan, q, s)
		}
	}
	if failed := failure.As(err); failed != nil {
		plan.Incomplete = failed.Reason
	}
	plan.Digest = digest(plan)
	return plan, err
}

// model plans a call of a model.
func (p *Planner) model(plan *planv1.ExecutionPlan, q Question, a asked) error {
	d := &derivation{planner: p, plan: plan, question: q, asked: a, snapshot: p.params.Catalog.Snapshot()}
	plan.Mode = planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED
	// Cloned: a plan may be kept longer than the request that it came from.
	plan.Requested = &planv1.RequestedSelector{Model: strings.Clone(a.model), Provider: strings.Clone(a.options.GetProvider())}
	plan.Strict = q.Principal != nil && q.Principal.Strict
	if a.options != nil && a.options.Strict != nil {
		plan.Strict = a.options.GetStrict()
	}
	if slices.Contains(q.Policy.GetFeatures(), policyv1.Feature_FEATURE_SEMANTICS) {
		plan.Capabilities = capabilities(a.params)
	}
	if slices.Contains(q.Policy.GetFeatures(), policyv1.Feature_FEATURE_ALIASES) {
		d.route = p.routes[a.model]
	}
	err := d.goesOnFrom()
	if err == nil {
		err = d.find()
	}
	plan.Retry = d.policy()
	plan.Features = d.features()
	if err == nil && plan.Target == nil {
		err = d.nobody()
	}
	return err
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
