package plan

import (
	"slices"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// stored is what is asked of a stored object.
type stored struct {
	// id names it. Empty: one is to be made, or several are listed.
	id      string
	kind    objects.Kind
	options *commonv1.CallOptions
	// keeps says whether an instance keeps such objects.
	keeps func(Instance) bool
}

func keepsResponses(i Instance) bool     { return i.Responds && i.KeepsResponses }
func keepsConversations(i Instance) bool { return i.KeepsConversations }
func keepsCompletions(i Instance) bool   { return i.KeepsCompletions }

// storedOf reads what a request asks of a stored object. False: it asks nothing of one.
func storedOf(request proto.Message) (stored, bool) {
	options, _ := request.(interface {
		GetOptions() *commonv1.CallOptions
	})
	s := stored{}
	switch r := request.(type) {
	case interface{ GetResponseId() string }:
		s.id, s.kind, s.keeps = r.GetResponseId(), objects.KindResponse, keepsResponses
	case interface{ GetConversationId() string }:
		s.id, s.kind, s.keeps = r.GetConversationId(), objects.KindConversation, keepsConversations
	case *conversationsv1.CreateConversationRequest:
		s.keeps = keepsConversations
	case interface{ GetCompletionId() string }:
		s.id, s.kind, s.keeps = r.GetCompletionId(), objects.KindCompletion, keepsCompletions
	case *chatv1.ListChatCompletionsRequest:
		s.keeps = func(Instance) bool { return false } // what providers keep is everybody's
	default:
		return s, false
	}
	if options != nil {
		s.options = options.GetOptions()
	}
	return s, true
}

// object plans a call about a stored object: by the provider that keeps it, else by the
// gateway alone.
func (p *Planner) object(plan *planv1.ExecutionPlan, q Question, s stored) error {
	named := s.options.GetProvider()
	if named != "" {
		plan.Requested = &planv1.RequestedSelector{Provider: named}
		if _, there := p.params.Instances[named]; !there {
			return noProvider(named)
		}
	}
	retry := p.retry.unary
	if _, streams := q.Request.(*responsesv1.ResumeResponseRequest); streams {
		retry = p.retry.stream
		plan.Features = append(plan.Features, policyv1.Feature_FEATURE_STREAMING)
	}
	candidates, err := p.keepers(q, s)
	if err != nil || len(candidates) == 0 {
		return err
	}
	plan.Mode, plan.Retry = planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED, retry
	for _, name := range candidates {
		target := &planv1.Target{Provider: name, ProviderType: p.params.Instances[name].Type, SameDialect: p.params.Instances[name].SameDialect}
		if plan.GetTarget() == nil {
			plan.Target = target
		} else {
			plan.Fallbacks = append(plan.Fallbacks, target)
		}
	}
	return nil
}

// keepers are the instances that may keep the object. None: the gateway's own store.
func (p *Planner) keepers(q Question, s stored) ([]string, error) {
	named := s.options.GetProvider()
	if s.id == "" {
		if named == "" {
			return nil, nil
		}
		return p.able(named, s)
	}
	owner, raw := "/", true
	if q.Principal != nil {
		owner, raw = q.Principal.Owner, q.Principal.Holds(policyv1.Scope_SCOPE_RAW_IDS)
	}
	ref, isRaw, err := p.params.Objects.Open(s.kind, s.id, owner, raw)
	switch {
	case err != nil:
		return nil, err
	case isRaw && named != "":
		return p.able(named, s)
	case isRaw:
		able := slices.DeleteFunc(slices.Clone(p.params.Order), func(name string) bool { return !s.keeps(p.params.Instances[name]) })
		if len(able) == 0 {
			return nil, objects.Missing("")
		}
		return able, nil
	case named != "" && named != ref.Instance:
		return nil, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT,
			Message: "The provider that is named does not keep the object.",
			Param:   "provider",
		}
	case ref.Instance == "":
		return nil, nil
	case !s.keeps(p.params.Instances[ref.Instance]): // it did, under another configuration
		return nil, objects.Missing("")
	default:
		return []string{ref.Instance}, nil
	}
}

// able is a named instance, if it keeps such objects.
func (p *Planner) able(named string, s stored) ([]string, error) {
	if s.keeps(p.params.Instances[named]) {
		return []string{named}, nil
	}
	return nil, &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION,
		Message: "The provider keeps no such objects, or none that belong to one caller.",
		Param:   "provider",
	}
}
