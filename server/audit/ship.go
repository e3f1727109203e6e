package audit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/signalbox-ai/signalbox/server/storage"
)

const (
	// gather is how long the first record of a batch waits for others. The begin
	// and the end of a short call then are one row, written once.
	gather = 20 * time.Millisecond
	// batchRecords and batchBytes bound what the store gets at once.
	batchRecords = 512
	batchBytes   = 4 << 20
	// Waits between tries while the store is down.
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
	// lastFlush is how long Run goes on after its context ended.
	lastFlush = 5 * time.Second
	// adoptInterval is the interval of Log.adoptEvery outside of tests.
	adoptInterval = time.Minute
)

// shipUntil ships until ctx ends, and then once more for what is left.
func (l *Log) shipUntil(ctx context.Context) {
	adopt := time.NewTicker(l.adoptEvery)
	defer adopt.Stop()
	for ctx.Err() == nil {
		if err := l.shipAll(ctx); err != nil && ctx.Err() == nil {
			l.params.Log.ErrorContext(ctx, "the audit spool cannot be read", "error", err)
			wait(ctx, lastRetry)
		}
		select {
		case <-l.spool.wake:
			wait(ctx, gather)
		case <-adopt.C:
			if err := l.adopt(); err != nil {
				l.params.Log.ErrorContext(ctx, "abandoned audit records cannot be taken over", "error", err)
			}
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastFlush)
	defer cancel()
	l.spool.seal()
	if err := l.shipAll(last); err != nil {
		l.params.Log.WarnContext(ctx, "audit records wait in the spool for the next start",
			"bytes", l.spool.bytes.Load(), "error", err)
	}
}

// adopt takes over the folders of processes that died.
func (l *Log) adopt() error {
	folders, err := abandoned(l.params.Dir)
	for _, folder := range folders {
		_, size, sizeErr := folder.segments()
		err = errors.Join(err, sizeErr)
		l.spool.bytes.Add(size)
		l.abandoned = append(l.abandoned, folder)
	}
	return err
}

// shipAll ships everything that there is, older processes first.
func (l *Log) shipAll(ctx context.Context) error {
	defer l.release()
	for len(l.abandoned) > 0 {
		folder := l.abandoned[0]
		err := l.shipFolder(ctx, folder)
		if ctx.Err() != nil {
			return err
		}
		l.abandoned = l.abandoned[1:]
		if err != nil {
			// It must not hold up our own records; adopt will try it again.
			l.params.Log.ErrorContext(ctx, "abandoned audit records cannot be read", "folder", folder.path, "error", err)
			_, size, _ := folder.segments() // what cannot be listed is not counted
			l.spool.bytes.Add(-size)
			if err := folder.release(); err != nil {
				return fmt.Errorf("leave a folder: %w", err)
			}
		}
	}
	for {
		path, size, sealed, ok := l.spool.head()
		if !ok {
			return nil
		}
		if size > l.position {
			if err := l.shipFile(ctx, path, size, l.own.name); err != nil {
				return err
			}
			continue
		}
		if !sealed {
			return nil
		}
		if err := l.spool.drop(); err != nil {
			return fmt.Errorf("delete a segment: %w", err)
		}
		l.position = 0
	}
}

// shipFolder ships what a dead process left, and then knows which of its calls
// have no end.
func (l *Log) shipFolder(ctx context.Context, folder *folder) error {
	paths, _, err := folder.segments()
	if err != nil {
		return err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("look at a segment: %w", err)
		}
		l.position = 0
		if err := l.shipFile(ctx, path, info.Size(), folder.name); err != nil {
			return err
		}
		if err := os.Remove(path); err != nil {
			return fmt.Errorf("delete a segment: %w", err)
		}
		l.spool.bytes.Add(-info.Size())
	}
	l.position = 0
	n, err := l.interrupt(ctx, folder.name)
	if err != nil {
		return err
	}
	l.params.Log.InfoContext(ctx, "took over the audit records of an earlier process",
		"process", folder.name, "segments", len(paths), "interrupted", n)
	return folder.remove()
}

// interrupt marks the calls that died with their process.
func (l *Log) interrupt(ctx context.Context, writer string) (n int, err error) {
	err = l.persist(ctx, func() error {
		n, err = l.params.Store.Interrupt(ctx, storage.Open{Writer: writer})
		return err
	})
	l.params.Metrics.Count(Interrupted, n)
	return n, err
}

// ship gives a batch to the store, however long that takes.
func (l *Log) ship(ctx context.Context, batch []*storage.Record, writer string) error {
	if len(batch) == 0 {
		return nil
	}
	err := l.persist(ctx, func() error { return l.params.Store.Append(ctx, batch) })
	if errors.Is(err, storage.ErrRejected) {
		err = l.shipSingly(ctx, batch)
	}
	if err != nil {
		return err
	}
	l.params.Metrics.Count(Shipped, len(batch))
	if writer == l.own.name {
		l.remember(batch)
	}
	return nil
}

// shipSingly finds the records that the store refuses, and leaves them out.
func (l *Log) shipSingly(ctx context.Context, batch []*storage.Record) error {
	for i := range batch {
		err := l.persist(ctx, func() error { return l.params.Store.Append(ctx, batch[i:i+1]) })
		if errors.Is(err, storage.ErrRejected) {
			l.params.Metrics.Count(Rejected, 1)
			l.params.Log.ErrorContext(ctx, "the store refuses an audit record; it is lost",
				"id", batch[i].Entry.GetId(), "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remember keeps which calls of this process the store knows without their end.
func (l *Log) remember(batch []*storage.Record) {
	for _, record := range batch {
		if record.Begin {
			l.begun[record.Entry.GetId()] = struct{}{}
		}
	}
	for _, record := range batch {
		if !record.Begin {
			delete(l.begun, record.Entry.GetId())
		}
	}
}

// persist tries until the store has done something, has refused it for good, or
// ctx ends.
func (l *Log) persist(ctx context.Context, do func() error) error {
	for delay := firstRetry; ; delay = min(2*delay, lastRetry) {
		err := do()
		if err == nil || errors.Is(err, storage.ErrRejected) {
			if l.down {
				l.down = false
				l.params.Log.InfoContext(ctx, "the store takes audit records again", "waiting_bytes", l.spool.bytes.Load())
			}
			return err
		}
		l.params.Metrics.Count(ShipFailed, 1)
		if ctx.Err() != nil {
			return err
		}
		if !l.down {
			l.down = true
			l.params.Log.WarnContext(ctx, "the store does not take audit records; they wait in the spool", "error", err)
		}
		if !wait(ctx, delay/2+rand.N(delay/2)) { //nolint:gosec // spread, not secret
			return err
		}
	}
}
