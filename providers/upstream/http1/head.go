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
		f, header, err := parseHead(string(text), c.client.params.Keep)
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
func parseHead(text string, keep func(string) string) (facts, http.Header, error) {
	line, rest := cutLine(text)
	f, err := parseStatusLine(line)
	if err != nil {
		return f, nil, err
	}
	f.length = -1
	var header http.Header
	var room []string // for values: almost all names have one
	for {
		if line, rest = cutLine(rest); line == "" {
			break
		}
		name, value, err := parseField(line)
		if err != nil {
			return f, nil, err
		}
		if err := f.take(name, value); err != nil {
			return f, nil, err
		}
		as := keep(name)
		if as == "" {
			continue
		}
		if header == nil {
			header, room = make(http.Header, 12), make([]string, 0, 12)
		}
		if given := header[as]; given != nil {
			header[as] = append(given, value)
			continue
		}
		room = append(room, value)
		header[as] = room[len(room)-1 : len(room) : len(room)]
	}
	if f.chunked && f.length >= 0 {
		// Chunked counts; but who sends both may be one of two that disagree.
		f.length, f.close = -1, true
	}
	return f, header, nil
}

// cutLine cuts a line off, without its end: CRLF, or LF alone.
func cutLine(text string) (line, rest string) {
	line, rest, _ = strings.Cut(text, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}

// parseStatusLine reads "HTTP/1.1 200 OK"; the phrase may be missing.
func parseStatusLine(line string) (facts, error) {
	f := facts{}
	version, rest, _ := strings.Cut(line, " ")
	switch version {
	case "HTTP/1.1":
	case "HTTP/1.0":
		f.old = true
	default:
		return f, &MalformedError{What: "status line"}
	}
	code, phrase, _ := strings.Cut(rest, " ")
	if len(code) != 3 || !validValue(phrase) {
		return f, &MalformedError{What: "status line"}
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return f, &MalformedError{What: "status line"}
		}
		f.status = 10*f.status + int(code[i]-'0')
	}
	if f.status < 100 || f.status > 599 {
		return f, &MalformedError{What: "status"}
	}
	return f, nil
}

// parseField splits and checks a header line. A line that goes on from the one
// before is refused with the rest that has no name.
func parseField(line string) (name, value string, err error) {
	colon := strings.IndexByte(line, ':')
	if colon <= 0 {
		return "", "", &MalformedError{What: "header line"}
	}
	name = line[:colon]
	for i := range len(name) {
		if !httpguts.IsTokenRune(rune(name[i])) {
			return "", "", &MalformedError{What: "header name"}
		}
	}
	value = strings.Trim(line[colon+1:], " \t")
	if !validValue(value) {
		return "", "", &MalformedError{What: "header value"}
	}
	return name, value, nil
}

func validValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// take reads what a header says about the framing.
func (f *facts) take(name, value string) error {
	switch len(name) {
	case len("Connection"):
		if strings.EqualFold(name, "Connection") {
			f.takeConnection(value)
		}
	case len("Content-Length"):
		if strings.EqualFold(name, "Content-Length") {
			return f.takeLength(value)
		}
	case len("Transfer-Encoding"):
		if strings.EqualFold(name, "Transfer-Encoding") && !f.old {
			if f.chunked || !strings.EqualFold(value, "chunked") {
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

func (f *facts) takeLength(value string) error {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return &MalformedError{What: "content length"}
		}
	}
	length, err := strconv.ParseInt(value, 10, 64)
	if err != nil || f.length >= 0 && f.length != length {
		return &MalformedError{What: "content length"}
	}
	f.length = length
	return nil
}
