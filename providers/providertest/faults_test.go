package providertest

import (
	"bytes"
	"compress/gzip"
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

// The framings are on the wire, and say what OpenAI's framing says.
func TestFramings(t *testing.T) {
	t.Parallel()
	up := Start(t)
	_, plain := post(t, up, streamBody)
	for _, c := range []struct {
		script string
		check  func(body string) bool
		// undo makes OpenAI's framing of it.
		undo func(body string) string
	}{
		{"crlf", func(b string) bool { return strings.Count(b, "\r\n\r\n") == strings.Count(plain, "\n\n") }, replace("\r\n", "\n")},
		{"cr", func(b string) bool { return !strings.Contains(b, "\n") }, replace("\r", "\n")},
		{"bom", func(b string) bool { return strings.HasPrefix(b, "\xef\xbb\xbf") }, replace("\uFEFF", "")},
		{"comments", func(b string) bool { return strings.HasPrefix(b, ": ") }, replace(": keep-alive\n\n", "")},
		{"no-space", func(b string) bool { return strings.HasPrefix(b, "data:{") }, replace("data:", "data: ")},
		{"multi-line", func(b string) bool { return strings.Contains(b, ",\ndata: \"") }, replace(",\ndata: ", ",")},
		{"padding=3", func(b string) bool { return strings.Contains(b, "}   \n\n") }, func(b string) string {
			return replace("data:    ", "data: ")(replace("   \n", "\n")(b))
		}},
		{"no-last-blank", func(b string) bool { return strings.HasSuffix(b, done+"\n") }, func(b string) string { return b + "\n" }},
		{"one-byte", func(b string) bool { return b == plain }, func(b string) string { return b }},
		{"no-done", func(b string) bool { return !strings.Contains(b, done) }, func(b string) string { return b + "data: " + done + "\n\n" }},
	} {
		up.EnqueueText(t, c.script)
		_, body := post(t, up, streamBody)
		if !c.check(body) {
			t.Errorf("%s: %q", c.script, body)
		}
		if c.undo(body) != plain {
			t.Errorf("%s says something else: %q", c.script, body)
		}
	}
}

// replace is strings.ReplaceAll of one pair.
func replace(from, to string) func(string) string {
	return func(s string) string { return strings.ReplaceAll(s, from, to) }
}

func TestOneByteAWrite(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "one-byte")
	wire, _ := watch(t, up, streamBody)
	if n := strings.Count(wire, "\r\n1\r\n"); n < 1000 {
		t.Errorf("%d chunks of one byte", n)
	}
}

// Replies that are wrong as a whole.
func TestWrongReplies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script string
		body   string
		status int
		header string // Name: value
		want   string
	}{
		{"status=429,retry-after=7,retry-after-ms=12", plainBody, 429, "Retry-After-Ms: 12", `"code": "rate_limit_exceeded"`},
		{"status=429,type=insufficient_quota,code=insufficient_quota", plainBody, 429, "", `"type": "insufficient_quota"`},
		{"status=503", streamBody, 503, "", `"service_unavailable_error"`},
		{"status=529,should-retry=false", plainBody, 529, "X-Should-Retry: false", `"server_error"`},
		{"error-body", plainBody, 200, "", `"error": {`},
		{"html", plainBody, 502, "Content-Type: text/html", `<html>`},
		{"status=200,html", streamBody, 200, "Content-Type: text/html", `<html>`},
		{"no-content", plainBody, 204, "", ``},
		{"empty", plainBody, 200, "Content-Length: 0", ``},
		{"redirect=307:http://127.0.0.1:1/x", plainBody, 307, "Location: http://127.0.0.1:1/x", ``},
		{"content-type=text/plain", plainBody, 200, "Content-Type: text/plain", `"object"`},
		{"malformed=1", plainBody, 200, "", `"id";`},
		{"malformed=2", streamBody, 200, "", `data: {"id";`},
		{"error-at=1", streamBody, 200, "", `data: {"error":{"message":`},
		{"error-at=3,code=server_is_overloaded", streamBody, 200, "", `"code":"server_is_overloaded"}}`},
		{"error-at=1,status=503", streamBody, 503, "", `"code":"server_is_overloaded"`},
		{"no-finish", streamBody, 200, "", `"finish_reason":null`},
		{"no-usage", plainBody, 200, "", `"service_tier"`},
		{"finish=content_filter", plainBody, 200, "", `"content_filter"`},
		{"header=X-A:1,header=X-A:2", plainBody, 200, "X-A: 1", ``},
		{"close", plainBody, 200, "Connection: close", ``},
		{"body=[1]", plainBody, 200, "Content-Length: 3", `[1]`},
	} {
		t.Run(c.script, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			up.EnqueueText(t, c.script)
			resp, body := post(t, up, c.body)
			name, value, _ := strings.Cut(c.header, ": ")
			got := resp.Header.Get(name)
			if name == "Connection" && resp.Close {
				got = "close"
			}
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) || c.header != "" && got != value {
				t.Errorf("%d %v %s", resp.StatusCode, resp.Header, body)
			}
		})
	}
}

func TestErrorEventsEndTheStream(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "error-at=3")
	_, body := post(t, up, streamBody)
	if data := dataOf(body); len(data) != 3 || !strings.HasPrefix(data[2], `{"error":`) {
		t.Errorf("%q", data)
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "line=1048576", "line=1048576")
	for _, body := range []string{plainBody, streamBody} {
		_, got := post(t, up, body)
		longest := 0
		for _, line := range strings.Split(got, "\n") {
			longest = max(longest, len(line))
		}
		if longest < 1<<20 {
			t.Errorf("the longest line has %d bytes", longest)
		}
	}
}

func TestGzipBomb(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "gzip-bomb=268435456")
	req := request(t, up, plainBody)
	req.Header.Set("Accept-Encoding", "identity") // so that net/http does not inflate
	resp, body := do(t, req)
	z, err := gzip.NewReader(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, z)
	if err != nil || n < 256<<20 || len(body) > 1<<20 || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Errorf("%d bytes inflate to %d, %v, %v", len(body), n, err, resp.Header)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "header-flood=100000", "duplicate-headers", "conflicting-length", "garbage")
	if wire, _ := watch(t, up, plainBody); strings.Index(wire, "\r\n\r\n") < 100_000 {
		t.Error("no flood")
	}
	if wire, _ := watch(t, up, plainBody); strings.Count(wire, "X-Request-Id:") != 2 {
		t.Errorf("no duplicates: %q", wire)
	}
	if wire, _ := watch(t, up, plainBody); strings.Count(wire, "Content-Length:") != 2 {
		t.Errorf("no conflict: %q", wire)
	}
	if wire, _ := watch(t, up, plainBody); !strings.HasPrefix(wire, "\x00") {
		t.Errorf("no garbage: %q", wire)
	}
}

// An early reply comes while the client still uploads.
func TestEarlyReply(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueText(t, "early,status=413")
	c := dial(t, up)
	c.write("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + up.Key() + "\r\nContent-Length: 1000000\r\n\r\n{")
	if head := c.until("\r\n\r\n"); !strings.HasPrefix(head, "HTTP/1.1 413") || !strings.Contains(head, "Connection: close") {
		t.Errorf("%q", head)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for _, c := range []struct {
		script, body string
		least        time.Duration
	}{
		{"delay=60ms", plainBody, 60 * time.Millisecond},
		{"per-chunk=20ms", streamBody, 100 * time.Millisecond},
		{"pace=10000", plainBody, 70 * time.Millisecond},
	} {
		up.EnqueueText(t, c.script)
		began := time.Now()
		post(t, up, c.body)
		if took := time.Since(began); took < c.least {
			t.Errorf("%s took %v", c.script, took)
		}
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
