package upstream

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// Credential is one of the keys that a client calls its provider with.
type Credential struct {
	// Label names it in records.
	Label string
	// Secrets are the texts of it that must never be shown.
	Secrets []string
	// Weight is its share of the calls, in proportion to the others. At least 1.
	Weight int
	// Authorize sets the headers that carry it, last of all. It is called for each
	// attempt and must be safe for concurrent use.
	Authorize func(http.Header)
}

// Credentials are those of an instance: its own key, with the instance's name for a
// label, and its further ones. One without any key has one of an empty key. attach
// returns what attaches a key to a request.
func Credentials(p providers.Params, attach func(key string) func(http.Header)) []Credential {
	var all []Credential
	add := func(label, key string, weight int) {
		all = append(all, Credential{Label: label, Secrets: []string{key}, Weight: weight, Authorize: attach(key)})
	}
	further := p.Config.GetKeys()
	if p.APIKey != "" || len(further) == 0 {
		add(p.Config.GetName(), p.APIKey, 1)
	}
	for _, key := range further {
		weight := 1
		if key.Weight != nil {
			weight = int(key.GetWeight())
		}
		add(key.GetLabel(), p.Keys[key.GetLabel()], weight)
	}
	return all
}

// How long a key rests that the provider does not want: anew after each answer that
// says so once more, for twice as long.
const (
	refusedRest = 5 * time.Minute  // unknown, revoked, not for this model
	quotaRest   = 10 * time.Minute // without funds
	limitedRest = time.Second      // asked too often, where the provider tells no wait
	longestRest = time.Hour
	longestLull = time.Minute // of limitedRest
	// maxRests bounds what is remembered: models' names come from callers.
	maxRests = 4096
)

// credentials chooses among the keys of a client. A sole one never rests: nothing
// could take its place. While none rests, choosing takes no lock.
type credentials struct {
	all []Credential

	resting atomic.Int32 // len(rests)
	mu      sync.Mutex
	rests   map[restKey]rest
}

// restKey is what rests: a key, for one model or for all.
type restKey struct {
	label string
	whole bool
	model string // empty when whole
}

// rest is why and until when a key is left out. When it is over it is remembered
// until the key has served, so that the next one is longer.
type rest struct {
	until  time.Time
	length time.Duration
	reason commonv1.ErrorReason
}

// sole says that there is one key only.
func (c *credentials) sole() bool { return len(c.all) == 1 }

// choose returns a key that is neither resting for the model nor one of those to
// skip, by weight; nil: there is none.
func (c *credentials) choose(model string, skip []*Credential) *Credential {
	if c.sole() {
		if len(skip) > 0 {
			return nil
		}
		return &c.all[0]
	}
	if c.resting.Load() == 0 {
		return c.draw(skip, func(*Credential) bool { return true })
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	return c.draw(skip, func(k *Credential) bool { return !c.free(k, model).After(now) })
}

// draw draws one of the keys that may be drawn, by weight.
func (c *credentials) draw(skip []*Credential, may func(*Credential) bool) *Credential {
	var drawn *Credential
	total := 0
	for i := range c.all {
		k := &c.all[i]
		if slices.Contains(skip, k) || !may(k) {
			continue
		}
		total += k.Weight
		if rand.IntN(total) < k.Weight { //nolint:gosec // spreading needs no secrecy
			drawn = k
		}
	}
	return drawn
}

// free is when a key may be used again for a model. The caller holds mu.
func (c *credentials) free(k *Credential, model string) time.Time {
	whole, some := c.rests[restKey{label: k.Label, whole: true}], c.rests[restKey{label: k.Label, model: model}]
	if whole.until.After(some.until) {
		return whole.until
	}
	return some.until
}

// soonest is how long it takes until one of the keys may be used for a model, other
// than those to skip, and why not before. 0: one may be now. False: there is none.
func (c *credentials) soonest(model string, skip []*Credential) (time.Duration, commonv1.ErrorReason, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *Credential
	for i := range c.all {
		k := &c.all[i]
		if !slices.Contains(skip, k) && (found == nil || c.free(k, model).Before(c.free(found, model))) {
			found = k
		}
	}
	if found == nil {
		return 0, commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED, false
	}
	why := c.rests[restKey{label: found.Label, whole: true}]
	if some := c.rests[restKey{label: found.Label, model: model}]; some.until.After(why.until) {
		why = some
	}
	return max(time.Until(why.until), 0), why.reason, true
}

// ofKey says whether a failure is that of a key, so that another one may do better.
func ofKey(reason commonv1.ErrorReason) bool {
	switch reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED,
		commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED:
		return true
	}
	return false
}

// failed rests a key after a failure of its own. A rate is that of a model; one that is
// forbidden is left to served.
func (c *credentials) failed(k *Credential, model string, f *fault) {
	if c.sole() || f.forbidden {
		return
	}
	all := restKey{label: k.Label, whole: true}
	switch f.Reason {
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED:
		c.rest(all, f, max(quotaRest, f.RetryAfter), longestRest)
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED:
		if model == "" { // a list of models, which a key may be kept from alone
			all = restKey{label: k.Label}
		}
		c.rest(all, f, refusedRest, longestRest)
	case commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED:
		c.rest(restKey{label: k.Label, model: model}, f, limitedRest, longestLull)
	}
}

// served forgets the rests that are over of a key that has served a model. Keys that
// were forbidden it in the same call now are known to be the reason, not the request,
// and rest for this model.
func (c *credentials) served(k *Credential, model string, forbidden []*Credential) {
	if c.sole() {
		return
	}
	if c.resting.Load() > 0 {
		c.mu.Lock()
		now := time.Now()
		for _, key := range []restKey{{label: k.Label, whole: true}, {label: k.Label, model: model}} {
			if known, ok := c.rests[key]; ok && !known.until.After(now) {
				delete(c.rests, key)
			}
		}
		c.resting.Store(int32(len(c.rests))) //nolint:gosec // at most maxRests
		c.mu.Unlock()
	}
	for _, other := range forbidden {
		f := &fault{typed: &typed{Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED}}
		c.rest(restKey{label: other.Label, model: model}, f, refusedRest, longestRest)
	}
}

// rest begins a rest, or for one that is not over keeps it: calls that were under way
// together learn the same. What the provider tells of a rate is believed instead.
func (c *credentials) rest(key restKey, f *fault, first, longest time.Duration) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	known, again := c.rests[key]
	next := rest{length: first, reason: f.Reason}
	switch {
	case again && known.until.After(now):
		next.length = known.length
		next.until = known.until
	case again:
		next.length = max(first, min(2*known.length, longest))
		next.until = now.Add(next.length)
	case len(c.rests) >= maxRests && !c.forget(now):
		return
	default:
		next.until = now.Add(first)
	}
	if f.Reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED && f.RetryAfter > 0 {
		next.length, next.until = first, now.Add(f.RetryAfter)
	}
	if c.rests == nil {
		c.rests = make(map[restKey]rest)
	}
	c.rests[key] = next
	c.resting.Store(int32(len(c.rests))) //nolint:gosec // at most maxRests
}

// forget drops the rests that are over. False: there is no room.
func (c *credentials) forget(now time.Time) bool {
	for key, known := range c.rests {
		if !known.until.After(now) {
			delete(c.rests, key)
		}
	}
	return len(c.rests) < maxRests
}
