package http1

import (
	"bufio"
	"context"
	"errors"
	"net"
	"os"
	"time"
)

const (
	readBuffer = 4 << 10
	// askAfter is the idle time from which the kernel is asked whether anything
	// came on a connection; a younger one is tried.
	askAfter = 50 * time.Millisecond
)

// past is a deadline that ends waiting at once.
func past() time.Time { return time.Unix(1, 0) }

// conn is a connection. Between get and put it belongs to one request.
type conn struct {
	client    *Client
	nc        net.Conn
	br        *bufio.Reader // reads by conn.Read
	uses      int
	idleSince time.Time

	// Of the request under way.
	ctx      context.Context //nolint:containedctx // of the request that owns the connection
	stop     func() bool     // ends the watch on ctx; false: it has struck
	patience Patience
	answered bool // a byte of the reply came
	upload   chan error
	sent     bool // the whole request was
}

func newConn(client *Client, nc net.Conn) *conn {
	c := &conn{client: client, nc: nc}
	c.br = bufio.NewReaderSize(c, readBuffer)
	return c
}

func (c *conn) close() { _ = c.nc.Close() }

// begin makes the connection the request's own. A context that ends, ends all
// waiting on it.
func (c *conn) begin(ctx context.Context, req *Request) error {
	c.ctx, c.patience, c.answered, c.upload, c.sent = ctx, req.Patience, false, nil, false
	c.uses++
	if req.Connected != nil {
		req.Connected()
	}
	c.stop = func() bool { return true }
	if ctx.Done() != nil {
		c.stop = context.AfterFunc(ctx, c.abort)
	}
	return c.await()
}

func (c *conn) abort() { _ = c.nc.SetDeadline(past()) }

// await allows reading and writing for as long as patience is left.
func (c *conn) await() error {
	left := c.patience.Left()
	if left <= 0 {
		return ErrExpired
	}
	if err := c.nc.SetDeadline(time.Now().Add(left)); err != nil {
		return err
	}
	// abort may have struck before, and been overwritten.
	return c.ctx.Err()
}

// Read reads from the peer while the context lives and patience is left.
func (c *conn) Read(p []byte) (int, error) {
	for {
		n, err := c.nc.Read(p)
		if n > 0 {
			c.answered = true
		}
		if err == nil || n > 0 {
			return n, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, c.reason(err)
		}
		if err := c.ctx.Err(); err != nil {
			return 0, err
		}
		if err := c.await(); err != nil {
			return 0, err
		}
	}
}

// reason puts the end of the context before an error that it caused.
func (c *conn) reason(err error) error {
	if ended := c.ctx.Err(); ended != nil {
		return ended
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return ErrExpired
	}
	return err
}

// release ends the request. The connection is kept if reuse allows it and nothing
// stands against it.
func (c *conn) release(reuse bool) {
	c.finishUpload()
	undisturbed := c.stop()
	if !reuse || !undisturbed || !c.sent || c.br.Buffered() > 0 {
		c.close()
		return
	}
	c.ctx, c.patience, c.stop = nil, nil, nil
	c.client.pool.put(c)
}

// alive says whether an idle connection is fit for use, as far as can be seen.
func (c *conn) alive() bool {
	if time.Since(c.idleSince) < askAfter {
		return true
	}
	nc := c.nc
	if inner, ok := nc.(interface{ NetConn() net.Conn }); ok { // TLS
		nc = inner.NetConn()
	}
	return quiet(nc)
}
