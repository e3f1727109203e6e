package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"
)

// Queues: periodic work does not wait for long jobs.
const (
	queueWork   = "work"
	queueUpkeep = "upkeep"
)

// client is what is used of River's, whatever keeps the jobs.
type client interface {
	Start(ctx context.Context) error
	Stop(ctx context.Context) error
	StopAndCancel(ctx context.Context) error
	Insert(ctx context.Context, args river.JobArgs, opts *river.InsertOpts) (*rivertype.JobInsertResult, error)
	JobCancel(ctx context.Context, id int64) (*rivertype.JobRow, error)
	PeriodicJobs() *river.PeriodicJobBundle
}

// connect makes River's client. It asks no database.
func (j *Jobs) connect(params Params) error {
	config := &river.Config{
		Logger:              slog.New(quiet{params.Log.Handler()}),
		Workers:             j.workers,
		Queues:              map[string]river.QueueConfig{queueWork: {MaxWorkers: params.MaxWorkers}, queueUpkeep: {MaxWorkers: 1}},
		FetchPollInterval:   j.pace.Poll,
		FetchCooldown:       min(j.pace.Poll, river.FetchCooldownDefault),
		FetchOnlyKnownKinds: true, // a newer replica may know more
		JobTimeout:          -1,   // nor does River's own rescuer touch what has no timeout; see lease.go
		RetryPolicy:         backoff{j.pace.Retry},
		ReindexerIndexNames: []string{}, // PostgreSQL's vacuum is enough for so few rows
		// What is done is of no use to anybody: objects and records say what became of it.
		CompletedJobRetentionPeriod: time.Hour,
		CancelledJobRetentionPeriod: time.Hour,
	}
	if params.SQLite != nil {
		migrator, err := assemble[*sql.Tx](j, sqlite{riversqlite.New(params.SQLite)}, config)
		j.migrate = func(ctx context.Context) error { return migrateSQLite(ctx, migrator) }
		return err
	}
	migrator, err := assemble(j, riverpgxv5.New(params.Postgres), config)
	j.migrate = func(ctx context.Context) error { return migratePostgres(ctx, params.Postgres, migrator) }
	return err
}

func assemble[TTx any](j *Jobs, driver riverdriver.Driver[TTx], config *river.Config) (*rivermigrate.Migrator[TTx], error) {
	client, err := river.NewClient(driver, config)
	if err != nil {
		return nil, err
	}
	j.client, j.rows = client, driver.GetExecutor()
	return rivermigrate.New(driver, &rivermigrate.Config{Logger: config.Logger})
}

// sqlite is River's driver without its listener, which asks the database 20 times a
// second. Without one, a client wakes up by itself for the jobs that it takes.
type sqlite struct{ *riversqlite.Driver }

// SupportsListener is false.
func (sqlite) SupportsListener() bool { return false }

// SupportsListenNotify is false.
func (sqlite) SupportsListenNotify() bool { return false }

// quiet drops what River tells of its own insides.
type quiet struct{ slog.Handler }

// Enabled takes warnings and errors alone.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs stays quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup stays quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }

// backoff is when a job that failed is tried again: after the first failure, and four
// times as long after each further one.
type backoff struct{ first time.Duration }

// NextRetry implements river.ClientRetryPolicy.
func (b backoff) NextRetry(job *rivertype.JobRow) time.Time {
	return time.Now().Add(b.first << (2 * min(max(job.Attempt, 1)-1, attempts)))
}

// worker hands jobs of a kind to their handler.
type worker[T Args] struct {
	river.WorkerDefaults[T]

	jobs *Jobs
	do   func(context.Context, Job[T]) error
}

func add[T Args](j *Jobs, do func(context.Context, Job[T]) error) error {
	if err := river.AddWorkerSafely(j.workers, &worker[T]{jobs: j, do: do}); err != nil {
		return fmt.Errorf("take a handler: %w", err)
	}
	return nil
}

// Work implements river.Worker.
func (w *worker[T]) Work(ctx context.Context, job *river.Job[T]) error {
	if err := w.jobs.begin(ctx, job.ID); err != nil {
		return err
	}
	defer w.jobs.end(job.ID)
	err := w.do(ctx, Job[T]{Args: job.Args, GiveUp: job.Attempt > attempts})
	if err != nil && ctx.Err() != nil && w.jobs.stopping.Load() && !errors.Is(context.Cause(ctx), river.ErrJobCancelledRemotely) {
		return Again(0) // the next process does it; this was no try
	}
	return err
}

// upkeep is periodic work.
type upkeep struct {
	// Name says which.
	Name string `json:"name"`
}

// Kind implements river.JobArgs.
func (upkeep) Kind() string { return "upkeep" }

// InsertOpts keeps one that waits from being joined by another.
func (upkeep) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, Queue: queueUpkeep, UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable, rivertype.JobStateRunning, rivertype.JobStateScheduled,
	}}}
}

func (j *Jobs) doUpkeep(ctx context.Context, args upkeep) error {
	j.mu.Lock()
	do := j.upkeep[args.Name]
	j.mu.Unlock()
	if do == nil {
		return nil // a newer replica knows it
	}
	if err := do(ctx); err != nil {
		j.log.WarnContext(ctx, "periodic work failed", "work", args.Name, "error", err)
	}
	return nil
}
