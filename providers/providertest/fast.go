package providertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// FastParams is what a fast upstream is made from.
type FastParams struct {
	// Chunks is the number of content chunks of a stream. 0: 32.
	Chunks int
	// ChunkBytes is the size of the text in each. 0: 16.
	ChunkBytes int
	// ReplyBytes is the size of the text of other replies. 0: 256.
	ReplyBytes int
	// Delay is the wait before each chunk of a stream, and before other replies.
	Delay time.Duration
}

// Fast is an upstream for benchmarks, as cheap as can be: it answers bytes that
// were made beforehand, checks nothing and remembers nothing. HTTP/1.1 only. It has
// chat completions, responses and embeddings: 16 vectors of 1536 numbers, whatever
// the input. Its model is "bench-chat", though it takes any.
type Fast struct {
	listener net.Listener
	delay    time.Duration
	replies  fastReplies

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
	wg     sync.WaitGroup
}

// ListenFast runs a fast upstream at an address. The caller closes it.
func ListenFast(addr string, p FastParams) (*Fast, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	f := &Fast{
		listener: l, delay: p.Delay, conns: map[net.Conn]bool{},
		replies: prepareFast(orElse(p.Chunks, 32), orElse(p.ChunkBytes, 16), orElse(p.ReplyBytes, 256)),
	}
	f.wg.Go(f.accept)
	return f, nil
}

// orElse returns n, or a default for 0.
func orElse(n, usual int) int {
	if n == 0 {
		return usual
	}
	return n
}

// URL is the base URL, with "/v1".
func (f *Fast) URL() string { return "http://" + f.listener.Addr().String() + "/v1" }

// Close ends all connections and waits for its goroutines.
func (f *Fast) Close() error {
	f.mu.Lock()
	f.closed = true
	err := f.listener.Close()
	for c := range f.conns {
		_ = c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err //nolint:wrapcheck // its text says it all
}

// accept takes connections until the listener closes.
func (f *Fast) accept() {
	for {
		c, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		if f.closed {
			f.mu.Unlock()
			_ = c.Close()
			return
		}
		f.conns[c] = true
		f.wg.Go(func() { f.serve(c) })
		f.mu.Unlock()
	}
}

// serve answers requests on one connection until one of them fails.
func (f *Fast) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		f.mu.Lock()
		delete(f.conns, c)
		f.mu.Unlock()
	}()
	r := bufio.NewReaderSize(c, 64<<10)
	for {
		req, err := readFast(r)
		if err != nil {
			return
		}
		if err := f.answer(c, req); err != nil {
			return
		}
	}
}

// fastRequest is all that a fast upstream wants to know.
type fastRequest struct {
	endpoint              fastEndpoint
	stream, usage, base64 bool
}

// answer writes the reply to one request.
func (f *Fast) answer(c net.Conn, req fastRequest) error {
	if f.delay > 0 && req.endpoint != fastModels {
		time.Sleep(f.delay)
	}
	if !req.stream {
		_, err := c.Write(f.replies.unary(req))
		return err //nolint:wrapcheck // only asked whether it is nil
	}
	s := &f.replies.streams[req.endpoint]
	if _, err := c.Write(fastHead); err != nil {
		return err //nolint:wrapcheck // only asked whether it is nil
	}
	for i, event := range s.events {
		if i > 0 && f.delay > 0 {
			time.Sleep(f.delay)
		}
		if _, err := c.Write(event); err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
	}
	if req.usage && s.usage != nil {
		if _, err := c.Write(s.usage); err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
	}
	_, err := c.Write(s.last)
	return err //nolint:wrapcheck // only asked whether it is nil
}

// readFast reads one request: only as much of HTTP as a gateway's client speaks.
func readFast(r *bufio.Reader) (fastRequest, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return fastRequest{}, err //nolint:wrapcheck // only asked whether it is nil
	}
	req := fastRequest{endpoint: fastEndpointOf(line)}
	size := 0
	for {
		if line, err = r.ReadSlice('\n'); err != nil {
			return req, err //nolint:wrapcheck // only asked whether it is nil
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case len(name) == len("content-length") && bytes.EqualFold(name, []byte("content-length")):
			if size, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return req, err //nolint:wrapcheck // only asked whether it is nil
			}
		case len(name) == len("transfer-encoding") && bytes.EqualFold(name, []byte("transfer-encoding")):
			size = -1
		}
	}
	if size >= 0 {
		return req, req.body(r, size)
	}
	return req, req.chunks(r)
}

// chunks reads a body in chunks.
func (q *fastRequest) chunks(r *bufio.Reader) error {
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
		if err := q.body(r, int(size)); err != nil {
			return err
		}
		if _, err := r.Discard(2); err != nil || size == 0 {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
	}
}

// body reads n bytes, and looks for what the reply depends on. A switch that lies across
// two reads is seen, because they overlap.
func (q *fastRequest) body(r *bufio.Reader, n int) error {
	const overlap = 40
	for n > 0 {
		b, err := r.Peek(min(n, r.Size()))
		if err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
		q.stream = q.stream || bytes.Contains(b, []byte(`"stream":true`)) || bytes.Contains(b, []byte(`"stream": true`))
		q.base64 = q.base64 || bytes.Contains(b, []byte(`"encoding_format":"base64"`)) || bytes.Contains(b, []byte(`"encoding_format": "base64"`))
		q.usage = q.usage || bytes.Contains(b, []byte(`"include_usage":true`)) || bytes.Contains(b, []byte(`"include_usage": true`))
		step := len(b)
		if step < n {
			step -= overlap
		}
		if _, err := r.Discard(step); err != nil {
			return err //nolint:wrapcheck // only asked whether it is nil
		}
		n -= step
	}
	return nil
}

var _ io.Closer = (*Fast)(nil)
