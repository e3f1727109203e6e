package providertest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// trial is a call of some kind, made for its failures.
type trial struct {
	// endpoint is where its requests arrive; model is the one that is asked.
	endpoint, model string
	// stream says that the reply is one.
	stream bool
	// prepare puts something into the upstream before the call. Nil: nothing.
	prepare func(*Upstream)
	// make makes the call with a new adapter, to its end, and says how many pieces came.
	make func(ctx context.Context, t testing.TB, at site, x *providers.Exchange) (int, error)
}

// site is where an adapter calls, and within which bounds.
type site struct {
	base, key string
	bounds    *configv1.Upstream
}

// siteOf is an upstream's.
func siteOf(up *Upstream, wait time.Duration) site {
	return site{base: up.URL(), key: up.Key(), bounds: bounds(wait)}
}

// aimed is a call for a model, as the service makes it.
func aimed[P proto.Message](params P, model string) *providers.Call[P] {
	return &providers.Call[P]{
		Params:    params,
		Target:    &planv1.Target{Provider: "test", ProviderType: "openai", Model: model, SameDialect: true},
		Retry:     &planv1.RetryPolicy{MaxAttempts: attempts, MaxBackoff: durationpb.New(maxBackoff)},
		Patch:     true,
		Meter:     true,
		RequestID: "req-of-the-suite",
		Exchange:  &providers.Exchange{},
	}
}

// faults has each misbehaviour that the kind of call can meet give its failure.
func (k trial) faults(t *testing.T, all []fault) {
	t.Parallel()
	for _, f := range all {
		if k.stream && f.by == unaryOnly || !k.stream && f.by == streamOnly {
			continue
		}
		t.Run(f.script, func(t *testing.T) {
			t.Parallel()
			wait := longWait
			if strings.HasPrefix(f.script, "hang") {
				wait = shortWait
			}
			up := Start(t)
			if k.prepare != nil {
				k.prepare(up)
			}
			up.EnqueueTextAt(t, k.endpoint, f.script)
			x := &providers.Exchange{}
			pieces, err := k.make(t.Context(), t, siteOf(up, wait), x)
			e := checkFailure(t, up, x, k.model, err, f.reasons)
			if f.calls > 0 && up.Calls() != f.calls {
				t.Errorf("%d calls, want %d", up.Calls(), f.calls)
			}
			if pieces != f.chunks {
				t.Errorf("%d pieces, want %d", pieces, f.chunks)
			}
			if f.check != nil && e != nil && !f.check(e) {
				t.Errorf("the failure is %+v", *e)
			}
		})
	}
}

// leaving has callers leave: the upstream is told at once, and the error is the
// context's.
func (k trial) leaving(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"hang", "delay=1h", "hang-after=0"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			up.EnqueueTextAt(t, k.endpoint, script)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				_, err := k.make(ctx, t, siteOf(up, longWait), &providers.Exchange{})
				ended <- err
			}()
			if _, err := up.AwaitRequests(t.Context(), 1); err != nil {
				t.Fatal(err)
			}
			left := time.Now()
			cancel()
			(&rig{t: t, up: up}).left(ended, left, context.Canceled)
		})
	}
	t.Run("a context that is over", func(t *testing.T) {
		t.Parallel()
		up := Start(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.make(ctx, t, siteOf(up, longWait), &providers.Exchange{}); !errors.Is(err, context.Canceled) || up.Calls() != 0 {
			t.Errorf("%v after %d calls", err, up.Calls())
		}
	})
}

// checkAttempt judges what the adapter told of a good call for a model.
func checkAttempt(t testing.TB, up *Upstream, x *providers.Exchange, model string) {
	t.Helper()
	if len(x.Attempts) != 1 {
		t.Fatalf("%d attempts, want one", len(x.Attempts))
	}
	a := x.Attempts[0]
	if a.HTTPStatus != 200 || a.Reason != 0 || a.Model != model || a.Start.IsZero() || a.Duration <= 0 || x.Connected.Before(a.Start) {
		t.Errorf("the attempt is %+v, connected at %v", a, x.Connected)
	}
	if !strings.HasPrefix(x.UpstreamRequestID, "req_") || a.UpstreamRequestID != x.UpstreamRequestID {
		t.Errorf("the provider's request ids are %q and %q", x.UpstreamRequestID, a.UpstreamRequestID)
	}
	all := up.Requests()
	if r := all[len(all)-1]; r.ClientRequestID != "req-of-the-suite" || r.Credential != up.Key() {
		t.Errorf("the request id %q, the credential %q", r.ClientRequestID, r.Credential)
	}
}

// wholeFaults are the misbehaviours of replies that are no streams, whatever they
// say. Those that the reply's text makes are chat's alone.
func wholeFaults() []fault {
	all := slices.Concat(refusals(), passing(), hints(), silences(), earlyEnds(), nonsense())
	return slices.DeleteFunc(all, func(f fault) bool { return strings.HasPrefix(f.script, "line=") })
}
