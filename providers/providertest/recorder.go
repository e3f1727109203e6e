package providertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// awaitLimit is how long a test waits for an event that does not come.
const awaitLimit = 20 * time.Second

// errNoEvent is what an Await returns when its event did not come.
var errNoEvent = errors.New("the test upstream saw no such event")

// recorder remembers the calls. Its mutex guards the Requests in it.
type recorder struct {
	mu    sync.Mutex
	keep  int
	count int
	// connections counts those that ever were.
	connections int
	requests    []*Request
	violations  []string
	changed     chan struct{}
	aborted     chan Request
	live        map[net.Conn]*connection
}

// newRecorder returns one that keeps the newest requests; 0: all.
func newRecorder(keep int) *recorder {
	return &recorder{
		keep:    keep,
		changed: make(chan struct{}),
		aborted: make(chan Request, 4096),
		live:    map[net.Conn]*connection{},
	}
}

// begin enters a call of an endpoint, whose key is in the first of the headers that
// has one.
func (rec *recorder) begin(r *http.Request, endpoint string, credential []string) *Request {
	req := &Request{
		Arrived:         time.Now(),
		Method:          r.Method,
		Path:            r.URL.EscapedPath(),
		Query:           r.URL.RawQuery,
		Endpoint:        endpoint,
		Proto:           r.Proto,
		Header:          r.Header.Clone(),
		Credential:      credentialOf(r.Header, credential),
		ClientRequestID: r.Header.Get("X-Client-Request-Id"),
		Connection:      r.RemoteAddr,
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.count++
	req.N = rec.count
	if rec.keep < 0 {
		return req
	}
	rec.requests = append(rec.requests, req)
	if rec.keep > 0 && len(rec.requests) > rec.keep {
		rec.requests = slices.Delete(rec.requests, 0, len(rec.requests)-rec.keep)
	}
	rec.notify()
	return req
}

// update changes a call and wakes those who wait.
func (rec *recorder) update(req *Request, change func(*Request)) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change(req)
	rec.notify()
}

// end closes a call, and says how it stood.
func (rec *recorder) end(req *Request) Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	req.Ended = time.Now()
	rec.notify()
	return *req
}

// abort notes that the client has left a call that is under way. sure says that it
// did not get the whole reply.
func (rec *recorder) abort(req *Request, sure bool) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	if !req.Aborted.IsZero() || !req.Ended.IsZero() || req.Completed || req.final && !sure {
		return
	}
	req.Aborted = time.Now()
	select {
	case rec.aborted <- *req:
	default: // nobody reads; Requests has it all the same
	}
	rec.notify()
}

// violation notes what a gateway must never do.
func (rec *recorder) violation(text string) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.violations = append(rec.violations, text)
	rec.notify()
}

// connect remembers a connection: the ConnContext of the server.
func (rec *recorder) connect(ctx context.Context, c net.Conn) context.Context {
	conn := &connection{conn: c}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.live[c] = conn
	rec.connections++
	return context.WithValue(ctx, connectionKey{}, conn)
}

// disconnect forgets connections that are over: the ConnState of the server.
func (rec *recorder) disconnect(c net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	delete(rec.live, c)
	rec.notify()
}

// closeConnections ends all connections.
func (rec *recorder) closeConnections() {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	for _, c := range rec.live {
		c.reset()
	}
}

// notify wakes all who wait. The caller holds the mutex.
func (rec *recorder) notify() {
	close(rec.changed)
	rec.changed = make(chan struct{})
}

// look returns copies of the calls, whether they satisfy a condition, and the
// channel of the next change.
func (rec *recorder) look(ok func([]Request) bool) ([]Request, bool, <-chan struct{}) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	all := make([]Request, len(rec.requests))
	for i, r := range rec.requests {
		all[i] = *r
	}
	return all, ok(all), rec.changed
}

// Requests returns the calls so far, oldest first.
func (u *Upstream) Requests() []Request {
	all, _, _ := u.records.look(func([]Request) bool { return true })
	return all
}

// Chats returns the calls of chat completions so far, oldest first.
func (u *Upstream) Chats() []Request { return u.Of(EndpointChat) }

// Calls is how many calls arrived.
func (u *Upstream) Calls() int {
	u.records.mu.Lock()
	defer u.records.mu.Unlock()
	return u.records.count
}

// Connections is how many connections are open, and how many there ever were.
func (u *Upstream) Connections() (open, ever int) {
	u.records.mu.Lock()
	defer u.records.mu.Unlock()
	return len(u.records.live), u.records.connections
}

// AwaitNoConnections waits until no client has a connection open.
func (u *Upstream) AwaitNoConnections(ctx context.Context) error {
	_, err := u.Await(ctx, "the end of all connections", func([]Request) bool { return len(u.records.live) == 0 })
	return err
}

// Aborted gives each call that its client left before the reply was over. The
// channel is never closed; it holds 4,096 that nobody reads.
func (u *Upstream) Aborted() <-chan Request { return u.records.aborted }

// TakeViolations returns what a gateway must not do and did, and forgets it.
func (u *Upstream) TakeViolations() []string {
	u.records.mu.Lock()
	defer u.records.mu.Unlock()
	v := u.records.violations
	u.records.violations = nil
	return v
}

// Await returns the calls as soon as they satisfy a condition, which is asked at
// each event and must not call the upstream. It gives up when ctx ends, and after 20 seconds.
func (u *Upstream) Await(ctx context.Context, what string, ok func([]Request) bool) ([]Request, error) {
	ctx, cancel := context.WithTimeout(ctx, awaitLimit)
	defer cancel()
	for {
		all, fine, changed := u.records.look(ok)
		if fine {
			return all, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return all, fmt.Errorf("await %s among %d calls: %w", what, len(all), errNoEvent)
		}
	}
}

// AwaitRequests waits for n calls whose bodies have been read.
func (u *Upstream) AwaitRequests(ctx context.Context, n int) ([]Request, error) {
	return u.Await(ctx, fmt.Sprintf("%d requests", n), func(all []Request) bool {
		return count(all, func(r Request) bool { return r.Received }) >= n
	})
}

// AwaitAborted waits for n calls that their clients left.
func (u *Upstream) AwaitAborted(ctx context.Context, n int) ([]Request, error) {
	return u.Await(ctx, fmt.Sprintf("%d aborted calls", n), func(all []Request) bool {
		return count(all, func(r Request) bool { return !r.Aborted.IsZero() }) >= n
	})
}

// AwaitEnded waits for n calls that are over.
func (u *Upstream) AwaitEnded(ctx context.Context, n int) ([]Request, error) {
	return u.Await(ctx, fmt.Sprintf("%d ended calls", n), func(all []Request) bool {
		return count(all, func(r Request) bool { return !r.Ended.IsZero() }) >= n
	})
}

// AwaitEvents waits until a call has been sent n events of its stream.
func (u *Upstream) AwaitEvents(ctx context.Context, n int) ([]Request, error) {
	return u.Await(ctx, fmt.Sprintf("%d events", n), func(all []Request) bool {
		return slices.ContainsFunc(all, func(r Request) bool { return r.Events >= n })
	})
}

// count returns how many elements satisfy a condition.
func count[T any](all []T, ok func(T) bool) int {
	n := 0
	for _, e := range all {
		if ok(e) {
			n++
		}
	}
	return n
}

// Of returns the calls of an endpoint so far, oldest first.
func (u *Upstream) Of(endpoint string) []Request {
	return slices.DeleteFunc(u.Requests(), func(r Request) bool { return r.Endpoint != endpoint })
}

// credentialOf returns the key that some header has.
func credentialOf(h http.Header, names []string) string {
	for _, name := range names {
		key := h.Get(name)
		if name == "Authorization" {
			key = bearer(h)
		}
		if key != "" {
			return key
		}
	}
	return ""
}

// bearer returns the token of an Authorization header.
func bearer(h http.Header) string {
	scheme, token, _ := strings.Cut(h.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
