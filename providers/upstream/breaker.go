package upstream

import (
	"sync"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

const (
	// breakerCalls are those that a breaker remembers.
	breakerCalls = 20
	// maxBreakers bounds how many models are watched: their names come from
	// callers.
	maxBreakers = 4096
	// breakerOff is the percentage that switches breakers off.
	breakerOff = 100
)

// breakerKey is what rests as a whole.
type breakerKey struct{ model, credential string }

// breakers rest models that fail. A model gets a breaker with its first failure,
// since without any it cannot open; healthy ones cost a look into a map.
type breakers struct {
	percent int
	rest    time.Duration

	mu    sync.RWMutex
	all   map[breakerKey]*breaker
	swept time.Time // when closed ones were last dropped
}

// breaker watches one model. Closed, it remembers the last outcomes; once too many
// are failures it opens, for a rest; after that one attempt at a time finds out
// whether to close it again.
type breaker struct {
	threshold int // failures among the last breakerCalls that open it
	rest      time.Duration

	mu       sync.Mutex
	outcomes [breakerCalls]bool // true: failure
	next     int                // place of the next outcome
	failures int                // among outcomes
	until    time.Time          // end of the rest; zero: closed
	probing  bool               // after the rest: an attempt is finding out
	changes  int                // of the state: what began before one does not count after it
}

// permit is the leave to make one attempt. Its outcome is reported once.
type permit struct {
	of      *breakers
	key     breakerKey
	breaker *breaker // nil: there was none
	changes int
	probe   bool
}

// admit gives a permit, or the time for which the model still rests.
func (b *breakers) admit(key breakerKey) (permit, time.Duration) {
	p := permit{of: b, key: key}
	b.mu.RLock()
	p.breaker = b.all[key]
	b.mu.RUnlock()
	if p.breaker == nil {
		return p, 0
	}
	return p, p.breaker.admit(&p, time.Now())
}

func (b *breaker) admit(p *permit, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.changes = b.changes
	switch {
	case b.until.IsZero():
		return 0
	case now.Before(b.until):
		return b.until.Sub(now)
	case b.probing:
		return min(b.rest, time.Second) // the outcome of the one under way is not known yet
	}
	b.probing, p.probe = true, true
	return 0
}

// report says how the attempt went; the reason is that of its failure.
func (p permit) report(success bool, reason commonv1.ErrorReason) {
	switch {
	case success || answered(reason):
		p.count(false)
	case !ill(reason):
		p.drop()
	default:
		if p.breaker == nil {
			p.breaker = p.of.watch(p.key)
		}
		p.count(true)
	}
}

// begun says that a stream has begun, which may last: the one that was to find out
// has found out. Its end is reported all the same.
func (p *permit) begun() {
	if !p.probe {
		return
	}
	p.count(false)
	p.breaker.mu.Lock()
	defer p.breaker.mu.Unlock()
	p.probe, p.changes = false, p.breaker.changes
}

// drop gives the permit back: nothing was learnt.
func (p permit) drop() {
	if !p.probe {
		return
	}
	p.breaker.mu.Lock()
	defer p.breaker.mu.Unlock()
	if p.breaker.changes == p.changes {
		p.breaker.probing = false
	}
}

func (p permit) count(failed bool) {
	b := p.breaker
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.changes != p.changes || !b.until.IsZero() && !p.probe:
	case p.probe && !failed:
		b.change(time.Time{})
	case p.probe:
		b.change(time.Now().Add(b.rest))
	default:
		b.remember(failed)
		if b.failures >= b.threshold {
			b.change(time.Now().Add(b.rest))
		}
	}
}

func (b *breaker) remember(failed bool) {
	if b.outcomes[b.next] {
		b.failures--
	}
	if failed {
		b.failures++
	}
	b.outcomes[b.next] = failed
	b.next = (b.next + 1) % breakerCalls
}

// change opens the breaker until a time, or closes it with nothing remembered.
func (b *breaker) change(until time.Time) {
	b.until, b.probing = until, false
	b.outcomes, b.failures, b.next = [breakerCalls]bool{}, 0, 0
	b.changes++
}

func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until.IsZero()
}

// watch returns the model's breaker, a new one if there is none; nil when breakers
// are off or the models are too many.
func (b *breakers) watch(key breakerKey) *breaker {
	if b.percent >= breakerOff {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if found := b.all[key]; found != nil {
		return found
	}
	if b.all == nil {
		b.all = make(map[breakerKey]*breaker)
	}
	if len(b.all) >= maxBreakers && !b.forget() {
		return nil
	}
	made := &breaker{threshold: max(1, (b.percent*breakerCalls+99)/100), rest: b.rest}
	b.all[key] = made
	return made
}

// forget drops breakers that are closed, not more than once in a second. False: there
// is no room.
func (b *breakers) forget() bool {
	if time.Since(b.swept) < time.Second {
		return false
	}
	b.swept = time.Now()
	for key, known := range b.all {
		if known.closed() {
			delete(b.all, key)
		}
	}
	return len(b.all) < maxBreakers
}

// ill says whether a failure is the provider's own.
func ill(reason commonv1.ErrorReason) bool {
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED:
		return true
	}
	return false
}

// answered says whether the provider is well and refused the request, or its rate.
func answered(reason commonv1.ErrorReason) bool {
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED,
		commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED,
		commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED,
		commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED:
		return true
	}
	return false
}
