package audit

import (
	"syscall"
	"testing"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/server/call"
)

// BenchmarkRecord is what audit costs a call that goes to a provider: its begin and
// its end record, the writes included. cpu-ns/op is what the process used, which a
// busy machine does not change as much.
func BenchmarkRecord(b *testing.B) {
	l := newTestLog(b, nullStore{}, nil)
	step, admit := l.Step(), l.Admit()
	c := call.New(auditv1.Entrance_ENTRANCE_REST, "")
	fill(c)
	now := time.Now()
	c.Outcome.Exchange.UsageJSON = `{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}`
	attempts := []providers.Attempt{{
		Model: "gpt-4o-mini", Start: now, Duration: time.Second, HTTPStatus: 200, UpstreamRequestID: "req_0123456789",
	}}
	b.ReportAllocs()
	began := cpu(b)
	for b.Loop() {
		c.Outcome.FirstToken, c.Outcome.Exchange.Connected, c.Outcome.Exchange.Attempts = time.Time{}, time.Time{}, nil
		if err := admit.Request(b.Context(), c, nil); err != nil {
			b.Fatal(err)
		}
		c.Outcome.FirstToken, c.Outcome.Exchange.Connected, c.Outcome.Exchange.Attempts = now, now, attempts
		step.Done(b.Context(), c, nil)
	}
	b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// cpu is the time that the process has spent on a processor.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
