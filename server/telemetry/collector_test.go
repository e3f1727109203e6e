package telemetry_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonotlp "go.opentelemetry.io/proto/otlp/common/v1"
	resourceotlp "go.opentelemetry.io/proto/otlp/resource/v1"
	traceotlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// otlp is a collector of traces.
type otlp struct {
	collector.UnimplementedTraceServiceServer
	t        *testing.T
	address  string
	requests chan *collector.ExportTraceServiceRequest
	refuses  atomic.Bool
}

// Export takes spans.
func (o *otlp) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	refused := o.refuses.Load()
	o.requests <- request
	if refused {
		return nil, status.Error(codes.InvalidArgument, "refused")
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newCollector(t *testing.T) *otlp {
	t.Helper()
	l := listen(t)
	o := &otlp{t: t, address: l.Addr().String(), requests: make(chan *collector.ExportTraceServiceRequest, 100)}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, o)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return o
}

// config sends traces of so many percent of the calls here.
func (o *otlp) config(percent int32) *configv1.Telemetry {
	return &configv1.Telemetry{LogLevel: "debug", LogFormat: "json", OtlpEndpoint: "http://" + o.address, TracePercent: &percent}
}

// spans are what arrived, by name, and the resource that they are of. They are all
// there once the telemetry is closed.
func (o *otlp) spans() (spans []*traceotlp.Span, resource *resourceotlp.Resource) {
	o.t.Helper()
	for {
		select {
		case request := <-o.requests:
			for _, of := range request.GetResourceSpans() {
				resource = of.GetResource()
				for _, scope := range of.GetScopeSpans() {
					spans = append(spans, scope.GetSpans()...)
				}
			}
		default:
			return spans, resource
		}
	}
}

// attributes are attributes as a map; values as Go values.
func attributes(pairs []*commonotlp.KeyValue) map[string]any {
	m := map[string]any{}
	for _, pair := range pairs {
		switch v := pair.GetValue().GetValue().(type) {
		case *commonotlp.AnyValue_StringValue:
			m[pair.GetKey()] = v.StringValue
		case *commonotlp.AnyValue_IntValue:
			m[pair.GetKey()] = v.IntValue
		case *commonotlp.AnyValue_DoubleValue:
			m[pair.GetKey()] = v.DoubleValue
		case *commonotlp.AnyValue_BoolValue:
			m[pair.GetKey()] = v.BoolValue
		default:
			m[pair.GetKey()] = v
		}
	}
	return m
}

func length(s *traceotlp.Span) time.Duration {
	return time.Duration(s.GetEndTimeUnixNano() - s.GetStartTimeUnixNano())
}
