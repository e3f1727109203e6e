package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/signalbox-ai/signalbox/server/jobs"
	"github.com/signalbox-ai/signalbox/server/service"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// responseJob has a response made in the background.
type responseJob struct {
	// Owner is whose it is.
	Owner string `json:"owner"`
	// ID is its id in the store.
	ID string `json:"id"`
}

// Kind implements jobs.Args.
func (responseJob) Kind() string { return "response" }

const (
	// expireEach is how often what has expired is deleted.
	expireEach = 10 * time.Minute
	// expireMost is how much of it in one go, so that no transaction keeps others waiting.
	expireMost = 100
)

// openJobs makes the job engine, and says who does the jobs.
func (s *Server) openJobs(ctx context.Context, kept storage.ObjectRetention) error {
	handle, err := sqldb.OpenHandle(ctx, s.storageConfig())
	if err != nil {
		return fmt.Errorf("open the database of jobs: %w", err)
	}
	s.jobsHandle = handle
	s.jobs, err = jobs.New(ctx, jobs.Params{
		SQLite: handle.SQLite, Postgres: handle.Postgres,
		MaxWorkers: int(s.params.Config.Message.GetObjects().GetMaxBackground()),
		Grace:      s.params.Config.Message.GetServer().GetDrainTimeout().AsDuration(),
		Log:        s.params.Log,
		Pace:       pace(s.params.Hurry),
	})
	if err != nil {
		return err
	}
	return errors.Join(
		jobs.Handle(s.jobs, func(ctx context.Context, job jobs.Job[responseJob]) error {
			err := s.background.Work(ctx, job.Args.Owner, job.Args.ID, job.GiveUp)
			if wait, later := service.Later(err); later {
				return jobs.Again(wait)
			}
			return err
		}),
		s.jobs.Every(expireEach, "expire-objects", func(ctx context.Context) error { return expire(ctx, kept) }),
	)
}

// pace is how often jobs are looked at.
func pace(hurry bool) jobs.Pace {
	if !hurry {
		return jobs.Pace{}
	}
	return jobs.Pace{Poll: 50 * time.Millisecond, Beat: 200 * time.Millisecond, Stale: 2 * time.Second, Retry: 50 * time.Millisecond}
}

// expire deletes what has expired.
func expire(ctx context.Context, kept storage.ObjectRetention) error {
	for {
		deleted, err := kept.Expire(ctx, time.Now(), expireMost)
		if err != nil {
			return fmt.Errorf("delete expired objects: %w", err)
		}
		if deleted < expireMost {
			return nil
		}
	}
}

// enqueue has a response made in the background.
func (s *Server) enqueue(ctx context.Context, owner, id string) error {
	_, err := s.jobs.Enqueue(ctx, responseJob{Owner: owner, ID: id}, jobs.Options{})
	return err
}
