package upstream

import (
	"math"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

const (
	refused = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
	noFunds = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
	limited = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
)

func keysOf(weights ...int) *credentials {
	c := &credentials{}
	for i, weight := range weights {
		c.all = append(c.all, Credential{Label: string(rune('a' + i)), Secrets: nil, Weight: weight, Authorize: func(http.Header) {}})
	}
	return c
}

func failing(reason commonv1.ErrorReason, wait time.Duration) *fault {
	return &fault{typed: &typed{Reason: reason, RetryAfter: wait}}
}

func TestKeysAreDrawnByWeight(t *testing.T) {
	t.Parallel()
	c := keysOf(1, 2, 7)
	for _, test := range []struct {
		name string
		skip []*Credential
		rest bool
		want map[string]float64
	}{
		{"all", nil, false, map[string]float64{"a": 0.1, "b": 0.2, "c": 0.7}},
		{"one to skip", []*Credential{&c.all[2]}, false, map[string]float64{"a": 1. / 3, "b": 2. / 3}},
		{"one that rests", nil, true, map[string]float64{"b": 2. / 9, "c": 7. / 9}},
	} {
		if test.rest {
			c.failed(&c.all[0], "m", failing(refused, 0))
		}
		const draws = 20_000
		got := map[string]float64{}
		for range draws {
			got[c.choose("m", test.skip).Label] += 1. / draws
		}
		for label := range map[string]bool{"a": true, "b": true, "c": true} {
			if math.Abs(got[label]-test.want[label]) > 0.03 {
				t.Errorf("%s: %s has %.3f of the calls, want %.3f", test.name, label, got[label], test.want[label])
			}
		}
	}
}

func TestChoosingCostsNoMemory(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the process
	for _, weights := range [][]int{{1}, {1, 2}} {
		c := keysOf(weights...)
		if n := testing.AllocsPerRun(100, func() { c.choose("m", nil) }); n != 0 {
			t.Errorf("%d keys: %v allocations", len(weights), n)
		}
	}
}

// TestHowLongKeysRest has the rests of a key for the model m, each after the one before
// it was over.
func TestHowLongKeysRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		f     *fault
		rests []time.Duration
		whole bool // for every model
	}{
		"refused":                 {failing(refused, 0), []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour}, true},
		"without funds":           {failing(noFunds, 0), []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour}, true},
		"without funds until":     {failing(noFunds, 2*time.Hour), []time.Duration{2 * time.Hour, 2 * time.Hour}, true},
		"without funds, too soon": {failing(noFunds, time.Second), []time.Duration{10 * time.Minute, 20 * time.Minute}, true},
		"limited":                 {failing(limited, 0), []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, false},
		"limited until":           {failing(limited, 7*time.Second), []time.Duration{7 * time.Second, 7 * time.Second}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := keysOf(1, 1)
				b := []*Credential{&c.all[1]} // so that a is the only one to choose
				for range 2 {
					for i, rest := range test.rests {
						c.failed(&c.all[0], "m", test.f)
						if wait, why, ok := c.soonest("m", b); wait != rest || why != test.f.Reason || !ok {
							t.Fatalf("rest %d: %v for %v, %v", i, wait, why, ok)
						}
						if c.choose("m", b) != nil || (c.choose("other", b) == nil) != test.whole {
							t.Fatalf("rest %d: what rests is wrong", i)
						}
						<-time.After(rest - 1)
						if test.f.RetryAfter == 0 {
							c.failed(&c.all[0], "m", test.f) // a call that was under way
						}
						c.served(&c.all[0], "m", nil) // another one
						if c.choose("m", b) != nil {
							t.Fatalf("rest %d is over too soon", i)
						}
						<-time.After(1)
						if c.choose("m", b) == nil {
							t.Fatalf("rest %d is not over", i)
						}
					}
					c.served(&c.all[0], "m", nil) // all is forgotten, and begins anew
				}
				if n := c.resting.Load(); n != 0 {
					t.Errorf("%d rests are remembered", n)
				}
			})
		})
	}
}

func TestASoleKeyNeverRests(t *testing.T) {
	t.Parallel()
	c := keysOf(1)
	for _, reason := range []commonv1.ErrorReason{refused, noFunds, limited} {
		c.failed(&c.all[0], "m", failing(reason, time.Hour))
	}
	if c.choose("m", nil) != &c.all[0] {
		t.Error("it rests")
	}
}

// A key may be kept from listing models and yet serve them.
func TestAKeyThatMayNotListModelsServesThem(t *testing.T) {
	t.Parallel()
	c := keysOf(1, 1)
	b := []*Credential{&c.all[1]}
	c.failed(&c.all[0], "", failing(refused, 0))
	if c.choose("", b) != nil || c.choose("m", b) == nil {
		t.Error("what rests is wrong")
	}
}

func TestRestsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := keysOf(1, 1)
		for i := range 2 * maxRests {
			c.failed(&c.all[0], strconv.Itoa(i), failing(limited, time.Minute))
		}
		if n := len(c.rests); n != maxRests {
			t.Errorf("%d rests", n)
		}
		<-time.After(time.Minute)
		c.failed(&c.all[0], "new", failing(limited, time.Minute))
		if n := c.resting.Load(); n != 1 || len(c.rests) != 1 {
			t.Errorf("%d rests, %d by the count", len(c.rests), n)
		}
	})
}

func TestTheKeysOfAnInstance(t *testing.T) {
	t.Parallel()
	attach := func(key string) func(http.Header) {
		return func(h http.Header) { h.Set("X-Key", key) }
	}
	five := int32(5)
	further := []*configv1.ProviderKey{{Label: "b"}, {Label: "c", Weight: &five}}
	secrets := map[string]string{"b": "kb", "c": "kc"}
	for name, test := range map[string]struct {
		params providers.Params
		want   string // label key weight, …
	}{
		"its own":      {providers.Params{Config: &configv1.Provider{Name: "acme"}, APIKey: "ka"}, "acme ka 1, "},
		"none":         {providers.Params{Config: &configv1.Provider{Name: "acme"}}, "acme  1, "},
		"further ones": {providers.Params{Config: &configv1.Provider{Name: "acme", Keys: further}, APIKey: "ka", Keys: secrets}, "acme ka 1, b kb 1, c kc 5, "},
		"others alone": {providers.Params{Config: &configv1.Provider{Name: "acme", Keys: further}, Keys: secrets}, "b kb 1, c kc 5, "},
	} {
		got := ""
		for _, k := range Credentials(test.params, attach) {
			h := http.Header{}
			k.Authorize(h)
			if len(k.Secrets) != 1 || k.Secrets[0] != h.Get("X-Key") {
				t.Errorf("%s: secrets %q, sent %q", name, k.Secrets, h.Get("X-Key"))
			}
			got += k.Label + " " + k.Secrets[0] + " " + strconv.Itoa(k.Weight) + ", "
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
