package jobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

func TestMain(m *testing.M) {
	if where := os.Getenv(crashPlace); where != "" { //nolint:forbidigo // a test's own
		crash(where)
	}
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; reaching it is a failure, never a result.
const patience = 20 * time.Second

// stale is how soon a job is taken for dead, in the tests that are about that. In the
// others none is, so that a slow machine does no job twice.
const stale = time.Second

// note is what the jobs of the tests are about.
type note struct {
	Text string `json:"text"`
}

func (note) Kind() string { return "note" }

// place is where jobs are kept, and when they are stale there.
type place struct {
	dir, url string
	stale    time.Duration
}

// engine is an engine that a test can start and stop.
type engine struct {
	*Jobs

	t    *testing.T
	stop context.CancelFunc
	done chan error
}

// open opens an engine over a place, without running it.
func (p place) open(t *testing.T, workers int, grace time.Duration) *engine {
	t.Helper()
	j, closeHandle, err := p.make(t.Context(), workers, grace)
	if err != nil {
		t.Fatal(err)
	}
	e := &engine{Jobs: j, t: t}
	t.Cleanup(func() {
		e.end()
		if err := closeHandle(); err != nil {
			t.Errorf("close the handle: %v", err)
		}
	})
	return e
}

func (p place) make(ctx context.Context, workers int, grace time.Duration) (*Jobs, func() error, error) {
	handle, err := sqldb.OpenHandle(ctx, &configv1.Storage{DataDir: p.dir, DatabaseUrl: p.url})
	if err != nil {
		return nil, nil, err
	}
	j, err := New(ctx, Params{
		SQLite: handle.SQLite, Postgres: handle.Postgres, MaxWorkers: workers, Grace: grace, Log: slog.New(slog.DiscardHandler),
		Pace: Pace{Poll: 20 * time.Millisecond, Beat: 100 * time.Millisecond, Stale: cmp.Or(p.stale, time.Minute), Retry: time.Millisecond},
	})
	return j, handle.Close, err
}

// run begins to do jobs.
func (e *engine) run() {
	ctx, stop := context.WithCancel(context.WithoutCancel(e.t.Context()))
	e.stop, e.done = stop, make(chan error, 1)
	go func() { e.done <- e.Run(ctx) }()
}

// end stops doing jobs.
func (e *engine) end() {
	e.t.Helper()
	if e.stop == nil {
		return
	}
	e.stop()
	e.stop = nil
	if err := <-e.done; err != nil {
		e.t.Errorf("Run: %v", err)
	}
}

// handle hands notes to do.
func (e *engine) handle(do func(context.Context, Job[note]) error) {
	e.t.Helper()
	if err := Handle(e.Jobs, do); err != nil {
		e.t.Fatal(err)
	}
}

func (e *engine) enqueue(text string, options Options) int64 {
	e.t.Helper()
	id, err := e.Enqueue(e.t.Context(), note{text}, options)
	if err != nil {
		e.t.Fatal(err)
	}
	return id
}

// await returns what comes, or fails.
func await[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable") //nolint:forbidigo // Fatal does not return
	}
}

// rules are what every place must hold.
var rules = []struct {
	name string
	run  func(*testing.T, place)
}{
	{"all jobs are done", allDone},
	{"no more run than there are workers", bounded},
	{"what fails is tried again, and given up", givenUp},
	{"a job may ask to be asked again", again},
	{"a job waits for its time", delayed},
	{"what runs at the end is left to the next", leftOver},
	{"what runs at the end may finish", graceful},
	{"a job is cancelled", cancelled},
	{"periodic work is done at the start and again", periodic},
	{"a job of a killed process is done after the restart", killed},
	{"a long job is not taken for dead", long},
	{"many processes start at once", startTogether},
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	for _, rule := range rules {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
			rule.run(t, place{dir: t.TempDir()})
		})
	}
}

func allDone(t *testing.T, p place) {
	e := p.open(t, 4, time.Second)
	done := make(chan string, 100)
	e.handle(func(_ context.Context, job Job[note]) error {
		done <- job.Args.Text
		return nil
	})
	var want []string
	for n := range 40 {
		if n == 20 {
			e.run()
		}
		e.enqueue(fmt.Sprint(n), Options{})
		want = append(want, fmt.Sprint(n))
	}
	var got []string
	for range want {
		got = append(got, await(t, done))
	}
	e.end()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) || len(done) > 0 {
		t.Errorf("done were %v and %d more", got, len(done))
	}
}

// bounded lets jobs go on in pairs alone.
func bounded(t *testing.T, p place) {
	e := p.open(t, 2, time.Second)
	var now atomic.Int32
	pair, done := make(chan bool), make(chan int32, 8)
	e.handle(func(context.Context, Job[note]) error {
		n := now.Add(1)
		select {
		case pair <- true:
		case <-pair:
		}
		now.Add(-1)
		done <- n
		return nil
	})
	for n := range cap(done) {
		e.enqueue(fmt.Sprint(n), Options{})
	}
	e.run()
	for range cap(done) {
		if n := await(t, done); n > 2 {
			t.Errorf("%d jobs ran at the same time, of 2 workers", n)
		}
	}
}

func givenUp(t *testing.T, p place) {
	e := p.open(t, 1, time.Second)
	tries := make(chan bool, 10)
	e.handle(func(_ context.Context, job Job[note]) error {
		tries <- job.GiveUp
		if job.GiveUp {
			return nil
		}
		if job.Args.Text == "panic" {
			panic("a fault of a handler") //nolint:forbidigo // that is the case
		}
		return errors.New("failed")
	})
	e.run()
	for _, text := range []string{"fails", "panic"} {
		e.enqueue(text, Options{})
		for _, want := range []bool{false, false, false, true} {
			if got := await(t, tries); got != want {
				t.Errorf("%s: GiveUp is %t, want %t", text, got, want)
			}
		}
	}
	e.end()
	if len(tries) > 0 {
		t.Error("it was tried again")
	}
}

func again(t *testing.T, p place) {
	e := p.open(t, 1, time.Second)
	tries := make(chan bool, 20)
	e.handle(func(_ context.Context, job Job[note]) error {
		tries <- job.GiveUp
		if len(tries) < 10 {
			return Again(0)
		}
		return nil
	})
	e.run()
	e.enqueue("poll", Options{})
	var got []bool
	for range 10 {
		got = append(got, false)
	}
	for deadline := time.After(patience); len(tries) < 10; {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("it was asked %d times", len(tries))
		}
	}
	for i := range got {
		if <-tries {
			t.Errorf("at the %dth time it was given up", i+1)
		}
	}
}

func delayed(t *testing.T, p place) {
	e := p.open(t, 1, time.Second)
	done := make(chan string, 2)
	e.handle(func(_ context.Context, job Job[note]) error {
		done <- job.Args.Text
		return nil
	})
	e.enqueue("in an hour", Options{Delay: time.Hour})
	e.enqueue("now", Options{})
	e.run()
	if got := await(t, done); got != "now" {
		t.Errorf("first came %s", got)
	}
	e.end()
	if len(done) > 0 {
		t.Error("the other did not wait")
	}
}

func leftOver(t *testing.T, p place) {
	first, began := p.open(t, 1, time.Millisecond), make(chan bool, 1)
	first.handle(func(ctx context.Context, _ Job[note]) error {
		began <- true
		<-ctx.Done()
		return ctx.Err()
	})
	// As often as it likes: an end is no failure.
	first.enqueue("long", Options{})
	first.run()
	await(t, began)
	first.end()
	for range attempts {
		next := p.open(t, 1, time.Millisecond)
		next.handle(func(ctx context.Context, job Job[note]) error {
			if job.GiveUp {
				t.Error("the job was given up")
			}
			began <- true
			<-ctx.Done()
			return ctx.Err()
		})
		next.run()
		await(t, began)
		next.end()
	}
}

func graceful(t *testing.T, p place) {
	e := p.open(t, 1, patience)
	began, finish := make(chan bool, 1), make(chan bool)
	e.handle(func(ctx context.Context, _ Job[note]) error {
		began <- true
		<-finish
		return ctx.Err()
	})
	e.enqueue("short", Options{})
	e.run()
	await(t, began)
	e.stop()
	close(finish)
	e.end()
	other := p.open(t, 1, time.Second)
	done := make(chan string, 2)
	other.handle(func(_ context.Context, job Job[note]) error {
		done <- job.Args.Text
		return nil
	})
	other.enqueue("marker", Options{})
	other.run()
	if got := await(t, done); got != "marker" {
		t.Errorf("%s was done twice", got)
	}
}

func cancelled(t *testing.T, p place) {
	e := p.open(t, 1, time.Second)
	began, ended := make(chan string, 3), make(chan error, 3)
	e.handle(func(ctx context.Context, job Job[note]) error {
		began <- job.Args.Text
		if job.Args.Text == "last" {
			return nil
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return ctx.Err()
	})
	e.run()
	running := e.enqueue("running", Options{})
	if got := await(t, began); got != "running" {
		t.Fatal(got)
	}
	waiting := e.enqueue("waiting", Options{})
	for _, id := range []int64{waiting, running, running, 1 << 40} {
		if err := e.Cancel(t.Context(), id); err != nil {
			t.Errorf("Cancel: %v", err)
		}
	}
	if err := await(t, ended); err == nil {
		t.Error("the context of the running job did not end")
	}
	e.enqueue("last", Options{})
	if got := await(t, began); got != "last" {
		t.Errorf("%s began although it was cancelled", got)
	}
}

func periodic(t *testing.T, p place) {
	first, second := p.open(t, 1, time.Second), p.open(t, 1, time.Second)
	done := make(chan bool, 100)
	for _, e := range []*engine{first, second} {
		if err := e.Every(time.Second, "sweep", func(context.Context) error {
			done <- true
			return errors.New("it comes again all the same")
		}); err != nil {
			t.Fatal(err)
		}
		if err := e.Every(time.Second, "sweep", nil); err == nil {
			t.Error("two works have one name")
		}
	}
	first.run()
	second.run()
	for range 3 {
		await(t, done)
	}
}
