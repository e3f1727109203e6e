package failure

import (
	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// facts is what a reason always means at both entrances. The comments of
// ErrorReason promise status and code; a test compares them.
type facts struct {
	status    int
	code      codes.Code
	kind      string // OpenAI's `type`
	openai    string // OpenAI's `code`; empty: null
	retryable bool
}

const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"
)

// reasons is the whole contract on one screen.
var reasons = map[commonv1.ErrorReason]facts{
	commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST:         {400, codes.InvalidArgument, invalidRequest, "", false},
	commonv1.ErrorReason_ERROR_REASON_INVALID_JSON:            {400, codes.InvalidArgument, invalidRequest, "invalid_json", false},
	commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD:           {400, codes.InvalidArgument, invalidRequest, "invalid_value", false},
	commonv1.ErrorReason_ERROR_REASON_INVALID_CURSOR:          {400, codes.InvalidArgument, invalidRequest, "invalid_cursor", false},
	commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT:       {400, codes.InvalidArgument, invalidRequest, "selector_conflict", false},
	commonv1.ErrorReason_ERROR_REASON_LOSSY_TRANSLATION:       {400, codes.InvalidArgument, invalidRequest, "lossy_translation", false},
	commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED: {400, codes.InvalidArgument, invalidRequest, "context_length_exceeded", false},
	commonv1.ErrorReason_ERROR_REASON_PATH_REFUSED:            {400, codes.InvalidArgument, invalidRequest, "path_refused", false},
	commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION:   {400, codes.FailedPrecondition, invalidRequest, "unsupported_operation", false},
	commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE:       {413, codes.ResourceExhausted, invalidRequest, "request_too_large", false},
	commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_MEDIA_TYPE:  {415, codes.InvalidArgument, invalidRequest, "unsupported_media_type", false},
	commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND:         {404, codes.Unimplemented, invalidRequest, "route_not_found", false},
	commonv1.ErrorReason_ERROR_REASON_METHOD_NOT_ALLOWED:      {405, codes.Unimplemented, invalidRequest, "method_not_allowed", false},
	commonv1.ErrorReason_ERROR_REASON_UPGRADE_NOT_SUPPORTED:   {501, codes.Unimplemented, invalidRequest, "upgrade_not_supported", false},

	commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING: {401, codes.Unauthenticated, invalidRequest, "invalid_api_key", false},
	commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID: {401, codes.Unauthenticated, invalidRequest, "invalid_api_key", false},
	commonv1.ErrorReason_ERROR_REASON_KEY_EXPIRED:         {401, codes.Unauthenticated, invalidRequest, "key_expired", false},
	commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING:       {403, codes.PermissionDenied, "permission_error", "scope_missing", false},
	commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_ALLOWED:   {403, codes.PermissionDenied, "permission_error", "model_not_allowed", false},

	commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND:    {404, codes.NotFound, invalidRequest, "model_not_found", false},
	commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND: {404, codes.NotFound, invalidRequest, "provider_not_found", false},
	commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND:   {404, codes.NotFound, invalidRequest, "not_found", false},
	commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT:     {409, codes.FailedPrecondition, invalidRequest, "state_conflict", false},

	commonv1.ErrorReason_ERROR_REASON_OVERLOADED:    {503, codes.Unavailable, serverError, "overloaded", true},
	commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN: {503, codes.Unavailable, serverError, "shutting_down", true},
	commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY: {503, codes.Unavailable, serverError, "catalog_empty", true},

	commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED: {400, codes.FailedPrecondition, invalidRequest, "content_filter", false},

	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED:            {400, codes.InvalidArgument, invalidRequest, "", false},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED: {502, codes.FailedPrecondition, serverError, "upstream_credentials_refused", false},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED:     {429, codes.ResourceExhausted, "insufficient_quota", "insufficient_quota", false},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED:        {429, codes.ResourceExhausted, "requests", "rate_limit_exceeded", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED:          {503, codes.Unavailable, serverError, "upstream_overloaded", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED:              {502, codes.Unavailable, serverError, "upstream_failed", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE:         {502, codes.Unavailable, serverError, "upstream_unreachable", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT:             {504, codes.Unavailable, serverError, "upstream_timeout", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY:       {502, codes.Unavailable, serverError, "upstream_invalid_reply", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED:           {502, codes.Unavailable, serverError, "upstream_truncated", true},
	commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED:             {504, codes.Unavailable, serverError, "upstream_stalled", true},
	commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER:          {503, codes.Unavailable, serverError, "no_healthy_provider", true},

	commonv1.ErrorReason_ERROR_REASON_CANCELLED:         {499, codes.Canceled, invalidRequest, "cancelled", false},
	commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED: {504, codes.DeadlineExceeded, serverError, "deadline_exceeded", false},
	commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE: {503, codes.Unavailable, serverError, "store_unavailable", true},
	commonv1.ErrorReason_ERROR_REASON_INTERNAL:          {500, codes.Internal, serverError, "internal_error", false},
}

// factsOf returns what a reason means; of one without facts, what INTERNAL means.
func factsOf(reason commonv1.ErrorReason) facts {
	if f, ok := reasons[reason]; ok {
		return f
	}
	return reasons[commonv1.ErrorReason_ERROR_REASON_INTERNAL]
}

// codeOfStatus is the gRPC code of a provider's own 4xx.
func codeOfStatus(status int) codes.Code {
	switch status {
	case 401:
		return codes.Unauthenticated
	case 402, 403:
		return codes.PermissionDenied
	case 404:
		return codes.NotFound
	case 405:
		return codes.Unimplemented
	case 408:
		return codes.DeadlineExceeded
	case 409:
		return codes.Aborted
	case 413, 429:
		return codes.ResourceExhausted
	default:
		return codes.InvalidArgument
	}
}
