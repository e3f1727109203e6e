package upstream_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

func itoa(n int) string { return strconv.Itoa(n) }
func hex(n int) string  { return strconv.FormatInt(int64(n), 16) }

const unavailable = `{"error":{"message":"busy","type":"server_error","param":null,"code":null}}`

func TestGoodReply(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("200 OK", `{"id":"a"}`,
			"X-Request-Id: req-1", "Set-Cookie: s=1", "openai-organization: org", "OpenAI-Processing-MS: 12",
			"x-ratelimit-remaining-tokens: 99", "X-RateLimit-Limit-Project-Tokens: 7")})
		c := newClient(t, params(p.url, v, bounds()))
		o := unary(t, c)
		if o.err != nil || o.text != `{"id":"a"}` {
			t.Fatalf("got %q, %v", o.text, o.err)
		}
		r := p.requests()[0]
		if r.Method != "POST" || r.RequestURI != "/v1/chat/completions" || r.body != `{"model":"m1"}` {
			t.Errorf("the peer got %s %s %q", r.Method, r.RequestURI, r.body)
		}
		for name, value := range map[string]string{
			"Authorization":       "Bearer " + secret,
			"Accept":              "application/json",
			"Accept-Encoding":     "identity",
			"Content-Type":        "application/json",
			"Content-Length":      "14",
			"User-Agent":          "signalbox/1.2.3",
			"X-Client-Request-Id": "call-1",
		} {
			if got := strings.Join(r.Header[name], ","); got != value {
				t.Errorf("header %s is %q, want %q", name, got, value)
			}
		}
		if len(r.Header) != 7 {
			t.Errorf("headers %v: some that nobody asked for", r.Header)
		}
		x := o.call.Exchange
		if len(x.Attempts) != 1 {
			t.Fatalf("%d attempts recorded", len(x.Attempts))
		}
		a := x.Attempts[0]
		if a.Model != "m1" || a.HTTPStatus != 200 || a.UpstreamRequestID != "req-1" || a.Credential != "acme-key" ||
			a.Start.IsZero() || a.Duration <= 0 || a.Reason != 0 {
			t.Errorf("attempt %+v", a)
		}
		if x.UpstreamRequestID != "req-1" || x.Connected.Before(a.Start) {
			t.Errorf("exchange %+v", x)
		}
		if len(x.Header) != 3 || x.Header.Get("Openai-Processing-Ms") != "12" ||
			x.Header.Get("X-Ratelimit-Remaining-Tokens") != "99" || x.Header.Get("X-Ratelimit-Limit-Project-Tokens") != "7" {
			t.Errorf("headers for callers: %v", x.Header)
		}
	})
}

// TestFaultsOfReplies is the table of what a provider can do wrong when a whole
// reply is asked for.
func TestFaultsOfReplies(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, test := range map[string]struct {
		step     step
		want     commonv1.ErrorReason
		attempts int
	}{
		"hangs up before the answer": {step{"", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE, 3},
		"resets before the answer":   {step{"", reset}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE, 3},
		"hangs up in the headers":    {step{ok + "X-A: b", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE, 3},
		"hangs up in the body":       {step{ok + "Content-Length: 9\r\n\r\n{", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, 3},
		"resets in the body":         {step{ok + "Content-Length: 9\r\n\r\n{", reset}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, 3},
		"hangs up in a chunk":        {step{ok + "Transfer-Encoding: chunked\r\n\r\n5\r\n{", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, 3},
		"hangs up between chunks":    {step{ok + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, 3},
		"malformed chunk":            {step{ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n{", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"no HTTP":                    {step{"SSH-2.0-x\r\n\r\n", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"lengths that differ":        {step{ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"unknown encoding":           {step{ok + "Transfer-Encoding: gzip\r\n\r\n{}", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"control byte in a header":   {step{ok + "X-A: a\x01b\r\nContent-Length: 2\r\n\r\n{}", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"space before the colon":     {step{ok + "Content-Length : 2\r\n\r\n{}", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"headers beyond the limit":   {step{ok + strings.Repeat("X-A: aaaaaaaaaaaaaaaaaaaa\r\n", 4000) + "\r\n", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"protocol switch":            {step{"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"redirect":                   {step{reply("307 Temporary Redirect", "", "Location: http://127.0.0.1:1/"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"not modified":               {step{"HTTP/1.1 304 Not Modified\r\n\r\n", stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"no content":                 {step{"HTTP/1.1 204 No Content\r\n\r\n", stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 3},
		"empty":                      {step{reply("200 OK", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 3},
		"page":                       {step{"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"compressed":                 {step{ok + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"announced too large":        {step{ok + "Content-Length: 2000000\r\n\r\n{", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"too large":                  {step{ok + "Transfer-Encoding: chunked\r\n\r\n200000\r\n" + strings.Repeat("x", 1<<21), leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 1},
		"error in a good reply":      {step{reply("200 OK", unavailable), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 3},
		"408":                        {step{reply("408 Request Timeout", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 3},
		"409":                        {step{reply("409 Conflict", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 3},
		"429":                        {step{reply("429 Too Many Requests", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, 3},
		"500":                        {step{reply("500 Internal Server Error", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 3},
		"502":                        {step{reply("502 Bad Gateway", "<html>", "Content-Type: text/html"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 3},
		"503":                        {step{reply("503 Service Unavailable", unavailable), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, 3},
		"504":                        {step{reply("504 Gateway Timeout", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 3},
		"529":                        {step{reply("529 Overloaded", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, 3},
		"501":                        {step{reply("501 Not Implemented", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 1},
		"400":                        {step{reply("400 Bad Request", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 1},
		"401":                        {step{reply("401 Unauthorized", ""), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED, 1},
		"an error that breaks off":   {step{"HTTP/1.1 503 Busy\r\nContent-Length: 900\r\n\r\n{", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, 3},
		"told to try again":          {step{reply("400 Bad Request", "", "x-should-retry: true"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 3},
		"told not to":                {step{reply("503 Service Unavailable", "", "x-should-retry: false"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, 1},
		"out of funds":               {step{reply("429 Too Many Requests", `{"error":{"message":"pay","type":"insufficient_quota","code":"insufficient_quota"}}`, "x-should-retry: true"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, test.step)
				c := newClient(t, params(p.url, v, bounds()))
				o := unary(t, c)
				_ = want(t, o, test.want)
				if n := len(o.call.Exchange.Attempts); n != test.attempts || len(p.requests()) != n {
					t.Errorf("%d attempts recorded, %d seen; want %d", n, len(p.requests()), test.attempts)
				}
			})
		})
	}
}

func TestSecondAttemptSucceeds(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{reply("503 Busy", unavailable, "X-Request-Id: req-1", "x-ratelimit-limit-tokens: 1"), stay},
			step{reply("200 OK", `{}`, "X-Request-Id: req-2"), stay})
		c := newClient(t, params(p.url, v, bounds()))
		o := unary(t, c)
		if o.err != nil {
			t.Fatal(o.err)
		}
		x := o.call.Exchange
		if len(x.Attempts) != 2 || x.Attempts[0].Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED ||
			x.Attempts[0].HTTPStatus != 503 || x.Attempts[0].UpstreamRequestID != "req-1" || x.Attempts[1].Reason != 0 {
			t.Errorf("attempts %+v", x.Attempts)
		}
		if x.UpstreamRequestID != "req-2" || len(x.Header) != 0 {
			t.Errorf("the exchange shows the first attempt: %+v", x)
		}
		if r := p.requests(); r[0].body != r[1].body {
			t.Errorf("the second body is %q", r[1].body)
		}
	})
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		c := newClient(t, params("http://127.0.0.1:1/v1", v, bounds()))
		o := unary(t, c)
		e := want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE)
		if len(o.call.Exchange.Attempts) != 3 || !o.call.Exchange.Connected.IsZero() || e.UpstreamStatus != 0 {
			t.Errorf("exchange %+v", o.call.Exchange)
		}
	})
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		policy *planv1.RetryPolicy
		want   commonv1.ErrorReason
	}{
		"no answer": {"", nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT},
		"half a head": {"HTTP/1.1 200 OK\r\nX-A", nil,
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT},
		"no answer, by the policy": {"", &planv1.RetryPolicy{FirstByteTimeout: durationpb.New(20 * time.Millisecond)},
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT},
		"all together": {"", &planv1.RetryPolicy{TotalTimeout: durationpb.New(20 * time.Millisecond)},
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT},
		"no body": {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", nil,
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED},
		"no body, by the policy": {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{",
			&planv1.RetryPolicy{IdleTimeout: durationpb.New(20 * time.Millisecond)},
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, step{test.answer, hang})
				u := bounds()
				if test.policy == nil {
					u.HeaderTimeout, u.IdleTimeout = durationpb.New(50*time.Millisecond), durationpb.New(50*time.Millisecond)
				}
				c := newClient(t, params(p.url, v, u))
				o := unary(t, c, retry(test.policy))
				_ = want(t, o, test.want)
				<-p.gone // the call is cancelled
				if n := len(p.requests()); n != 1 {
					t.Errorf("%d attempts, want 1", n)
				}
			})
		})
	}
}

func TestCallersContextIsReturnedAsItIs(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"before the answer": "",
		"in the head":       "HTTP/1.1 200 OK\r\n",
		"in the body":       "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{",
		"in an error":       "HTTP/1.1 503 Busy\r\nContent-Length: 5\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, step{answer, hang})
				c := newClient(t, params(p.url, v, bounds()))
				ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
				defer cancel()
				call := newCall(t, c)
				err := c.Do(ctx, call, func(string) error { return nil })
				if !isContext(err) {
					t.Errorf("got %v, want the context's own error", err)
				}
				<-p.gone
				if last := call.Exchange.Attempts[0]; last.Reason != commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED {
					t.Errorf("recorded as %v", last.Reason)
				}
			})
		})
	}
	t.Run("in a wait", func(t *testing.T) {
		t.Parallel()
		p := play(t, step{reply("503 Busy", "", "retry-after: 5"), stay})
		u := bounds()
		u.MaxBackoff = durationpb.New(time.Minute)
		c := newClient(t, params(p.url, transports["lean"], u))
		ctx, cancel := context.WithCancel(t.Context())
		call := newCall(t, c)
		time.AfterFunc(50*time.Millisecond, cancel)
		if err := c.Do(ctx, call, func(string) error { return nil }); !isContext(err) {
			t.Errorf("got %v, want the context's own error", err)
		}
	})
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("200 OK", "{}")}, step{answer: reply("400 Bad", "{}")}, step{answer: reply("200 OK", "{}")})
		c := newClient(t, params(p.url, v, bounds()))
		addresses := map[string]bool{}
		for range 3 {
			_ = unary(t, c)
		}
		for _, r := range p.requests() {
			addresses[r.RemoteAddr] = true
		}
		if len(addresses) != 1 {
			t.Errorf("%d connections, want 1", len(addresses))
		}
	})
}

func TestStaleConnectionIsNoAttempt(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("200 OK", "{}")}, step{"", leave}, step{answer: reply("200 OK", `{"second":1}`)})
		c := newClient(t, params(p.url, v, bounds()))
		if o := unary(t, c); o.err != nil {
			t.Fatal(o.err)
		}
		o := unary(t, c)
		if o.err != nil || o.text != `{"second":1}` || len(o.call.Exchange.Attempts) != 1 {
			t.Errorf("got %q, %v in %d attempts", o.text, o.err, len(o.call.Exchange.Attempts))
		}
	})
}

func TestReplyThatCannotBeRead(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("200 OK", "not JSON "+secret)})
		c := newClient(t, params(p.url, v, bounds()))
		call := newCall(t, c)
		broken := errors.New("broken")
		err := c.Do(t.Context(), call, func(string) error { return broken })
		e := want(t, outcome{err: err, call: call}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY)
		if !errors.Is(err, broken) || e.UpstreamBody != "not JSON [redacted]" || e.UpstreamStatus != 200 {
			t.Errorf("got %+v", e)
		}
	})
}

// A body of a mebibyte, in pieces, arrives whole and is cut off by an early answer.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: reply("200 OK", "{}")})
		c := newClient(t, params(p.url, v, bounds()))
		large := []byte(strings.Repeat("x", 1<<20))
		for range 2 {
			o := unary(t, c, func(call *upstream.Call) { call.Body = [][]byte{[]byte(`{"m":"`), large, []byte(`"}`)} })
			if o.err != nil {
				t.Fatal(o.err)
			}
		}
		for _, r := range p.requests() {
			if r.body != `{"m":"`+string(large)+`"}` {
				t.Error("the body differs")
			}
		}
	})
}
