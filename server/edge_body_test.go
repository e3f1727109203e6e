package server_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// bodyLimit is the largest body in these tests.
const bodyLimit = 64 << 10

var bodyConfig = fmt.Sprintf("server:\n  max_body_bytes: %d\n  max_json_depth: 16\n", bodyLimit)

// bodyOf is a good chat body of n bytes.
func bodyOf(n int) string {
	return servertest.ChatBody(model, strings.Repeat("x", n-len(servertest.ChatBody(model, ""))))
}

func TestBodyLimits(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(bodyConfig))
	for name, status := range map[int]int{bodyLimit - 1: 200, bodyLimit: 200, bodyLimit + 1: 413, 4 * bodyLimit: 413} {
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d bytes, length known: %v", name, known), func(t *testing.T) {
				t.Parallel()
				post := gw.In(t).Post
				if !known {
					post = gw.In(t).PostChunked
				}
				if reply := post(chatPath, bodyOf(name)); reply.Status != status {
					t.Errorf("got %d %s; want %d", reply.Status, reply.Body, status)
				}
			})
		}
	}
}

// A length that is a lie costs its teller's own call alone.
func TestLyingLengths(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(bodyConfig))
	head := func(n int) string { return fmt.Sprintf("%sContent-Length: %d\r\n\r\n", chatHead, n) }

	t.Run("too large, and nothing sent before it is asked for", func(t *testing.T) {
		t.Parallel()
		if got := once(t, gw, strings.Replace(head(bodyLimit+1), "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1)); got.status != 413 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
	t.Run("too large by far", func(t *testing.T) {
		t.Parallel()
		if got := once(t, gw, fmt.Sprintf("%sContent-Length: %d\r\n\r\n", chatHead, int64(1)<<62)); got.status != 413 {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
	t.Run("more announced than sent", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, gw.Server.HTTPAddr())
		c.send(strings.Replace(head(5000), "\r\n\r\n", "\r\nX-Request-Id: short\r\n\r\n", 1) + servertest.ChatBody(model, "x"))
		if conn, ok := c.Conn.(interface{ CloseWrite() error }); !ok || conn.CloseWrite() != nil {
			t.Fatal("the connection cannot be closed by half")
		}
		if got := c.reply("POST"); got.status != 400 || !strings.Contains(got.body, "broke off") {
			t.Errorf("got %d %s", got.status, got.body)
		}
		if entry := gw.Record("short").GetEntry(); entry.GetReason() != commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST {
			t.Errorf("record %v", entry)
		}
	})
	t.Run("less announced than sent", func(t *testing.T) {
		t.Parallel()
		body := servertest.ChatBody(model, "x")
		c := dialRaw(t, gw.Server.HTTPAddr())
		c.send(head(len(body)) + body + "}} HTTP/1.1\r\n\r\n")
		if got := c.reply("POST"); got.status != 200 {
			t.Errorf("got %d %s", got.status, got.body)
		}
		if got := c.reply("GET"); got.status != 400 || !got.last {
			t.Errorf("the rest: got %d", got.status)
		}
	})
	t.Run("chunks without an end", func(t *testing.T) {
		t.Parallel()
		c := dialRaw(t, gw.Server.HTTPAddr())
		c.send(chatHead + "Transfer-Encoding: chunked\r\n\r\n")
		piece := fmt.Sprintf("%x\r\n%s\r\n", 8<<10, strings.Repeat(" ", 8<<10))
		var sending sync.WaitGroup
		defer sending.Wait()
		sending.Go(func() {
			for { // until the gateway hangs up
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
			}
		})
		defer c.Close()
		if got := c.reply("POST"); got.status != 413 || !got.last {
			t.Errorf("got %d %s", got.status, got.body)
		}
	})
}

func TestBodyLimitsOverGRPC(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(bodyConfig))
	client := chatv1.NewChatServiceClient(gw.GRPC)
	sized := func(n int) *chatv1.CreateChatCompletionRequest {
		request := &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"x"}]`}}
		for proto.Size(request) < n { // spaces; the sizes of the lengths grow on the way
			request.Params.MessagesJson += strings.Repeat(" ", n-proto.Size(request))
			for proto.Size(request) > n {
				request.Params.MessagesJson = strings.TrimSuffix(request.Params.MessagesJson, " ")
			}
		}
		return request
	}
	for n, code := range map[int]codes.Code{bodyLimit - 1: codes.OK, bodyLimit: codes.OK, bodyLimit + 1: codes.ResourceExhausted} {
		for name, option := range map[string][]grpc.CallOption{"": nil, ", compressed": {grpc.UseCompressor(gzip.Name)}} {
			t.Run(fmt.Sprintf("%d bytes%s", n, name), func(t *testing.T) {
				t.Parallel()
				request := sized(n)
				if proto.Size(request) != n {
					t.Fatalf("made %d bytes", proto.Size(request))
				}
				// A compressed one is small on its way: what counts is what comes out.
				if _, err := client.CreateChatCompletion(t.Context(), request, option...); status.Code(err) != code {
					t.Errorf("got %v, want %v", err, code)
				}
				stream, err := client.StreamChatCompletion(t.Context(), &chatv1.StreamChatCompletionRequest{Params: request.GetParams()}, option...)
				if err == nil {
					_, err = receive(t, stream)
				}
				if status.Code(err) != code {
					t.Errorf("a stream: got %v, want %v", err, code)
				}
			})
		}
	}
}

// nested is an unknown member with so many levels, its object's included.
func nested(levels int, open, closing string) string {
	return `"x":` + strings.Repeat(open, levels-1) + "1" + strings.Repeat(closing, levels-1)
}

func TestDepthLimit(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t, func(p *providertest.Params) { p.AcceptUnknown = true })
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(bodyConfig))
	client := chatv1.NewChatServiceClient(gw.GRPC)
	for _, shape := range []struct{ open, closing string }{{"[", "]"}, {`{"a":`, "}"}} {
		for levels, ok := range map[int]bool{15: true, 16: true, 17: false, 10_000: false} {
			for where, body := range map[string]string{
				"the request": servertest.ChatBody(model, "x", nested(levels, shape.open, shape.closing)),
				"a message":   `{"model":"` + model + `","messages":[{"role":"user","content":"x",` + nested(levels-2, shape.open, shape.closing) + `}]}`,
			} {
				start := time.Now()
				reply := gw.Post(chatPath, body)
				if took := time.Since(start); (reply.Status == 200) != ok || !ok && (reply.Status != 400 || *reply.Failure(t).Code != "invalid_json") || took > 5*time.Second {
					t.Errorf("%d levels of %s in %s: got %d %.200s after %v", levels, shape.open, where, reply.Status, reply.Body, took)
				}
			}
			_, err := client.CreateChatCompletion(t.Context(), &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{
				Model: model, MessagesJson: `[{"role":"user","content":"x"}]`, ExtraJson: "{" + nested(levels, shape.open, shape.closing) + "}",
			}})
			if (err == nil) != ok || !ok && status.Code(err) != codes.InvalidArgument {
				t.Errorf("%d levels of %s over gRPC: got %v", levels, shape.open, err)
			}
		}
	}
}

// A name that stands twice in an object which the gateway reads is refused, at any
// level and in any spelling.
func TestNamesThatStandTwice(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	for _, member := range []string{
		`"model":"gpt-4o"`, `"\u006dodel":"gpt-4o"`, `"messages":[]`, `"n":1,"n":1`, `"x":1,"x":2`, `"x":1,"\u0078":2`,
		`"stream_options":{"include_usage":true,"include_usage":false},"stream":true`, `"stream_options":{"x":1,"x":2},"stream":true`,
		`"stream":true,"stream":false`, `"metadata":{"a":"1","a":"2"}`, `"metadata":{"a":"1","\u0061":"2"}`, `"user":"a","user":null`,
		`"audio":{"voice":"a","voice":"b","format":"wav"}`,
	} {
		if reply := gw.Post(chatPath, servertest.ChatBody(model, "x", member)); reply.Status != 400 || *reply.Failure(t).Code != "invalid_json" || reply.Failure(t).Param == nil {
			t.Errorf("%s: got %d %s", member, reply.Status, reply.Body)
		}
	}
	if calls := up.Chats(); len(calls) != 0 {
		t.Errorf("%d calls went upstream", len(calls))
	}
}

// heap is what is live on it.
func heap() int64 {
	runtime.GC()
	runtime.GC() // pools let go what they hold with the second one
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// Bodies that are announced and do not come cost next to nothing, whoever announces
// them.
func TestAnnouncedBodiesCostNothing(t *testing.T) {
	const clients = 200
	arrived := make(chan struct{}, clients)
	step := call.Step{Name: "arrived", Open: func(context.Context, *call.Call) error {
		arrived <- struct{}{}
		return nil
	}}
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.Steps(step))
	before := heap()
	var all sync.WaitGroup
	for range clients {
		c := dialRaw(t, gw.Server.HTTPAddr())
		c.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n{", chatHead, 128<<20))
		all.Go(func() { <-arrived })
	}
	all.Wait()
	if reply := gw.Post(chatPath, servertest.ChatBody(model, "x")); reply.Status != 200 {
		t.Errorf("got %d %s", reply.Status, reply.Body)
	}
	held := (heap() - before) / clients
	t.Logf("%d KiB are held for each body of 128 MiB that was announced", held>>10)
	if held > 512<<10 {
		t.Errorf("%d bytes are held for each body that was announced", held)
	}
}
