package certs_test

import (
	"context"
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// eachDoor runs a test for both kinds of listeners.
func eachDoor(t *testing.T, test func(*testing.T, door)) {
	t.Helper()
	for _, d := range doors() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			test(t, d)
		})
	}
}

// client is how a client speaks TLS; without a certificate when p is empty.
func client(t *testing.T, server *authority, p pair) *tls.Config {
	t.Helper()
	config := &tls.Config{RootCAs: server.pool(), ServerName: "localhost", MinVersion: tls.VersionTLS12}
	if p.cert != nil {
		config.Certificates = []tls.Certificate{p.tls(t)}
	}
	return config
}

// visit makes one call that must succeed, and returns the serial number of the
// certificate that it was served.
func visit(t *testing.T, d door, address string, config *tls.Config) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	state, err := d.visit(ctx, address, config)
	if err != nil {
		t.Fatal(err)
	}
	return state.PeerCertificates[0].SerialNumber.Int64()
}

// mustRefuse makes one call that must fail in the handshake.
func mustRefuse(t *testing.T, d door, address string, config *tls.Config) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := d.visit(ctx, address, config)
	if err == nil {
		t.Fatal("served, and must not be")
	}
	if ctx.Err() != nil {
		t.Fatalf("not refused, but %v", err)
	}
}

// A new certificate is served from the moment that it is in force, and no handshake
// fails meanwhile.
func TestRotationUnderLiveHandshakes(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca := newAuthority(t, "test CA")
		f := newFolder(t, ca.issue(1, time.Hour), nil)
		files := run(t, f.cfg)
		address := d.open(t, files.Files)
		stop := make(chan struct{})
		var visitors sync.WaitGroup
		for range 2 {
			visitors.Go(func() {
				config := client(t, ca, pair{})
				for {
					select {
					case <-stop:
						return
					default:
						if _, err := d.visit(t.Context(), address, config); err != nil {
							t.Errorf("a handshake failed: %v", err)
							return
						}
					}
				}
			})
		}
		for serial := int64(2); serial < 5; serial++ {
			next := ca.issue(serial, time.Hour)
			// The two files are never changed at one stroke; at most the log notices.
			f.write("tls.crt", next.cert)
			f.write("tls.key", next.key)
			for files.next() != nil {
			}
			if got := visit(t, d, address, client(t, ca, pair{})); got != serial {
				t.Errorf("served certificate %d, want %d", got, serial)
			}
		}
		close(stop)
		visitors.Wait()
	})
}

// What cannot be used leaves in force what is, is logged once, and is forgotten when
// the files are good again.
func TestBrokenFilesChangeNothing(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca := newAuthority(t, "test CA")
		first, second := ca.issue(1, time.Hour), ca.issue(2, time.Hour)
		f := newFolder(t, first, nil)
		files := run(t, f.cfg)
		address := d.open(t, files.Files)

		f.write("tls.crt", second.cert[:300])
		if err := files.refused(); !strings.Contains(err.Error(), "cut short") {
			t.Errorf("refused with %v", err)
		}
		if got := visit(t, d, address, client(t, ca, pair{})); got != 1 {
			t.Errorf("served certificate %d, want 1", got)
		}
		f.write("tls.crt", second.cert) // its key is not there yet
		if err := files.refused(); !strings.Contains(err.Error(), "does not match") {
			t.Errorf("refused with %v", err)
		}
		if got := visit(t, d, address, client(t, ca, pair{})); got != 1 {
			t.Errorf("served certificate %d, want 1", got)
		}
		f.write("tls.key", second.key)
		files.reloaded()
		if got := visit(t, d, address, client(t, ca, pair{})); got != 2 {
			t.Errorf("served certificate %d, want 2", got)
		}

		f.remove("tls.key")
		if err := files.refused(); !notFound(err) {
			t.Errorf("refused with %v", err)
		}
		f.write("tls.key", second.key)
		files.reloaded()
		log := files.log.String()
		if n := strings.Count(log, "cannot be used"); n != 3 {
			t.Errorf("%d lines say that files cannot be used, want one for each of 3 changes:\n%s", n, log)
		}
		if !strings.Contains(log, "can be used again, nothing changed") {
			t.Errorf("nothing says that the files are good again:\n%s", log)
		}
	})
}

// Whatever happens to the file of the client CAs, nobody without a certificate of
// theirs is served.
func TestClientCAsFailClosed(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca, clients, others := newAuthority(t, "server CA"), newAuthority(t, "client CA"), newAuthority(t, "another CA")
		f := newFolder(t, ca.issue(1, time.Hour), clients.pem)
		files := run(t, f.cfg)
		address := d.open(t, files.Files)
		known, stranger := clients.issue(10, time.Hour), others.issue(11, time.Hour)
		asFirst := func() {
			t.Helper()
			mustRefuse(t, d, address, client(t, ca, pair{}))
			mustRefuse(t, d, address, client(t, ca, stranger))
			visit(t, d, address, client(t, ca, known))
		}
		asFirst()

		f.remove("clients.crt")
		if err := files.refused(); !notFound(err) {
			t.Errorf("refused with %v", err)
		}
		asFirst()
		f.write("clients.crt", nil)
		if err := files.refused(); !strings.Contains(err.Error(), "no certificate") {
			t.Errorf("refused with %v", err)
		}
		asFirst()
		f.write("clients.crt", others.pem[:len(others.pem)-40])
		if err := files.refused(); !strings.Contains(err.Error(), "cut short") {
			t.Errorf("refused with %v", err)
		}
		asFirst()

		// A new pair is taken while the client CAs are broken.
		next := ca.issue(2, time.Hour)
		f.write("tls.crt", append(next.cert, next.key...))
		f.write("tls.key", append(next.cert, next.key...))
		for serial := int64(0); serial != 2; {
			if err := files.refused(); !strings.Contains(err.Error(), "client CAs") {
				t.Errorf("refused with %v", err)
			}
			serial = visit(t, d, address, client(t, ca, known))
		}
		asFirst()

		f.write("clients.crt", others.pem)
		files.reloaded()
		visit(t, d, address, client(t, ca, stranger))
		mustRefuse(t, d, address, client(t, ca, known))
		mustRefuse(t, d, address, client(t, ca, pair{}))
	})
}

// A client whose certificate has expired is not served.
func TestExpiredClientCertificate(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca := newAuthority(t, "test CA")
		files := run(t, newFolder(t, ca.issue(1, time.Hour), ca.pem).cfg)
		address := d.open(t, files.Files)
		visit(t, d, address, client(t, ca, ca.issue(10, time.Hour)))
		mustRefuse(t, d, address, client(t, ca, ca.issue(11, -time.Minute)))
	})
}

// A session is resumed while the files stay, and never after they changed: a ticket
// must not carry a client past a CA that is gone. The keys of tickets are renewed
// day by day.
func TestTickets(t *testing.T) {
	t.Parallel()
	ca, clients := newAuthority(t, "server CA"), newAuthority(t, "client CA")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, ca.issue(1, time.Hour), clients.pem)
			files := run(t, f.cfg)
			d := doors()[0]
			address := d.open(t, files.Files)
			config := client(t, ca, clients.issue(10, time.Hour))
			config.ClientSessionCache = tls.NewLRUClientSessionCache(1)
			config.MaxVersion = version
			resumes := func(want bool, when string) {
				t.Helper()
				state, err := d.visit(t.Context(), address, config)
				if err != nil {
					t.Fatal(err)
				}
				if state.DidResume != want {
					t.Errorf("%s: resumed %v, want %v", when, state.DidResume, want)
				}
			}
			resumes(false, "first")
			resumes(true, "second")
			f.write("clients.crt", append(clients.pem, newAuthority(t, "a second client CA").pem...))
			files.reloaded()
			resumes(false, "after the files changed")
			resumes(true, "second of the new files")
			files.Rotate()
			resumes(true, "with yesterday's key")
			files.Rotate()
			files.Rotate()
			resumes(false, "with a key of the day before yesterday")
		})
	}
}

// Kubernetes mounts secrets as links to links, and turns the one in the middle.
func TestTurnedLink(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca := newAuthority(t, "test CA")
		dir := t.TempDir()
		mount := func(version string, p pair) {
			t.Helper()
			folder := filepath.Join(dir, "..2026_"+version)
			for _, err := range []error{
				os.Mkdir(folder, 0o700),
				os.WriteFile(filepath.Join(folder, "tls.crt"), p.cert, 0o600),
				os.WriteFile(filepath.Join(folder, "tls.key"), p.key, 0o600),
				os.Symlink(filepath.Base(folder), filepath.Join(dir, "..data_tmp")),
				os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		mount("1", ca.issue(1, time.Hour))
		cfg := &configv1.Tls{CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key")}
		for _, file := range []string{"tls.crt", "tls.key"} {
			if err := os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)); err != nil {
				t.Fatal(err)
			}
		}
		files := run(t, cfg)
		address := d.open(t, files.Files)
		if got := visit(t, d, address, client(t, ca, pair{})); got != 1 {
			t.Errorf("served certificate %d, want 1", got)
		}
		mount("2", ca.issue(2, time.Hour))
		if err := os.RemoveAll(filepath.Join(dir, "..2026_1")); err != nil {
			t.Fatal(err)
		}
		files.reloaded()
		if got := visit(t, d, address, client(t, ca, pair{})); got != 2 {
			t.Errorf("served certificate %d, want 2", got)
		}
	})
}

// What no event tells of, the poll finds: here the folder's own folder is replaced.
func TestPoll(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t, "test CA")
	outer := filepath.Join(t.TempDir(), "outer")
	place := func(p pair) {
		t.Helper()
		f := newFolder(t, p, nil)
		if err := os.Mkdir(outer, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(f.dir, filepath.Join(outer, "tls")); err != nil {
			t.Fatal(err)
		}
	}
	place(ca.issue(1, time.Hour))
	files := start(t, &configv1.Tls{CertFile: filepath.Join(outer, "tls", "tls.crt"), KeyFile: filepath.Join(outer, "tls", "tls.key")}, 50*time.Millisecond)
	d := doors()[0]
	address := d.open(t, files.Files)
	if err := os.Rename(outer, outer+".old"); err != nil {
		t.Fatal(err)
	}
	place(ca.issue(2, time.Hour))
	for files.next() != nil {
	}
	if got := visit(t, d, address, client(t, ca, pair{})); got != 2 {
		t.Errorf("served certificate %d, want 2", got)
	}
}

// Old protocols are refused.
func TestOldProtocols(t *testing.T) {
	t.Parallel()
	eachDoor(t, func(t *testing.T, d door) {
		ca := newAuthority(t, "test CA")
		files := run(t, newFolder(t, ca.issue(1, time.Hour), nil).cfg)
		address := d.open(t, files.Files)
		config := client(t, ca, pair{})
		config.MinVersion, config.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		mustRefuse(t, d, address, config)
	})
}
