package http1

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

const (
	// joinBelow is the size up to which a body is copied behind the head: one
	// small write is cheaper than a vectored one.
	joinBelow = 8 << 10
	// sendAside is the size from which a body is written by a goroutine of its
	// own, so that an early answer is seen. What is smaller fits the kernels'
	// buffers, whether the peer reads it or not.
	sendAside = 64 << 10
)

// heads has buffers for requests' heads and replies' heads.
var heads = sync.Pool{New: func() any { return new([]byte) }}

// exchange sends the request and reads the head of the reply.
func (c *conn) exchange(ctx context.Context, req *Request) (*Response, error) {
	err := c.begin(ctx, req)
	if err != nil {
		c.abandon()
		return nil, c.reason(err)
	}
	sendErr := c.send(req)
	if sendErr != nil && !isHangup(sendErr) {
		c.abandon()
		return nil, sendErr
	}
	// A peer that hung up may have answered before: 401 for a body that it did not
	// want to read.
	res, err := c.head(req)
	if err != nil {
		c.abandon()
		return nil, err
	}
	return res, nil
}

// abandon ends a request that failed.
func (c *conn) abandon() {
	c.close() // ends the upload, too
	c.finishUpload()
	c.stop()
}

// send writes the request; a large body is still under way when it returns.
func (c *conn) send(req *Request) error {
	size := 0
	for _, piece := range req.Body {
		size += len(piece)
	}
	buf := heads.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in there
	head, err := appendHead((*buf)[:0], req, size)
	if err != nil {
		return err
	}
	if size < joinBelow {
		for _, piece := range req.Body {
			head = append(head, piece...)
		}
		_, err = c.nc.Write(head)
		*buf = head
		heads.Put(buf)
		c.sent = err == nil
		return c.writeError(err)
	}
	all := make(net.Buffers, 0, 1+len(req.Body))
	all = append(append(all, head), req.Body...)
	if size < sendAside {
		_, err = all.WriteTo(c.nc)
		*buf = head
		heads.Put(buf)
		c.sent = err == nil
		return c.writeError(err)
	}
	c.upload = make(chan error, 1)
	go func(done chan<- error) {
		_, err := all.WriteTo(c.nc)
		done <- err
	}(c.upload)
	return nil
}

func (c *conn) writeError(err error) error {
	if err == nil {
		return nil
	}
	return c.reason(err)
}

// finishUpload ends the upload if it still runs.
func (c *conn) finishUpload() {
	if c.upload == nil {
		return
	}
	_ = c.nc.SetWriteDeadline(past())
	c.sent = <-c.upload == nil
	c.upload = nil
}

var errHeader = errors.New("http1: invalid request header")

// appendHead appends the request line and the headers.
func appendHead(b []byte, req *Request, size int) ([]byte, error) {
	if !plain(req.Method) || !plain(req.Target) || !plain(req.Host) {
		return b, errHeader
	}
	b = append(b, req.Method...)
	b = append(b, ' ')
	b = append(b, req.Target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, req.Host...)
	if size > 0 || req.Method != http.MethodGet && req.Method != http.MethodHead {
		b = append(b, "\r\nContent-Length: "...)
		b = strconv.AppendInt(b, int64(size), 10)
	}
	for name, values := range req.Header {
		for _, value := range values {
			if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
				return b, errHeader
			}
			b = append(b, "\r\n"...)
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, value...)
		}
	}
	return append(b, "\r\n\r\n"...), nil
}

// plain says whether s may stand in a request line.
func plain(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}
