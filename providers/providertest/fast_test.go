package providertest

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A fast upstream says what the strict one would, by plain HTTP.
func TestFast(t *testing.T) {
	t.Parallel()
	f, err := ListenFast("127.0.0.1:0", FastParams{Chunks: 3, ChunkBytes: 8, ReplyBytes: 100, Delay: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	big := strings.Repeat("x", 200_000)
	for _, c := range []struct {
		name, body string
		chunked    bool
		events     int
		want       string
		path       string // empty: chat completions
	}{
		{"unary", `{"model":"bench-chat"}`, false, 0, `"object": "chat.completion"`, ""},
		{"stream", `{"stream":true}`, false, 6, `data: [DONE]`, ""},
		{"stream with usage", `{"stream":true,"stream_options":{"include_usage":true}}`, false, 7, `"choices":[],"usage":{`, ""},
		{"large, switch at the end", `{"x":"` + big + `","stream":true}`, false, 6, `data: [DONE]`, ""},
		{"switch across the buffer", `{"x":"` + big[:65536-12] + `","stream":true}`, false, 6, `data: [DONE]`, ""},
		{"chunked", `{"x":"` + big + `","stream":true}`, true, 6, `data: [DONE]`, ""},
		{"response", `{"input":"x"}`, false, 0, `"type": "output_text"`, "/responses"},
		{"response streamed", `{"stream": true}`, false, 11, `"type":"response.completed"`, "/responses"},
		{"floats", `{"input":"x"}`, false, 0, `"index":15,"embedding":[`, "/embeddings"},
		{"base64", `{"encoding_format":"base64"}`, false, 0, `"index":15,"embedding":"`, "/embeddings"},
		{"base64 across the buffer", `{"x":"` + big[:65536-20] + `","encoding_format":"base64"}`, false, 0, `"index":15,"embedding":"`, "/embeddings"},
	} {
		for range 2 { // on one connection
			var body io.Reader = strings.NewReader(c.body)
			if c.chunked {
				body = io.NopCloser(body)
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, f.URL()+cmp.Or(c.path, "/chat/completions"), body)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || !strings.Contains(string(b), c.want) || strings.Count(string(b), "\n\n") != c.events {
				t.Errorf("%s: %v, %d events, %s", c.name, err, strings.Count(string(b), "\n\n"), b)
			}
		}
	}
	resp, err := client.Get(f.URL() + "/models")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, _ := io.ReadAll(resp.Body); !strings.Contains(string(b), `"id": "bench-chat"`) {
		t.Errorf("models: %s", b)
	}
}

// What the benchmark's upstream costs by itself, its client included.
func BenchmarkFast(b *testing.B) {
	for name, body := range map[string]string{"unary": `{"model":"bench-chat"}`, "stream": `{"stream":true}`} {
		b.Run(name, func(b *testing.B) {
			f, err := ListenFast("127.0.0.1:0", FastParams{})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(f.URL(), "http://"), "/v1"))
			if err != nil {
				b.Fatal(err)
			}
			defer conn.Close()
			r := bufio.NewReader(conn)
			request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			for b.Loop() {
				if _, err := conn.Write(request); err != nil {
					b.Fatal(err)
				}
				resp, err := http.ReadResponse(r, nil)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
			}
		})
	}
}
