package upstream_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

func TestTheProvidersWaitIsKept(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]string{
		"seconds":      "retry-after: 0.15",
		"milliseconds": "retry-after-ms: 150",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, step{answer: reply("429 Slowly", "", header)}, step{answer: reply("200 OK", "{}")})
			u := bounds()
			u.MaxBackoff = durationpb.New(5 * time.Second)
			began := time.Now()
			o := unary(t, newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, u)))
			if took := time.Since(began); o.err != nil || took < 150*time.Millisecond {
				t.Errorf("got %v after %v", o.err, took)
			}
		})
	}
}

// A wait that there is no time for is the caller's to make, and he learns of it.
func TestWaitsThatAreTooLong(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		backoff  time.Duration
		deadline time.Duration
	}{
		"beyond the longest wait": {time.Second, time.Minute},
		"beyond the deadline":     {time.Minute, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, step{answer: reply("429 Slowly", "", "retry-after: 5", "x-ratelimit-remaining-requests: 0")})
			u := bounds()
			u.MaxBackoff = durationpb.New(test.backoff)
			c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, u))
			ctx, cancel := context.WithTimeout(t.Context(), test.deadline)
			defer cancel()
			call := newCall(t, c)
			began := time.Now()
			err := c.Do(ctx, call, func(string) error { return nil })
			e := want(t, outcome{err: err, call: call}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED)
			if e.RetryAfter != 5*time.Second || len(call.Exchange.Attempts) != 1 || time.Since(began) > time.Second {
				t.Errorf("told to wait %v, after %d attempts", e.RetryAfter, len(call.Exchange.Attempts))
			}
			if call.Exchange.Header.Get("X-Ratelimit-Remaining-Requests") != "0" || call.Exchange.Header.Get("Retry-After") != "5" {
				t.Errorf("headers %v", call.Exchange.Header)
			}
		})
	}
}

func TestThePolicyBoundsAttempts(t *testing.T) {
	t.Parallel()
	for attempts := range 5 {
		p := play(t, step{answer: reply("503 Busy", "")})
		c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds()))
		o := unary(t, c, retry(&planv1.RetryPolicy{MaxAttempts: int32(attempts), MaxBackoff: durationpb.New(0)}))
		expect := attempts
		if attempts == 0 {
			expect = 3 // unset: as configured
		}
		if n := len(o.call.Exchange.Attempts); n != expect {
			t.Errorf("%d attempts, want %d", n, expect)
		}
	}
}

// With another provider at hand, one that asks for a rest is left at once; what passes
// by itself is tried again all the same.
func TestWhereAnotherIsAtHand(t *testing.T) {
	t.Parallel()
	for answer, expect := range map[string]int{
		"429 Slow":        1,
		"503 Busy":        1,
		"529 Busy":        1,
		"500 Broken":      3,
		"502 Bad Gateway": 3,
		"400 Odd":         1,
	} {
		for header, expect := range map[string]int{"X-Other: 1": expect, "Retry-After: 1": 1} {
			p := play(t, step{answer: reply(answer, "", header)})
			c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, bounds()))
			began := time.Now()
			o := unary(t, c, retry(&planv1.RetryPolicy{MaxBackoff: durationpb.New(time.Second / 100), MaxWait: durationpb.New(0)}))
			if n := len(o.call.Exchange.Attempts); n != expect || time.Since(began) > 900*time.Millisecond {
				t.Errorf("%s %q: %d attempts in %v, want %d", answer, header, n, time.Since(began), expect)
			}
		}
	}
}

// While a provider fails, it is called hardly more often than it is asked for.
func TestRetriesHaveABudget(t *testing.T) {
	t.Parallel()
	p := play(t, step{answer: reply("503 Busy", "")})
	u := bounds()
	u.RetryBudgetPercent = proto.Int32(10)
	c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, u))
	for range 100 {
		_ = want(t, unary(t, c), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED)
	}
	if n := len(p.requests()); n > 120 {
		t.Errorf("%d requests for 100 calls", n)
	}
}

func TestModelThatFailsRests(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("503 Busy", "")})
		u := bounds()
		u.BreakerFailurePercent, u.MaxAttempts = proto.Int32(25), proto.Int32(1)
		c := newClient(t, params(p.url, v, u))
		for range 5 {
			_ = want(t, unary(t, c), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED)
		}
		o := stream(t, c)
		e := o.fault()
		if e == nil || e.Reason != commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER || e.Provider != "acme" ||
			e.RetryAfter <= 0 || e.RetryAfter > 10*time.Second {
			t.Fatalf("got %+v, want NO_HEALTHY_PROVIDER", e)
		}
		if n := len(p.requests()); n != 5 || len(o.call.Exchange.Attempts) != 0 {
			t.Errorf("%d requests, %d attempts", n, len(o.call.Exchange.Attempts))
		}
		_ = want(t, unary(t, c, func(call *upstream.Call) { call.Model = "m2" }), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED)
	})
}

// A breaker that opens during a call leaves it the provider's own failure.
func TestBreakerOpensWithinACall(t *testing.T) {
	t.Parallel()
	p := play(t, step{answer: reply("503 Busy", "")})
	u := bounds()
	u.BreakerFailurePercent, u.MaxAttempts = proto.Int32(10), proto.Int32(5)
	c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, u))
	_ = want(t, unary(t, c), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED)
	if n := len(p.requests()); n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
}

// Streams that break off count, too, when they had long begun.
func TestTruncatedStreamsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	p := play(t, step{events(one), leave})
	u := bounds()
	u.BreakerFailurePercent = proto.Int32(15)
	c := newClient(t, params(p.url, configv1.HttpVersion_HTTP_VERSION_1, u))
	for range 3 {
		_ = want(t, stream(t, c), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED)
	}
	if e := stream(t, c); e.fault() == nil || e.fault().Reason != commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER {
		t.Errorf("got %v, want NO_HEALTHY_PROVIDER", e.err)
	}
}

// An answer that comes before the body was sent is taken, and the sending ends.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := early(t, reply("413 Too Large", `{"error":{"message":"large"}}`))
			c := newClient(t, params(url, version, bounds()))
			large := []byte(strings.Repeat("x", 32<<20))
			o := unary(t, c, func(call *upstream.Call) { call.Body = [][]byte{large} })
			if e := want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED); e.Message != "large" || e.HTTPStatus() != 413 {
				t.Errorf("got %+v", e)
			}
			if o := unary(t, c); o.fault() == nil || o.fault().HTTPStatus() != 413 {
				t.Errorf("the next call: %v", o.err)
			}
		})
	}
}
