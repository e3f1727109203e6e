package telemetry

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AuditMetrics counts what becomes of audit records. Safe for concurrent use.
type AuditMetrics struct {
	recorded, shed, shipped, storeErrors prometheus.Counter
	spoolBytes                           prometheus.Gauge
	events                               *prometheus.CounterVec
}

func newAuditMetrics(r registrar) *AuditMetrics {
	return &AuditMetrics{
		recorded:    r.counter("audit_records_total", "Audit records written to the spool, begins and ends counted separately."),
		shed:        r.counter("audit_shed_total", "Calls whose end could not be recorded."),
		shipped:     r.counter("audit_shipped_total", "Audit records moved from the spool to the store."),
		storeErrors: r.counter("audit_store_errors_total", "Attempts to move audit records to the store that failed."),
		events:      r.counters("audit_events_total", "What else happened to audit records.", "event"),
		spoolBytes:  r.gauge("audit_spool_bytes", "Size of the audit spool."),
	}
}

// Event counts what happened to records, by a name of the audit department's.
func (m *AuditMetrics) Event(name string, n int) {
	m.events.WithLabelValues(label(name)).Add(float64(n))
}

// Recorded counts records that were written to the spool.
func (m *AuditMetrics) Recorded(n int) { m.recorded.Add(float64(n)) }

// Shed counts records that were lost because they could not be written.
func (m *AuditMetrics) Shed(n int) { m.shed.Add(float64(n)) }

// SpoolBytes says how large the spool is.
func (m *AuditMetrics) SpoolBytes(n int64) { m.spoolBytes.Set(float64(n)) }

// Shipped counts records that were moved to the store.
func (m *AuditMetrics) Shipped(n int) { m.shipped.Add(float64(n)) }

// StoreFailed counts an attempt to move records to the store that failed.
func (m *AuditMetrics) StoreFailed() { m.storeErrors.Inc() }

// CatalogMetrics says what is known of models. Safe for concurrent use.
type CatalogMetrics struct {
	models, refreshed *prometheus.GaugeVec
}

func newCatalogMetrics(r registrar) *CatalogMetrics {
	return &CatalogMetrics{
		models:    r.gauges("catalog_models", "Models known of a provider.", "provider"),
		refreshed: r.gauges("catalog_refresh_timestamp_seconds", "When a provider last told its models, in seconds since 1970.", "provider"),
	}
}

// Models says how many models of a configured provider are known.
func (m *CatalogMetrics) Models(provider string, n int) {
	m.models.WithLabelValues(label(provider)).Set(float64(n))
}

// Refreshed says when a configured provider last told its models.
func (m *CatalogMetrics) Refreshed(provider string, at time.Time) {
	m.refreshed.WithLabelValues(label(provider)).Set(float64(at.UnixMilli()) / 1000)
}
