package http1

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// scriptConn is a peer that has already said everything.
type scriptConn struct {
	net.Conn
	r io.Reader
}

func (c scriptConn) Read(p []byte) (int, error)         { return c.r.Read(p) }
func (c scriptConn) Write(p []byte) (int, error)        { return len(p), nil }
func (c scriptConn) Close() error                       { return nil }
func (c scriptConn) SetDeadline(time.Time) error        { return nil }
func (c scriptConn) SetWriteDeadline(t time.Time) error { return nil }

type always struct{}

func (always) Left() time.Duration { return time.Minute }

// FuzzResponseHead reads what any peer may say: it must end, and where net/http also
// takes the reply, both must see the same message.
func FuzzResponseHead(f *testing.F) {
	for _, seed := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: b\r\n\r\nhello",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nhel\r\n2\r\nlo\r\n0\r\nX: y\r\n\r\n",
		"HTTP/1.0 404 \nConnection: keep-alive, close\n\nall",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		client := New(Params{
			Keep:           http.CanonicalHeaderKey,
			MaxHeaderBytes: 8 << 10,
		})
		c := newConn(client, scriptConn{r: bytes.NewReader(text)})
		res, err := c.exchange(t.Context(), &Request{Method: "POST", Target: "/", Host: "h", Patience: always{}})
		if err != nil {
			return
		}
		got, err := io.ReadAll(res.Body)
		if err != nil {
			return
		}
		compareToNetHTTP(t, text, res, got)
	})
}

func compareToNetHTTP(t *testing.T, text []byte, res *Response, got []byte) {
	t.Helper()
	br := bufio.NewReader(bytes.NewReader(text))
	var std *http.Response
	for {
		var err error
		if std, err = http.ReadResponse(br, &http.Request{Method: "POST"}); err != nil {
			return // stricter than we are, in spelling alone
		}
		if std.StatusCode >= 200 {
			break
		}
	}
	want, err := io.ReadAll(std.Body)
	if err != nil {
		return
	}
	if std.StatusCode != res.Status || !bytes.Equal(got, want) {
		t.Errorf("%q:\n got %d %q\nwant %d %q", text, res.Status, got, std.StatusCode, want)
	}
}
