package service

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// walk is a call on its way along the targets of its plan, each of which is asked once,
// until one answers: answer for whole replies, begin for streams.
type walk[P proto.Message] struct {
	call   *call.Call
	params P
	meter  func(*providers.Exchange) *usagev1.TokenUsage

	began time.Time
	next  int // the place of the next target
	from  int // the current target's first upstream call, in Exchange.Attempts
	told  verdict
}

// verdict is how a target failed, with all that the caller is told of it.
type verdict struct {
	err       error
	target    *planv1.Target
	header    map[string][]string
	id        string
	usage     *usagev1.TokenUsage
	usageJSON string
}

// newWalk begins at the plan's first target.
func newWalk[P proto.Message](c *call.Call, params P, meter func(*providers.Exchange) *usagev1.TokenUsage) *walk[P] {
	c.Outcome.Admitted = time.Now()
	return &walk[P]{call: c, params: params, meter: meter, began: c.Outcome.Admitted}
}

// answer asks one target after the other for a whole reply. empty says that a reply
// says nothing, which counts as a failure while another target follows. The error is
// the one that tells the caller most.
func answer[A any, P proto.Message, R any](ctx context.Context, w *walk[P], able map[string]A,
	ask func(A, context.Context, *providers.Call[P]) (R, error), empty func(R) bool,
) (R, error) {
	for w.step() {
		provider, err := of(able, w.call.Outcome.Target)
		var reply R
		if err == nil {
			reply, err = ask(provider, ctx, w.outgoing())
		}
		if err == nil && !w.last() && empty(reply) {
			err = w.fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "The provider's answer says nothing.")
		}
		w.count()
		if err == nil {
			return reply, nil
		}
		if !w.goesOn(ctx, err) {
			break
		}
	}
	var none R
	return none, w.why()
}

// begin asks one target after the other for a stream, until one has begun: see opening.
// shows says that a piece carries content. After the stream's end, and Close, count must
// be called.
func begin[A any, P proto.Message, M proto.Message](ctx context.Context, w *walk[P], able map[string]A,
	ask func(A, context.Context, *providers.Call[P]) (providers.Stream[M], error), shows func(M) bool,
) (providers.Stream[M], error) {
	for w.step() {
		provider, err := of(able, w.call.Outcome.Target)
		var stream providers.Stream[M]
		if err == nil {
			stream, err = hold(ctx, w, shows, func(ctx context.Context) (providers.Stream[M], error) {
				return ask(provider, ctx, w.outgoing())
			})
		}
		if err == nil {
			return stream, nil
		}
		w.count()
		if !w.goesOn(ctx, err) {
			break
		}
	}
	return nil, w.why()
}

// of is the provider of a target.
func of[A any](able map[string]A, target *planv1.Target) (A, error) {
	provider, ok := able[target.GetProvider()]
	if !ok {
		return provider, fmt.Errorf("the plan's target %q cannot do what it is there for", target.GetProvider())
	}
	return provider, nil
}

// step goes to the next target. False: there is none.
func (w *walk[P]) step() bool {
	plan, outcome := w.call.Plan, &w.call.Outcome
	switch {
	case w.next == 0:
		outcome.Target = plan.GetTarget()
	case w.next <= len(plan.GetFallbacks()):
		outcome.Target = plan.GetFallbacks()[w.next-1]
	default:
		return false
	}
	w.next++
	w.from = len(outcome.Exchange.Attempts)
	// A target that is not called at all must not be told by the last one's words.
	outcome.Exchange.UsageJSON, outcome.Exchange.Header, outcome.Exchange.UpstreamRequestID, outcome.Usage = "", nil, "", nil
	outcome.Exchange.Usage = nil
	return outcome.Target != nil
}

// last says that no target follows the current one.
func (w *walk[P]) last() bool { return w.next > len(w.call.Plan.GetFallbacks()) }

// outgoing is the call as it goes to the current target.
func (w *walk[P]) outgoing() *providers.Call[P] {
	return &providers.Call[P]{
		Params:    w.params,
		Target:    w.call.Outcome.Target,
		Retry:     w.policy(),
		Patch:     w.call.Has(policyv1.Feature_FEATURE_PATCHING),
		Meter:     w.call.Has(policyv1.Feature_FEATURE_USAGE),
		RequestID: w.call.RequestID,
		Exchange:  &w.call.Outcome.Exchange,
	}
}

// policy is the plan's policy as it is for the current target: some of it is for all
// but the last, and the total is what is left of it.
func (w *walk[P]) policy() *planv1.RetryPolicy {
	plan := w.call.Plan.GetRetry()
	total := plan.GetTotalTimeout()
	if total == nil && plan.GetMaxWait() == nil && plan.GetFirstTokenTimeout() == nil {
		return plan
	}
	p := &planv1.RetryPolicy{
		MaxAttempts: plan.GetMaxAttempts(), MaxBackoff: plan.GetMaxBackoff(), MaxWait: plan.GetMaxWait(),
		FirstByteTimeout: plan.GetFirstByteTimeout(), IdleTimeout: plan.GetIdleTimeout(),
	}
	if w.last() {
		p.MaxWait = nil
	} else if first := plan.GetFirstTokenTimeout(); first != nil {
		p.FirstByteTimeout = first
	}
	if total != nil {
		p.TotalTimeout = durationpb.New(max(w.left(), 0))
	}
	return p
}

// left is what is left of the total timeout. Only where the plan has one.
func (w *walk[P]) left() time.Duration {
	return w.call.Plan.GetRetry().GetTotalTimeout().AsDuration() - time.Since(w.began)
}

// fail is a failure that the gateway itself finds in what looked like an answer; it is
// written down at the upstream call.
func (w *walk[P]) fail(reason commonv1.ErrorReason, message string) *failure.Error {
	failed := failure.New(reason, message)
	failed.Provider = w.call.Outcome.Target.GetProvider()
	if attempts := w.call.Outcome.Exchange.Attempts; len(attempts) > w.from {
		last := &attempts[len(attempts)-1]
		last.Reason = reason
		failed.UpstreamRequestID, failed.UpstreamStatus = last.UpstreamRequestID, last.HTTPStatus
	}
	return failed
}

// count meters what the current target's last upstream call used, if the plan says so.
func (w *walk[P]) count() {
	outcome := &w.call.Outcome
	exchange := &outcome.Exchange
	switch {
	case !w.call.Has(policyv1.Feature_FEATURE_USAGE):
		exchange.UsageJSON = "" // in the reply it stays
		return
	case exchange.UsageJSON == "":
		return
	}
	outcome.Usage = w.meter(exchange)
	if paid := len(exchange.Attempts); paid > w.from {
		exchange.Attempts[paid-1].UsageJSON = exchange.UsageJSON
		for len(outcome.Paid) < paid {
			outcome.Paid = append(outcome.Paid, nil)
		}
		outcome.Paid[paid-1] = outcome.Usage
	}
}

// goesOn takes down how the current target failed, and says whether the next one is to
// be asked.
func (w *walk[P]) goesOn(ctx context.Context, err error) bool {
	outcome := &w.call.Outcome
	failed := failure.As(err)
	if w.told.err == nil || failed == nil || weight(failed) > weight(failure.As(w.told.err)) {
		w.told = verdict{err, outcome.Target, outcome.Exchange.Header, outcome.Exchange.UpstreamRequestID, outcome.Usage, outcome.Exchange.UsageJSON}
	}
	late := w.call.Plan.GetRetry().GetTotalTimeout() != nil && w.left() <= 0
	return failed != nil && elsewhere(failed.Reason) && !w.last() && !late && ctx.Err() == nil
}

// why is the error for the caller. What it is told beside it is of the same target.
func (w *walk[P]) why() error {
	outcome, told := &w.call.Outcome, w.told
	if told.err == nil {
		return fmt.Errorf("the plan %s has no target", w.call.Plan.GetDigest())
	}
	outcome.Target, outcome.Usage = told.target, told.usage
	outcome.Exchange.Header, outcome.Exchange.UpstreamRequestID, outcome.Exchange.UsageJSON = told.header, told.id, told.usageJSON
	return told.err
}
