package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// coder gives every error its reason, in one table. What it does not know is the
// gateway's own fault: logged here, hidden from the caller.
func coder(log *slog.Logger) func(*call.Call, error) *failure.Error {
	return func(c *call.Call, err error) *failure.Error {
		var (
			syntax  *wire.Error
			invalid *protovalidate.ValidationError
		)
		switch typed := failure.As(err); {
		case typed != nil:
			return typed
		case errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
			return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left.", err)
		case errors.Is(err, context.DeadlineExceeded), status.Code(err) == codes.DeadlineExceeded:
			return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED, "The deadline has passed.", err)
		case errors.As(err, &syntax):
			return ofSyntax(syntax)
		case errors.As(err, &invalid):
			return ofViolations(invalid)
		case errors.Is(err, storage.ErrNotFound):
			return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND, "There is no such object.", err)
		default:
			log.Error("unexpected error", "request_id", c.RequestID, "call_id", c.ID, "rpc", c.RPC, "error", err)
			return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The gateway failed.", err)
		}
	}
}

// ofSyntax is a body that cannot be read.
func ofSyntax(err *wire.Error) *failure.Error {
	failed := &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_JSON, Param: err.Path, Cause: err}
	switch err.Kind {
	case wire.UnknownMember, wire.WrongKind, wire.Conflict, wire.NotFinite:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD
		failed.Message = fmt.Sprintf("The request is invalid: %s.", err)
	case wire.TooLarge:
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE
		failed.Message = fmt.Sprintf("The request is too large: %s.", err)
	default:
		failed.Message = fmt.Sprintf("The request body is not valid JSON: %s.", err)
	}
	return failed
}

// ofViolations is a request that breaks rules of the proto; the first one is named.
func ofViolations(err *protovalidate.ValidationError) *failure.Error {
	failed := &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: "The request is invalid.", Cause: err}
	if len(err.Violations) > 0 {
		violation := err.Violations[0].Proto
		failed.Param = param(protovalidate.FieldPathString(violation.GetField()), violation.GetMessage())
		failed.Message = fmt.Sprintf("The request is invalid: %s: %s.", failed.Param, violation.GetMessage())
	}
	return failed
}
