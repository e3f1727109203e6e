package providertest

import (
	"net"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testConnections has the faults that are not in one reply.
func (s *suite) testConnections(t *testing.T) {
	t.Parallel()
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		both(t, s.testNobody)
	})
	t.Run("an authority that nobody knows", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait, func(p *Params) { p.TLS = true })
		got := r.run(t.Context(), say("x"), false)
		if e := failure.As(got.err); e == nil || e.Reason != unreachable || r.up.Calls() != 0 {
			t.Errorf("%v after %d calls", got.err, r.up.Calls())
		}
	})
	for _, code := range []string{"301", "302", "307", "308"} {
		t.Run("redirect "+code, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) { s.testRedirect(t, code, stream) })
		})
	}
	for _, script := range []string{"close", "stale"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			both(t, func(t *testing.T, stream bool) {
				r := s.rig(t, longWait)
				r.up.EnqueueText(t, script, script)
				for range 3 {
					if got := r.run(t.Context(), say("Hello."), stream); got.err != nil || got.text() != "You said: Hello." {
						t.Errorf("%q, %v", got.text(), got.err)
					}
				}
			})
		})
	}
	t.Run("a reply that comes while the request is sent", func(t *testing.T) {
		t.Parallel()
		r := s.rig(t, longWait)
		r.up.EnqueueText(t, "early,status=401,times=-1")
		c := say(strings.Repeat("a long prompt ", 1<<20))
		if e := checkFailure(t, r.up, c.Exchange, "gpt-4o-mini", r.run(t.Context(), c, false).err, because(refusedKey)); r.up.Calls() != 1 {
			t.Errorf("%v after %d calls", e, r.up.Calls())
		}
	})
}

// testNobody calls a port on which nobody listens.
func (s *suite) testNobody(t *testing.T, stream bool) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, up: nil, chatter: s.factory(t, "http://"+l.Addr().String()+"/v1", DefaultKey, bounds(longWait))}
	c := say("x")
	got := r.run(t.Context(), c, stream)
	if e := failure.As(got.err); e == nil || e.Reason != unreachable || len(c.Exchange.Attempts) != attempts {
		t.Errorf("%v after %d attempts", got.err, len(c.Exchange.Attempts))
	}
}

// testRedirect is sent to another host, which must not hear of it.
func (s *suite) testRedirect(t *testing.T, code string, stream bool) {
	t.Helper()
	r, other := s.rig(t, longWait), Start(t)
	r.up.EnqueueText(t, "redirect="+code+":"+other.URL()+"/chat/completions,times=-1")
	c := say("x")
	if e := checkFailure(t, r.up, c.Exchange, "gpt-4o-mini", r.run(t.Context(), c, stream).err, because(invalidReply)); other.Calls() != 0 {
		t.Errorf("the redirect was followed: %v", e)
	}
}
