package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/certs"
)

// authority is a CA that lives for a test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

// pair is a certificate with its key, PEM.
type pair struct{ cert, key []byte }

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// issue makes a certificate for "localhost", server and client, that is valid for a
// while from now; a negative while has passed.
func (a *authority) issue(serial int64, valid time.Duration) pair {
	a.t.Helper()
	key := newKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(valid),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return pair{
		cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

func (p pair) tls(t *testing.T) tls.Certificate {
	t.Helper()
	cert, err := tls.X509KeyPair(p.cert, p.key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// folder holds the files of a listener.
type folder struct {
	t   *testing.T
	dir string
	cfg *configv1.Tls
}

// newFolder has a pair, and the CAs of clients unless there are none.
func newFolder(t *testing.T, p pair, clientCAs []byte) *folder {
	t.Helper()
	dir := t.TempDir()
	f := &folder{t: t, dir: dir, cfg: &configv1.Tls{
		CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
	}}
	f.write("tls.crt", p.cert)
	f.write("tls.key", p.key)
	if clientCAs != nil {
		f.cfg.ClientCaFile = filepath.Join(dir, "clients.crt")
		f.write("clients.crt", clientCAs)
	}
	return f
}

// write replaces a file at one stroke.
func (f *folder) write(name string, text []byte) {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		f.t.Fatal(err)
	}
}

func (f *folder) remove(name string) {
	f.t.Helper()
	if err := os.Remove(filepath.Join(f.dir, name)); err != nil {
		f.t.Fatal(err)
	}
}

// running are files that are followed until the test ends.
type running struct {
	*certs.Files
	t       *testing.T
	reloads chan error
	log     *lines
}

func run(t *testing.T, cfg *configv1.Tls) *running {
	t.Helper()
	return start(t, cfg, time.Hour) // events alone
}

func start(t *testing.T, cfg *configv1.Tls, poll time.Duration) *running {
	t.Helper()
	r := &running{t: t, reloads: make(chan error, 64), log: &lines{}}
	var err error
	r.Files, err = certs.New(certs.Params{
		Config: cfg, Log: slog.New(slog.NewTextHandler(r.log, nil)), OnReload: func(err error) { r.reloads <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.Poll(poll)
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- r.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// reloaded waits until the files were taken.
func (r *running) reloaded() {
	r.t.Helper()
	if err := r.next(); err != nil {
		r.t.Fatalf("files were not taken: %v", err)
	}
}

// refused waits until the files were found useless.
func (r *running) refused() error {
	r.t.Helper()
	err := r.next()
	if err == nil {
		r.t.Fatal("files were taken that must not be")
	}
	return err
}

func (r *running) next() error {
	r.t.Helper()
	select {
	case err := <-r.reloads:
		return err
	case <-time.After(20 * time.Second):
		r.t.Fatalf("the files changed, and nothing happened; log:\n%s", r.log.String())
		return nil
	}
}

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func notFound(err error) bool { return errors.Is(err, fs.ErrNotExist) }
