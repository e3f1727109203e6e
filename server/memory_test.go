package server_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// The tests of this file measure the memory of the whole process, so none of them is
// parallel. What their clients and providers take is in the figures, too.

// taken is what a gateway's work takes.
type taken struct{ heap, stacks, goroutines int64 }

func measure() taken {
	live := heap()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return taken{heap: live, stacks: int64(stats.StackInuse), goroutines: int64(runtime.NumGoroutine())}
}

// since is what was taken in between, for each of n.
func (now taken) since(before taken, n int) taken {
	k := int64(n)
	return taken{(now.heap - before.heap) / k, (now.stacks - before.stacks) / k, (now.goroutines - before.goroutines) / k}
}

// total is the memory.
func (now taken) total() int64 { return now.heap + now.stacks }

func (now taken) String() string {
	return fmt.Sprintf("%d KiB of heap, %d KiB of stacks, %d goroutines", now.heap>>10, now.stacks>>10, now.goroutines)
}

// streamBody asks for a stream.
func streamBody(name string) string { return servertest.ChatBody(name, "x", `"stream":true`) }

// narrowly is a connection that takes little by itself, so that what a client does not
// read stays with the gateway.
func narrowly(t *testing.T, address string) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	tcp, ok := conn.(*net.TCPConn)
	if !ok || tcp.SetReadBuffer(4<<10) != nil {
		t.Fatal("the connection's buffer cannot be bounded")
	}
	return conn
}

// stall opens streams over one wire and takes nothing of them. It returns what ends
// them.
type stall func(t *testing.T, gw *servertest.Gateway, cert *servertest.Certificate, name string) io.Closer

// stallHTTP1 is a client of REST over HTTP/1.1.
func stallHTTP1(t *testing.T, gw *servertest.Gateway, _ *servertest.Certificate, name string) io.Closer {
	t.Helper()
	conn := narrowly(t, gw.Server.HTTPAddr())
	body := streamBody(name)
	if _, err := fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", chatHead, len(body), body); err != nil {
		t.Fatal(err)
	}
	return conn
}

// stallDirect asks the provider at a URL, past the gateway.
func stallDirect(t *testing.T, _ *servertest.Gateway, _ *servertest.Certificate, url string) io.Closer {
	t.Helper()
	conn := narrowly(t, strings.TrimSuffix(strings.TrimPrefix(url, "http://"), "/v1"))
	body := streamBody(servertest.Trickle)
	if _, err := fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", chatHead, len(body), body); err != nil {
		t.Fatal(err)
	}
	return conn
}

// stallHTTP2 is a client of REST over HTTP/2 and TLS, with the usual window.
func stallHTTP2(t *testing.T, gw *servertest.Gateway, cert *servertest.Certificate, name string) io.Closer {
	t.Helper()
	conn := tls.Client(narrowly(t, gw.Server.HTTPAddr()), &tls.Config{
		RootCAs: cert.Roots, ServerName: "127.0.0.1", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12,
	})
	f := speak(t, conn)
	f.must(f.open(1, false, restFields(chatPath)...))
	f.must(f.WriteData(1, true, []byte(streamBody(name))))
	return conn
}

// stallGRPC is a client of gRPC that has opened its window wide, and takes nothing.
func stallGRPC(t *testing.T, gw *servertest.Gateway, _ *servertest.Certificate, name string) io.Closer {
	t.Helper()
	conn := narrowly(t, gw.Server.GRPCAddr())
	f := speak(t, conn)
	f.must(f.WriteWindowUpdate(0, 1<<30))
	f.must(f.open(1, false, grpcFields(streamRPC)...))
	f.must(f.WriteWindowUpdate(1, 1<<30))
	f.must(f.WriteData(1, true, message(t, &chatv1.StreamChatCompletionRequest{Params: &chatv1.ChatCompletionParams{
		Model: name, MessagesJson: `[{"role":"user","content":"x"}]`,
	}})))
	return conn
}

// way is a kind of client, and what one stream of it may hold when the client takes
// nothing of it: in memory, its client and its provider included, and under way.
type way struct {
	name          string
	stall         stall
	secure        bool
	small, large  int64 // for small events, and for large ones
	under, largeU int64
}

const (
	smallEvent = 100
	largeEvent = 64 << 10
)

func ways() []way {
	return []way{
		{"REST, HTTP/1.1", stallHTTP1, false, 192 << 10, 640 << 10, 640 << 10, 768 << 10},
		{"REST, HTTP/2", stallHTTP2, true, 256 << 10, 640 << 10, 640 << 10, 768 << 10},
		// Here a client has opened its window for all that comes: gRPC holds 64 KiB of
		// messages, and the overhead of each.
		{"gRPC", stallGRPC, false, 320 << 10, 1 << 20, 1 << 20, 1 << 20},
	}
}

// A client that takes nothing holds its provider back: a bounded number of bytes is
// under way, and little of it in our memory. When it leaves, all is let go.
func TestStalledClientsCostLittle(t *testing.T) {
	const streams = 50
	for _, way := range ways() {
		for _, text := range []int{smallEvent, largeEvent} {
			t.Run(fmt.Sprintf("%s, events of %d bytes", way.name, text), func(t *testing.T) {
				up := servertest.StartEndless(t, text)
				var gw *servertest.Gateway
				var cert *servertest.Certificate
				if way.secure {
					// For so long net/http holds a connection that was cut with a stream on it.
					idle := servertest.Before(func(s *server.Server) { s.HTTP().IdleTimeout = time.Second })
					gw, cert = secured(t, servertest.Endlessly(up), idle)
				} else {
					gw = servertest.Start(t, servertest.Endlessly(up))
				}
				hold := func(t *testing.T, streams int) (each taken, under int64) {
					t.Helper()
					before, sent := measure(), up.Bytes()
					clients := make([]io.Closer, streams)
					for i := range clients {
						clients[i] = way.stall(t, gw, cert, servertest.Torrent)
					}
					up.AwaitStreams(streams)
					up.AwaitStill()
					each, under = measure().since(before, streams), (up.Bytes()-sent)/int64(streams)
					for _, client := range clients {
						_ = client.Close()
					}
					up.AwaitStreams(0)
					return each, under
				}
				t.Run("warm up", func(t *testing.T) { hold(t, 1) })
				before := measure()
				t.Run("all", func(t *testing.T) {
					each, under := hold(t, streams)
					t.Logf("each of %d stalled streams: %v; %d KiB are under way", streams, each, under>>10)
					limit, underLimit := way.small, way.under
					if text == largeEvent {
						limit, underLimit = way.large, way.largeU
					}
					if each.total() > limit {
						t.Errorf("each stalled stream holds %d KiB of memory, more than %d", each.total()>>10, limit>>10)
					}
					if under > underLimit {
						t.Errorf("%d KiB of each stalled stream are under way, more than %d", under>>10, underLimit>>10)
					}
				})
				awaitLittle(t, before, streams)
			})
		}
	}
}

// awaitLittle waits until next to nothing is left of streams.
func awaitLittle(t *testing.T, before taken, streams int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		left := measure().since(before, streams)
		// The job engine starts some goroutines seconds after the gateway.
		if left.heap < 12<<10 && int64(runtime.NumGoroutine()) < before.goroutines+int64(streams)/2 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%v are left of each of %d streams", left, streams)
		}
	}
}

// Streams on which nothing happens, as those of models that think.
func TestIdleStreamsCostLittle(t *testing.T) {
	const streams = 400
	var direct taken
	for _, way := range []struct {
		name  string
		stall stall
		limit int64 // of the gateway's own part
	}{{"no gateway", stallDirect, 1 << 20}, {"REST", stallHTTP1, 100 << 10}, {"gRPC", stallGRPC, 100 << 10}} {
		t.Run(way.name, func(t *testing.T) {
			up := servertest.StartEndless(t, 20)
			gw := servertest.Start(t, servertest.Endlessly(up))
			if way.name == "no gateway" {
				gw.Stop()
			}
			name := servertest.Trickle
			if way.name == "no gateway" {
				name = up.URL()
			}
			warm := way.stall(t, gw, nil, name)
			up.AwaitStreams(1)
			before := measure()
			clients := []io.Closer{warm}
			for range streams {
				clients = append(clients, way.stall(t, gw, nil, name))
			}
			up.AwaitStreams(streams + 1)
			up.AwaitStill()
			each := measure().since(before, streams)
			if direct == (taken{}) {
				direct = each
			}
			own := each.total() - direct.total()
			t.Logf("each of %d idle streams: %v, with client and provider; %d KiB without them", streams, each, own>>10)
			if own > way.limit {
				t.Errorf("each idle stream holds %d bytes, more than %d", own, way.limit)
			}
			for _, client := range clients {
				_ = client.Close()
			}
			up.AwaitStreams(0)
		})
	}
}

// largeBody is the size of the largest requests here.
const largeBody = 32 << 20

// A large request is held once, not in copies.
func TestLargeRequestsAreHeldOnce(t *testing.T) {
	up := servertest.StartEndless(t, 1)
	var live atomic.Int64
	step := call.Step{Name: "look", Request: func(context.Context, *call.Call, proto.Message) error {
		live.Store(heap()) // decoded, checked, planned, and not yet sent
		return nil
	}}
	gw := servertest.Start(t, servertest.Endlessly(up), servertest.Steps(step))
	body := servertest.ChatBody(servertest.Swallow, strings.Repeat("x", largeBody))
	request := message(t, &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{
		Model: servertest.Swallow, MessagesJson: `[{"role":"user","content":"` + strings.Repeat("x", largeBody) + `"}]`,
	}})
	for _, way := range []struct {
		name  string
		limit int64
		make  func(*testing.T)
	}{
		{"REST, length known", 3 * largeBody, func(t *testing.T) { t.Helper(); answered(t, gw.In(t).Post(chatPath, body)) }},
		{"REST, length unknown", 3 * largeBody, func(t *testing.T) { t.Helper(); answered(t, gw.In(t).PostChunked(chatPath, body)) }},
		// The pieces as they came, the message, and the strings in it, before the first go.
		{"gRPC", 3*largeBody + largeBody/8, func(t *testing.T) { t.Helper(); callLarge(t, gw, request) }},
	} {
		t.Run(way.name, func(t *testing.T) {
			before := heap()
			peak := watchHeap(t)
			way.make(t)
			highest := peak() - before
			t.Logf("a request of %d MiB: %d MiB live once it is decoded, %d MiB at the most", largeBody>>20, (live.Load()-before)>>20, highest>>20)
			if held := live.Load() - before; held > largeBody*3/2 {
				t.Errorf("%d MiB are live", held>>20)
			}
			if highest > way.limit {
				t.Errorf("%d MiB at the most", highest>>20)
			}
		})
	}
}

// answered refuses every reply but 200.
func answered(t *testing.T, reply servertest.Reply) {
	t.Helper()
	if reply.Status != http.StatusOK {
		t.Fatalf("got %d %.300s", reply.Status, reply.Body)
	}
}

// callLarge sends a gRPC message frame by frame: a real client would take memory of its
// own for it.
func callLarge(t *testing.T, gw *servertest.Gateway, message []byte) {
	t.Helper()
	f := speakGRPC(t, gw)
	f.must(f.open(1, false, grpcFields(chatRPC)...))
	f.pour(1, message)
	if fields, ended := f.answer(1); fields["grpc-status"] != "0" {
		t.Fatalf("got %v, %s", fields, ended)
	}
}

// watchHeap looks at the heap all the time, and then says how large it was at the most,
// what is not collected yet included.
func watchHeap(t *testing.T) func() int64 {
	t.Helper()
	stop, highest := make(chan struct{}), int64(0)
	var watching sync.WaitGroup
	watching.Go(func() {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(sample)
			highest = max(highest, int64(sample[0].Value.Uint64()))
			select {
			case <-tick.C:
			case <-stop:
				return
			}
		}
	})
	return func() int64 {
		close(stop)
		watching.Wait()
		return highest
	}
}
