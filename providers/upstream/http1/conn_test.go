package http1_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
)

// hangup is what a broken connection may be called.
func hangup(err error) bool {
	var op *net.OpError
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op)
}

func TestPeerHangsUp(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		body   bool // it happens while the body is read
	}{
		"before the answer":     {"", false},
		"in the status line":    {"HTTP/1.1 20", false},
		"in the headers":        {"HTTP/1.1 200 OK\r\nX-A: ", false},
		"before the body":       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true},
		"in the body":           {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", true},
		"before a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		"in a chunk's size":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5", true},
		"in a chunk":            {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", true},
		"behind a chunk":        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", true},
		"before the last chunk": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true},
		"in the last chunk":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, answering(test.answer, true))
			res, err := p.client(t).Do(t.Context(), get())
			if (err == nil) != test.body {
				t.Fatalf("got error %v", err)
			}
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if !hangup(err) || test.body && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("got %v, want the end of the connection", err)
			}
			if n := p.conns.Load(); n != 1 {
				t.Errorf("%d connections, want 1: a fresh one is not tried again", n)
			}
		})
	}
}

func TestStaleConnectionIsReplacedOnce(t *testing.T) {
	t.Parallel()
	const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
	for name, size := range map[string]int{"small": 10, "large": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, func(nth int, c net.Conn, r *bufio.Reader) {
				if _, _, err := readRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, answer)
				if nth == 1 { // then close, when the next request has begun
					_, _ = r.ReadByte()
					return
				}
				if _, _, err := readRequest(r); err == nil {
					_, _ = io.WriteString(c, answer)
				}
			})
			c := p.client(t)
			var connected int
			for range 2 {
				req := post([]byte(strings.Repeat("x", size)))
				req.Connected = func() { connected++ }
				if _, text, err := do(t, c, req); err != nil || text != "ok" {
					t.Fatalf("got %q, %v", text, err)
				}
			}
			if n := p.conns.Load(); n != 2 || connected != 3 {
				t.Errorf("%d connections, told of %d; want 2 and 3", n, connected)
			}
		})
	}
	t.Run("not when an answer began", func(t *testing.T) {
		t.Parallel()
		p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
			_, _, _ = readRequest(r)
			_, _ = io.WriteString(c, answer)
			_, _, _ = readRequest(r)
			_, _ = io.WriteString(c, "HTTP/1.1 2")
		})
		c := p.client(t)
		if _, _, err := do(t, c, get()); err != nil {
			t.Fatal(err)
		}
		if _, _, err := do(t, c, get()); !hangup(err) {
			t.Errorf("got %v, want the end of the connection", err)
		}
		if n := p.conns.Load(); n != 1 {
			t.Errorf("%d connections, want 1", n)
		}
	})
}

// A connection that the peer has closed long ago is seen before it is used.
func TestClosedIdleConnectionIsNotUsed(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	p := serve(t, func(nth int, c net.Conn, r *bufio.Reader) {
		if _, _, err := readRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		if nth == 1 {
			_ = c.Close()
			close(closed)
		}
	})
	c := p.client(t)
	var connected int
	req := post([]byte("x"))
	req.Connected = func() { connected++ }
	if _, _, err := do(t, c, req); err != nil {
		t.Fatal(err)
	}
	<-closed
	<-time.After(60 * time.Millisecond) // the age from which the kernel is asked
	if _, _, err := do(t, c, req); err != nil {
		t.Fatal(err)
	}
	if connected != 2 {
		t.Errorf("connected %d times, want 2: the closed connection was tried", connected)
	}
}

// An answer that comes while a body is being sent ends the sending.
func TestEarlyAnswer(t *testing.T) {
	t.Parallel()
	for name, leaves := range map[string]bool{"that stays": false, "that hangs up": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			over := make(chan struct{})
			defer func() { <-over }()
			p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno")
				if !leaves {
					_, _ = io.Copy(io.Discard, c) // until the client hangs up
				}
				over <- struct{}{}
			})
			c := p.client(t)
			res, text, err := do(t, c, post(make([]byte, 64<<20)))
			if err != nil && leaves {
				return // the reset overtook the answer: both are possible
			}
			if err != nil || res.Status != 401 || text != "no" {
				t.Errorf("got %q, %v", text, err)
			}
		})
	}
}

// A peer that answers without reading must not block a body that it never reads.
func TestEarlyAnswerToBodyThatIsNeverRead(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
		<-release
	})
	res, text, err := do(t, p.client(t), post(make([]byte, 64<<20)))
	close(release)
	if err != nil || res.Status != 413 || text != "no" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestContextEndsWaiting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		size   int
	}{
		"for the answer":    {"", 10},
		"for the body":      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 10},
		"for a chunk":       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 10},
		"for the sending":   {"", 64 << 20},
		"for the sending 2": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			begun, gone := make(chan struct{}), make(chan struct{})
			p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				defer close(gone)
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, test.answer)
				close(begun)
				if test.size > 1<<20 {
					<-time.After(50 * time.Millisecond) // reads nothing, so that the sending stands
				}
				_, _ = io.Copy(io.Discard, r)
			})
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				<-begun
				cancel()
			}()
			res, err := p.client(t).Do(ctx, post(make([]byte, test.size)))
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
			<-gone // the peer learns of it
		})
	}
	t.Run("before it began", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		p := serve(t, answering("", true))
		if _, err := p.client(t).Do(ctx, get()); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if n := p.conns.Load(); n != 0 {
			t.Errorf("%d connections, want none", n)
		}
	})
}

func TestPatienceEndsWaiting(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		size   int
	}{
		"for the answer":  {"", 10},
		"for the body":    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 10},
		"for the sending": {"", 64 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			release := make(chan struct{})
			defer close(release)
			p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
				if _, err := http.ReadRequest(r); err != nil {
					return
				}
				_, _ = io.WriteString(c, test.answer)
				<-release
			})
			req := post(make([]byte, test.size))
			req.Patience = &fuse{ends: time.Now().Add(50 * time.Millisecond)}
			res, err := p.client(t).Do(t.Context(), req)
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if !errors.Is(err, http1.ErrExpired) {
				t.Errorf("got %v, want ErrExpired", err)
			}
		})
	}
}

// fuse is a patience with an end.
type fuse struct{ ends time.Time }

func (f *fuse) Left() time.Duration { return time.Until(f.ends) }

// hopeful is a patience that is short, and never at its end.
type hopeful struct{ asked chan struct{} }

func (h hopeful) Left() time.Duration {
	h.asked <- struct{}{}
	return time.Millisecond
}

// Progress that the patience knows of prolongs the waiting, without a word to the
// connection for each.
func TestPatienceIsAskedAgain(t *testing.T) {
	t.Parallel()
	patience := hopeful{make(chan struct{})}
	p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		for range 4 { // with the first, the waiting began
			<-patience.asked
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
		go func() {
			for range patience.asked { // whatever comes until the test is done
			}
		}()
		_, _ = io.WriteString(c, "k")
		_, _ = io.Copy(io.Discard, r)
	})
	req := get()
	req.Patience = patience
	if _, text, err := do(t, p.client(t), req); err != nil || text != "ok" {
		t.Errorf("got %q, %v", text, err)
	}
	close(patience.asked)
}

func TestClosedBodyEndsTheConnection(t *testing.T) {
	t.Parallel()
	gone := make(chan struct{})
	p := serve(t, func(_ int, c net.Conn, r *bufio.Reader) {
		defer close(gone)
		if _, err := http.ReadRequest(r); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
		_, _ = io.Copy(io.Discard, r)
	})
	res, err := p.client(t).Do(t.Context(), get())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := res.Body.Close(); err != nil {
			t.Error(err)
		}
	}
	<-gone
	if _, err := res.Body.Read(make([]byte, 1)); err == nil {
		t.Error("a closed body can be read")
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	gone := make(chan int, 10)
	p := serve(t, func(nth int, c net.Conn, r *bufio.Reader) {
		answering("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false)(nth, c, r)
		gone <- nth
	})
	c := http1.New(http1.Params{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", p.addr)
		},
		Keep:           func(string) string { return "" },
		MaxHeaderBytes: 1 << 10,
		MaxIdle:        1,
		IdleTimeout:    50 * time.Millisecond,
	})
	defer c.Close()
	var open []*http1.Response
	for range 3 {
		res, err := c.Do(t.Context(), get())
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, res)
	}
	for _, res := range open {
		_ = res.Body.Close()
	}
	for range p.conns.Load() { // the surplus at once, the last one when it has aged
		<-gone
	}
}
