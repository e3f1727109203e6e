package rest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// The headers by which a client says what gRPC has in its deadline and in CallOptions.
const (
	timeoutHeader = "X-Request-Timeout"
	strictHeader  = "X-Signalbox-Strict"
)

// maxTimeout is the longest time that a client can set; what is longer is as long.
const maxTimeout = 24 * time.Hour

// wishes are what a request's headers ask of the gateway beside the call itself.
type wishes struct {
	// timeout is how long the call may take from its arrival on. 0: as long as it takes.
	timeout time.Duration
	// strict is CallOptions.strict. Nil: not said.
	strict *bool
}

// readWishes reads the headers. A header that says nothing is as good as absent.
func readWishes(header http.Header) (w wishes, err error) {
	if text := header.Get(timeoutHeader); text != "" {
		if w.timeout, err = parseTimeout(text); err != nil {
			return wishes{}, err
		}
	}
	switch text := header.Get(strictHeader); text {
	case "":
	case "true", "false":
		w.strict = new(text == "true")
	default:
		return wishes{}, wrongHeader(strictHeader, "must be true or false")
	}
	return w, nil
}

// parseTimeout reads seconds, "30" and "2.5", or a duration with its unit, "500ms".
func parseTimeout(text string) (time.Duration, error) {
	const what = `must be a time above zero, in seconds ("30", "2.5") or with a unit ("500ms")`
	if len(text) > 32 || text[0] == '+' || strings.HasPrefix(text, "-") {
		return 0, wrongHeader(timeoutHeader, what)
	}
	var timeout time.Duration
	if strings.Trim(text, "0123456789.") == "" {
		seconds, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, wrongHeader(timeoutHeader, what)
		}
		timeout = time.Duration(min(seconds, maxTimeout.Seconds()) * float64(time.Second))
	} else {
		var err error
		if timeout, err = time.ParseDuration(text); err != nil {
			return 0, wrongHeader(timeoutHeader, what)
		}
	}
	if timeout <= 0 {
		return 0, wrongHeader(timeoutHeader, what)
	}
	return min(timeout, maxTimeout), nil
}

func wrongHeader(name, what string) error {
	return &failure.Error{
		Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
		Message: "The header " + strings.ToLower(name) + " " + what + ".",
		Param:   strings.ToLower(name),
	}
}

// bound ends a call that arrived then when its time is over.
func (w wishes) bound(ctx context.Context, arrived time.Time) (context.Context, context.CancelFunc) {
	if w.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, arrived.Add(w.timeout))
}

// apply sets the options of a request that has some, where the request does not itself.
func (w wishes) apply(request proto.Message) {
	if w.strict == nil {
		return
	}
	m := request.ProtoReflect()
	field := m.Descriptor().Fields().ByName("options")
	if field == nil || field.Message() == nil {
		return
	}
	if options, ok := m.Mutable(field).Message().Interface().(*commonv1.CallOptions); ok && options.Strict == nil {
		options.Strict = w.strict
	}
}
