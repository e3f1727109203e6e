package upstream_test

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// secret is the key of all tests. It must be seen in one header alone.
const secret = "sk-canary-0123456789"

// bounds are short ones, without a breaker.
func bounds() *configv1.Upstream {
	return &configv1.Upstream{
		MaxAttempts:           proto.Int32(3),
		MaxBackoff:            durationpb.New(0),
		ConnectTimeout:        durationpb.New(10 * time.Second),
		HeaderTimeout:         durationpb.New(30 * time.Second),
		FirstEventTimeout:     durationpb.New(30 * time.Second),
		IdleTimeout:           durationpb.New(30 * time.Second),
		MaxEventBytes:         proto.Int64(1 << 20),
		RetryBudgetPercent:    proto.Int32(100),
		BreakerFailurePercent: proto.Int32(100),
		BreakerRest:           durationpb.New(10 * time.Second),
	}
}

// transports are the two kinds, by the version that chooses them.
var transports = map[string]configv1.HttpVersion{
	"lean":     configv1.HttpVersion_HTTP_VERSION_1,
	"net/http": configv1.HttpVersion_HTTP_VERSION_2,
}

// overBoth runs a test with each transport.
func overBoth(t *testing.T, test func(*testing.T, configv1.HttpVersion)) {
	t.Helper()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, version)
		})
	}
}

func params(base string, version configv1.HttpVersion, u *configv1.Upstream) upstream.Params {
	return upstream.Params{
		Name:        "acme",
		BaseURL:     base,
		AllowHTTP:   false,
		HTTPVersion: version,
		Upstream:    u,
		Credentials: []upstream.Credential{credential("acme-key", secret, 1)},
		Version:     "1.2.3",
		RootCAs:     nil,
	}
}

// credential is a key that goes as a bearer token.
func credential(label, key string, weight int) upstream.Credential {
	return upstream.Credential{
		Label: label, Secrets: []string{key}, Weight: weight,
		Authorize: func(h http.Header) { h["Authorization"] = []string{"Bearer " + key} },
	}
}

func newClient(t *testing.T, p upstream.Params) *upstream.Client {
	t.Helper()
	c, err := upstream.New(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// newCall is a chat completion of the model m1.
func newCall(t *testing.T, c *upstream.Client) *upstream.Call {
	t.Helper()
	endpoint, err := c.Endpoint("chat", "completions")
	if err != nil {
		t.Fatal(err)
	}
	return &upstream.Call{
		Method:   http.MethodPost,
		Endpoint: endpoint,
		Header:   http.Header{"X-Client-Request-Id": {"call-1"}},
		Body:     [][]byte{[]byte(`{"model":"m1"`), []byte(`}`)},
		Model:    "m1",
		Exchange: new(providers.Exchange),
		End:      "[DONE]",
	}
}

// outcome is what came of a call.
type outcome struct {
	text string // the reply, or the events' data joined with |
	err  error
	call *upstream.Call
}

func (o outcome) fault() *failure.Error { return failure.As(o.err) }

// unary makes a call for a whole reply.
func unary(t *testing.T, c *upstream.Client, change ...func(*upstream.Call)) outcome {
	t.Helper()
	o := outcome{call: newCall(t, c)}
	for _, f := range change {
		f(o.call)
	}
	o.err = c.Do(t.Context(), o.call, func(reply string) error {
		o.text = reply
		return nil
	})
	return o
}

// stream makes a call for a stream and reads it to its end. A proper end is no
// error.
func stream(t *testing.T, c *upstream.Client, change ...func(*upstream.Call)) outcome {
	t.Helper()
	o := outcome{call: newCall(t, c)}
	for _, f := range change {
		f(o.call)
	}
	s, err := c.Stream(t.Context(), o.call)
	if err != nil {
		o.err = err
		return o
	}
	defer s.Close()
	var data []string
	for {
		e, err := s.Next()
		if errors.Is(err, io.EOF) {
			s.Done()
			break
		}
		if errors.Is(err, io.ErrUnexpectedEOF) && failure.As(err) == nil {
			err = s.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "cut", err)
		}
		if err != nil {
			o.err = err
			break
		}
		data = append(data, string(e.Data))
	}
	o.text = strings.Join(data, "|")
	return o
}

// sent is a request as the peer got it.
type sent struct {
	*http.Request
	body string
}

// step is what the peer does with one request.
type step struct {
	answer string
	then   end
}

// end is what the peer does behind an answer.
type end int

const (
	stay  end = iota // wait for the next request
	leave            // close in order
	reset            // with RST
	hang             // say nothing more until the client has gone
)

// peer is a provider of raw bytes. Requests take the steps in turn; the last one
// serves all that follow.
type peer struct {
	url  string
	gone chan struct{} // one for each client that left a peer that hangs

	mu    sync.Mutex
	steps []step
	seen  []sent
}

func play(t *testing.T, steps ...step) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{url: "http://" + l.Addr().String() + "/v1", steps: steps, gone: make(chan struct{}, 100)}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return p
}

func (p *peer) serve(c net.Conn) {
	defer c.Close()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		next := p.take(sent{req, string(body)})
		_, _ = io.WriteString(c, next.answer)
		switch next.then {
		case stay:
			continue
		case reset:
			_ = c.(*net.TCPConn).SetLinger(0)
		case hang:
			_, _ = io.Copy(io.Discard, r)
			p.gone <- struct{}{}
		}
		return
	}
}

func (p *peer) take(s sent) step {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, s)
	next := p.steps[0]
	if len(p.steps) > 1 {
		p.steps = p.steps[1:]
	}
	return next
}

// requests are those that came so far.
func (p *peer) requests() []sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// reply spells an answer of JSON.
func reply(status, body string, headers ...string) string {
	lines := append([]string{"HTTP/1.1 " + status, "Content-Type: application/json",
		"Content-Length: " + itoa(len(body))}, headers...)
	return strings.Join(lines, "\r\n") + "\r\n\r\n" + body
}

const eventStream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n"

// events spells a stream that is not at its end: each text in a chunk of its own.
func events(texts ...string) string {
	b := eventStream + "X-Request-Id: req-9\r\n\r\n"
	for _, text := range texts {
		b += hex(len(text)) + "\r\n" + text + "\r\n"
	}
	return b
}

// lastChunk ends a reply of chunks.
const lastChunk = "0\r\n\r\n"

// serveHTTP runs a handler behind TLS with HTTP/2, and returns its URL and CAs.
func serveHTTP(t *testing.T, h http.HandlerFunc) (string, *x509.CertPool) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.URL + "/v1", pool
}

// want says which failure a call must have.
func want(t *testing.T, o outcome, reason commonv1.ErrorReason) *failure.Error {
	t.Helper()
	e := o.fault()
	if e == nil {
		t.Fatalf("got %q and error %v, want %v", o.text, o.err, reason)
	}
	if e.Reason != reason {
		t.Fatalf("got %v (%v), want %v", e.Reason, e, reason)
	}
	if e.Provider != "acme" || e.Message == "" {
		t.Errorf("provider %q, message %q", e.Provider, e.Message)
	}
	if last := o.call.Exchange.Attempts; len(last) > 0 && last[len(last)-1].Reason != reason {
		t.Errorf("the attempt is recorded with %v", last[len(last)-1].Reason)
	}
	return e
}

func retry(p *planv1.RetryPolicy) func(*upstream.Call) {
	return func(c *upstream.Call) { c.Retry = p }
}

// isContext says whether an error is a context's own, as it is.
func isContext(err error) bool {
	return err == context.Canceled || err == context.DeadlineExceeded //nolint:errorlint // as it is
}

// early answers each request before it reads the body, and never reads it.
func early(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.WriteString(c, answer)
				}
				<-over
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		close(over)
		all.Wait()
	})
	return "http://" + l.Addr().String() + "/v1"
}

func newExchange() *providers.Exchange { return new(providers.Exchange) }
