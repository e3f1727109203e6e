package server

import (
	"context"
	"fmt"
	"path/filepath"

	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/audit"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// openAudit opens the store and the spool before it.
func (s *Server) openAudit(ctx context.Context) error {
	cfg := proto.CloneOf(s.params.Config.Message.GetStorage())
	cfg.DatabaseUrl = s.params.Config.DatabaseURL.Reveal()
	store, err := sqldb.Open(ctx, sqldb.Params{Config: cfg, Log: s.params.Log})
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	s.store = store
	s.audit, err = audit.New(audit.Params{
		Dir:     filepath.Join(cfg.GetDataDir(), "spool"),
		Store:   store,
		Config:  s.params.Config.Message.GetAudit(),
		Log:     s.params.Log,
		Metrics: auditMetrics{s.telemetry.Audit()},
		Encode: func(b []byte, message proto.Message) ([]byte, error) {
			return codec.Append(b, message, wire.Reply)
		},
	})
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	return nil
}

// auditMetrics tells telemetry what audit counts; departments do not know each
// other.
type auditMetrics struct{ to *telemetry.AuditMetrics }

// Count adds to a counter.
func (m auditMetrics) Count(counter audit.Counter, n int) {
	switch counter {
	case audit.Begun, audit.Ended:
		m.to.Recorded(n)
	case audit.ShedBegun, audit.ShedEnded, audit.Rejected:
		m.to.Shed(n)
	case audit.Shipped:
		m.to.Shipped(n)
	case audit.ShipFailed:
		m.to.StoreFailed()
	default: // none of them is on the way of a call
		m.to.Event(string(counter), n)
	}
}

// Spool tells how full the spool is.
func (m auditMetrics) Spool(bytes, _ int64) { m.to.SpoolBytes(bytes) }
