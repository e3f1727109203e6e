package providertest

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"
)

// DefaultKey is the API key that an upstream knows unless told otherwise.
const DefaultKey = "sk-providertest-0123456789abcdef"

// errNoProfile is a profile that is none of Profiles.
var errNoProfile = errors.New("the test upstream plays no such provider")

// Upstream is a running test upstream. Safe for concurrent use.
type Upstream struct {
	params   Params
	profile  *profile
	keys     map[string]bool
	models   *modelList
	allowed  map[string]bool
	listener net.Listener
	server   *http.Server
	ca       *certificates
	journal  *journal
	records  *recorder
	queue    *queue
	store    *store
	// schema has the types of requests for responses.
	schema  schema
	closed  chan struct{}
	shut    sync.Once
	serving sync.WaitGroup
	shutErr error
	// shape judges the form of a request for a completion.
	shape rule
	// keyless says that calls without a key are taken.
	keyless bool

	// door guards handlers against entering while Close waits for them.
	door     sync.Mutex
	handlers sync.WaitGroup
}

// Start runs an upstream for one test, on a free port of 127.0.0.1. When the test
// ends it is closed, and violations that nobody took fail the test.
func Start(t testing.TB, opts ...Option) *Upstream {
	t.Helper()
	var params Params
	for _, o := range opts {
		o(&params)
	}
	up, err := Listen("127.0.0.1:0", params)
	if err != nil {
		t.Fatalf("start the test upstream: %v", err)
	}
	t.Cleanup(func() {
		if err := up.Close(); err != nil {
			t.Errorf("close the test upstream: %v", err)
		}
		for _, v := range up.TakeViolations() {
			t.Errorf("test upstream: %s", v)
		}
	})
	return up
}

// Listen runs an upstream at an address, for programs. The caller closes it.
func Listen(addr string, params Params) (*Upstream, error) {
	play, ok := profiles[cmp.Or(params.Profile, ProfileOpenAI)]
	if !ok {
		return nil, fmt.Errorf("%w: %q", errNoProfile, params.Profile)
	}
	p := play()
	params.Profile = cmp.Or(params.Profile, ProfileOpenAI)
	types, err := readSchema(responsesSchema)
	if err != nil {
		return nil, err
	}
	keyless := p.keyless && len(params.Keys) == 0
	if len(params.Keys) == 0 {
		params.Keys = []string{DefaultKey}
	}
	if params.BodyLimit == 0 {
		params.BodyLimit = 128 << 20
	}
	up := &Upstream{
		params:  params,
		profile: p,
		keyless: keyless,
		keys:    set(params.Keys),
		models:  newModelList(params.Models, p.models),
		allowed: allowedHeaders(p, params.AllowHeaders),
		records: newRecorder(params.KeepRequests),
		queue:   newQueue(),
		store:   newStore(),
		schema:  types,
		closed:  make(chan struct{}),
		shape:   requestRule(p.grammar),
	}
	if err := up.open(addr); err != nil {
		return nil, err
	}
	return up, nil
}

// open takes the address and starts to serve.
func (u *Upstream) open(addr string) error {
	var err error
	if u.journal, err = openJournal(u.params.LogPath); err != nil {
		return err
	}
	u.listener, err = net.Listen("tcp", addr)
	if err != nil {
		return errors.Join(err, u.journal.close())
	}
	u.server = &http.Server{
		Handler:           u,
		ReadHeaderTimeout: time.Minute,
		ConnContext:       u.records.connect,
		ConnState:         u.records.disconnect,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // its complaints are about the tests
	}
	serve := func() error { return u.server.Serve(u.listener) }
	if u.params.TLS {
		if u.ca, err = newCertificates(); err != nil {
			return errors.Join(err, u.listener.Close(), u.journal.close())
		}
		u.server.TLSConfig = u.ca.server()
		serve = func() error { return u.server.ServeTLS(u.listener, "", "") }
	}
	u.serving.Go(func() {
		if err := serve(); !errors.Is(err, http.ErrServerClosed) {
			u.records.violation(fmt.Sprintf("the test upstream stopped serving: %v", err))
		}
	})
	return nil
}

// URL is the base URL, without a trailing slash: with "/v1", or what the provider
// has instead.
func (u *Upstream) URL() string { return u.Origin() + u.profile.base }

// Origin is the URL without a path.
func (u *Upstream) Origin() string {
	scheme := "http"
	if u.params.TLS {
		scheme = "https"
	}
	return scheme + "://" + u.listener.Addr().String()
}

// Addr is the address that it listens on, "127.0.0.1:4711".
func (u *Upstream) Addr() string { return u.listener.Addr().String() }

// Key is an API key that it knows.
func (u *Upstream) Key() string { return u.params.Keys[0] }

// CAs has the authority behind the certificate. Nil without TLS.
func (u *Upstream) CAs() *x509.CertPool {
	if u.ca == nil {
		return nil
	}
	return u.ca.pool
}

// CAFile has the authority behind the certificate as PEM. Nil without TLS.
func (u *Upstream) CAFile() []byte {
	if u.ca == nil {
		return nil
	}
	return u.ca.pem
}

// Close ends all connections, also those of calls under way, and waits for its
// goroutines. Idempotent.
func (u *Upstream) Close() error {
	u.shut.Do(func() {
		u.door.Lock()
		close(u.closed)
		u.door.Unlock()
		u.shutErr = u.server.Close()
		u.serving.Wait()
		u.handlers.Wait()
		u.shutErr = errors.Join(u.shutErr, u.AwaitNoConnections(context.Background())) // net/http has goroutines until then
		u.shutErr = errors.Join(u.shutErr, u.journal.close())
	})
	return u.shutErr
}

// CloseConnections ends all connections and leaves the port open, as a restarted
// provider would.
func (u *Upstream) CloseConnections() { u.records.closeConnections() }

// enter lets a handler in, unless the upstream closes.
func (u *Upstream) enter() bool {
	u.door.Lock()
	defer u.door.Unlock()
	if u.isClosed() {
		return false
	}
	u.handlers.Add(1)
	return true
}

// isClosed says whether Close was called.
func (u *Upstream) isClosed() bool {
	select {
	case <-u.closed:
		return true
	default:
		return false
	}
}

// pause waits, and says whether the client was still there at the end.
func (u *Upstream) pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-u.closed:
		return false
	}
}

// hang waits until the client or the test has had enough.
func (u *Upstream) hang(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-u.closed:
	}
}

// set returns a set of the values.
func set[T comparable](values []T) map[T]bool {
	s := make(map[T]bool, len(values))
	for _, v := range values {
		s[v] = true
	}
	return s
}
