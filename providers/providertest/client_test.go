package providertest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Bodies that most tests send.
const (
	plainBody  = `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Say hello."}]}`
	streamBody = `{"model":"gpt-4o-mini","stream":true,"messages":[{"role":"user","content":"Say hello."}]}`
)

// post sends a chat completion as a plain client would, and returns the reply and
// its body.
func post(t *testing.T, up *Upstream, body string) (*http.Response, string) {
	t.Helper()
	return do(t, request(t, up, body))
}

// request is a chat completion by net/http.
func request(t *testing.T, up *Upstream, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, up.URL()+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+up.Key())
	req.Header.Set("Content-Type", "application/json")
	return req
}

// do sends a request on a connection of its own.
func do(t *testing.T, req *http.Request) (*http.Response, string) {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read the reply: %v", err)
	}
	return resp, string(b)
}

// rawClient is a socket that speaks HTTP/1.1 by hand, so that nothing hides what
// is on the wire.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
	up   *Upstream
}

// dial connects.
func dial(t *testing.T, up *Upstream) *rawClient {
	t.Helper()
	conn, err := net.Dial("tcp", up.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &rawClient{t: t, conn: conn, r: bufio.NewReader(conn), up: up}
}

// send writes a chat completion.
func (c *rawClient) send(body string) {
	c.t.Helper()
	c.write(fmt.Sprintf("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", c.up.Key(), len(body), body))
}

// write writes bytes.
func (c *rawClient) write(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, s); err != nil {
		c.t.Fatal(err)
	}
}

// rest reads until the connection ends, and says how: nil for a FIN.
func (c *rawClient) rest() (string, error) {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	b, err := io.ReadAll(c.r)
	return string(b), err
}

// silent says whether nothing comes for a while.
func (c *rawClient) silent() bool {
	_ = c.conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	_, err := c.r.Peek(1)
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// until reads up to and including a text.
func (c *rawClient) until(text string) string {
	c.t.Helper()
	_ = c.conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b bytes.Buffer
	for !strings.HasSuffix(b.String(), text) {
		one, err := c.r.ReadByte()
		if err != nil {
			c.t.Fatalf("read %q: %v after %q", text, err, b.String())
		}
		b.WriteByte(one)
	}
	return b.String()
}

// dataOf returns the data of all events of a stream in OpenAI's framing.
func dataOf(body string) []string {
	var out []string
	for _, line := range strings.Split(body, "\n") {
		if data, ok := strings.CutPrefix(line, "data: "); ok {
			out = append(out, data)
		}
	}
	return out
}
