package upstream_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

// authority is a CA of a test, with one certificate of its own.
type authority struct {
	pool *x509.CertPool
	cert tls.Certificate
}

func newAuthority(t *testing.T, host string, ends time.Time) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		IPAddresses: []net.IP{net.ParseIP(host)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return authority{pool, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}}
}

func TestTLSFaults(t *testing.T) {
	t.Parallel()
	type fault struct {
		serves authority
		trusts *x509.CertPool
		newest uint16
	}
	later := time.Now().Add(time.Hour)
	good := newAuthority(t, "127.0.0.1", later)
	elsewhere := newAuthority(t, "127.0.0.2", later)
	expired := newAuthority(t, "127.0.0.1", time.Now().Add(-time.Hour))
	for name, test := range map[string]fault{
		"unknown CA":  {serves: good, trusts: elsewhere.pool},
		"wrong host":  {serves: elsewhere, trusts: elsewhere.pool},
		"expired":     {serves: expired, trusts: expired.pool},
		"old version": {serves: good, trusts: good.pool, newest: tls.VersionTLS11},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
				s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
					t.Error("a request came through")
				}))
				s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
				s.TLS = &tls.Config{Certificates: []tls.Certificate{test.serves.cert}, MinVersion: tls.VersionTLS10, MaxVersion: test.newest}
				s.StartTLS()
				t.Cleanup(s.Close)
				p := params(s.URL, v, bounds())
				p.RootCAs = test.trusts
				o := unary(t, newClient(t, p))
				e := want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE)
				if len(o.call.Exchange.Attempts) != 1 || e.Retryable() {
					t.Errorf("%d attempts, retryable: %t", len(o.call.Exchange.Attempts), e.Retryable())
				}
			})
		})
	}
}

// A peer that accepts, and then says nothing, does not keep a call for long.
func TestHandshakeStalls(t *testing.T) {
	t.Parallel()
	overBoth(t, func(t *testing.T, v configv1.HttpVersion) {
		url := strings.Replace(early(t, ""), "http:", "https:", 1)
		u := bounds()
		u.ConnectTimeout = durationpb.New(100 * time.Millisecond)
		o := unary(t, newClient(t, params(url, v, u)))
		_ = want(t, o, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE)
		ctx, cancel := context.WithCancel(t.Context())
		u.ConnectTimeout = durationpb.New(time.Minute)
		c := newClient(t, params(url, v, u))
		time.AfterFunc(50*time.Millisecond, cancel)
		if err := c.Do(ctx, newCall(t, c), func(string) error { return nil }); !isContext(err) {
			t.Errorf("got %v, want the context's own error", err)
		}
	})
}

func TestVersionsOfHTTP(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version configv1.HttpVersion
		plain   bool
		want    string
	}{
		"https, unsaid": {configv1.HttpVersion_HTTP_VERSION_UNSPECIFIED, false, "HTTP/2.0"},
		"https, 1":      {configv1.HttpVersion_HTTP_VERSION_1, false, "HTTP/1.1"},
		"https, 2":      {configv1.HttpVersion_HTTP_VERSION_2, false, "HTTP/2.0"},
		"http, unsaid":  {configv1.HttpVersion_HTTP_VERSION_UNSPECIFIED, true, "HTTP/1.1"},
		"http, 2":       {configv1.HttpVersion_HTTP_VERSION_2, true, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			echo := func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Request-Id", "req-3")
				_, _ = io.WriteString(w, r.Proto)
			}
			url, cas := serveHTTP(t, echo)
			if test.plain {
				s := httptest.NewServer(http.HandlerFunc(echo))
				t.Cleanup(s.Close)
				url = s.URL
			}
			p := params(url, test.version, bounds())
			p.RootCAs = cas
			c := newClient(t, p)
			for range 3 {
				if o := unary(t, c); o.text != test.want || o.call.Exchange.UpstreamRequestID != "req-3" {
					t.Errorf("got %q, %v; want %q", o.text, o.err, test.want)
				}
			}
		})
	}
}

// A stream that HTTP/2 resets is a failed attempt.
func TestResetsOfHTTP2(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		abort func(http.ResponseWriter)
		want  commonv1.ErrorReason
	}{
		"before the head": {func(http.ResponseWriter) {}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE},
		"in the body": {func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, "{")
			_ = http.NewResponseController(w).Flush()
		}, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, cas := serveHTTP(t, func(w http.ResponseWriter, _ *http.Request) {
				test.abort(w)
				panic(http.ErrAbortHandler)
			})
			p := params(url, configv1.HttpVersion_HTTP_VERSION_2, bounds())
			p.RootCAs = cas
			o := unary(t, newClient(t, p))
			_ = want(t, o, test.want)
			if n := len(o.call.Exchange.Attempts); n != 3 {
				t.Errorf("%d attempts, want 3", n)
			}
		})
	}
}

// Many calls share one client.
func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, cas := serveHTTP(t, func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				if r.Header.Get("Accept") == "application/json" {
					_, _ = w.Write(body)
					return
				}
				pulse(t, []string{"data: " + string(body) + "\n\n", done}, 0)(w, r)
			})
			p := params(url, version, bounds())
			p.RootCAs = cas
			c := newClient(t, p)
			ended := make(chan struct{})
			const callers = 32
			for i := range callers {
				go func() {
					defer func() { ended <- struct{}{} }()
					for j := range 20 {
						text := `{"n":` + itoa(1000*i+j) + `}`
						body := func(call *upstream.Call) { call.Body = [][]byte{[]byte(text)} }
						if o := unary(t, c, body); o.text != text {
							t.Errorf("got %q, %v; want %q", o.text, o.err, text)
						}
						if o := stream(t, c, body); o.text != text {
							t.Errorf("got %q, %v; want %q", o.text, o.err, text)
						}
					}
				}()
			}
			for range callers {
				<-ended
			}
		})
	}
}
