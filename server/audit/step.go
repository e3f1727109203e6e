package audit

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// How much of the spool a record may fill, in percent. Bodies go first; then all but
// the ends of calls that were let go to a provider: those still find room.
const (
	roomForBodies = 80
	roomForMost   = 95
	roomForEnds   = 100
)

// Step is the outer step, before anything that can refuse a call: its Done writes
// the end record of every call that was opened. The record is with the kernel
// when Done returns.
func (l *Log) Step() call.Step {
	step := call.Step{Name: "audit", Done: l.done}
	if l.params.Config.GetBodies() {
		step.Request, step.Reply = l.keep.request, l.keep.reply
	}
	return step
}

// Admit is the last step before the handler: it writes the begin record of a call
// that can reach a provider. The record is with the kernel when the handler runs.
func (l *Log) Admit() call.Step {
	return call.Step{Name: "admit", Request: l.admit}
}

func (l *Log) admit(ctx context.Context, c *call.Call, _ proto.Message) error {
	if c.Plan.GetMode() != planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED {
		return nil
	}
	d := l.drafts.get()
	defer l.drafts.put(d)
	c.Outcome.Admitted = time.Now()
	err := d.begin(c)
	if err == nil {
		err = l.write(d, roomForMost)
	}
	if err == nil {
		l.params.Metrics.Count(Begun, 1)
		return nil
	}
	if l.params.Config.GetOnFull() != configv1.OnFull_ON_FULL_BLOCK {
		l.params.Metrics.Count(ShedBegun, 1)
		l.noRoom(ctx, err)
		return nil
	}
	c.Outcome.Admitted = time.Time{}
	l.params.Metrics.Count(Refused, 1)
	l.noRoom(ctx, err)
	return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE,
		"The gateway cannot record calls now, and is configured not to make calls without a record.", err)
}

func (l *Log) done(ctx context.Context, c *call.Call, failed *failure.Error) {
	bodies := l.keep.finish(c)
	if bodies != nil && !l.roomForBodies() {
		bodies = nil
		l.params.Metrics.Count(ShedBodies, 1)
	}
	d := l.drafts.get()
	defer l.drafts.put(d)
	now := time.Now()
	err := l.writeEnd(d, c, failed, now, bodies)
	if err != nil && bodies != nil {
		if err = l.writeEnd(d, c, failed, now, nil); err == nil {
			l.params.Metrics.Count(ShedBodies, 1)
		}
	}
	if err != nil {
		l.params.Metrics.Count(ShedEnded, 1)
		l.noRoom(ctx, err)
		return
	}
	l.params.Metrics.Count(Ended, 1)
}

func (l *Log) writeEnd(d *draft, c *call.Call, failed *failure.Error, now time.Time, bodies *auditv1.AuditBodies) error {
	if err := d.end(c, failed, now, bodies); err != nil {
		return err
	}
	if c.Outcome.Admitted.IsZero() {
		return l.write(d, roomForMost)
	}
	return l.write(d, roomForEnds)
}

// write hands a frame to the kernel, and to the disk where the configuration asks
// for that.
func (l *Log) write(d *draft, room int64) error {
	segment, offset, err := l.spool.append(d.frame, room)
	if err != nil {
		return err
	}
	if l.full.Load() && l.full.CompareAndSwap(true, false) {
		l.params.Log.Info("the audit spool takes records again", "lost", l.lost.Swap(0))
	}
	if l.params.Config.GetFsync() != configv1.Fsync_FSYNC_ALWAYS {
		return nil
	}
	if err := l.spool.commit(segment, offset); err != nil {
		l.params.Metrics.Count(SyncFailed, 1)
		// The record is written and will most likely be read; only a power cut now
		// could take it.
		l.params.Log.Error("the audit spool cannot be forced to the disk", "error", err)
	}
	return nil
}

// noRoom logs that records are lost, once until one is written again.
func (l *Log) noRoom(ctx context.Context, err error) {
	l.lost.Add(1)
	if l.full.CompareAndSwap(false, true) {
		l.params.Log.ErrorContext(ctx, "the audit spool takes no more records", "error", err,
			"bytes", l.spool.bytes.Load(), "limit", l.spool.limit)
	}
}

func (l *Log) roomForBodies() bool {
	return l.spool.bytes.Load() < l.spool.limit/100*roomForBodies
}
