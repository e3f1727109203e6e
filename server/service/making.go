package service

import (
	"context"
	"errors"
	"io"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// making is a response that is worked on.
type making struct {
	background *Background
	pending    *objects.Pending
	owner, id  string
	turn       *turn
	next       int32
	waiting    []*responsesv1.StreamEvent
	shown      *responses.Accumulator
	over       bool // it is kept as it ended
}

// make makes the response as a call of its own.
func (m *making) make(ctx context.Context) error {
	request, keyID, requestID := m.pending.Request()
	principal, known := m.background.deps.Principal(keyID)
	if !known || principal.Owner != m.owner {
		return m.fail(ctx, failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, "The key that asked for the response is gone, or somebody else's."))
	}
	c := call.New(auditv1.Entrance_ENTRANCE_BACKGROUND, requestID)
	c.HTTPMethod, c.Path, c.Principal = "POST", "/"+streamResponse, principal
	c.RPC, c.Policy = streamResponse, m.background.deps.Policies[streamResponse]
	ctx = call.With(ctx, c)
	chain := m.background.chain
	err := chain.Open(ctx, c)
	if err == nil {
		err = chain.Request(ctx, c, request)
	}
	if err == nil {
		err = chain.Handle(ctx, c, func() error { return m.answer(ctx, c, request) })
	}
	failed := chain.Done(ctx, c, err)
	switch {
	case failed == nil:
		return nil
	case errors.Is(context.Cause(ctx), errStopped), errors.Is(err, errStopped):
		return errStopped
	case ctx.Err() != nil:
		return ctx.Err() // the process stops: another one makes it
	}
	if _, later := Later(failed); later {
		return failed
	}
	return m.fail(context.WithoutCancel(ctx), failed)
}

// Later says whether a call was not let in, because there are too many or the gateway
// stops, and how long to wait before the next try.
func Later(err error) (time.Duration, bool) {
	failed := failure.As(err)
	if failed == nil {
		return 0, false
	}
	switch failed.Reason {
	case commonv1.ErrorReason_ERROR_REASON_OVERLOADED, commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN:
		return failed.RetryAfter, true
	default:
		return 0, false
	}
}

// answer has the plan's provider make the response.
func (m *making) answer(ctx context.Context, c *call.Call, request *responsesv1.StreamResponseRequest) (err error) {
	s := m.background.responses
	if m.turn, err = s.turn(ctx, c, request.GetParams(), true); err != nil {
		return err
	}
	if err := m.turn.input.Queued(ctx, m.id); err != nil {
		return stale(err)
	}
	w := newWalk(c, request.GetParams(), s.deps.Meter)
	upstream, err := begin(ctx, w, s.deps.Responders, fit(m.turn, providers.Responder.StreamResponse), showsOutput)
	if err != nil {
		return err
	}
	err = m.relay(ctx, c, upstream)
	if closed := upstream.Close(); err == nil {
		err = closed
	}
	w.count()
	finish(ctx, c, err)
	return err
}

// together is how many events are written at once.
const together = 64

// relay keeps the events up to the response's end.
func (m *making) relay(ctx context.Context, c *call.Call, upstream providers.ResponseStream) error {
	for {
		event, err := upstream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Outcome.FirstToken.IsZero() {
			c.Outcome.FirstToken = time.Now()
		}
		switch event.GetType() {
		case "response.created", "response.queued":
			continue // its own are there
		}
		event.SequenceNumber = m.next
		m.next++
		response := event.GetLifecycle().GetResponse()
		if response != nil {
			m.pending.Own(response)
			m.turn.echo(response)
		}
		m.shown.Add(event)
		m.waiting = append(m.waiting, event)
		switch {
		case isEnd(event):
			noteStatus(c, response)
			if err := m.end(ctx, response); err != nil {
				return err
			}
		case len(m.waiting) >= together || !upstream.Ready():
			if err := m.flush(ctx); err != nil {
				return err
			}
		}
	}
}

// flush writes the events that wait.
func (m *making) flush(ctx context.Context) error {
	if len(m.waiting) == 0 {
		return nil
	}
	err := m.background.deps.Objects.AddEvents(ctx, m.owner, m.id, m.waiting)
	m.waiting = nil
	m.background.news(m.owner, m.id)
	return stale(err)
}

// end keeps the response as it ended, and then shows its last event. All others come
// before: who follows the response reads no further once it has ended.
func (m *making) end(ctx context.Context, response *responsesv1.Response) error {
	last := m.waiting[len(m.waiting)-1:]
	m.waiting = m.waiting[:len(m.waiting)-1]
	if err := m.flush(ctx); err != nil {
		return err
	}
	if response.GetStatus() != "failed" {
		if err := m.turn.input.AddTurn(ctx, m.id, response.GetOutput(), true); err != nil {
			return err
		}
	}
	if err := m.pending.End(ctx, response); err != nil {
		return stale(err)
	}
	m.over = true
	m.waiting = last
	_ = m.flush(ctx) // who follows it sees that it has ended in any case
	return nil
}

// fail keeps why the response could not be made.
func (m *making) fail(ctx context.Context, why *failure.Error) error {
	if m.over {
		return nil // what came behind its end does not matter
	}
	if err := m.flush(ctx); err != nil {
		return err
	}
	response := m.pending.Response()
	if partial := m.shown.Response(); partial != nil {
		response = partial
	}
	response = responses.Fail(response, why)
	m.pending.Own(response)
	err := m.pending.End(ctx, response)
	if failed := failure.As(err); failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE {
		response = responses.Fail(m.pending.Response(), why) // without what has come of it
		err = m.pending.End(ctx, response)
	}
	if err != nil {
		return stale(err)
	}
	m.waiting = []*responsesv1.StreamEvent{responses.Ended(response, m.next)}
	_ = m.flush(ctx) // as above
	return nil
}

// stale makes nothing of the failure of a response that somebody else has ended.
func stale(err error) error {
	failed := failure.As(err)
	if failed == nil {
		return err
	}
	switch failed.Reason {
	case commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT, commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND:
		return errStopped
	default:
		return err
	}
}
