package providertest

import (
	"slices"
	"strings"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testFailures has each misbehaviour give its failure.
func (s *suite) testFailures(t *testing.T) {
	t.Parallel()
	all := faults()
	noDone := fault{script: "no-done", by: streamOnly, reasons: because(truncated), calls: 1, chunks: 7}
	if s.quirks[EndsWithoutDone] {
		noDone.reasons = because(ok)
	}
	for _, f := range append(all, noDone) {
		t.Run(f.script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				if stream && f.by == unaryOnly || !stream && f.by == streamOnly {
					return
				}
				s.testFault(t, f, stream)
			})
		})
	}
}

// testFault has one misbehaviour give its failure, by one method.
func (s *suite) testFault(t *testing.T, f fault, stream bool) {
	t.Helper()
	wait := longWait
	if strings.HasPrefix(f.script, "hang") {
		wait = shortWait
	}
	r := s.rig(t, wait)
	r.up.EnqueueText(t, f.script)
	c := say("x y")
	c.Params.StreamOptions = &chatv1.ChatStreamOptions{}
	c.Meter = false
	if !stream {
		c.Params.StreamOptions = nil
	}
	got := r.run(t.Context(), c, stream)
	e := checkFailure(t, r.up, c.Exchange, "gpt-4o-mini", got.err, f.reasons)
	if f.calls > 0 && r.up.Calls() != f.calls {
		t.Errorf("%d calls, want %d", r.up.Calls(), f.calls)
	}
	if len(got.chunks) != f.chunks || got.opened != (f.chunks > 0) {
		t.Errorf("%d chunks, want %d; opened %t", len(got.chunks), f.chunks, got.opened)
	}
	if f.check != nil && e != nil && !f.check(e) {
		t.Errorf("the failure is %+v", *e)
	}
}

// checkFailure judges a failure of a call for a model, and what the adapter told of
// it.
func checkFailure(t testing.TB, up *Upstream, x *providers.Exchange, model string, err error, reasons []commonv1.ErrorReason) *failure.Error {
	t.Helper()
	e := failure.As(err)
	switch {
	case err == nil && slices.Contains(reasons, ok):
		return nil
	case e == nil:
		t.Fatalf("the error is %v, want %v", err, reasons)
	case !slices.Contains(reasons, e.Reason):
		t.Errorf("the reason is %v (%v), want %v", e.Reason, err, reasons)
	case e.Message == "":
		t.Errorf("the failure has no message")
	}
	if strings.Contains(err.Error(), up.Key()) || strings.Contains(e.UpstreamBody, up.Key()) {
		t.Errorf("the failure shows the key: %v", err)
	}
	if len(e.UpstreamBody) > 1024 {
		t.Errorf("the failure shows %d bytes of the answer", len(e.UpstreamBody))
	}
	if got := len(x.Attempts); got != up.Calls() {
		t.Errorf("%d attempts were told of %d calls", got, up.Calls())
	}
	for _, a := range x.Attempts {
		if a.Reason == ok || a.Model != model || a.Start.IsZero() || a.Duration <= 0 {
			t.Errorf("an attempt is %+v", a)
		}
	}
	return e
}
