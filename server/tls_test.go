package server_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// issuer is an authority for certificates.
type issuer struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newIssuer(t *testing.T, name string) *issuer {
	t.Helper()
	i := &issuer{t: t}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: true,
	}
	i.cert, i.key, i.pem, _ = i.sign(template, nil)
	return i
}

// sign makes a certificate; one without an issuer is its own.
func (i *issuer) sign(template, parent *x509.Certificate) (cert *x509.Certificate, key *ecdsa.PrivateKey, certPEM, keyPEM []byte) {
	i.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	by := i.key
	if parent == nil {
		parent, by = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), by)
	if err != nil {
		i.t.Fatal(err)
	}
	if cert, err = x509.ParseCertificate(der); err != nil {
		i.t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		i.t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// leaf is a certificate for this machine, for one use, valid from and to so long from
// now.
func (i *issuer) leaf(serial int64, use x509.ExtKeyUsage, from, to time.Duration) (certPEM, keyPEM []byte) {
	i.t.Helper()
	_, _, certPEM, keyPEM = i.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{use}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, i.cert)
	return certPEM, keyPEM
}

// client is a certificate as a client presents it.
func (i *issuer) client(use x509.ExtKeyUsage, from, to time.Duration) []tls.Certificate {
	i.t.Helper()
	pair, err := tls.X509KeyPair(i.leaf(7, use, from, to))
	if err != nil {
		i.t.Fatal(err)
	}
	return []tls.Certificate{pair}
}

func (i *issuer) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(i.cert)
	return pool
}

// guarded is a gateway whose certificates are in files that change.
type guarded struct {
	*servertest.Gateway
	t       *testing.T
	dir     string
	servers *issuer
	clients *issuer // nil: clients need no certificate
	with    []tls.Certificate
}

// guard starts one.
func guard(t *testing.T, clients *issuer, options ...servertest.Option) *guarded {
	t.Helper()
	g := &guarded{t: t, dir: t.TempDir(), servers: newIssuer(t, "servers"), clients: clients}
	g.renew(2)
	text := fmt.Sprintf("server:\n  tls: {cert_file: %q, key_file: %q", filepath.Join(g.dir, "tls.crt"), filepath.Join(g.dir, "tls.key"))
	if clients != nil {
		g.write("clients.crt", clients.pem)
		g.with = clients.client(x509.ExtKeyUsageClientAuth, -time.Hour, time.Hour)
		text += fmt.Sprintf(", client_ca_file: %q", filepath.Join(g.dir, "clients.crt"))
	}
	g.Gateway = servertest.Start(t, append(options, servertest.Unready(), servertest.File(text+"}\n"))...)
	watch, err := healthv1.NewHealthClient(g.dial(g.config())).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	for err == nil {
		var health *healthv1.HealthCheckResponse
		if health, err = watch.Recv(); err == nil && health.GetStatus() == healthv1.HealthCheckResponse_SERVING {
			return g
		}
	}
	t.Fatalf("the gateway is not ready: %v", err)
	return nil
}

// write replaces a file at one stroke.
func (g *guarded) write(name string, text []byte) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		g.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		g.t.Fatal(err)
	}
}

// renew gives the gateway a new certificate.
func (g *guarded) renew(serial int64) {
	g.t.Helper()
	cert, key := g.servers.leaf(serial, x509.ExtKeyUsageServerAuth, -time.Hour, time.Hour)
	g.write("tls.crt", cert)
	g.write("tls.key", key)
}

// config is that of a good client.
func (g *guarded) config() *tls.Config {
	return &tls.Config{RootCAs: g.servers.pool(), Certificates: g.with, MinVersion: tls.VersionTLS12}
}

// dial connects to the gRPC door.
func (g *guarded) dial(config *tls.Config) *grpc.ClientConn {
	g.t.Helper()
	conn, err := grpc.NewClient(g.Server.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(config)))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() }) // one that never connected says so again
	return conn
}

// ask makes a call over REST on a connection of its own, and says which protocol it was.
func (g *guarded) ask(config *tls.Config, protocols ...string) (string, error) {
	g.t.Helper()
	config.NextProtos = protocols
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: len(protocols) == 0 || protocols[0] == "h2"}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(g.t.Context(), http.MethodPost, "https://"+g.Server.HTTPAddr()+chatPath, strings.NewReader(servertest.ChatBody(model, "x")))
	if err != nil {
		g.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("Content-Type", "application/json")
	reply, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if _, err := io.Copy(io.Discard, reply.Body); err != nil {
		return "", err
	}
	if reply.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", reply.StatusCode)
	}
	return reply.Proto, nil
}

// call makes one over gRPC on a connection of its own.
func (g *guarded) call(config *tls.Config) error {
	g.t.Helper()
	conn, err := grpc.NewClient(g.Server.GRPCAddr(), grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithPerRPCCredentials(masterKey{}))
	if err != nil {
		g.t.Fatal(err)
	}
	defer conn.Close()
	_, err = chatv1.NewChatServiceClient(conn).CreateChatCompletion(g.t.Context(), &chatv1.CreateChatCompletionRequest{
		Params: &chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"x"}]`},
	})
	return err
}

// masterKey goes with each call.
type masterKey struct{}

func (masterKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + servertest.MasterKey}, nil
}

func (masterKey) RequireTransportSecurity() bool { return true }

// serial is the number of the certificate that a door shows. 0: it lets nobody in.
func serial(ctx context.Context, address string, config *tls.Config, protocol string) int64 {
	config.NextProtos = []string{protocol}
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return 0
	}
	defer conn.Close()
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return 0
	}
	// In TLS 1.3 a client learns with its first read that its certificate was refused.
	if protocol == "h2" {
		if _, err := io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
			return 0
		}
	} else if _, err := io.WriteString(conn, "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		return 0
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		return 0
	}
	return secure.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// await waits until both doors show a certificate, or let nobody in.
func (g *guarded) await(want int64, config func() *tls.Config) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), 20*time.Second)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		rest, rpc := serial(ctx, g.Server.HTTPAddr(), config(), "http/1.1"), serial(ctx, g.Server.GRPCAddr(), config(), "h2")
		if rest == want && rpc == want {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.t.Fatalf("REST shows certificate %d, gRPC %d, want %d", rest, rpc, want)
		}
	}
}

// Both doors speak TLS with the certificate of the files, each its own protocols.
func TestDoorsSpeakTLS(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, servertest.Upstream(providertest.Start(t)))
	for _, tt := range []struct {
		protocols []string
		want      string
	}{{[]string{"h2", "http/1.1"}, "HTTP/2.0"}, {[]string{"http/1.1"}, "HTTP/1.1"}} {
		if got, err := g.ask(g.config(), tt.protocols...); got != tt.want || err != nil {
			t.Errorf("offered %q: got %s, %v", tt.protocols, got, err)
		}
	}
	if err := g.call(g.config()); err != nil {
		t.Errorf("gRPC: %v", err)
	}
	for name, address := range map[string]string{"REST": g.Server.HTTPAddr(), "gRPC": g.Server.GRPCAddr()} {
		for version, ok := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
			conn, err := (&tls.Dialer{Config: &tls.Config{
				RootCAs: g.servers.pool(), MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"},
			}}).DialContext(t.Context(), "tcp", address)
			if (err == nil) != ok {
				t.Errorf("%s by %s: %v", name, tls.VersionName(version), err)
			}
			if err == nil {
				_ = conn.Close()
			}
		}
		conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: g.servers.pool(), MinVersion: tls.VersionTLS12, NextProtos: []string{"spdy/3"}}}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%s takes a protocol that it does not speak", name)
		}
	}
}

// Who speaks in the open is refused, and nothing is served.
func TestPlainTextIsRefused(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	g := guard(t, nil, servertest.Upstream(up))
	c := dialRaw(t, g.Server.HTTPAddr())
	body := servertest.ChatBody(model, "x")
	c.send(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", chatHead, len(body), body))
	if got := c.reply("POST"); got.status != 400 || !got.last && c.closed() != "" {
		t.Errorf("REST: got %d %s", got.status, got.body)
	}
	conn, err := grpc.NewClient(g.Server.GRPCAddr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if health, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{}); err == nil {
		t.Errorf("gRPC: got %v", health)
	}
	if calls := up.Chats(); len(calls) != 0 {
		t.Errorf("%d calls went upstream", len(calls))
	}
}

// A request that two parsers could read in two ways ends its connection over TLS as
// well.
func TestSmugglingOverTLS(t *testing.T) {
	t.Parallel()
	g := guard(t, nil, servertest.Upstream(providertest.Start(t)))
	body := servertest.ChatBody(model, "x")
	chunked := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	for name, text := range map[string]string{
		"chunks":              chatHead + "Transfer-Encoding: chunked\r\n\r\n" + chunked,
		"a length and chunks": chatHead + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
		"chunks in HTTP/1.0":  strings.Replace(chatHead, "1.1", "1.0", 1) + "Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked,
	} {
		config := g.config()
		config.NextProtos, config.ServerName = []string{"http/1.1"}, "127.0.0.1"
		open := dialRaw(t, g.Server.HTTPAddr())
		c := raw{Conn: tls.Client(open.Conn, config), t: t}
		c.send(text + "GET /v1/models HTTP/1.1\r\nHost: x\r\n" + authorized + "\r\n")
		if all, err := io.ReadAll(c.Conn); strings.Count(string(all), "HTTP/1.") != 1 || err != nil {
			t.Errorf("%s: got %q, %v", name, all, err)
		}
	}
}

// Only clients with a certificate of the right authority, for the right use and of
// today, are let in, at both doors.
func TestClientCertificates(t *testing.T) {
	t.Parallel()
	clients, strangers := newIssuer(t, "clients"), newIssuer(t, "clients")
	up := providertest.Start(t)
	g := guard(t, clients, servertest.Upstream(up))
	for _, tt := range []struct {
		name string
		with []tls.Certificate
		ok   bool
	}{
		{"a good one", g.with, true},
		{"none", nil, false},
		{"one of another authority of that name", strangers.client(x509.ExtKeyUsageClientAuth, -time.Hour, time.Hour), false},
		{"one that has expired", clients.client(x509.ExtKeyUsageClientAuth, -2*time.Hour, -time.Minute), false},
		{"one of tomorrow", clients.client(x509.ExtKeyUsageClientAuth, time.Hour, 2*time.Hour), false},
		{"one for servers", clients.client(x509.ExtKeyUsageServerAuth, -time.Hour, time.Hour), false},
		{"one of the gateway's authority", g.servers.client(x509.ExtKeyUsageClientAuth, -time.Hour, time.Hour), false},
	} {
		config := func() *tls.Config {
			c := g.config()
			c.Certificates = nil
			if len(tt.with) > 0 { // presented, whatever the gateway asks for
				c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tt.with[0], nil }
			}
			return c
		}
		for _, protocol := range []string{"h2", "http/1.1"} {
			if _, err := g.ask(config(), protocol); (err == nil) != tt.ok {
				t.Errorf("REST, %s, with %s: %v", protocol, tt.name, err)
			}
		}
		if err := g.call(config()); (err == nil) != tt.ok {
			t.Errorf("gRPC, with %s: %v", tt.name, err)
		}
	}
	if calls := up.Chats(); len(calls) != 3 {
		t.Errorf("%d calls went upstream, not 3", len(calls))
	}
}

// Certificates change while calls run: none fails, streams go on, and new connections
// get the new ones. An authority that is gone lets nobody in any more; one that cannot
// be read changes nothing.
func TestCertificatesChangeUnderLoad(t *testing.T) {
	t.Parallel()
	clients, next := newIssuer(t, "clients"), newIssuer(t, "next")
	up := servertest.StartEndless(t, 10)
	provider := providertest.Start(t)
	g := guard(t, clients, servertest.Upstream(provider), servertest.Env("OPENAI_MODELS", model),
		servertest.Env("OPENAI_TWO_BASE_URL", up.URL()), servertest.Env("OPENAI_TWO_API_KEY", "sk-two"), servertest.Env("OPENAI_TWO_MODELS", servertest.Torrent))
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+servertest.MasterKey))
	defer cancel()
	stream, err := chatv1.NewChatServiceClient(g.dial(g.config())).StreamChatCompletion(
		ctx, &chatv1.StreamChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: servertest.Torrent, MessagesJson: "[]"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var load sync.WaitGroup
	var made atomic.Int64
	for _, one := range []func() error{
		func() error { _, err := g.ask(g.config(), "h2"); return err },
		func() error { _, err := g.ask(g.config(), "http/1.1"); return err },
		func() error { return g.call(g.config()) },
	} {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if err := one(); err != nil {
					t.Errorf("a call failed: %v", err)
					return
				}
				made.Add(1)
			}
		})
	}
	for n := range int64(4) {
		g.renew(10 + n)
		g.await(10+n, g.config)
	}
	g.write("clients.crt", []byte("nonsense"))
	g.write("tls.crt", []byte("nonsense"))
	g.await(13, g.config) // what is in force stays
	g.renew(14)
	g.write("clients.crt", append(append([]byte{}, clients.pem...), next.pem...))
	newcomer := func() *tls.Config {
		config := g.config()
		config.Certificates = next.client(x509.ExtKeyUsageClientAuth, -time.Hour, time.Hour)
		return config
	}
	g.await(14, newcomer) // the next authority is let in beside the one before
	g.await(14, g.config)
	close(stop)
	load.Wait()
	t.Logf("%d calls, each on a connection of its own", made.Load())
	g.write("clients.crt", next.pem)
	g.await(0, g.config)
	g.await(14, newcomer)
	for range 100 {
		if _, err := stream.Recv(); err != nil {
			t.Fatalf("the stream of before: %v", err)
		}
	}
}
