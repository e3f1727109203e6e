package audit

import (
	"syscall"
	"testing"
	"time"

	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// BenchmarkRecord is what audit costs a call that goes to a provider: its begin and
// its end record, the writes included. cpu-ns/op is what the process used, which a
// busy machine does not change as much.
func BenchmarkRecord(b *testing.B) {
	l := newRig(b).Log
	step, admit := l.Step(), l.Admit()
	c := newCall(chatRPC)
	now := time.Now()
	c.Outcome.Exchange.UsageJSON = `{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}`
	attempts := []providers.Attempt{{
		Provider: "openai", Model: "gpt-4o-mini", Start: now, Duration: time.Second, HTTPStatus: 200, UpstreamRequestID: "req_0123456789",
	}}
	c.Outcome.Paid = []*usagev1.TokenUsage{c.Outcome.Usage}
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

// BenchmarkShip is what it costs, in the background, to bring one call's two
// records into the embedded database.
func BenchmarkShip(b *testing.B) {
	r := newRig(b)
	const calls = 2000
	var used time.Duration
	for b.Loop() {
		b.StopTimer()
		r.chat(calls)
		began := cpu(b)
		b.StartTimer()
		if err := r.shipAll(b.Context()); err != nil {
			b.Fatal(err)
		}
		used += cpu(b) - began
	}
	b.ReportMetric(float64(used.Nanoseconds())/float64(b.N*calls), "cpu-ns/call")
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
