// Package storagetest has the suites that every implementation of storage passes.
package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// AuditLog checks an implementation of storage.AuditLog. open returns an empty log,
// which is closed when the test ends.
func AuditLog(t *testing.T, open func(t *testing.T) storage.AuditLog) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, storage.AuditLog)
	}{
		{"a record comes back as it was", comesBack},
		{"a missing record is not found", missing},
		{"an end replaces its begin", endReplacesBegin},
		{"a begin after its end changes nothing", lateBegin},
		{"the same record twice is one", idempotent},
		{"begin and end in one batch are one", oneBatch},
		{"a batch is taken whole or not at all", allOrNone},
		{"any text is taken", anyText},
		{"begin records of a writer are interrupted", interruptWriter},
		{"begin records before a time are interrupted", interruptBefore},
		{"old records are deleted in batches", deleteBatches},
		{"lists are newest first, in pages", pages},
		{"pages do not shift while calls come in", steadyPages},
		{"equal times are ordered by id", equalTimes},
		{"filters", filters},
		{"search looks for parts", search},
		{"the total is counted up to a limit", total},
		{"writers and readers do not wait for each other", concurrent},
		{"an ended context ends a call", ended},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.run(t, open(t))
		})
	}
}

// epoch is when the calls of the suite begin.
func epoch() time.Time { return time.Date(2026, 11, 24, 12, 0, 0, 123_456_789, time.UTC) }

// record is the end record number n: a second later than the one before.
func record(n int, change ...func(*auditv1.AuditEntry)) *storage.Record {
	entry := &auditv1.AuditEntry{
		Id:             fmt.Sprintf("0193-%06d", n),
		RequestId:      fmt.Sprintf("request-%d", n),
		StartTime:      timestamppb.New(epoch().Add(time.Duration(n) * time.Second)),
		Duration:       durationpb.New(time.Second),
		End:            commonv1.CallEnd_CALL_END_COMPLETED,
		Method:         "POST",
		Path:           "/v1/chat/completions",
		StatusCode:     200,
		RequestedModel: "small",
		ResolvedModel:  "small-2026",
		Provider:       "openai",
		KeyId:          "master",
		Owner:          "/",
	}
	for _, c := range change {
		c(entry)
	}
	return &storage.Record{Entry: entry}
}

// begin is the begin record number n.
func begin(n int, writer string) *storage.Record {
	begun := record(n, func(e *auditv1.AuditEntry) { e.Duration, e.End, e.StatusCode = nil, 0, 0 })
	begun.Begin, begun.Writer = true, writer
	return begun
}

func mustAppend(t *testing.T, log storage.AuditLog, records ...*storage.Record) {
	t.Helper()
	if err := log.Append(t.Context(), records); err != nil {
		t.Fatalf("Append: %v", err)
	}
}

func mustGet(t *testing.T, log storage.AuditLog, id string) *storage.Record {
	t.Helper()
	got, err := log.Get(t.Context(), id)
	if err != nil {
		t.Fatalf("Get(%s): %v", id, err)
	}
	return got
}

func mustList(t *testing.T, log storage.AuditLog, query storage.AuditQuery) storage.AuditPage {
	t.Helper()
	if query.Limit == 0 {
		query.Limit = 100
	}
	page, err := log.List(t.Context(), query)
	if err != nil {
		t.Fatalf("List(%+v): %v", query, err)
	}
	return page
}

// ids are the ids of a page.
func ids(page storage.AuditPage) []string {
	list := []string{}
	for _, entry := range page.Entries {
		list = append(list, entry.GetId())
	}
	return list
}

func wantIDs(t *testing.T, page storage.AuditPage, numbers ...int) {
	t.Helper()
	want := []string{}
	for _, n := range numbers {
		want = append(want, record(n).Entry.GetId())
	}
	if got := ids(page); !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

func comesBack(t *testing.T, log storage.AuditLog) {
	want := record(1, func(e *auditv1.AuditEntry) {
		e.Attempts = []*auditv1.Attempt{{Provider: "openai", HttpStatus: 429, Duration: durationpb.New(time.Millisecond)}}
		e.Usage = &usagev1.TokenUsage{Input: new(int32(3)), Output: new(int32(4))}
		e.UsageJson = `{"prompt_tokens":3}`
	})
	want.Plan = &planv1.ExecutionPlan{Digest: "d1", Requested: &planv1.RequestedSelector{Model: "small"}}
	want.Bodies = &auditv1.AuditBodies{RequestJson: `{"model":"small"}`, RequestHeaders: []string{"accept: */*"}}
	mustAppend(t, log, want)

	got := mustGet(t, log, want.Entry.GetId())
	switch {
	case !proto.Equal(got.Entry, want.Entry):
		t.Errorf("entry is %v, want %v", got.Entry, want.Entry)
	case !proto.Equal(got.Plan, want.Plan):
		t.Errorf("plan is %v, want %v", got.Plan, want.Plan)
	case !proto.Equal(got.Bodies, want.Bodies):
		t.Errorf("bodies are %v, want %v", got.Bodies, want.Bodies)
	case got.Begin:
		t.Error("an end record came back as a begin record")
	}
	if listed := mustList(t, log, storage.AuditQuery{}); len(listed.Entries) != 1 || !proto.Equal(listed.Entries[0], want.Entry) {
		t.Errorf("listed %v, want %v", listed.Entries, want.Entry)
	}

	plain := record(2)
	mustAppend(t, log, plain)
	if got := mustGet(t, log, plain.Entry.GetId()); got.Plan != nil || got.Bodies != nil {
		t.Errorf("a record without plan and bodies came back as %+v", got)
	}
}

func missing(t *testing.T, log storage.AuditLog) {
	for _, id := range []string{"", "nothing", "a\x00b", strings.Repeat("x", 5000)} {
		if _, err := log.Get(t.Context(), id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("Get(%.10q) = %v, want ErrNotFound", id, err)
		}
	}
}

func endReplacesBegin(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log, begin(1, "w"))
	if got := mustGet(t, log, record(1).Entry.GetId()); !got.Begin || got.Entry.GetInterrupted() {
		t.Errorf("a begin record came back as %+v", got)
	}
	end := record(1, func(e *auditv1.AuditEntry) { e.StatusCode, e.ErrorType, e.Stream = 502, "server_error", true })
	end.Bodies = &auditv1.AuditBodies{ResponseJson: "{}"}
	mustAppend(t, log, end)
	got := mustGet(t, log, end.Entry.GetId())
	if got.Begin || !proto.Equal(got.Entry, end.Entry) || !proto.Equal(got.Bodies, end.Bodies) {
		t.Errorf("the end record came back as %+v", got)
	}
	wantIDs(t, mustList(t, log, storage.AuditQuery{StatusCode: 502, ErrorType: "server_error", Stream: new(true)}), 1)
	if n, err := log.Interrupt(t.Context(), storage.Open{Writer: "w"}); n != 0 || err != nil {
		t.Errorf("Interrupt = %d, %v after the end, want 0", n, err)
	}
}

func lateBegin(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log, record(1))
	mustAppend(t, log, begin(1, "w"))
	if got := mustGet(t, log, record(1).Entry.GetId()); got.Begin || !proto.Equal(got.Entry, record(1).Entry) {
		t.Errorf("a late begin record changed the record into %+v", got)
	}
}

func idempotent(t *testing.T, log storage.AuditLog) {
	for range 3 {
		mustAppend(t, log, begin(1, "w"), record(2))
	}
	changed := record(2, func(e *auditv1.AuditEntry) { e.StatusCode = 500 })
	mustAppend(t, log, changed)
	page := mustList(t, log, storage.AuditQuery{})
	wantIDs(t, page, 2, 1)
	if page.Total != 2 || page.Entries[0].GetStatusCode() != 200 {
		t.Errorf("an end record was replaced: %v", page)
	}
}

func oneBatch(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log, begin(1, "w"), begin(2, "w"), record(1), record(2), begin(2, "w"))
	page := mustList(t, log, storage.AuditQuery{StatusCode: 200})
	wantIDs(t, page, 2, 1)
}

func allOrNone(t *testing.T, log storage.AuditLog) {
	records := []*storage.Record{record(1), {Entry: &auditv1.AuditEntry{}}}
	if err := log.Append(t.Context(), records); !errors.Is(err, storage.ErrRejected) {
		t.Errorf("a record without an id gave %v, want ErrRejected", err)
	}
	if err := log.Append(t.Context(), nil); err != nil {
		t.Errorf("Append(nil): %v", err)
	}
	if page := mustList(t, log, storage.AuditQuery{}); page.Total != 0 {
		t.Errorf("%d records of a refused batch were taken", page.Total)
	}
	many := make([]*storage.Record, 0, 700)
	for n := range cap(many) {
		many = append(many, record(n))
	}
	mustAppend(t, log, many...)
	if page := mustList(t, log, storage.AuditQuery{}); page.Total != 700 {
		t.Errorf("%d records of 700 are there", page.Total)
	}
}

func anyText(t *testing.T, log storage.AuditLog) {
	for n, text := range []string{"a\x00b", strings.Repeat("é", 40_000), "'; DROP TABLE audit_records; --", "\U0001F6A6", "\\%_"} {
		odd := record(n, func(e *auditv1.AuditEntry) {
			e.RequestedModel, e.Path, e.Owner, e.KeyId, e.Provider = text, text, text, text, text
		})
		mustAppend(t, log, odd)
		if got := mustGet(t, log, odd.Entry.GetId()); !proto.Equal(got.Entry, odd.Entry) {
			t.Errorf("%.20q came back as %.20q", text, got.Entry.GetRequestedModel())
		}
		wantIDs(t, mustList(t, log, storage.AuditQuery{Model: text}), n)
		wantIDs(t, mustList(t, log, storage.AuditQuery{Search: text}), n)
		wantIDs(t, mustList(t, log, storage.AuditQuery{Path: text}), n)
		wantIDs(t, mustList(t, log, storage.AuditQuery{Owner: text}), n)
	}
}

func interruptWriter(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log, begin(1, "dead"), begin(2, "alive"), begin(3, "dead"), record(4))
	mustAppend(t, log, record(3))
	for i, want := range []int{1, 0} {
		if n, err := log.Interrupt(t.Context(), storage.Open{Writer: "dead"}); n != want || err != nil {
			t.Errorf("Interrupt no. %d = %d, %v, want %d", i+1, n, err, want)
		}
	}
	for _, entry := range mustList(t, log, storage.AuditQuery{}).Entries {
		if want := entry.GetId() == record(1).Entry.GetId(); entry.GetInterrupted() != want {
			t.Errorf("%s: interrupted is %t", entry.GetId(), entry.GetInterrupted())
		}
	}
	if got := mustGet(t, log, record(1).Entry.GetId()); !got.Entry.GetInterrupted() {
		t.Error("Get does not say that the record is interrupted")
	}
	// The begin record again, as after a crash in the middle of shipping.
	mustAppend(t, log, begin(1, "dead"))
	if got := mustGet(t, log, record(1).Entry.GetId()); !got.Entry.GetInterrupted() {
		t.Error("a begin record replaced an interrupted one")
	}
	mustAppend(t, log, record(1))
	if got := mustGet(t, log, record(1).Entry.GetId()); got.Begin || got.Entry.GetInterrupted() {
		t.Error("an end that came after all did not replace the interrupted record")
	}
}

func interruptBefore(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log, begin(1, "a"), begin(2, "b"), begin(3, "c"))
	if n, err := log.Interrupt(t.Context(), storage.Open{Before: epoch().Add(3 * time.Second)}); n != 2 || err != nil {
		t.Errorf("Interrupt = %d, %v, want 2", n, err)
	}
}

func deleteBatches(t *testing.T, log storage.AuditLog) {
	for n := range 10 {
		mustAppend(t, log, record(n))
	}
	mustAppend(t, log, begin(10, "w"))
	for i, want := range []int{4, 3, 0} {
		n, err := log.DeleteBefore(t.Context(), epoch().Add(7*time.Second), 4)
		if n != want || err != nil {
			t.Errorf("DeleteBefore no. %d = %d, %v, want %d", i+1, n, err, want)
		}
		if i == 0 {
			wantIDs(t, mustList(t, log, storage.AuditQuery{}), 10, 9, 8, 7, 6, 5, 4)
		}
	}
	wantIDs(t, mustList(t, log, storage.AuditQuery{}), 10, 9, 8, 7)
}

func pages(t *testing.T, log storage.AuditLog) {
	for n := range 7 {
		mustAppend(t, log, record(n))
	}
	query := storage.AuditQuery{Limit: 3}
	var got []string
	for range 3 {
		page := mustList(t, log, query)
		got = append(got, ids(page)...)
		if page.Total != 7 {
			t.Errorf("total is %d on a page, want 7", page.Total)
		}
		query.After = page.Next
	}
	if query.After != nil {
		t.Errorf("the last page has a next one: %v", query.After)
	}
	slices.Reverse(got)
	if len(got) != 7 || !slices.IsSorted(got) {
		t.Errorf("the pages have %v", got)
	}
	wantIDs(t, mustList(t, log, storage.AuditQuery{Limit: 2, Offset: 3}), 3, 2)
	wantIDs(t, mustList(t, log, storage.AuditQuery{Limit: 2, Offset: 7}))
	if page := mustList(t, log, storage.AuditQuery{Limit: 7}); page.Next != nil {
		t.Errorf("a page that has all has a next one: %v", page.Next)
	}
}

func steadyPages(t *testing.T, log storage.AuditLog) {
	for n := range 6 {
		mustAppend(t, log, record(n))
	}
	first := mustList(t, log, storage.AuditQuery{Limit: 3})
	mustAppend(t, log, record(10), record(11))
	wantIDs(t, mustList(t, log, storage.AuditQuery{Limit: 3, After: first.Next}), 2, 1, 0)
}

func equalTimes(t *testing.T, log storage.AuditLog) {
	for n := range 6 {
		mustAppend(t, log, record(n, func(e *auditv1.AuditEntry) { e.StartTime = timestamppb.New(epoch()) }))
	}
	first := mustList(t, log, storage.AuditQuery{Limit: 4})
	wantIDs(t, first, 5, 4, 3, 2)
	wantIDs(t, mustList(t, log, storage.AuditQuery{Limit: 4, After: first.Next}), 1, 0)
}

func filters(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log,
		record(0),
		record(1, func(e *auditv1.AuditEntry) {
			e.RequestedModel, e.ResolvedModel, e.Stream = "large", "large-2026", true
		}),
		record(2, func(e *auditv1.AuditEntry) { e.Provider, e.RequestId = "azure-eu", "trace-1" }),
		record(3, func(e *auditv1.AuditEntry) {
			e.StatusCode, e.ErrorType = 404, "invalid_request_error"
			e.Reason = commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND
			e.Path, e.Method = "/v1/models/x_y", "GET"
		}),
		record(4, func(e *auditv1.AuditEntry) { e.KeyId, e.Owner = "bob", "/team/alpha/bob" }),
		record(5, func(e *auditv1.AuditEntry) { e.KeyId, e.Owner = "al", "/team/alphabet" }),
		record(6, func(e *auditv1.AuditEntry) { e.KeyId, e.Owner = "alpha", "/team/alpha" }),
	)
	second := func(n int) time.Time { return epoch().Add(time.Duration(n) * time.Second) }
	for _, test := range []struct {
		name  string
		query storage.AuditQuery
		want  []int
	}{
		{"nothing", storage.AuditQuery{}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"start is inclusive", storage.AuditQuery{Start: second(5)}, []int{6, 5}},
		{"end is exclusive", storage.AuditQuery{End: second(2)}, []int{1, 0}},
		{"start and end", storage.AuditQuery{Start: second(2), End: second(4)}, []int{3, 2}},
		{"request id", storage.AuditQuery{RequestID: "trace-1"}, []int{2}},
		{"a part of a request id is none", storage.AuditQuery{RequestID: "trace"}, nil},
		{"requested model", storage.AuditQuery{Model: "large"}, []int{1}},
		{"resolved model", storage.AuditQuery{Model: "large-2026"}, []int{1}},
		{"provider", storage.AuditQuery{Provider: "azure-eu"}, []int{2}},
		{"method", storage.AuditQuery{Method: "GET"}, []int{3}},
		{"beginning of the path", storage.AuditQuery{Path: "/v1/mod"}, []int{3}},
		{"the path has case", storage.AuditQuery{Path: "/V1/"}, nil},
		{"status code", storage.AuditQuery{StatusCode: 404}, []int{3}},
		{"error type", storage.AuditQuery{ErrorType: "invalid_request_error"}, []int{3}},
		{"reason", storage.AuditQuery{Reason: commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND}, []int{3}},
		{"streams", storage.AuditQuery{Stream: new(true)}, []int{1}},
		{"no streams", storage.AuditQuery{Stream: new(false)}, []int{6, 5, 4, 3, 2, 0}},
		{"key", storage.AuditQuery{KeyID: "bob"}, []int{4}},
		{"owner and below", storage.AuditQuery{Owner: "/team/alpha"}, []int{6, 4}},
		{"owner with a slash at the end", storage.AuditQuery{Owner: "/team/alpha/"}, []int{6, 4}},
		{"the owner of all", storage.AuditQuery{Owner: "/"}, []int{6, 5, 4, 3, 2, 1, 0}},
		{"all together", storage.AuditQuery{Start: second(0), Provider: "openai", StatusCode: 200, Model: "small", KeyID: "bob"}, []int{4}},
		{"a page of them", storage.AuditQuery{KeyID: "master", Limit: 2, After: &storage.Cursor{Start: second(3), ID: record(3).Entry.GetId()}}, []int{2, 1}},
	} {
		page := mustList(t, log, test.query)
		if test.query.After == nil && page.Total != int64(len(test.want)) {
			t.Errorf("%s: total is %d, want %d", test.name, page.Total, len(test.want))
		}
		want := []string{}
		for _, n := range test.want {
			want = append(want, record(n).Entry.GetId())
		}
		if got := ids(page); !slices.Equal(got, want) {
			t.Errorf("%s: listed %v, want %v", test.name, got, want)
		}
	}
}

func search(t *testing.T, log storage.AuditLog) {
	mustAppend(t, log,
		record(0, func(e *auditv1.AuditEntry) { e.RequestId = "abc_def" }),
		record(1, func(e *auditv1.AuditEntry) { e.RequestId = "abcXdef" }),
		record(2, func(e *auditv1.AuditEntry) { e.Path = "/50%off" }),
		record(3, func(e *auditv1.AuditEntry) { e.ErrorType = `back\slash` }),
		record(4, func(e *auditv1.AuditEntry) { e.ResolvedModel = "Claude" }),
	)
	for part, want := range map[string][]int{
		"c_d": {0}, "0%o": {2}, `k\s`: {3}, "claude": {4}, "AUD": {4}, "abc": {1, 0}, "post": {4, 3, 2, 1, 0}, "no such": nil,
	} {
		t.Run(part, func(t *testing.T) { wantIDs(t, mustList(t, log, storage.AuditQuery{Search: part}), want...) })
	}
}

func total(t *testing.T, log storage.AuditLog) {
	for batch := range 11 {
		records := make([]*storage.Record, 0, 1000)
		for n := range cap(records) {
			records = append(records, record(batch*1000+n))
		}
		mustAppend(t, log, records...)
	}
	if page := mustList(t, log, storage.AuditQuery{Limit: 1}); page.Total != storage.CountLimit {
		t.Errorf("total is %d, want %d", page.Total, storage.CountLimit)
	}
}

func concurrent(t *testing.T, log storage.AuditLog) {
	const each = 40
	var work sync.WaitGroup
	for writer := range 4 {
		work.Go(func() {
			for n := range each {
				number := writer*each + n
				if err := log.Append(t.Context(), []*storage.Record{begin(number, "w"), record(number), record(n)}); err != nil {
					t.Errorf("Append: %v", err)
				}
			}
		})
		work.Go(func() {
			for range each {
				if _, err := log.List(t.Context(), storage.AuditQuery{Limit: 10, Search: "gpt"}); err != nil {
					t.Errorf("List: %v", err)
				}
			}
		})
	}
	work.Wait()
	if page := mustList(t, log, storage.AuditQuery{StatusCode: 200}); page.Total != 4*each {
		t.Errorf("%d records are there, want %d", page.Total, 4*each)
	}
}

func ended(t *testing.T, log storage.AuditLog) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Append(ctx, []*storage.Record{record(1)}); !errors.Is(err, context.Canceled) || errors.Is(err, storage.ErrRejected) {
		t.Errorf("Append = %v, want the context's error", err)
	}
	if _, err := log.List(ctx, storage.AuditQuery{Limit: 1}); !errors.Is(err, context.Canceled) {
		t.Errorf("List = %v, want the context's error", err)
	}
	if _, err := log.Get(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v, want the context's error", err)
	}
}
