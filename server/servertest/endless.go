package servertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Endless is a provider whose streams do not end, for tests of what a stream costs. Its
// own part in that is small.
type Endless struct {
	tb      testing.TB
	server  *http.Server
	address string
	event   []byte // one
	events  []byte // some, as fast as it goes
	bytes   atomic.Int64
	open    atomic.Int64
	ever    atomic.Int64
}

// The models of an Endless.
const (
	// Torrent answers with events as fast as they are taken.
	Torrent = "torrent"
	// Trickle answers with one event, and then with none.
	Trickle = "trickle"
	// Swallow answers that are no streams, whole.
	Swallow = "swallow"
)

// StartEndless starts one that stops with the test. Its events have so many bytes of
// text.
func StartEndless(tb testing.TB, text int) *Endless {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	e := &Endless{tb: tb, address: listener.Addr().String()}
	e.event = fmt.Appendf(nil, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}`+"\n\n",
		strings.Repeat("x", text))
	e.events = bytes.Repeat(e.event, 1+4096/len(e.event))
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: patience}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = e.server.Serve(smallBuffers{listener}) // it ends with the test
	}()
	tb.Cleanup(func() {
		_ = e.server.Close()
		<-served
		e.await("the end of all streams", func() bool { return e.open.Load() == 0 })
	})
	return e
}

// smallBuffers bounds what waits in the kernel, so that what was written was taken.
type smallBuffers struct{ net.Listener }

// Accept implements net.Listener.
func (l smallBuffers) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(16 << 10)
	}
	return conn, err //nolint:wrapcheck // the server's own
}

// URL is the base URL, with "/v1".
func (e *Endless) URL() string { return "http://" + e.address + "/v1" }

// Endlessly puts the gateway before an Endless.
func Endlessly(e *Endless) Option {
	return func(s *settings) {
		s.environ["OPENAI_BASE_URL"] = e.URL()
		s.environ["OPENAI_API_KEY"] = "sk-endless"
	}
}

// ServeHTTP implements http.Handler.
func (e *Endless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"object":"list","data":[{"id":%q,"object":"model"},{"id":%q,"object":"model"},{"id":%q,"object":"model"}]}`, Torrent, Trickle, Swallow)
		return
	}
	head := make([]byte, 64) // the model is the first member
	n, _ := io.ReadFull(r.Body, head)
	_, _ = io.Copy(io.Discard, r.Body)
	if strings.Contains(string(head[:n]), Swallow) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"ok"},"finish_reason":"stop"}]}`)
		return
	}
	e.ever.Add(1)
	e.open.Add(1)
	defer e.open.Add(-1)
	w.Header().Set("Content-Type", "text/event-stream")
	idle := strings.Contains(string(head), Trickle)
	piece := e.events
	if idle {
		piece = e.event
	}
	for {
		n, err := w.Write(piece)
		e.bytes.Add(int64(n))
		if err == nil {
			err = http.NewResponseController(w).Flush()
		}
		if err != nil {
			return
		}
		if idle {
			<-r.Context().Done()
			return
		}
	}
}

// Bytes is how much all streams were sent.
func (e *Endless) Bytes() int64 { return e.bytes.Load() }

// AwaitStreams waits until so many streams are open.
func (e *Endless) AwaitStreams(n int) {
	e.tb.Helper()
	e.await(fmt.Sprintf("%d streams", n), func() bool { return e.open.Load() == int64(n) })
}

// AwaitStill waits until no stream is sent any more.
func (e *Endless) AwaitStill() {
	e.tb.Helper()
	const still = 200 * time.Millisecond
	last, since := e.bytes.Load(), time.Now()
	e.await("silence", func() bool {
		if now := e.bytes.Load(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > still
	})
}

func (e *Endless) await(what string, ok func() bool) {
	e.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			e.tb.Errorf("waited for %s; %d streams are open of %d", what, e.open.Load(), e.ever.Load())
			return
		}
	}
}
