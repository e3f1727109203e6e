package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// caller makes one call at a time over a connection of its own.
type caller interface {
	// call makes the call and checks its reply. It returns when the reply's first
	// piece was there.
	call() (first time.Time, err error)
	close() error
}

// restCaller speaks HTTP/1.1 over a bare socket, so that the load costs little of the
// processor that it shares with what it measures.
type restCaller struct {
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	reply   []byte
	check   func(reply []byte) error
}

// callTimeout bounds a turn: no call may hang the run.
const callTimeout = 60 * time.Second

func newRESTCaller(ctx context.Context, address string, b bench, body []byte, chunks int) (caller, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\n"+
		"Accept: application/json\r\nUser-Agent: signalbox-bench\r\nContent-Length: %d\r\n\r\n", b.work.path(), address, key, len(body))
	return &restCaller{
		conn:    conn,
		in:      bufio.NewReaderSize(conn, 64<<10),
		request: append([]byte(head), body...),
		check:   func(reply []byte) error { return b.work.check(b, reply, chunks) },
	}, conn.SetDeadline(time.Now().Add(callTimeout))
}

func (c *restCaller) close() error { return c.conn.Close() }

func (c *restCaller) call() (time.Time, error) {
	if _, err := c.conn.Write(c.request); err != nil {
		return time.Time{}, err
	}
	status, length, err := c.readHead()
	if err != nil {
		return time.Time{}, err
	}
	c.reply = c.reply[:0]
	// The head may come before the first piece of the body, and often does.
	if _, err := c.in.Peek(1); err != nil {
		return time.Time{}, err
	}
	first := time.Now()
	if length >= 0 {
		err = c.readBody(length)
	} else {
		err = c.readChunked()
	}
	if err != nil {
		return first, err
	}
	if status != 200 {
		return first, fmt.Errorf("status %d: %.500s", status, c.reply)
	}
	return first, c.check(c.reply)
}

// readHead reads status and header; length is -1 for a chunked body.
func (c *restCaller) readHead() (status, length int, err error) {
	line, err := c.readLine()
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("not HTTP/1.1: %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	length = -1
	for {
		line, err = c.readLine()
		if err != nil || len(line) == 0 {
			return status, length, err
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, 0, err
			}
		}
	}
}

// readLine reads a line without its end. It is valid until the next read.
func (c *restCaller) readLine() ([]byte, error) {
	line, err := c.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}

// readBody appends the next bytes to the reply.
func (c *restCaller) readBody(length int) error {
	start := len(c.reply)
	if need := start + length; need > cap(c.reply) {
		c.reply = append(make([]byte, 0, need*2), c.reply...)
	}
	c.reply = c.reply[:start+length]
	_, err := io.ReadFull(c.in, c.reply[start:])
	return err
}

func (c *restCaller) readChunked() error {
	for {
		line, err := c.readLine()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return fmt.Errorf("chunk size: %w", err)
		}
		if err := c.readBody(int(size)); err != nil {
			return err
		}
		if line, err = c.readLine(); err != nil || len(line) > 0 {
			return errors.Join(err, fmt.Errorf("after a chunk: %q", line))
		}
		if size == 0 {
			return nil
		}
	}
}

// wholeObject says why a reply is not a whole object with a text in it.
func wholeObject(reply []byte, text string) error {
	if !bytes.Contains(reply, []byte(text)) || !bytes.HasSuffix(bytes.TrimSpace(reply), []byte("}")) {
		return fmt.Errorf("not a whole reply: %.500s", reply)
	}
	return nil
}

// counted says why a stream with so many chunks is not the one that was wanted: its
// beginning and its end may be chunks of their own.
func counted(chunks, want int) error {
	if chunks < want || chunks > want+3 {
		return fmt.Errorf("the stream has %d chunks, not %d", chunks, want)
	}
	return nil
}
