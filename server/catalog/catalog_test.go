package catalog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lister is a provider that tells its models as its test wants.
type lister struct {
	name string

	mu    sync.Mutex
	list  func(context.Context) ([]*modelsv1.Model, error)
	asked []time.Time
}

func (l *lister) Name() string { return l.name }
func (l *lister) Type() string { return "openai" }
func (l *lister) Close() error { return nil }

func (l *lister) ListModels(ctx context.Context) ([]*modelsv1.Model, error) {
	l.mu.Lock()
	l.asked = append(l.asked, time.Now())
	list := l.list
	l.mu.Unlock()
	return list(ctx)
}

// tells makes the provider tell these models from now on.
func (l *lister) tells(ids ...string) {
	l.does(func(context.Context) ([]*modelsv1.Model, error) { return named(ids...), nil })
}

func (l *lister) fails(err error) {
	l.does(func(context.Context) ([]*modelsv1.Model, error) { return nil, err })
}

func (l *lister) does(list func(context.Context) ([]*modelsv1.Model, error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = list
}

func (l *lister) times() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

func named(ids ...string) []*modelsv1.Model {
	list := make([]*modelsv1.Model, 0, len(ids))
	for _, id := range ids {
		list = append(list, &modelsv1.Model{Id: id, OwnedBy: "them"})
	}
	return list
}

// bench is a catalog and what it stands on.
type bench struct {
	catalog *catalog.Catalog
	log     *bytes.Buffer
}

func params(dir string, log *bytes.Buffer, configs []*configv1.Provider, listers ...*lister) catalog.Params {
	p := catalog.Params{
		Providers:       nil,
		ProviderConfigs: configs,
		Routes:          nil,
		Config:          &configv1.Catalog{RefreshInterval: durationpb.New(time.Hour)},
		Dir:             dir,
		ReadOnly:        false,
		Metrics:         nil,
		Log:             slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, l := range listers {
		p.Providers = append(p.Providers, l)
	}
	return p
}

func open(t *testing.T, dir string, configs []*configv1.Provider, listers ...*lister) bench {
	t.Helper()
	b := bench{log: &bytes.Buffer{}}
	c, err := catalog.New(params(dir, b.log, configs, listers...))
	if err != nil {
		t.Fatal(err)
	}
	b.catalog = c
	return b
}

// run runs the catalog in a bubble until the test ends.
func (b bench) run(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.catalog.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	synctest.Wait()
}

// after lets time pass in a bubble, and everything happen that is due.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func provider(name string, models ...string) *configv1.Provider {
	return &configv1.Provider{Name: name, Type: "openai", BaseUrl: "https://" + name + ".example", Discover: new(true), Models: models}
}

func ids(s *catalog.Snapshot) []string {
	var list []string
	for _, model := range s.Models() {
		list = append(list, model.GetId())
	}
	return list
}

func TestConfiguredModelsAreServedBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	a := &lister{name: "a"}
	s := open(t, "", []*configv1.Provider{provider("a", "gpt-4o", "x/y")}, a).catalog.Snapshot()
	if s.Empty() || !slices.Equal(ids(s), []string{"gpt-4o", "x/y"}) {
		t.Errorf("models %v", ids(s))
	}
	model, ok := s.Find("a", "gpt-4o")
	if !ok || model.Provider != "a" || model.ProviderType != "openai" || model.ID != "gpt-4o" || model.Stale {
		t.Errorf("model %+v", model)
	}
	info := model.Info
	if model.Card.GetFamily() != "gpt-4o" || info.GetContextWindow() != 128_000 || info.GetMaxOutputTokens() != 16_384 ||
		!slices.Contains(info.GetCapabilities(), modelsv1.Capability_CAPABILITY_TOOLS) || !slices.Equal(info.GetProviders(), []string{"a"}) {
		t.Errorf("info %v, card %v", info, model.Card)
	}
	if other, _ := s.Find("a", "x/y"); other.Card != nil || other.Info.ContextWindow != nil {
		t.Errorf("a model without a card: %+v", other)
	}
	if _, ok := s.Find("a", "y"); ok {
		t.Error("a part of a name is found")
	}
	if len(a.times()) != 0 {
		t.Error("the provider was asked")
	}
}

func TestAnEmptyCatalogSaysSo(t *testing.T) {
	t.Parallel()
	c := open(t, "", []*configv1.Provider{provider("a")}, &lister{name: "a"}).catalog
	if s := c.Snapshot(); !s.Empty() || !s.Instance("a") || len(s.Having("gpt-4o")) != 0 {
		t.Error("not empty")
	}
	status := c.Status()
	if len(status) != 1 || status[0].Provider != "a" || status[0].Models != 0 || !status[0].LastSuccess.IsZero() {
		t.Errorf("status %+v", status)
	}
}

func TestAProviderWithoutAnAddressIsAskedBeforeTheStart(t *testing.T) {
	t.Parallel()
	a, config := &lister{name: "a"}, provider("a")
	a.tells("m")
	config.BaseUrl = ""
	s := open(t, t.TempDir(), []*configv1.Provider{config}, a).catalog.Snapshot()
	if m, ok := s.Find("a", "m"); !ok || m.Stale {
		t.Errorf("models %v", ids(s))
	}
}

func TestRefreshAsksAllOnce(t *testing.T) {
	t.Parallel()
	a, b := &lister{name: "a"}, &lister{name: "b"}
	a.tells("m")
	b.fails(errors.New("no"))
	c := open(t, "", []*configv1.Provider{provider("a"), provider("b")}, a, b).catalog
	c.Refresh(t.Context())
	if got := ids(c.Snapshot()); !slices.Equal(got, []string{"m"}) || len(a.times()) != 1 || len(b.times()) != 1 {
		t.Errorf("models %v, asked %d and %d times", got, len(a.times()), len(b.times()))
	}
}

func TestAProviderWithoutConfigurationIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := catalog.New(params("", &bytes.Buffer{}, nil, &lister{name: "a"})); err == nil {
		t.Error("taken")
	}
}

func TestProvidersAreAskedAtOnce_EachByItself(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, b, hangs := &lister{name: "a"}, &lister{name: "b"}, &lister{name: "hangs"}
		a.tells("gpt-4o", "shared")
		b.tells("shared", "own")
		hangs.does(func(ctx context.Context) ([]*modelsv1.Model, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		bench := open(t, "", []*configv1.Provider{provider("hangs"), provider("b"), provider("a", "extra", "shared")}, a, b, hangs)
		bench.run(t)

		s := bench.catalog.Snapshot()
		if want := []string{"extra", "gpt-4o", "own", "shared"}; !slices.Equal(ids(s), want) {
			t.Fatalf("models %v", ids(s))
		}
		shared := s.Models()[3]
		if !slices.Equal(shared.GetProviders(), []string{"b", "a"}) || shared.GetOwnedBy() != "them" || shared.GetStale() {
			t.Errorf("shared %v", shared)
		}
		having := s.Having("shared")
		if len(having) != 2 || having[0].Provider != "b" || having[1].Provider != "a" {
			t.Errorf("having %+v", having)
		}
		if got := s.InstancesOf("openai"); !slices.Equal(got, []string{"hangs", "b", "a"}) || len(s.InstancesOf("x")) != 0 || s.Instance("x") {
			t.Errorf("instances %v", got)
		}

		after(31 * time.Second)
		if got := bench.catalog.Status()[0].LastError; got != "The provider did not answer in time." {
			t.Errorf("error %q", got)
		}
	})
}

func TestAProviderThatFailsKeepsItsModels_Stale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.tells("m")
		bench := open(t, "", []*configv1.Provider{provider("a", "configured")}, a)
		bench.run(t)
		before := bench.catalog.Snapshot()

		a.fails(failure.Wrap(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "The provider failed.", errors.New("canary")))
		after(67 * time.Minute)
		s := bench.catalog.Snapshot()
		m, ok := s.Find("a", "m")
		configured, _ := s.Find("a", "configured")
		if !ok || !m.Stale || !m.Info.GetStale() || configured.Stale || s.Version() == before.Version() {
			t.Errorf("m %+v, configured %+v, version %d", m, configured, s.Version())
		}
		status := bench.catalog.Status()[0]
		if !status.Stale || status.LastError != "The provider failed." || status.LastSuccess.IsZero() || status.Models != 2 {
			t.Errorf("status %+v", status)
		}
		if old, _ := before.Find("a", "m"); old.Stale {
			t.Error("an older snapshot has changed")
		}
		stale := s.Version()
		after(2 * time.Minute)
		if got := bench.catalog.Snapshot().Version(); got != stale {
			t.Errorf("version %d after failures that change nothing, was %d", got, stale)
		}

		a.tells("m", "new")
		after(61 * time.Second)
		s = bench.catalog.Snapshot()
		if m, _ := s.Find("a", "m"); m.Stale || !slices.Equal(ids(s), []string{"configured", "m", "new"}) {
			t.Errorf("m %+v, models %v", m, ids(s))
		}
		if status := bench.catalog.Status()[0]; status.Stale || status.LastError != "" {
			t.Errorf("status %+v", status)
		}
	})
}

func TestFailuresAreRetriedSoon_ThenLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.fails(errors.New("no route to https://canary"))
		bench := open(t, "", []*configv1.Provider{provider("a")}, a)
		bench.run(t)
		after(time.Hour)
		times := a.times()
		if first := times[1].Sub(times[0]); first < time.Second/2 || first > time.Second {
			t.Errorf("first retry after %v", first)
		}
		if last := times[len(times)-1].Sub(times[len(times)-2]); last < 30*time.Second || last > time.Minute {
			t.Errorf("last retry after %v", last)
		}
		if got := bench.catalog.Status()[0].LastError; got != "The provider could not be asked." {
			t.Errorf("error %q", got)
		}
	})
}

func TestListsAreAskedForAgainAfterTheInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.tells("m")
		bench := open(t, "", []*configv1.Provider{provider("a")}, a)
		bench.run(t)
		version := bench.catalog.Snapshot().Version()
		after(10*time.Hour + time.Second)
		times := a.times()
		if len(times) < 10 || len(times) > 12 {
			t.Errorf("asked %d times in ten hours", len(times))
		}
		for i := range times[1:] {
			if gap := times[i+1].Sub(times[i]); gap < 54*time.Minute || gap > 66*time.Minute {
				t.Errorf("asked after %v", gap)
			}
		}
		if got := bench.catalog.Snapshot().Version(); got != version {
			t.Errorf("version %d after lists that change nothing, was %d", got, version)
		}
		a.tells("n")
		after(67 * time.Minute)
		if s := bench.catalog.Snapshot(); !slices.Equal(ids(s), []string{"n"}) || s.Version() == version {
			t.Errorf("models %v", ids(s))
		}
	})
}

func TestAProviderThatIsNotDiscoveredIsNotAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a, config := &lister{name: "a"}, provider("a", "m")
		config.Discover = new(false)
		bench := open(t, t.TempDir(), []*configv1.Provider{config}, a)
		bench.run(t)
		if len(a.times()) != 0 {
			t.Error("asked")
		}
	})
}

func TestAListIsInputLikeAnyOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := &lister{name: "a"}
		a.does(func(context.Context) ([]*modelsv1.Model, error) {
			list := named("b", "", "a b", "x\n", "\xff", strings.Repeat("x", 513), "a", "b")
			return append(list, nil), nil
		})
		bench := open(t, "", []*configv1.Provider{provider("a")}, a)
		bench.run(t)
		if got := ids(bench.catalog.Snapshot()); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("models %q", got)
		}
	})
}

func BenchmarkSnapshotOfAHundredThousandModels(b *testing.B) {
	names := make([]string, 100_000)
	for i := range names {
		names[i] = fmt.Sprintf("vendor-%d/model-%d", i%100, i)
	}
	p := params("", &bytes.Buffer{}, []*configv1.Provider{provider("a", names...)})
	b.Run("New", func(b *testing.B) {
		for b.Loop() {
			if _, err := catalog.New(p); err != nil {
				b.Fatal(err)
			}
		}
	})
	c, err := catalog.New(p)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("Find", func(b *testing.B) {
		for b.Loop() {
			if _, ok := c.Snapshot().Find("a", names[70_000]); !ok {
				b.Fatal("lost")
			}
		}
	})
	b.Run("Having", func(b *testing.B) {
		for b.Loop() {
			if len(c.Snapshot().Having(names[70_000])) != 1 {
				b.Fatal("lost")
			}
		}
	})
}

var _ providers.Lister = (*lister)(nil)
