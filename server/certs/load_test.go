package certs_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/server/certs"
)

// A listener does not start with files that it cannot use.
func TestLoadRefuses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "test CA")
	good, other := ca.issue(1, time.Hour), ca.issue(2, time.Hour)
	for _, tc := range []struct {
		name  string
		spoil func(*folder)
		says  string
	}{
		{"no certificate file", func(f *folder) { f.remove("tls.crt") }, "read the certificate: open"},
		{"no key file", func(f *folder) { f.remove("tls.key") }, "read the certificate's key: open"},
		{"the key of another certificate", func(f *folder) { f.write("tls.key", other.key) }, "private key does not match public key"},
		{"an empty certificate file", func(f *folder) { f.write("tls.crt", nil) }, "there is no certificate in the file"},
		{"a certificate file that is half written", func(f *folder) { f.write("tls.crt", good.cert[:200]) }, "cut short"},
		{"a chain whose last certificate is half written", func(f *folder) { f.write("tls.crt", append(bytes.Clone(good.cert), ca.pem[:200]...)) }, "cut short"},
		{"no client CA file", func(f *folder) { f.remove("clients.crt") }, "read the client CAs: open"},
		{"an empty client CA file", func(f *folder) { f.write("clients.crt", nil) }, "there is no certificate in the file"},
		{"a client CA file without a certificate", func(f *folder) { f.write("clients.crt", good.key) }, "there is no certificate in the file"},
		{"a client CA file that is half written", func(f *folder) { f.write("clients.crt", append(bytes.Clone(ca.pem), ca.pem[:200]...)) }, "cut short"},
		{"a client CA that is no certificate", func(f *folder) {
			f.write("clients.crt", bytes.Replace(good.key, []byte("PRIVATE KEY"), []byte("CERTIFICATE"), 2))
		}, "x509"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, good, ca.pem)
			tc.spoil(f)
			_, err := certs.Load(f.cfg, slog.New(slog.DiscardHandler))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("Load: %v; want an error with %q", err, tc.says)
			}
		})
	}
}

// A file with a chain, comments between its blocks, and the key in it is fine.
func TestLoadTakesChains(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "test CA")
	p := ca.issue(1, time.Hour)
	all := bytes.Join([][]byte{[]byte("subject=localhost\n"), p.cert, []byte("issuer=test CA\n"), ca.pem, p.key}, nil)
	if _, err := certs.Load(newFolder(t, pair{cert: all, key: all}, ca.pem).cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// An expired certificate is served, since refusing to start helps nobody, and said.
func TestLoadSaysThatACertificateHasExpired(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "test CA")
	log := &lines{}
	if _, err := certs.Load(newFolder(t, ca.issue(1, -time.Minute), nil).cfg, slog.New(slog.NewTextHandler(log, nil))); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "not valid today") {
		t.Errorf("log: %s", log)
	}
}
