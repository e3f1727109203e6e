package http1_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wait is a patience that is always the same.
type wait time.Duration

func (w wait) Left() time.Duration { return time.Duration(w) }

// peer is a server of raw bytes: each connection is handed to a function, which
// closes it by returning.
type peer struct {
	addr  string
	conns atomic.Int32
}

func serve(t *testing.T, handle func(nth int, c net.Conn, r *bufio.Reader)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{addr: l.Addr().String()}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func(nth int) {
				defer c.Close()
				handle(nth, c, bufio.NewReader(c))
			}(int(p.conns.Add(1)))
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-ended
	})
	return p
}

// client is one that keeps all headers that begin with X-.
func (p *peer) client(t *testing.T) *http1.Client {
	t.Helper()
	c := http1.New(http1.Params{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", p.addr)
		},
		Keep: func(name string) string {
			if canonical := http.CanonicalHeaderKey(name); strings.HasPrefix(canonical, "X-") {
				return canonical
			}
			return ""
		},
		MaxHeaderBytes: 16 << 10,
		MaxIdle:        10,
		IdleTimeout:    time.Minute,
	})
	t.Cleanup(c.Close)
	return c
}

func get() *http1.Request {
	return &http1.Request{Method: "GET", Target: "/v1/models", Host: "example.com", Patience: wait(10 * time.Second)}
}

func post(pieces ...[]byte) *http1.Request {
	r := get()
	r.Method, r.Body = "POST", pieces
	return r
}

// readRequest reads a request with its body, and returns both as text.
func readRequest(r *bufio.Reader) (*http.Request, string, error) {
	req, err := http.ReadRequest(r)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(req.Body)
	return req, string(body), err
}

// answering sends the same bytes for each request, and closes after the last if
// told so.
func answering(answer string, once bool) func(int, net.Conn, *bufio.Reader) {
	return func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			if _, _, err := readRequest(r); err != nil {
				return
			}
			if _, err := io.WriteString(c, answer); err != nil || once {
				return
			}
		}
	}
}

// do makes a request and reads its reply whole.
func do(t *testing.T, c *http1.Client, req *http1.Request) (*http1.Response, string, error) {
	t.Helper()
	res, err := c.Do(t.Context(), req)
	if err != nil {
		return nil, "", err
	}
	text, err := io.ReadAll(res.Body)
	if closeErr := res.Body.Close(); closeErr != nil {
		t.Errorf("close: %v", closeErr)
	}
	return res, string(text), err
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		close  bool // the peer closes behind it
		status int
		want   string
		reused bool
	}{
		"content length":               {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"lower case":                   {"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", false, 200, "hello", true},
		"no phrase":                    {"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"empty phrase":                 {"HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"length said twice alike":      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"empty body":                   {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, 200, "", true},
		"no content":                   {"HTTP/1.1 204 No Content\r\n\r\n", false, 204, "", true},
		"not modified":                 {"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", false, 304, "", true},
		"chunks":                       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", false, 200, "hello", true},
		"chunks with extensions":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\n", false, 200, "hello", true},
		"chunks with trailers":         {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", false, 200, "hello", true},
		"until the end":                {"HTTP/1.1 200 OK\r\n\r\nhello", true, 200, "hello", false},
		"connection close":             {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", false},
		"connection close among":       {"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", false},
		"HTTP/1.0":                     {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", false},
		"HTTP/1.0 kept alive":          {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"interim replies":              {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
		"error status":                 {"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 5\r\n\r\nhello", false, 429, "hello", true},
		"bare LF":                      {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", false, 200, "hello", true},
		"length and chunks":            {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false, 200, "hello", false},
		"more than the length":         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\n\r\n", false, 200, "hello", false},
		"HTTP/1.0 knows no chunks":     {"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", true, 200, "5\r\nhello", false},
		"header with obs-text and tab": {"HTTP/1.1 200 OK\r\nX-A: \xe4\tb\r\nContent-Length: 5\r\n\r\nhello", false, 200, "hello", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, answering(test.answer, test.close))
			c := p.client(t)
			for range 2 {
				res, text, err := do(t, c, get())
				if err != nil {
					t.Fatal(err)
				}
				if res.Status != test.status || text != test.want {
					t.Errorf("got %d %q, want %d %q", res.Status, text, test.status, test.want)
				}
			}
			if got := p.conns.Load() == 1; got != test.reused {
				t.Errorf("connection reused: %t, want %t", got, test.reused)
			}
		})
	}
}

func TestMalformedReplies(t *testing.T) {
	t.Parallel()
	const ok = "HTTP/1.1 200 OK\r\n"
	for name, answer := range map[string]string{
		"no HTTP":                "SSH-2.0-OpenSSH\r\n\r\n",
		"leading blank line":     "\r\n" + ok + "\r\n",
		"HTTP/2":                 "HTTP/2.0 200 OK\r\n\r\n",
		"no status":              "HTTP/1.1\r\n\r\n",
		"status of two digits":   "HTTP/1.1 20 OK\r\n\r\n",
		"status of letters":      "HTTP/1.1 2x0 OK\r\n\r\n",
		"status beyond 599":      "HTTP/1.1 600 OK\r\n\r\n",
		"protocol switch":        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"line without colon":     ok + "nonsense\r\n\r\n",
		"empty name":             ok + ": a\r\n\r\n",
		"space before the colon": ok + "Content-Length : 5\r\n\r\nhello",
		"folded line":            ok + "X-A: a\r\n b\r\nContent-Length: 0\r\n\r\n",
		"control byte in name":   ok + "X\x01A: a\r\n\r\n",
		"NUL in value":           ok + "X-A: a\x00b\r\n\r\n",
		"CR in value":            ok + "X-A: a\rX-B: b\r\n\r\n",
		"lengths that differ":    ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"list of lengths":        ok + "Content-Length: 5, 5\r\n\r\nhello",
		"negative length":        ok + "Content-Length: -1\r\n\r\n",
		"signed length":          ok + "Content-Length: +5\r\n\r\nhello",
		"empty length":           ok + "Content-Length:\r\n\r\n",
		"length too large":       ok + "Content-Length: 99999999999999999999\r\n\r\n",
		"unknown encoding":       ok + "Transfer-Encoding: gzip\r\n\r\n",
		"encodings":              ok + "Transfer-Encoding: gzip, chunked\r\n\r\n",
		"chunked twice":          ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
		"chunk size of letters":  ok + "Transfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n0\r\n\r\n",
		"empty chunk size":       ok + "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
		"chunk size too large":   ok + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhello",
		"chunk without its end":  ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
		"chunk line with LF":     ok + "Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
		"last chunk with LF":     ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\n",
		"long chunk line":        ok + "Transfer-Encoding: chunked\r\n\r\n5;" + strings.Repeat("a", 8<<10) + "\r\nhello",
		"headers beyond limit":   ok + strings.Repeat("X-A: aaaaaaaaaa\r\n", 2000) + "\r\n",
		"one header beyond":      ok + "X-A: " + strings.Repeat("a", 20<<10) + "\r\n\r\n",
		"endless interim":        strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000),
		"trailers beyond limit":  ok + "Transfer-Encoding: chunked\r\n\r\n0\r\n" + strings.Repeat("X-A: aaaaaaaaaa\r\n", 2000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, answering(answer, false))
			_, _, err := do(t, p.client(t), get())
			var malformed *http1.MalformedError
			if !errors.As(err, &malformed) {
				t.Errorf("got %v, want a MalformedError", err)
			}
		})
	}
}

func TestRequestsAreWrittenWhole(t *testing.T) {
	t.Parallel()
	type got struct {
		req  *http.Request
		body string
	}
	requests := make(chan got, 1)
	p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for {
			req, body, err := readRequest(r)
			if err != nil {
				return
			}
			requests <- got{req, body}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		}
	})
	c := p.client(t)
	for _, size := range []int{0, 1, 5000, 20 << 10, 1 << 20} {
		half := strings.Repeat("x", size/2)
		rest := strings.Repeat("y", size-size/2)
		req := post([]byte(half), []byte(rest))
		req.Header = http.Header{"Authorization": {"Bearer k"}, "X-Two": {"1", "2"}}
		if _, _, err := do(t, c, req); err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		g := <-requests
		if g.body != half+rest || g.req.ContentLength != int64(size) {
			t.Errorf("%d bytes: the body differs", size)
		}
		if g.req.Method != "POST" || g.req.RequestURI != "/v1/models" || g.req.Host != "example.com" {
			t.Errorf("got %s %s for %s", g.req.Method, g.req.RequestURI, g.req.Host)
		}
		if g.req.Header.Get("Authorization") != "Bearer k" || len(g.req.Header["X-Two"]) != 2 {
			t.Errorf("got headers %v", g.req.Header)
		}
	}
	if n := p.conns.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestInvalidRequestsAreNotWritten(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*http1.Request){
		"line break in a value":  func(r *http1.Request) { r.Header = http.Header{"X-A": {"a\r\nX-B: b"}} },
		"colon in a name":        func(r *http1.Request) { r.Header = http.Header{"X:A": {"a"}} },
		"space in the target":    func(r *http1.Request) { r.Target = "/a b" },
		"line break in the host": func(r *http1.Request) { r.Host = "a\r\nX-B: b" },
		"no target":              func(r *http1.Request) { r.Target = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, func(_ int, _ net.Conn, r *bufio.Reader) {
				if b, _ := io.ReadAll(r); len(b) > 0 {
					t.Errorf("the peer got %q", b)
				}
			})
			req := get()
			spoil(req)
			if _, _, err := do(t, p.client(t), req); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestKeptHeaders(t *testing.T) {
	t.Parallel()
	p := serve(t, answering("HTTP/1.1 200 OK\r\nx-a: 1\r\nSet-Cookie: s\r\nX-B:  2 \t\r\nX-A: 3\r\nContent-Length: 0\r\n\r\n", false))
	res, _, err := do(t, p.client(t), get())
	if err != nil {
		t.Fatal(err)
	}
	if len(res.Header) != 2 || strings.Join(res.Header["X-A"], ",") != "1,3" || res.Header.Get("X-B") != "2" {
		t.Errorf("got %v", res.Header)
	}
}
