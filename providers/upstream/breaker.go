package upstream

import (
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"

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
// since without any it cannot open: healthy ones cost a look into a map, and names
// that callers make up and the provider refuses take no room.
type breakers struct {
	percent int
	rest    time.Duration

	mu    sync.RWMutex
	all   map[breakerKey]*breaker
	swept time.Time // when idle ones were last dropped
}

// breaker watches one model. Its states are failsafe-go's: closed, it remembers the
// last outcomes; once too many are failures it opens, for a rest; after that one
// attempt at a time finds out whether to close it again.
type breaker struct {
	rest time.Duration

	mu      sync.Mutex // held for whatever is asked of the circuit, with changes
	circuit circuitbreaker.CircuitBreaker[any]
	changes int // of the state: what began before one does not count after it
}

func newBreaker(percent int, rest time.Duration) *breaker {
	b := &breaker{rest: rest}
	b.circuit = circuitbreaker.NewBuilder[any]().
		WithFailureThresholdRatio(uint(max(1, (percent*breakerCalls+99)/100)), breakerCalls).
		WithSuccessThreshold(1).
		WithDelay(rest).
		OnStateChanged(func(circuitbreaker.StateChangedEvent) { b.changes++ }).
		Build()
	return b
}

// permit is the leave to make one attempt. Its outcome is reported once.
type permit struct {
	of      *breakers
	key     breakerKey
	breaker *breaker // nil: there was none
	changes int
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
	return p, p.breaker.admit(&p)
}

func (b *breaker) admit(p *permit) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.circuit.TryAcquirePermit():
		p.changes = b.changes
		return 0
	case b.circuit.IsHalfOpen():
		return min(b.rest, time.Second) // the outcome of the one under way is not known yet
	default:
		return max(b.circuit.RemainingDelay(), 1)
	}
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

func (p permit) count(failed bool) {
	p.use(func(b *breaker) {
		if failed {
			b.circuit.RecordFailure()
		} else {
			b.circuit.RecordSuccess()
		}
	})
}

// begun says that a stream has begun, which may last: the one that was to find out
// has found out. Its end is reported all the same.
func (p *permit) begun() {
	p.use(func(b *breaker) {
		if b.circuit.IsHalfOpen() {
			b.circuit.RecordSuccess()
			p.changes = b.changes
		}
	})
}

// drop gives the permit back: nothing was learnt. The circuit takes none back, but
// each time it is half-opened it has one to give.
func (p permit) drop() {
	p.use(func(b *breaker) {
		if b.circuit.IsHalfOpen() {
			b.circuit.Open()
			b.circuit.HalfOpen()
		}
	})
}

// use asks something of the breaker, unless its state changed since the permit was
// given.
func (p permit) use(ask func(*breaker)) {
	b := p.breaker
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.changes == p.changes {
		ask(b)
	}
}

// idle says that nothing is lost with the breaker but what it remembers: it is
// closed, or its rest is over and nobody has come since.
func (b *breaker) idle() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.circuit.IsClosed() || b.circuit.IsOpen() && b.circuit.RemainingDelay() == 0
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
	made := newBreaker(b.percent, b.rest)
	b.all[key] = made
	return made
}

// forget drops breakers that are idle, not more than once in a second. False: there
// is no room.
func (b *breakers) forget() bool {
	if time.Since(b.swept) < time.Second {
		return false
	}
	b.swept = time.Now()
	for key, known := range b.all {
		if known.idle() {
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
