package providertest

import (
	"slices"
	"strings"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// The reasons, without their prefix.
const (
	ok             = commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	rejected       = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED
	refusedKey     = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
	noFunds        = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
	rateLimited    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
	overloaded     = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED
	failed         = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
	unreachable    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE
	timedOut       = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TIMEOUT
	invalidReply   = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY
	truncated      = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED
	stalled        = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED
	modelNotFound  = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
	contextTooLong = commonv1.ErrorReason_ERROR_REASON_CONTEXT_LENGTH_EXCEEDED
	filtered       = commonv1.ErrorReason_ERROR_REASON_CONTENT_FILTERED
)

// method says by which of the two methods a case is called.
type method int

const (
	eitherWay method = iota
	unaryOnly
	streamOnly
)

// fault is a misbehaviour and what comes of it.
type fault struct {
	script string
	by     method
	// reasons has the one that is meant; several where the contract leaves it open.
	reasons []commonv1.ErrorReason
	// calls is how many upstream calls are made. 0: not said.
	calls int
	// chunks is how many chunks arrive before the failure.
	chunks int
	// check looks closer.
	check func(*failure.Error) bool
}

// faults are the misbehaviours that give one failure.
func faults() []fault {
	return slices.Concat(refusals(), passing(), hints(), silences(), earlyEnds(), errorEvents(), nonsense())
}

// because is the reason that is meant.
func because(reasons ...commonv1.ErrorReason) []commonv1.ErrorReason { return reasons }

// refusals: the provider says no. What another try cannot mend is not tried again.
func refusals() []fault {
	return []fault{
		{script: "status=400,message=No.,param=n,code=bad_n,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool {
			return e.Message == "No." && e.Param == "n" && e.Code == "bad_n" && e.Type == invalidRequest && e.HTTPStatus() == 400
		}},
		{script: "status=413,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 413 }},
		{script: "status=422,times=-1", reasons: because(rejected), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 422 }},
		{script: "status=401,times=-1", reasons: because(refusedKey), calls: 1, check: func(e *failure.Error) bool { return e.HTTPStatus() == 502 }},
		{script: "status=404,times=-1", reasons: because(modelNotFound), calls: 1},
		{script: "status=400,code=context_length_exceeded,times=-1", reasons: because(contextTooLong), calls: 1},
		{script: "status=400,code=content_filter,times=-1", reasons: because(filtered), calls: 1},
		{script: "status=429,type=insufficient_quota,code=insufficient_quota,times=-1", reasons: because(noFunds), calls: 1},
	}
}

// passing: what passes is tried again, as often as allowed.
func passing() []fault {
	return []fault{
		{script: "status=408,times=-1", reasons: because(rejected, timedOut), calls: attempts},
		{script: "status=409,times=-1", reasons: because(rejected), calls: attempts},
		{script: "status=500,times=-1", reasons: because(failed), calls: attempts, check: func(e *failure.Error) bool { return e.UpstreamStatus == 500 && e.HTTPStatus() == 502 }},
		{script: "html,times=-1", reasons: because(failed), calls: attempts, check: func(e *failure.Error) bool { return !strings.Contains(e.Message, "<") }},
		{script: "status=503,times=-1", reasons: because(overloaded), calls: attempts},
		{script: "status=504,times=-1", reasons: because(failed), calls: attempts},
		{script: "status=529,times=-1", reasons: because(overloaded), calls: attempts},
		{script: "status=429,retry-after-ms=5,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(5 * time.Millisecond)},
		{script: "status=429,retry-after=0.004,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(4 * time.Millisecond)},
		{script: "status=429,retry-after=-3,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "status=429,retry-after=soon,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "status=429,retry-after=Mon%2C 02 Jan 2006 15:04:05 GMT,times=-1", reasons: because(rateLimited), calls: attempts, check: waits(0)},
		{script: "reset,times=-1", reasons: because(unreachable), calls: attempts},
		{script: "drop,times=-1", reasons: because(unreachable), calls: attempts},
	}
}

// hints: the provider's own word about retries counts most.
func hints() []fault {
	return []fault{
		{script: "status=429,retry-after=30,times=-1", reasons: because(rateLimited), calls: 1, check: waits(30 * time.Second)},
		{script: "status=429,retry-after=99999999999999,times=-1", reasons: because(rateLimited), calls: 1, check: func(e *failure.Error) bool { return e.RetryAfter > time.Minute }},
		{script: "status=500,should-retry=false,times=-1", reasons: because(failed), calls: 1},
		{script: "status=400,should-retry=true,times=-1", reasons: because(rejected), calls: attempts},
	}
}

// silences: silence.
func silences() []fault {
	return []fault{
		{script: "hang,times=-1", reasons: because(timedOut)},
		{script: "hang-after=0,times=-1", by: streamOnly, reasons: because(timedOut)},
		{script: "hang-after=0,times=-1", by: unaryOnly, reasons: because(stalled, timedOut)},
		{script: "hang-bytes=50,times=-1", by: unaryOnly, reasons: because(stalled)},
		{script: "hang-after=2", by: streamOnly, reasons: because(stalled), calls: 1, chunks: 2},
		{script: "hang-in=3", by: streamOnly, reasons: because(stalled), calls: 1, chunks: 2},
	}
}

// earlyEnds: ends that come too early. After a chunk nothing is tried again.
func earlyEnds() []fault {
	return []fault{
		{script: "reset-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "reset-in=3", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "drop-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "truncate-after=2", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "truncate-in=3", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 2},
		{script: "no-finish", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 6},
		{script: "no-finish-but-done", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 6},
		{script: "truncate-after=0,times=-1", by: streamOnly, reasons: because(invalidReply, truncated)},
		{script: "drop-after=0,times=-1", by: streamOnly, reasons: because(truncated, unreachable)},
		{script: "drop-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated)},
		{script: "reset-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated)},
		{script: "truncate-bytes=100,times=-1", by: unaryOnly, reasons: because(truncated, invalidReply)},
	}
}

// errorEvents: errors inside a stream: before the first chunk they are tried again.
func errorEvents() []fault {
	return []fault{
		{script: "error-at=1,code=server_is_overloaded,times=-1", by: streamOnly, reasons: because(overloaded), calls: attempts},
		{script: "error-at=1,type=invalid_request_error,code=context_length_exceeded,times=-1", by: streamOnly, reasons: because(contextTooLong), calls: 1},
		{script: "error-at=3", by: streamOnly, reasons: because(failed), calls: 1, chunks: 2},
		{script: "error-at=3,code=server_is_overloaded", by: streamOnly, reasons: because(overloaded), calls: 1, chunks: 2},
		{script: "error-at=3,type=insufficient_quota,code=insufficient_quota", by: streamOnly, reasons: because(noFunds), calls: 1, chunks: 2},
	}
}

// nonsense: answers that make no sense.
func nonsense() []fault {
	return []fault{
		{script: "malformed=1,times=-1", reasons: because(invalidReply)},
		{script: "malformed=3", by: streamOnly, reasons: because(invalidReply), calls: 1, chunks: 2},
		{script: "line=5000000,times=-1", by: unaryOnly, reasons: because(invalidReply)},
		{script: "line=5000000", by: streamOnly, reasons: because(invalidReply), calls: 1, chunks: 1},
		{script: "error-body,times=-1", reasons: because(failed, invalidReply)},
		{script: "no-content,times=-1", reasons: because(invalidReply)},
		{script: "empty,times=-1", reasons: because(invalidReply)},
		{script: "status=200,html,times=-1", reasons: because(invalidReply)},
		{script: "body=[1],times=-1", reasons: because(invalidReply)},
		{script: "body=hello,content-type=text/plain,times=-1", reasons: because(invalidReply)},
		{script: "gzip-bomb=1073741824,times=-1", reasons: because(invalidReply)},
		{script: "header-flood=300000,times=-1", reasons: because(invalidReply, unreachable)},
		{script: "conflicting-length,times=-1", reasons: because(invalidReply, unreachable)},
		{script: "garbage,times=-1", reasons: because(invalidReply, unreachable)},
	}
}

// waits says that a failure asks for this wait.
func waits(d time.Duration) func(*failure.Error) bool {
	return func(e *failure.Error) bool { return e.RetryAfter == d }
}
