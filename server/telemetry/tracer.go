package telemetry

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// scope names the gateway as what makes the spans.
const scope = "github.com/signalbox-ai/signalbox"

// tracer makes the spans of calls. All spans of a call are made when it has ended,
// with their real times: until then a traced call costs nothing.
type tracer struct {
	tracer  trace.Tracer
	sender  *sender
	servers map[string][]attribute.KeyValue // by provider instance
}

// newTracer starts the sender. Headers and certificates for the collector are taken
// from OpenTelemetry's own variables of the environment.
func newTracer(params Params, spans *prometheus.CounterVec) (*tracer, error) {
	endpoint, err := withPort(params.Config.GetOtlpEndpoint())
	if err != nil {
		return nil, err
	}
	// No connection is made yet: gRPC connects when the first spans are sent.
	exporter, err := otlptracegrpc.New(context.Background(),
		otlptracegrpc.WithEndpointURL(endpoint), otlptracegrpc.WithTimeout(exportTimeout))
	if err != nil {
		return nil, fmt.Errorf("exporter to %s: %w", endpoint, err)
	}
	sender := newSender(exporter, spans, params.Log)
	// A sampled parent is followed; all others are drawn by the id of their trace, so
	// that gateways in a row draw alike.
	drawn := sdktrace.TraceIDRatioBased(float64(params.Config.GetTracePercent()) / 100)
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(sender),
		sdktrace.WithSampler(sdktrace.ParentBased(drawn, sdktrace.WithRemoteParentNotSampled(drawn))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "signalbox"), attribute.String("service.version", params.Version))),
	)
	return &tracer{
		tracer:  provider.Tracer(scope, trace.WithInstrumentationVersion(params.Version)),
		sender:  sender,
		servers: servers(params.Providers),
	}, nil
}

// withPort adds OTLP's port to an endpoint without one.
func withPort(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil {
		return "", fmt.Errorf("endpoint: %w", err)
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "4317")
	}
	return u.String(), nil
}

// servers says where each provider instance is.
func servers(providers []*configv1.Provider) map[string][]attribute.KeyValue {
	of := map[string][]attribute.KeyValue{}
	for _, p := range providers {
		u, err := url.Parse(p.GetBaseUrl())
		if err != nil || u.Hostname() == "" {
			continue // the demonstration has no address
		}
		port, err := strconv.Atoi(u.Port())
		if err != nil {
			port = 443
			if u.Scheme == "http" {
				port = 80
			}
		}
		of[p.GetName()] = []attribute.KeyValue{serverAddress.String(u.Hostname()), serverPort.Int(port)}
	}
	return of
}

// parent is a traceparent as propagation reads it. Baggage and state are not read:
// nothing that a client sends travels on.
type parent string

// Get returns the traceparent.
func (p parent) Get(key string) string {
	if key == "traceparent" {
		return string(p)
	}
	return ""
}

// Set is not used.
func (parent) Set(string, string) {}

// Keys is not used.
func (parent) Keys() []string { return nil }

// record makes the spans of a call that has ended: its own, and one for each
// upstream call. It returns the trace's id, or nothing when the call is not traced.
func (t *tracer) record(c *call.Call, failed *failure.Error, end time.Time) string {
	ctx := context.Background()
	if c.TraceParent != "" {
		ctx = propagation.TraceContext{}.Extract(ctx, parent(c.TraceParent))
	}
	ctx, span := t.tracer.Start(ctx, spanName(c), trace.WithTimestamp(c.Start), trace.WithSpanKind(trace.SpanKindServer))
	if !span.IsRecording() {
		return ""
	}
	for i := range c.Outcome.Exchange.Attempts {
		t.attempt(ctx, c, i, end)
	}
	span.SetAttributes(callAttributes(c, failed)...)
	if failed != nil && statusOf(failed) >= 500 {
		span.SetStatus(statusError, "")
	}
	// Wall clocks jump; the length of the span is the length of the call.
	span.End(trace.WithTimestamp(c.Start.Add(end.Sub(c.Start))))
	return span.SpanContext().TraceID().String()
}

// attempt makes the span of an upstream call.
func (t *tracer) attempt(ctx context.Context, c *call.Call, i int, end time.Time) {
	attempt := &c.Outcome.Exchange.Attempts[i]
	start := c.Start.Add(attempt.Start.Sub(c.Start))
	_, span := t.tracer.Start(ctx, operationName(c)+" "+label(attempt.Model), trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindClient))
	span.SetAttributes(attemptAttributes(c, i)...)
	span.SetAttributes(t.servers[attempt.Provider]...)
	if attempt.Reason != noReason {
		span.SetStatus(statusError, "")
	}
	stop := start.Add(attempt.Duration)
	if attempt.Duration == 0 {
		stop = start.Add(end.Sub(attempt.Start)) // it was cut off with the call
	}
	span.End(trace.WithTimestamp(stop))
}

func (t *tracer) close(ctx context.Context) error { return t.sender.close(ctx) }
