package jobs

import (
	"context"
	"fmt"
	"time"
)

// Waiting for a database that is not there.
const (
	firstWait   = 250 * time.Millisecond
	longestWait = 5 * time.Second
)

// afterGrace is how long jobs have to return once their context has ended.
const afterGrace = 10 * time.Second

// Run does jobs until ctx ends. Then it begins no more; those that run have Grace to
// finish before their context ends, too, and are left to the next process. The error
// says that one did not return.
func (j *Jobs) Run(ctx context.Context) error {
	if !j.start(ctx) {
		return nil
	}
	keeping, stopKeeping := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		j.keep(keeping)
	}()
	defer func() {
		stopKeeping()
		<-kept
	}()
	<-ctx.Done()
	return j.stop(context.WithoutCancel(ctx))
}

// start starts River as soon as the database is there. False: ctx ended before.
func (j *Jobs) start(ctx context.Context) bool {
	wait := firstWait
	for {
		err := j.startOnce(ctx)
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if wait == firstWait {
			j.log.WarnContext(ctx, "jobs wait for the database", "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		wait = min(2*wait, longestWait)
	}
}

func (j *Jobs) startOnce(ctx context.Context) error {
	if err := j.prepare(ctx); err != nil {
		return err
	}
	release, err := j.take(ctx)
	if err != nil {
		return err
	}
	defer release()
	if err := j.client.Start(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("start the job engine: %w", err)
	}
	j.started.Store(true)
	return nil
}

func (j *Jobs) stop(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, j.grace)
	defer cancel()
	if j.client.Stop(soft) == nil {
		return nil
	}
	j.stopping.Store(true)
	hard, cancelHard := context.WithTimeout(ctx, afterGrace)
	defer cancelHard()
	if err := j.client.StopAndCancel(hard); err != nil {
		return fmt.Errorf("stop jobs: %w", err)
	}
	return nil
}
