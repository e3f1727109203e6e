package telemetry

import (
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// none is the value of a label where the call has nothing to say.
const none = "none"

// other is the value of a label beyond the bound.
const other = "other"

// maxModels bounds the models that have series of their own, and maxCalls the
// series of calls; what comes later is counted as model "other". The bounds are far
// above what a gateway serves, and keep a scrape below some MB.
const (
	maxModels = 200
	maxCalls  = 4000
)

// Bounds of the histograms' buckets, in seconds: from a refusal to a long stream.
var (
	durationBuckets   = []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600}
	firstTokenBuckets = []float64{.025, .05, .1, .25, .5, .75, 1, 1.5, 2.5, 5, 10, 30, 60, 120}
)

// metrics are the series of the gateway. All labels are bounded: RPCs, entrances,
// reasons and token classes by the protos, providers by the configuration, models
// by maxModels. What a client typed is never one.
type metrics struct {
	registry *prometheus.Registry
	audit    *AuditMetrics
	catalog  *CatalogMetrics
	spans    *prometheus.CounterVec

	inFlight   [entrances]prometheus.Gauge
	calls      *prometheus.CounterVec
	durations  *prometheus.HistogramVec
	firstToken *prometheus.HistogramVec
	messages   *prometheus.CounterVec
	tokens     *prometheus.CounterVec
	attempts   *prometheus.CounterVec

	// The series in use, found without a lock.
	ofModels   table[modelKey, *modelSeries]
	ofCalls    table[callKey, callSeries]
	ofAttempts table[attemptKey, prometheus.Counter]
	ofTokens   table[tokenKey, prometheus.Counter]
}

type modelKey struct{ provider, model string }

// modelSeries are the series of one model at one provider.
type modelSeries struct {
	provider, model string // the labels' values
	firstToken      prometheus.Observer
	messages        prometheus.Counter
}

type callKey struct {
	rpc      string
	entrance int
	reason   commonv1.ErrorReason
	status   int // hundreds
	model    *modelSeries
}

type callSeries struct {
	total    prometheus.Counter
	duration prometheus.Observer
}

type tokenKey struct {
	model *modelSeries
	class string
}

type attemptKey struct {
	provider string
	status   int
	reason   commonv1.ErrorReason
}

func newMetrics(version string) *metrics {
	r := registrar{prometheus.NewRegistry()}
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m := &metrics{
		registry: r.Registry,
		audit:    newAuditMetrics(r),
		catalog:  newCatalogMetrics(r),
		spans:    r.counters("trace_spans_total", "Spans by what became of them: exported, failed (the collector did not take them), dropped (the queue was full).", "result"),
		calls: r.counters("calls_total", "Calls that ended, refused ones included.",
			"rpc", "entrance", "provider", "model", "status", "reason"),
		durations: r.histograms("call_duration_seconds", "How long calls took, to the last byte.", durationBuckets,
			"rpc", "entrance", "provider", "model", "status"),
		firstToken: r.histograms("time_to_first_token_seconds", "From a call's arrival to the first piece of its streamed reply.", firstTokenBuckets,
			"provider", "model"),
		messages: r.counters("stream_messages_total", "Messages of streamed replies.", "provider", "model"),
		tokens:   r.counters("tokens_total", "Tokens, in disjoint classes, as providers reported them.", "provider", "model", "class"),
		attempts: r.counters("upstream_attempts_total", "Calls of providers, retries included.", "provider", "status", "reason"),
	}
	inFlight := r.gauges("calls_in_flight", "Calls that have arrived and not ended.", "entrance")
	for i, name := range entranceNames {
		m.inFlight[i] = inFlight.WithLabelValues(name)
	}
	r.gauges("build_info", "Always 1; the labels say which build runs.", "version", "go_version").
		WithLabelValues(label(version), runtime.Version()).Set(1)
	return m
}

// observe counts a call that has ended.
func (m *metrics) observe(c *call.Call, failed *failure.Error, end time.Time) {
	target := c.Target()
	model := m.model(modelKey{target.GetProvider(), target.GetModel()})
	series := m.call(callKey{c.RPC, entranceOf(c), reasonOf(failed), statusOf(failed) / 100, model})
	series.total.Inc()
	series.duration.Observe(end.Sub(c.Start).Seconds())
	if c.Has(policyv1.Feature_FEATURE_STREAMING) {
		model.messages.Add(float64(c.Outcome.Messages))
		if first := c.Outcome.FirstToken; !first.IsZero() {
			model.firstToken.Observe(first.Sub(c.Start).Seconds())
		}
	}
	for i := range c.Outcome.Exchange.Attempts {
		attempt := &c.Outcome.Exchange.Attempts[i]
		if i < len(c.Outcome.Paid) { // at whoever was paid, who need not be who answered
			m.paid(attempt, c.Outcome.Paid[i])
		}
		m.attempt(attemptKey{attempt.Provider, attempt.HTTPStatus, attempt.Reason}).Inc()
	}
}

// paid counts the tokens of an upstream call.
func (m *metrics) paid(attempt *providers.Attempt, used *usagev1.TokenUsage) {
	if used == nil {
		return
	}
	model := m.model(modelKey{attempt.Provider, attempt.Model})
	eachClass(used, func(class string, n int32) { m.token(tokenKey{model, class}).Add(float64(n)) })
}
