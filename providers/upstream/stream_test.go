package upstream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
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

const (
	one    = "data: {\"n\":1}\n\n"
	two    = "data: {\"n\":2}\n\n"
	done   = "data: [DONE]\n\n"
	failed = "data: {\"error\":{\"message\":\"busy\",\"type\":\"server_error\",\"param\":null,\"code\":null}}\n\n"
	both   = `{"n":1}|{"n":2}`
)

func TestGoodStreams(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"chunk by chunk":        events(one, two, done) + lastChunk,
		"in one chunk":          events(one+two+done) + lastChunk,
		"split anywhere":        events(one[:3], one[3:]+two[:9], two[9:], done[:1], done[1:]) + lastChunk,
		"comments between":      events(": hi\n\n", one, ": hi\n", two, done) + lastChunk,
		"CRLF":                  events(strings.ReplaceAll(one+two+done, "\n", "\r\n")) + lastChunk,
		"empty data is no news": events("data:\n\n", one, "event: ping\ndata: \n\n", two, done) + lastChunk,
		"more behind the end":   events(one, two, done, one) + lastChunk,
		"error that is null":    events("data: {\"n\":1}\n\n", "data: {\"n\":2}\n\n", done) + lastChunk,
		"content type unsaid": "HTTP/1.1 200 OK\r\nContent-Length: " + itoa(len(one+two+done)) + "\r\n\r\n" +
			one + two + done,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, step{answer: answer})
				c := newClient(t, params(p.url, v, bounds()))
				for range 2 {
					o := stream(t, c)
					if o.err != nil || o.text != both {
						t.Fatalf("got %q, %v", o.text, o.err)
					}
					a := o.call.Exchange.Attempts
					if len(a) != 1 || a[0].Reason != 0 || a[0].HTTPStatus != 200 || a[0].Duration <= 0 {
						t.Errorf("attempts %+v", a)
					}
				}
				r := p.requests()
				if r[0].Header.Get("Accept") != "text/event-stream" {
					t.Errorf("headers %v", r[0].Header)
				}
				if r[0].RemoteAddr != r[1].RemoteAddr {
					t.Error("the connection was not used again")
				}
			})
		})
	}
}

// TestFaultsOfStreams is the table of what a provider can do wrong with a stream.
func TestFaultsOfStreams(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		step     step
		want     commonv1.ErrorReason
		text     string // the events before
		attempts int
	}{
		"hangs up before the answer":     {step{"", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE, "", 3},
		"hangs up before an event":       {step{events(": hi\n\n"), leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "", 3},
		"resets before an event":         {step{events(), reset}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "", 3},
		"ends before an event":           {step{events(": hi\n\n") + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "", 3},
		"only the end":                   {step{events(done) + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "", 3},
		"first event is an error":        {step{events(failed) + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "", 3},
		"first event refuses the prompt": {step{events("data: {\"error\":{\"message\":\"no\",\"type\":\"invalid_request_error\",\"code\":\"content_filter\"}}\n\n") + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED, "", 1},
		"reply in JSON":                  {step{reply("200 OK", "{}"), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "", 1},
		"error in JSON":                  {step{reply("200 OK", unavailable), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "", 3},
		"error status":                   {step{reply("529 Overloaded", unavailable), stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, "", 3},
		"first event too large":          {step{events("data: "+strings.Repeat("x", 1<<20)) + lastChunk, leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "", 1},
		"hangs up":                       {step{events(one, two), leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, both, 1},
		"resets":                         {step{events(one, two), leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, both, 1},
		"hangs up in an event":           {step{events(one, two, done[:5]), leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, both, 1},
		"ends without [DONE]":            {step{events(one, two) + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, both, 1},
		"an event is an error":           {step{events(one, failed, done) + lastChunk, stay}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, `{"n":1}`, 1},
		"an event is too large":          {step{events(one, "data: "+strings.Repeat("x", 1<<20)) + lastChunk, leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, `{"n":1}`, 1},
		"a chunk is malformed":           {step{events(one) + "xyz\r\n", leave}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, `{"n":1}`, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, test.step)
				c := newClient(t, params(p.url, v, bounds()))
				o := stream(t, c)
				e := want(t, o, test.want)
				if o.text != test.text {
					t.Errorf("events %q, want %q", o.text, test.text)
				}
				if n := len(o.call.Exchange.Attempts); n != test.attempts || len(p.requests()) != n {
					t.Errorf("%d attempts recorded, %d seen; want %d", n, len(p.requests()), test.attempts)
				}
				if e.UpstreamStatus != o.call.Exchange.Attempts[0].HTTPStatus {
					t.Errorf("the failure has status %d", e.UpstreamStatus)
				}
			})
		})
	}
}

func TestFirstEventFailureIsTriedAgain(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{answer: events(failed) + lastChunk}, step{events(), reset}, step{answer: events(one, two, done) + lastChunk})
		c := newClient(t, params(p.url, v, bounds()))
		o := stream(t, c)
		if o.err != nil || o.text != both || len(o.call.Exchange.Attempts) != 3 {
			t.Errorf("got %q, %v in %d attempts", o.text, o.err, len(o.call.Exchange.Attempts))
		}
	})
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		want   commonv1.ErrorReason
		policy *planv1.RetryPolicy
	}{
		"before the answer":  {"", commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT, nil},
		"before an event":    {events(": hi\n\n"), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT, nil},
		"between events":     {events(one), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED, nil},
		"inside an event":    {events(one, two[:5]), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED, nil},
		"by the policy":      {events(one), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED, &planv1.RetryPolicy{IdleTimeout: durationpb.New(40 * time.Millisecond)}},
		"by the total limit": {events(one), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT, &planv1.RetryPolicy{TotalTimeout: durationpb.New(100 * time.Millisecond)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				p := play(t, step{test.answer, hang})
				u := bounds()
				if test.policy == nil {
					u.FirstEventTimeout, u.IdleTimeout = durationpb.New(80*time.Millisecond), durationpb.New(40*time.Millisecond)
				}
				c := newClient(t, params(p.url, v, u))
				o := stream(t, c, retry(test.policy))
				_ = want(t, o, test.want)
				<-p.gone
				if n := len(p.requests()); n != 1 {
					t.Errorf("%d attempts, want 1", n)
				}
			})
		})
	}
}

// pulse answers with events and waits between them, over HTTP/1.1 and HTTP/2.
func pulse(t *testing.T, texts []string, pause time.Duration) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for _, text := range texts {
			if _, err := io.WriteString(w, text); err != nil {
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				return
			}
			select {
			case <-time.After(pause):
			case <-r.Context().Done():
				return
			}
		}
	}
}

// Comments keep the connection alive, and are no progress.
func TestCommentsAreNoProgress(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, cas := serveHTTP(t, pulse(t, append([]string{one}, strings.Split(strings.Repeat(": hi\n\n.", 500), ".")...), 10*time.Millisecond))
			u := bounds()
			u.IdleTimeout = durationpb.New(150 * time.Millisecond)
			p := params(url, version, u)
			p.RootCAs = cas
			o := stream(t, newClient(t, p))
			_ = want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED)
		})
	}
}

// A stream may last much longer than any of its limits, as long as events come.
func TestStreamHasNoTotalLimit(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var texts []string
			for i := range 40 {
				texts = append(texts, fmt.Sprintf("data: {\"n\":%d}\n\n", i))
			}
			url, cas := serveHTTP(t, pulse(t, append(texts, done), 20*time.Millisecond))
			u := bounds()
			u.HeaderTimeout, u.FirstEventTimeout, u.IdleTimeout = durationpb.New(300*time.Millisecond), durationpb.New(300*time.Millisecond), durationpb.New(300*time.Millisecond)
			p := params(url, version, u)
			p.RootCAs = cas
			o := stream(t, newClient(t, p))
			if o.err != nil || strings.Count(o.text, "|") != 39 {
				t.Errorf("got %q, %v", o.text, o.err)
			}
		})
	}
}

// A reader who takes his time is not the provider's silence.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var texts []string
			for range 100 {
				texts = append(texts, one)
			}
			url, cas := serveHTTP(t, pulse(t, append(texts, done), 5*time.Millisecond))
			u := bounds()
			u.IdleTimeout = durationpb.New(250 * time.Millisecond)
			p := params(url, version, u)
			p.RootCAs = cas
			c := newClient(t, p)
			s, err := c.Stream(t.Context(), newCall(t, c))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for n := 0; ; n++ {
				if n < 2 {
					<-time.After(400 * time.Millisecond)
				}
				if _, err := s.Next(); errors.Is(err, io.EOF) {
					s.Done()
					break
				} else if err != nil {
					t.Fatalf("after %d events: %v", n, err)
				}
			}
		})
	}
}

// What a slow reader leaves lying stays with the provider.
func TestStalledReaderHoldsLittle(t *testing.T) {
	t.Parallel()
	held := make(chan int, 1)
	url, cas := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		n := 0
		for {
			if err := control.SetWriteDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Error(err)
			}
			m, err := io.WriteString(w, one)
			if err == nil {
				err = control.Flush()
			}
			if err != nil {
				break
			}
			n += m
		}
		held <- n
	})
	p := params(url, configv1.HttpVersion_HTTP_VERSION_2, bounds())
	p.RootCAs = cas
	c := newClient(t, p)
	s, err := c.Stream(t.Context(), newCall(t, c))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if n := <-held; n > 128<<10 {
		t.Errorf("%d bytes were taken for a reader who reads nothing", n)
	}
}

// What the caller no longer wants, the provider no longer sends.
func TestLeavingAStream(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		for how, leave := range map[string]func(*testing.T, *upstream.Stream, context.CancelFunc){
			"close": func(t *testing.T, s *upstream.Stream, _ context.CancelFunc) {
				for range 2 {
					if err := s.Close(); err != nil {
						t.Error(err)
					}
				}
				if _, err := s.Next(); err == nil {
					t.Error("a closed stream can be read")
				}
			},
			"cancel": func(t *testing.T, s *upstream.Stream, cancel context.CancelFunc) {
				cancel()
				if _, err := s.Next(); !isContext(err) {
					t.Errorf("got %v, want the context's own error", err)
				}
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				gone := make(chan struct{})
				url, cas := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
					pulse(t, []string{one}, 0)(w, r)
					<-r.Context().Done()
					close(gone)
				})
				p := params(url, version, bounds())
				p.RootCAs = cas
				c := newClient(t, p)
				call := newCall(t, c)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := c.Stream(ctx, call)
				if err != nil {
					t.Fatal(err)
				}
				defer s.Close()
				if _, err := s.Next(); err != nil {
					t.Fatal(err)
				}
				left := time.Now()
				leave(t, s, cancel)
				<-gone
				if late := time.Since(left); late > time.Second {
					t.Errorf("the provider learnt of it after %v", late)
				}
				if a := call.Exchange.Attempts[0]; a.Reason != commonv1.ErrorReason_ERROR_REASON_CANCELLED {
					t.Errorf("recorded as %v", a.Reason)
				}
			})
		}
	}
}

// Events are lent: what was read stays until the next call.
func TestLargeEvents(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		var want, texts []string
		for _, size := range []int{1, 100, 64<<10 - 1, 64 << 10, 64<<10 + 1, 1 << 19} {
			text := strings.Repeat("x", size)
			want, texts = append(want, text), append(texts, "data: "+text+"\n\n")
		}
		p := play(t, step{answer: events(append(texts, done)...) + lastChunk})
		o := stream(t, newClient(t, params(p.url, v, bounds())))
		if o.err != nil || o.text != strings.Join(want, "|") {
			t.Errorf("%d bytes, %v", len(o.text), o.err)
		}
	})
}

func TestFailureFoundByTheAdapter(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		p := play(t, step{events(one), hang})
		c := newClient(t, params(p.url, v, bounds()))
		call := newCall(t, c)
		s, err := c.Stream(t.Context(), call)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		cause := errors.New("not a chunk")
		o := outcome{call: call, err: s.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "No chunk.", cause)}
		e := want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY)
		if !errors.Is(e, cause) || e.UpstreamRequestID != "req-9" {
			t.Errorf("got %+v", e)
		}
		if _, again := s.Next(); !errors.Is(again, cause) {
			t.Errorf("the stream goes on with %v", again)
		}
		<-p.gone
	})
}

// A limit on events is one on memory, too: the rest of a hostile event is not read.
func TestEndlessEvent(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written := make(chan int, 1)
			url, cas := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				n := 0
				for {
					m, err := io.WriteString(w, strings.Repeat("data: xxxxxxxxxxxxxxxxxx\n", 1000))
					if n += m; err != nil {
						break
					}
				}
				written <- n
			})
			u := bounds()
			u.MaxEventBytes = proto.Int64(1 << 20)
			p := params(url, version, u)
			p.RootCAs = cas
			o := stream(t, newClient(t, p))
			_ = want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY)
			if n := <-written; n > 16<<20 {
				t.Errorf("%d bytes were taken", n)
			}
		})
	}
}
