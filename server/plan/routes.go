package plan

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
)

// route is a name that stands for targets.
type route struct {
	config *configv1.Route
	retry  policies
}

// policies are the retry policies that plans share. Read-only.
type policies struct{ unary, stream, spreadUnary, spreadStream *planv1.RetryPolicy }

// newPolicies are the policies of a route, or of calls without one. Those of plans with
// several targets spread: a provider that asks for a wait is left to the next one.
func newPolicies(up *configv1.Upstream, r *configv1.Route) policies {
	attempts := up.GetMaxAttempts()
	if r.GetMaxAttempts() > 0 {
		attempts = r.GetMaxAttempts()
	}
	unary := &planv1.RetryPolicy{
		MaxAttempts: attempts, MaxBackoff: up.GetMaxBackoff(), FirstByteTimeout: up.GetHeaderTimeout(), TotalTimeout: r.GetTotalTimeout(),
	}
	stream := &planv1.RetryPolicy{
		MaxAttempts: attempts, MaxBackoff: up.GetMaxBackoff(), FirstByteTimeout: up.GetFirstEventTimeout(), IdleTimeout: up.GetIdleTimeout(),
		TotalTimeout: r.GetTotalTimeout(),
	}
	spreadUnary := &planv1.RetryPolicy{
		MaxAttempts: attempts, MaxBackoff: up.GetMaxBackoff(), FirstByteTimeout: up.GetHeaderTimeout(), TotalTimeout: r.GetTotalTimeout(),
		FirstTokenTimeout: r.GetFirstTokenTimeout(), MaxWait: &durationpb.Duration{},
	}
	spreadStream := &planv1.RetryPolicy{
		MaxAttempts: attempts, MaxBackoff: up.GetMaxBackoff(), FirstByteTimeout: up.GetFirstEventTimeout(), IdleTimeout: up.GetIdleTimeout(),
		TotalTimeout: r.GetTotalTimeout(), FirstTokenTimeout: r.GetFirstTokenTimeout(), MaxWait: &durationpb.Duration{},
		HoldTokens: r.GetHoldTokens(),
	}
	if r.GetHold().AsDuration() > 0 {
		spreadStream.Hold = r.GetHold()
	}
	return policies{unary, stream, spreadUnary, spreadStream}
}

// policy is how failures of this call are retried.
func (d *derivation) policy() *planv1.RetryPolicy {
	of := d.planner.retry
	if d.route != nil {
		of = d.route.retry
	}
	several := len(d.plan.GetFallbacks()) > 0
	switch {
	case several && d.asked.stream:
		return of.spreadStream
	case several:
		return of.spreadUnary
	case d.asked.stream:
		return of.stream
	default:
		return of.unary
	}
}

// unmet is the condition of a target that the request does not meet. Empty: it meets
// them all.
func (d *derivation) unmet(when *configv1.RouteCondition) string {
	switch {
	case when == nil:
		return ""
	case when.Stream != nil && when.GetStream() != d.asked.stream:
		return "It is for streams alone, or for replies that are none."
	case slices.ContainsFunc(when.GetCapabilities(), func(wanted capability) bool { return !slices.Contains(d.plan.GetCapabilities(), wanted) }):
		return "It is for requests that ask for other abilities."
	case len(when.GetOwners()) > 0 && !d.owned(when.GetOwners()):
		return "It is for other callers."
	case when.MinInputBytes != nil && d.length() < when.GetMinInputBytes():
		return "It is for longer inputs."
	case when.MaxInputBytes != nil && d.length() > when.GetMaxInputBytes():
		return "It is for shorter inputs."
	default:
		return ""
	}
}

// owned says whether the caller's owner path is one of those, or below one.
func (d *derivation) owned(owners []string) bool {
	if d.question.Principal == nil {
		return false
	}
	path := d.question.Principal.Owner
	return slices.ContainsFunc(owners, func(owner string) bool {
		rest, below := strings.CutPrefix(path, owner)
		return below && (rest == "" || rest[0] == '/')
	})
}

// length is inputBytes, measured once.
func (d *derivation) length() int64 {
	if d.input < 0 {
		d.input = inputBytes(d.asked.params)
	}
	return d.input
}

// draw is the place of the target that is first where calls are spread by weight.
func draw(weights []int64, requestID string) int {
	total, heaviest := int64(0), 0
	for i, weight := range weights {
		total += weight
		if weight > weights[heaviest] {
			heaviest = i
		}
	}
	if requestID == "" || total == 0 {
		return heaviest
	}
	rest := int64(mix(requestID) % uint64(total)) //nolint:gosec // both are small and positive
	for i, weight := range weights {
		if rest -= weight; rest < 0 {
			return i
		}
	}
	return heaviest
}

// mix is a hash of an id, each bit of which depends on all of it: ids that are counted
// up must spread, too. FNV-1a, and the finish of MurmurHash3.
func mix(id string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
