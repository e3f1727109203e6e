package upstream_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

const (
	refused = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_CREDENTIALS_REFUSED
	noFunds = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED
	limited = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED
)

// keyed is a provider that answers each key in its own way.
type keyed struct {
	url string

	mu    sync.Mutex
	steps map[string][]string // "status retry-after body"; the last one serves all that follow
	asked map[string]int
}

// perKey answers the key "sk-" and label.
func perKey(t *testing.T, steps map[string][]string) *keyed {
	t.Helper()
	k := &keyed{steps: steps, asked: map[string]int{}}
	s := httptest.NewServer(k)
	t.Cleanup(s.Close)
	k.url = s.URL + "/v1"
	return k
}

// ServeHTTP implements http.Handler.
func (k *keyed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	label := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer sk-")
	var status int
	var wait string
	k.mu.Lock()
	k.asked[label]++
	left := k.steps[label]
	if len(left) > 1 {
		k.steps[label] = left[1:]
	}
	k.mu.Unlock()
	if _, err := fmt.Sscan(left[0], &status, &wait); err != nil {
		status, wait = http.StatusTeapot, "-"
	}
	if wait != "-" {
		w.Header().Set("Retry-After", wait)
	}
	body := "{}"
	if parts := strings.SplitN(left[0], " ", 3); len(parts) == 3 {
		body = parts[2]
	}
	if strings.HasPrefix(body, "data:") {
		w.Header().Set("Content-Type", "text/event-stream")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// times is how often a key was used.
func (k *keyed) times(label string) int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.asked[label]
}

func (k *keyed) all() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, times := range k.asked {
		n += times
	}
	return n
}

// client calls a keyed provider with the keys that it knows.
func (k *keyed) client(t *testing.T, change ...func(*configv1.Upstream)) *upstream.Client {
	t.Helper()
	u := bounds()
	for _, f := range change {
		f(u)
	}
	p := params(k.url, configv1.HttpVersion_HTTP_VERSION_1, u)
	p.Credentials = nil
	for label := range k.steps {
		p.Credentials = append(p.Credentials, credential(label, "sk-"+label, 1))
	}
	return newClient(t, p)
}

func model(name string) func(*upstream.Call) {
	return func(call *upstream.Call) { call.Model = name }
}

// labels are the keys of a call's attempts.
func labels(o outcome) []string {
	var list []string
	for _, attempt := range o.call.Exchange.Attempts {
		list = append(list, attempt.Credential)
	}
	return list
}

// many is how many calls leave no doubt that each of two keys was chosen, were both free.
const many = 50

func TestAKeyRestsAloneWhileTheOthersGoOn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer string
		reason commonv1.ErrorReason
		models int // that the key is asked for, of two
	}{
		"unknown":             {"401 -", refused, 1},
		"unknown, Google's":   {`400 - {"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}`, refused, 1},
		"to be paid":          {"402 -", noFunds, 1},
		"without quota":       {`429 - {"error":{"message":"m","code":"insufficient_quota"}}`, noFunds, 1},
		"limited":             {"429 60", limited, 2},
		"not for this model":  {"403 -", refused, 2},
		"unknown in a stream": {`200 - data: {"error":{"message":"m","code":"invalid_api_key"}}` + "\n\n", refused, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ok := "200 -"
			if strings.Contains(test.answer, "data:") {
				ok += " data: {}\n\ndata: [DONE]\n\n"
			}
			k := perKey(t, map[string][]string{"ill": {test.answer}, "well": {ok}})
			c := k.client(t)
			var failed []string
			ask := unary
			if strings.Contains(test.answer, "data:") {
				ask = stream
			}
			for _, m := range []string{"m1", "m2"} {
				for range many {
					o := ask(t, c, model(m))
					if o.err != nil {
						t.Fatal(o.err)
					}
					if got := labels(o); len(got) > 1 {
						failed = append(failed, got...)
						if o.call.Exchange.Attempts[0].Reason != test.reason {
							t.Errorf("the first attempt failed with %v", o.call.Exchange.Attempts[0].Reason)
						}
					}
				}
			}
			if want := slices.Repeat([]string{"ill", "well"}, test.models); !slices.Equal(failed, want) {
				t.Errorf("attempts of calls with several %v, want %v", failed, want)
			}
			if ill, well := k.times("ill"), k.times("well"); ill != test.models || well != 2*many {
				t.Errorf("the ill key was asked %d times, the other one %d", ill, well)
			}
		})
	}
}

// Calls that are under way together learn of a key that is no good each for itself, and
// none fails.
func TestAKeyFailsCallsTogether(t *testing.T) {
	t.Parallel()
	k := perKey(t, map[string][]string{"ill": {"401 -"}, "well": {"200 -"}})
	c := k.client(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range many {
				if o := unary(t, c); o.err != nil {
					t.Error(o.err)
				}
			}
		})
	}
	all.Wait()
	if ill, well := k.times("ill"), k.times("well"); ill < 1 || ill > 8 || well != 8*many {
		t.Errorf("the ill key was asked %d times, the other one %d", ill, well)
	}
}

// A sole key is called whatever came of the last call: somebody may have paid.
func TestASoleKeyIsCalledAgain(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"401 -", "402 -", "403 -", "429 60"} {
		k := perKey(t, map[string][]string{"a": {answer, "200 -"}})
		c := k.client(t)
		if o := unary(t, c); o.err == nil || len(o.call.Exchange.Attempts) != 1 {
			t.Errorf("%s: error %v after %d attempts", answer, o.err, len(o.call.Exchange.Attempts))
		}
		if o := unary(t, c); o.err != nil {
			t.Errorf("%s: the next call: %v", answer, o.err)
		}
	}
}

func TestWhenAllKeysRestNobodyIsAsked(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		a, b    string
		reason  commonv1.ErrorReason // of the calls after the first
		longest time.Duration
	}{
		"unknown":             {"401 -", "401 -", refused, 5 * time.Minute},
		"to be paid":          {"402 -", "402 -", noFunds, 10 * time.Minute},
		"limited":             {"429 60", "429 20", limited, 20 * time.Second},
		"unknown and limited": {"401 -", "429 20", limited, 20 * time.Second},
		"unknown and unpaid":  {"402 -", "401 -", refused, 5 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := perKey(t, map[string][]string{"a": {test.a}, "b": {test.b}})
			c := k.client(t)
			o := unary(t, c)
			e := o.fault()
			if e == nil || len(labels(o)) != 2 || o.call.Exchange.Attempts[1].Reason != e.Reason ||
				e.RetryAfter <= test.longest-10*time.Second || e.RetryAfter > test.longest {
				t.Fatalf("the first call: %+v, attempts of %v", e, labels(o))
			}
			for range 5 {
				o := unary(t, c)
				e := o.fault()
				if e == nil || e.Reason != test.reason || e.Provider != "acme" || e.Message == "" || len(labels(o)) != 0 ||
					e.RetryAfter <= test.longest-10*time.Second || e.RetryAfter > test.longest {
					t.Errorf("got %+v, attempts of %v", e, labels(o))
				}
			}
			if n := k.all(); n != 2 {
				t.Errorf("%d requests", n)
			}
		})
	}
}

// What is forbidden to all keys is forbidden for what was asked: none of them rests.
func TestWhatIsForbiddenToAllKeysRestsNone(t *testing.T) {
	t.Parallel()
	k := perKey(t, map[string][]string{"a": {"403 -"}, "b": {"403 -"}, "c": {"403 -"}})
	c := k.client(t)
	for range 5 {
		o := unary(t, c)
		_ = want(t, o, refused)
		got := labels(o)
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "c"}) {
			t.Errorf("attempts of %v", got)
		}
	}
}

// A rate that is soon over is waited for, as with one key.
func TestAShortRestOfAllKeysIsWaitedFor(t *testing.T) {
	t.Parallel()
	const wait = 400 * time.Millisecond
	patient := func(u *configv1.Upstream) { u.MaxBackoff = durationpb.New(5 * time.Second) }
	for name, attempts := range map[string]int32{"within a call": 3, "before the first attempt": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := perKey(t, map[string][]string{"a": {"429 0.4", "200 -"}, "b": {"429 60"}})
			c := k.client(t, patient)
			began := time.Now()
			o := unary(t, c, retry(&planv1.RetryPolicy{MaxAttempts: attempts}))
			if attempts == 2 {
				if e := want(t, o, limited); e.RetryAfter <= 0 || e.RetryAfter > wait {
					t.Errorf("told to wait %v", e.RetryAfter)
				}
				o = unary(t, c)
			}
			if o.err != nil || time.Since(began) < wait || labels(o)[len(labels(o))-1] != "a" {
				t.Errorf("error %v after %v, attempts of %v", o.err, time.Since(began), labels(o))
			}
		})
	}
}

// Nor is there a wait that the policy has no time for.
func TestALongRestOfAllKeysIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	k := perKey(t, map[string][]string{"a": {"429 3"}, "b": {"429 3"}})
	c := k.client(t, func(u *configv1.Upstream) { u.MaxBackoff = durationpb.New(time.Minute) })
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	began := time.Now()
	for range 2 {
		call := newCall(t, c)
		_ = want(t, outcome{err: c.Do(ctx, call, func(string) error { return nil }), call: call}, limited)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("took %v", took)
	}
}

func TestAttemptsBoundKeysThatTakeOver(t *testing.T) {
	t.Parallel()
	k := perKey(t, map[string][]string{"a": {"401 -"}, "b": {"401 -"}, "c": {"401 -"}})
	c := k.client(t)
	for _, attempts := range []int{2, 1} {
		o := unary(t, c, retry(&planv1.RetryPolicy{MaxAttempts: 2}))
		if e := want(t, o, refused); len(labels(o)) != attempts || (e.RetryAfter == 0) != (attempts == 2) {
			t.Errorf("attempts of %v, told to wait %v; want %d", labels(o), e.RetryAfter, attempts)
		}
	}
}

// Another key that takes over is no retry of a provider in trouble.
func TestKeysThatTakeOverSpendNoBudget(t *testing.T) {
	t.Parallel()
	steps := map[string][]string{"well": {"200 -"}}
	for i := range 30 {
		steps[fmt.Sprint("ill", i)] = []string{"401 -"}
	}
	k := perKey(t, steps)
	c := k.client(t, func(u *configv1.Upstream) { u.RetryBudgetPercent = proto.Int32(0) })
	for range many {
		if o := unary(t, c, retry(&planv1.RetryPolicy{MaxAttempts: 31, MaxBackoff: durationpb.New(0)})); o.err != nil {
			t.Fatal(o.err)
		}
	}
}

// A stream that ends for want of funds rests its key, though it cannot be saved.
func TestAStreamThatEndsRestsItsKey(t *testing.T) {
	t.Parallel()
	unpaid := `data: {"error":{"message":"m","code":"insufficient_quota"}}` + "\n\n"
	k := perKey(t, map[string][]string{"ill": {"200 - data: {}\n\n" + unpaid}, "well": {"200 - data: {}\n\ndata: [DONE]\n\n"}})
	c := k.client(t)
	broken := 0
	for range many {
		if o := stream(t, c); o.err != nil {
			_ = want(t, o, noFunds)
			broken++
		}
	}
	if ill := k.times("ill"); broken != 1 || ill != 1 {
		t.Errorf("%d streams broke, the key was asked %d times", broken, ill)
	}
}

// The breaker of a key leaves the model to the others.
func TestAModelThatRestsForOneKeyIsLeftToTheOthers(t *testing.T) {
	t.Parallel()
	k := perKey(t, map[string][]string{"ill": {"503 -"}, "well": {"200 -"}})
	c := k.client(t, func(u *configv1.Upstream) {
		u.BreakerFailurePercent, u.MaxAttempts = proto.Int32(10), proto.Int32(10)
	})
	for range many {
		if o := unary(t, c); o.err != nil {
			t.Fatal(o.err)
		}
	}
	if n := k.times("ill"); n != 2 {
		t.Errorf("the model was asked %d times of the key that it rests for", n)
	}
}

func TestNoKeyShowsInTheErrorsOfAnother(t *testing.T) {
	t.Parallel()
	echo := `400 - {"error":{"message":"sk-alpha sk-beta","code":"sk-beta"}}`
	k := perKey(t, map[string][]string{"alpha": {echo}, "beta": {echo}})
	e := want(t, unary(t, k.client(t)), commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED)
	if all := fmt.Sprint(e.Message, e.Code, e.UpstreamBody, e.Error()); strings.Contains(all, "alpha") || strings.Contains(all, "beta") {
		t.Errorf("a key shows: %s", all)
	}
}

func TestAClientNeedsAKey(t *testing.T) {
	t.Parallel()
	p := params("http://127.0.0.1:1", configv1.HttpVersion_HTTP_VERSION_1, bounds())
	p.Credentials = nil
	if _, err := upstream.New(p); err == nil {
		t.Error("no error")
	}
}
