package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"time"

	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
)

const (
	// The windows bound what a stalled stream holds in memory; Go's own are
	// megabytes.
	streamWindow     = 64 << 10
	connectionWindow = 1 << 20
	pingInterval     = 30 * time.Second
	pingTimeout      = 15 * time.Second
)

// netTransport is net/http's client: HTTP/2 where the provider has it.
type netTransport struct {
	inner *http.Transport
}

func newNetTransport(d *dialer, secure bool) *netTransport {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(secure)
	return &netTransport{inner: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.plain(ctx)
		},
		DialTLSContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return d.secure(ctx)
		},
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           maxIdle,
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		Protocols:              protocols,
		HTTP2: &http.HTTP2Config{
			MaxReceiveBufferPerStream:     streamWindow,
			MaxReceiveBufferPerConnection: connectionWindow,
			SendPingTimeout:               pingInterval,
			PingTimeout:                   pingTimeout,
		},
	}}
}

func (t *netTransport) close() { t.inner.CloseIdleConnections() }

func (t *netTransport) roundTrip(ctx context.Context, r *request) (*reply, error) {
	own, cancel := context.WithCancelCause(ctx)
	x := &netExchange{caller: ctx, own: own, cancel: cancel, patience: r.patience}
	traced := httptrace.WithClientTrace(own, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) {
			r.connected()
			x.watch()
		},
	})
	req := &http.Request{
		Method: r.method,
		URL:    r.endpoint.url,
		Header: r.header,
		Proto:  "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}
	if len(r.body) > 0 {
		for _, piece := range r.body {
			req.ContentLength += int64(len(piece))
		}
		x.upload.pieces = r.body
		req.GetBody = func() (io.ReadCloser, error) { return x.upload.reader(), nil }
		req.Body = x.upload.reader()
	}
	// Present and empty: not sent, but net/http then replaces a connection that
	// proved stale for a POST, too.
	r.header["Idempotency-Key"] = nil
	res, err := t.inner.RoundTrip(req.WithContext(traced)) //nolint:bodyclose // netExchange.Close does
	if err != nil {
		defer x.end()
		return nil, x.reason(err)
	}
	x.res = res
	kept := make(http.Header, 8)
	for name, values := range res.Header {
		if strings.Contains(name, " ") { // "Content-Length : 5" is read as some other header
			_ = x.Close()
			return nil, &http1.MalformedError{What: "header name"}
		}
		if as := keepHeader(name); as != "" {
			kept[as] = values
		}
	}
	return &reply{status: res.StatusCode, header: kept, body: x}, nil
}

// netExchange is a request under way: its patience, and the body of its reply.
type netExchange struct {
	caller   context.Context //nolint:containedctx // of the exchange that it is
	own      context.Context //nolint:containedctx // likewise
	cancel   context.CancelCauseFunc
	patience *patience
	upload   upload
	res      *http.Response

	mu    sync.Mutex
	timer *time.Timer
	over  bool
}

// watch begins to count, or counts anew.
func (x *netExchange) watch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.over:
	case x.timer == nil:
		x.timer = time.AfterFunc(x.patience.Left(), x.check)
	default:
		x.timer.Reset(x.patience.Left())
	}
}

// check cancels the exchange if its patience is at its end, else looks again then.
func (x *netExchange) check() {
	if x.patience.Left() > 0 {
		x.watch()
		return
	}
	x.cancel(http1.ErrExpired)
}

// reason finds what really ended the exchange: net/http names the cancelled context
// alone.
func (x *netExchange) reason(err error) error {
	if ended := x.caller.Err(); ended != nil {
		return ended
	}
	if cause := context.Cause(x.own); errors.Is(cause, http1.ErrExpired) {
		return cause
	}
	return err
}

func (x *netExchange) end() {
	x.mu.Lock()
	x.over = true
	if x.timer != nil {
		x.timer.Stop()
	}
	x.mu.Unlock()
	x.cancel(context.Canceled)
	x.upload.end()
}

// Read implements body.
func (x *netExchange) Read(p []byte) (int, error) {
	n, err := x.res.Body.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = x.reason(err)
	}
	return n, err
}

// Length implements body.
func (x *netExchange) Length() int64 { return x.res.ContentLength }

// Await implements body.
func (x *netExchange) Await() error {
	x.watch()
	return nil
}

// Close implements body. What was not read to its end is cancelled at once.
func (x *netExchange) Close() error {
	err := x.res.Body.Close()
	x.end()
	return err
}

// upload gives net/http the body of a request, again if it must, and takes it back:
// net/http may still read when a request has long ended.
type upload struct {
	mu     sync.Mutex
	pieces [][]byte
}

func (u *upload) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.pieces = nil
}

func (u *upload) reader() io.ReadCloser { return &uploadReader{of: u} }

type uploadReader struct {
	of         *upload
	piece, pos int
	done       bool
}

// Read implements io.Reader.
func (r *uploadReader) Read(p []byte) (int, error) {
	r.of.mu.Lock()
	defer r.of.mu.Unlock()
	if r.done {
		return 0, io.EOF
	}
	if r.of.pieces == nil {
		return 0, context.Canceled
	}
	n := copy(p, r.of.pieces[r.piece][r.pos:])
	r.pos += n
	if r.pos == len(r.of.pieces[r.piece]) {
		r.piece, r.pos = r.piece+1, 0
		r.done = r.piece == len(r.of.pieces)
	}
	return n, nil
}

// Close implements io.Closer.
func (r *uploadReader) Close() error { return nil }
