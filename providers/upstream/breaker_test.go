package upstream

import (
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
)

const (
	failedReason   = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
	rejectedReason = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED
	leftReason     = commonv1.ErrorReason_ERROR_REASON_CANCELLED
)

// model is one model under watch, with verbs for what happens to it.
type model struct {
	t   *testing.T
	all *breakers
	key breakerKey
}

func watched(t *testing.T, percent int) model {
	t.Helper()
	return model{t: t, all: &breakers{percent: percent, rest: 10 * time.Second}, key: breakerKey{"m1", "key"}}
}

func (m model) admitted() permit {
	m.t.Helper()
	p, rest := m.all.admit(m.key)
	if rest > 0 {
		m.t.Fatalf("rests for %v, want a permit", rest)
	}
	return p
}

func (m model) rests() time.Duration {
	m.t.Helper()
	_, rest := m.all.admit(m.key)
	if rest <= 0 {
		m.t.Fatal("got a permit, want a rest")
	}
	return rest
}

func (m model) fail(n int) {
	m.t.Helper()
	for range n {
		m.admitted().report(false, failedReason)
	}
}

func (m model) succeed(n int) {
	m.t.Helper()
	for range n {
		m.admitted().report(true, 0)
	}
}

func TestBreakerOpensByTheShareOfFailures(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		percent int
		before  func(model)
		last    int // failures that then open it
	}{
		"half of twenty":                 {50, func(model) {}, 10},
		"one in a hundred is one":        {1, func(m model) { m.succeed(100) }, 1},
		"ninety percent":                 {90, func(model) {}, 18},
		"successes before do not matter": {50, func(m model) { m.succeed(1000) }, 10},
		"successes push failures out": {50, func(m model) {
			m.fail(9)
			m.succeed(20)
		}, 10},
		"some are still remembered": {50, func(m model) {
			m.fail(9)
			m.succeed(11)
		}, 10},
		"refused requests are the provider's successes": {50, func(m model) {
			for range 100 {
				m.admitted().report(false, rejectedReason)
			}
		}, 10},
		"clients that left count for nothing": {50, func(m model) {
			m.fail(1)
			for range 100 {
				m.admitted().report(false, leftReason)
			}
		}, 9},
		"streams count once": {50, func(m model) {
			m.fail(9)
			for range 10 {
				p := m.admitted()
				p.begun()
				p.report(true, 0)
			}
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := watched(t, test.percent)
			test.before(m)
			m.fail(test.last)
			if rest := m.rests(); rest > 10*time.Second || rest < 9*time.Second {
				t.Errorf("rests for %v", rest)
			}
		})
	}
}

func TestBreakerSwitchedOff(t *testing.T) {
	t.Parallel()
	m := watched(t, 100)
	m.fail(1000)
	_ = m.admitted()
}

func TestBreakerWatchesEachModelByItself(t *testing.T) {
	t.Parallel()
	m := watched(t, 50)
	m.fail(10)
	other := m
	other.key.model = "m2"
	other.succeed(1)
	other.key = breakerKey{"m1", "another key"}
	other.succeed(1)
	_ = m.rests()
}

func TestBreakerFindsOutAfterTheRest(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		probe  func(permit)
		closes bool
		opens  bool
	}{
		"success closes it":        {probe: func(p permit) { p.report(true, 0) }, closes: true},
		"a refusal closes it":      {probe: func(p permit) { p.report(false, rejectedReason) }, closes: true},
		"failure opens it again":   {probe: func(p permit) { p.report(false, failedReason) }, opens: true},
		"a client that left":       {probe: func(p permit) { p.report(false, leftReason) }},
		"a permit that is dropped": {probe: func(p permit) { p.drop() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := watched(t, 50)
				m.fail(1)
				early := [2]permit{m.admitted(), m.admitted()}
				m.fail(9)
				time.Sleep(10*time.Second - 1) //nolint:forbidigo // in the bubble's time
				_ = m.rests()
				time.Sleep(time.Nanosecond) //nolint:forbidigo // as above
				probe := m.admitted()
				if rest := m.rests(); rest > time.Second {
					t.Errorf("while one finds out, others wait %v", rest)
				}
				early[0].report(true, 0) // they began before, and say nothing of now
				early[1].report(false, failedReason)
				if rest := m.rests(); rest > time.Second {
					t.Errorf("while one finds out, others wait %v", rest)
				}
				test.probe(probe)
				switch {
				case test.closes:
					m.fail(9) // nothing is remembered
					_ = m.admitted()
				case test.opens:
					if rest := m.rests(); rest != 10*time.Second {
						t.Errorf("rests for %v", rest)
					}
				default:
					_ = m.admitted() // the next one finds out
					_ = m.rests()
				}
			})
		})
	}
}

// Of many who come at once after the rest, one finds out: each time that the one
// before has left without an outcome, and until one succeeds.
func TestOneAtATimeFindsOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := watched(t, 50)
		m.fail(10)
		time.Sleep(10 * time.Second) //nolint:forbidigo // in the bubble's time
		for range 3 {
			given := make(chan permit, 64)
			var all sync.WaitGroup
			for range cap(given) {
				all.Go(func() {
					if p, rest := m.all.admit(m.key); rest == 0 {
						given <- p
					}
				})
			}
			all.Wait()
			if len(given) != 1 {
				t.Fatalf("%d find out at once", len(given))
			}
			(<-given).report(false, leftReason)
		}
		m.succeed(1)
		m.fail(9)
		_ = m.admitted()
	})
}

func TestLongStreamKeepsNobodyWaiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := watched(t, 10)
		m.fail(2)
		time.Sleep(10 * time.Second) //nolint:forbidigo // in the bubble's time
		probe := m.admitted()
		probe.begun()
		m.succeed(1)
		probe.report(false, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED) // and counts
		m.fail(1)
		_ = m.rests()
	})
}

func TestBreakersAreBounded(t *testing.T) {
	t.Parallel()
	m := watched(t, 50)
	for i := range 3 * maxBreakers {
		m.key.model = strconv.Itoa(i)
		m.fail(1)
	}
	if n := len(m.all.all); n > maxBreakers {
		t.Errorf("%d breakers, want at most %d", n, maxBreakers)
	}
	for i := range 3 * maxBreakers {
		m.key.model = "open " + strconv.Itoa(i)
		for range 10 {
			if p, rest := m.all.admit(m.key); rest == 0 {
				p.report(false, failedReason)
			}
		}
	}
	if n := len(m.all.all); n > maxBreakers {
		t.Errorf("%d breakers, want at most %d", n, maxBreakers)
	}
}

// Models that failed once and are asked for no more keep no room.
func TestBreakersThatHaveRestedMakeRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := watched(t, 50)
		for i := range maxBreakers {
			m.key.model = strconv.Itoa(i)
			m.fail(10)
		}
		m.key.model = "another"
		m.fail(10)
		_ = m.admitted()             // there is no room while the others rest
		time.Sleep(10 * time.Second) //nolint:forbidigo // in the bubble's time
		m.fail(10)
		_ = m.rests()
	})
}

// BenchmarkBreaker is what the breaker costs a call that succeeds.
func BenchmarkBreaker(b *testing.B) {
	for name, failures := range map[string]int{"healthy": 0, "failed before": 1} {
		b.Run(name, func(b *testing.B) {
			all, key := &breakers{percent: 50, rest: time.Second}, breakerKey{"m1", "key"}
			for range failures {
				p, _ := all.admit(key)
				p.report(false, failedReason)
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p, _ := all.admit(key)
					p.report(true, 0)
				}
			})
		})
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			_ = newBreaker(50, time.Second)
		}
	})
}
