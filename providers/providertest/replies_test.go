package providertest

import (
	"compress/gzip"
	"io"
	"slices"
	"strings"
	"testing"
	"time"
)

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

// A stream without a finish reason lacks that chunk alone.
func TestNoFinishButDone(t *testing.T) {
	t.Parallel()
	up := Start(t)
	_, plain := post(t, up, streamBody)
	up.EnqueueText(t, "no-finish-but-done")
	_, body := post(t, up, streamBody)
	want := slices.DeleteFunc(dataOf(plain), func(data string) bool { return strings.Contains(data, `"finish_reason":"`) })
	if got := dataOf(body); !slices.Equal(got, want) || len(got) != len(dataOf(plain))-1 || got[len(got)-1] != done {
		t.Errorf("got %q, want %q", got, want)
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
