package server_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// rawReply is what came back on a connection.
type rawReply struct {
	status int
	header http.Header
	body   string
	// last says that the gateway closed the connection behind it.
	last bool
}

// raw is a connection that is spoken to by hand.
type raw struct {
	net.Conn
	t *testing.T
	r *bufio.Reader
}

func dialRaw(t *testing.T, address string) *raw {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // most were closed by the gateway
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &raw{Conn: conn, t: t, r: bufio.NewReader(conn)}
}

// send writes text. The gateway may have hung up before its end.
func (c *raw) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil && !errors.Is(err, net.ErrClosed) {
		c.t.Logf("sent in part: %v", err)
	}
}

// reply reads a reply. method is that of its request.
func (c *raw) reply(method string) rawReply {
	c.t.Helper()
	got, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("no reply: %v", err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		c.t.Fatalf("read the reply: %v", err)
	}
	return rawReply{status: got.StatusCode, header: got.Header, body: string(body), last: got.Close}
}

// closed waits for the gateway to close the connection, and says whether it sent
// anything before.
func (c *raw) closed() (more string) {
	c.t.Helper()
	rest, err := io.ReadAll(c.r)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		c.t.Error("the connection stays open")
	}
	return string(rest)
}

// once sends a request on a connection of its own.
func once(t *testing.T, gw *servertest.Gateway, text string) rawReply {
	t.Helper()
	c := dialRaw(t, gw.Server.HTTPAddr())
	c.send(text)
	method, _, _ := strings.Cut(text, " ")
	return c.reply(method)
}

const authorized = "Authorization: Bearer " + servertest.MasterKey + "\r\n"

// chatHead is the head of a good chat request, but for what tells its length.
const chatHead = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + authorized

// Whatever could be read as two different requests is refused, and its connection is
// not used again: what a proxy takes for the next request is read by nobody.
func TestSmuggling(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	body := servertest.ChatBody(model, "Hello")
	sized := fmt.Sprintf("Content-Length: %d\r\n", len(body))
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	// A second request, hidden behind the first one, that would leave a trace.
	hidden := "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n"
	for _, tt := range []struct {
		name, text string
		status     int
	}{
		{"two lengths", chatHead + sized + "Content-Length: 6\r\n\r\n" + body, 400},
		{"lengths in one line", chatHead + "Content-Length: 5, 6\r\n\r\n" + body, 400},
		{"a signed length", chatHead + "Content-Length: +5\r\n\r\n{}   ", 400},
		{"a negative length", chatHead + "Content-Length: -5\r\n\r\n", 400},
		{"a length in hexadecimal", chatHead + "Content-Length: 0x5\r\n\r\n{}   ", 400},
		{"an endless length", chatHead + "Content-Length: 99999999999999999999\r\n\r\n", 400},
		{"a length and chunks", chatHead + sized + "Transfer-Encoding: chunked\r\n\r\n" + chunked, 400},
		{"chunks and a length", chatHead + "transfer-ENCODING: chunked\r\n" + sized + "\r\n" + chunked, 400},
		{"chunks and a length of none", chatHead + "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + chunked, 400},
		{"an unknown coding", chatHead + "Transfer-Encoding: xchunked\r\n\r\n" + chunked, 501},
		{"two codings", chatHead + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked, 501},
		{"a coding twice", chatHead + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunked, 501},
		{"a coding in quotes", chatHead + "Transfer-Encoding: \"chunked\"\r\n\r\n" + chunked, 501},
		{"a coding behind a vertical tab", chatHead + "Transfer-Encoding: \x0bchunked\r\n\r\n" + chunked, 400},
		{"a space before the colon", chatHead + "Content-Length : 5\r\n\r\n{}   ", 400},
		{"a tab before the colon", chatHead + "Transfer-Encoding\t: chunked\r\n\r\n" + chunked, 400},
		{"a name with a control", chatHead + "Content\x00-Length: 5\r\n\r\n{}   ", 400},
		{"a value with a control", chatHead + "X-A: b\x00c\r\n" + sized + "\r\n" + body, 400},
		{"a line without a colon", chatHead + "nonsense\r\n" + sized + "\r\n" + body, 400},
		{"a line that goes on", chatHead + "X-A: b\r\n c: d\r\n" + sized + "\r\n" + body, 400},
		{"a coding that goes on", chatHead + "Transfer-Encoding:\r\n chunked\r\n\r\n" + chunked, 400},
		{"a first line that goes on", "GET /v1/models HTTP/1.1\r\n x: y\r\nHost: x\r\n" + authorized + "\r\n", 400},
		{"a line without its CR", chatHead + "X-A: b\n" + sized + "\r\n" + body, 400},
		{"an end without its CR", chatHead + sized + "\n" + body, 400},
		{"a CR by itself", chatHead + "X-A: b\rContent-Length: 3\r\n" + sized + "\r\n" + body, 400},
		{"chunks in HTTP/1.0", strings.Replace(chatHead, "1.1", "1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked, 400},
		{"a chunk of no number", chatHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\n" + body + "\r\n0\r\n\r\n", 400},
		{"a chunk without its CR", chatHead + "Transfer-Encoding: chunked\r\n\r\n" + strings.ReplaceAll(chunked, "\r\n", "\n"), 400},
		{"a chunk longer than it says", chatHead + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}}}\r\n0\r\n\r\n", 400},
		{"an endless chunk", chatHead + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n", 400},
		{"two hosts", "GET /v1/models HTTP/1.1\r\nHost: x\r\nHost: y\r\n" + authorized + "\r\n", 400},
		{"no host", "GET /v1/models HTTP/1.1\r\n" + authorized + "\r\n", 400},
		{"a host with a path", "GET /v1/models HTTP/1.1\r\nHost: x/y\r\n" + authorized + "\r\n", 400},
		{"another authority", "GET http://elsewhere/v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n", 400},
		{"an authority of another scheme", "GET gopher://x/v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n", 400},
		{"no path", "GET * HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n", 400},
		{"a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n" + authorized + "\r\n", 405},
		{"a tunnel to a path", "CONNECT /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n", 405},
		{"a trace", "TRACE /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n", 405},
		{"HTTP/2 in the open", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
		{"an old version", "GET /v1/models\r\n\r\n", 400},
		{"a new version", "GET /v1/models HTTP/3.0\r\nHost: x\r\n\r\n", 505},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dialRaw(t, gw.Server.HTTPAddr())
			c.send(tt.text + hidden)
			method, _, _ := strings.Cut(tt.text, " ")
			got := c.reply(method)
			if got.status != tt.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, tt.status)
			}
			if strings.HasPrefix(tt.name, "a tunnel") || tt.status == 405 || strings.Contains(got.header.Get("Content-Type"), "json") && !got.last {
				return // a plain request, refused: the next one is a request of its own
			}
			if more := c.closed(); more != "" {
				t.Errorf("the hidden request was answered: %q", more)
			}
		})
	}
	if calls := up.Chats(); len(calls) != 0 {
		t.Errorf("%d calls went upstream", len(calls))
	}
}

// Chunks by themselves are good, and end their connection.
func TestChunkedBodies(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	body := servertest.ChatBody(model, "Hello")
	c := dialRaw(t, gw.Server.HTTPAddr())
	c.send(fmt.Sprintf("%sTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n1\r\n{\r\n%x;x=y\r\n%s\r\n0\r\nX-A: b\r\n\r\n", chatHead, len(body)-1, body[1:]))
	if got := c.reply("POST"); got.status != 200 || !got.last {
		t.Errorf("got %d %v %s", got.status, got.header, got.body)
	}
	if more := c.closed(); more != "" {
		t.Errorf("got more: %q", more)
	}
}

// Requests on one connection, sent before their turn, are all answered in order.
func TestPipelining(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	body := servertest.ChatBody(model, "Hello")
	one := fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", chatHead, len(body), body)
	other := "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n"
	c := dialRaw(t, gw.Server.HTTPAddr())
	text := one + other + one + "\r\n" + other
	for _, b := range []byte(text) { // the watch over heads sees them in the smallest pieces
		c.send(string(b))
	}
	for i, method := range []string{"POST", "GET", "POST", "GET"} {
		if got := c.reply(method); got.status != 200 || got.last {
			t.Errorf("reply %d: %d %v", i, got.status, got.header)
		}
	}
}

func TestHeadLimits(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	get := "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized
	lines := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-%d: y\r\n", i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name, text string
		status     int
	}{
		{"100 headers", get + lines(99) + "\r\n", 200},
		{"101 headers", get + lines(100) + "\r\n", 400},
		{"101 headers of one name", get + strings.Repeat("X-A: y\r\n", 100) + "\r\n", 400},
		{"2,000 headers", get + lines(2000) + "\r\n", 400},
		{"a header of 60 KiB", get + "X-A: " + strings.Repeat("y", 60<<10) + "\r\n\r\n", 200},
		{"a header of 65 KiB", get + "X-A: " + strings.Repeat("y", 65<<10) + "\r\n\r\n", 431},
		{"a path of 65 KiB", "GET /" + strings.Repeat("y", 65<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
		{"two credentials", get + authorized + "\r\n", 400},
		{"two credentials, one empty", get + "Authorization:\r\n\r\n", 400},
		{"two API keys", "GET /v1/models HTTP/1.1\r\nHost: x\r\nX-Api-Key: a\r\nX-Api-Key: b\r\n\r\n", 400},
		{"two request ids", get + "X-Request-Id: a\r\nX-Request-Id: b\r\n\r\n", 400},
		{"two content types", chatHead + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 400},
		{"an upgrade to HTTP/2 is ignored", get + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", 200},
		{"an upgrade to a socket", get + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 501},
		{"an expectation nobody knows", chatHead + "Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := once(t, gw, tt.text); got.status != tt.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, tt.status)
			}
		})
	}
}

// traversals are paths that mean something else to some parser.
func traversals() []string {
	paths := []string{
		"//v1/models", "/v1//models", "/v1/models/", "/v1/./models", "/v1/../v1/models", "/../../etc/passwd", "/v1/models/..", "/v1/models/.",
		"/v1/models/;/x", "/v1/models;a=b", "/v1/chat/completions;x", "/v1\\models", "/v1/models\\..\\x", "/v1/chat/completions:stream",
		"/v1/chat/completions%3Astream", "/v1/models/a%00b", "/v1/models/a%0d%0ab", "/v1/models/a%7fb", "/v1/models%00", "/%00/v1/models",
		"/v1/%6dodels/%2e", "/v1/chat%2Fcompletions", "/v1%2Fmodels", "/v1/models%2F..%2Faudit", "/%2e/v1/models", "/v1/%2e%2e/health",
		"/v1/models/%252e%252e", "/v1/models/%2525", "/v1/models/a%255cb", "/v1/models/%c0%ae%c0%ae/x", "/v1/models/%e0%80%ae/..", "/v1/models/..%5c..%5cx",
	}
	for _, up := range []string{"..", "%2e%2e", "%2E.", ".%2e", "..;", "%2e%2e;x=1"} {
		for _, slash := range []string{"/", "%2f", "%2F", "\\", "%5c", "//"} {
			paths = append(paths, "/v1/models/"+up+slash+up+slash+"admin"+slash+"api", "/v1/models/x"+slash+up+slash+up)
		}
	}
	return paths
}

// No path has two meanings: those that would are refused before anything is routed
// by them, whoever asks.
func TestPathsWithTwoMeanings(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	for _, path := range traversals() {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			got := once(t, gw, "GET "+path+" HTTP/1.1\r\nHost: x\r\nX-Request-Id: path\r\n\r\n")
			var envelope struct {
				Error struct {
					Code string `json:"code"`
				} `json:"error"`
			}
			err := json.Unmarshal([]byte(got.body), &envelope)
			if err != nil || got.status != 400 || envelope.Error.Code != "path_refused" || got.header.Get("Location") != "" {
				t.Errorf("got %d %s", got.status, got.body)
			}
		})
	}
}

// Ids with an encoded slash are good, and stay what they are.
func TestEncodedModelIDs(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	for path, want := range map[string]int{
		"/v1/models/openai%2F" + model: 200, "/v1/models/openai%2f" + model: 200, "/v1/models/openai/" + model: 200,
		"/v1/models/" + model: 200, "/v1/models/gpt%2D4o%2Dmini": 200, "/v1/models/%67pt-4o-mini": 200, "/v1/models/a%20b": 404, "/v1/models/%C3%A9": 404, "/v1/models/%C3": 400,
	} {
		if got := once(t, gw, "GET "+path+" HTTP/1.1\r\nHost: x\r\n"+authorized+"\r\n"); got.status != want {
			t.Errorf("%s: got %d %s", path, got.status, got.body)
		}
	}
}

// A client that does not get to the end of its headers is cut off.
func TestSlowHeads(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.Before(func(s *server.Server) {
		s.HTTP().ReadHeaderTimeout = 100 * time.Millisecond
	}))
	first := dialRaw(t, gw.Server.HTTPAddr())
	first.send("GET /v1/models HTTP/1.1\r\nHost: x\r\nX-A: ")
	if more := first.closed(); more != "" {
		t.Errorf("got %q", more)
	}
	second := dialRaw(t, gw.Server.HTTPAddr()) // the same for a request that is not its connection's first
	second.send("GET /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n")
	if got := second.reply("GET"); got.status != 200 {
		t.Errorf("got %d", got.status)
	}
	second.send("GET /v1")
	if more := second.closed(); strings.Contains(more, "200") {
		t.Errorf("got %q", more)
	}
}
