package service

import (
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// elsewhere says whether another target may do better where one failed. What the caller
// asked for is not mended by asking somebody else, and a filter is not walked around.
func elsewhere(reason commonv1.ErrorReason) bool {
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED,
		commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER,
		commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND:
		return true
	default:
		return false
	}
}

// weight orders the failures of several targets by what they tell the caller; of equal
// ones the first is told. A verdict on the request itself is final; after it comes what
// passes by itself, best in a provider's own words, last that a model rests; then
// refusals of one provider, which mean nothing to who could have been served by another.
func weight(failed *failure.Error) int {
	switch {
	case failed == nil:
		return -1
	case failed.Reason == commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED,
		failed.Reason == commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED:
		return 4
	case !failed.Retryable():
		return 0
	case failed.Reason == commonv1.ErrorReason_ERROR_REASON_NO_HEALTHY_PROVIDER:
		return 1
	case failed.UpstreamStatus < 400:
		return 2
	default:
		return 3
	}
}
