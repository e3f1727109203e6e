package providertest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ending is how a reply is seen to end on the wire.
type ending string

const (
	silence  ending = "silence"  // the connection stays open and nothing comes
	reset    ending = "reset"    // RST
	cutShort ending = "FIN"      // FIN inside the HTTP message
	orderly  ending = "complete" // the HTTP message is complete
)

// watch sends a request, and returns what came and how it ended.
func watch(t *testing.T, up *Upstream, body string) (string, ending) {
	t.Helper()
	c := dial(t, up)
	c.send(body)
	var got bytes.Buffer
	buf := make([]byte, 64<<10)
	for {
		_ = c.conn.SetReadDeadline(time.Now().Add(150 * time.Millisecond))
		n, err := c.r.Read(buf)
		got.Write(buf[:n])
		switch {
		case errors.Is(err, io.EOF):
			return got.String(), cutShort
		case errors.Is(err, syscall.ECONNRESET):
			return got.String(), reset
		case err != nil && complete(got.Bytes()):
			return got.String(), orderly
		case err != nil:
			return got.String(), silence
		}
	}
}

// complete says whether bytes are one whole HTTP message.
func complete(b []byte) bool {
	return bytes.HasSuffix(b, []byte("\r\n0\r\n\r\n")) || bytes.HasSuffix(b, []byte("}")) && bytes.Contains(b, []byte("Content-Length:"))
}

// bodyOf takes the chunked coding off what came.
func bodyOf(t *testing.T, wire string) string {
	t.Helper()
	_, rest, ok := strings.Cut(wire, "\r\n\r\n")
	if !ok {
		t.Fatalf("no headers in %q", wire)
	}
	if !strings.Contains(wire, "chunked") {
		return rest
	}
	var out strings.Builder
	for rest != "" {
		line, after, ok := strings.Cut(rest, "\r\n")
		size := 0
		for _, r := range line {
			size = size*16 + strings.IndexRune("0123456789abcdef", r)
		}
		if !ok || size > len(after) {
			break
		}
		out.WriteString(after[:size])
		rest = strings.TrimPrefix(after[size:], "\r\n")
	}
	return out.String()
}

// Each break is seen on the wire where it was ordered, and as it was ordered.
func TestBreaks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		body   string
		events int // whole events
		bytes  int // of the body; -1: any
		ending ending
	}{
		{"hang", plainBody, 0, 0, silence},
		{"hang", streamBody, 0, 0, silence},
		{"hang-after=0", streamBody, 0, 0, silence},
		{"hang-after=2", streamBody, 2, -1, silence},
		{"hang-in=3", streamBody, 2, -1, silence},
		{"hang-bytes=10", plainBody, 0, 10, silence},
		{"hang-after=1", plainBody, 0, -1, silence},
		{"reset", plainBody, 0, 0, reset},
		{"reset", streamBody, 0, 0, reset},
		{"reset-after=3", streamBody, 3, -1, reset},
		{"reset-in=2", streamBody, 1, -1, reset},
		{"reset-bytes=7", plainBody, 0, 7, reset},
		{"drop", plainBody, 0, 0, cutShort},
		{"drop-after=1", streamBody, 1, -1, cutShort},
		{"drop-bytes=400", streamBody, 1, 400, cutShort},
		{"drop-bytes=100", plainBody, 0, 100, cutShort},
		{"truncate-after=2", streamBody, 2, -1, orderly},
		{"truncate-in=2", streamBody, 1, -1, orderly},
		{"truncate-bytes=20", plainBody, 0, 20, orderly},
		{"truncate-bytes=0", streamBody, 0, 0, orderly},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			up.EnqueueText(t, c.script)
			wire, got := watch(t, up, c.body)
			if got != c.ending {
				t.Errorf("ended by %s, want %s: %q", got, c.ending, wire)
			}
			if !strings.Contains(wire, "\r\n\r\n") {
				if !strings.Contains(c.script, "=") && wire == "" {
					return // before the headers
				}
				t.Fatalf("no headers: %q", wire)
			}
			body := bodyOf(t, wire)
			if n := strings.Count(body, "\n\n"); n != c.events {
				t.Errorf("%d events, want %d", n, c.events)
			}
			if c.bytes >= 0 && len(body) != c.bytes {
				t.Errorf("%d bytes, want %d", len(body), c.bytes)
			}
			if strings.Contains(body, done) {
				t.Error("a broken stream has [DONE]")
			}
		})
	}
}

// A stale connection looks alive until it is used.
func TestStaleConnection(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "stale")
	c := dial(t, up)
	c.send(plainBody)
	c.until("\n}")
	if !c.silent() {
		t.Fatal("the connection is not idle")
	}
	c.send(plainBody)
	if got, err := c.rest(); got != "" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if last := up.Requests()[1]; last.Script != "stale" || last.Status != 0 {
		t.Errorf("%+v", last)
	}
}

func TestTimesThenSuccess(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "status=500,times=2")
	marked := strings.Replace(plainBody, "gpt-4o-mini", "fault/status=500,times=2", 1)
	byUser := with(`"user":"fault/status=500,times=2,id=7"`)
	for _, body := range []string{plainBody, marked, byUser, marked} {
		var got []int
		for range 3 {
			resp, _ := post(t, up, body)
			got = append(got, resp.StatusCode)
		}
		if got[0] != 500 || got[1] != 500 || got[2] != 200 {
			t.Errorf("%s: %v", body, got)
		}
	}
}

// Over HTTP/2 the breaks are those of a stream, and the connection lives on.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.TLS = true })
	transport := &http.Transport{TLSClientConfig: clientTLS(up), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	call := func(ctx context.Context) (string, error) {
		resp, err := client.Do(request(t, up, streamBody).WithContext(ctx))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		if resp.ProtoMajor != 2 {
			t.Errorf("spoke %s", resp.Proto)
		}
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	up.EnqueueText(t, "id=1", "reset-after=2", "truncate-after=2", "reset")
	if got, err := call(t.Context()); err != nil || !strings.Contains(got, done) {
		t.Errorf("orderly: %q, %v", got, err)
	}
	if got, err := call(t.Context()); err == nil || strings.Count(got, "\n\n") != 2 {
		t.Errorf("reset: %q, %v", got, err)
	}
	if got, err := call(t.Context()); err != nil || strings.Count(got, "\n\n") != 2 {
		t.Errorf("truncated: %q, %v", got, err)
	}
	if got, err := call(t.Context()); err == nil {
		t.Errorf("reset before the headers: %q", got)
	}
	if open, ever := up.Connections(); open != 1 || ever != 1 {
		t.Errorf("%d of %d connections are open", open, ever)
	}
}
