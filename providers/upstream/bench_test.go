package upstream_test

import (
	"bufio"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// answerFast is a peer that costs little: it looks for the end of a request whose
// size it knows, and writes the same answer.
func answerFast(b *testing.B, size int, answer string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	text := []byte(answer)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				r := bufio.NewReaderSize(c, 64<<10)
				for {
					for {
						line, err := r.ReadSlice('\n')
						if err != nil {
							return
						}
						if len(line) == 2 {
							break
						}
					}
					if _, err := r.Discard(size); err != nil {
						return
					}
					if _, err := c.Write(text); err != nil {
						return
					}
				}
			})
		}
	})
	b.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	return "http://" + l.Addr().String() + "/v1"
}

// processorTime is what the process has used, client and peer together.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func headers() []string {
	return []string{"Date: Tue, 24 Nov 2026 17:00:00 GMT", "X-Request-Id: req_0123456789abcdef", "openai-processing-ms: 123",
		"openai-version: 2020-10-01", "openai-organization: org", "Strict-Transport-Security: max-age=31536000",
		"x-ratelimit-limit-requests: 10000", "x-ratelimit-limit-tokens: 1000000", "x-ratelimit-remaining-requests: 9999",
		"x-ratelimit-remaining-tokens: 999999", "x-ratelimit-reset-requests: 6ms", "x-ratelimit-reset-tokens: 0s"}
}

// both transports, in parallel calls; cpu/op is of client and peer together.
func bothTransports(b *testing.B, url string, body [][]byte, use func(*testing.B, *upstream.Client, *upstream.Call)) {
	b.Helper()
	for _, name := range []string{"lean", "net/http"} {
		b.Run(name, func(b *testing.B) {
			c, err := upstream.New(params(url, transports[name], bounds()))
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = c.Close() })
			endpoint, err := c.Endpoint("chat", "completions")
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
			before := processorTime(b)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					use(b, c, &upstream.Call{Method: "POST", Endpoint: endpoint, Body: body, Model: "m1", End: "[DONE]", Exchange: newExchange()})
				}
			})
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N), "cpu-ns/op")
		})
	}
}

func BenchmarkDo(b *testing.B) {
	for name, size := range map[string]int{"300B": 300, "32KiB": 32 << 10, "1MiB": 1 << 20} {
		b.Run(name, func(b *testing.B) {
			url := answerFast(b, size, reply("200 OK", strings.Repeat("x", 700), headers()...))
			bothTransports(b, url, [][]byte{make([]byte, size)}, func(b *testing.B, c *upstream.Client, call *upstream.Call) {
				if err := c.Do(b.Context(), call, func(string) error { return nil }); err != nil {
					b.Error(err)
				}
			})
		})
	}
}

func BenchmarkStream(b *testing.B) {
	const chunks = 200
	text := "data: {\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1769092764,\"model\":\"gpt-4o-mini\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
	url := answerFast(b, 300, events(append(slices.Repeat([]string{text}, chunks), done)...)+lastChunk)
	bothTransports(b, url, [][]byte{make([]byte, 300)}, func(b *testing.B, c *upstream.Client, call *upstream.Call) {
		s, err := c.Stream(b.Context(), call)
		if err != nil {
			b.Error(err)
			return
		}
		for err == nil {
			_, err = s.Next()
		}
		if err != io.EOF { //nolint:errorlint // the stream's own
			b.Error(err)
		}
		s.Done()
		_ = s.Close()
	})
}
