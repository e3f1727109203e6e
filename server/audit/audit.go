// Package audit writes down every call: a begin record before the call goes to a
// provider, an end record when it is over. Records go into a spool of files, and
// from there, in the background, into the store. A call never waits for the store.
// docs/audit.md says why it is built so.
package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// Params is what a Log is made from. Metrics may be nil, Encode too where the
// configuration keeps no bodies; all else is required.
type Params struct {
	// Dir is the spool folder. It is made if it is not there. Several processes may
	// share it.
	Dir string
	// Store is where the records go. The Log does not close it.
	Store Store
	// Config says what is kept. All its members are set.
	Config *configv1.Audit
	// Log takes what operators read.
	Log *slog.Logger
	// Metrics takes counts. Nil: none.
	Metrics Metrics
	// Encode appends the parameters of a request as a client would send them, or the
	// body of a reply as it is answered, as JSON.
	Encode func([]byte, proto.Message) ([]byte, error)
}

// Store is what audit needs of storage.AuditLog.
type Store interface {
	Append(context.Context, []*storage.Record) error
	Interrupt(context.Context, storage.Open) (int, error)
	DeleteBefore(ctx context.Context, before time.Time, limit int) (int, error)
}

// Log writes down calls. Step and Admit are its two places in the chain.
type Log struct {
	params Params
	spool  *spool
	own    *folder
	drafts drafts
	keep   keeper
	// full says that the last record found no room, for one log line a change.
	full atomic.Bool
	// lost counts the records that found no room since then.
	lost atomic.Int64

	// adoptEvery is how often the folders of other processes are looked at.
	adoptEvery time.Duration

	// Of the shipper alone.
	abandoned []*folder
	position  int64
	begun     map[string]struct{}
	down      bool
	buffer    []byte

	closing  sync.Once
	closeErr error
}

// New opens the spool. What an earlier process left there is taken over.
func New(params Params) (*Log, error) {
	return newLog(params, openSegment)
}

func newLog(params Params, open func(string) (file, error)) (*Log, error) {
	if params.Metrics == nil {
		params.Metrics = noMetrics{}
	}
	own, err := newFolder(params.Dir)
	if err != nil {
		return nil, err
	}
	l := &Log{
		params: params,
		spool:  newSpool(own.path, params.Config.GetMaxSpoolBytes(), open),
		own:    own,
		keep:   newKeeper(params),
		begun:  map[string]struct{}{},

		adoptEvery: adoptInterval,
	}
	if err := l.adopt(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Run ships records to the store until ctx ends, and then what is left, as far as
// the store takes it within a few seconds; the rest waits for the next start.
func (l *Log) Run(ctx context.Context) error {
	var background sync.WaitGroup
	background.Go(func() { l.forceEach(ctx) })
	background.Go(func() { l.retain(ctx) })
	l.shipUntil(ctx)
	background.Wait()
	return nil
}

// Close ends the spool: records that come later are lost and counted. Call it after
// Run, if that was called, has returned.
func (l *Log) Close() error {
	l.closing.Do(func() { l.closeErr = l.close() })
	return l.closeErr
}

func (l *Log) close() error {
	errs := []error{l.spool.close()}
	for _, folder := range l.abandoned {
		errs = append(errs, folder.release())
	}
	if l.spool.empty() && len(l.begun) == 0 {
		// Nothing is left to tell.
		errs = append(errs, l.own.remove())
	} else {
		errs = append(errs, l.own.release())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the spool: %w", err)
	}
	return nil
}

// forceInterval is how often the spool is forced to the disk: what a power cut can
// take.
const forceInterval = 100 * time.Millisecond

// forceEach forces the spool to the disk at the interval, and tells how full it is.
func (l *Log) forceEach(ctx context.Context) {
	tick := time.NewTicker(forceInterval)
	defer tick.Stop()
	var mark int64
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if err := l.spool.sync(); err != nil {
			l.params.Metrics.Count(SyncFailed, 1)
			l.params.Log.ErrorContext(ctx, "the audit spool cannot be forced to the disk", "error", err)
		}
		bytes := l.spool.bytes.Load()
		l.params.Metrics.Spool(bytes, l.spool.limit)
		if now := markOf(bytes, l.spool.limit); now != mark {
			mark = now
			l.params.Log.WarnContext(ctx, "the audit spool has passed a mark", "percent", mark, "bytes", bytes, "limit", l.spool.limit)
		}
	}
}

// markOf is the highest mark that the spool has reached, in percent. An operator is
// told when it changes.
func markOf(bytes, limit int64) int64 {
	for _, mark := range []int64{roomForMost, roomForBodies, 50} {
		if bytes >= limit/100*mark {
			return mark
		}
	}
	return 0
}
