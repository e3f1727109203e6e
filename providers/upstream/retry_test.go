package upstream

import (
	"net/http"
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_000_000, 0)
	b := budget{percent: 10}
	take := func(now time.Time) (n int) {
		for b.retry(now) {
			n++
		}
		return n
	}
	if n := take(at); n != 10 {
		t.Errorf("without calls %d retries, want the ten that are free", n)
	}
	for i := range 1000 {
		b.call(at.Add(time.Duration(i) * 5 * time.Millisecond)) // five seconds
	}
	if n := take(at.Add(5 * time.Second)); n != 100 {
		t.Errorf("%d more, want ten percent of a thousand calls", n)
	}
	if n := take(at.Add(9 * time.Second)); n != 0 {
		t.Errorf("%d within the window, want none", n)
	}
	if n := take(at.Add(10 * time.Second)); n != 0 {
		t.Errorf("%d when calls and retries of one second are forgotten, want none", n)
	}
	if n := take(at.Add(time.Hour)); n != 10 {
		t.Errorf("%d an hour later, want the ten that are free", n)
	}
	if n := take(at); n != 0 {
		t.Errorf("%d when the clock jumps back, want none", n)
	}
}

func TestBackoffIsFullJitter(t *testing.T) {
	t.Parallel()
	for n, limit := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second, 3: 2 * time.Second, 5: 8 * time.Second, 9: 8 * time.Second, 60: 8 * time.Second} {
		low, high := time.Hour, time.Duration(0)
		for range 2000 {
			wait := backoff(n, 8*time.Second)
			low, high = min(low, wait), max(high, wait)
		}
		if high > limit || high < limit*9/10 || low > limit/10 {
			t.Errorf("wait %d is between %v and %v, want anything up to %v", n, low, high, limit)
		}
	}
	if wait := backoff(1, 0); wait != 0 {
		t.Errorf("a wait of %v where none is allowed", wait)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ms, s    string
		body     time.Duration
		from, to time.Duration
		said     bool
		date     time.Duration // s is one, so far from now
	}{
		"seconds":               {s: "7", from: 7 * time.Second, to: 7 * time.Second, said: true},
		"parts of one":          {s: "0.25", from: 250 * time.Millisecond, to: 250 * time.Millisecond, said: true},
		"milliseconds":          {ms: "1500", from: 1500 * time.Millisecond, to: 1500 * time.Millisecond, said: true},
		"milliseconds first":    {ms: "10", s: "7", from: 10 * time.Millisecond, to: 10 * time.Millisecond, said: true},
		"broken milliseconds":   {ms: "soon", s: "7", from: 7 * time.Second, to: 7 * time.Second, said: true},
		"zero":                  {s: "0", said: true},
		"date":                  {date: 90 * time.Second, from: 80 * time.Second, to: 90 * time.Second, said: true},
		"past date":             {date: -time.Hour, said: true},
		"huge":                  {s: "99999999999", from: 24 * time.Hour, to: 24 * time.Hour, said: true},
		"infinite":              {s: "Inf", from: 24 * time.Hour, to: 24 * time.Hour, said: true},
		"far date":              {date: 9999 * time.Hour, from: 24 * time.Hour, to: 24 * time.Hour, said: true},
		"negative":              {s: "-5"},
		"not a number":          {s: "NaN"},
		"garbage":               {s: "tomorrow"},
		"nothing":               {},
		"in the body":           {body: time.Minute, from: time.Minute, to: time.Minute, said: true},
		"headers over the body": {s: "7", body: time.Minute, from: 7 * time.Second, to: 7 * time.Second, said: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			if test.ms != "" {
				h.Set(retryAfterMS, test.ms)
			}
			if test.date != 0 {
				test.s = time.Now().Add(test.date).UTC().Format(http.TimeFormat)
			}
			if test.s != "" {
				h.Set(retryAfter, test.s)
			}
			got, said := retryAfterOf(h, test.body)
			if said != test.said || got < test.from || got > test.to {
				t.Errorf("got %v, %t; want %v to %v, %t", got, said, test.from, test.to, test.said)
			}
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("7", "")
	f.Add("", "0x1p-1074")
	f.Add("Sun, 06 Nov 1994 08:49:37 GMT", "1e309")
	f.Fuzz(func(t *testing.T, s, ms string) {
		got, said := retryAfterOf(http.Header{retryAfter: {s}, retryAfterMS: {ms}}, 0)
		if got < 0 || got > maxRetryAfter || !said && got != 0 {
			t.Errorf("%q, %q: got %v, %t", s, ms, got, said)
		}
	})
}

// Every header that is kept stands where its length says.
func TestKeptHeaders(t *testing.T) {
	t.Parallel()
	for length, names := range kept {
		for _, name := range names {
			if len(name) != length || http.CanonicalHeaderKey(name) != name {
				t.Errorf("%q stands at %d", name, length)
			}
		}
	}
	for name, want := range map[string]string{
		"RETRY-AFTER":                               "Retry-After",
		"x-ratelimit-limit-tokens":                  "X-Ratelimit-Limit-Tokens",
		"X-RateLimit-Anything":                      "X-Ratelimit-Anything",
		"x-ratelimit-":                              "",
		"openai-version":                            "Openai-Version",
		"openai-organization":                       "",
		"openai-project":                            "",
		"set-cookie":                                "",
		"RETRY\rAFTER":                              "",
		"authorization":                             "",
		"access-control-allow-headers":              "",
		"a-very-long-header-name-that-no-table-has": "",
		"": "",
	} {
		if got := keepHeader(name); got != want {
			t.Errorf("%q is kept as %q, want %q", name, got, want)
		}
	}
}
