package service

import (
	"context"
	"errors"
	"io"
	"sync"
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

// BackgroundDeps is what responses in the background need. All members are required.
type BackgroundDeps struct {
	// Objects keeps the responses and their events.
	Objects *objects.Keeper
	// Enqueue has a response of an owner worked on, by whichever process has time: it
	// calls Work.
	Enqueue func(ctx context.Context, owner, id string) error
	// Principal finds the principal of a key's public id.
	Principal func(name string) (*call.Principal, bool)
	// Policies are the RPCs' policies.
	Policies call.Policies
}

// Background makes responses while nobody waits for them. They are worked on as calls
// of their own: planned, recorded and metered like any other.
type Background struct {
	deps BackgroundDeps
	// responses and chain are set before the first job.
	responses *Responses
	chain     *call.Chain

	mu      sync.Mutex
	working map[string]context.CancelCauseFunc // by owner and id
	waiting map[string]*waiting                // who waits for something new
}

// NewBackground returns a Background. Serve comes before the first job.
func NewBackground(deps BackgroundDeps) *Background {
	return &Background{deps: deps, working: map[string]context.CancelCauseFunc{}, waiting: map[string]*waiting{}}
}

// Serve says who makes responses, and which steps a call passes.
func (b *Background) Serve(responses *Responses, chain *call.Chain) {
	b.responses, b.chain = responses, chain
}

// Begin queues a response.
func (b *Background) Begin(ctx context.Context, in *objects.Input, request *responsesv1.StreamResponseRequest) (*responsesv1.Response, error) {
	c := call.From(ctx)
	response, err := b.deps.Objects.Queue(ctx, in, request, c.Principal.Name, c.RequestID)
	if err != nil {
		return nil, err
	}
	if err := b.deps.Enqueue(ctx, ownerOf(c), response.GetId()); err != nil {
		_ = b.deps.Objects.DeleteResponse(ctx, ownerOf(c), response.GetId()) // nobody knows of it
		return nil, failure.Wrap(commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE, "The gateway's store does not take the response.", err)
	}
	return response, nil
}

// Cancel ends a response that is being made.
func (b *Background) Cancel(ctx context.Context, owner, id string) (*responsesv1.Response, error) {
	response, err := b.deps.Objects.Cancel(ctx, owner, id)
	if err == nil {
		b.stop(owner, id)
	}
	return response, err
}

// Delete deletes a response, and ends its making.
func (b *Background) Delete(ctx context.Context, owner, id string) error {
	err := b.deps.Objects.DeleteResponse(ctx, owner, id)
	if err == nil {
		b.stop(owner, id)
	}
	return err
}

// errStopped is why the making of a response ends that nobody wants any more.
var errStopped = failure.New(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The response was cancelled.")

func (b *Background) stop(owner, id string) {
	b.mu.Lock()
	stop := b.working[key(owner, id)]
	b.mu.Unlock()
	if stop != nil {
		stop(errStopped)
	}
	b.news(owner, id)
}

func key(owner, id string) string { return owner + "\x00" + id }

// news wakes who follows a response.
func (b *Background) news(owner, id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if w := b.waiting[key(owner, id)]; w != nil {
		close(w.news)
		w.news = make(chan struct{})
	}
}

// waiting are those who follow a response.
type waiting struct {
	news chan struct{} // closed when there is something new
	many int
}

// wait begins to wait for what is made of a response here; leave ends it.
func (b *Background) wait(owner, id string) (next func() <-chan struct{}, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.waiting[key(owner, id)]
	if w == nil {
		w = &waiting{news: make(chan struct{})}
		b.waiting[key(owner, id)] = w
	}
	w.many++
	next = func() <-chan struct{} {
		b.mu.Lock()
		defer b.mu.Unlock()
		return w.news
	}
	leave = func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if w.many--; w.many == 0 {
			delete(b.waiting, key(owner, id))
		}
	}
	return next, leave
}

// lookAgain is how often who follows a response looks for what another process wrote.
const lookAgain = time.Second

// Follow sends the events of a stored response behind a number, and those to come, up
// to its end. more says that the next one is at hand.
func (b *Background) Follow(ctx context.Context, owner, id string, after int32, send func(event *responsesv1.StreamEvent, more bool) error) error {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	next, leave := b.wait(owner, id)
	defer leave()
	for {
		news := next()
		response, err := b.deps.Objects.Response(ctx, owner, id) // before its events: none comes behind its end
		if err != nil {
			return err
		}
		ended, err := b.show(ctx, owner, response, &after, send)
		if err != nil || ended {
			return err
		}
		timer.Reset(lookAgain)
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// show sends what there is. True: the response has ended, and so have its events.
func (b *Background) show(ctx context.Context, owner string, response *responsesv1.Response, after *int32, send func(*responsesv1.StreamEvent, bool) error) (bool, error) {
	over := response.GetStatus() != "queued" && response.GetStatus() != "in_progress"
	if over && !response.GetBackground() {
		return true, replay(responses.Replay(response), *after, send)
	}
	for {
		events, err := b.deps.Objects.Events(ctx, owner, response.GetId(), *after)
		if err != nil {
			return false, err
		}
		for i, event := range events {
			*after = event.GetSequenceNumber()
			if err := send(event, i < len(events)-1); err != nil {
				return false, err
			}
			if isEnd(event) {
				return true, nil
			}
		}
		if len(events) > 0 {
			continue
		}
		if over { // its making was broken off
			return true, send(responses.Ended(response, *after+1), false)
		}
		return false, nil
	}
}

func replay(events []*responsesv1.StreamEvent, after int32, send func(*responsesv1.StreamEvent, bool) error) error {
	for i, event := range events {
		if event.GetSequenceNumber() <= after {
			continue
		}
		if err := send(event, i < len(events)-1); err != nil {
			return err
		}
	}
	return nil
}

func isEnd(event *responsesv1.StreamEvent) bool {
	switch event.GetType() {
	case "response.completed", "response.incomplete", "response.failed":
		return true
	default:
		return false
	}
}

// Work makes a queued response. It begins anew when it is called again. giveUp says that
// this has failed too often. The error is to be tried again.
func (b *Background) Work(ctx context.Context, owner, id string, giveUp bool) error {
	pending, err := b.deps.Objects.Pending(ctx, owner, id)
	switch {
	case failure.As(err) != nil && failure.As(err).Reason == commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND:
		return nil // deleted meanwhile
	case err != nil:
		return err
	case pending == nil:
		return nil
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	b.mu.Lock()
	b.working[key(owner, id)] = stop
	b.mu.Unlock()
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		b.watch(ctx, owner, id, stop)
	}()
	defer func() {
		stop(nil)
		<-watched
		b.mu.Lock()
		delete(b.working, key(owner, id))
		b.mu.Unlock()
		b.news(owner, id)
	}()
	m := &making{
		background: b, pending: pending, owner: owner, id: id,
		next: objects.QueueEvents, shown: responses.NewAccumulator(maxShown),
	}
	err = stale(pending.Begin(ctx))
	switch {
	case err != nil:
	case giveUp:
		err = m.fail(ctx, failure.New(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The response could not be made."))
	default:
		err = m.make(ctx)
	}
	if errors.Is(err, errStopped) {
		return nil // cancelled or deleted, and kept so
	}
	return err
}

// watch stops the making of a response that another process has cancelled or deleted.
func (b *Background) watch(ctx context.Context, owner, id string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		response, err := b.deps.Objects.Response(ctx, owner, id)
		failed := failure.As(err)
		if response.GetStatus() == "cancelled" || failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
			stop(errStopped)
			return
		}
	}
}

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
	if !known {
		return m.fail(ctx, failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, "The key that asked for the response is gone."))
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
	default:
		return m.fail(context.WithoutCancel(ctx), failed)
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
