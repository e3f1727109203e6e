package scenarios

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// planText is the plan of a record as a scenario shows it: without the digests and the
// request id, which must be there. Empty: there is no plan.
func planText(id string, record *auditv1.GetAuditEntryResponse) (string, error) {
	plan := proto.CloneOf(record.GetPlan())
	if plan == nil {
		return "", nil
	}
	if plan.GetRequestId() != id || plan.GetDigest() == "" || plan.GetDigest() != record.GetEntry().GetPlanDigest() || plan.GetConfigDigest() == "" {
		return "", fmt.Errorf("ids or digests are missing or wrong: %v", plan)
	}
	plan.RequestId, plan.Digest, plan.ConfigDigest = "", "", ""
	return text(plan)
}

// auditText is the entry of a record as a scenario shows it: without what differs from
// call to call and between the doors, which must be there and right, and without the
// provider's own usage where that is what it sent.
func auditText(got *outcome, by door, record *auditv1.GetAuditEntryResponse) (string, error) {
	e := proto.CloneOf(record.GetEntry())
	if err := errors.Join(checkIdentity(got.id, e), checkEntrance(by, got.ask, e)); err != nil {
		return "", err
	}
	e.Id, e.RequestId, e.StartTime, e.Duration, e.Timings, e.Client, e.PlanDigest = "", "", nil, nil, nil, nil, ""
	e.Entrance, e.Method, e.Path = auditv1.Entrance_ENTRANCE_UNSPECIFIED, "", ""
	for i, attempt := range e.GetAttempts() {
		if attempt.GetStart() == nil || attempt.GetDuration() == nil {
			return "", fmt.Errorf("attempt %d has no times", i+1)
		}
		attempt.Start, attempt.Duration = nil, nil
		if proto.Equal(attempt.GetUsage(), e.GetUsage()) {
			attempt.Usage = nil
		}
	}
	if got.names.knows(e.GetUsageJson()) {
		e.UsageJson = ""
	}
	return text(e)
}

// unset is a member of a record that says nothing.
var unset = regexp.MustCompile(`"[a-z_]+":(?:""|0|false|"unspecified"),?`)

// checkIdentity looks at what an entry says of itself.
func checkIdentity(id string, e *auditv1.AuditEntry) error {
	if e.GetId() == "" || e.GetRequestId() != id || e.GetStartTime() == nil || e.GetDuration() == nil ||
		e.GetClient().GetAddress() == "" || e.GetClient().GetUserAgent() == "" {
		return fmt.Errorf("ids, times or client are missing or wrong: %v", e)
	}
	if planned := e.GetTimings().GetPlanned() != nil; planned != (e.GetPlanDigest() != "") {
		return fmt.Errorf("plan and its time do not go together: %v", e)
	}
	return nil
}

// checkEntrance looks at where an entry says that the call came in.
func checkEntrance(by door, ask message, e *auditv1.AuditEntry) error {
	method, target, _ := strings.Cut(ask.start, " ")
	path, _, _ := strings.Cut(target, "?")
	entrance := auditv1.Entrance_ENTRANCE_REST
	if by.name != doorREST {
		entrance, method, path = auditv1.Entrance_ENTRANCE_GRPC, "POST", "/"+e.GetRpc()
	}
	if e.GetEntrance() != entrance || e.GetMethod() != method || e.GetPath() != path {
		return fmt.Errorf("came in by %v %s %s, want %v %s %s", e.GetEntrance(), e.GetMethod(), e.GetPath(), entrance, method, path)
	}
	return nil
}

// text is a message as JSON, laid out, without members that say nothing.
func text[M *planv1.ExecutionPlan | *auditv1.AuditEntry](m M) (string, error) {
	b, err := codec.Append(nil, any(m).(proto.Message), wire.Reply)
	if err != nil {
		return "", fmt.Errorf("encode a record: %w", err)
	}
	return layout(strings.ReplaceAll(unset.ReplaceAllString(string(b), ""), ",}", "}")), nil
}
