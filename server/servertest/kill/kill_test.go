// Package kill_test kills a gateway under load, again and again, and then compares
// what clients saw, what the provider saw, and what the store has.
package kill_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	// inFlight is how many calls are made at the same time.
	inFlight = 32
	// longestLoad bounds how long a gateway lives. It may be killed at once, while it
	// still takes over what the one before has left.
	longestLoad = 800 * time.Millisecond
	// seedVariable repeats an earlier run, as far as the machine does.
	seedVariable = "SIGNALBOX_KILL_SEED"
)

func TestNothingIsLostByKills(t *testing.T) {
	t.Parallel()
	newField(t, t.TempDir(), "").run(3)
}

// field is a gateway that is killed, its provider and its clients.
type field struct {
	t        *testing.T
	seed     uint64
	program  string
	dir      string
	database string // its URL; empty: SQLite
	up       *providertest.Upstream
	log      string // what the provider saw
	book     book
	current  atomic.Pointer[life]
}

// life is one process of the gateway.
type life struct {
	process *servertest.Process
	clients *clients
	// next is closed once there is another one.
	next chan struct{}
}

func newField(t *testing.T, dir, database string) *field {
	t.Helper()
	f := &field{
		t: t, seed: rand.Uint64(), program: servertest.Build(t), dir: filepath.Join(dir, "data"), database: database,
		log: filepath.Join(dir, "upstream.jsonl"),
	}
	if text := os.Getenv(seedVariable); text != "" { //nolint:forbidigo // a test's own knob
		var err error
		if f.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
	}
	var err error
	f.up, err = providertest.Listen("127.0.0.1:0", providertest.Params{LogPath: f.log, KeepRequests: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, violation := range f.up.TakeViolations() {
			t.Error(violation)
		}
	})
	return f
}

// run kills a gateway n times under load, starts it a last time, and checks.
func (f *field) run(n int) {
	f.t.Helper()
	f.t.Logf("%s=%d repeats this run", seedVariable, f.seed)
	random := rand.New(rand.NewPCG(f.seed, 0))
	f.live()
	ctx, stop := context.WithCancel(f.t.Context())
	defer stop()
	var working sync.WaitGroup
	for i := range inFlight {
		w := &worker{name: fmt.Sprintf("w%d", i), field: f, random: rand.New(rand.NewPCG(random.Uint64(), random.Uint64()))}
		working.Go(func() { w.work(ctx) })
	}
	for range n {
		f.rest(time.Duration(random.Int64N(int64(longestLoad))))
		f.kill()
	}
	f.rest(longestLoad)
	stop()
	working.Wait()
	f.end()
	f.check(n)
}

// rest lets the load run.
func (f *field) rest(d time.Duration) {
	select {
	case <-time.After(d):
	case <-f.t.Context().Done():
	}
}

// live starts a gateway, on what the one before it has left.
func (f *field) live() {
	f.t.Helper()
	options := []servertest.Option{
		servertest.Upstream(f.up), servertest.Env("SIGNALBOX_DATA_DIR", f.dir),
		servertest.File("upstream: {retry_budget_percent: 100, breaker_failure_percent: 100, max_backoff: 0.01s}\n"),
	}
	if f.database != "" {
		options = append(options, servertest.Env("SIGNALBOX_DATABASE_URL", f.database))
	}
	process := servertest.Launch(f.t, f.program, options...)
	f.current.Store(&life{process: process, clients: newClients(f.t, process), next: make(chan struct{})})
}

// kill ends the gateway as a power cut would, and starts the next one.
func (f *field) kill() {
	f.t.Helper()
	last := f.current.Load()
	last.process.Signal(syscall.SIGKILL)
	if err := last.process.Wait(); err == nil {
		f.t.Fatal("the gateway ended in order")
	}
	f.live()
	last.clients.close()
	close(last.next)
}

// end stops the last gateway in order, with all records in the store.
func (f *field) end() {
	f.t.Helper()
	last := f.current.Load()
	last.clients.close()
	last.process.Signal(syscall.SIGTERM)
	if err := last.process.Wait(); err != nil {
		f.t.Fatalf("the last gateway ended with %v\n%s", err, last.process.Log())
	}
	if err := f.up.Close(); err != nil {
		f.t.Fatal(err)
	}
}
