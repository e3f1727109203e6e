package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// maxHeld is how many bytes of a stream are held back, whatever the plan says of time
// and pieces.
const maxHeld = 1 << 20

// hold opens the stream of the current target. While another target follows, the stream
// is returned only when it has shown that it is an answer: a piece that carries content
// is there, and as many of them, or as much time, as the plan wants held back. Until
// then every failure is the target's, and nobody has seen a piece of it.
func hold[P proto.Message, M proto.Message](ctx context.Context, w *walk[P], shows func(M) bool,
	open func(context.Context) (providers.Stream[M], error),
) (providers.Stream[M], error) {
	if w.last() {
		return open(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := open(ctx)
	if err != nil {
		cancel()
		return nil, err
	}
	h := &held[M]{stream: stream, cancel: cancel}
	retry := w.call.Plan.GetRetry()
	limits := holding{tokens: int(retry.GetHoldTokens()), first: w.firstToken()}
	if wait := retry.GetHold().AsDuration(); wait > 0 {
		limits.end = time.Now().Add(wait)
	}
	err = h.fill(limits, shows)
	if err == nil {
		return h, nil
	}
	_ = h.Close() // it says nothing new
	switch {
	case errors.Is(err, errLate):
		err = w.fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT, "The provider did not begin to answer in time.")
	case errors.Is(err, io.EOF):
		err = w.fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "The provider's stream ended without content.")
	}
	return nil, err
}

// firstToken is when the current upstream call must have brought content. Zero: it may
// take as long as it likes.
func (w *walk[P]) firstToken() time.Time {
	retry, attempts := w.call.Plan.GetRetry(), w.call.Outcome.Exchange.Attempts
	limit := retry.GetFirstTokenTimeout()
	if limit == nil {
		limit = retry.GetFirstByteTimeout()
	}
	if limit == nil || len(attempts) == w.from {
		return time.Time{}
	}
	return attempts[len(attempts)-1].Start.Add(limit.AsDuration())
}

// holding says how long a stream is held back.
type holding struct {
	// tokens is how many pieces that carry content. 0: no limit by number.
	tokens int
	// end is when it ends, if there is content. Zero: no limit by time.
	end time.Time
	// first is when there must be content. Zero: no limit.
	first time.Time
}

// over says that enough is held.
func (l holding) over(content, size int) bool {
	switch {
	case size >= maxHeld:
		return true
	case content == 0:
		return false
	case l.tokens == 0 && l.end.IsZero(), l.tokens > 0 && content >= l.tokens:
		return true
	default:
		return !l.end.IsZero() && !time.Now().Before(l.end)
	}
}

// errLate says that a stream brought no content in time.
var errLate = errors.New("no content in time")

// held is a stream whose first pieces were received before anyone asked for them.
type held[M proto.Message] struct {
	stream providers.Stream[M]
	cancel context.CancelFunc
	kept   []M
	err    error           // what follows the pieces that are kept
	coming chan arrival[M] // of a Recv that is under way; nil: none is
}

// arrival is what Recv returns.
type arrival[M proto.Message] struct {
	piece M
	err   error
}

// fill receives pieces until enough is held. The error is io.EOF when the stream ends
// without content, errLate, or the stream's own.
func (h *held[M]) fill(limits holding, shows func(M) bool) error {
	content, size := 0, 0
	for !limits.over(content, size) {
		until := limits.first
		if content > 0 {
			until = limits.end
		}
		next, came := h.await(until)
		switch {
		case !came && content == 0:
			return errLate
		case !came:
			return nil
		case errors.Is(next.err, io.EOF) && content > 0:
			h.err = next.err
			return nil
		case next.err != nil:
			return next.err
		}
		h.kept = append(h.kept, next.piece)
		size += proto.Size(next.piece)
		if shows(next.piece) {
			content++
		}
	}
	return nil
}

// await lets the next piece come until then, zero: for ever. False: it has not come,
// and may still.
func (h *held[M]) await(until time.Time) (arrival[M], bool) {
	if until.IsZero() || h.stream.Ready() {
		piece, err := h.stream.Recv()
		return arrival[M]{piece, err}, true
	}
	h.coming = make(chan arrival[M], 1)
	go receive(h.stream, h.coming)
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case next := <-h.coming:
		h.coming = nil
		return next, true
	case <-timer.C:
		return arrival[M]{}, false
	}
}

// receive is Recv for who does not wait for ever. A panic costs the call, not the
// process.
func receive[M proto.Message](stream providers.Stream[M], coming chan<- arrival[M]) {
	var next arrival[M]
	defer func() {
		if panicked := recover(); panicked != nil {
			next.err = fmt.Errorf("panic: %v\n%s", panicked, debug.Stack())
		}
		coming <- next
	}()
	next.piece, next.err = stream.Recv()
}

// Recv implements providers.Stream.
func (h *held[M]) Recv() (M, error) {
	var none M
	switch {
	case len(h.kept) > 0:
		piece := h.kept[0]
		h.kept[0], h.kept = none, h.kept[1:]
		return piece, nil
	case h.err != nil:
		return none, h.err
	case h.coming != nil:
		next := <-h.coming
		h.coming = nil
		return next.piece, next.err
	default:
		return h.stream.Recv()
	}
}

// Ready implements providers.Stream.
func (h *held[M]) Ready() bool {
	switch {
	case len(h.kept) > 0, h.err != nil:
		return true
	case h.coming != nil:
		return len(h.coming) > 0
	default:
		return h.stream.Ready()
	}
}

// Close implements providers.Stream.
func (h *held[M]) Close() error {
	defer h.cancel()
	if h.coming != nil {
		h.cancel() // a stream is not closed while it is received from
		<-h.coming
		h.coming = nil
	}
	return h.stream.Close()
}
