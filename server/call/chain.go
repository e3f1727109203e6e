package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// Step is one link of the chain that every call passes, unary or streaming, gRPC or
// REST. Any of its functions may be nil. A step fills the call; it does not
// return a context.
type Step struct {
	// Name names the step, for tests and logs.
	Name string
	// Open runs when the call arrives, before its messages.
	Open func(context.Context, *Call) error
	// Request runs on the first request message, before the handler sees it.
	Request func(context.Context, *Call, proto.Message) error
	// Reply runs on each reply message, before the client sees it. It may change
	// the message. Innermost step first.
	Reply func(context.Context, *Call, proto.Message) error
	// Done runs once for every Open that was begun, innermost step first, with the
	// outcome: nil, or why the call failed.
	Done func(context.Context, *Call, *failure.Error)
}

// Chain is what every call passes: the steps, outermost first, and the one place
// where errors get their reason.
type Chain struct {
	// Steps are the steps, outermost first.
	Steps []Step
	// Code turns any error of a call into a typed one. Not called with nil.
	Code func(*Call, error) *failure.Error
	// Log takes panics.
	Log *slog.Logger
}

// run is how far a call has come on its way through the steps.
type run struct {
	opened int
	asked  bool
	done   bool
}

// Open runs the Open steps. After it, failed or not, Done must be called once.
func (ch *Chain) Open(ctx context.Context, c *Call) (err error) {
	defer ch.rescue(ctx, c, &err)
	for i := range ch.Steps {
		c.run.opened++
		if open := ch.Steps[i].Open; open != nil {
			if err := open(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

// Request runs the Request steps, once in a call.
func (ch *Chain) Request(ctx context.Context, c *Call, message proto.Message) (err error) {
	defer ch.rescue(ctx, c, &err)
	if c.run.asked {
		return nil
	}
	c.run.asked = true
	for i := range ch.Steps {
		if request := ch.Steps[i].Request; request != nil {
			if err := request(ctx, c, message); err != nil {
				return err
			}
		}
	}
	return nil
}

// Reply runs the Reply steps on a reply message.
func (ch *Chain) Reply(ctx context.Context, c *Call, message proto.Message) (err error) {
	defer ch.rescue(ctx, c, &err)
	for i := len(ch.Steps) - 1; i >= 0; i-- {
		if reply := ch.Steps[i].Reply; reply != nil {
			if err := reply(ctx, c, message); err != nil {
				return err
			}
		}
	}
	c.Outcome.Messages++
	return nil
}

// Done gives err its reason, settles how the call ended, and runs the Done steps.
// It returns nil when err is nil. Only the first of several calls counts.
func (ch *Chain) Done(ctx context.Context, c *Call, err error) *failure.Error {
	var failed *failure.Error
	if err != nil {
		failed = ch.Code(c, Why(ctx, err))
	}
	if c.run.done {
		return failed
	}
	c.run.done = true
	c.settle(failed)
	for i := c.run.opened - 1; i >= 0; i-- {
		if done := ch.Steps[i].Done; done != nil {
			ch.finish(ctx, c, done, failed)
		}
	}
	return failed
}

// Why is err, unless the gateway itself has ended the call, for a reason that is the
// context's cause: then an error that says no more than "cancelled" is its echo, and
// Why is that reason.
func Why(ctx context.Context, err error) error {
	ended := failure.As(context.Cause(ctx))
	if ended == nil {
		return err
	}
	echo := failure.As(err)
	if echo != nil && echo.Reason == commonv1.ErrorReason_ERROR_REASON_CANCELLED || echo == nil && errors.Is(err, context.Canceled) {
		return ended
	}
	return err
}

// finish runs one Done step; a panic in it must not keep the others from running.
func (ch *Chain) finish(ctx context.Context, c *Call, done func(context.Context, *Call, *failure.Error), failed *failure.Error) {
	var err error
	defer ch.rescue(ctx, c, &err)
	done(ctx, c, failed)
}

// Handle runs a part of a call that is no step, a panic in it included.
func (ch *Chain) Handle(ctx context.Context, c *Call, handler func() error) (err error) {
	defer ch.rescue(ctx, c, &err)
	return handler()
}

// rescue turns a panic into an internal error: one call fails, the process lives.
func (ch *Chain) rescue(ctx context.Context, c *Call, err *error) {
	panicked := recover()
	if panicked == nil {
		return
	}
	ch.Log.ErrorContext(ctx, "panic in call", "request_id", c.RequestID, "rpc", c.RPC,
		"panic", fmt.Sprint(panicked), "stack", string(debug.Stack()))
	*err = failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The gateway failed.", fmt.Errorf("panic: %v", panicked))
}

// settle decides how the call ended, unless the service has.
func (c *Call) settle(failed *failure.Error) {
	switch {
	case failed == nil:
		if c.Outcome.End == commonv1.CallEnd_CALL_END_UNSPECIFIED {
			c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
		}
	default:
		c.Outcome.End = EndOf(failed.Reason)
	}
}

// EndOf is how a call ends that fails for a reason.
func EndOf(reason commonv1.ErrorReason) commonv1.CallEnd {
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_CANCELLED, commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED:
		return commonv1.CallEnd_CALL_END_CANCELLED
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED:
		return commonv1.CallEnd_CALL_END_TRUNCATED
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED:
		return commonv1.CallEnd_CALL_END_STALLED
	case commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED:
		return commonv1.CallEnd_CALL_END_FILTERED
	default:
		return commonv1.CallEnd_CALL_END_FAILED
	}
}
