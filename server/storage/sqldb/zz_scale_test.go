package sqldb_test

import (
	"fmt"
	"testing"
	"time"
	"os"

	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

func TestScale(t *testing.T) {
	dir := "/tmp/biglist"
	db := open(t, dir)
	now := time.Now()
	const n = 1_000_000
	if p, _ := db.List(t.Context(), storage.AuditQuery{Limit: 1}); p.Total == 0 {
		began := time.Now()
		for i := 0; i < n; i += 500 {
			var rs []*storage.Record
			for j := i; j < i+500; j++ {
				e := &auditv1.AuditEntry{Id: fmt.Sprintf("01a20ebc-6950-7305-81b9-%012d", j), RequestId: fmt.Sprintf("01a20ebc-6950-7305-81b9-%012d", j), StartTime: timestamppb.New(now.Add(-time.Duration(n-j) * time.Second)), End: 1, Method: "POST", Path: "/v1/chat/completions", StatusCode: 200, RequestedModel: "gpt-4o-mini", ResolvedModel: "gpt-4o-mini-2024", Provider: "openai", KeyId: fmt.Sprintf("key-%d", j%50), Owner: fmt.Sprintf("/team/%d", j%50), PlanDigest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}
				if j%1000 == 0 { e.StatusCode = 502; e.ErrorType = "server_error"; e.Reason = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED }
				rs = append(rs, &storage.Record{Entry: e, Plan: &planv1.ExecutionPlan{Digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ConfigDigest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Method: "signalbox.chat.v1.ChatService/CreateChatCompletion"}})
			}
			if err := db.Append(t.Context(), rs); err != nil { t.Fatal(err) }
			if i%200000 == 0 { t.Log(i, time.Since(began)) }
		}
		t.Log("filled", time.Since(began))
	}
	if st, err := os.Stat(dir + "/signalbox.db"); err == nil { t.Log("size MB", st.Size()>>20) }
	for _, q := range []storage.AuditQuery{
		{}, {Start: now.Add(-30*24*time.Hour)}, {RequestID: "01a20ebc-6950-7305-81b9-000000500000"}, {StatusCode: 502}, {Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED}, {KeyID: "key-7"}, {Owner: "/team/7"}, {Search: "500000"}, {Search: "nothing"}, {Provider: "azure"}, {Model: "none"}, {Start: now.Add(-30*24*time.Hour), Provider: "azure"}, {Offset: 900000},
	} {
		q.Limit = 25
		for range 2 {
		began := time.Now()
		p, err := db.List(t.Context(), q)
		t.Logf("%-20s total %d entries %d %v %v", fmt.Sprintf("%+v", q)[:110], p.Total, len(p.Entries), time.Since(began).Round(10*time.Microsecond), err)
		}
	}
	began := time.Now()
	k, err := db.DeleteBefore(t.Context(), now.Add(-n*time.Second+500*time.Second), 500)
	t.Log("delete", k, err, time.Since(began))
}
