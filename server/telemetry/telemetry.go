// Package telemetry tells operators what the gateway does: metrics for Prometheus,
// traces by OpenTelemetry's conventions for generative AI, and one log line for
// each call. None of it holds content or credentials, and none of it can slow a
// call down.
package telemetry

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// Params is what Telemetry is made from. Config and Log are required.
type Params struct {
	// Config is the telemetry's part of the configuration, defaults set.
	Config *configv1.Telemetry
	// Log takes the calls' lines.
	Log *slog.Logger
	// Version is the gateway's own.
	Version string
	// Providers are the configured instances; traces say where they are. Nil: they
	// do not.
	Providers []*configv1.Provider
}

// Telemetry observes calls. Safe for concurrent use.
type Telemetry struct {
	log     *slog.Logger
	metrics *metrics
	tracer  *tracer // nil: calls are not traced
}

// New returns the telemetry, and starts the sender of traces when they are
// configured. It makes no call to the network and waits for nothing.
func New(params Params) (*Telemetry, error) {
	t := &Telemetry{log: params.Log, metrics: newMetrics(params.Version)}
	if params.Config.GetOtlpEndpoint() == "" {
		return t, nil
	}
	var err error
	if t.tracer, err = newTracer(params, t.metrics.spans); err != nil {
		return nil, fmt.Errorf("set up traces: %w", err)
	}
	return t, nil
}

// Step observes each call; it must be the outermost. It needs nothing between the
// call's arrival and its end: the Call has all times.
func (t *Telemetry) Step() call.Step {
	return call.Step{
		Name: "telemetry",
		Open: func(_ context.Context, c *call.Call) error {
			t.metrics.inFlight[entranceOf(c)].Inc()
			return nil
		},
		Done: func(ctx context.Context, c *call.Call, failed *failure.Error) {
			end := time.Now()
			t.metrics.inFlight[entranceOf(c)].Dec()
			t.metrics.observe(c, failed, end)
			trace := ""
			if t.tracer != nil {
				trace = t.tracer.record(c, failed, end)
			}
			logCall(ctx, t.log, c, failed, end, trace)
		},
	}
}

// MetricsHandler serves the metrics in Prometheus' text format.
func (t *Telemetry) MetricsHandler() http.Handler {
	return promhttp.HandlerFor(t.metrics.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4, // a scrape takes milliseconds; whoever asks more often is not a scraper
		EnableOpenMetrics:   false,
	})
}

// Audit is where the audit department counts.
func (t *Telemetry) Audit() *AuditMetrics { return t.metrics.audit }

// Catalog is where the catalog counts.
func (t *Telemetry) Catalog() *CatalogMetrics { return t.metrics.catalog }

// Close sends the traces that wait, for as long as ctx lasts and five seconds at
// most. Calls that end later are not traced.
func (t *Telemetry) Close(ctx context.Context) error {
	if t.tracer == nil {
		return nil
	}
	return t.tracer.close(ctx)
}
