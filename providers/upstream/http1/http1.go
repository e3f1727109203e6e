// Package http1 is a lean, synchronous HTTP/1.1 client for one host: a request is
// written and its reply read by the goroutine that asked, over pooled connections.
// It knows no redirects, cookies, proxies, compression or upgrades.
package http1

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"
)

// ErrExpired says that the patience of a request ran out.
var ErrExpired = errors.New("http1: no progress in time")

// MalformedError says that a reply breaks the rules of HTTP/1.1.
type MalformedError struct {
	// What is wrong, for logs. It holds nothing of the reply.
	What string
}

// Error implements error.
func (e *MalformedError) Error() string { return "http1: malformed reply: " + e.What }

// Patience says how much longer a request may wait for the peer. Left is asked
// when waiting begins and whenever that time has passed; from 0 on the request ends
// with ErrExpired. It is asked by the goroutine that reads.
type Patience interface {
	Left() time.Duration
}

// Request is a request. It is not changed and not kept beyond the reply's end.
type Request struct {
	// Method is the method: "POST".
	Method string
	// Target is the origin form, path and query, escaped.
	Target string
	// Host is the value of the header Host.
	Host string
	// Header has all other headers but those of the framing. It must not have
	// Content-Length, Transfer-Encoding, Connection, Trailer, Upgrade or Host.
	Header http.Header
	// Body is the body in pieces; they are written without being joined.
	Body [][]byte
	// Patience bounds the waiting. Required.
	Patience Patience
	// Connected is called when the request has a connection. May be nil. Called
	// again when a connection proves stale.
	Connected func()
}

// Response is the head of a reply, and its body.
type Response struct {
	// Status is the status, 200 to 599.
	Status int
	// Header has the headers that Params.Keep chose.
	Header http.Header
	// Body must be read to its end or closed; until then the connection is its own.
	Body *Body
}

// Params is what a client is made from. All members are required.
type Params struct {
	// Dial connects to the host. Its error is returned as it is.
	Dial func(context.Context) (net.Conn, error)
	// Keep returns the canonical name of a header that the caller wants to see, ""
	// for the others.
	Keep func(name string) string
	// MaxHeaderBytes bounds the heads of a reply, interim ones and trailers
	// included.
	MaxHeaderBytes int
	// MaxIdle is how many connections are kept for later.
	MaxIdle int
	// IdleTimeout is for how long.
	IdleTimeout time.Duration
}

// Client makes requests to one host. Safe for concurrent use.
type Client struct {
	params Params
	pool   pool
}

// New returns a client. It connects with its first request.
func New(params Params) *Client {
	return &Client{params: params, pool: pool{max: params.MaxIdle, timeout: params.IdleTimeout}}
}

// Close ends idle connections. Requests under way go on, and their connections are
// closed after them.
func (c *Client) Close() { c.pool.close() }

// Do sends a request and returns once the head of the reply is there. A pooled
// connection that the peer closed before a byte of the answer is replaced by a
// fresh one, once. The error is that of the context, of Dial, ErrExpired, a
// *MalformedError or the connection's.
func (c *Client) Do(ctx context.Context, req *Request) (*Response, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if cn := c.pool.get(); cn != nil {
		res, err := cn.exchange(ctx, req)
		if err == nil || !cn.stale(err) {
			return res, err
		}
	}
	cn, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	return cn.exchange(ctx, req)
}

func (c *Client) dial(ctx context.Context) (*conn, error) {
	nc, err := c.params.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return newConn(c, nc), nil
}

// stale says whether the peer closed a pooled connection before it can have seen,
// or at least answered, the request.
func (c *conn) stale(err error) bool {
	return c.uses > 1 && !c.answered && c.ctx.Err() == nil && isHangup(err)
}

func isHangup(err error) bool {
	var op *net.OpError
	if errors.Is(err, ErrExpired) {
		return false
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.As(err, &op) && !op.Timeout()
}
