// Package catalog knows the models: which provider instance has which, and what is
// known of each. Lists are asked for in the background; readers see an immutable
// snapshot and never wait.
package catalog

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// Params is what a Catalog is made from. All members are required but
// Routes, Dir, ReadOnly and Metrics.
type Params struct {
	// Providers are the provider instances. Those that are a providers.Lister are
	// asked for their models.
	Providers []providers.Provider
	// ProviderConfigs are the instances' parts of the configuration, defaults set,
	// in the order in which instances are asked for a model that several have.
	ProviderConfigs []*configv1.Provider
	// Routes are the names that stand for models, in the order of the configuration.
	Routes []*configv1.Route
	// Config is the catalog's part of the configuration, defaults set.
	Config *configv1.Catalog
	// Dir is the folder where the last good lists are kept. Empty: nowhere.
	Dir string
	// ReadOnly says that lists are loaded from the folder and never saved.
	ReadOnly bool
	// Log takes what goes wrong with lists.
	Log *slog.Logger
	// Metrics takes what is known. Nil: nobody counts.
	Metrics Metrics
}

// Metrics takes what is known of models. Safe for concurrent use.
type Metrics interface {
	// Models says how many models of an instance are known.
	Models(provider string, n int)
	// Refreshed says when an instance last told its models.
	Refreshed(provider string, at time.Time)
}

// Catalog keeps the models. Safe for concurrent use.
type Catalog struct {
	config   *configv1.Catalog
	cards    *Cards
	routes   *routes
	log      *slog.Logger
	metrics  Metrics
	cache    cache
	snapshot atomic.Pointer[Snapshot]

	mu      sync.Mutex
	sources []*source
	version uint64
}

// New returns a catalog with what the configuration, the cache folder and providers
// without a base URL have. It asks no other provider; Run and Refresh do.
func New(params Params) (*Catalog, error) {
	cards, err := NewCards(params.Config.GetCards())
	if err != nil {
		return nil, err
	}
	routes, err := newRoutes(params.Routes)
	if err != nil {
		return nil, err
	}
	c := &Catalog{config: params.Config, cards: cards, routes: routes, log: params.Log, metrics: params.Metrics, cache: cache{dir: params.Dir, readOnly: params.ReadOnly, log: params.Log}}
	for _, config := range params.ProviderConfigs {
		src := &source{config: config}
		for _, provider := range params.Providers {
			if provider.Name() == config.GetName() {
				src.lister, _ = provider.(providers.Lister)
			}
		}
		if !config.GetDiscover() {
			src.lister = nil
		}
		if src.lister != nil {
			src.restore(c.cache.load(config))
		}
		c.sources = append(c.sources, src)
	}
	for _, provider := range params.Providers {
		if c.source(provider.Name()) == nil {
			return nil, fmt.Errorf("catalog: the provider %q has no configuration", provider.Name())
		}
	}
	c.publish()
	for _, src := range c.sources {
		if src.lister != nil && src.config.GetBaseUrl() == "" {
			c.refresh(context.Background(), src) // one without an address is in this process
		}
	}
	c.report()
	return c, nil
}

// Snapshot returns the models as they are known now.
func (c *Catalog) Snapshot() *Snapshot { return c.snapshot.Load() }

// CardsVersion is the version of the embedded model cards.
func (c *Catalog) CardsVersion() string { return c.cards.Version() }

// Run asks every provider for its models, at once and then again and again, until
// ctx ends. It returns nil.
func (c *Catalog) Run(ctx context.Context) error {
	var group errgroup.Group
	for _, src := range c.sources {
		if src.lister != nil {
			group.Go(func() error {
				c.keep(ctx, src)
				return nil
			})
		}
	}
	return group.Wait()
}

// source returns the source of an instance, or nil.
func (c *Catalog) source(instance string) *source {
	for _, src := range c.sources {
		if src.config.GetName() == instance {
			return src
		}
	}
	return nil
}

// publish makes a new snapshot of what the sources have. The caller holds mu, or is
// New.
func (c *Catalog) publish() {
	c.version++
	c.snapshot.Store(newSnapshot(c.version, c.sources, c.cards, c.routes, c.snapshot.Load()))
}

// report tells the metrics what is known. The caller holds mu, or is New.
func (c *Catalog) report() {
	if c.metrics == nil {
		return
	}
	snapshot := c.snapshot.Load()
	for _, src := range c.sources {
		c.metrics.Models(src.config.GetName(), len(snapshot.byInstance[src.config.GetName()]))
		if !src.told.IsZero() {
			c.metrics.Refreshed(src.config.GetName(), src.told)
		}
	}
}
