package main

import (
	"fmt"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

func TestRequestsHaveTheirSize(t *testing.T) {
	t.Parallel()
	for _, b := range cases(&settings{connections: 64, only: regexp.MustCompile("")}) {
		t.Run(b.name(), func(t *testing.T) {
			t.Parallel()
			if size := len(b.work.body(b, way{})); size < b.bytes || size > b.bytes*12/10 {
				t.Errorf("a request of %d bytes has %d", b.bytes, size)
			}
			switch c := b.work.(type) {
			case chat:
				if typed := c.params(b, way{typed: true}); len(typed.GetMessages()) == 0 || typed.GetMessagesJson() != "" {
					t.Errorf("not typed: %d bytes", proto.Size(typed))
				}
				if twin := c.params(b, way{}); len(twin.GetMessages()) != 0 || twin.GetMessagesJson() == "" {
					t.Errorf("not as JSON: %d bytes", proto.Size(twin))
				}
			case responses:
				if typed := c.params(b, way{typed: true}); len(typed.GetInputItems()) == 0 || typed.GetInputJson() != "" {
					t.Errorf("not typed: %d bytes", proto.Size(typed))
				}
				if twin := c.params(b, way{}); len(twin.GetInputItems()) != 0 || twin.GetInputJson() == "" {
					t.Errorf("not as JSON: %d bytes", proto.Size(twin))
				}
			}
		})
	}
}

// TestReplies holds that no reply is counted that is not whole.
func TestReplies(t *testing.T) {
	t.Parallel()
	const (
		head  = "HTTP/1.1 200 OK\r\n"
		chunk = "data: {\"choices\":[{\"delta\":{}}]}\n\n"
		done  = "data: [DONE]\n\n"

		delta     = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\"}\n\n"
		completed = "event: response.completed\ndata: {\"type\":\"response.completed\"}\n\n"
	)
	whole := `{"choices":[{"finish_reason":"stop"}]}`
	chunked := func(parts ...string) string {
		text := head + "Transfer-Encoding: chunked\r\n\r\n"
		for _, part := range append(parts, "") {
			text += fmt.Sprintf("%x\r\n%s\r\n", len(part), part)
		}
		return text
	}
	vectorsOf := func(n, bytes int) string {
		return `{"data":[` + strings.Repeat(`{"embedding":"`+strings.Repeat("x", bytes)+`"},`, n) + `{}],"usage":{}}`
	}
	for _, test := range []struct {
		name              string
		work              work
		form, reply, want string
	}{
		{"a completion", chat{}, unary, head + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(whole), whole), ""},
		{"a completion in chunks", chat{}, unary, chunked(whole[:9], whole[9:]), ""},
		{"a refusal", chat{}, unary, "HTTP/1.1 429 Too Many\r\ncontent-length: 2\r\n\r\n{}", "status 429: {}"},
		{"half a completion", chat{}, unary, head + "Content-Length: 500\r\n\r\n" + whole, "unexpected EOF"},
		{"not a completion", chat{}, unary, head + "Content-Length: 2\r\n\r\n{}", "not a whole reply"},
		{"not HTTP", chat{}, unary, "SSH-2.0-OpenSSH\r\n", "not HTTP/1.1"},
		{"a stream", chat{}, streamed, chunked(chunk+chunk[:5], chunk[5:], done), ""},
		{"a stream without its end", chat{}, streamed, chunked(chunk, chunk), "the stream has no end"},
		{"a stream without a chunk", chat{}, streamed, chunked(chunk, done), "the stream has 1 chunks, not 2"},
		{"a stream that breaks off", chat{}, streamed, chunked(chunk, chunk)[:80], "unexpected EOF"},
		{"a response", responses{}, unary, chunked(`{"type":"output_text"}`), ""},
		{"not a response", responses{}, unary, chunked(`{}`), "not a whole reply"},
		{"a stream of a response", responses{}, streamed, chunked(delta, delta, completed), ""},
		{"one that failed", responses{}, streamed, chunked(delta, delta, "event: response.failed\ndata: {\"type\":\"response.failed\"}\n\n"), "the stream has no end"},
		{"one without a delta", responses{}, streamed, chunked(delta, completed), "the stream has 1 chunks, not 2"},
		{"vectors", embeddings{}, packed, chunked(vectorsOf(vectors, 8192)), ""},
		{"too few vectors", embeddings{}, packed, chunked(vectorsOf(vectors-1, 10_000)), "15 vectors in"},
		{"short vectors", embeddings{}, numbers, chunked(vectorsOf(vectors, 5000)), "16 vectors in"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := callOnce(t, test.work, test.form, test.reply)
			switch {
			case test.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// callOnce makes one call to a server that answers just so.
func callOnce(t *testing.T, w work, form, reply string) (time.Time, error) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		_, err = conn.Write([]byte(reply))
		served <- err
		_, _ = conn.Read(make([]byte, 1<<16)) // the request; to close before would reset
		_ = conn.Close()
	}()
	b := bench{work: w, size: "small", bytes: 300, form: form, connections: 1}
	caller, err := newRESTCaller(t.Context(), listener.Addr().String(), b, b.work.body(b, way{}), 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := <-served; err != nil {
			t.Error(err)
		}
		_, _ = caller.close(), listener.Close()
	})
	return caller.call()
}

func TestSummaries(t *testing.T) {
	t.Parallel()
	var l load
	for i := range 100 {
		l.latencies = append(l.latencies, time.Duration(100-i)*time.Microsecond)
	}
	l.elapsed = time.Second
	if got := l.turn(); got.Calls != 100 || got.CallsPerSec != 100 || got.LatencyP50 != 50 || got.LatencyP99 != 99 {
		t.Errorf("got %+v", got)
	}
	for want, values := range map[float64][]float64{0: nil, 2: {3, 1, 2}, 2.5: {4, 1, 3, 2}} {
		if got := median(values); got != want {
			t.Errorf("the median of %v is %v, not %v", values, got, want)
		}
	}
	r := report{settings: &settings{chunks: 2}}
	r.add(bench{form: streamed}, map[string][]turn{
		proxied: {{CPUPerCall: 10}, {CPUPerCall: 20}, {CPUPerCall: 40}},
		viaREST: {{CPUPerCall: 20}, {CPUPerCall: 30}, {CPUPerCall: 40}},
	})
	if got := r.rows[1]; got.CPURatio != 1.5 || got.Median.CPUPerCall != 30 || got.CPUPerChunk != 15 {
		t.Errorf("got %+v, want ratios of the same round", got)
	}
}
