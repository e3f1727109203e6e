package upstream

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"
	"unsafe"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// Call is one call of the provider, in as many attempts as it takes.
type Call struct {
	// Method is the HTTP method.
	Method string
	// Endpoint is where it goes.
	Endpoint Endpoint
	// Header has headers beside those that the client sets by itself: Accept,
	// Accept-Encoding, Content-Type, User-Agent and the credential. Its names are
	// canonical. It is not changed.
	Header http.Header
	// Body is the JSON to send, in pieces. It is not changed, and not read once Do
	// or Stream, and the stream's end, returned. Empty: none.
	Body [][]byte
	// Model is the model that is asked. The breaker watches each by itself.
	Model string
	// Retry bounds attempts and waits. What is unset is as configured.
	Retry *planv1.RetryPolicy
	// Exchange takes what happened. Required.
	Exchange *providers.Exchange
	// Inside finds an error in a reply, or in an event, that has one where OpenAI has
	// none: it returns it as OpenAI's envelope, or nil. Nil: no such place is known.
	Inside func(text []byte) []byte
	// End is the data of the event that properly ends a stream: "[DONE]". Empty:
	// the dialect has none, and the adapter says when a stream is done.
	End string
}

// Do makes the call and hands the whole reply to read, which may keep it. An error of
// read's is the provider's: the reply makes no sense. The error is a *failure.Error,
// or the context's as it is.
func (c *Client) Do(ctx context.Context, call *Call, read func(reply string) error) error {
	ctx, cancel := bounded(ctx, call)
	defer cancel()
	return c.run(ctx, call, func(a *attempt) error {
		text, err := a.unary(ctx)
		if err != nil {
			return err
		}
		// The bytes are written by nobody from here on.
		reply := unsafe.String(unsafe.SliceData(text), len(text)) //nolint:gosec // see above
		if err := read(reply); err != nil {
			f := a.invalid("The provider's answer is not what was asked for.", text)
			f.Cause = a.c.hide(err)
			return f
		}
		a.end(nil)
		return nil
	})
}

// errTotal is why a context ended whose call took longer than its policy allows.
var errTotal = errors.New("upstream: total timeout")

func bounded(ctx context.Context, call *Call) (context.Context, context.CancelFunc) {
	if total := call.Retry.GetTotalTimeout(); total != nil {
		return context.WithTimeoutCause(ctx, total.AsDuration(), errTotal)
	}
	return ctx, func() {}
}

// run makes attempts until one succeeds or no further one is due.
func (c *Client) run(ctx context.Context, call *Call, try func(*attempt) error) error {
	c.budget.call(time.Now())
	var last *fault
	var forbidden []*Credential // to these keys, maybe not to others
	for n := 1; ; n++ {
		a, err := c.begin(ctx, call, forbidden)
		switch {
		case err == nil:
			if err = try(a); err == nil {
				c.keys.served(a.key, call.Model, forbidden)
				return nil
			}
			a.end(err)
		case last != nil && failure.As(err) != nil: // a rest, and its reason known before
			return last.typed
		}
		if !errors.As(err, &last) {
			return err
		}
		if last.forbidden {
			forbidden = append(forbidden, a.key)
		}
		wait, again := c.again(ctx, call, n, last, forbidden)
		if !again {
			return last.typed
		}
		if err := pause(ctx, wait); err != nil {
			return c.ended(ctx)
		}
	}
}

func pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// attempt is one upstream call.
type attempt struct {
	c        *Client
	call     *Call
	key      *Credential
	place    int // in Exchange.Attempts
	permit   permit
	patience patience
	reply    *reply
	media    string
	over     bool
}

// admit chooses a key, other than those to skip, whose breaker lets the attempt be
// made. The error is a *fault when all keys rest, and a *failure.Error when the model
// does.
func (c *Client) admit(model string, skip []*Credential) (*Credential, permit, error) {
	var soonest time.Duration
	for {
		key := c.keys.choose(model, skip)
		if key == nil {
			break
		}
		permit, rest := c.breakers.admit(breakerKey{model, key.Label})
		if rest <= 0 {
			return key, permit, nil
		}
		if soonest == 0 || rest < soonest {
			soonest = rest
		}
		skip = append(slices.Clip(skip), key)
	}
	if soonest == 0 {
		return nil, permit{}, c.restFault(model, skip)
	}
	e := failure.New(commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER,
		"The provider rests after failures of this model.")
	e.Provider, e.RetryAfter = c.name, soonest
	return nil, permit{}, e
}

// begin asks whether an attempt may be made, and by which key, and writes it down.
func (c *Client) begin(ctx context.Context, call *Call, skip []*Credential) (*attempt, error) {
	if ctx.Err() != nil {
		return nil, c.ended(ctx)
	}
	key, permit, err := c.admit(call.Model, skip)
	if err != nil {
		return nil, err
	}
	x := call.Exchange
	x.Connected, x.UpstreamRequestID, x.Header = time.Time{}, "", nil
	x.Attempts = append(x.Attempts, providers.Attempt{
		Provider:   c.name,
		Model:      call.Model,
		Start:      time.Now(),
		Credential: key.Label,
	})
	return &attempt{c: c, call: call, key: key, place: len(x.Attempts) - 1, permit: permit}, nil
}

func (a *attempt) record() *providers.Attempt { return &a.call.Exchange.Attempts[a.place] }

// send makes the request and takes the head of the reply. A status other than 2xx
// is a fault.
func (a *attempt) send(ctx context.Context, accept []string, limit time.Duration) error {
	if first := a.call.Retry.GetFirstByteTimeout(); first != nil {
		limit = first.AsDuration()
	}
	a.patience.start(limit)
	res, err := a.c.transport.roundTrip(ctx, &request{
		method:   a.call.Method,
		endpoint: a.call.Endpoint,
		header:   a.c.header(a.call, accept, a.key),
		body:     a.call.Body,
		patience: &a.patience,
		connected: func() {
			a.patience.progress()
			a.call.Exchange.Connected = time.Now()
		},
	})
	if err != nil {
		return a.c.sendFault(ctx, err)
	}
	a.reply = res
	media, encoding, id := takeOwn(res.header)
	a.media = media
	a.c.scrubHeader(res.header)
	id = a.c.scrub(id)
	x := a.call.Exchange
	x.Header, x.UpstreamRequestID = res.header, id
	record := a.record()
	record.HTTPStatus, record.UpstreamRequestID = res.status, id
	if res.status < 200 || res.status > 299 {
		return a.statusFault(ctx)
	}
	if encoding != "" && encoding != "identity" {
		return a.invalid("The provider's answer is compressed, which was not asked for.", nil)
	}
	return nil
}

// unary makes the attempt of a call whose reply is read as a whole.
func (a *attempt) unary(ctx context.Context) ([]byte, error) {
	if err := a.send(ctx, acceptJSON, a.c.limits.header); err != nil {
		return nil, err
	}
	if a.media == "text/html" {
		return nil, a.invalid("The provider answered with an HTML page.", a.peek())
	}
	text, err := a.readAll(ctx, a.c.limits.maxEvent)
	if err != nil {
		return nil, err
	}
	if len(text) == 0 {
		f := a.invalid("The provider's answer is empty.", nil)
		f.again = true
		return nil, f
	}
	if f := a.errorInside(text); f != nil {
		return nil, f
	}
	return text, nil
}

// end ends the attempt, once: nil for success.
func (a *attempt) end(err error) {
	if a.over {
		return
	}
	if a.reply != nil {
		_ = a.reply.body.Close()
	}
	a.note(err)
}

// note writes down how the attempt ended.
func (a *attempt) note(err error) {
	a.over = true
	record := a.record()
	record.Duration = time.Since(record.Start)
	record.Reason = reasonOf(err)
	var f *fault
	if errors.As(err, &f) && ofKey(f.Reason) {
		a.c.keys.failed(a.key, a.call.Model, f)
	}
	a.permit.report(err == nil, record.Reason)
}

// reasonOf is the reason of any error that ends an attempt.
func reasonOf(err error) commonv1.ErrorReason {
	if err == nil {
		return commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	if e := failure.As(err); e != nil {
		return e.Reason
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED
	}
	return commonv1.ErrorReason_ERROR_REASON_CANCELLED
}
