package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/rest"
)

// Run serves until ctx ends, then stops in order: no longer ready, no longer
// listening, calls and jobs under way finish or are ended, records are shipped. A nil
// error is an orderly stop.
func (s *Server) Run(ctx context.Context) error {
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	rooms, workCtx := errgroup.WithContext(work)
	rooms.Go(func() error { return s.catalog.Run(workCtx) })
	rooms.Go(func() error { return s.audit.Run(workCtx) })
	rooms.Go(func() error { return s.watchReadiness(workCtx) })
	rooms.Go(func() error { return s.meetStore(workCtx) })
	if s.certs != nil {
		rooms.Go(func() error { return s.certs.Run(workCtx) })
	}
	doors, doorsCtx := errgroup.WithContext(workCtx)
	jobsCtx, stopJobs := context.WithCancel(workCtx)
	defer stopJobs()
	doors.Go(func() error { return s.jobs.Run(jobsCtx) }) // jobs make calls, and end as calls do
	doors.Go(func() error { return s.serveHTTP() })
	doors.Go(func() error {
		if err := s.grpc.Serve(s.lanes.grpc); err != nil {
			return fmt.Errorf("serve gRPC: %w", err)
		}
		return nil
	})

	select {
	case <-ctx.Done():
	case <-doorsCtx.Done(): // a room or a door failed
	}
	stopJobs() // what they have not finished, another process begins anew
	s.drain(ctx)
	err := doors.Wait()
	stopWork()
	return errors.Join(err, ignoreCancel(rooms.Wait()))
}

func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (s *Server) serveHTTP() error {
	var err error
	if s.certs != nil {
		err = s.http.ServeTLS(s.lanes.http, "", "")
	} else {
		err = s.http.Serve(rest.Watch(s.lanes.http))
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve REST: %w", err)
}

// drain stops the doors: first it is said that the gateway is not ready, then,
// after the lag, nothing new is let in, then what runs may finish until the timeout
// ends it.
func (s *Server) drain(ctx context.Context) {
	cfg := s.params.Config.Message.GetServer()
	s.params.Log.Info("stopping", "calls", s.gate.inside.Load(), "lag", cfg.GetDrainLag().AsDuration(), "timeout", cfg.GetDrainTimeout().AsDuration())
	s.ready.stop()
	lag := time.NewTimer(cfg.GetDrainLag().AsDuration())
	<-lag.C

	wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.GetDrainTimeout().AsDuration())
	defer cancel()
	s.gate.close()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.grpc.GracefulStop()
	}()
	if err := s.gate.wait(wait); err != nil {
		s.params.Log.Warn("calls are ended before they finished", "calls", s.gate.inside.Load())
	}
	// Not only calls: a watch of gRPC's health would never end by itself.
	s.endCalls(errStopping)
	s.closeDoors(stopped)
}

// errStopping is what calls are told that the gateway ends, and those that come too
// late.
var errStopping = &failure.Error{
	Reason:     commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN,
	Message:    "The gateway is stopping.",
	RetryAfter: time.Second,
}

// afterEnd is how long calls have to tell their clients that they were ended.
const afterEnd = 2 * time.Second

// closeDoors closes the listeners once their last replies are written.
func (s *Server) closeDoors(grpcStopped <-chan struct{}) {
	ctx, cancel := context.WithTimeout(context.Background(), afterEnd)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil {
		s.params.Log.Warn("connections are cut", "error", s.http.Close())
	}
	select {
	case <-grpcStopped:
	case <-ctx.Done():
		s.grpc.Stop()
		<-grpcStopped
	}
}

// watchReadiness keeps gRPC's health service up to date. It looks more often while
// somebody may wait for the gateway to become ready.
func (s *Server) watchReadiness(ctx context.Context) error {
	const eager, calm = 10 * time.Millisecond, 250 * time.Millisecond
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return nil
		}
		if s.ready.update() {
			timer.Reset(calm)
		} else {
			timer.Reset(eager)
		}
	}
}
