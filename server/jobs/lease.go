package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/rivertype"
)

// River takes a job for dead when it has run for longer than any job may. Ours may run
// for an hour, and those of a dead process shall not wait so long: a process speaks for
// its jobs, by the time that they were attempted at, and takes care of those that
// nobody speaks for.

// begin speaks for a job that runs here from now on.
func (j *Jobs) begin(ctx context.Context, id int64) error {
	j.mu.Lock()
	j.running[id] = struct{}{}
	j.mu.Unlock()
	if err := j.speakFor(ctx, j.rows, id); err != nil {
		j.end(id)
		return err
	}
	return nil
}

func (j *Jobs) end(id int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	delete(j.running, id)
}

func (j *Jobs) speakFor(ctx context.Context, rows riverdriver.Executor, id int64) error {
	_, err := rows.JobUpdateFull(ctx, &riverdriver.JobUpdateFullParams{ID: id, AttemptedAtDoUpdate: true, AttemptedAt: new(time.Now().UTC())})
	if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
		return fmt.Errorf("speak for a job: %w", err)
	}
	return nil
}

// keep speaks for the jobs that run here, and frees those of the dead, until ctx ends.
func (j *Jobs) keep(ctx context.Context) {
	tick := time.NewTicker(j.pace.Beat)
	defer tick.Stop()
	failed := false
	for {
		err := errors.Join(j.beat(ctx), j.free(ctx))
		if ctx.Err() != nil {
			return
		}
		if err != nil && !failed {
			j.log.WarnContext(ctx, "jobs cannot be spoken for; the store does not answer", "error", err)
		}
		failed = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// beat speaks for all jobs that run here.
func (j *Jobs) beat(ctx context.Context) (err error) {
	j.mu.Lock()
	ids := slices.Sorted(maps.Keys(j.running)) // in order: replicas do not wait for each other
	j.mu.Unlock()
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, j.pace.Beat)
	defer cancel()
	tx, err := j.rows.Begin(ctx)
	if err != nil {
		return fmt.Errorf("speak for jobs: %w", err)
	}
	for _, id := range ids {
		if err := j.speakFor(ctx, tx, id); err != nil {
			return errors.Join(err, tx.Rollback(context.WithoutCancel(ctx)))
		}
	}
	return tx.Commit(ctx)
}

// maxFreed is how many jobs are freed at once.
const maxFreed = 100

// free lets jobs that nobody speaks for be done by somebody else.
func (j *Jobs) free(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, j.pace.Beat)
	defer cancel()
	horizon := time.Now().UTC().Add(-j.pace.Stale)
	dead, err := j.rows.JobGetStuck(ctx, &riverdriver.JobGetStuckParams{Max: maxFreed, StuckHorizon: horizon})
	if err != nil {
		return fmt.Errorf("look for dead jobs: %w", err)
	}
	if len(dead) == 0 {
		return nil
	}
	params := &riverdriver.JobRescueManyParams{StuckHorizon: horizon}
	for _, job := range dead {
		if err := decide(params, job, time.Now().UTC()); err != nil {
			return err
		}
	}
	if _, err := j.rows.JobRescueMany(ctx, params); err != nil {
		return fmt.Errorf("free dead jobs: %w", err)
	}
	j.log.InfoContext(ctx, "jobs of a process that died begin anew", "jobs", len(dead))
	return nil
}

// decide says what becomes of a dead job.
func decide(params *riverdriver.JobRescueManyParams, job *rivertype.JobRow, now time.Time) error {
	happened, err := json.Marshal(rivertype.AttemptError{At: now, Attempt: max(job.Attempt, 0), Error: "the process died"})
	if err != nil {
		return fmt.Errorf("free a dead job: %w", err)
	}
	var metadata struct {
		CancelAttemptedAt time.Time `json:"cancel_attempted_at"`
	}
	state, finalized := rivertype.JobStateAvailable, (*time.Time)(nil)
	switch {
	case json.Unmarshal(job.Metadata, &metadata) == nil && !metadata.CancelAttemptedAt.IsZero():
		state, finalized = rivertype.JobStateCancelled, &now
	case job.Attempt >= job.MaxAttempts:
		state, finalized = rivertype.JobStateDiscarded, &now
	}
	params.ID = append(params.ID, job.ID)
	params.Error = append(params.Error, happened)
	params.FinalizedAt = append(params.FinalizedAt, finalized)
	params.ScheduledAt = append(params.ScheduledAt, now)
	params.State = append(params.State, string(state))
	return nil
}
