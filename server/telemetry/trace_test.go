package telemetry_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	traceotlp "go.opentelemetry.io/proto/otlp/trace/v1"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

const (
	sampledParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	unsampled     = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
)

// shut closes the telemetry, so that all spans are sent.
func (r *rig) shut() {
	r.t.Helper()
	if err := r.Close(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// hasAttributes compares attributes; want may be fewer.
func hasAttributes(t *testing.T, of string, got, want map[string]any) {
	t.Helper()
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s: %s = %v, want %v", of, key, got[key], value)
		}
	}
}

// A stream with a retry: a span for the call, one for each upstream call, in the
// client's trace, with their real times.
func TestTraceOfCall(t *testing.T) {
	t.Parallel()
	o := newCollector(t)
	r := newRig(t, o.config(100))
	c := stream("gpt-4o")
	c.TraceParent = sampledParent
	c.Outcome.Exchange.Attempts = []providers.Attempt{
		{Provider: "openai", Model: "gpt-4o", Start: c.Start.Add(10 * time.Millisecond), Duration: 50 * time.Millisecond, HTTPStatus: 503, Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED},
		{Provider: "openai", Model: "gpt-4o", Start: c.Start.Add(200 * time.Millisecond), Duration: 700 * time.Millisecond, HTTPStatus: 200, UpstreamRequestID: "req_2"},
	}
	r.pass(c, nil)
	r.shut()
	spans, resource := o.spans()
	if len(spans) != 3 {
		t.Fatalf("%d spans arrived, want 3", len(spans))
	}
	first, second, server := spans[0], spans[1], spans[2]
	for _, span := range spans {
		if span.GetName() != "chat gpt-4o" {
			t.Errorf("a span is named %q", span.GetName())
		}
		if got := hex.EncodeToString(span.GetTraceId()); got != "0af7651916cd43dd8448eb211c80319c" {
			t.Errorf("a span is of trace %s, not of the client's", got)
		}
	}
	if server.GetKind() != traceotlp.Span_SPAN_KIND_SERVER || hex.EncodeToString(server.GetParentSpanId()) != "b7ad6b7169203331" {
		t.Errorf("the call's span is %v with parent %x", server.GetKind(), server.GetParentSpanId())
	}
	for _, attempt := range []*traceotlp.Span{first, second} {
		if attempt.GetKind() != traceotlp.Span_SPAN_KIND_CLIENT || string(attempt.GetParentSpanId()) != string(server.GetSpanId()) {
			t.Errorf("an upstream call's span is %v with parent %x", attempt.GetKind(), attempt.GetParentSpanId())
		}
	}
	if d := length(server); d < time.Second || d > 10*time.Second {
		t.Errorf("the call took %v in its span", d)
	}
	if d := length(first); d != 50*time.Millisecond {
		t.Errorf("the first upstream call took %v in its span, want 50ms", d)
	}
	if d := second.GetStartTimeUnixNano() - server.GetStartTimeUnixNano(); d != uint64(200*time.Millisecond) {
		t.Errorf("the second upstream call began after %v ns, want 200ms", d)
	}
	hasAttributes(t, "call", attributes(server.GetAttributes()), map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "openai/gpt-4o",
		"gen_ai.response.model": "gpt-4o", "gen_ai.usage.input_tokens": int64(100), "gen_ai.usage.output_tokens": int64(20),
		"gen_ai.usage.cache_read.input_tokens": int64(30), "gen_ai.usage.reasoning.output_tokens": int64(5),
		"gen_ai.request.stream": true, "gen_ai.response.time_to_first_chunk": 0.3,
		"rpc.system.name": "grpc", "rpc.method": streamRPC, "rpc.response.status_code": "OK",
		"signalbox.call_id": c.ID, "signalbox.request_id": c.RequestID, "signalbox.principal": "alice", "signalbox.plan_digest": "d1",
		"signalbox.provider": "openai", "signalbox.end": "completed", "error.type": nil,
	})
	hasAttributes(t, "first upstream call", attributes(first.GetAttributes()), map[string]any{
		"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o", "http.response.status_code": int64(503), "error.type": "upstream_overloaded",
		"server.address": "api.openai.example", "server.port": int64(443), "gen_ai.usage.input_tokens": nil,
	})
	if first.GetStatus().GetCode() != traceotlp.Status_STATUS_CODE_ERROR {
		t.Error("the upstream call that failed has no status")
	}
	hasAttributes(t, "second upstream call", attributes(second.GetAttributes()), map[string]any{
		"http.request.resend_count": int64(1), "http.response.status_code": int64(200), "signalbox.upstream_request_id": "req_2", "error.type": nil,
	})
	hasAttributes(t, "resource", attributes(resource.GetAttributes()), map[string]any{"service.name": "signalbox", "service.version": "1.2.3"})
	r.scrape().must(3, "signalbox_trace_spans_total", "result", "exported")
	if !strings.Contains(r.log.String(), `"trace_id":"0af7651916cd43dd8448eb211c80319c"`) {
		t.Errorf("the call's line does not name its trace: %s", r.log)
	}
}

// What the spans of calls that fail, or that are no completions, say.
func TestTraceOfOtherCalls(t *testing.T) {
	t.Parallel()
	unknown := func() *call.Call {
		c := chat("gpt-4o")
		c.Plan.Target, c.Outcome.Exchange.Attempts, c.Outcome.Usage = nil, nil, nil
		return c
	}
	lost := unknown()
	lost.RPC, lost.Policy, lost.Plan, lost.HTTPMethod = "", nil, nil, "MADEUP"
	list := unknown()
	list.RPC, list.Policy, list.HTTPMethod = listRPC, &policyv1.MethodPolicy{Operation: policyv1.Operation_OPERATION_MODELS}, http.MethodGet
	missing := failure.New(commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, "There is no such model.")
	for _, tc := range []struct {
		name   string
		call   *call.Call
		err    error
		span   string
		status traceotlp.Status_StatusCode
		want   map[string]any
	}{
		{"a model that nobody has", unknown(), missing, "chat", 0, map[string]any{
			"error.type": "model_not_found", "http.response.status_code": int64(404), "gen_ai.response.model": nil, "signalbox.end": "failed", "http.request.method": "POST",
		}},
		{"a fault of ours", unknown(), errors.New("nil map"), "chat", traceotlp.Status_STATUS_CODE_ERROR, map[string]any{
			"error.type": "internal", "http.response.status_code": int64(500),
		}},
		{"a list", list, nil, listRPC, 0, map[string]any{"rpc.method": listRPC, "gen_ai.operation.name": nil, "http.request.method": "GET"}},
		{"no route", lost, failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "There is no such route."), "unknown route", 0, map[string]any{
			"http.request.method": "_OTHER", "rpc.method": nil, "http.response.status_code": int64(404),
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := newCollector(t)
			r := newRig(t, o.config(100))
			r.pass(tc.call, tc.err)
			r.shut()
			spans, _ := o.spans()
			if len(spans) != 1 {
				t.Fatalf("%d spans arrived, want 1", len(spans))
			}
			if spans[0].GetName() != tc.span || spans[0].GetStatus().GetCode() != tc.status || len(spans[0].GetParentSpanId()) != 0 {
				t.Errorf("span %q, status %v, parent %x", spans[0].GetName(), spans[0].GetStatus(), spans[0].GetParentSpanId())
			}
			hasAttributes(t, "span", attributes(spans[0].GetAttributes()), tc.want)
		})
	}
}

// The share of calls that are traced; a parent that is sampled is always followed.
func TestTraceSampling(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, parent string
		percent      int32
		from, to     int // traced, of 400
	}{
		{"all", "", 100, 400, 400},
		{"none", "", 0, 0, 0},
		{"half", "", 50, 120, 280},
		{"none but of sampled parents", sampledParent, 0, 400, 400},
		{"none, of unsampled parents either", unsampled, 0, 0, 0},
		{"all, of unsampled parents too", unsampled, 100, 400, 400},
		{"a parent that cannot be read is none", "00-xyz-01", 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			o := newCollector(t)
			r := newRig(t, o.config(tc.percent))
			for range 400 {
				c := chat("gpt-4o")
				c.TraceParent, c.Outcome.Exchange.Attempts = tc.parent, nil
				r.pass(c, nil)
			}
			r.shut()
			if spans, _ := o.spans(); len(spans) < tc.from || len(spans) > tc.to {
				t.Errorf("%d of 400 calls are traced, want %d to %d", len(spans), tc.from, tc.to)
			}
		})
	}
}

// The names are those of the conventions.
func TestTraceNames(t *testing.T) {
	t.Parallel()
	o := newCollector(t)
	r := newRig(t, o.config(100))
	c := stream("gpt-4o")
	c.Outcome.Exchange.Attempts[0].Reason = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED
	c.Outcome.Exchange.Attempts = append(c.Outcome.Exchange.Attempts, c.Outcome.Exchange.Attempts[0])
	c.Outcome.Usage.CacheWrites = append(c.Outcome.Usage.CacheWrites, writes(9))
	r.pass(c, failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "The stream broke off."))
	r.pass(chat("gpt-4o"), nil)
	r.shut()
	known := map[string]bool{}
	for _, key := range []attribute.Key{
		semconv.ErrorTypeKey, semconv.ServerAddressKey, semconv.ServerPortKey, semconv.HTTPRequestMethodKey, semconv.HTTPResponseStatusCodeKey,
		semconv.HTTPRequestResendCountKey, semconv.RPCSystemNameKey, semconv.RPCMethodKey, semconv.RPCResponseStatusCodeKey,
		semconv.GenAIOperationNameKey, semconv.GenAIProviderNameKey, semconv.GenAIRequestModelKey, semconv.GenAIRequestStreamKey,
		semconv.GenAIResponseModelKey, semconv.GenAIResponseTimeToFirstChunkKey, semconv.GenAIUsageInputTokensKey, semconv.GenAIUsageOutputTokensKey,
		semconv.GenAIUsageCacheReadInputTokensKey, semconv.GenAIUsageCacheCreationInputTokensKey, semconv.GenAIUsageReasoningOutputTokensKey,
	} {
		known[string(key)] = true
	}
	used := map[string]bool{}
	spans, _ := o.spans()
	for _, span := range spans {
		for key := range attributes(span.GetAttributes()) {
			if !strings.HasPrefix(key, "signalbox.") {
				used[key] = true
			}
		}
	}
	if !maps.Equal(known, used) {
		t.Errorf("the spans have %v, the conventions %v", used, known)
	}
}

// A collector that accepts and says nothing costs calls nothing: what it does not
// take is dropped and counted, and closing waits no longer than it may.
func TestTraceToBlackHole(t *testing.T) {
	t.Parallel()
	const calls = 10_000
	l := listen(t)
	var held sync.WaitGroup
	held.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			held.Go(func() { _, _ = io.Copy(io.Discard, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		held.Wait()
	})
	slow := newRig(t, &configv1.Telemetry{OtlpEndpoint: "http://" + l.Addr().String(), TracePercent: new(int32(100))})
	worst := time.Duration(0)
	for range calls {
		c := chat("gpt-4o")
		began := time.Now()
		slow.pass(c, nil)
		worst = max(worst, time.Since(began))
	}
	if worst > time.Second {
		t.Errorf("a call waited %v", worst)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := slow.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("Close took %v of 100ms", took)
	}
	s := slow.scrape()
	dropped, failed := s.of("signalbox_trace_spans_total", "result", "dropped"), s.of("signalbox_trace_spans_total", "result", "failed")
	if dropped < calls || dropped+failed != 2*calls {
		t.Errorf("%v spans dropped, %v failed, of %v", dropped, failed, 2*calls)
	}
	slow.pass(chat("gpt-4o"), nil) // after the end, too
}

// A collector that is not there is said once, however many batches it loses.
func TestTraceToNobody(t *testing.T) {
	t.Parallel()
	l := listen(t)
	_ = l.Close()
	r := newRig(t, &configv1.Telemetry{OtlpEndpoint: "http://" + l.Addr().String(), TracePercent: new(int32(100))})
	for range 900 { // four batches
		r.pass(chat("gpt-4o"), nil)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := r.Close(ctx); err != nil {
		t.Errorf("Close: %v", err)
	}
	if n := strings.Count(r.log.String(), "traces cannot be sent"); n != 1 {
		t.Errorf("the log says it %d times:\n%s", n, r.log)
	}
	r.scrape().must(1800, "signalbox_trace_spans_total", "result", "failed")
}

// That a collector takes traces again is said as well.
func TestTraceToCollectorThatComesBack(t *testing.T) {
	t.Parallel()
	o := newCollector(t)
	o.refuses.Store(true)
	r := newRig(t, o.config(100))
	for range 256 { // a batch
		r.pass(chat("gpt-4o"), nil)
	}
	<-o.requests
	o.refuses.Store(false)
	r.pass(chat("gpt-4o"), nil)
	r.shut()
	log := r.log.String()
	if !strings.Contains(log, "traces cannot be sent") || !strings.Contains(log, "traces are sent again") {
		t.Errorf("the log has neither or one:\n%s", log)
	}
	s := r.scrape()
	s.must(512, "signalbox_trace_spans_total", "result", "failed")
	s.must(2, "signalbox_trace_spans_total", "result", "exported")
}

// An endpoint that is no URL is an error at the start.
func TestTraceEndpoint(t *testing.T) {
	t.Parallel()
	if _, err := newTelemetry(&configv1.Telemetry{OtlpEndpoint: "http://[::1"}); err == nil {
		t.Error("taken")
	}
	fine, err := newTelemetry(&configv1.Telemetry{OtlpEndpoint: "https://collector.example", TracePercent: new(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	if err := fine.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
