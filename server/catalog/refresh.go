package catalog

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

const (
	listTimeout  = 30 * time.Second // of one request for a list
	firstRetry   = time.Second
	longestRetry = time.Minute
	maxIDLength  = 512
)

// source is one provider instance and what it last told. The catalog's mutex guards
// everything but config and lister.
type source struct {
	config  *configv1.Provider
	lister  providers.Lister // nil: it is not asked
	list    []*modelsv1.Model
	told    time.Time // when list was good; zero: never
	failed  string    // why the last request failed; empty: it did not
	failing bool      // the last request failed, or list comes from the cache
}

// restore takes the list that the cache has.
func (s *source) restore(cached cachedList) {
	if cached.told.IsZero() {
		return
	}
	s.list, s.told, s.failing = cached.models, cached.told, true
}

// stale says that the list is an older good one.
func (s *source) stale() bool { return s.failing && !s.told.IsZero() }

// Refresh asks every provider for its models once, and returns when all have
// answered or failed.
func (c *Catalog) Refresh(ctx context.Context) {
	var asked sync.WaitGroup
	for _, src := range c.sources {
		if src.lister != nil {
			asked.Go(func() { c.refresh(ctx, src) })
		}
	}
	asked.Wait()
}

// keep asks one provider until ctx ends.
func (c *Catalog) keep(ctx context.Context, src *source) {
	for failures := 0; ; {
		if c.refresh(ctx, src) {
			failures = 0
		} else {
			failures++
		}
		timer := time.NewTimer(c.pause(failures))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// pause is how long to wait before the next request: about the interval, and after
// failures a doubling time with jitter, so that replicas do not ask together.
func (c *Catalog) pause(failures int) time.Duration {
	interval := c.config.GetRefreshInterval().AsDuration()
	if failures == 0 {
		return interval - interval/10 + rand.N(interval/5+1) //nolint:gosec // jitter needs no secrecy
	}
	wait := min(firstRetry<<min(failures-1, 10), longestRetry, interval)
	return wait/2 + rand.N(wait/2+1) //nolint:gosec // jitter needs no secrecy
}

// refresh asks one provider and takes what it tells. It says whether the provider
// answered.
func (c *Catalog) refresh(ctx context.Context, src *source) bool {
	bounded, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := src.lister.ListModels(bounded)
	if ctx.Err() != nil {
		return false // stopping; what came of it says nothing of the provider
	}
	name := src.config.GetName()
	if err != nil {
		c.log.WarnContext(ctx, "models not listed", "provider", name, "error", err)
		c.mu.Lock()
		defer c.mu.Unlock()
		changed := !src.stale() && !src.told.IsZero()
		src.failing, src.failed = true, reasonOf(err)
		if changed {
			c.publish()
		}
		return false
	}
	list, refused := clean(list)
	if refused > 0 {
		c.log.WarnContext(ctx, "models without a usable name left out", "provider", name, "models", refused)
	}
	told := time.Now()
	c.cache.save(ctx, src.config, told, list)
	c.mu.Lock()
	defer c.mu.Unlock()
	changed := src.failing || src.told.IsZero() || !sameList(src.list, list)
	src.list, src.told, src.failing, src.failed = list, told, false, ""
	if changed {
		c.publish()
		c.log.InfoContext(ctx, "models listed", "provider", name, "models", len(list))
	}
	c.report()
	return true
}

// reasonOf is why a request failed, for people who may not read logs: the cause,
// which may quote the provider, stays out.
func reasonOf(err error) string {
	if failed := failure.As(err); failed != nil {
		return failed.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "The provider did not answer in time."
	}
	return "The provider could not be asked."
}

// clean returns the models with a usable name, by id and each once, and how many
// were left out. A provider's list is input like any other.
func clean(list []*modelsv1.Model) ([]*modelsv1.Model, int) {
	kept := make([]*modelsv1.Model, 0, len(list))
	for _, model := range list {
		if usable(model.GetId()) {
			kept = append(kept, model)
		}
	}
	slices.SortStableFunc(kept, byID)
	kept = slices.CompactFunc(kept, func(a, b *modelsv1.Model) bool { return a.GetId() == b.GetId() })
	return kept, len(list) - len(kept)
}

func usable(id string) bool {
	if id == "" || len(id) > maxIDLength || !utf8.ValidString(id) {
		return false
	}
	for _, r := range id {
		if r <= ' ' || r == 0x7f {
			return false
		}
	}
	return true
}

func sameList(a, b []*modelsv1.Model) bool {
	return slices.EqualFunc(a, b, func(x, y *modelsv1.Model) bool { return proto.Equal(x, y) })
}
