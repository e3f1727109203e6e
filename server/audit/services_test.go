//go:build services

package audit

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/postgres"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// callUntilFailed makes calls until the store has failed, and then some more. It says
// how many, and how long the slowest took.
func (r *rig) callUntilFailed() (calls int, slowest time.Duration) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for after := 0; after < 10; {
		for range 50 {
			began := time.Now()
			r.chat(1)
			slowest = max(slowest, time.Since(began))
			calls++
		}
		if r.metrics.of(ShipFailed) > 0 {
			after++
		}
		select {
		case <-tick.C:
		case <-late.C:
			r.t.Fatalf("the store did not fail within %s and %d calls", patience, calls)
		}
	}
	return calls, slowest
}

// Whatever happens to PostgreSQL, calls go on without waiting, and afterwards it has
// every record once.
func TestPostgreSQLFails(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name          string
		options       postgres.Options
		hurt, recover func(*postgres.Cluster)
	}{
		{"stopped", postgres.Options{}, (*postgres.Cluster).Stop, (*postgres.Cluster).Start},
		{"stopped in order", postgres.Options{}, (*postgres.Cluster).StopGently, (*postgres.Cluster).Start},
		{"hung", postgres.Options{}, (*postgres.Cluster).Pause, (*postgres.Cluster).Resume},
		{"its disk full", postgres.Options{DiskBytes: 160 << 20}, (*postgres.Cluster).Fill, func(c *postgres.Cluster) {
			c.Free()
			if !c.Running() { // PostgreSQL gives up where it cannot write its log
				c.Start()
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cluster := postgres.Start(t, test.options)
			r := newRigIn(t, t.TempDir(), newGate(openStore(t, t.TempDir(), cluster.Database())))
			r.run()
			r.chat(20)
			r.store.awaitCount(t, 20)
			test.hurt(cluster)
			calls, slowest := r.callUntilFailed()
			t.Logf("the slowest of %d calls took %s", calls, slowest)
			if slowest > time.Second {
				t.Errorf("a call waited %s", slowest)
			}
			test.recover(cluster)
			began := time.Now()
			r.store.awaitAnswer(t)
			entries := r.store.awaitCount(t, 20+calls)
			if !allEnded(entries) {
				r.store.await(t, "all ends are shipped", allEnded)
			}
			t.Logf("caught up in %s", time.Since(began))
			r.metrics.want(t, ShedEnded, 0)
			r.metrics.want(t, Rejected, 0)
		})
	}
}

// awaitAnswer waits until the store answers queries again.
func (g *gate) awaitAnswer(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := g.List(ctx, storage.AuditQuery{Limit: 1})
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("the store does not answer: %v", err)
		}
	}
}

// The gateway starts before its database, records, and ships once that is there.
func TestPostgreSQLComesLater(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	url := cluster.Database()
	cluster.StopGently()
	r := newRigIn(t, t.TempDir(), newGate(openStore(t, t.TempDir(), url)))
	r.run()
	r.chat(10)
	r.awaitCounter(ShipFailed, 1)
	cluster.Start()
	r.store.awaitAnswer(t)
	r.store.awaitCount(t, 10)
}

func TestKilledProcessesLoseNothingOnPostgreSQL(t *testing.T) {
	t.Parallel()
	cluster := postgres.Start(t, postgres.Options{})
	killed(t, cluster.Database(), 20)
}

// A disk that is really full: the spool has a tmpfs of its own.
func TestARealDiskRunsFull(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+strconv.Itoa(2<<20)); err != nil {
		t.Fatalf("mount a small disk (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	store := newGate(openStore(t, t.TempDir(), ""))
	store.set(errors.New("the store is down"))
	r := newRigIn(t, filepath.Join(dir, "spool"), store, block)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	served, refused := r.outcome(4000)
	if served == 0 || refused == 0 || served+refused != 4000 {
		t.Fatalf("%d calls were served and %d refused, of 4000", served, refused)
	}
	r.metrics.want(t, Refused, refused)
	r.metrics.want(t, Begun, served)
	_, ends := onDisk(t, r.dir)
	if len(ends)+r.metrics.of(ShedEnded) != 4000 {
		t.Errorf("%d ends are on the disk and %d were counted as lost, of 4000", len(ends), r.metrics.of(ShedEnded))
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if served, _ = r.outcome(400); served != 400 {
		t.Errorf("%d of 400 calls were served when the disk had room again", served)
	}
	store.set(nil)
	r.run()
	want := len(ends) + 400
	r.store.await(t, "what was written is shipped", func(entries []*auditv1.AuditEntry) bool {
		ended := 0
		for _, entry := range entries {
			if entry.GetEnd() != 0 {
				ended++
			}
		}
		return ended == want
	})
	r.metrics.want(t, Torn, 0)
}
