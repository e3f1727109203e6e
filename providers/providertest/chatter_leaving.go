package providertest

import (
	"context"
	"errors"
	"testing"
	"time"
)

// testLeaving has callers leave: the upstream is told at once, and the error is the
// context's.
func (s *suite) testLeaving(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"hang", "delay=1h", "hang-after=0", "hang-after=2", "per-chunk=1h", "pace=1"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) { s.testCancel(t, script, stream) })
		})
	}
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		both(t, func(t *testing.T, stream bool) {
			r := s.rig(t, longWait)
			r.up.EnqueueText(t, "hang")
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			ended := make(chan error, 1)
			go func() { ended <- r.run(ctx, say("Hello."), stream).err }()
			<-ctx.Done()
			r.left(ended, time.Now(), context.DeadlineExceeded)
		})
	})
	t.Run("Close", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "hang-after=2")
		stream, err := r.chatter.StreamChatCompletion(t.Context(), say("Hello."))
		if err != nil {
			t.Fatal(err)
		}
		left, ended := time.Now(), make(chan error, 1)
		ended <- nil
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		r.left(ended, left, nil)
	})
	t.Run("a context that is over", func(t *testing.T) {
		t.Parallel()
		both(t, func(t *testing.T, stream bool) {
			r := s.rig(t, longWait)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if got := r.run(ctx, say("Hello."), stream); !errors.Is(got.err, context.Canceled) || r.up.Calls() != 0 {
				t.Errorf("%v after %d calls", got.err, r.up.Calls())
			}
		})
	})
}

// testCancel leaves by the context, wherever the reply stands.
func (s *suite) testCancel(t *testing.T, script string, stream bool) {
	t.Helper()
	if !stream && script == "per-chunk=1h" { // such a reply comes at once
		return
	}
	r := s.rig(t, longWait)
	r.up.EnqueueText(t, script)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx, say("Hello."), stream).err }()
	if _, err := r.up.AwaitRequests(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	if script == "hang-after=2" && stream {
		if _, err := r.up.AwaitEvents(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
	}
	left := time.Now()
	cancel()
	r.left(ended, left, context.Canceled)
}

// left judges how a caller left.
func (r *rig) left(ended <-chan error, at time.Time, want error) {
	r.t.Helper()
	if err := <-ended; !errors.Is(err, want) {
		r.t.Errorf("the caller got %v, want %v", err, want)
	}
	all, err := r.up.AwaitAborted(r.t.Context(), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	if took := all[0].Aborted.Sub(at); took > 2*time.Second {
		r.t.Errorf("the upstream saw it after %v", took)
	}
	if r.up.Calls() != 1 {
		r.t.Errorf("%d calls", r.up.Calls())
	}
}
