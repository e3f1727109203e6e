package upstream

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream/http1"
	"github.com/signalbox-ai/signalbox/providers/upstream/sse"
)

const (
	// maxBody is how much of a provider's answer an error shows.
	maxBody = 1 << 10
	// maxMessage bounds messages, as ApiError promises.
	maxMessage = 512
)

// typed is failure.Error by a name that does not hide its method.
type typed = failure.Error

// fault is the failure of one attempt.
type fault struct {
	*typed
	// again says that a further attempt may do better, as far as the kind of the
	// failure tells.
	again bool
	// forbidden says that the provider forbids what was asked: to this key, or to
	// all.
	forbidden bool
}

// Unwrap gives the failure itself, so that it is found in the chain.
func (f *fault) Unwrap() error { return f.typed }

func (c *Client) fault(reason commonv1.ErrorReason, message string, cause error) *fault {
	e := failure.Wrap(reason, message, c.hide(cause))
	e.Provider = c.name
	return &fault{typed: e}
}

// notAccepted is the message for keys that the provider refuses.
const notAccepted = "The provider does not accept the gateway's credentials."

// restFault says that no key may be used for a model now, and when one may.
func (c *Client) restFault(model string, skip []*Credential) *fault {
	wait, reason, _ := c.keys.soonest(model, skip)
	f := c.fault(reason, notAccepted, nil)
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED:
		f.Message, f.again = "The provider limits the rate of all keys that the gateway has for it.", true
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED:
		f.Message = "The quota of the gateway's keys for the provider is exhausted."
	}
	f.RetryAfter = wait
	return f
}

// ended is the error of a context that is over: its own, unless it was the policy
// that set its end.
func (c *Client) ended(ctx context.Context) error {
	if errors.Is(context.Cause(ctx), errTotal) {
		return c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT,
			"The provider took longer than the call may take in all.", nil).typed
	}
	return ctx.Err()
}

// sendFault explains why no reply began.
func (c *Client) sendFault(ctx context.Context, err error) error {
	var dial *dialError
	switch {
	case ctx.Err() != nil:
		return c.ended(ctx)
	case errors.Is(err, http1.ErrExpired):
		return c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT,
			"The provider did not begin to answer in time.", err)
	case errors.As(err, &dial) && dial.handshake:
		f := c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE,
			"No secure connection to the provider can be made.", err)
		f.NoRetry = true
		return f
	case errors.As(err, &dial):
		f := c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE,
			"The provider cannot be reached.", err)
		f.again = true
		return f
	case hungUp(err):
		f := c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE,
			"The provider hung up before it answered.", err)
		f.again = true
		return f
	default:
		return c.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
			"The provider's answer is not HTTP.", err)
	}
}

// bodyFault explains why a reply broke off.
func (a *attempt) bodyFault(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return a.c.ended(ctx)
	case errors.Is(err, http1.ErrExpired):
		return a.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED,
			"The provider's answer stopped for too long.", err)
	case errors.Is(err, sse.ErrTooLarge):
		return a.invalid("The provider's answer has an event that is larger than allowed.", nil)
	case hungUp(err):
		f := a.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
			"The provider's answer broke off before its end.", err)
		f.again = true
		return f
	default:
		return a.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
			"The provider's answer is not HTTP.", err)
	}
}

// fault is one of an attempt whose reply began.
func (a *attempt) fault(reason commonv1.ErrorReason, message string, cause error) *fault {
	f := a.c.fault(reason, message, cause)
	f.UpstreamStatus = a.reply.status
	f.UpstreamRequestID = a.record().UpstreamRequestID
	return f
}

// invalid is the fault of a reply that makes no sense. text is its beginning.
func (a *attempt) invalid(message string, text []byte) *fault {
	f := a.fault(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, message, nil)
	f.UpstreamBody = a.shown(text)
	return f
}

// shown is the beginning of a provider's answer, fit for the caller's eyes.
func (a *attempt) shown(text []byte) string {
	// A secret that the cut would halve must not stay behind.
	const margin = 4 << 10
	head := text[:min(len(text), maxBody+margin)]
	return strings.ToValidUTF8(clip(string(a.c.scrubBytes(head)), maxBody), "\uFFFD")
}

// statusFault explains a status other than 2xx, with the help of the body.
func (a *attempt) statusFault(ctx context.Context) error {
	status := a.reply.status
	if status < 400 {
		message := "The provider's answer has a status that makes no sense here."
		if status >= 300 {
			message = "The provider answered with a redirect, which is never followed."
		}
		return a.invalid(message, nil)
	}
	text := a.peek()
	if ctx.Err() != nil {
		return a.c.ended(ctx)
	}
	told := parseErrorBody(text)
	told.status = status
	f := a.told(told, text)
	f.again = f.again || retriedStatus(status)
	return f
}

// errorInside finds the error in a reply or event that should have none. Almost
// all are cleared by the first look.
func (a *attempt) errorInside(text []byte) *fault {
	told, is := parseInside(text)
	if !is && a.call.Inside != nil {
		told, is = parseInside(a.call.Inside(text))
	}
	if !is {
		return nil
	}
	f := a.told(told, text)
	f.again = retriedStatus(told.status)
	return f
}

// told makes a fault of what a provider says of its error.
func (a *attempt) told(told errorBody, text []byte) *fault {
	reason := told.reason(a.call.Model)
	f := a.fault(reason, "", told.cause())
	f.RetryAfter, _ = retryAfterOf(a.reply.header, told.wait)
	if reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED {
		// The answer may show part of the key, and its code means our key: to the
		// caller it would mean his.
		f.Message = notAccepted
		f.forbidden = told.status == http.StatusForbidden
		return f
	}
	f.Message = clip(a.c.scrub(told.message), maxMessage)
	if f.Message == "" {
		f.Message = silent(told.status)
	}
	f.Type, f.Code, f.Param = a.c.scrub(told.kind), a.c.scrub(told.code), a.c.scrub(told.param)
	f.ExtraJSON = a.c.scrub(told.extra)
	f.UpstreamBody = a.shown(text)
	if reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED {
		f.Status = told.status
	}
	return f
}

// hungUp says whether an error is the end of a connection, rather than nonsense on
// one that lives.
func hungUp(err error) bool {
	var (
		op     *net.OpError
		number syscall.Errno
		stream streamError
	)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return true
	case errors.As(err, &op), errors.As(err, &number):
		return true
	case errors.As(err, &stream):
		return stream.Code != protocolError
	}
	// net/http's own words for a connection that is gone have no types.
	text := err.Error()
	return strings.HasPrefix(text, "http2: ") || strings.HasPrefix(text, "http: server closed idle connection")
}

// streamError has the shape of HTTP/2's stream error, which converts itself into
// it: net/http does not export its own.
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

// protocolError is HTTP/2's code for a peer that breaks its rules.
const protocolError = 1

// Error implements error.
func (e streamError) Error() string { return "stream error" }
