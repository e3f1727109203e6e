package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

func TestARecordIsInTheStoreSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	var waits []time.Duration
	for n := range 20 {
		r.chat(1)
		began := time.Now()
		r.store.awaitCount(t, n+1)
		waits = append(waits, time.Since(began))
	}
	slices.Sort(waits)
	t.Logf("waits: median %s, longest %s", waits[len(waits)/2], waits[len(waits)-1])
	// The goal is 50 ms; the bound leaves room for a busy machine.
	if waits[len(waits)/2] > time.Second {
		t.Errorf("a record takes %s to reach the store", waits[len(waits)/2])
	}
	got, err := r.store.Get(t.Context(), r.store.all(t)[0].GetId())
	if err != nil || got.Begin || got.Plan.GetDigest() == "" {
		t.Errorf("the record in the store is %v, %v", got, err)
	}
}

func TestARunningCallIsVisible(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	c := newCall(chatRPC)
	r.serve(c, &chatv1.CreateChatCompletionRequest{}, func() error {
		entry := r.store.awaitCount(t, 1)[0]
		if entry.GetId() != c.ID || entry.GetEnd() != 0 || entry.GetInterrupted() {
			t.Errorf("a running call is shown as %v", entry)
		}
		return nil
	})
	entries := r.store.await(t, "the end replaces the begin", allEnded)
	if len(entries) != 1 {
		t.Errorf("one call has %d records", len(entries))
	}
}

func TestCallsGoOnWhileTheStoreIsDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.run()
	r.chat(10)
	r.store.awaitCount(t, 10)
	r.store.set(errors.New("the store is down"))
	r.chat(50)
	r.awaitCounter(ShipFailed, 2)
	if n := len(r.store.all(t)); n != 10 {
		t.Errorf("a store that is down has %d records", n)
	}
	r.store.set(nil)
	if entries := r.store.awaitCount(t, 60); !allEnded(entries) {
		r.store.await(t, "all ends are shipped", allEnded)
	}
	r.metrics.want(t, ShedEnded, 0)
}

// awaitCounter waits until a counter has a value.
func (r *rig) awaitCounter(counter Counter, least int) {
	r.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for r.metrics.of(counter) < least {
		select {
		case <-tick.C:
		case <-late.C:
			r.t.Fatalf("%s is %d after %s, want %d", counter, r.metrics.of(counter), patience, least)
		}
	}
}

func TestWhatIsLeftWaitsForTheNextStart(t *testing.T) {
	t.Parallel()
	store := newGate(openStore(t, t.TempDir(), ""))
	dir := t.TempDir()
	first := newRigIn(t, dir, store)
	store.set(errors.New("the store is down"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	first.chat(5)
	flush, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if err := first.shipAll(flush); err == nil {
		t.Error("records were shipped to a store that is down")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	store.set(nil)
	second := newRigIn(t, dir, store)
	second.chat(1)
	if err := second.Run(ctx); err != nil { // the context has ended: only the last flush
		t.Fatal(err)
	}
	if n := len(store.all(t)); n != 6 {
		t.Errorf("the store has %d records, want 6", n)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("the spool folder still has %v, %v", left, err)
	}
}

func TestRecordsThatTheStoreRefusesDoNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.chat(3)
	bad := &auditv1.GetAuditEntryResponse{Entry: &auditv1.AuditEntry{RequestId: "no id"}}
	payload, err := proto.Marshal(bad)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(payload), "\xff\xff this is no protobuf"} {
		if _, _, err := r.spool.append(frameOf(kindEnd, text), roomForEnds); err != nil {
			t.Fatal(err)
		}
	}
	r.chat(3)
	r.run()
	r.store.awaitCount(t, 6)
	r.awaitCounter(Rejected, 2)
}

func TestOnlyCallsOfDeadProcessesAreInterrupted(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newGate(openStore(t, t.TempDir(), ""))
	begin := func(r *rig) string {
		c := newCall(chatRPC)
		if err := r.Admit().Request(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	dead, alive := newRigIn(t, dir, store), newRigIn(t, dir, store)
	lost, running := begin(dead), begin(alive)
	dead.chat(1)
	// As if the process died now: its lock is gone, its files are there.
	if err := dead.own.lock.Close(); err != nil {
		t.Fatal(err)
	}
	alive.run()
	next := newRigIn(t, dir, store)
	next.run()
	starting := begin(next)
	entries := store.await(t, "the lost call is interrupted", func(entries []*auditv1.AuditEntry) bool {
		return len(entries) == 4 && slices.ContainsFunc(entries, (*auditv1.AuditEntry).GetInterrupted)
	})
	for _, entry := range entries {
		if want := entry.GetId() == lost; entry.GetInterrupted() != want {
			t.Errorf("%s: interrupted is %t (lost %s, running %s, starting %s)", entry.GetId(), entry.GetInterrupted(), lost, running, starting)
		}
	}
	if folders, err := os.ReadDir(dir); err != nil || len(folders) != 2 {
		t.Errorf("the spool folder has %v, %v, want the folders of the two living", folders, err)
	}
	next.metrics.want(t, Interrupted, 1)
	// The one who died needs no Close; its lock is another's now.
	dead.closing.Do(func() {})
}

func TestATornTailIsCountedAndTheRestIsShipped(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newGate(openStore(t, t.TempDir(), ""))
	dead := newRigIn(t, dir, store)
	dead.chat(4)
	last := dead.spool.segments[0]
	if err := os.Truncate(last.path, last.size-7); err != nil {
		t.Fatal(err)
	}
	if err := dead.own.lock.Close(); err != nil {
		t.Fatal(err)
	}
	dead.closing.Do(func() {})
	next := newRigIn(t, dir, store)
	next.run()
	store.await(t, "the torn end is an interrupted call", func(entries []*auditv1.AuditEntry) bool {
		return len(entries) == 4 && entries[0].GetInterrupted()
	})
	next.metrics.want(t, Torn, 1)
}

func TestOldRecordsAreDeleted(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		retention time.Duration
		want      int
	}{{"kept for a day", 24 * time.Hour, 2}, {"kept for ever", 0, 1502}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(c *configv1.Audit) { c.Retention.Seconds = int64(test.retention.Seconds()) })
			now := time.Now()
			old := make([]*storage.Record, 0, 1502)
			for n := range cap(old) {
				c := newCall(chatRPC)
				c.Start = now.Add(-25 * time.Hour)
				if n < 2 {
					c.Start = now.Add(-23 * time.Hour)
				}
				d := r.drafts.get()
				if err := d.end(c, nil, c.Start.Add(time.Second), nil); err != nil {
					t.Fatal(err)
				}
				old = append(old, r.decode(t.Context(), frame{kind: kindEnd, payload: d.frame[frameHeader:]}, ""))
			}
			if err := r.store.Append(t.Context(), old); err != nil {
				t.Fatal(err)
			}
			r.retainOnce(t.Context(), now)
			if n := len(r.store.all(t)); n != test.want {
				t.Errorf("%d records are left, want %d", n, test.want)
			}
			r.metrics.want(t, Deleted, 1502-test.want)
		})
	}
}

func TestALongLostCallIsInterrupted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	c := newCall(chatRPC)
	c.Start = time.Now().Add(-25 * time.Hour)
	if err := r.Admit().Request(t.Context(), c, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.shipAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.retainOnce(t.Context(), time.Now())
	if entries := r.store.all(t); len(entries) != 1 || !entries[0].GetInterrupted() {
		t.Errorf("the store has %v", entries)
	}
}

func TestFoldersThatAreNotOursStay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{".hidden", "not-a-spool"} {
		if err := os.MkdirAll(filepath.Join(dir, name, "x"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "removed-half"), 0o700); err != nil {
		t.Fatal(err)
	}
	r := newRigIn(t, dir, newGate(openStore(t, t.TempDir(), "")))
	if len(r.abandoned) != 0 {
		t.Errorf("took over %d folders", len(r.abandoned))
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 3 {
		t.Errorf("the folder has %v, %v", left, err)
	}
}

func TestABadFolderIsAnError(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Params{Dir: file, Store: nil, Config: &configv1.Audit{}, Log: nil, Metrics: nil, Encode: nil})
	if err == nil {
		t.Error("a file was taken for a folder")
	}
}

// A call that never told its end, although its process stopped in order.
func TestAnOrderlyStopLeavesWhatHasNoEnd(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newGate(openStore(t, t.TempDir(), ""))
	first := newRigIn(t, dir, store)
	stop := first.run()
	if err := first.Admit().Request(t.Context(), newCall(chatRPC), nil); err != nil {
		t.Fatal(err)
	}
	store.awaitCount(t, 1)
	stop()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := newRigIn(t, dir, store)
	stop = second.run()
	store.await(t, "the call is interrupted", func(entries []*auditv1.AuditEntry) bool {
		return len(entries) == 1 && entries[0].GetInterrupted()
	})
	stop()
	if bytes := second.spool.bytes.Load(); bytes != 0 {
		t.Errorf("the spool counts %d bytes when it is empty", bytes)
	}
}

func TestPlansOfOneDigestKeepTheirRequestIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	made := map[string]*planv1.ExecutionPlan{}
	for n := range 2*maxPlans + 10 {
		c := newCall(chatRPC)
		c.Plan.Digest = fmt.Sprintf("digest %d", n/2)
		c.Plan.Target.Model = c.Plan.GetDigest()
		if n == 5 {
			c.Plan.RequestId = ""
		}
		made[c.ID] = c.Plan
		r.serve(c, nil, nil)
	}
	_, ends := onDisk(t, r.dir)
	for _, end := range ends {
		if want := made[end.GetEntry().GetId()]; !proto.Equal(end.GetPlan(), want) {
			t.Fatalf("the plan is %v, want %v", end.GetPlan(), want)
		}
	}
	if kept := r.drafts.plans.count.Load(); len(ends) != len(made) || kept > maxPlans {
		t.Errorf("%d records of %d calls, and %d plans are remembered", len(ends), len(made), kept)
	}
}

// An abandoned folder that cannot be read does not hold up our own records.
func TestABrokenAbandonedFolderIsLeft(t *testing.T) {
	t.Parallel()
	dir, store := t.TempDir(), newGate(openStore(t, t.TempDir(), ""))
	broken := filepath.Join(dir, "0192")
	if err := os.MkdirAll(filepath.Join(broken, "1"+segmentSuffix, "x"), 0o700); err != nil { // a folder, not a file
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(broken, lockName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRigIn(t, dir, store)
	stop := r.run()
	r.chat(3)
	store.awaitCount(t, 3)
	stop()
	if _, err := os.Stat(broken); err != nil {
		t.Errorf("the folder is gone: %v", err)
	}
	if bytes := r.spool.bytes.Load(); bytes != 0 {
		t.Errorf("the spool counts %d bytes when it is empty", bytes)
	}
}
