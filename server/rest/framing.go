package rest

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
)

// Watch has the connections of a listener of plain text look at what net/http does not
// show: heads of HTTP/1 requests that another parser, of a proxy before the gateway,
// could understand in another way. ConnContext brings what they saw to the handler,
// which refuses those requests.
func Watch(listener net.Listener) net.Listener { return &watch{Listener: listener} }

type watch struct{ net.Listener }

// Accept implements net.Listener.
func (w *watch) Accept() (net.Conn, error) {
	conn, err := w.Listener.Accept()
	if err != nil {
		return nil, err //nolint:wrapcheck // net/http asks it whether it is temporary
	}
	return &watched{Conn: conn}, nil
}

type connKey struct{}

// ConnContext is that of the http.Server that serves Watch's connections.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if w, ok := conn.(*watched); ok {
		return context.WithValue(ctx, connKey{}, w)
	}
	return ctx
}

// doubtful says whether a request's connection has brought a head with two meanings.
func doubtful(r *http.Request) bool {
	w, ok := r.Context().Value(connKey{}).(*watched)
	return ok && w.doubt.Load()
}

// lastOf says whether a request must be the last one of its connection: where a body
// ends is what parsers disagree on. Whatever a proxy takes for the rest of such a
// body is then read by nobody. RFC 9112, 6.1, demands as much.
func lastOf(r *http.Request) bool {
	return r.ProtoMajor == 1 && (r.ProtoMinor == 0 || len(r.TransferEncoding) > 0 || doubtful(r))
}

// watched is a connection that reads heads along. It changes nothing of what passes.
type watched struct {
	net.Conn
	doubt atomic.Bool

	// The rest belongs to whoever reads.
	partial []byte // the beginning of a line
	skip    int64  // of a body, still to come
	over    bool   // no further head is looked at
	inHead  bool   // the request line was there
	old     bool   // HTTP/1.0
	sized   bool   // content-length
	length  int64
	coded   bool // transfer-encoding
}

// Read implements net.Conn.
func (w *watched) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	w.see(p[:n])
	return n, err //nolint:wrapcheck // net/http asks what kind it is
}

// CloseWrite lets net/http part from a client that still sends.
func (w *watched) CloseWrite() error {
	if conn, ok := w.Conn.(interface{ CloseWrite() error }); ok {
		return conn.CloseWrite() //nolint:wrapcheck // nobody reads it
	}
	return nil
}

// see looks at bytes on their way.
func (w *watched) see(b []byte) {
	for len(b) > 0 && !w.over {
		if w.skip > 0 {
			n := min(w.skip, int64(len(b)))
			w.skip, b = w.skip-n, b[n:]
			continue
		}
		end := bytes.IndexByte(b, '\n')
		if end < 0 {
			w.partial = append(w.partial, b...)
			w.over = len(w.partial) > maxLine // net/http refuses it
			return
		}
		line := b[:end]
		if len(w.partial) > 0 {
			line = append(w.partial, line...)
		}
		b = b[end+1:]
		w.line(line)
		if w.partial = w.partial[:0]; cap(w.partial) > keptLine {
			w.partial = nil
		}
	}
}

const (
	// maxLine is longer than any line of a head that net/http takes.
	maxLine = 128 << 10
	// keptLine is the largest buffer that a connection keeps.
	keptLine = 4 << 10
)

// line takes a line without its LF.
func (w *watched) line(line []byte) {
	text, strict := bytes.CutSuffix(line, []byte("\r"))
	switch {
	case len(text) == 0 && !w.inHead: // between two requests
		return
	case !strict, bytes.IndexByte(text, '\r') >= 0, w.inHead && len(text) > 0 && (text[0] == ' ' || text[0] == '\t'):
		w.suspect() // ends of lines, and lines that go on in the next one
	case len(text) == 0:
		w.end()
	case !w.inHead:
		w.inHead, w.old = true, bytes.HasSuffix(text, []byte(" HTTP/1.0"))
	default:
		w.field(text)
	}
}

// field takes a header line.
func (w *watched) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":"))
	switch len(name) {
	case len("content-length"):
		if bytes.EqualFold(name, []byte("content-length")) {
			w.sized = true
			// net/http refuses what is no number, and two that differ.
			w.length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
	case len("transfer-encoding"):
		w.coded = w.coded || bytes.EqualFold(name, []byte("transfer-encoding"))
	}
}

// end takes the end of a head.
func (w *watched) end() {
	switch {
	case w.coded && (w.sized || w.old):
		w.suspect()
	case w.coded:
		w.over = true // lastOf
	}
	w.skip = w.length
	w.inHead, w.old, w.sized, w.coded, w.length = false, false, false, false, 0
}

func (w *watched) suspect() {
	w.doubt.Store(true)
	w.over = true
}
