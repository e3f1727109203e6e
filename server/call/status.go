package call

import (
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// The details of a status stay below 4 KiB together, since several gRPC clients
// lose the whole status when trailers grow beyond 8 KiB.
const (
	maxMessage = 512
	maxBody    = 1 << 10
	maxExtra   = 512
	maxParam   = 128
	maxLost    = 512
)

// domain names the gateway in ErrorInfo.
const domain = "signalbox"

// APIError is a failure as callers see it: `error` of REST, a detail of gRPC's
// status.
func (c *Call) APIError(failed *failure.Error) *commonv1.ApiError {
	e := &commonv1.ApiError{
		Message:      Cut(failed.Message, maxMessage),
		Type:         failed.OpenAIType(),
		Reason:       failed.Reason,
		HttpStatus:   int32(failed.HTTPStatus()), //nolint:gosec // 400 to 599
		Retryable:    failed.Retryable(),
		Info:         c.Info(),
		UpstreamBody: Cut(failed.UpstreamBody, maxBody),
	}
	e.Info.Losses = few(e.Info.GetLosses())
	if failed.Param != "" {
		param := Cut(failed.Param, maxParam)
		e.Param = &param
	}
	if code := failed.OpenAICode(); code != "" {
		code = Cut(code, maxParam)
		e.Code = &code
	}
	if failed.RetryAfter > 0 {
		e.RetryAfter = durationpb.New(failed.RetryAfter)
	}
	if len(failed.ExtraJSON) <= maxExtra {
		e.ExtraJson = failed.ExtraJSON
	}
	return e
}

// Status is a failure as gRPC has it: the code, ApiError, ErrorInfo, and RetryInfo
// when waiting helps.
func (c *Call) Status(failed *failure.Error) *status.Status {
	api := c.APIError(failed)
	details := []protoadapt.MessageV1{protoadapt.MessageV1Of(api), protoadapt.MessageV1Of(&errdetails.ErrorInfo{
		Reason:   failed.Reason.String(),
		Domain:   domain,
		Metadata: c.errorMetadata(failed),
	})}
	if failed.RetryAfter > 0 {
		details = append(details, protoadapt.MessageV1Of(&errdetails.RetryInfo{RetryDelay: durationpb.New(failed.RetryAfter)}))
	}
	st := status.New(failed.GRPCCode(), api.GetMessage())
	detailed, err := st.WithDetails(details...)
	if err != nil {
		return status.New(codes.Internal, "The gateway failed.")
	}
	return detailed
}

func (c *Call) errorMetadata(failed *failure.Error) map[string]string {
	metadata := map[string]string{"request_id": c.RequestID}
	if failed.Provider != "" {
		metadata["provider"] = failed.Provider
	}
	if failed.Param != "" {
		metadata["param"] = Cut(failed.Param, maxParam)
	}
	return metadata
}
