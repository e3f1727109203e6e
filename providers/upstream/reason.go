package upstream

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// statusOverloaded and the others are statuses that providers made up.
const (
	statusCapacity   = 498 // Groq
	statusOverloaded = 529 // Anthropic
)

// The words that providers have, as code or type, for the same thing.
var (
	quotaWords = []string{"insufficient_quota", "billing_hard_limit_reached", "billing_error", "billing_not_active",
		"enforced_spend_limit_reached", "insufficient_balance", "quota_exceeded"}
	contextWords = []string{"context_length_exceeded", "exceed_context_size_error", "string_above_max_context"}
	filterWords  = []string{"content_filter", "content_policy_violation", "ResponsibleAIPolicyViolation", "moderation_blocked"}
	modelWords   = []string{"model_not_found", "DeploymentNotFound", "model_not_available", "invalid_model"}
	busyWords    = []string{"overloaded_error", "overloaded", "server_is_overloaded", "slow_down", "UNAVAILABLE",
		"service_unavailable_error", "engine_overloaded"}
	keyWords  = []string{"invalid_api_key", "authentication_error", "API_KEY_INVALID", "UNAUTHENTICATED"}
	rateWords = []string{"rate_limit_exceeded", "rate_limit_error", "RESOURCE_EXHAUSTED", "requests", "tokens"}
	askWords  = []string{"invalid_request_error", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "BadRequestError"}
	goneWords = []string{"not_found_error", "NotFoundError", "NOT_FOUND"}
)

// Sentences of providers that have no word for a prompt that is too long.
var contextSentences = []string{"maximum context length", "prompt is too long", "context window"}

// reason decides what the provider's error means for the caller. model is the one
// that was asked.
func (b *errorBody) reason(model string) commonv1.ErrorReason {
	asked := b.status >= 400 && b.status < 500 && b.status != http.StatusTooManyRequests
	switch {
	case b.says(quotaWords), b.status == http.StatusPaymentRequired:
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
	case asked && (b.says(contextWords) || b.tells(contextSentences)):
		return commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
	case asked && b.says(filterWords):
		return commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED
	case asked && b.says(modelWords), b.status == http.StatusNotFound && b.missesModel(model):
		return commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
	case b.status == http.StatusUnauthorized, b.status == http.StatusForbidden, asked && b.says(keyWords):
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
	case b.status == http.StatusTooManyRequests:
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
	case b.status == http.StatusServiceUnavailable, b.status == statusOverloaded, b.status == statusCapacity,
		b.status >= 500 && b.says(busyWords):
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED
	case b.status >= 500:
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
	default:
		return commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED
	}
}

// says looks for one of the words in code, type and what stands behind them.
func (b *errorBody) says(words []string) bool {
	return slices.Contains(words, b.code) || slices.Contains(words, b.kind) || slices.Contains(words, b.inner)
}

func (b *errorBody) tells(sentences []string) bool {
	return slices.ContainsFunc(sentences, func(s string) bool { return strings.Contains(b.message, s) })
}

// missesModel says whether a 404 is about the model, rather than about the path.
func (b *errorBody) missesModel(model string) bool {
	return model != "" && (b.says(goneWords) || strings.Contains(b.message, model))
}

// guessStatus is the status that an error without one would have had: inside a
// stream, or in a reply of 200.
func (b *errorBody) guessStatus() int {
	if n, err := strconv.Atoi(b.code); err == nil && n >= 400 && n <= 599 {
		return n
	}
	switch {
	case b.says(quotaWords), b.says(rateWords):
		return http.StatusTooManyRequests
	case b.says(busyWords):
		return http.StatusServiceUnavailable
	case b.says(keyWords):
		return http.StatusUnauthorized
	case b.says(modelWords), b.says(goneWords):
		return http.StatusNotFound
	case b.says(askWords), b.says(contextWords), b.says(filterWords):
		return http.StatusBadRequest
	default:
		return http.StatusInternalServerError
	}
}

// cause is what logs show of an error.
func (b *errorBody) cause() error {
	return errors.New("provider: status " + strconv.Itoa(b.status) + ", type " + strconv.Quote(clip(b.kind, 64)) +
		", code " + strconv.Quote(clip(b.code, 64)))
}

// silent is the message for a provider that gives none.
func silent(status int) string {
	return "The provider answered with status " + strconv.Itoa(status) + "."
}

// retriedStatus says whether a status is one that passes.
func retriedStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusConflict, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable,
		http.StatusGatewayTimeout, statusCapacity, statusOverloaded:
		return true
	}
	return false
}
