package certs_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/signalbox-ai/signalbox/server/certs"
)

// door is a listener of one of the two kinds, and how a client goes through it.
type door struct {
	name string
	open func(*testing.T, *certs.Files) string
	// visit makes one call over a connection of its own. The state is the
	// connection's.
	visit func(context.Context, string, *tls.Config) (tls.ConnectionState, error)
}

// doors are the two kinds of listeners that the gateway has.
func doors() []door {
	return []door{
		{name: "net/http", open: openHTTP, visit: visitHTTP},
		{name: "grpc", open: openGRPC, visit: visitGRPC},
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func openHTTP(t *testing.T, files *certs.Files) string {
	t.Helper()
	l := listen(t)
	server := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Proto) }),
		TLSConfig:         files.Config(),
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo), // refused handshakes are expected
		ReadHeaderTimeout: 10 * time.Second,
	}
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(l, "", "") }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func visitHTTP(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+"/", http.NoBody)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	reply, err := transport.RoundTrip(req)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer reply.Body.Close()
	proto, err := io.ReadAll(reply.Body)
	if err == nil && string(proto) != "HTTP/2.0" {
		err = errors.New("served by " + string(proto))
	}
	return *reply.TLS, err
}

func openGRPC(t *testing.T, files *certs.Files) string {
	t.Helper()
	l := listen(t)
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(files.Config("h2"))))
	healthv1.RegisterHealthServer(server, health.NewServer())
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func visitGRPC(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	var state tls.ConnectionState
	config = config.Clone()
	config.VerifyConnection = func(s tls.ConnectionState) error {
		state = s
		return nil
	}
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(credentials.NewTLS(config)), grpc.WithDisableRetry())
	if err != nil {
		return state, err
	}
	defer conn.Close()
	_, err = healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	return state, err
}
