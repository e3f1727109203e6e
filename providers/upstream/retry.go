package upstream

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// These rules are ours: failsafe-go's retrypolicy decides before it knows the wait,
// jitters waits that the provider set, hides a success behind a context that has ended,
// and its budget has no memory. Only the loop in run would be its. See docs/upstream.md.

// firstBackoff is the upper limit of the wait before the second attempt; it doubles
// with each further one.
const firstBackoff = 500 * time.Millisecond

// again decides whether a further attempt follows the nth one, and after which wait.
// A wait that the caller or the policy has no time for is left to the caller. After a
// failure of a key, another one that is free takes over at once: that is no retry of a
// provider in trouble, so it takes nothing of the budget.
func (c *Client) again(ctx context.Context, call *Call, n int, f *fault, forbidden []*Credential) (time.Duration, bool) {
	attempts, longest := c.limits.maxAttempts, c.limits.maxBackoff
	if call.Retry.GetMaxAttempts() > 0 {
		attempts = int(call.Retry.GetMaxAttempts())
	}
	if call.Retry.GetMaxBackoff() != nil {
		longest = call.Retry.GetMaxBackoff().AsDuration()
	}
	due := retried(call, f)
	if ofKey(f.Reason) && !c.keys.sole() {
		if rest, why, some := c.keys.soonest(call.Model, forbidden); some {
			if f.RetryAfter = rest; rest == 0 {
				return 0, n < attempts
			}
			due = due || why == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED && f.Reason != why
		}
	}
	if n >= attempts || !due || left(call, f) {
		return 0, false
	}
	wait := backoff(n, longest)
	if f.RetryAfter > 0 {
		// A little later than asked, so that those who were told the same do not
		// come together.
		wait = f.RetryAfter + rand.N(1+min(f.RetryAfter/10, longest-min(f.RetryAfter, longest))) //nolint:gosec // jitter
	}
	if wait > longest {
		return 0, false
	}
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return 0, false
	}
	return wait, c.budget.retry(time.Now())
}

// retried says whether the failure is one to try again. The provider's own word
// counts most, but for what no attempt can mend.
func retried(call *Call, f *fault) bool {
	switch f.Reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED:
		return false
	}
	if f.UpstreamStatus >= 400 {
		switch first(call.Exchange.Header, shouldRetry) {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return f.again
}

// left says whether the provider asks for a longer wait than the policy has for it: then
// another one is at hand. One that is limited or overloaded and tells no time asks for
// some.
func left(call *Call, f *fault) bool {
	if call.Retry.GetMaxWait() == nil {
		return false
	}
	wait := f.RetryAfter
	switch f.Reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED:
		wait = max(wait, 1)
	}
	return wait > call.Retry.GetMaxWait().AsDuration()
}

// backoff is full jitter: anything up to a limit that doubles.
func backoff(n int, longest time.Duration) time.Duration {
	limit := longest
	if n < 16 {
		limit = min(firstBackoff<<(n-1), longest)
	}
	return rand.N(limit + 1) //nolint:gosec // jitter needs no secrecy
}

const (
	// freeRetries are always allowed within the budget's window.
	freeRetries = 10
	// The window slides by whole seconds.
	windowSeconds = 10
)

// budget bounds retries by what is called, so that a provider in trouble is not
// called twice as often. It counts calls and retries of the last ten seconds.
type budget struct {
	percent int

	mu      sync.Mutex
	now     int64 // the second that slot now%windowSeconds counts
	calls   [windowSeconds]int
	retries [windowSeconds]int
}

// call counts a call.
func (b *budget) call(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls[b.slide(now)]++
}

// retry counts a retry and returns true, if there is one left.
func (b *budget) retry(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	slot := b.slide(now)
	calls, retries := 0, 0
	for i := range windowSeconds {
		calls += b.calls[i]
		retries += b.retries[i]
	}
	if retries >= calls*b.percent/100+freeRetries {
		return false
	}
	b.retries[slot]++
	return true
}

// slide forgets what is older than the window.
func (b *budget) slide(now time.Time) int {
	second := now.Unix()
	for past := max(b.now+1, second-windowSeconds+1); past <= second; past++ {
		b.calls[past%windowSeconds], b.retries[past%windowSeconds] = 0, 0
	}
	b.now = max(b.now, second)
	return int(b.now % windowSeconds)
}
