package telemetry_test

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// What a completion and a stream leave behind.
func TestMetricsOfCalls(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	r.pass(chat("gpt-4o"), nil)
	r.pass(chat("gpt-4o"), nil)
	r.pass(stream("gpt-4o"), nil)
	s := r.scrape()
	s.must(2, "signalbox_calls_total", "rpc", createRPC, "entrance", "rest", "provider", "openai", "model", "gpt-4o", "status", "2xx", "reason", "none")
	s.must(1, "signalbox_calls_total", "rpc", streamRPC, "entrance", "grpc", "provider", "openai", "model", "gpt-4o", "status", "2xx", "reason", "none")
	s.must(2, "signalbox_call_duration_seconds", "rpc", createRPC, "entrance", "rest", "provider", "openai", "model", "gpt-4o", "status", "2xx")
	s.must(1, "signalbox_time_to_first_token_seconds", "provider", "openai", "model", "gpt-4o")
	s.must(12, "signalbox_stream_messages_total", "provider", "openai", "model", "gpt-4o")
	s.must(210, "signalbox_tokens_total", "provider", "openai", "model", "gpt-4o", "class", "input")
	s.must(90, "signalbox_tokens_total", "provider", "openai", "model", "gpt-4o", "class", "cache_read")
	s.must(45, "signalbox_tokens_total", "provider", "openai", "model", "gpt-4o", "class", "output")
	s.must(15, "signalbox_tokens_total", "provider", "openai", "model", "gpt-4o", "class", "reasoning")
	s.must(-1, "signalbox_tokens_total", "provider", "openai", "model", "gpt-4o", "class", "output_audio") // unknown is not zero
	s.must(3, "signalbox_upstream_attempts_total", "provider", "openai", "status", "200", "reason", "none")
	s.must(0, "signalbox_calls_in_flight", "entrance", "rest")
	s.must(1, "signalbox_build_info", "version", "1.2.3", "go_version", runtime.Version())
	first := s.families["signalbox_time_to_first_token_seconds"].GetMetric()[0].GetHistogram()
	if got := first.GetSampleSum(); got < .29 || got > .31 {
		t.Errorf("the first token took %v s, want 0.3", got)
	}
	for _, name := range []string{"go_goroutines", "process_resident_memory_bytes", "process_open_fds"} {
		if s.families[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
}

// Each class of tokens has its own series, and together they are all tokens.
func TestMetricsOfTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	c := chat("m")
	c.Outcome.Paid = []*usagev1.TokenUsage{{
		Input: new(int32(1)), CacheRead: new(int32(2)), CacheWrites: []*usagev1.CacheWrite{{Tokens: 3}, {Tokens: 4}},
		InputAudio: new(int32(5)), InputImage: new(int32(6)), Output: new(int32(7)), Reasoning: new(int32(8)),
		OutputAudio: new(int32(9)), OutputImage: new(int32(10)), RejectedPrediction: new(int32(0)),
	}}
	r.pass(c, nil)
	s := r.scrape()
	for class, want := range map[string]float64{
		"input": 1, "cache_read": 2, "cache_write": 7, "input_audio": 5, "input_image": 6, "output": 7, "reasoning": 8,
		"output_audio": 9, "output_image": 10, "rejected_prediction": 0,
	} {
		s.must(want, "signalbox_tokens_total", "provider", "openai", "model", "m", "class", class)
	}
	if got, all := len(s.families["signalbox_tokens_total"].GetMetric()), (&usagev1.TokenUsage{}).ProtoReflect().Descriptor().Fields().Len(); got != all {
		t.Errorf("%d classes are counted, TokenUsage has %d", got, all)
	}
}

// A call counts as in flight from its arrival to its end.
func TestMetricsOfCallsInFlight(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	c := stream("gpt-4o")
	if err := r.chain.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r.scrape().must(1, "signalbox_calls_in_flight", "entrance", "grpc")
	r.chain.Done(t.Context(), c, nil)
	r.chain.Done(t.Context(), c, nil) // only the first counts
	s := r.scrape()
	s.must(0, "signalbox_calls_in_flight", "entrance", "grpc")
	s.must(1, "signalbox_calls_total", "rpc", streamRPC, "entrance", "grpc", "provider", "openai", "model", "gpt-4o", "status", "2xx", "reason", "none")
}

// Calls that failed are told apart by reason; upstream calls by status and reason.
func TestMetricsOfFailures(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	retried := chat("gpt-4o")
	retried.Outcome.Exchange.Attempts = []providers.Attempt{
		{Provider: "openai", HTTPStatus: 503, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED},
		{Provider: "openai", HTTPStatus: 0, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE},
		{Provider: "openai", HTTPStatus: 529, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED},
		{Provider: "openai", HTTPStatus: 599, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED},
		{Provider: "openai", HTTPStatus: 4711, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY},
	}
	r.pass(retried, failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, "The provider is overloaded."))
	unplanned := chat("gpt-4o")
	unplanned.Plan, unplanned.Outcome.Exchange.Attempts, unplanned.Outcome.Usage = nil, nil, nil
	r.pass(unplanned, failure.New(commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING, "There are no credentials."))
	lost := call.New(auditv1.Entrance_ENTRANCE_REST, "")
	lost.HTTPMethod, lost.Path = http.MethodGet, "/v1/nowhere"
	r.pass(lost, failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "There is no such route."))
	s := r.scrape()
	s.must(1, "signalbox_calls_total", "rpc", createRPC, "entrance", "rest", "provider", "openai", "model", "gpt-4o", "status", "5xx", "reason", "upstream_overloaded")
	s.must(1, "signalbox_calls_total", "rpc", createRPC, "entrance", "rest", "provider", "none", "model", "none", "status", "4xx", "reason", "credentials_missing")
	s.must(1, "signalbox_calls_total", "rpc", "none", "entrance", "rest", "provider", "none", "model", "none", "status", "4xx", "reason", "route_not_found")
	s.must(1, "signalbox_upstream_attempts_total", "provider", "openai", "status", "503", "reason", "upstream_overloaded")
	s.must(1, "signalbox_upstream_attempts_total", "provider", "openai", "status", "none", "reason", "upstream_unreachable")
	s.must(1, "signalbox_upstream_attempts_total", "provider", "openai", "status", "529", "reason", "upstream_overloaded")
	s.must(1, "signalbox_upstream_attempts_total", "provider", "openai", "status", "5xx", "reason", "upstream_failed")
	s.must(1, "signalbox_upstream_attempts_total", "provider", "openai", "status", "none", "reason", "upstream_invalid_reply")
}

// A provider with more models than anyone needs does not fill the memory of those
// who scrape, and no call is lost from the counts.
func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	const models, reasons = 3000, 5
	r := newRig(t, off())
	var callers sync.WaitGroup
	for caller := range 4 {
		callers.Go(func() {
			for i := caller; i < models; i += 4 {
				for reason := range reasons {
					var err error
					if reason > 0 {
						err = failure.New(commonv1.ErrorReason(int(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED)+reason), "failed")
					}
					r.pass(chat(fmt.Sprintf("model-%d", i)), err)
				}
			}
		})
	}
	callers.Wait()
	s := r.scrape()
	seen, total := map[string]bool{}, 0.0
	for _, m := range s.families["signalbox_calls_total"].GetMetric() {
		total += m.GetCounter().GetValue()
		for _, pair := range m.GetLabel() {
			if pair.GetName() == "model" {
				seen[pair.GetValue()] = true
			}
		}
	}
	if len(seen) != 201 || !seen["other"] {
		t.Errorf("%d models have series, want 200 and \"other\"", len(seen))
	}
	if total != models*reasons {
		t.Errorf("%v calls are counted, want %v", total, models*reasons)
	}
	if n := len(s.text); n > 16<<20 {
		t.Errorf("the scrape has %d bytes", n)
	}
}

// Nothing that a client typed becomes a label, and names that no label can hold are
// made to fit.
func TestMetricsLabels(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	c := chat("gpt-4o")
	c.Plan.Target = nil
	c.Plan.Requested.Model = "typed-by-the-client"
	c.Path = "/v1/chat/completions/typed-by-the-client"
	c.HTTPMethod = "typed-by-the-client"
	c.Client.UserAgent = "typed-by-the-client"
	r.pass(c, failure.New(commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "There is no model typed-by-the-client."))
	r.pass(chat("broken-\xff-"+strings.Repeat("x", 300)), nil)
	s := r.scrape()
	if strings.Contains(s.text, "typed-by-the-client") {
		t.Error("what the client typed is in the metrics")
	}
	s.must(1, "signalbox_calls_total", "rpc", createRPC, "entrance", "rest", "provider", "openai",
		"model", "broken-?-"+strings.Repeat("x", 119), "status", "2xx", "reason", "none")
}

// The departments' own counts.
func TestMetricsOfDepartments(t *testing.T) {
	t.Parallel()
	r := newRig(t, off())
	audit, catalog := r.Audit(), r.Catalog()
	audit.Recorded(3)
	audit.Shed(2)
	audit.SpoolBytes(4096)
	audit.Shipped(1)
	audit.StoreFailed()
	catalog.Models("openai", 88)
	catalog.Refreshed("openai", time.Unix(1_800_000_000, 500_000_000))
	s := r.scrape()
	s.must(3, "signalbox_audit_records_total")
	s.must(2, "signalbox_audit_shed_total")
	s.must(4096, "signalbox_audit_spool_bytes")
	s.must(1, "signalbox_audit_shipped_total")
	s.must(1, "signalbox_audit_store_errors_total")
	s.must(88, "signalbox_catalog_models", "provider", "openai")
	s.must(1_800_000_000.5, "signalbox_catalog_refresh_timestamp_seconds", "provider", "openai")
}

// The metrics of a gateway that has done nothing are there, at zero, so that alerts
// on them work from the start.
func TestMetricsAtStart(t *testing.T) {
	t.Parallel()
	s := newRig(t, off()).scrape()
	s.must(0, "signalbox_audit_shed_total")
	s.must(0, "signalbox_calls_in_flight", "entrance", "rest")
	s.must(0, "signalbox_calls_in_flight", "entrance", "grpc")
}
