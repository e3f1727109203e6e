package server

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/signalbox-ai/signalbox/server/catalog"
)

// readiness says whether calls can be served, and what is missing when not. It does
// not follow the store: the data plane lives without it.
type readiness struct {
	catalog  *catalog.Catalog
	grpc     *health.Server
	stopping atomic.Bool
	mu       sync.Mutex
}

// report is the body of /health/ready.
type report struct {
	Ready     bool           `json:"ready"`
	Missing   []string       `json:"missing"`
	Providers []providerView `json:"providers"`
}

// providerView is one provider instance as readiness shows it.
type providerView struct {
	Name        string    `json:"name"`
	Models      int       `json:"models"`
	Stale       bool      `json:"stale"`
	LastSuccess time.Time `json:"last_success,omitzero"` // when it last told its models
	Error       string    `json:"error,omitempty"`
}

func (r *readiness) report() report {
	out := report{Missing: []string{}, Providers: []providerView{}}
	if r.stopping.Load() {
		out.Missing = append(out.Missing, "the gateway is stopping")
	}
	if r.catalog.Snapshot().Empty() {
		out.Missing = append(out.Missing, "no provider has told its models yet")
	}
	for _, status := range r.catalog.Status() {
		out.Providers = append(out.Providers, providerView{
			Name: status.Provider, Models: status.Models, Stale: status.Stale, LastSuccess: status.LastSuccess.UTC().Truncate(time.Second), Error: status.LastError,
		})
	}
	out.Ready = len(out.Missing) == 0
	return out
}

// stop says from now on that the gateway is not ready.
func (r *readiness) stop() {
	r.stopping.Store(true)
	r.update()
}

// update tells gRPC's health service what /health/ready would say, and returns it.
func (r *readiness) update() bool {
	status := healthv1.HealthCheckResponse_NOT_SERVING
	r.mu.Lock() // who looked before a stop must not tell after it
	defer r.mu.Unlock()
	ready := r.report().Ready
	if ready {
		status = healthv1.HealthCheckResponse_SERVING
	}
	r.grpc.SetServingStatus("", status)
	return ready
}

// live answers that the process lives.
func (r *readiness) live(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// ready answers 200 when calls can be served, else 503, and why.
func (r *readiness) ready(w http.ResponseWriter, _ *http.Request) {
	report := r.report()
	status := http.StatusOK
	if !report.Ready {
		status = http.StatusServiceUnavailable
	}
	writeJSON(w, status, report)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A client that left needs no answer.
	_ = json.NewEncoder(w).Encode(v)
}
