package providertest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// KeeperFactory makes the adapter under test, as ChatterFactory does. What it keeps
// is what its interfaces say.
type KeeperFactory func(t testing.TB, base, key string, up *configv1.Upstream) providers.Provider

// RunKeeper is what every adapter passes that keeps something in OpenAI's dialect:
// responses, conversations, completions. Of its abilities those are tried that the
// adapter has; one that has none fails.
func RunKeeper(t *testing.T, factory KeeperFactory) {
	probe := factory(t, "http://127.0.0.1:1/v1", DefaultKey, bounds(longWait))
	s := &keeperSuite{factory: factory}
	_, responses := probe.(providers.ResponseKeeper)
	_, conversations := probe.(providers.ConversationKeeper)
	_, completions := probe.(providers.CompletionKeeper)
	_, counts := probe.(providers.TokenCounter)
	_, compacts := probe.(providers.Compactor)
	if !responses && !conversations && !completions {
		t.Fatal("the adapter keeps nothing")
	}
	for _, c := range []struct {
		name string
		has  bool
		test func(*testing.T)
	}{
		{"responses", responses, s.testResponses},
		{"resumed responses", responses, s.testResume},
		{"background responses", responses, s.testBackground},
		{"input items", responses, s.testInputItems},
		{"failures of responses", responses, s.testResponseFailures},
		{"tokens", counts, s.testTokens},
		{"compaction", compacts, s.testCompaction},
		{"conversations", conversations, s.testConversations},
		{"items of conversations", conversations, s.testItems},
		{"completions", completions, s.testCompletions},
		{"lists of completions", completions, s.testCompletionLists},
	} {
		if c.has {
			t.Run(c.name, c.test)
		}
	}
}

// keeperSuite is what all its tests share.
type keeperSuite struct{ factory KeeperFactory }

// keeperRig is an upstream and an adapter of an ability for it.
type keeperRig[A any] struct {
	t       testing.TB
	up      *Upstream
	adapter A
}

// newKeeperRig starts both.
func newKeeperRig[A any](t testing.TB, s *keeperSuite, opts ...Option) *keeperRig[A] {
	t.Helper()
	up := Start(t, opts...)
	at := siteOf(up, longWait)
	adapter, ok := s.factory(t, at.base, at.key, at.bounds).(A)
	if !ok {
		t.Fatal("the adapter has lost an ability")
	}
	return &keeperRig[A]{t: t, up: up, adapter: adapter}
}

// made makes something at the upstream, without the adapter, and returns it.
func (u *Upstream) made(t testing.TB, path, body string) *node {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, u.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+u.Key())
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s, %v", resp.StatusCode, b, err)
	}
	if strings.HasPrefix(string(b), "event: ") { // its first event has the id
		b = []byte(dataLines(string(b))[0])
	}
	n, _, err := parse(b)
	if err != nil {
		t.Fatal(err)
	}
	if r := n.get("response"); r != nil {
		return r
	}
	return n
}

// notFound judges that something is not there.
func notFound(t testing.TB, what string, err error) {
	t.Helper()
	e := failure.As(err)
	if e == nil || e.Reason != commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
		t.Errorf("%s: %v, want that it is not there", what, err)
	}
}

// page is a part of a list that an adapter returned.
type page struct {
	ids         []string
	first, last string
	more        bool
}

// walk reads a list page by page, two at a time, from the oldest on.
func walk(ctx context.Context, t testing.TB, next func(ctx context.Context, after *string) (page, error)) []string {
	t.Helper()
	var out []string
	var after *string
	for range 20 {
		p, err := next(ctx, after)
		if err != nil {
			t.Fatal(err)
		}
		if len(p.ids) > 2 || len(p.ids) > 0 && (p.first != p.ids[0] || p.last != p.ids[len(p.ids)-1]) {
			t.Errorf("a page of two is %+v", p)
		}
		out = append(out, p.ids...)
		if !p.more {
			return out
		}
		after = &p.last
	}
	t.Error(fmt.Errorf("the list does not end after %d", len(out)))
	return out
}
