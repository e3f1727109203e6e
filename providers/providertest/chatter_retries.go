package providertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testRetries has faults that pass, and bounds that are the call's own.
func (s *suite) testRetries(t *testing.T) {
	t.Parallel()
	s.testPassing(t)
	t.Run("one attempt", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "status=500")
		c := say("Hello.")
		c.Retry.MaxAttempts = 1
		if e := checkFailure(t, r.up, c.Exchange, "gpt-4o-mini", r.run(t.Context(), c, false).err, because(failed)); r.up.Calls() != 1 {
			t.Errorf("%v after %d calls", e, r.up.Calls())
		}
	})
	t.Run("no attempt beyond the deadline", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "status=429,retry-after-ms=40,times=-1")
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		got := r.run(ctx, say("Hello."), false)
		if e := failure.As(got.err); (e == nil || e.Reason != rateLimited) && !errors.Is(got.err, context.DeadlineExceeded) || r.up.Calls() > 1 {
			t.Errorf("%v after %d calls", got.err, r.up.Calls())
		}
	})
}

// testPassing has faults that are over before the attempts are.
func (s *suite) testPassing(t *testing.T) {
	t.Helper()
	for _, script := range []string{"status=500,times=2", "status=429,retry-after-ms=1,times=2", "reset,times=2", "drop,times=2"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				r := s.rig(t, longWait)
				r.up.EnqueueText(t, script)
				c := say("Hello.")
				if got := r.run(t.Context(), c, stream); got.err != nil || got.text() != "You said: Hello." {
					t.Fatalf("%q, %v", got.text(), got.err)
				}
				checkExchange(t, r.up, c, 3)
			})
		})
	}
	t.Run("an error as the first event", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "error-at=1,code=server_is_overloaded")
		c := say("Hello.")
		if got := r.run(t.Context(), c, true); got.err != nil || got.text() != "You said: Hello." {
			t.Fatalf("%q, %v", got.text(), got.err)
		}
		checkExchange(t, r.up, c, 2)
	})
}
