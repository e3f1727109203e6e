package service

import (
	"context"
	"errors"
	"sync"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
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
	// Share is how many responses of one owner are worked on here at the same time, so
	// that the others' need not wait for all of them.
	Share int
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
	busy    map[string]int                     // responses that are worked on, by owner
}

// NewBackground returns a Background. Serve comes before the first job.
func NewBackground(deps BackgroundDeps) *Background {
	return &Background{deps: deps, working: map[string]context.CancelCauseFunc{}, waiting: map[string]*waiting{}, busy: map[string]int{}}
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
		_ = b.deps.Objects.DeleteResponse(context.WithoutCancel(ctx), ownerOf(c), response.GetId()) // nobody knows of it
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
	for try := int32(-1); ; {
		news := next()
		response, shownBefore, err := b.deps.Objects.Followed(ctx, owner, id) // before its events: none comes behind its end
		if err != nil {
			return err
		}
		if try < 0 && after > shownBefore {
			try = shownBefore // what was seen is of this try
		}
		if after >= objects.QueueEvents && try != shownBefore {
			return failure.New(commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT,
				"The response was begun anew, since the process that made it died. Follow it from its beginning.")
		}
		try = shownBefore
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

// show sends what there is; of a queued response, not what a try has left that broke off.
// True: the response has ended, and so have its events.
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
			if response.GetStatus() == "queued" && event.GetSequenceNumber() >= objects.QueueEvents {
				return false, nil
			}
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
		if over {
			return true, b.close(ctx, owner, response, *after, send)
		}
		return false, nil
	}
}

// close sends the end of a response whose making was broken off, so that no event has
// it, unless the client has seen it all.
func (b *Background) close(ctx context.Context, owner string, response *responsesv1.Response, after int32, send func(*responsesv1.StreamEvent, bool) error) error {
	seen, err := b.deps.Objects.Events(ctx, owner, response.GetId(), after-1)
	if err != nil || len(seen) > 0 && isEnd(seen[0]) {
		return err
	}
	return send(responses.Ended(response, max(after, after+1)), false) // nothing is behind the largest number
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
// this has failed too often. The error is to be tried again; one that Later knows is no
// failed try.
func (b *Background) Work(ctx context.Context, owner, id string, giveUp bool) error {
	pending, err := b.pending(ctx, owner, id)
	if err != nil || pending == nil {
		return err
	}
	if !b.enter(owner) {
		return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_OVERLOADED, Message: "Other responses of the owner are worked on.", RetryAfter: time.Second}
	}
	defer b.leave(owner)
	outer := ctx
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
		return b.settled(outer, owner, id)
	}
	return err
}

// settled makes sure that a response that was stopped has ended or is gone. One that is
// still open was changed by another worker, that may have met this one, too.
func (b *Background) settled(ctx context.Context, owner, id string) error {
	pending, err := b.pending(ctx, owner, id)
	if pending != nil {
		return errors.New("another worker makes the response, too")
	}
	return err
}

// pending is a response that is still to be made. Nil: it has ended or is gone.
func (b *Background) pending(ctx context.Context, owner, id string) (*objects.Pending, error) {
	pending, err := b.deps.Objects.Pending(ctx, owner, id)
	if failed := failure.As(err); failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
		return nil, nil //nolint:nilnil // see above
	}
	return pending, err
}

// enter takes a place of an owner's share. False: all are taken.
func (b *Background) enter(owner string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[owner] >= b.deps.Share {
		return false
	}
	b.busy[owner]++
	return true
}

func (b *Background) leave(owner string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy[owner]--; b.busy[owner] == 0 {
		delete(b.busy, owner)
	}
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
