// Package failure is the one typed error of the gateway, from the upstream
// client up to the edge. An error is made where it happens, with its reason; the
// edge spells it once for gRPC and once for REST.
package failure

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// Error says why a call failed. Only Reason and Message are always set.
type Error struct {
	// Reason is why, and decides the HTTP status and the gRPC code.
	Reason commonv1.ErrorReason
	// Message is what the caller reads: one sentence, free of secrets and of the
	// names of our own insides.
	Message string
	// Param is the request field at fault, "messages[2].content". Empty: none.
	Param string
	// Code is OpenAI's or the provider's code. Empty: the reason's own.
	Code string
	// Type is OpenAI's class. Empty: the reason's own.
	Type string
	// Status is the exact HTTP status where the reason allows a range. 0: the
	// reason's own.
	Status int
	// Provider is the instance that failed. Empty: none had a part in it.
	Provider string
	// RetryAfter is how long to wait before the next try. 0: not known.
	RetryAfter time.Duration
	// UpstreamRequestID is the provider's id of the call. Empty: none.
	UpstreamRequestID string
	// UpstreamStatus is the HTTP status that the provider answered. 0: none came.
	UpstreamStatus int
	// UpstreamBody is the start of what the provider answered, at most 1 KiB.
	UpstreamBody string
	// ExtraJSON has further members of the provider's error object.
	ExtraJSON string
	// NoRetry says that the same call will fail again, whatever the reason says.
	NoRetry bool
	// Cause is for logs; the caller never sees it. May be nil.
	Cause error
}

// New returns an error with a reason and a message for the caller.
func New(reason commonv1.ErrorReason, message string) *Error {
	return &Error{Reason: reason, Message: message}
}

// Wrap is New with a cause for the logs.
func Wrap(reason commonv1.ErrorReason, message string, cause error) *Error {
	return &Error{Reason: reason, Message: message, Cause: cause}
}

// As returns the first Error in err's chain, or nil.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// Error is for logs: the caller sees Message alone.
func (e *Error) Error() string {
	if e.Cause != nil {
		return strings.TrimSuffix(e.Message, ".") + ": " + e.Cause.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Cause }

// HTTPStatus is the status that REST answers with, 400 to 599.
func (e *Error) HTTPStatus() int {
	if e.Status >= 400 && e.Status <= 599 {
		return e.Status
	}
	return factsOf(e.Reason).status
}

// GRPCCode is the code that gRPC answers with.
func (e *Error) GRPCCode() codes.Code {
	if e.Reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED {
		return codeOfStatus(e.HTTPStatus())
	}
	return factsOf(e.Reason).code
}

// OpenAIType is OpenAI's class of the error, "invalid_request_error" and others.
func (e *Error) OpenAIType() string {
	if e.Type != "" {
		return e.Type
	}
	return factsOf(e.Reason).kind
}

// OpenAICode is OpenAI's code of the error. Empty: null on the wire.
func (e *Error) OpenAICode() string {
	if e.Code != "" {
		return e.Code
	}
	return factsOf(e.Reason).openai
}

// Retryable says whether the same call may succeed later without a change.
func (e *Error) Retryable() bool { return !e.NoRetry && factsOf(e.Reason).retryable }
