package telemetry_test

import (
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/call"
)

// BenchmarkStep is what the step costs a call: as users run it, and with traces, of
// which the collector takes none.
func BenchmarkStep(b *testing.B) {
	for _, bc := range []struct {
		name string
		cfg  *configv1.Telemetry
		call func(string) *call.Call
	}{
		{"unary", &configv1.Telemetry{}, chat},
		{"stream", &configv1.Telemetry{}, stream},
		{"unary not sampled", &configv1.Telemetry{OtlpEndpoint: "http://127.0.0.1:1", TracePercent: new(int32(0))}, chat},
		{"unary traced", &configv1.Telemetry{OtlpEndpoint: "http://127.0.0.1:1", TracePercent: new(int32(100))}, chat},
	} {
		b.Run(bc.name, func(b *testing.B) {
			r := newRig(b, bc.cfg)
			step, c := r.Step(), bc.call("gpt-4o")
			b.ReportAllocs()
			for b.Loop() {
				if err := step.Open(b.Context(), c); err != nil {
					b.Fatal(err)
				}
				step.Done(b.Context(), c, nil)
			}
		})
	}
}
