package telemetry_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

const (
	createRPC = "signalbox.chat.v1.ChatService/CreateChatCompletion"
	streamRPC = "signalbox.chat.v1.ChatService/StreamChatCompletion"
	listRPC   = "signalbox.models.v1.ModelsService/ListModels"
)

// rig is a telemetry with the chain that calls pass.
type rig struct {
	*telemetry.Telemetry
	t     testing.TB
	chain *call.Chain
	log   *lines
}

// newRig is closed with the test.
func newRig(t testing.TB, cfg *configv1.Telemetry) *rig {
	t.Helper()
	r := &rig{t: t, log: &lines{}}
	log := telemetry.NewLogger(cfg.GetLogLevel(), cfg.GetLogFormat(), r.log, false)
	var err error
	r.Telemetry, err = telemetry.New(telemetry.Params{
		Config: cfg, Log: log, Version: "1.2.3",
		Providers: []*configv1.Provider{
			{Name: "openai", BaseUrl: "https://api.openai.example/v1"},
			{Name: "local", BaseUrl: "http://127.0.0.1:4000/v1"},
			{Name: "demo"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	r.chain = &call.Chain{
		Steps: []call.Step{r.Step()},
		Code: func(_ *call.Call, err error) *failure.Error {
			if typed := failure.As(err); typed != nil {
				return typed
			}
			return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The gateway failed.", err)
		},
		Log: slog.New(slog.DiscardHandler),
	}
	return r
}

// off is a configuration without traces.
func off() *configv1.Telemetry { return &configv1.Telemetry{LogLevel: "debug", LogFormat: "json"} }

// pass sends a call through the chain.
func (r *rig) pass(c *call.Call, err error) {
	r.t.Helper()
	if opened := r.chain.Open(r.t.Context(), c); opened != nil {
		r.t.Fatal(opened)
	}
	r.chain.Done(r.t.Context(), c, err)
}

// scrape is what Prometheus would read.
func (r *rig) scrape() series {
	r.t.Helper()
	w := httptest.NewRecorder()
	r.MetricsHandler().ServeHTTP(w, httptest.NewRequestWithContext(r.t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if w.Code != http.StatusOK {
		r.t.Fatalf("scrape: %d %s", w.Code, w.Body)
	}
	text := w.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader([]byte(text)))
	if err != nil {
		r.t.Fatalf("the scrape is not Prometheus' format: %v", err)
	}
	return series{t: r.t, families: families, text: text}
}

// series are the metrics of a scrape.
type series struct {
	t        testing.TB
	families map[string]*dto.MetricFamily
	text     string
}

// of is the value of the one series with exactly these labels: of a histogram, its
// count. Missing: -1.
func (s series) of(name string, labels ...string) float64 {
	s.t.Helper()
	for _, m := range s.families[name].GetMetric() {
		if !same(m.GetLabel(), labels) {
			continue
		}
		switch {
		case m.GetCounter() != nil:
			return m.GetCounter().GetValue()
		case m.GetGauge() != nil:
			return m.GetGauge().GetValue()
		default:
			return float64(m.GetHistogram().GetSampleCount())
		}
	}
	return -1
}

func same(pairs []*dto.LabelPair, want []string) bool {
	if len(pairs)*2 != len(want) {
		return false
	}
	got := map[string]string{}
	for _, pair := range pairs {
		got[pair.GetName()] = pair.GetValue()
	}
	for i := 0; i < len(want); i += 2 {
		if got[want[i]] != want[i+1] {
			return false
		}
	}
	return true
}

// must compares the value of a series.
func (s series) must(want float64, name string, labels ...string) {
	s.t.Helper()
	if got := s.of(name, labels...); got != want {
		s.t.Errorf("%s%v = %v, want %v", name, labels, got, want)
	}
}

// chat is a chat completion by REST, planned, that took a second and had one
// upstream call.
func chat(modelName string) *call.Call {
	c := call.New(auditv1.Entrance_ENTRANCE_REST, "")
	c.HTTPMethod, c.Path, c.RPC = http.MethodPost, "/v1/chat/completions", createRPC
	c.Policy = &policyv1.MethodPolicy{Operation: policyv1.Operation_OPERATION_CHAT}
	c.Principal = &call.Principal{Name: "alice", Owner: "/alice"}
	c.Start = c.Start.Add(-time.Second)
	c.Plan = &planv1.ExecutionPlan{
		Digest: "d1", Operation: policyv1.Operation_OPERATION_CHAT,
		Requested: &planv1.RequestedSelector{Model: "openai/" + modelName},
		Target:    &planv1.Target{Provider: "openai", ProviderType: "openai", Model: modelName},
		Features:  []policyv1.Feature{policyv1.Feature_FEATURE_USAGE},
	}
	c.Outcome.Exchange.Attempts = []providers.Attempt{{
		Provider: "openai", Model: modelName, Start: c.Start.Add(100 * time.Millisecond), Duration: 800 * time.Millisecond,
		HTTPStatus: 200, UpstreamRequestID: "req_1",
	}}
	c.Outcome.Usage = &usagev1.TokenUsage{Input: new(int32(70)), CacheRead: new(int32(30)), Output: new(int32(15)), Reasoning: new(int32(5))}
	c.Outcome.Paid = []*usagev1.TokenUsage{c.Outcome.Usage}
	c.Outcome.Messages = 1
	return c
}

// stream is chat as a stream by gRPC, of 12 messages.
func stream(modelName string) *call.Call {
	c := chat(modelName)
	c.Entrance, c.RPC, c.Path = auditv1.Entrance_ENTRANCE_GRPC, streamRPC, "/"+streamRPC
	c.Plan.Features = append(c.Plan.Features, policyv1.Feature_FEATURE_STREAMING)
	c.Outcome.FirstToken = c.Start.Add(300 * time.Millisecond)
	c.Outcome.Messages = 12
	return c
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
