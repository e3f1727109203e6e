package server_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// marked chooses the provider's script from outside, so that calls at the same time
// meet their own.
func marked(script string) func(*chatv1.ChatCompletionParams) {
	return func(params *chatv1.ChatCompletionParams) {
		user := "fault/" + script
		params.User = &user
	}
}

// background makes calls at the same time, and has what became of them.
type background struct {
	group sync.WaitGroup
	mu    sync.Mutex
	seen  map[string]seen
}

func (b *background) call(t *testing.T, gw *servertest.Gateway, way entrance, a ask) {
	b.group.Go(func() {
		got := way.make(context.WithoutCancel(t.Context()), t, gw, a)
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.seen == nil {
			b.seen = map[string]seen{}
		}
		b.seen[a.id] = got
	})
}

// awaitCalls waits until the provider answers n calls, each of which has begun its
// reply, unless it hangs before that.
func awaitCalls(t *testing.T, up *providertest.Upstream, n int) {
	t.Helper()
	_, err := up.Await(t.Context(), fmt.Sprintf("%d calls under way", n), func(all []providertest.Request) bool {
		begun := 0
		for _, r := range all {
			if r.ClientRequestID != "" && r.Received && (r.Events > 0 || !r.Stream) {
				begun++
			}
		}
		return begun >= n
	})
	if err != nil {
		t.Fatal(err)
	}
}

// afterwards starts a second gateway on the records of the first.
func afterwards(t *testing.T, gw *servertest.Gateway, up *providertest.Upstream) *servertest.Gateway {
	t.Helper()
	gw.Stop()
	return servertest.Start(t, servertest.Upstream(up), servertest.Env("SIGNALBOX_DATA_DIR", gw.DataDir))
}

// The order of a stop: first the gateway says that it is not ready, and serves; after
// the lag it refuses; what runs may finish.
func TestStopIsAnnouncedFirst(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File("server:\n  drain_lag: 2s\n  drain_timeout: 60s\n"))
	var running background
	for _, way := range entrances {
		running.call(t, gw, way, ask{id: way.name + "-running", stream: true, change: marked("per-chunk=1s")})
	}
	awaitCalls(t, up, 2)
	watch, err := healthv1.NewHealthClient(gw.GRPC).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	next := func() healthv1.HealthCheckResponse_ServingStatus {
		health, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return health.GetStatus()
	}
	if got := next(); got != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("before: %v", got)
	}

	gw.Terminate()
	if got := next(); got != healthv1.HealthCheckResponse_NOT_SERVING {
		t.Errorf("after: %v", got)
	}
	if reply := gw.Do(http.MethodGet, "/health/ready", ""); reply.Status != http.StatusServiceUnavailable {
		t.Errorf("ready: %d %s", reply.Status, reply.Body)
	}
	if reply := gw.Do(http.MethodGet, "/health", ""); reply.Status != http.StatusOK {
		t.Errorf("alive: %d %s", reply.Status, reply.Body)
	}
	for _, way := range entrances {
		got := way.make(t.Context(), t, gw, ask{id: way.name + "-within-the-lag"})
		if !got.whole {
			t.Errorf("%s within the lag: %d %s", way.name, got.status, got.raw)
		}
		if way.name == "REST" && !got.parting {
			t.Error("REST within the lag: the client may keep its connection, and lose a call to its end")
		}
	}
	var refused seen
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := 0; refused.failed == nil; n++ {
		<-tick.C
		refused = overREST(t.Context(), t, gw, ask{id: fmt.Sprintf("refused-%d", n)})
	}
	if refused.status != 503 || refused.failed.GetCode() != "shutting_down" || refused.header.Get("Retry-After") != "1" {
		t.Errorf("after the lag: %d %s %v", refused.status, refused.raw, refused.header)
	}
	late := gw.Dial(servertest.MasterKey)
	_, err = chatv1.NewChatServiceClient(late).CreateChatCompletion(t.Context(), &chatv1.CreateChatCompletionRequest{Params: ask{}.params()})
	if got := status.Code(err); got != codes.Unavailable {
		t.Errorf("after the lag, over gRPC: %v", err)
	}
	running.group.Wait()
	for id, got := range running.seen {
		if !got.whole {
			t.Errorf("%s had the time to finish: %d %s", id, got.status, got.raw)
		}
	}
	again := afterwards(t, gw, up)
	for id := range running.seen {
		if entry := again.Record(id).GetEntry(); entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || entry.GetUsage() == nil {
			t.Errorf("%s: record %v", id, entry)
		}
	}
}

// Calls that do not finish in time are told so where they are, the provider's work
// ends, and the record says who ended it.
func TestStopEndsWhatDoesNotFinish(t *testing.T) {
	t.Parallel()
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("TLS %t", secure), func(t *testing.T) {
			t.Parallel()
			up := providertest.Start(t)
			options := []servertest.Option{servertest.Upstream(up)}
			file := "server:\n  drain_timeout: 0.3s\n"
			if secure {
				cert := servertest.NewCertificate(t)
				file += "  " + cert.Text() + "\n"
				options = append(options, servertest.Believe(cert))
			}
			gw := servertest.Start(t, append(options, servertest.File(file))...)
			var running background
			for _, way := range entrances {
				running.call(t, gw, way, ask{id: way.name + "-unary", change: marked("hang")})
				running.call(t, gw, way, ask{id: way.name + "-stream", stream: true, change: marked("hang-after=3")})
			}
			awaitCalls(t, up, 4)
			began := time.Now()
			gw.Terminate()
			running.group.Wait()
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("the calls ended after %v", took)
			}
			for id, got := range running.seen {
				rest := got.code == codes.OK
				stream := got.chunks > 0
				want := 503
				if rest && stream {
					want = 200
				}
				if got.whole || got.status != want || got.failed.GetCode() != "shutting_down" {
					t.Errorf("%s: %d %s", id, got.status, got.raw)
				}
				if !rest && (got.code != codes.Unavailable || got.failed.GetReason() != commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN) {
					t.Errorf("%s: %s", id, got.raw)
				}
				if !rest && stream && got.info.GetEnd() != commonv1.CallEnd_CALL_END_FAILED {
					t.Errorf("%s: told %v", id, got.info)
				}
			}
			if _, err := up.AwaitAborted(t.Context(), 4); err != nil {
				t.Error(err)
			}
			again := afterwards(t, gw, up)
			for id := range running.seen {
				entry := again.Record(id).GetEntry()
				if entry.GetReason() != commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN || entry.GetEnd() != commonv1.CallEnd_CALL_END_FAILED || len(entry.GetAttempts()) != 1 {
					t.Errorf("%s: record %v", id, entry)
				}
			}
		})
	}
}

// A watch of the health is no call: a stop does not wait for it.
func TestStopDoesNotWaitForWatches(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.File("server:\n  drain_timeout: 60s\n"))
	watch, err := healthv1.NewHealthClient(gw.GRPC).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	gw.Stop()
	if took := time.Since(began); took > 1500*time.Millisecond {
		t.Errorf("the stop took %v", took)
	}
}

func TestProgramHeedsSignals(t *testing.T) {
	t.Parallel()
	program := servertest.Build(t)
	for name, test := range map[string]func(*testing.T, string){"SIGTERM": stopsInOrder, "SIGTERM twice": endsAtOnce} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, program)
		})
	}
}

// Of many streams, those that can finish do, the others are
// told, every call has its record, and the exit code is 0.
func stopsInOrder(t *testing.T, program string) {
	const each = 50
	dir := t.TempDir()
	up := providertest.Start(t)
	p := servertest.Launch(t, program, servertest.Upstream(up), servertest.Env("SIGNALBOX_DATA_DIR", dir),
		servertest.File("server:\n  drain_timeout: 4s\nupstream:\n  max_attempts: 1\n"))
	gw := p.Connect(t)
	var running background
	for _, way := range entrances {
		for n := range each {
			running.call(t, gw, way, ask{id: fmt.Sprintf("%s-finishes-%d", way.name, n), stream: true, change: marked("per-chunk=150ms")})
			running.call(t, gw, way, ask{id: fmt.Sprintf("%s-hangs-%d", way.name, n), stream: true, change: marked("hang-after=2")})
		}
	}
	awaitCalls(t, up, 4*each)
	p.Signal(syscall.SIGTERM)
	began := time.Now()
	running.group.Wait()
	if err := p.Wait(); err != nil {
		t.Errorf("the program ended with %v\n%s", err, p.Log())
	}
	if took := time.Since(began); took > 4*time.Second+2*time.Second+4*time.Second { // and what a busy machine needs
		t.Errorf("the stop took %v", took)
	}
	again := servertest.Start(t, servertest.Upstream(up), servertest.Env("SIGNALBOX_DATA_DIR", dir))
	for id, got := range running.seen {
		entry := again.Record(id).GetEntry()
		switch {
		case strings.Contains(id, "finishes"):
			if !got.whole || entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
				t.Errorf("%s had the time to finish: %s, record %v", id, got.raw, entry.GetEnd())
			}
		case got.whole || got.failed.GetCode() != "shutting_down" || entry.GetReason() != commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:
			t.Errorf("%s: %s, record %v", id, got.raw, entry)
		}
	}
	list, err := auditv1.NewAuditServiceClient(again.GRPC).ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{
		Filter: &auditv1.AuditFilter{Model: model},
	})
	if err != nil || list.GetTotal() != 4*each {
		t.Errorf("%d records, %v", list.GetTotal(), err)
	}
}

// Who has no patience sends a second signal.
func endsAtOnce(t *testing.T, program string) {
	up := providertest.Start(t)
	p := servertest.Launch(t, program, servertest.Upstream(up), servertest.File("server:\n  drain_timeout: 600s\n"))
	gw := p.Connect(t)
	ended := make(chan error, 1)
	go func() {
		_, err := chatv1.NewChatServiceClient(gw.GRPC).CreateChatCompletion(context.WithoutCancel(t.Context()), &chatv1.CreateChatCompletionRequest{
			Params: ask{change: marked("hang")}.params(),
		})
		ended <- err
	}()
	awaitCalls(t, up, 1)
	p.Signal(syscall.SIGTERM)
	for gw.Do(http.MethodGet, "/health/ready", "").Status == http.StatusOK { // until it knows
	}
	p.Signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := p.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("the program ended with %v", err)
	}
	if err := <-ended; status.Code(err) != codes.Unavailable {
		t.Errorf("the call ended with %v", err)
	}
}
