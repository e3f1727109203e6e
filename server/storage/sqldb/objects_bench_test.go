package sqldb_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// BenchmarkObjects measures what docs/objects.md tells.
func BenchmarkObjects(b *testing.B) {
	for _, bench := range []struct {
		name string
		run  func(*testing.B, *sqldb.DB, *sqldb.Objects)
	}{
		{"put", benchPut}, {"get", benchGet}, {"update", benchUpdate}, {"20 events", benchEvents}, {"delete with 1000 events", benchDelete},
		{"list 20 of 20000", benchList}, {"find 20 by metadata", benchFind}, {"audit beside puts", benchAudit},
	} {
		b.Run(bench.name, func(b *testing.B) {
			db, err := sqldb.Open(b.Context(), params(&configv1.Storage{DataDir: b.TempDir()}))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			bench.run(b, db, db.Objects(storage.ObjectLimits{OwnerBytes: 1 << 40}))
		})
	}
}

func benchKey(n int) storage.ObjectKey {
	return storage.ObjectKey{Kind: storage.ObjectResponse, ID: fmt.Sprintf("0193a5f2-7c1e-7f00-8a4b-%012d", n)}
}

// benchObject is a response of 2 KiB.
func benchObject(n int) *storage.Object {
	return &storage.Object{
		Key: benchKey(n), CreateTime: time.Now(), ExpireTime: time.Now().Add(time.Hour), Model: "gpt-4o-mini-2024-07-18",
		Metadata: map[string]string{"team": "alpha", "run": fmt.Sprint(n / 10)}, Body: make([]byte, 2048),
	}
}

const benchOwner = "/team/alpha/bob"

func mustPut(b *testing.B, objects *sqldb.Objects, n int, items ...storage.Item) {
	b.Helper()
	if _, err := objects.Put(context.WithoutCancel(b.Context()), benchOwner, benchObject(n), items...); err != nil {
		b.Fatal(err)
	}
}

func benchPut(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	item := make([]byte, 512)
	for n := 0; b.Loop(); n++ {
		mustPut(b, objects, n, storage.Item{ID: "a", Body: item}, storage.Item{ID: "b", Body: item}, storage.Item{ID: "c", Body: item})
	}
}

func benchGet(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	mustPut(b, objects, 1)
	for b.Loop() {
		if _, err := objects.Get(b.Context(), benchOwner, benchKey(1)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchUpdate(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	mustPut(b, objects, 1)
	object := benchObject(1)
	object.Version = 1
	for b.Loop() {
		if err := objects.Update(b.Context(), benchOwner, object); err != nil {
			b.Fatal(err)
		}
	}
}

// eventsFrom are 20 events of 256 bytes.
func eventsFrom(n int) []storage.Event {
	events := make([]storage.Event, 20)
	for i := range events {
		events[i] = storage.Event{Number: int64(n + i), Body: make([]byte, 256)}
	}
	return events
}

func benchEvents(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	mustPut(b, objects, 1)
	for n := 0; b.Loop(); n += 20 {
		if err := objects.AppendEvents(b.Context(), benchOwner, benchKey(1), eventsFrom(n)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchDelete(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		mustPut(b, objects, n)
		for from := 0; from < 1000; from += 20 {
			if err := objects.AppendEvents(b.Context(), benchOwner, benchKey(n), eventsFrom(from)); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if err := objects.Delete(b.Context(), benchOwner, benchKey(n)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchList(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	fill(b, objects)
	for b.Loop() {
		page, err := objects.List(b.Context(), benchOwner, storage.ObjectQuery{Kind: storage.ObjectResponse, Limit: 20, Descending: true, After: benchKey(10_000).ID})
		if err != nil || len(page.Objects) != 20 {
			b.Fatal(len(page.Objects), err)
		}
	}
}

// benchFind looks for the oldest ten, newest first: all rows are read.
func benchFind(b *testing.B, _ *sqldb.DB, objects *sqldb.Objects) {
	fill(b, objects)
	for b.Loop() {
		page, err := objects.List(b.Context(), benchOwner, storage.ObjectQuery{
			Kind: storage.ObjectResponse, Limit: 20, Descending: true, Metadata: map[string]string{"run": "0"},
		})
		if err != nil || len(page.Objects) != 10 {
			b.Fatal(len(page.Objects), err)
		}
	}
}

func fill(b *testing.B, objects *sqldb.Objects) {
	b.Helper()
	for n := range 20_000 {
		mustPut(b, objects, n)
	}
}

// benchAudit appends records as the shipper does while four others put objects as fast
// as they can.
func benchAudit(b *testing.B, db *sqldb.DB, objects *sqldb.Objects) {
	ctx, stop := context.WithCancel(b.Context())
	var putting sync.WaitGroup
	for w := range 4 {
		putting.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				_, _ = objects.Put(ctx, benchOwner, benchObject(w*1_000_000+n)) // it is the load
			}
		})
	}
	var took []time.Duration
	for n := 0; b.Loop(); n++ {
		began := time.Now()
		records := make([]*storage.Record, 32)
		for i := range records {
			records[i] = entry(fmt.Sprintf("%d-%d", n, i))
		}
		if err := db.Append(b.Context(), records); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	stop()
	putting.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms/p99")
}
