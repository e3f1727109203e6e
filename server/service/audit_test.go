package service

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

// auditOver returns AuditService over an embedded database with these records.
func auditOver(t *testing.T, records ...*storage.Record) *Audit {
	t.Helper()
	store, err := sqldb.Open(t.Context(), sqldb.Params{
		Config: &configv1.Storage{DataDir: t.TempDir()}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Append(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	return NewAudit(AuditDeps{Store: store})
}

// auditRecord is a record of a call that began at a time.
func auditRecord(id string, start time.Time) *storage.Record {
	return &storage.Record{Entry: &auditv1.AuditEntry{
		Id: id, RequestId: "request-" + id, StartTime: timestamppb.New(start), End: commonv1.CallEnd_CALL_END_COMPLETED,
		StatusCode: 200, Provider: "openai", RequestedModel: "small", Method: "POST", Path: "/v1/chat/completions",
	}}
}

// hours are records that began 0, 1, 2 … hours ago; their ids are those numbers.
func hours(n int) []*storage.Record {
	now := time.Now()
	records := make([]*storage.Record, 0, n)
	for i := range n {
		records = append(records, auditRecord(fmt.Sprintf("%04d", i), now.Add(-time.Duration(i)*time.Hour)))
	}
	return records
}

func entryIDs(entries []*auditv1.AuditEntry) []string {
	list := make([]string, 0, len(entries))
	for _, entry := range entries {
		list = append(list, entry.GetId())
	}
	return list
}

func TestAuditPagesByToken(t *testing.T) {
	t.Parallel()
	audit := auditOver(t, hours(60)...)
	request := &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{Provider: "openai"}}
	var all []string
	for _, want := range []int{25, 25, 10} {
		page, err := audit.ListAuditEntries(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.GetEntries()) != want || page.GetTotal() != 60 || page.GetLimit() != 25 || page.GetOffset() != 0 {
			t.Errorf("a page has %d entries, total %d, limit %d, offset %d", len(page.GetEntries()), page.GetTotal(), page.GetLimit(), page.GetOffset())
		}
		all = append(all, entryIDs(page.GetEntries())...)
		request.PageToken = page.GetNextPageToken()
	}
	if request.GetPageToken() != "" || len(all) != 60 || !slices.IsSorted(all) {
		t.Errorf("the pages have %v, and then %q", all, request.GetPageToken())
	}
}

func TestAuditPagesByNumber(t *testing.T) {
	t.Parallel()
	audit := auditOver(t, hours(120)...)
	for _, test := range []struct {
		limit  int32
		offset int64
		want   int
		first  string
		inUse  int32
	}{{0, 0, 25, "0000", 25}, {10, 30, 10, "0030", 10}, {100, 0, 100, "0000", 100}, {5000, 110, 10, "0110", 100}, {10, 120, 0, "", 10}} {
		page, err := audit.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{Limit: test.limit, Offset: test.offset})
		if err != nil {
			t.Fatal(err)
		}
		ids := append(entryIDs(page.GetEntries()), "")
		if len(ids)-1 != test.want || ids[0] != test.first || page.GetLimit() != test.inUse || page.GetOffset() != test.offset || page.GetTotal() != 120 {
			t.Errorf("limit %d, offset %d: %d entries from %q, limit %d, offset %d, total %d", test.limit, test.offset,
				len(ids)-1, ids[0], page.GetLimit(), page.GetOffset(), page.GetTotal())
		}
	}
}

// Times are those of peer scripts: whole days in UTC, the last one included.
func TestAuditPeriods(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 15, 30, 0, 0, time.UTC)
	date := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	stamp := timestamppb.New
	for _, test := range []struct {
		name       string
		request    *auditv1.ListAuditEntriesRequest
		start, end time.Time
	}{
		{"nothing: thirty days", &auditv1.ListAuditEntriesRequest{}, now.Add(-30 * day), time.Time{}},
		{"one day is today", &auditv1.ListAuditEntriesRequest{Days: 1}, date(11, 24), time.Time{}},
		{"seven days", &auditv1.ListAuditEntriesRequest{Days: 7}, date(11, 18), time.Time{}},
		{"more days than there are", &auditv1.ListAuditEntriesRequest{Days: 2_000_000_000}, date(11, 24).AddDate(0, 0, 1-maxDays), time.Time{}},
		{"first and last day", &auditv1.ListAuditEntriesRequest{StartDate: "2026-11-01", EndDate: "2026-11-03"}, date(11, 1), date(11, 4)},
		{"the same day", &auditv1.ListAuditEntriesRequest{StartDate: "2026-11-01", EndDate: "2026-11-01"}, date(11, 1), date(11, 2)},
		{"first day alone: until today", &auditv1.ListAuditEntriesRequest{StartDate: "2026-11-01"}, date(11, 1), date(11, 25)},
		{"last day alone: thirty days", &auditv1.ListAuditEntriesRequest{EndDate: "2026-11-30"}, date(11, 1), date(12, 1)},
		{"dates win over days", &auditv1.ListAuditEntriesRequest{Days: 3, StartDate: "2026-11-01"}, date(11, 1), date(11, 25)},
		{"days win over times", &auditv1.ListAuditEntriesRequest{Days: 1, Filter: &auditv1.AuditFilter{EndTime: stamp(date(1, 1))}}, date(11, 24), time.Time{}},
		{"times", &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StartTime: stamp(date(3, 1)), EndTime: stamp(now)}}, date(3, 1), now},
		{"the end alone: thirty days before it", &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{EndTime: stamp(date(3, 31))}}, date(3, 1), date(3, 31)},
		{"the start alone: until now", &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StartTime: stamp(date(3, 1))}}, date(3, 1), time.Time{}},
	} {
		query, err := auditQuery(test.request, now)
		if err != nil || !query.Start.Equal(test.start) || !query.End.Equal(test.end) {
			t.Errorf("%s: from %s to %s, %v; want from %s to %s", test.name, query.Start, query.End, err, test.start, test.end)
		}
	}
}

func TestAuditRefusesWhatIsInvalid(t *testing.T) {
	t.Parallel()
	audit := auditOver(t, hours(60)...)
	page, err := audit.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	token := page.GetNextPageToken()
	future := &timestamppb.Timestamp{Seconds: 1 << 50}
	const invalid, cursor = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, commonv1.ErrorReason_ERROR_REASON_INVALID_CURSOR
	for _, test := range []struct {
		param   string
		reason  commonv1.ErrorReason
		request *auditv1.ListAuditEntriesRequest
	}{
		{"start_date", invalid, &auditv1.ListAuditEntriesRequest{StartDate: "24.11.2026"}},
		{"end_date", invalid, &auditv1.ListAuditEntriesRequest{EndDate: "2026-02-30"}},
		{"start_date", invalid, &auditv1.ListAuditEntriesRequest{StartDate: "2026-11-02", EndDate: "2026-11-01"}},
		{"status_code", invalid, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StatusCode: new(int32(0))}}},
		{"status_code", invalid, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StatusCode: new(int32(600))}}},
		{"start_time", invalid, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StartTime: future}}},
		{"end_time", invalid, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{EndTime: future}}},
		{"start_time", invalid, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{StartTime: timestamppb.New(time.Unix(2, 0)), EndTime: timestamppb.New(time.Unix(1, 0))}}},
		{"offset", invalid, &auditv1.ListAuditEntriesRequest{PageToken: token, Offset: 1}},
		{"page_token", cursor, &auditv1.ListAuditEntriesRequest{PageToken: "no token"}},
		{"page_token", cursor, &auditv1.ListAuditEntriesRequest{PageToken: base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("x", 40)))}},
		{"page_token", cursor, &auditv1.ListAuditEntriesRequest{PageToken: token[:12]}},
		{"page_token", cursor, &auditv1.ListAuditEntriesRequest{PageToken: token, Filter: &auditv1.AuditFilter{Provider: "openai"}}},
		{"page_token", cursor, &auditv1.ListAuditEntriesRequest{PageToken: token, Days: 3}},
	} {
		_, err := audit.ListAuditEntries(t.Context(), test.request)
		failed := failure.As(err)
		if failed == nil || failed.Reason != test.reason || failed.Param != test.param {
			t.Errorf("%v gave %v, want %v at %s", test.request, err, test.reason, test.param)
		}
	}
	if _, err := audit.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{PageToken: token, Limit: 3}); err != nil {
		t.Errorf("a token with another limit gave %v", err)
	}
}

func TestAuditFilters(t *testing.T) {
	t.Parallel()
	records := hours(3)
	odd := records[1].Entry
	odd.Provider, odd.RequestedModel, odd.Path, odd.Method, odd.StatusCode, odd.ErrorType = "azure-eu", "large", "/v1/models", "GET", 404, "invalid_request_error"
	odd.Reason, odd.Stream, odd.KeyId, odd.Owner, odd.RequestId = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, true, "bob", "/team/bob", "trace-7"
	audit := auditOver(t, records...)
	for _, filter := range []*auditv1.AuditFilter{
		{RequestId: "trace-7"}, {Model: "large"}, {Provider: "azure-eu"}, {Path: "/v1/mod"}, {StatusCode: new(int32(404))},
		{Reason: odd.GetReason()}, {Stream: new(true)}, {KeyId: "bob"}, {Owner: "/team"}, {Method: "GET"},
		{ErrorType: "invalid_request_error"}, {Search: "RACE-7"},
		{StartTime: timestamppb.New(odd.GetStartTime().AsTime()), EndTime: timestamppb.New(odd.GetStartTime().AsTime().Add(1))},
	} {
		page, err := audit.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{Filter: filter})
		if err != nil || !slices.Equal(entryIDs(page.GetEntries()), []string{"0001"}) || page.GetTotal() != 1 {
			t.Errorf("%v lists %v, %v", filter, entryIDs(page.GetEntries()), err)
		}
	}
}

func TestAuditEntry(t *testing.T) {
	t.Parallel()
	record := auditRecord("0193", time.Now())
	record.Plan = &planv1.ExecutionPlan{Digest: "d"}
	record.Bodies = &auditv1.AuditBodies{RequestJson: "{}"}
	audit := auditOver(t, record)
	got, err := audit.GetAuditEntry(t.Context(), &auditv1.GetAuditEntryRequest{EntryId: "0193"})
	if err != nil || !proto.Equal(got, &auditv1.GetAuditEntryResponse{Entry: record.Entry, Plan: record.Plan, Bodies: record.Bodies}) {
		t.Errorf("got %v, %v", got, err)
	}
	_, err = audit.GetAuditEntry(t.Context(), &auditv1.GetAuditEntryRequest{EntryId: "0194"})
	if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
		t.Errorf("a missing record gave %v", err)
	}
}

// brokenStore is a store that is down.
type brokenStore struct{ AuditReader }

func (brokenStore) List(context.Context, storage.AuditQuery) (storage.AuditPage, error) {
	return storage.AuditPage{}, errors.New("connection refused by 10.1.2.3")
}

func (brokenStore) Get(context.Context, string) (*storage.Record, error) {
	return nil, errors.New("connection refused by 10.1.2.3")
}

func TestAuditWithoutItsStore(t *testing.T) {
	t.Parallel()
	audit := NewAudit(AuditDeps{Store: brokenStore{}})
	_, listErr := audit.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{})
	_, getErr := audit.GetAuditEntry(t.Context(), &auditv1.GetAuditEntryRequest{EntryId: "1"})
	for _, err := range []error{listErr, getErr} {
		failed := failure.As(err)
		if failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_STORE_UNAVAILABLE || strings.Contains(failed.Message, "10.1.2.3") {
			t.Errorf("a store that is down gave %v", err)
		}
	}
	left, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := audit.ListAuditEntries(left, &auditv1.ListAuditEntriesRequest{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left gave %v", err)
	}
}
