package rest

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/buffers"
	"github.com/signalbox-ai/signalbox/server/call"
)

// front is a front without services that waits a moment for bodies. Its calls are let
// in, or not.
func front(t *testing.T, refusal error) *httptest.Server {
	t.Helper()
	h, err := New(Deps{
		Chain: &call.Chain{
			Steps: []call.Step{{Name: "door", Open: func(context.Context, *call.Call) error { return refusal }}},
			Code: func(_ *call.Call, err error) *failure.Error {
				if failed := failure.As(err); failed != nil {
					return failed
				}
				return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "failed", err)
			},
			Log: slog.New(slog.DiscardHandler),
		},
		Policies: nil,
		Files: []protoreflect.FileDescriptor{
			chatv1.File_signalbox_chat_v1_chat_service_proto, modelsv1.File_signalbox_models_v1_models_service_proto,
		},
		Services: nil, Static: nil, Limits: wire.Limits{MaxDepth: 100, MaxBytes: 1 << 20}, BodyTime: 50 * time.Millisecond,
		TrustedProxies: nil, Log: slog.New(slog.DiscardHandler), Buffers: &buffers.Pool{Spoil: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(h)
	server.Config.ConnContext = ConnContext
	server.Listener = Watch(server.Listener)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// A client that does not send what it has announced is cut off, at whatever point of
// the call.
func TestSlowBodiesAreCutOff(t *testing.T) {
	t.Parallel()
	const post = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for _, tt := range []struct {
		name, text string
		refusal    error
		status     int
	}{
		{"a length", post + "Content-Length: 1000\r\n\r\n{", nil, 400},
		{"a large length", post + "Content-Length: 1000000\r\n\r\n{", nil, 400},
		{"chunks", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", nil, 400},
		{"half a chunk", post + "Transfer-Encoding: chunked\r\n\r\nff\r\n{", nil, 400},
		{"a length that is expected to go on", post + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n", nil, 400},
		{"a route without a body", "GET /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{", nil, 400},
		{"a route without a body, chunks", "GET /v1/models HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", nil, 400},
		{"a route that is not there", strings.Replace(post, "chat", "nothing", 1) + "Content-Length: 1000\r\n\r\n{", nil, 404},
		{"a stranger", post + "Content-Length: 1000\r\n\r\n{", failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING, "no"), 401},
		{"another type", strings.Replace(post, "json", "xml", 1) + "Content-Length: 1000\r\n\r\n{", nil, 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", front(t, tt.refusal).Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, tt.text); err != nil {
				t.Fatal(err)
			}
			r := bufio.NewReader(conn)
			reply, err := http.ReadResponse(r, nil)
			if reply != nil && reply.StatusCode == http.StatusContinue {
				reply, err = http.ReadResponse(r, nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer reply.Body.Close()
			if reply.StatusCode != tt.status {
				t.Errorf("got %d, want %d", reply.StatusCode, tt.status)
			}
			if _, err := io.Copy(io.Discard, reply.Body); err != nil {
				t.Fatal(err)
			}
			if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
				t.Errorf("the connection is not closed: %v", err)
			}
		})
	}
}

// A body is given time as it comes: a slow client has its time.
func TestBodiesHaveTimeAsTheyCome(t *testing.T) {
	t.Parallel()
	extended := 0
	p := &paced{from: strings.NewReader(strings.Repeat("x", 5*pace)), patience: time.Second, extend: func(d time.Duration) {
		if d != time.Second {
			t.Errorf("got %v", d)
		}
		extended++
	}}
	if n, err := io.Copy(io.Discard, struct{ io.Reader }{p}); n != 5*pace || err != nil {
		t.Errorf("read %d: %v", n, err)
	}
	if extended != 6 {
		t.Errorf("extended %d times", extended)
	}
}

// Bodies around the sizes at which buffers change.
func TestBodiesAreReadWhole(t *testing.T) {
	t.Parallel()
	pool := &buffers.Pool{Spoil: true}
	for _, n := range []int{0, 1, smallestLease - 1, smallestLease, smallestLease + 1, firstBuffer, firstBuffer + 1, 4*firstBuffer + 1, 12 << 20} {
		text := strings.Repeat("0123456789abcdef", n/16+1)[:n]
		for name, read := range map[string]func(io.Reader, *lease) ([]byte, error){
			"a length":                 func(r io.Reader, l *lease) ([]byte, error) { return readExactly(pool, r, n, min(n, firstBuffer), l) },
			"a length, one of many":    func(r io.Reader, l *lease) ([]byte, error) { return readExactly(pool, r, n, min(n, smallestLease), l) },
			"no length":                func(r io.Reader, l *lease) ([]byte, error) { return readToEnd(pool, r, l) },
			"no length, a byte a time": func(r io.Reader, l *lease) ([]byte, error) { return readToEnd(pool, dribble{r}, l) },
		} {
			l := &lease{}
			got, err := read(strings.NewReader(text), l)
			if err != nil || string(got) != text {
				t.Errorf("%s of %d: got %d bytes, %v", name, n, len(got), err)
			}
			l.end(pool)
		}
	}
}

// dribble reads small pieces.
type dribble struct{ io.Reader }

func (d dribble) Read(b []byte) (int, error) { return d.Reader.Read(b[:min(len(b), 1000)]) }

// Lengths that many clients claim at a time make us lease little.
func TestClaimsAreBounded(t *testing.T) {
	t.Parallel()
	h := &Handler{}
	total := 0
	var release []func()
	for range 1000 {
		first, done := h.claim(128 << 20)
		total += first
		release = append(release, done)
	}
	if limit := maxClaimed + 1000*smallestLease; total > limit {
		t.Errorf("%d bytes are leased for 1,000 claims, more than %d", total, limit)
	}
	for _, done := range release {
		done()
	}
	if first, _ := h.claim(128 << 20); first != firstBuffer || h.claimed.Load() != firstBuffer {
		t.Errorf("got %d, and %d are claimed", first, h.claimed.Load())
	}
}
