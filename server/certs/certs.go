// Package certs keeps the certificates of the listeners: read from files, read
// again when those change, and never less strict than they were. It imports no
// other part of the server.
package certs

import (
	"context"
	"crypto/tls"
	"log/slog"
	"sync/atomic"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// Params is what Files is made from. Config and Log are required.
type Params struct {
	// Config names the files.
	Config *configv1.Tls
	// Log is told what changes, once for each change.
	Log *slog.Logger
	// OnReload, if set, is called by Run when the files have changed: with nil when
	// what they hold is in force, else with why it is not. Once for each change.
	OnReload func(error)
}

// Files are the certificates in force. Safe for concurrent use.
type Files struct {
	params Params
	now    atomic.Pointer[snapshot]
	poll   time.Duration
	failed string // why what the files hold is not in force; Run's own
}

// Load reads the files. It fails when one cannot be read, when certificate and key
// do not belong together, and when the client CA file holds no certificate.
func Load(cfg *configv1.Tls, log *slog.Logger) (*Files, error) {
	return New(Params{Config: cfg, Log: log, OnReload: nil})
}

// New is Load with all parameters.
func New(params Params) (*Files, error) {
	f := &Files{params: params, poll: pollEvery}
	first, err := read(params.Config, &snapshot{})
	if err != nil {
		return nil, err
	}
	first.tickets = newTickets(nil)
	f.now.Store(first)
	f.warn(context.Background(), first)
	return f, nil
}

// Config is the configuration of one listener. It follows the files: each
// handshake uses those in force when it begins. nextProtos are the protocols to
// agree on, "h2" alone for gRPC; none: HTTP/2, then HTTP/1.1.
func (f *Files) Config(nextProtos ...string) *tls.Config {
	if len(nextProtos) == 0 {
		nextProtos = []string{"h2", "http/1.1"}
	}
	l := &listener{files: f, nextProtos: nextProtos}
	// The outer configuration demands client certificates by itself too: whoever
	// would overlook the callback is not left open.
	outer := f.now.Load().config(nextProtos)
	outer.Certificates = nil
	outer.GetCertificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return f.now.Load().cert, nil }
	outer.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return l.current(), nil }
	return outer
}

// listener has the configuration that was made from the snapshot in force, so that
// not every handshake makes one.
type listener struct {
	files      *Files
	nextProtos []string
	made       atomic.Pointer[made]
}

type made struct {
	from   *snapshot
	config *tls.Config
}

func (l *listener) current() *tls.Config {
	now := l.files.now.Load()
	if m := l.made.Load(); m != nil && m.from == now {
		return m.config
	}
	m := &made{from: now, config: now.config(l.nextProtos)}
	l.made.Store(m)
	return m.config
}

// reload reads the files and takes what can be used. Certificate and key are taken
// by themselves, and so are the client CAs: a broken CA file does not keep a
// certificate in force until it expires.
func (f *Files) reload(ctx context.Context) {
	before := f.now.Load()
	next, err := read(f.params.Config, before)
	failed := ""
	if err != nil {
		failed = err.Error()
	}
	changed, told := !next.same(before), failed != f.failed
	f.failed = failed
	if changed {
		next.tickets = newTickets(nil) // what was granted under the old ones is void
		f.now.Store(next)
		f.params.Log.InfoContext(ctx, "certificate files changed and are in force", next.attrs()...)
		f.warn(ctx, next)
	}
	switch {
	case told && err != nil:
		f.params.Log.ErrorContext(ctx, "certificate files cannot be used, what is in force stays", "error", err)
	case told && !changed:
		f.params.Log.InfoContext(ctx, "certificate files can be used again, nothing changed", next.attrs()...)
	}
	if (changed || told) && f.params.OnReload != nil {
		f.params.OnReload(err)
	}
}

// rotate makes new session tickets; those of the time before are still taken.
func (f *Files) rotate() {
	next := *f.now.Load()
	next.tickets = newTickets(next.tickets)
	f.now.Store(&next)
}

// warn says when clients will refuse what is in force.
func (f *Files) warn(ctx context.Context, s *snapshot) {
	if leaf := s.cert.Leaf; time.Now().After(leaf.NotAfter) || time.Now().Before(leaf.NotBefore) {
		f.params.Log.WarnContext(ctx, "the certificate is not valid today, clients will refuse it", s.attrs()...)
	}
}
