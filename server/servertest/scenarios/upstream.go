package scenarios

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// upstream plays all providers: the first element of a path is the instance.
type upstream struct {
	server *httptest.Server

	// whole is held by calls that may reach any instance.
	whole sync.RWMutex

	mu    sync.Mutex
	plays map[string]*play
	turns map[string]*sync.Mutex
	stray []string // requests that nobody waits for
}

// routes is the folder of scenarios whose calls reach several instances.
const routes = "routes"

// play is what an instance answers while a round runs, and what it was sent.
type play struct {
	replies  []message
	requests []sent
}

// sent is a request as the provider got it.
type sent struct {
	message
	clientID string // X-Client-Request-Id
}

// startUpstream starts one that lives as long as the test.
func startUpstream(t testing.TB) *upstream {
	u := &upstream{plays: map[string]*play{}, turns: map[string]*sync.Mutex{}}
	u.server = httptest.NewServer(u)
	t.Cleanup(func() {
		u.server.Close()
		for _, request := range u.stray {
			t.Errorf("a request that no scenario expects: %s", request)
		}
	})
	return u
}

// ServeHTTP answers for all instances.
func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	instance, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	reply, ok := u.reply(instance, sent{
		message:  message{start: r.Method + " " + r.URL.RequestURI(), header: visible(r.Header), body: string(body)},
		clientID: r.Header.Get("X-Client-Request-Id"),
	})
	status, err := reply.status()
	if !ok || err != nil {
		http.Error(w, fmt.Sprintf("no reply for %s: %v", r.URL.Path, err), http.StatusTeapot)
		return
	}
	for name, values := range reply.header {
		w.Header()[name] = values
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply.body) // a gateway that left is its scenario's business
}

// reply takes a request down and returns what it is answered.
func (u *upstream) reply(instance string, request sent) (message, bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p := u.plays[instance]
	if p == nil {
		p = u.plays[routes]
	}
	if p == nil {
		u.stray = append(u.stray, request.start)
		return message{}, false
	}
	p.requests = append(p.requests, request)
	if len(p.replies) == 0 {
		return message{}, false
	}
	return p.replies[min(len(p.requests), len(p.replies))-1], true
}

// during has an instance, or for routes all of them, answer with replies while something
// runs, alone, and returns what they were sent. Requests carry no name that all
// providers would pass, so the calls of an instance take turns.
func (u *upstream) during(instance string, replies []message, run func()) []sent {
	u.mu.Lock()
	turn := u.turns[instance]
	if turn == nil {
		turn = &sync.Mutex{}
		u.turns[instance] = turn
	}
	u.mu.Unlock()
	if instance == routes {
		u.whole.Lock()
		defer u.whole.Unlock()
	} else {
		u.whole.RLock()
		defer u.whole.RUnlock()
	}
	turn.Lock()
	defer turn.Unlock()

	p := &play{replies: replies}
	u.mu.Lock()
	u.plays[instance] = p
	u.mu.Unlock()
	run()
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.plays, instance)
	return p.requests
}

// visible are the headers that a scenario shows: those that do not belong to the
// transport and are not the call's own id.
func visible(header http.Header) http.Header {
	shown := header.Clone()
	for _, name := range []string{"Accept-Encoding", "Connection", "Content-Length", "User-Agent", "X-Client-Request-Id", "Traceparent"} {
		shown.Del(name)
	}
	return shown
}
