package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

const (
	// queueLength bounds the spans that wait, some KB each.
	queueLength = 2048
	// batchLength is how many spans are sent at once.
	batchLength = 512
	// sendEvery is how long a span waits for others.
	sendEvery = time.Second
	// exportTimeout bounds one sending, its retries included.
	exportTimeout = 5 * time.Second
	// closeTimeout bounds the last sendings.
	closeTimeout = 5 * time.Second
)

// sender takes spans and sends them in batches. Whoever hands it one never waits:
// when the queue is full the span is dropped, and counted. OpenTelemetry's own does
// not tell what it drops.
type sender struct {
	exporter                  sdktrace.SpanExporter
	exported, failed, dropped prometheus.Counter
	log                       *slog.Logger

	queue  chan sdktrace.ReadOnlySpan
	closed atomic.Bool
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once
	cancel context.CancelFunc // of the sending under way
	down   bool               // the collector did not take the last batch
}

func newSender(exporter sdktrace.SpanExporter, spans *prometheus.CounterVec, log *slog.Logger) *sender {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sender{
		exporter: exporter,
		exported: spans.WithLabelValues("exported"),
		failed:   spans.WithLabelValues("failed"),
		dropped:  spans.WithLabelValues("dropped"),
		log:      log,
		queue:    make(chan sdktrace.ReadOnlySpan, queueLength),
		stop:     make(chan struct{}),
		done:     make(chan struct{}),
		cancel:   cancel,
	}
	go s.run(ctx)
	return s
}

// OnStart does nothing.
func (s *sender) OnStart(context.Context, sdktrace.ReadWriteSpan) {}

// OnEnd takes a span, or drops it.
func (s *sender) OnEnd(span sdktrace.ReadOnlySpan) {
	if s.closed.Load() {
		s.dropped.Inc()
		return
	}
	select {
	case s.queue <- span:
	default:
		s.dropped.Inc()
	}
}

// run sends until it is stopped, and then what waits.
func (s *sender) run(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	batch := make([]sdktrace.ReadOnlySpan, 0, batchLength)
	for {
		select {
		case span := <-s.queue:
			if batch = append(batch, span); len(batch) == batchLength {
				batch = s.send(ctx, batch)
			}
		case <-tick.C:
			batch = s.send(ctx, batch)
		case <-s.stop:
			s.drain(ctx, batch)
			return
		}
	}
}

// drain sends what waits.
func (s *sender) drain(ctx context.Context, batch []sdktrace.ReadOnlySpan) {
	for {
		select {
		case span := <-s.queue:
			if batch = append(batch, span); len(batch) == batchLength {
				batch = s.send(ctx, batch)
			}
		default:
			s.send(ctx, batch)
			return
		}
	}
}

// send sends a batch and returns it emptied. That the collector is down is logged
// once, and that it is up again.
func (s *sender) send(ctx context.Context, batch []sdktrace.ReadOnlySpan) []sdktrace.ReadOnlySpan {
	if len(batch) == 0 {
		return batch
	}
	ctx, cancel := context.WithTimeout(ctx, exportTimeout)
	defer cancel()
	err := s.exporter.ExportSpans(ctx, batch)
	switch {
	case err != nil:
		s.failed.Add(float64(len(batch)))
		if !s.down {
			s.log.WarnContext(ctx, "traces cannot be sent and are lost", "error", err)
		}
	default:
		s.exported.Add(float64(len(batch)))
		if s.down {
			s.log.InfoContext(ctx, "traces are sent again")
		}
	}
	s.down = err != nil
	clear(batch) // the spans' memory
	return batch[:0]
}

// close sends what waits, for as long as ctx and closeTimeout allow, and ends the
// sender. What could not be sent is counted and logged; it is no error.
func (s *sender) close(ctx context.Context) error {
	var err error
	s.once.Do(func() {
		ctx, cancel := context.WithTimeout(ctx, closeTimeout)
		defer cancel()
		s.closed.Store(true)
		defer context.AfterFunc(ctx, s.cancel)()
		close(s.stop)
		<-s.done
		s.cancel()
		err = s.exporter.Shutdown(context.WithoutCancel(ctx))
	})
	return err
}

// Shutdown is close, for OpenTelemetry.
func (s *sender) Shutdown(ctx context.Context) error { return s.close(ctx) }

// ForceFlush is not offered: who wants the last spans sent closes.
func (s *sender) ForceFlush(context.Context) error { return nil }
