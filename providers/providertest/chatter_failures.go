package providertest

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// The reasons, without their prefix.
const (
	ok             = commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	rejected       = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED
	refusedKey     = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
	noFunds        = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
	rateLimited    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
	overloaded     = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED
	failed         = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
	unreachable    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE
	timedOut       = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT
	invalidReply   = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY
	truncated      = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED
	stalled        = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED
	modelNotFound  = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
	contextTooLong = commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
	filtered       = commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED
)

// method says by which of the two methods a case is called.
type method int

const (
	eitherWay method = iota
	unaryOnly
	streamOnly
)

// fault is a misbehaviour and what comes of it.
type fault struct {
	script string
	by     method
	// reasons has the one that is meant; several where the contract leaves it open.
	reasons []commonv1.ErrorReason
	// calls is how many upstream calls are made. 0: not said.
	calls int
	// chunks is how many chunks arrive before the failure.
	chunks int
	// check looks closer.
	check func(*failure.Error) bool
}

// because is the reason that is meant.
func because(reasons ...commonv1.ErrorReason) []commonv1.ErrorReason { return reasons }

// faults are the misbehaviours that give one failure.
func faults() []fault {
	return []fault{
		// The provider says no. What another try cannot mend is not tried again.
		{script: "status=400,message=No.,param=n,code=bad_n,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool {
			return e.Message == "No." && e.Param == "n" && e.Code == "bad_n" && e.Type == invalidRequest && e.HTTPStatus() == 400
		}},
		{script: "status=413,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 413 }},
		{script: "status=422,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 422 }},
		{script: "status=401,times=-1", reasons: because(refusedKey), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 502 }},
		{script: "status=404,times=-1", reasons: because(modelNotFound), calls: 1},
		{script: "status=400,code=context_length_exceeded,times=-1", reasons: because(contextTooLong), calls: 1},
		{script: "status=400,code=content_filter,times=-1", reasons: because(filtered), calls: 1},
		{script: "status=429,type=insufficient_quota,code=insufficient_quota,times=-1", reasons: because(noFunds), calls: 1},

		// What passes is tried again, as often as allowed.
		{script: "status=408,times=-1", reasons: because(rejected, timedOut), calls: attempts},
		{script: "status=409,times=-1", reasons: because(rejected), calls: attempts},
		{script: "status=500,times=-1", reasons: because(failed), calls: attempts, check: func(e *failure.Error) bool { return e.UpstreamStatus == 500 && e.HTTPStatus() == 502 }},
		{script: "html,times=-1", reasons: because(failed), calls: attempts, check: func(e *failure.Error) bool { return !strings.Contains(e.Message, "<") }},
		{script: "status=503,times=-1", reasons: because(overloaded), calls: attempts},
		{script: "status=504,times=-1", reasons: because(failed), calls: attempts},
		{script: "status=529,times=-1", reasons: because(overloaded), calls: attempts},
		{script: "status=429,retry-after-ms=5,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(5 * time.Millisecond)},
		{script: "status=429,retry-after=0.004,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(4 * time.Millisecond)},
		{script: "status=429,retry-after=-3,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "status=429,retry-after=soon,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "status=429,retry-after=Mon Jan 02 2006,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "reset,times=-1", reasons: because(unreachable), calls: attempts},
		{script: "drop,times=-1", reasons: because(unreachable), calls: attempts},

		// The provider's own word about retries counts most.
		{script: "status=429,retry-after=30,times=-1", reasons: because(rateLimited), calls: 1, check: waits(30 * time.Second)},
		{script: "status=500,should-retry=false,times=-1", reasons: because(failed), calls: 1},
		{script: "status=400,should-retry=true,times=-1", reasons: because(rejected), calls: attempts},

		// Silence.
		{script: "hang,times=-1", reasons: because(timedOut)},
		{script: "hang-after=0,times=-1", by: streamOnly, reasons: because(timedOut)},
		{script: "hang-after=0,times=-1", by: unaryOnly, reasons: because(stalled, timedOut)},
		{script: "hang-bytes=50,times=-1", by: unaryOnly, reasons: because(stalled)},
		{script: "hang-after=2", by: streamOnly, reasons: because(stalled), calls: 1, chunks: 2},
		{script: "hang-in=3", by: streamOnly, reasons: because(stalled), calls: 1, chunks: 2},

		// Ends that come too early. After a chunk nothing is tried again.
		{script: "reset-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "reset-in=3", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "drop-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "truncate-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "truncate-in=3", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "no-finish", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 6},
		{script: "truncate-after=0,times=-1", by: streamOnly, reasons: because(invalidReply, truncated)},
		{script: "drop-after=0,times=-1", by: streamOnly, reasons: because(truncated, unreachable)},
		{script: "drop-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated)},
		{script: "reset-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated)},
		{script: "truncate-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated, invalidReply)},

		// Errors inside a stream: before the first chunk they are tried again.
		{script: "error-at=1,code=server_is_overloaded,times=-1", by: streamOnly, reasons: because(overloaded), calls: attempts},
		{script: "error-at=1,type=invalid_request_error,code=context_length_exceeded,times=-1", by: streamOnly, reasons: because(contextTooLong), calls: 1},
		{script: "error-at=3", by: streamOnly, reasons: because(failed), calls: 1, chunks: 2},
		{script: "error-at=3,code=server_is_overloaded", by: streamOnly, reasons: because(overloaded), calls: 1, chunks: 2},
		{script: "error-at=3,type=insufficient_quota,code=insufficient_quota", by: streamOnly, reasons: because(noFunds), calls: 1, chunks: 2},

		// Answers that make no sense.
		{script: "malformed=1,times=-1", reasons: because(invalidReply)},
		{script: "malformed=3", by: streamOnly, reasons: because(invalidReply), calls: 1, chunks: 2},
		{script: "line=5000000,times=-1", by: unaryOnly, reasons: because(invalidReply)},
		{script: "line=5000000", by: streamOnly, reasons: because(invalidReply), calls: 1, chunks: 1},
		{script: "error-body,times=-1", reasons: because(failed, invalidReply)},
		{script: "no-content,times=-1", reasons: because(invalidReply)},
		{script: "empty,times=-1", reasons: because(invalidReply)},
		{script: "status=200,html,times=-1", reasons: because(invalidReply)},
		{script: "body=[1],times=-1", reasons: because(invalidReply)},
		{script: "body=hello,content-type=text/plain,times=-1", reasons: because(invalidReply)},
		{script: "gzip-bomb=1073741824,times=-1", reasons: because(invalidReply)},
		{script: "header-flood=300000,times=-1", reasons: because(invalidReply, unreachable)},
		{script: "conflicting-length,times=-1", reasons: because(invalidReply, unreachable)},
		{script: "garbage,times=-1", reasons: because(invalidReply, unreachable)},
	}
}

// waits says that a failure asks for this wait.
func waits(d time.Duration) func(*failure.Error) bool {
	return func(e *failure.Error) bool { return e.RetryAfter == d }
}

// testFailures has each misbehaviour give its failure.
func (s *suite) testFailures(t *testing.T) {
	t.Parallel()
	all := faults()
	noDone := fault{script: "no-done", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 7}
	if s.quirks[EndsWithoutDone] {
		noDone.reasons = because(ok)
	}
	for _, f := range append(all, noDone) {
		t.Run(f.script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				if stream && f.by == unaryOnly || !stream && f.by == streamOnly {
					return
				}
				s.testFault(t, f, stream)
			})
		})
	}
}

// testFault has one misbehaviour give its failure, by one method.
func (s *suite) testFault(t *testing.T, f fault, stream bool) {
	t.Helper()
	wait := longWait
	if strings.HasPrefix(f.script, "hang") {
		wait = shortWait
	}
	r := s.rig(t, wait)
	r.up.EnqueueText(t, f.script)
	c := say("x y")
	c.Params.StreamOptions = &chatv1.ChatStreamOptions{}
	c.Meter = false
	if !stream {
		c.Params.StreamOptions = nil
	}
	got := r.run(t.Context(), c, stream)
	e := checkFailure(t, r.up, c, got.err, f.reasons)
	if f.calls > 0 && r.up.Calls() != f.calls {
		t.Errorf("%d calls, want %d", r.up.Calls(), f.calls)
	}
	if len(got.chunks) != f.chunks || got.opened != (f.chunks > 0) {
		t.Errorf("%d chunks, want %d; opened %t", len(got.chunks), f.chunks, got.opened)
	}
	if f.check != nil && e != nil && !f.check(e) {
		t.Errorf("the failure is %+v", *e)
	}
}

// checkFailure judges a failure and what the adapter told of it.
func checkFailure(t testing.TB, up *Upstream, c *providers.ChatCall, err error, reasons []commonv1.ErrorReason) *failure.Error {
	t.Helper()
	e := failure.As(err)
	switch {
	case err == nil && slices.Contains(reasons, ok):
		return nil
	case e == nil:
		t.Fatalf("the error is %v, want %v", err, reasons)
	case !slices.Contains(reasons, e.Reason):
		t.Errorf("the reason is %v (%v), want %v", e.Reason, err, reasons)
	case e.Message == "":
		t.Errorf("the failure has no message")
	}
	if strings.Contains(err.Error(), up.Key()) || strings.Contains(e.UpstreamBody, up.Key()) {
		t.Errorf("the failure shows the key: %v", err)
	}
	if len(e.UpstreamBody) > 1024 {
		t.Errorf("the failure shows %d bytes of the answer", len(e.UpstreamBody))
	}
	if got := len(c.Exchange.Attempts); got != up.Calls() {
		t.Errorf("%d attempts were told of %d calls", got, up.Calls())
	}
	for _, a := range c.Exchange.Attempts {
		if a.Reason == ok || a.Model != "gpt-4o-mini" || a.Start.IsZero() || a.Duration <= 0 {
			t.Errorf("an attempt is %+v", a)
		}
	}
	return e
}

// testConnections has the faults that are not in one reply.
func (s *suite) testConnections(t *testing.T) {
	t.Parallel()
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		both(t, func(t *testing.T, stream bool) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			r := &rig{t: t, chatter: s.factory(t, "http://"+l.Addr().String()+"/v1", DefaultKey, bounds(longWait))}
			c := say("x")
			got := r.run(t.Context(), c, stream)
			if e := failure.As(got.err); e == nil || e.Reason != unreachable || len(c.Exchange.Attempts) != attempts {
				t.Errorf("%v after %d attempts", got.err, len(c.Exchange.Attempts))
			}
		})
	})
	t.Run("an authority that nobody knows", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait, func(p *Params) { p.TLS = true })
		got := r.run(t.Context(), say("x"), false)
		if e := failure.As(got.err); e == nil || e.Reason != unreachable || r.up.Calls() != 0 {
			t.Errorf("%v after %d calls", got.err, r.up.Calls())
		}
	})
	for _, code := range []string{"301", "302", "307", "308"} {
		t.Run("redirect "+code, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				r, other := s.rig(t, longWait), Start(t)
				r.up.EnqueueText(t, "redirect="+code+":"+other.URL()+"/chat/completions,times=-1")
				c := say("x")
				checkFailure(t, r.up, c, r.run(t.Context(), c, stream).err, because(invalidReply))
				if other.Calls() != 0 {
					t.Error("the redirect was followed")
				}
			})
		})
	}
	for _, script := range []string{"close", "stale"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				r := s.rig(t, longWait)
				r.up.EnqueueText(t, script, script)
				for range 3 {
					if got := r.run(t.Context(), say("Hello."), stream); got.err != nil || got.text() != "You said: Hello." {
						t.Errorf("%q, %v", got.text(), got.err)
					}
				}
			})
		})
	}
	t.Run("a reply that comes while the request is sent", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "early,status=401,times=-1")
		c := say(strings.Repeat("a long prompt ", 1<<20))
		if e := checkFailure(t, r.up, c, r.run(t.Context(), c, false).err, because(refusedKey)); r.up.Calls() != 1 {
			t.Errorf("%v after %d calls", e, r.up.Calls())
		}
	})
}

// errStop is what OnAttempt says in a test.
var errStop = errors.New("no further attempt")

// testRetries has faults that pass, and bounds that are the call's own.
func (s *suite) testRetries(t *testing.T) {
	t.Parallel()
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
	t.Run("one attempt", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "status=500")
		c := say("Hello.")
		c.Retry.MaxAttempts = 1
		checkFailure(t, r.up, c, r.run(t.Context(), c, false).err, because(failed))
		if r.up.Calls() != 1 {
			t.Errorf("%d calls", r.up.Calls())
		}
	})
	t.Run("OnAttempt ends the call", func(t *testing.T) {
		t.Parallel()
		both(t, func(t *testing.T, stream bool) {
			r := s.rig(t, longWait)
			r.up.EnqueueText(t, "status=500,times=-1")
			c, asked := say("Hello."), 0
			c.Exchange.OnAttempt = func() error {
				if asked++; asked == 2 {
					return errStop
				}
				return nil
			}
			if got := r.run(t.Context(), c, stream); !errors.Is(got.err, errStop) || r.up.Calls() != 1 {
				t.Errorf("%v after %d calls", got.err, r.up.Calls())
			}
		})
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
