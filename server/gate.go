package server

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// gate lets calls in: not more at a time than configured, and none once the gateway
// stops. It knows how many are inside, which a stop waits for.
type gate struct {
	limit  int64
	inside atomic.Int64
	closed atomic.Bool
	idle   chan struct{} // has a token whenever the last call has left a closed gate
}

func newGate(limit int32) *gate {
	return &gate{limit: int64(limit), idle: make(chan struct{}, 1)}
}

// Step counts calls in and out.
func (g *gate) Step() call.Step {
	return call.Step{
		Name: "gate",
		Open: func(context.Context, *call.Call) error {
			inside := g.inside.Add(1)
			switch {
			case g.closed.Load():
				return errStopping
			case inside > g.limit:
				return &failure.Error{
					Reason:     commonv1.ErrorReason_ERROR_REASON_OVERLOADED,
					Message:    fmt.Sprintf("The gateway serves %d calls already.", g.limit),
					RetryAfter: time.Second,
				}
			}
			return nil
		},
		Done: func(context.Context, *call.Call, *failure.Error) {
			if g.inside.Add(-1) == 0 && g.closed.Load() {
				g.signal()
			}
		},
	}
}

// close lets no further call in.
func (g *gate) close() {
	g.closed.Store(true)
	if g.inside.Load() == 0 {
		g.signal()
	}
}

func (g *gate) signal() {
	select {
	case g.idle <- struct{}{}:
	default:
	}
}

// wait returns when the last call has left the closed gate, or ctx's error.
func (g *gate) wait(ctx context.Context) error {
	for g.inside.Load() > 0 {
		select {
		case <-g.idle:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
