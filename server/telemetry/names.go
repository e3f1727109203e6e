package telemetry

import (
	"net/http"
	"strconv"
	"strings"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// The entrances, by their numbers here.
const (
	entranceNone = iota
	entranceGRPC
	entranceREST
	entrances
)

var entranceNames = [entrances]string{none, "grpc", "rest"}

// entranceOf is the number of the entrance that a call came in by.
func entranceOf(c *call.Call) int {
	switch c.Entrance {
	case auditv1.Entrance_ENTRANCE_GRPC:
		return entranceGRPC
	case auditv1.Entrance_ENTRANCE_REST:
		return entranceREST
	default:
		return entranceNone
	}
}

// reasonOf is why a call failed. Unspecified: it did not.
func reasonOf(failed *failure.Error) commonv1.ErrorReason {
	if failed == nil {
		return commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return failed.Reason
}

// reasonName is a reason as labels, spans and logs have it: "upstream_timeout".
func reasonName(reason commonv1.ErrorReason) string {
	if reason == commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
		return none
	}
	return strings.ToLower(strings.TrimPrefix(reason.String(), "ERROR_REASON_"))
}

// statusOf is the HTTP status of how a call ended. REST answered with it unless a
// stream had begun, whose 200 was sent long before.
func statusOf(failed *failure.Error) int {
	if failed == nil {
		return http.StatusOK
	}
	return failed.HTTPStatus()
}

// statusClass is "2xx" for 2.
func statusClass(hundreds int) string { return strconv.Itoa(hundreds) + "xx" }

// statusCode is a provider's status as a label: the code where it is one that HTTP
// knows, else its class; a provider may answer any number.
func statusCode(code int) string {
	const overloaded = 529 // known to providers, if not to HTTP
	switch {
	case code < 100 || code > 599:
		return none
	case http.StatusText(code) != "" || code == overloaded:
		return strconv.Itoa(code)
	default:
		return statusClass(code / 100)
	}
}

// endName is how a call ended: "completed", "truncated".
func endName(c *call.Call) string {
	return strings.ToLower(strings.TrimPrefix(c.Outcome.End.String(), "CALL_END_"))
}

// named is a label's value for a text that may be empty.
func named(text string) string {
	if text == "" {
		return none
	}
	return label(text)
}

// eachClass yields the classes of tokens that were reported.
func eachClass(u *usagev1.TokenUsage, yield func(class string, n int32)) {
	if u == nil {
		return
	}
	for _, class := range [...]struct {
		name string
		n    *int32
	}{
		{"input", u.Input},
		{"cache_read", u.CacheRead},
		{"input_audio", u.InputAudio},
		{"input_image", u.InputImage},
		{"output", u.Output},
		{"reasoning", u.Reasoning},
		{"output_audio", u.OutputAudio},
		{"output_image", u.OutputImage},
		{"rejected_prediction", u.RejectedPrediction},
	} {
		if class.n != nil && *class.n >= 0 {
			yield(class.name, *class.n)
		}
	}
	if written := cacheWrites(u); written > 0 {
		yield("cache_write", written)
	}
}

func cacheWrites(u *usagev1.TokenUsage) (n int32) {
	for _, write := range u.GetCacheWrites() {
		n += write.GetTokens()
	}
	return n
}
