package kill_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// arrivals is how often the provider was called for each request id.
func (f *field) arrivals() map[string]int {
	f.t.Helper()
	file, err := os.Open(f.log)
	if err != nil {
		f.t.Fatal(err)
	}
	defer file.Close()
	found := map[string]int{}
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		var entry providertest.Entry
		if err := json.Unmarshal(lines.Bytes(), &entry); err != nil {
			f.t.Fatalf("the provider's log: %v", err)
		}
		if entry.Event == "arrived" && strings.HasSuffix(entry.Path, "/chat/completions") {
			found[entry.ClientRequestID]++
		}
	}
	if err := lines.Err(); err != nil {
		f.t.Fatal(err)
	}
	return found
}

// records are those of the store, by request id.
func (f *field) records() map[string][]*auditv1.AuditEntry {
	f.t.Helper()
	ctx := context.WithoutCancel(f.t.Context())
	store, err := sqldb.Open(ctx, sqldb.Params{
		Config: &configv1.Storage{DataDir: f.dir, DatabaseUrl: f.database}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	defer store.Close()
	found := map[string][]*auditv1.AuditEntry{}
	query := storage.AuditQuery{Limit: 1000}
	for {
		page, err := store.List(ctx, query)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, entry := range page.Entries {
			found[entry.GetRequestId()] = append(found[entry.GetRequestId()], entry)
		}
		if page.Next == nil {
			return found
		}
		query.After = page.Next
	}
}

// check joins what clients saw, what the provider saw, and what the store has.
func (f *field) check(kills int) {
	f.t.Helper()
	arrivals, records := f.arrivals(), f.records()
	lost, unknown, doubled, open, interrupted := 0, 0, 0, 0, 0
	for id, kind := range f.book.completed {
		found := records[id]
		if len(found) != 1 || found[0].GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || found[0].GetInterrupted() {
			lost++
			f.t.Errorf("the client of %s has its whole reply (%s), the store has %v", id, kind, found)
			continue
		}
		if attempts := len(found[0].GetAttempts()); attempts != arrivals[id] {
			f.t.Errorf("the provider was called %d times for %s, the record has %d attempts", arrivals[id], id, attempts)
		}
	}
	for id := range arrivals {
		if len(records[id]) == 0 {
			unknown++
			f.t.Errorf("the provider was called for %s, the store has nothing", id)
		}
	}
	for id, found := range records {
		if len(found) > 1 {
			doubled++
			f.t.Errorf("%s has %d records", id, len(found))
		}
		for _, entry := range found {
			ended := entry.GetEnd() != commonv1.CallEnd_CALL_END_UNSPECIFIED
			switch {
			case entry.GetInterrupted() && !ended:
				interrupted++
			case entry.GetInterrupted() || !ended:
				open++
				f.t.Errorf("%s: the record has neither an end nor the mark of a death: %v", id, entry)
			}
		}
	}
	for id, err := range f.book.refused {
		f.t.Errorf("%s: %v", id, err)
	}
	f.t.Logf("%d kills; clients: %d calls completed, %d broken; provider: %d calls; store: %d records, %d of them interrupted",
		kills, len(f.book.completed), len(f.book.broken), len(arrivals), len(records), interrupted)
	f.t.Logf("completed calls lost: %d; upstream calls without a record: %d; records doubled: %d; records left open: %d", lost, unknown, doubled, open)
	if len(f.book.completed) == 0 || len(f.book.broken) == 0 || interrupted == 0 {
		f.t.Error("nothing was shown: no call completed, or none was broken")
	}
	f.checkSpool()
}

// checkSpool sees that nothing waits: the last gateway has shipped what all left.
func (f *field) checkSpool() {
	f.t.Helper()
	left, err := filepath.Glob(filepath.Join(f.dir, "spool", "*", "*"))
	if err != nil {
		f.t.Fatal(err)
	}
	if len(left) > 0 {
		f.t.Errorf("left in the spool: %v", left)
	}
}
