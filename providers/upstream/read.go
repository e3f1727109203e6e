package upstream

import (
	"context"
	"errors"
	"io"
	"time"
)

const (
	// maxErrorBody is how much of an error's body is read.
	maxErrorBody = 64 << 10
	// errorPatience is how long its parts may keep us waiting.
	errorPatience = 5 * time.Second
	firstRead     = 4 << 10
	// trustLength is the largest length that is believed before the bytes came.
	trustLength = 1 << 20
)

// errLong says that a body is longer than allowed.
var errLong = errors.New("upstream: body beyond the limit")

// readAll reads the rest of the reply, at most limit bytes. A reply must go on all
// the time: a pause is bounded as one between the events of a stream is.
func (a *attempt) readAll(ctx context.Context, limit int) ([]byte, error) {
	a.patience.begin(a.idle())
	text, err := a.slurp(limit)
	switch {
	case err == nil:
		return text, nil
	case errors.Is(err, errLong):
		return nil, a.invalid("The provider's answer is larger than allowed.", nil)
	default:
		return nil, a.bodyFault(ctx, err)
	}
}

// slurp reads to the end. With an error it returns what came before.
func (a *attempt) slurp(limit int) ([]byte, error) {
	b := a.reply.body
	size := firstRead
	if length := b.Length(); length >= 0 {
		if length > int64(limit) {
			return nil, errLong
		}
		size = min(int(length)+1, trustLength) // one more, to see the end without growing
	}
	if err := b.Await(); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	text := make([]byte, 0, size)
	for {
		n, err := b.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		a.patience.progress()
		if len(text) > limit {
			return text[:limit], errLong
		}
		if errors.Is(err, io.EOF) {
			return text, nil
		}
		if err != nil {
			return text, err
		}
		if len(text) == cap(text) {
			grown := make([]byte, len(text), min(2*cap(text), limit+1))
			copy(grown, text)
			text = grown
		}
	}
}

// peek reads the beginning of a body that will not be used, for people.
func (a *attempt) peek() []byte {
	a.patience.begin(errorPatience)
	text, _ := a.slurp(maxErrorBody) // what came is what there is
	return text
}

// idle is how long a reply may pause.
func (a *attempt) idle() time.Duration {
	if idle := a.call.Retry.GetIdleTimeout(); idle != nil {
		return idle.AsDuration()
	}
	return a.c.limits.idle
}
