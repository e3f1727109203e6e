package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// table finds the series in use by their keys, without a lock; adding one copies
// the table, which is rare and bounded.
type table[K comparable, V any] struct {
	mu  sync.Mutex // of those who add
	now atomic.Pointer[map[K]V]
}

func (t *table[K, V]) get(key K) (V, bool) {
	if now := t.now.Load(); now != nil {
		v, ok := (*now)[key]
		return v, ok
	}
	var zero V
	return zero, false
}

// add adds what is made, unless the table has limit entries; no limit: 0. It
// returns what the table then has.
func (t *table[K, V]) add(key K, limit int, made func() V) (V, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok := t.get(key); ok {
		return v, true
	}
	next := map[K]V{}
	if now := t.now.Load(); now != nil {
		if limit > 0 && len(*now) >= limit {
			var zero V
			return zero, false
		}
		next = maps.Clone(*now)
	}
	v := made()
	next[key] = v
	t.now.Store(&next)
	return v, true
}

// model returns the series of a model at a provider, of "other" beyond the bound.
func (m *metrics) model(key modelKey) *modelSeries {
	if series, ok := m.ofModels.get(key); ok {
		return series
	}
	limit := maxModels
	if key.model == other || key.model == "" {
		limit = 0 // one for each provider
	}
	series, ok := m.ofModels.add(key, limit, func() *modelSeries {
		s := &modelSeries{provider: named(key.provider), model: named(key.model)}
		s.firstToken = m.firstToken.WithLabelValues(s.provider, s.model)
		s.messages = m.messages.WithLabelValues(s.provider, s.model)
		return s
	})
	if !ok {
		return m.model(modelKey{key.provider, other})
	}
	return series
}

// call returns the series of a kind of call, of model "other" beyond the bound.
func (m *metrics) call(key callKey) callSeries {
	if series, ok := m.ofCalls.get(key); ok {
		return series
	}
	limit := maxCalls
	if key.model.model == other || key.model.model == none {
		limit = 0 // as many as there are providers, RPCs and reasons
	}
	series, ok := m.ofCalls.add(key, limit, func() callSeries {
		rpc, entrance, status := named(key.rpc), entranceNames[key.entrance], statusClass(key.status)
		return callSeries{
			total:    m.calls.WithLabelValues(rpc, entrance, key.model.provider, key.model.model, status, reasonName(key.reason)),
			duration: m.durations.WithLabelValues(rpc, entrance, key.model.provider, key.model.model, status),
		}
	})
	if !ok {
		key.model = m.model(modelKey{key.model.provider, other})
		return m.call(key)
	}
	return series
}

// token returns the counter of a class of a model's tokens.
func (m *metrics) token(key tokenKey) prometheus.Counter {
	if counter, ok := m.ofTokens.get(key); ok {
		return counter
	}
	counter, _ := m.ofTokens.add(key, 0, func() prometheus.Counter {
		return m.tokens.WithLabelValues(key.model.provider, key.model.model, key.class)
	})
	return counter
}

// attempt returns the counter of a kind of upstream call.
func (m *metrics) attempt(key attemptKey) prometheus.Counter {
	if counter, ok := m.ofAttempts.get(key); ok {
		return counter
	}
	counter, _ := m.ofAttempts.add(key, 0, func() prometheus.Counter {
		return m.attempts.WithLabelValues(named(key.provider), statusCode(key.status), reasonName(key.reason))
	})
	return counter
}
