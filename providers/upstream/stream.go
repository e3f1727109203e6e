package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
	"github.com/signalbox-ai/signalbox/providers/upstream/sse"
)

// drainPatience is how long a stream that is done may take to end its reply, so that
// its connection can be used again.
const drainPatience = 25 * time.Millisecond

// Event is an event of a stream. Its slices are valid until the next call of Next.
type Event = sse.Event

// Stream is a reply in events. Not safe for concurrent use.
type Stream struct {
	a      *attempt
	ctx    context.Context //nolint:containedctx // of the call that the stream is
	cancel context.CancelFunc
	events *sse.Reader
	ahead  bool  // first has not been delivered
	first  Event // in hand when the stream was returned
	waits  bool  // Next has begun to wait for the provider
	done   bool  // at its proper end, and not closed
	err    error // how it ended
}

// Stream makes the call and returns once the first event is in hand; until then a
// failure is tried again. The error is as that of Do. The caller closes the stream.
func (c *Client) Stream(ctx context.Context, call *Call) (*Stream, error) {
	ctx, cancel := bounded(ctx, call)
	var s *Stream
	err := c.run(ctx, call, func(a *attempt) error {
		var err error
		s, err = a.stream(ctx)
		return err
	})
	if err != nil {
		cancel()
		return nil, err
	}
	s.cancel = cancel
	return s, nil
}

// stream makes the attempt of a call whose reply is a stream.
func (a *attempt) stream(ctx context.Context) (*Stream, error) {
	if err := a.send(ctx, acceptEvents, a.c.limits.firstEvent); err != nil {
		return nil, err
	}
	if a.media != "" && a.media != "text/event-stream" {
		return nil, a.noStream(ctx)
	}
	s := &Stream{a: a, ctx: ctx, ahead: true, waits: true}
	s.events = sse.NewReader(waiting{s}, a.c.limits.maxEvent)
	event, err := s.read()
	switch {
	case errors.Is(err, errEnd), errors.Is(err, io.EOF):
		return nil, a.emptyStream()
	case errors.Is(err, http1.ErrExpired):
		return nil, a.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT,
			"The provider did not begin to answer in time.", err)
	case err != nil:
		return nil, a.bodyFault(ctx, err)
	}
	if f := a.errorInside(event.Data); f != nil {
		return nil, f
	}
	a.patience.begin(a.idle())
	if err := a.reply.body.Await(); err != nil && !errors.Is(err, io.EOF) {
		return nil, a.bodyFault(ctx, err)
	}
	s.first = event
	s.rest()
	a.permit.begun()
	return s, nil
}

// waiting reads the body of a stream. Only what is waited for there takes patience:
// a caller who is slow to ask for the next event is not the provider's fault, and
// neither are events that are here already.
type waiting struct{ s *Stream }

// Read implements io.Reader.
func (w waiting) Read(p []byte) (int, error) {
	if !w.s.waits {
		w.s.waits = true
		w.s.a.patience.progress()
	}
	return w.s.a.reply.body.Read(p)
}

// rest ends the waiting, if there was any.
func (s *Stream) rest() {
	if s.waits {
		s.waits = false
		s.a.patience.rest()
	}
}

// emptyStream is the fault of a stream without an event. The next one may have some.
func (a *attempt) emptyStream() *fault {
	f := a.invalid("The provider's stream is empty.", nil)
	f.again = true
	return f
}

// noStream explains a reply that is not a stream of events.
func (a *attempt) noStream(ctx context.Context) error {
	text := a.peek()
	if ctx.Err() != nil {
		return a.c.ended(ctx)
	}
	if f := a.errorInside(text); f != nil {
		return f
	}
	if len(text) == 0 {
		return a.emptyStream()
	}
	return a.invalid("The provider's answer is not a stream of events.", text)
}

// errEnd says that the event came which ends the stream.
var errEnd = errors.New("upstream: end of the stream")

// read returns the next event with data.
func (s *Stream) read() (Event, error) {
	for {
		event, err := s.events.Next()
		if err != nil {
			return Event{}, err
		}
		if end := s.a.call.End; end != "" && string(event.Data) == end {
			return Event{}, errEnd
		}
		if len(bytes.TrimLeft(event.Data, " \t\n")) > 0 {
			return event, nil
		}
	}
}

// Next returns the next event; io.EOF after the one that ends the stream, and
// io.ErrUnexpectedEOF when the reply ended without it: the adapter judges either with
// Done or Fail; else a *failure.Error or the context's error. An error is final.
func (s *Stream) Next() (Event, error) {
	if s.ahead {
		s.ahead = false
		return s.first, nil
	}
	if s.err != nil {
		return Event{}, s.err
	}
	event, err := s.read()
	s.rest()
	if err == nil {
		if f := s.a.errorInside(event.Data); f != nil {
			return Event{}, s.finish(f)
		}
		return event, nil
	}
	switch {
	case errors.Is(err, errEnd):
		s.err = io.EOF
		return Event{}, s.err
	case errors.Is(err, io.EOF):
		s.err = io.ErrUnexpectedEOF
		return Event{}, s.err
	default:
		return Event{}, s.finish(s.a.bodyFault(s.ctx, err))
	}
}

// Ready says that Next will not wait.
func (s *Stream) Ready() bool { return s.ahead || s.err != nil || s.events.Ready() }

// Done says that the stream came to its proper end.
func (s *Stream) Done() {
	if !s.a.over {
		s.a.note(nil)
		s.done, s.err = true, io.EOF
	}
}

// Fail ends the stream with a failure that the adapter found, and returns it.
func (s *Stream) Fail(reason commonv1.ErrorReason, message string, cause error) error {
	return s.finish(s.a.fault(reason, message, cause))
}

// finish ends the attempt. The error is unwrapped for the caller.
func (s *Stream) finish(err error) error {
	s.a.end(err)
	s.ahead = false
	if e := failure.As(err); e != nil {
		err = e
	}
	s.err = err
	return err
}

// drain reads what little may follow the last event.
func (s *Stream) drain() {
	s.a.patience.begin(drainPatience)
	b := s.a.reply.body
	if err := b.Await(); err != nil {
		return
	}
	var rest [512]byte
	for range 4 {
		if _, err := b.Read(rest[:]); err != nil {
			return
		}
	}
}

// Close cancels the upstream call if it still runs. Idempotent.
func (s *Stream) Close() error {
	switch {
	case s.done:
		s.done = false
		s.drain()
		_ = s.a.reply.body.Close()
	case !s.a.over:
		_ = s.finish(errClosed)
	}
	s.cancel()
	return nil
}

// errClosed ends a stream whose caller wanted no more of it.
var errClosed = errors.New("upstream: stream closed by its reader")
