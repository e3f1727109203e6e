package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// result is what must come of a call whose provider misbehaves.
type result struct {
	// reason is why it fails. Empty: it does not.
	reason string
	// status is what REST answers, code what gRPC does.
	status int
	code   codes.Code
	// inBand says that the failure comes after the first piece of a stream.
	inBand bool
	// attempts are the upstream calls, each "status" or "status REASON"; 0: no answer.
	attempts []string
	// replaced is how many upstream calls were made beside the attempts: a pooled
	// connection that hangs up without an answer is replaced within its attempt.
	replaced int
	// metered says that the usage is known.
	metered bool
}

// answers is an orderly reply, after failed attempts if there are any.
func answers(failed ...string) result {
	return result{status: http.StatusOK, attempts: append(failed, "200"), metered: true}
}

// fails is a failure before anything was sent to the client.
func fails(status int, reason string, attempts ...string) result {
	return result{status: status, code: codes.Unavailable, reason: reason, attempts: attempts}
}

// breaks is a failure after the stream has begun. Its status is that of the error,
// which only gRPC can still show.
func breaks(status int, reason string) result {
	return result{status: status, code: codes.Unavailable, reason: reason, inBand: true, attempts: []string{"200 " + reason}}
}

// with changes the gRPC code.
func (r result) with(code codes.Code) result {
	r.code = code
	return r
}

// meter changes whether the usage is known.
func (r result) meter(known bool) result {
	r.metered = known
	return r
}

// thrice is an attempt that is made three times, which is as often as allowed.
func thrice(attempt string) []string { return []string{attempt, attempt, attempt} }

// fault is a misbehaviour of the provider.
type fault struct {
	name string
	// script is the misbehaviour as providertest has it. For each attempt of a call,
	// unless it says otherwise itself.
	script string
	// upstream is the configuration of upstream calls, beside that of all.
	upstream string
	unary    result
	stream   result
	// ask changes what is asked.
	ask ask
	// see looks at what is special.
	see func(*testing.T, seen)
}

// both is a fault that is the same for streams.
func both(name, script string, r result) fault {
	return fault{name: name, script: script, unary: r, stream: r}
}

// impatient has timeouts that a test can wait for.
const impatient = "  header_timeout: 0.4s\n  first_event_timeout: 0.4s\n  idle_timeout: 0.4s\n"

// faultConfig retries at once, and never rests a model: each row is by itself.
const faultConfig = "upstream:\n  max_backoff: 0.02s\n  breaker_failure_percent: 100\n"

// faults is reliability, on one screen.
func faults() []fault {
	hung := []fault{
		both("hangs before the headers", "hang", fails(504, "UPSTREAM_TIMEOUT", "0 UPSTREAM_TIMEOUT")),
		{
			name: "hangs after the headers", script: "hang-after=0",
			unary:  fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"),
			stream: fails(504, "UPSTREAM_TIMEOUT", "200 UPSTREAM_TIMEOUT"),
		},
		{name: "hangs between events", script: "hang-after=2", unary: fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"), stream: breaks(504, "UPSTREAM_STALLED")},
		{name: "hangs in an event", script: "hang-in=3", unary: fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"), stream: breaks(504, "UPSTREAM_STALLED")},
	}
	for i := range hung {
		hung[i].upstream = impatient
	}
	return slices.Concat(hung, brokenOff(), refusals(), nonsense(), spellings())
}

// brokenOff are replies that end too early.
func brokenOff() []fault {
	truncated := fails(502, "UPSTREAM_TRUNCATED", thrice("200 UPSTREAM_TRUNCATED")...)
	invalid := fails(502, "UPSTREAM_INVALID_REPLY", "200 UPSTREAM_INVALID_REPLY")
	empty := fails(502, "UPSTREAM_INVALID_REPLY", thrice("200 UPSTREAM_INVALID_REPLY")...)
	unreachable := fails(502, "UPSTREAM_UNREACHABLE", thrice("0 UPSTREAM_UNREACHABLE")...)
	unreachable.replaced = 1
	cut := breaks(502, "UPSTREAM_TRUNCATED")
	return []fault{
		both("resets before the headers", "reset", unreachable),
		both("hangs up before the headers", "drop", unreachable),
		both("resets after the headers", "reset-after=0", truncated),
		{name: "resets between events", script: "reset-after=2", unary: truncated, stream: cut},
		{name: "resets in an event", script: "reset-in=2", unary: truncated, stream: cut},
		{name: "hangs up between events", script: "drop-after=2", unary: truncated, stream: cut},
		{name: "hangs up in an event", script: "drop-in=2", unary: truncated, stream: cut},
		{name: "ends in order, too early", script: "truncate-after=2", unary: invalid, stream: cut},
		{name: "ends in order, in an event", script: "truncate-in=2", unary: invalid, stream: cut},
		both("ends in order, without anything", "truncate-after=0", empty),
		{name: "leaves [DONE] out", script: "no-done", unary: answers(), stream: cut.meter(true)},
		{name: "leaves the finish out", script: "no-finish", unary: answers(), stream: cut},
		{name: "leaves the finish out, but says [DONE]", script: "no-finish-but-done", unary: answers(), stream: cut.meter(true)},
		both("leaves the usage out", "no-usage", answers().meter(false)),
	}
}

// refusals are errors that the provider tells, in whatever way.
func refusals() []fault {
	failed := fails(502, "UPSTREAM_FAILED", thrice("500 UPSTREAM_FAILED")...)
	limited := fails(429, "UPSTREAM_RATE_LIMITED", "429 UPSTREAM_RATE_LIMITED").with(codes.ResourceExhausted)
	again := fails(429, "UPSTREAM_RATE_LIMITED", thrice("429 UPSTREAM_RATE_LIMITED")...).with(codes.ResourceExhausted)
	broke := fails(429, "UPSTREAM_QUOTA_EXHAUSTED", "429 UPSTREAM_QUOTA_EXHAUSTED").with(codes.ResourceExhausted)
	busy := func(status string) result {
		return fails(503, "UPSTREAM_OVERLOADED", thrice(status+" UPSTREAM_OVERLOADED")...)
	}
	refused := fails(502, "UPSTREAM_CREDENTIALS_REFUSED", "401 UPSTREAM_CREDENTIALS_REFUSED").with(codes.FailedPrecondition)
	inside := fails(502, "UPSTREAM_FAILED", thrice("200 UPSTREAM_FAILED")...)
	return []fault{
		both("fails once", "status=500,times=1", answers("500 UPSTREAM_FAILED")),
		both("fails twice", "status=502,times=2", answers("502 UPSTREAM_FAILED", "502 UPSTREAM_FAILED")),
		both("fails always", "status=500", failed),
		both("fails, and says not to ask again", "status=500,should-retry=false", fails(502, "UPSTREAM_FAILED", "500 UPSTREAM_FAILED")),
		both("is overloaded", "status=503", busy("503")),
		both("is overloaded, by Anthropic's status", "status=529", busy("529")),
		both("limits the rate, briefly", "status=429,retry-after-ms=5,times=1", answers("429 UPSTREAM_RATE_LIMITED")),
		both("limits the rate", "status=429", again),
		{name: "limits the rate for long", script: "status=429,retry-after=7", unary: limited, stream: limited, see: waits(7 * time.Second)},
		{name: "limits the rate for longer than SDKs bear", script: "status=429,retry-after=7200", unary: limited, stream: limited, see: waits(2 * time.Hour)},
		{name: "is out of funds", script: "status=429,type=insufficient_quota,code=insufficient_quota", unary: broke, stream: broke, see: finally},
		both("refuses the key", "status=401", refused),
		both("refuses the request", "status=422,message=Odd", fails(422, "UPSTREAM_REJECTED", "422 UPSTREAM_REJECTED").with(codes.InvalidArgument)),
		both("refuses the key before it has the request", "early,status=401", refused),
		both("answers an error with status 200", "error-body", inside),
		{name: "sends an error as first event", script: "error-at=1", unary: answers(), stream: inside},
		{
			name: "sends an error as first event, once", script: "error-at=1,type=overloaded_error,times=1",
			unary: answers(), stream: answers("200 UPSTREAM_OVERLOADED"),
		},
		{name: "sends an error as later event", script: "error-at=3,type=overloaded_error", unary: answers(), stream: breaks(503, "UPSTREAM_OVERLOADED")},
	}
}

// nonsense is what is no answer at all.
func nonsense() []fault {
	invalid := fails(502, "UPSTREAM_INVALID_REPLY", "200 UPSTREAM_INVALID_REPLY")
	garbled := fails(502, "UPSTREAM_INVALID_REPLY", "0 UPSTREAM_INVALID_REPLY")
	tooLarge := invalid
	return []fault{
		{name: "sends a bad chunk", script: "malformed=3", unary: invalid, stream: breaks(502, "UPSTREAM_INVALID_REPLY")},
		both("sends a bad first chunk", "malformed=1", invalid),
		both("sends a page of a proxy", "html", fails(502, "UPSTREAM_FAILED", thrice("502 UPSTREAM_FAILED")...)),
		both("sends a page of a proxy with status 200", "html,status=200", invalid),
		both("sends nothing", "empty", fails(502, "UPSTREAM_INVALID_REPLY", thrice("200 UPSTREAM_INVALID_REPLY")...)),
		both("has no content", "no-content", fails(502, "UPSTREAM_INVALID_REPLY", thrice("204 UPSTREAM_INVALID_REPLY")...)),
		{name: "has a wrong content type", script: "content-type=application/json", unary: answers(), stream: invalid},
		both("has no JSON", "body=All is well.,content-type=text/plain", invalid),
		both("has other JSON", "body={},content-type=application/json", invalid),
		both("sends a gzip bomb", "gzip-bomb=1073741824", invalid),
		both("floods with headers", "header-flood=200000", garbled),
		both("sends garbage", "garbage", garbled),
		both("sends two lengths", "conflicting-length", garbled),
		{
			name: "sends an event beyond the limit", script: "line=100000", upstream: "  max_event_bytes: 65536\n",
			unary: tooLarge, stream: breaks(502, "UPSTREAM_INVALID_REPLY"),
		},
	}
}

// spellings are odd, and right.
func spellings() []fault {
	var out []fault
	for _, script := range []string{
		"crlf", "cr", "bom", "comments", "no-space", "multi-line", "names", "no-last-blank", "padding=40", "one-byte", "crlf,bom,comments,one-byte",
		"pace=20000", "per-chunk=5ms", "delay=50ms", "duplicate-headers", "close", "stale",
	} {
		out = append(out, both("is odd, and right: "+script, script, answers()))
	}
	return append(out, fault{
		name: "sends a line of 1 MiB", script: "line=1048576", unary: answers(), stream: answers(),
		see: func(t *testing.T, got seen) {
			if len(got.content) < 1<<20 {
				t.Errorf("got %d bytes of text", len(got.content))
			}
		},
	})
}

// waits sees that the provider's wait is passed on.
func waits(wait time.Duration) func(*testing.T, seen) {
	return func(t *testing.T, got seen) {
		if got.code != codes.OK {
			if told := got.failed.GetRetryAfter().AsDuration(); told != wait {
				t.Errorf("told to wait %v", told)
			}
			return
		}
		wait := min(wait, 2*time.Minute) // SDKs give up, or freeze, beyond that
		seconds, milliseconds := got.header.Get("Retry-After"), got.header.Get("Retry-After-Ms")
		if seconds != fmt.Sprint(int(wait.Seconds())) || milliseconds != fmt.Sprint(wait.Milliseconds()) {
			t.Errorf("told to wait %q, %q", seconds, milliseconds)
		}
	}
}

// finally sees that the client is told not to ask again.
func finally(t *testing.T, got seen) {
	if got.code != codes.OK {
		if got.failed.GetRetryable() {
			t.Errorf("told to ask again: %v", got.failed)
		}
	} else if got.header.Get("X-Should-Retry") != "false" {
		t.Errorf("told to ask again: %v", got.header)
	}
}
