package rest

import (
	"strings"
	"testing"
)

// What a connection says of its heads does not depend on how its bytes come.
func TestHeadsWithTwoMeanings(t *testing.T) {
	t.Parallel()
	const (
		get  = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		post = "POST / HTTP/1.1\r\nHost: x\r\n"
	)
	for _, tt := range []struct {
		name, text string
		doubt      bool
	}{
		{"one request", get, false},
		{"many requests", get + get + "\r\n" + get, false},
		{"a body", post + "Content-Length: 5\r\n\r\nhello" + get, false},
		{"a body that looks like a head", post + "Content-Length: 68\r\n\r\nA: b\n\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked" + get, false},
		{"chunks, and what follows", post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nwhatever\nContent-Length: 5", false},
		{"a length in one, chunks in the next", post + "Content-Length: 0\r\n\r\n" + post + "Transfer-Encoding: chunked\r\n\r\n", false},
		{"a length and chunks", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{"chunks and a length", post + "TRANSFER-ENCODING:chunked\r\nCONTENT-LENGTH:5\r\n\r\n", true},
		{"the same behind a good request", post + "Content-Length: 5\r\n\r\nhello" + post + "Content-Length: 5\r\nTransfer-Encoding: x\r\n\r\n", true},
		{"HTTP/1.0 with chunks", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{"HTTP/1.0 with a length", "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello" + get, false},
		{"a line that goes on", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", true},
		{"a line without its CR", "GET / HTTP/1.1\r\nA: b\nHost: x\r\n\r\n", true},
		{"a first line without its CR", "GET / HTTP/1.1\nHost: x\r\n\r\n", true},
		{"an end without its CR", "GET / HTTP/1.1\r\nHost: x\r\n\n", true},
		{"a CR in a line", "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for at := range len(tt.text) {
				w := &watched{}
				w.see([]byte(tt.text[:at]))
				w.see([]byte(tt.text[at:]))
				if w.doubt.Load() != tt.doubt {
					t.Fatalf("in two pieces, %q and the rest: doubt is %v", tt.text[:at], w.doubt.Load())
				}
			}
			w := &watched{}
			for i := range len(tt.text) {
				w.see([]byte(tt.text[i : i+1]))
			}
			if w.doubt.Load() != tt.doubt {
				t.Errorf("byte by byte: doubt is %v", w.doubt.Load())
			}
		})
	}
}

// A connection does not keep long lines.
func TestWatchKeepsLittle(t *testing.T) {
	t.Parallel()
	w := &watched{}
	w.see([]byte("GET / HTTP/1.1\r\nA: " + strings.Repeat("x", 60<<10)))
	w.see([]byte("\r\n\r\n"))
	if cap(w.partial) > keptLine {
		t.Errorf("%d bytes are kept", cap(w.partial))
	}
	w.see([]byte(strings.Repeat("x", 2*maxLine)))
	if !w.over || len(w.partial) > 2*maxLine {
		t.Errorf("a line without an end is kept: %d bytes", len(w.partial))
	}
	for range 100 {
		w.see([]byte(strings.Repeat("x", maxLine)))
	}
	if len(w.partial) > 2*maxLine {
		t.Errorf("%d bytes are kept", len(w.partial))
	}
}
