package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testCuts cuts a recorded stream in many places, each in three ways: never is what
// came taken for the whole.
func (s *suite) testCuts(t *testing.T) {
	t.Parallel()
	const name = "gomodel/openai/chat_completion_stream.txt"
	const step = 13 // over all offsets within an event, since their lengths differ
	body, _, err := Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.Index(string(body), "data: "+done)
	for _, ending := range []Ending{EndClean, EndClose, EndReset} {
		t.Run([]string{EndClean: "clean", EndClose: "closed", EndReset: "reset"}[ending], func(t *testing.T) {
			t.Parallel()
			r := s.rig(t, longWait)
			for n := 1; n < end; n += step {
				r.up.Enqueue(Script{Replay: name, Cut: Cut{Ending: ending, Place: AfterBytes, N: int64(n)}})
				c := say("Again.")
				c.Retry.MaxAttempts = 1
				got := r.run(t.Context(), c, true)
				whole := strings.Count(string(body[:n]), "\n\n")
				if len(got.chunks) > whole+1 || len(got.chunks) < whole && ending != EndReset {
					t.Errorf("cut after %d bytes: %d chunks of %d events", n, len(got.chunks), whole)
				}
				if s.quirks[EndsWithoutDone] && got.err == nil && strings.Contains(string(body[:n]), `"finish_reason":"stop"`) {
					continue
				}
				reasons := because(truncated)
				if whole == 0 { // nothing came that says more
					reasons = because(truncated, invalidReply, unreachable)
				}
				if e := failure.As(got.err); e == nil || !slices.Contains(reasons, e.Reason) {
					t.Errorf("cut after %d bytes: %v, want %v", n, got.err, reasons)
				}
			}
		})
	}
}

// testLeaving has callers leave: the upstream is told at once, and the error is the
// context's.
func (s *suite) testLeaving(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"hang", "delay=1h", "hang-after=0", "hang-after=2", "per-chunk=1h", "pace=1"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				r := s.rig(t, longWait)
				r.up.EnqueueText(t, script)
				if !stream && script == "per-chunk=1h" { // such a reply comes at once
					return
				}
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
			})
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
