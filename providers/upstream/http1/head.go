package http1

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// head reads the heads of the reply up to the final one.
func (c *conn) head(req *Request) (*Response, error) {
	buf := heads.Get().(*[]byte) //nolint:forcetypeassert // nothing else is in there
	defer func() { heads.Put(buf) }()
	left := c.client.params.MaxHeaderBytes
	for {
		text, err := c.readHead((*buf)[:0], left)
		*buf = text[:0]
		if err != nil {
			return nil, err
		}
		left -= len(text)
		f, header, err := parseHead(text, c.client.params.Keep)
		if err != nil {
			return nil, err
		}
		if f.status >= 300 {
			c.finishUpload() // it will not read the rest
		}
		if f.status >= 200 {
			return &Response{Status: f.status, Header: header, Body: newBody(c, req.Method, f)}, nil
		}
		if f.status == http.StatusSwitchingProtocols {
			return nil, &MalformedError{What: "a protocol switch that nobody asked for"}
		}
	}
}

// readHead appends the lines up to the empty one, with their ends.
func (c *conn) readHead(b []byte, limit int) ([]byte, error) {
	for {
		begin := len(b)
		for {
			piece, err := c.br.ReadSlice('\n')
			b = append(b, piece...)
			if len(b) > limit {
				return b, &MalformedError{What: "headers beyond the limit"}
			}
			if err == nil {
				break
			}
			if !errors.Is(err, bufio.ErrBufferFull) {
				return b, err
			}
		}
		if line := trimEnd(b[begin:]); len(line) == 0 {
			return b, nil
		}
	}
}

// trimEnd removes the end of a line: CRLF, or LF alone.
func trimEnd(line []byte) []byte {
	line = bytes.TrimSuffix(line, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r"))
}

// facts is what a head says about the message.
type facts struct {
	status  int
	old     bool  // HTTP/1.0
	length  int64 // -1: not said
	chunked bool
	close   bool // the connection ends with the reply
	keep    bool // HTTP/1.0's keep-alive
}

// parseHead takes a head apart. All header names and values are checked, so that
// no two readers can see different messages in the same bytes.
func parseHead(text []byte, keep func([]byte) string) (facts, http.Header, error) {
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	f, err := parseStatusLine(bytes.TrimSuffix(line, []byte("\r")))
	if err != nil {
		return f, nil, err
	}
	f.length = -1
	var header http.Header
	for {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) == 0 {
			break
		}
		name, value, err := parseField(line)
		if err != nil {
			return f, nil, err
		}
		if err := f.take(name, value); err != nil {
			return f, nil, err
		}
		if as := keep(name); as != "" {
			if header == nil {
				header = make(http.Header, 8)
			}
			header[as] = append(header[as], string(value))
		}
	}
	if f.chunked && f.length >= 0 {
		// Chunked counts; but who sends both may be one of two that disagree.
		f.length, f.close = -1, true
	}
	return f, header, nil
}

// parseStatusLine reads "HTTP/1.1 200 OK"; the phrase may be missing.
func parseStatusLine(line []byte) (facts, error) {
	f := facts{}
	version, rest, _ := bytes.Cut(line, []byte(" "))
	switch string(version) {
	case "HTTP/1.1":
	case "HTTP/1.0":
		f.old = true
	default:
		return f, &MalformedError{What: "status line"}
	}
	code, phrase, _ := bytes.Cut(rest, []byte(" "))
	if len(code) != 3 || !validValue(phrase) {
		return f, &MalformedError{What: "status line"}
	}
	for _, digit := range code {
		if digit < '0' || digit > '9' {
			return f, &MalformedError{What: "status line"}
		}
		f.status = 10*f.status + int(digit-'0')
	}
	if f.status < 100 || f.status > 599 {
		return f, &MalformedError{What: "status"}
	}
	return f, nil
}

// parseField splits and checks a header line. A line that goes on from the one
// before is refused with the rest that has no name.
func parseField(line []byte) (name, value []byte, err error) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return nil, nil, &MalformedError{What: "header line"}
	}
	name = line[:colon]
	for _, c := range name {
		if !httpguts.IsTokenRune(rune(c)) {
			return nil, nil, &MalformedError{What: "header name"}
		}
	}
	value = bytes.Trim(line[colon+1:], " \t")
	if !validValue(value) {
		return nil, nil, &MalformedError{What: "header value"}
	}
	return name, value, nil
}

func validValue(value []byte) bool {
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// take reads what a header says about the framing.
func (f *facts) take(name, value []byte) error {
	switch len(name) {
	case len("Connection"):
		if bytes.EqualFold(name, []byte("Connection")) {
			f.takeConnection(string(value))
		}
	case len("Content-Length"):
		if bytes.EqualFold(name, []byte("Content-Length")) {
			return f.takeLength(value)
		}
	case len("Transfer-Encoding"):
		if bytes.EqualFold(name, []byte("Transfer-Encoding")) && !f.old {
			if f.chunked || !bytes.EqualFold(value, []byte("chunked")) {
				return &MalformedError{What: "transfer encoding"}
			}
			f.chunked = true
		}
	}
	return nil
}

func (f *facts) takeConnection(value string) {
	for option := range strings.SplitSeq(value, ",") {
		option = strings.Trim(option, " \t")
		f.close = f.close || strings.EqualFold(option, "close")
		f.keep = f.keep || strings.EqualFold(option, "keep-alive")
	}
}

func (f *facts) takeLength(value []byte) error {
	for _, digit := range value {
		if digit < '0' || digit > '9' {
			return &MalformedError{What: "content length"}
		}
	}
	length, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || f.length >= 0 && f.length != length {
		return &MalformedError{What: "content length"}
	}
	f.length = length
	return nil
}
