// Package jobs runs work that must be done even if the process that began it dies:
// answers in the background, retention. It is a thin room around River, which keeps
// jobs in the embedded database or in PostgreSQL.
//
// A job is done at least once. Three times it is tried; a fourth time its handler is
// told to give up. Jobs of a process that was killed begin anew elsewhere, or after the
// restart, within half a minute: a process says each 5 s which jobs it works on, and
// what nobody has spoken for in 20 s is free. Replicas need clocks that agree to a few
// seconds for that.
package jobs

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// attempts is how often a job is tried before its handler gives up.
const attempts = 3

// Params is what jobs are made from. One of SQLite and Postgres is nil, all else is
// required.
type Params struct {
	// SQLite keeps the jobs. It has one connection, and nobody else uses it.
	SQLite *sql.DB
	// Postgres keeps the jobs. It may come later than the gateway.
	Postgres *pgxpool.Pool
	// MaxWorkers is how many jobs run here at the same time, without periodic work.
	MaxWorkers int
	// Grace is how long jobs may go on when Run shall end.
	Grace time.Duration
	// Log takes what happens beside the calls.
	Log *slog.Logger
	// Pace is how often things are looked at. Zero: as it is said above. Tests are in a
	// hurry.
	Pace Pace
}

// Pace is how often things are looked at. All members are set, or none.
type Pace struct {
	// Poll is how often jobs are looked for that nobody told of.
	Poll time.Duration
	// Beat is how often running jobs are spoken for, and those of the dead looked for.
	Beat time.Duration
	// Stale is how long nobody must have spoken for a job until it is free.
	Stale time.Duration
	// Retry is how long the first try after a failure waits.
	Retry time.Duration
}

// usual is the pace of gateways.
func usual() Pace {
	return Pace{Poll: 5 * time.Second, Beat: 5 * time.Second, Stale: 20 * time.Second, Retry: 2 * time.Second}
}

// Args says what a job is about. They are kept as JSON: the names of objects, no
// content and no secrets.
type Args = river.JobArgs

// Job is one try of a job.
type Job[T Args] struct {
	// Args is what it is about.
	Args T
	// GiveUp says that all tries have failed, or died with their process: nothing
	// remains but to write down that it failed.
	GiveUp bool
}

// Jobs is the job engine. Safe for concurrent use. Handle and Every come before Run;
// the handles that Params has are closed by whoever opened them, after Run has ended.
type Jobs struct {
	grace   time.Duration
	log     *slog.Logger
	workers *river.Workers
	client  client
	rows    riverdriver.Executor
	migrate func(context.Context) error
	pace    Pace

	stopping atomic.Bool
	// ready says that the tables are there, started that the client does jobs. turn is
	// held by who sees to either, and by who uses a client that is not started: River
	// starts one beside no other use of it.
	ready, started atomic.Bool
	turn           chan struct{}

	mu      sync.Mutex
	running map[int64]struct{} // ids of the jobs that run here
	upkeep  map[string]func(context.Context) error
}

// New returns an engine whose jobs nobody handles yet. Where SQLite keeps the jobs it
// makes their tables.
func New(ctx context.Context, params Params) (*Jobs, error) {
	j := &Jobs{
		grace: params.Grace, log: params.Log, workers: river.NewWorkers(), pace: cmp.Or(params.Pace, usual()), turn: make(chan struct{}, 1),
		running: map[int64]struct{}{}, upkeep: map[string]func(context.Context) error{},
	}
	if err := j.connect(params); err != nil {
		return nil, fmt.Errorf("make the job engine: %w", err)
	}
	if err := add(j, func(ctx context.Context, job Job[upkeep]) error { return j.doUpkeep(ctx, job.Args) }); err != nil {
		return nil, err
	}
	if params.SQLite != nil {
		if err := j.prepare(ctx); err != nil {
			return nil, err
		}
	}
	return j, nil
}

// prepareTimeout bounds the making of tables.
const prepareTimeout = time.Minute

// prepare makes sure that the tables are there.
func (j *Jobs) prepare(ctx context.Context) error {
	if j.ready.Load() {
		return nil
	}
	release, err := j.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if j.ready.Load() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, prepareTimeout)
	defer cancel()
	if err := j.migrate(ctx); err != nil {
		return fmt.Errorf("make the tables of jobs: %w", err)
	}
	j.ready.Store(true)
	return nil
}

// take takes the turn, until release is called.
func (j *Jobs) take(ctx context.Context) (release func(), err error) {
	select {
	case j.turn <- struct{}{}:
		return func() { <-j.turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// use makes ready to use the client, until release is called.
func (j *Jobs) use(ctx context.Context) (release func(), err error) {
	if j.started.Load() {
		return func() {}, nil
	}
	if err := j.prepare(ctx); err != nil {
		return nil, err
	}
	return j.take(ctx)
}

// Handle says who does the jobs of a kind. do must be able to begin anew, and ends
// soon after its context. Its error makes the job be tried again, Again too.
func Handle[T Args](j *Jobs, do func(context.Context, Job[T]) error) error { return add(j, do) }

// Every does something each so often, in one of all replicas, soon after the start for
// the first time. What fails waits for the next time.
func (j *Jobs) Every(interval time.Duration, name string, do func(context.Context) error) error {
	_, err := j.client.PeriodicJobs().AddSafely(river.NewPeriodicJob(river.PeriodicInterval(interval), func() (river.JobArgs, *river.InsertOpts) {
		return upkeep{Name: name}, nil
	}, &river.PeriodicJobOpts{ID: name, RunOnStart: true}))
	if err != nil {
		return fmt.Errorf("do %s each %s: %w", name, interval, err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.upkeep[name] = do
	return nil
}

// enqueueTimeout bounds Enqueue and Cancel.
const enqueueTimeout = 10 * time.Second

// Options say how a job is done.
type Options struct {
	// Delay is how long it waits at least.
	Delay time.Duration
}

// Enqueue keeps a job, to be done as soon as a worker is free, and returns its number.
// When it returns without an error the job will be done. Every error is the store's.
func (j *Jobs) Enqueue(ctx context.Context, args Args, options Options) (id int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	release, err := j.use(ctx)
	if err != nil {
		return 0, err
	}
	defer release()
	insert := &river.InsertOpts{MaxAttempts: attempts + 1, Queue: queueWork}
	if options.Delay > 0 {
		insert.ScheduledAt = time.Now().Add(options.Delay)
	}
	result, err := j.client.Insert(ctx, args, insert)
	if err != nil {
		return 0, fmt.Errorf("keep a job of kind %s: %w", args.Kind(), err)
	}
	return result.Job.ID, nil
}

// Cancel makes a job end: one that waits is not begun, the context of one that runs
// ends, at another replica within seconds. A job that is not there has ended.
func (j *Jobs) Cancel(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, enqueueTimeout)
	defer cancel()
	release, err := j.use(ctx)
	if err != nil {
		return err
	}
	defer release()
	if _, err := j.client.JobCancel(ctx, id); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
		return fmt.Errorf("cancel a job: %w", err)
	}
	return nil
}

// Again is the error of a job that wants to be asked again after a while, as often as
// it likes.
func Again(after time.Duration) error { return river.JobSnooze(max(after, 0)) }
