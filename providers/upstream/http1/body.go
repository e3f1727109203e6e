package http1

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
)

const (
	// maxChunkLine bounds the line in front of a chunk, extensions included.
	maxChunkLine = 4 << 10
	untilClose   = -1
)

// Body is the body of a reply. Not safe for concurrent use.
type Body struct {
	c       *conn // nil once the reply is over
	err     error // from then on
	length  int64 // as the head said; -1: not known
	left    int64 // of the body or of the chunk; untilClose
	chunked bool
	inChunk bool // the end of the chunk in hand has not been read
	reuse   bool // the connection may be used again
}

// newBody ends the exchange at once if there is no body.
func newBody(c *conn, method string, f facts) *Body {
	b := &Body{c: c, length: f.length, left: f.length, chunked: f.chunked, reuse: !f.close && (!f.old || f.keep)}
	switch {
	case method == http.MethodHead, f.status == http.StatusNoContent, f.status == http.StatusNotModified:
		b.length, b.left, b.chunked = 0, 0, false
	case f.chunked:
		b.left = 0
	case f.length < 0:
		b.reuse = false
	}
	if b.length == 0 {
		b.end()
	}
	return b
}

// Length is the length that the head gave, -1 if it gave none.
func (b *Body) Length() int64 { return b.length }

// Await begins anew to count the patience of the request: call it when it has been
// shortened.
func (b *Body) Await() error {
	if b.c == nil {
		return b.err
	}
	return b.c.await()
}

// Read implements io.Reader. io.EOF is the proper end of the reply;
// io.ErrUnexpectedEOF that the peer hung up before it.
func (b *Body) Read(p []byte) (int, error) {
	if b.c == nil {
		return 0, b.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if b.chunked && b.left == 0 {
		if err := b.nextChunk(); err != nil {
			return 0, b.fail(err)
		}
		if b.left == 0 {
			b.end()
			return 0, io.EOF
		}
	}
	n, err := b.take(p)
	for err == nil && b.chunked && b.left == 0 && n < len(p) && b.nextIsHere() {
		if err = b.nextChunk(); err == nil {
			var more int
			more, err = b.take(p[n:])
			n += more
		}
	}
	switch {
	case err != nil && b.left == untilClose && errors.Is(err, io.EOF):
		b.end()
		return n, io.EOF
	case err != nil:
		return n, b.fail(err)
	case b.left == 0 && !b.chunked:
		b.end()
		return n, io.EOF
	}
	return n, nil
}

// take reads what is left of the body, or of the chunk in hand.
func (b *Body) take(p []byte) (int, error) {
	if b.left >= 0 && int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.c.br.Read(p)
	if b.left >= 0 {
		b.left -= int64(n)
	}
	return n, err
}

// nextIsHere says that the next chunk has come already, its first byte at least, and
// that it is not the last one. So the events of a stream that come at once are read at
// once, and nothing waits for a chunk that may not come.
func (b *Body) nextIsHere() bool {
	here, _ := b.c.br.Peek(b.c.br.Buffered()) // it never reads
	rest, ok := bytes.CutPrefix(here, []byte("\r\n"))
	if !ok || len(rest) == 0 || rest[0] == '0' {
		return false
	}
	line := bytes.IndexByte(rest, '\n')
	return line >= 0 && line+1 < len(rest)
}

// Close ends the reply. If it was not read to its end, the connection is closed,
// which is how the peer learns of it.
func (b *Body) Close() error {
	if b.c != nil {
		b.reuse = false
		b.end()
	}
	return nil
}

func (b *Body) end() {
	c := b.c
	b.c, b.err = nil, io.EOF
	c.release(b.reuse)
}

func (b *Body) fail(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	_ = b.Close()
	b.err = err
	return err
}

// nextChunk reads up to the next chunk's first byte; after the last chunk, with
// nothing left, up to the end of the reply.
func (b *Body) nextChunk() error {
	if b.inChunk {
		if line, err := b.chunkLine(); err != nil || len(line) > 0 {
			return orMalformed(err, "end of chunk")
		}
		b.inChunk = false
	}
	line, err := b.chunkLine()
	if err != nil {
		return err
	}
	size, err := chunkSize(line)
	if err != nil {
		return err
	}
	if size > 0 {
		b.left, b.inChunk = size, true
		return nil
	}
	// Trailers are checked for their end alone: nobody reads them.
	var room [64]byte
	text, err := b.c.readHead(room[:0], b.c.client.params.MaxHeaderBytes)
	if err == nil && len(text) == 1 {
		err = &MalformedError{What: "end of chunks"} // a bare LF
	}
	return err
}

func orMalformed(err error, what string) error {
	if err != nil {
		return err
	}
	return &MalformedError{What: what}
}

// chunkLine reads a line that must end with CRLF.
func (b *Body) chunkLine() ([]byte, error) {
	line, err := b.c.br.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(line) > maxChunkLine {
		return nil, &MalformedError{What: "chunk line"}
	}
	if err != nil {
		return nil, err
	}
	if len(line) < 2 || line[len(line)-2] != '\r' {
		return nil, &MalformedError{What: "chunk line"}
	}
	return line[:len(line)-2], nil
}

// chunkSize reads the size in front of a chunk. Extensions are passed over.
func chunkSize(line []byte) (int64, error) {
	size, digits := int64(0), 0
	for _, c := range line {
		var d int64
		switch {
		case c >= '0' && c <= '9':
			d = int64(c - '0')
		case c >= 'a' && c <= 'f':
			d = int64(c-'a') + 10
		case c >= 'A' && c <= 'F':
			d = int64(c-'A') + 10
		case digits > 0 && (c == ';' || c == ' ' || c == '\t'):
			return size, nil
		default:
			return 0, &MalformedError{What: "chunk size"}
		}
		if digits++; digits > 15 {
			return 0, &MalformedError{What: "chunk size"}
		}
		size = size<<4 | d
	}
	if digits == 0 {
		return 0, &MalformedError{What: "chunk size"}
	}
	return size, nil
}
