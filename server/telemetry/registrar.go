package telemetry

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/signalbox-ai/signalbox/server/call"
)

// registrar makes metrics under the gateway's name and registers them.
type registrar struct{ *prometheus.Registry }

const namespace = "signalbox"

func (r registrar) counter(name, help string) prometheus.Counter {
	m := prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help})
	r.MustRegister(m)
	return m
}

func (r registrar) counters(name, help string, labels ...string) *prometheus.CounterVec {
	m := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(m)
	return m
}

func (r registrar) gauge(name, help string) prometheus.Gauge {
	m := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help})
	r.MustRegister(m)
	return m
}

func (r registrar) gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	m := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, labels)
	r.MustRegister(m)
	return m
}

func (r registrar) histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	m := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(m)
	return m
}

// label is a text as a label's value: UTF-8, which Prometheus demands, and short.
func label(text string) string { return call.Cut(strings.ToValidUTF8(text, "?"), 128) }
