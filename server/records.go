package server

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/audit"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// openAudit opens the store and the spool before it.
func (s *Server) openAudit(ctx context.Context) error {
	cfg := s.storageConfig()
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
		Encode:  encodeBody,
	})
	if err != nil {
		return fmt.Errorf("open the spool: %w", err)
	}
	return nil
}

// encodeBody writes a request as a client sends it, a reply as it is answered.
func encodeBody(b []byte, message proto.Message) ([]byte, error) {
	if _, ok := message.(params); ok && strings.HasSuffix(string(message.ProtoReflect().Descriptor().Name()), "Params") {
		return codec.Append(b, message, wire.Request)
	}
	return codec.Append(b, message, wire.Reply)
}

// auditMetrics tells telemetry what audit counts; departments do not know each
// other.
type auditMetrics struct{ to *telemetry.AuditMetrics }

// Count adds to a counter.
func (m auditMetrics) Count(counter audit.Counter, n int) {
	switch counter {
	case audit.Begun, audit.Ended:
		m.to.Recorded(n)
	case audit.ShedEnded, audit.Rejected: // calls without their record
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
