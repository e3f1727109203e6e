package audit

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// Bounds of what comes from outside. A name longer than that is no name, and must
// not fill the spool.
const (
	maxName    = 1 << 10
	maxMessage = 4 << 10
	maxPlan    = 256 << 10
	// A usage object that is longer is left out: cut JSON is no JSON.
	maxUsageJSON = 16 << 10
)

// draft is the room in which a record is made. It is used again and again, so that
// a record costs next to no memory.
type draft struct {
	plans     *planCache
	frame     []byte
	payload   auditv1.GetAuditEntryResponse
	entry     auditv1.AuditEntry
	start     timestamppb.Timestamp
	duration  durationpb.Duration
	client    auditv1.ClientInfo
	timings   auditv1.Timings
	planned   durationpb.Duration
	admitted  durationpb.Duration
	connected durationpb.Duration
	first     durationpb.Duration
}

// drafts are the drafts at rest.
type drafts struct {
	pool  sync.Pool
	plans planCache
}

// maxRestingFrame is how large a buffer may be that is kept for the next record.
const maxRestingFrame = 64 << 10

func (d *drafts) get() *draft {
	if rested, ok := d.pool.Get().(*draft); ok {
		return rested
	}
	return &draft{plans: &d.plans}
}

func (d *drafts) put(used *draft) {
	if cap(used.frame) > maxRestingFrame {
		used.frame = nil
	}
	// No message of the call may live on in a draft at rest.
	used.payload.Reset()
	used.entry.Reset()
	d.pool.Put(used)
}

// begin makes the begin record of a call: what is known before it goes to its
// provider.
func (d *draft) begin(c *call.Call) error {
	d.facts(c)
	return d.encode(kindBegin, c.Plan, nil)
}

// end makes the end record of a call.
func (d *draft) end(c *call.Call, failed *failure.Error, now time.Time, bodies *auditv1.AuditBodies) error {
	d.facts(c)
	e := &d.entry
	setDuration(&d.duration, now.Sub(c.Start))
	e.Duration = &d.duration
	e.End = c.Outcome.End
	e.StatusCode = statusOf(c, failed)
	if failed != nil {
		e.Reason = failed.Reason
		e.ErrorMessage = cut(failed.Message, maxMessage)
		e.ErrorType = cut(failed.OpenAIType(), maxName)
	}
	for i, attempt := range c.Outcome.Exchange.Attempts {
		attempt.UpstreamRequestID = cut(attempt.UpstreamRequestID, maxName)
		e.Attempts = append(e.Attempts, attemptOf(&attempt, c.Start))
		if i < len(c.Outcome.Paid) {
			e.Attempts[i].Usage = c.Outcome.Paid[i]
		}
	}
	e.Usage = c.Outcome.Usage
	if usage := c.Outcome.Exchange.UsageJSON; len(usage) <= maxUsageJSON {
		e.UsageJson = usage
	}
	return d.encode(kindEnd, c.Plan, bodies)
}

// attemptOf is an upstream call as records have it. began is the call's start.
func attemptOf(a *providers.Attempt, began time.Time) *auditv1.Attempt {
	return &auditv1.Attempt{
		Provider:          a.Provider,
		Model:             a.Model,
		Start:             durationpb.New(a.Start.Sub(began)),
		Duration:          durationpb.New(a.Duration),
		HttpStatus:        int32(a.HTTPStatus), //nolint:gosec // a status has three digits
		Reason:            a.Reason,
		UpstreamRequestId: a.UpstreamRequestID,
		Credential:        a.Credential,
	}
}

// statusOk is the status of a reply that did not fail.
const statusOk = 200

// statusOf is what REST answered, or would have: a stream that had begun was
// answered with 200, whatever became of it.
func statusOf(c *call.Call, failed *failure.Error) int32 {
	if failed == nil || c.Outcome.Messages > 0 && c.Has(policyv1.Feature_FEATURE_STREAMING) {
		return statusOk
	}
	return int32(failed.HTTPStatus()) //nolint:gosec // 400 to 599
}

// facts fills in what does not depend on the outcome.
func (d *draft) facts(c *call.Call) {
	d.entry.Reset()
	e := &d.entry
	e.Id, e.RequestId = c.ID, cut(c.RequestID, maxName)
	d.start.Seconds, d.start.Nanos = c.Start.Unix(), int32(c.Start.Nanosecond()) //nolint:gosec // below a second
	e.StartTime = &d.start
	e.Entrance = c.Entrance
	e.Method, e.Path = cut(c.HTTPMethod, maxName), cut(c.Path, maxName)
	e.Rpc = c.RPC
	e.Operation = c.Policy.GetOperation()
	e.Stream = c.Has(policyv1.Feature_FEATURE_STREAMING)
	d.client.Address, d.client.UserAgent = cut(c.Client.Address, maxName), cut(c.Client.UserAgent, maxName)
	e.Client = &d.client
	if c.Principal != nil {
		e.KeyId, e.Owner = c.Principal.Name, c.Principal.Owner
	}
	if c.Plan != nil {
		d.plan(c.Plan, c.Target())
	}
	d.times(c)
}

// plan fills in what the plan says, and which of its targets answered.
func (d *draft) plan(plan *planv1.ExecutionPlan, target *planv1.Target) {
	e := &d.entry
	e.PlanDigest = plan.GetDigest()
	e.Mode = plan.GetMode()
	if operation := plan.GetOperation(); operation != policyv1.Operation_OPERATION_UNSPECIFIED {
		e.Operation = operation
	}
	e.RequestedModel = cut(plan.GetRequested().GetModel(), maxName)
	e.RequestedProvider = cut(plan.GetRequested().GetProvider(), maxName)
	e.Provider, e.ProviderType = target.GetProvider(), target.GetProviderType()
	e.ResolvedModel = cut(target.GetModel(), maxName)
	e.Alias = cut(target.GetAlias(), maxName)
}

// times fills in how the time was spent.
func (d *draft) times(c *call.Call) {
	d.timings.Planned = since(&d.planned, c.Start, c.Outcome.Planned)
	d.timings.Admitted = since(&d.admitted, c.Start, c.Outcome.Admitted)
	d.timings.Connected = since(&d.connected, c.Start, c.Outcome.Exchange.Connected)
	d.timings.FirstToken = since(&d.first, c.Start, c.Outcome.FirstToken)
	if d.timings.Planned != nil || d.timings.Connected != nil || d.timings.FirstToken != nil || d.timings.Admitted != nil {
		d.entry.Timings = &d.timings
	}
}

// since is how long after start something was. Zero times are never.
func since(room *durationpb.Duration, start, at time.Time) *durationpb.Duration {
	if at.IsZero() {
		return nil
	}
	setDuration(room, max(at.Sub(start), 0))
	return room
}

func setDuration(room *durationpb.Duration, d time.Duration) {
	room.Seconds, room.Nanos = int64(d/time.Second), int32(d%time.Second)
}

// planField is the number of GetAuditEntryResponse.plan.
const planField = 2

// encode makes the frame of the entry, its plan and its bodies.
func (d *draft) encode(k kind, plan *planv1.ExecutionPlan, bodies *auditv1.AuditBodies) error {
	d.payload.Entry, d.payload.Bodies = &d.entry, bodies
	err := d.marshal(k, &d.payload, plan)
	if err == nil {
		return nil
	}
	// Protobuf takes no text that is not UTF-8, and headers and paths may be
	// anything. This is rare, so that it need not be looked for each time.
	repaired := proto.CloneOf(&d.payload)
	repaired.Plan = proto.CloneOf(plan)
	repair(repaired.ProtoReflect())
	plan, repaired.Plan = repaired.GetPlan(), nil
	return d.marshal(k, repaired, plan)
}

func (d *draft) marshal(k kind, payload *auditv1.GetAuditEntryResponse, plan *planv1.ExecutionPlan) (err error) {
	d.frame = openFrame(d.frame[:0], k)
	if d.frame, err = (proto.MarshalOptions{}).MarshalAppend(d.frame, payload); err != nil {
		return fmt.Errorf("encode a record: %w", err)
	}
	if plan != nil {
		if d.frame, err = d.plans.append(d.frame, planField, plan); err != nil {
			return err
		}
	}
	closeFrame(d.frame)
	return nil
}

// repair makes every text of a message UTF-8.
func repair(m protoreflect.Message) {
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap():
			// No message of a record has one.
		case field.IsList():
			list := value.List()
			for i := range list.Len() {
				if field.Message() != nil {
					repair(list.Get(i).Message())
				} else if field.Kind() == protoreflect.StringKind {
					list.Set(i, protoreflect.ValueOfString(valid(list.Get(i).String())))
				}
			}
		case field.Message() != nil:
			repair(value.Message())
		case field.Kind() == protoreflect.StringKind:
			m.Set(field, protoreflect.ValueOfString(valid(value.String())))
		}
		return true
	})
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// cut shortens a text that is too long for what it is.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}
