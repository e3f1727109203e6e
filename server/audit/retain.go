package audit

import (
	"context"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

const (
	// retainInterval is how often old records are looked for.
	retainInterval = time.Hour
	// retainBatch is how many are deleted at once, and retainPause how long the
	// store then has for others.
	retainBatch = 500
	retainPause = 20 * time.Millisecond
	// longestCall is after how long a begin record without an end is given up,
	// whoever wrote it: its process may have died together with its disk. An end that
	// comes all the same replaces it.
	longestCall = 24 * time.Hour
)

// retain deletes records that were kept long enough, at once and then each hour.
func (l *Log) retain(ctx context.Context) {
	tick := time.NewTicker(retainInterval)
	defer tick.Stop()
	for {
		l.retainOnce(ctx, time.Now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// retainOnce does it once. What fails is tried again an hour later.
func (l *Log) retainOnce(ctx context.Context, now time.Time) {
	n, err := l.params.Store.Interrupt(ctx, storage.Open{Before: now.Add(-longestCall)})
	l.params.Metrics.Count(Interrupted, n)
	if err == nil {
		err = l.deleteBefore(ctx, now)
	}
	if err != nil && ctx.Err() == nil {
		l.params.Log.WarnContext(ctx, "old audit records cannot be deleted now", "error", err)
	}
}

func (l *Log) deleteBefore(ctx context.Context, now time.Time) error {
	kept := l.params.Config.GetRetention().AsDuration()
	if kept <= 0 {
		return nil
	}
	for {
		n, err := l.params.Store.DeleteBefore(ctx, now.Add(-kept), retainBatch)
		l.params.Metrics.Count(Deleted, n)
		if err != nil || n < retainBatch {
			return err
		}
		if !wait(ctx, retainPause) {
			return ctx.Err()
		}
	}
}

// wait waits, and says whether ctx is still alive.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
