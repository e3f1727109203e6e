// Package servertest starts whole gateways for tests: the real assembly, made from
// a real configuration, in front of providertest's upstreams.
package servertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/config"
)

// MasterKey is the master key of every gateway here.
const MasterKey = "sk-signalbox-master-for-tests"

// patience bounds every wait; reaching it is a failure, never a result.
const patience = 20 * time.Second

// Gateway is a running gateway.
type Gateway struct {
	// Server is the gateway itself. Nil for one that runs as a program.
	Server *server.Server
	// REST is the base URL of its REST API, without the version.
	REST string
	// GRPC is a connection to its gRPC listener, with the master key.
	GRPC *grpc.ClientConn
	// DataDir is its data folder.
	DataDir string
	// Client speaks to REST. It keeps no connection beyond the test.
	Client *http.Client

	tb    testing.TB
	rpc   string // the address of its gRPC listener
	roots *x509.CertPool
	stop  context.CancelFunc
	done  chan struct{}
	err   error
}

// settings is what options change.
type settings struct {
	environ map[string]string
	file    string
	types   []providers.Type
	extra   []call.Step
	log     io.Writer
	before  func(*server.Server)
	roots   *x509.CertPool // nil: plain text
	unready bool
	hurry   bool
}

// Option changes how a gateway is started.
type Option func(*settings)

// Upstream puts the gateway before an upstream.
func Upstream(u *providertest.Upstream) Option {
	return func(s *settings) {
		s.environ["OPENAI_BASE_URL"] = u.URL()
		s.environ["OPENAI_API_KEY"] = u.Key()
	}
}

// Env sets a variable.
func Env(name, value string) Option { return func(s *settings) { s.environ[name] = value } }

// File is the text of the configuration file.
func File(text string) Option { return func(s *settings) { s.file = text } }

// Types are the kinds of providers that there are, instead of all.
func Types(types ...providers.Type) Option { return func(s *settings) { s.types = types } }

// Steps adds steps to the chain, innermost.
func Steps(steps ...call.Step) Option { return func(s *settings) { s.extra = steps } }

// Log takes the gateway's log.
func Log(w io.Writer) Option { return func(s *settings) { s.log = w } }

// Before is called with the gateway before it runs.
func Before(change func(*server.Server)) Option { return func(s *settings) { s.before = change } }

// Hurry has work in the background begin, and begin anew, within a second or two.
func Hurry() Option { return func(s *settings) { s.hurry = true } }

// Unready does not wait until the gateway is ready.
func Unready() Option { return func(s *settings) { s.unready = true } }

// Start starts a gateway that stops with the test. It is ready when Start returns.
func Start(tb testing.TB, options ...Option) *Gateway {
	tb.Helper()
	set := newSettings(tb, options)
	g := &Gateway{tb: tb, roots: set.roots, DataDir: set.environ["SIGNALBOX_DATA_DIR"], done: make(chan struct{})}
	var err error
	g.Server, err = server.New(tb.Context(), server.Params{
		Config: set.config(tb), Types: set.types, Log: slog.New(slog.NewJSONHandler(set.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Version: "test", Extra: set.extra, Spoil: true, Hurry: set.hurry,
	})
	if err != nil {
		tb.Fatalf("start the gateway: %v", err)
	}
	if set.before != nil {
		set.before(g.Server)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(tb.Context()))
	g.stop = stop
	go func() {
		defer close(g.done)
		g.err = g.Server.Run(ctx)
	}()
	g.connect(g.Server.HTTPAddr(), g.Server.GRPCAddr())
	tb.Cleanup(g.Stop)
	if !set.unready {
		g.awaitReady()
	}
	return g
}

// newSettings are the settings of a gateway with options.
func newSettings(tb testing.TB, options []Option) *settings {
	tb.Helper()
	set := &settings{types: builtin.Types, log: io.Discard, environ: map[string]string{
		"SIGNALBOX_HTTP_ADDR":  "127.0.0.1:0",
		"SIGNALBOX_GRPC_ADDR":  "127.0.0.1:0",
		"SIGNALBOX_MASTER_KEY": MasterKey,
	}}
	for _, option := range options {
		option(set)
	}
	if set.environ["SIGNALBOX_DATA_DIR"] == "" {
		set.environ["SIGNALBOX_DATA_DIR"] = tb.TempDir()
	}
	return set
}

// config loads the configuration as the program does.
func (s *settings) config(tb testing.TB) *config.Config {
	tb.Helper()
	source := config.Source{Types: s.types}
	for name, value := range s.environ {
		source.Environ = append(source.Environ, name+"="+value)
	}
	if s.file != "" {
		source.Path = filepath.Join(tb.TempDir(), "signalbox.yaml")
		if err := os.WriteFile(source.Path, []byte(s.file), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	cfg, err := config.Load(source)
	if err != nil {
		tb.Fatalf("load the configuration: %v", err)
	}
	return cfg
}

// connect makes the clients.
func (g *Gateway) connect(rest, rpc string) {
	g.REST, g.rpc = "http://"+rest, rpc
	transport := &http.Transport{MaxIdleConnsPerHost: 64}
	if g.roots != nil {
		g.REST = "https://" + rest
		transport.TLSClientConfig = &tls.Config{RootCAs: g.roots}
		transport.ForceAttemptHTTP2 = true
	}
	g.Client = &http.Client{Transport: transport}
	g.GRPC = g.Dial(MasterKey)
}

// Dial connects to the gRPC listener with a key. The connection closes with the
// gateway.
func (g *Gateway) Dial(key string) *grpc.ClientConn {
	g.tb.Helper()
	secure := insecure.NewCredentials()
	if g.roots != nil {
		secure = credentials.NewClientTLSFromCert(g.roots, "")
	}
	conn, err := grpc.NewClient(g.rpc, grpc.WithTransportCredentials(secure),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(256<<20)), grpc.WithPerRPCCredentials(bearer(key)))
	if err != nil {
		g.tb.Fatal(err)
	}
	g.tb.Cleanup(func() {
		if err := conn.Close(); err != nil {
			g.tb.Errorf("close the connection: %v", err)
		}
	})
	return conn
}

// bearer sends a key with each call.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if b == "" {
		return nil, nil
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// awaitReady follows gRPC's health until it says that calls are served.
func (g *Gateway) awaitReady() {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(g.tb.Context(), patience)
	defer cancel()
	watch, err := healthv1.NewHealthClient(g.GRPC).Watch(ctx, &healthv1.HealthCheckRequest{})
	for err == nil {
		var health *healthv1.HealthCheckResponse
		if health, err = watch.Recv(); err == nil && health.GetStatus() == healthv1.HealthCheckResponse_SERVING {
			return
		}
	}
	g.tb.Fatalf("the gateway is not ready: %v", err)
}

// In is the gateway for a subtest, which its failures then belong to.
func (g *Gateway) In(tb testing.TB) *Gateway {
	other := *g
	other.tb, other.stop = tb, nil
	return &other
}

// Terminate begins to stop the gateway as SIGTERM does, and does not wait.
func (g *Gateway) Terminate() { g.stop() }

// Stop stops the gateway as SIGTERM does and lets everything go. Later calls do
// nothing.
func (g *Gateway) Stop() {
	g.tb.Helper()
	if g.stop == nil {
		return
	}
	g.stop()
	g.stop = nil
	<-g.done
	if g.err != nil {
		g.tb.Errorf("the gateway stopped with %v", g.err)
	}
	g.Client.CloseIdleConnections()
	if err := g.Server.Close(context.Background()); err != nil {
		g.tb.Errorf("close the gateway: %v", err)
	}
}

// Record waits for the complete audit record of a request.
func (g *Gateway) Record(requestID string) *auditv1.GetAuditEntryResponse {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(g.tb.Context(), patience)
	defer cancel()
	client := auditv1.NewAuditServiceClient(g.GRPC)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := client.ListAuditEntries(ctx, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{RequestId: requestID}})
		if err != nil {
			g.tb.Fatalf("list audit records: %v", err)
		}
		if entries := list.GetEntries(); len(entries) > 1 {
			g.tb.Fatalf("the request %s has %d records", requestID, len(entries))
		} else if len(entries) == 1 && entries[0].GetEnd() != 0 {
			record, err := client.GetAuditEntry(ctx, &auditv1.GetAuditEntryRequest{EntryId: entries[0].GetId()})
			if err != nil {
				g.tb.Fatalf("get audit record: %v", err)
			}
			return record
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			g.tb.Fatalf("the request %s has no complete record", requestID)
		}
	}
}

// WithRequestID sends a request id with a gRPC call.
func WithRequestID(ctx context.Context, id string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "x-request-id", id)
}

// ChatBody is a plain chat completion request.
func ChatBody(model, content string, members ...string) string {
	quoted, _ := json.Marshal(content) //nolint:errchkjson // a string can always be marshalled
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":%s}]`, model, quoted)
	for _, member := range members {
		body += "," + member
	}
	return body + "}"
}
