package failure

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

// spelled is gRPC's spelling of the codes that reasons promise.
func spelled(code codes.Code) string {
	return map[codes.Code]string{
		codes.InvalidArgument: "INVALID_ARGUMENT", codes.FailedPrecondition: "FAILED_PRECONDITION",
		codes.ResourceExhausted: "RESOURCE_EXHAUSTED", codes.Unimplemented: "UNIMPLEMENTED",
		codes.Unauthenticated: "UNAUTHENTICATED", codes.PermissionDenied: "PERMISSION_DENIED",
		codes.NotFound: "NOT_FOUND", codes.Unavailable: "UNAVAILABLE", codes.Canceled: "CANCELLED",
		codes.DeadlineExceeded: "DEADLINE_EXCEEDED", codes.Internal: "INTERNAL",
	}[code]
}

// TestReasonsKeepTheProtosPromise compares the table with what the comments of
// ErrorReason tell callers.
func TestReasonsKeepTheProtosPromise(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../proto/signalbox/common/v1/errors.proto")
	if err != nil {
		t.Fatal(err)
	}
	entries := regexp.MustCompile(`(?m)((?:^  //.*\n)+)^  (ERROR_REASON_\w+) = \d+;`).FindAllStringSubmatch(string(text), -1)
	promise := regexp.MustCompile(`(\d{3}), ([A-Z_]+)\.`)
	seen := 0
	for _, entry := range entries {
		name, comment := entry[2], strings.Join(strings.Fields(strings.ReplaceAll(entry[1], "//", "")), " ")
		reason := commonv1.ErrorReason(commonv1.ErrorReason_value[name])
		switch reason {
		case commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED:
			seen++
			continue
		}
		facts, ok := reasons[reason]
		want := promise.FindStringSubmatch(comment)
		if !ok || want == nil {
			t.Errorf("%s: facts %v, promise %v", name, ok, want)
			continue
		}
		if got := strconv.Itoa(facts.status); got != want[1] || spelled(facts.code) != want[2] {
			t.Errorf("%s is %s, %s; its comment says %s, %s", name, got, spelled(facts.code), want[1], want[2])
		}
		seen++
	}
	if seen != len(commonv1.ErrorReason_name) {
		t.Errorf("%d reasons were compared, the enum has %d", seen, len(commonv1.ErrorReason_name))
	}
}

func TestUpstreamRejectedKeepsTheProvidersStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]codes.Code{
		400: codes.InvalidArgument, 402: codes.PermissionDenied, 404: codes.NotFound, 409: codes.Aborted, 413: codes.ResourceExhausted, 422: codes.InvalidArgument,
	} {
		e := &Error{Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, Status: status}
		if e.HTTPStatus() != status || e.GRPCCode() != want {
			t.Errorf("%d gives %d, %v; want %v", status, e.HTTPStatus(), e.GRPCCode(), want)
		}
	}
}
