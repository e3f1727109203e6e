package server_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// scenario is a misbehaviour of the first target of a route, by which gateways are
// measured in public (failoverbench's S01 to S16), and what must come of it.
type scenario struct {
	number string
	// fault is what the first provider does, as docs/reliability.md says it.
	fault string
	// script is the same as providertest has it, for whole replies and for streams. Empty:
	// the scenario is none of theirs.
	unary, stream string
	// route is what the route has beside its targets.
	route string
	// whole and pieces are what must come of it: how it ends, and the upstream calls.
	whole, pieces string
	// paid are the instances that told a usage. Empty: the one that answered.
	paid []string
}

// hold is a route whose streams are held back beyond their end, so that whatever
// happens to the first provider happens unseen.
const hold = "hold_tokens: 100, "

// failovers are the sixteen scenarios.
func failovers() []scenario {
	const (
		limited   = "answered by second: first 429 UPSTREAM_RATE_LIMITED, second 200"
		truncated = "answered by second: first 200 UPSTREAM_TRUNCATED, second 200"
		retried   = "answered by second: first 200 UPSTREAM_TRUNCATED, first 200 UPSTREAM_TRUNCATED, second 200"
		late      = "answered by second: first 0 UPSTREAM_TIMEOUT, second 200"
		flapped   = "40 of 40 calls answered by second: 10 of them asked first; then answered by first"
		busy      = "answered by second: first 503 UPSTREAM_OVERLOADED, second 200"
	)
	return []scenario{
		{number: "S01", fault: "limits the rate, and asks to wait for 2 s", unary: "status=429,retry-after=2", stream: "status=429,retry-after=2", whole: limited, pieces: limited},
		{number: "S02", fault: "limits the rate, and tells no wait", unary: "status=429", stream: "status=429", whole: limited, pieces: limited},
		{
			number: "S03", fault: "fails once", unary: "status=500,times=1", stream: "status=500,times=1",
			whole: "answered by first: first 500 UPSTREAM_FAILED, first 200", pieces: "answered by first: first 500 UPSTREAM_FAILED, first 200",
		},
		{number: "S04", fault: "is overloaded, for ever", unary: "status=503", stream: "status=503", whole: busy, pieces: busy},
		{
			number: "S05", fault: "resets the connection before the head of its reply, once", unary: "reset,times=1", stream: "reset,times=1",
			whole: "answered by first: first 0 UPSTREAM_UNREACHABLE, first 200", pieces: "answered by first: first 0 UPSTREAM_UNREACHABLE, first 200",
		},
		{number: "S06", fault: "takes the request and says nothing", unary: "hang", stream: "hang", whole: late, pieces: late},
		{
			number: "S07", fault: "begins at once, and its first token is late", unary: "hang-after=0", stream: "per-chunk=1h",
			whole: "answered by second: first 200 UPSTREAM_STALLED, second 200", pieces: "answered by second: first 200 UPSTREAM_TIMEOUT, second 200",
		},
		{number: "S08", fault: "cuts its reply", unary: "drop-after=3", stream: "drop-after=3", route: hold, whole: retried, pieces: truncated},
		{number: "S08", fault: "cuts its stream, of which nothing is held back", stream: "drop-after=3", pieces: "broken off with UPSTREAM_TRUNCATED: first 200 UPSTREAM_TRUNCATED"},
		{
			number: "S09", fault: "stalls inside its reply", unary: "hang-after=3", stream: "hang-after=3", route: hold,
			whole: "answered by second: first 200 UPSTREAM_STALLED, second 200", pieces: "answered by second: first 200 UPSTREAM_STALLED, second 200",
		},
		{number: "S09", fault: "stalls inside its stream, of which nothing is held back", stream: "hang-after=3", pieces: "broken off with UPSTREAM_STALLED: first 200 UPSTREAM_STALLED"},
		{
			number: "S10", fault: "sends JSON that is none", unary: "malformed=1", stream: "malformed=3", route: hold,
			whole: "answered by second: first 200 UPSTREAM_INVALID_REPLY, second 200", pieces: "answered by second: first 200 UPSTREAM_INVALID_REPLY, second 200",
		},
		{number: "S10", fault: "sends a chunk that is no JSON, and nothing is held back", stream: "malformed=3", pieces: "broken off with UPSTREAM_INVALID_REPLY: first 200 UPSTREAM_INVALID_REPLY"},
		{number: "S11", fault: "leaves `[DONE]` out", unary: "no-done", stream: "no-done", route: hold, whole: "answered by first: first 200", pieces: truncated, paid: []string{"first", "second"}},
		{number: "S11", fault: "leaves `[DONE]` out, and nothing is held back", stream: "no-done", pieces: "broken off with UPSTREAM_TRUNCATED: first 200 UPSTREAM_TRUNCATED", paid: []string{"first"}},
		{
			number: "S12", fault: "says that the prompt is too long", unary: "status=400,code=context_length_exceeded", stream: "status=400,code=context_length_exceeded",
			whole: "refused with CONTEXT_LENGTH_EXCEEDED: first 400 CONTEXT_LENGTH_EXCEEDED", pieces: "refused with CONTEXT_LENGTH_EXCEEDED: first 400 CONTEXT_LENGTH_EXCEEDED",
		},
		{
			number: "S13", fault: "filters the prompt", unary: "status=400,code=content_policy_violation", stream: "status=400,code=content_policy_violation",
			whole: "refused with CONTENT_FILTERED: first 400 CONTENT_FILTERED", pieces: "refused with CONTENT_FILTERED: first 400 CONTENT_FILTERED",
		},
		{number: "S14", fault: "cuts its stream; the next one takes no prefill, and gets none", stream: "reset-after=4", route: hold, pieces: truncated},
		{number: flapping, fault: "is overloaded for a while, and then well", unary: "status=503", stream: "status=503", whole: flapped, pieces: flapped},
		{number: "S16", fault: "is overloaded; the next one is named, and paid", unary: "status=529", stream: "status=529", whole: strings.ReplaceAll(busy, "503", "529"), pieces: strings.ReplaceAll(busy, "503", "529")},
	}
}

// seenRows are the outcomes of all scenarios, for the page that tells of them.
type seenRows struct {
	mu    sync.Mutex
	cells map[string][]string // by number, fault and mode
}

func (r *seenRows) add(s scenario, mode, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := s.number + s.fault + mode
	if !slices.Contains(r.cells[key], outcome) {
		r.cells[key] = append(r.cells[key], outcome)
	}
}

// table is what docs/reliability.md must have.
func (r *seenRows) table(all []scenario) string {
	var b strings.Builder
	b.WriteString("| | the first provider | whole reply | stream |\n|---|---|---|---|\n")
	for _, s := range all {
		fmt.Fprintf(&b, "| %s | %s |", s.number, s.fault)
		for _, mode := range modes {
			cell := strings.Join(r.cells[s.number+s.fault+mode], " OR ") // the entrances differ
			fmt.Fprintf(&b, " %s |", strings.Replace(cell, ": ", "<br>", 1))
		}
		b.WriteString("\n")
	}
	return b.String()
}

var modes = []string{"whole", "stream"}

// The first provider of a route misbehaves: the client gets the whole answer of the next
// one and not a byte of the first, or one clear error; and the record says who was
// asked, why it failed, and who was paid.
func TestFailover(t *testing.T) {
	t.Parallel()
	all := failovers()
	rows := &seenRows{cells: map[string][]string{}}
	t.Cleanup(func() { rows.compare(t, all) })
	for _, s := range all {
		for _, mode := range modes {
			script := s.script(mode)
			if script == "" {
				continue
			}
			for _, way := range entrances {
				t.Run(fmt.Sprintf("%s %s, %s, %s", s.number, s.fault, way.name, mode), func(t *testing.T) {
					t.Parallel()
					play := s.run
					if s.number == flapping {
						play = s.flap
					}
					rows.add(s, mode, play(t, way, mode == "stream", script))
				})
			}
		}
	}
}

// script is what the first provider does. Empty: the scenario is none of this mode's.
func (s scenario) script(mode string) string {
	if mode == "stream" {
		return s.stream
	}
	return s.unary
}

// compare holds docs/reliability.md to what was seen, if all was.
func (r *seenRows) compare(t *testing.T, all []scenario) {
	t.Helper()
	for _, s := range all {
		for _, mode := range modes {
			if s.script(mode) != "" && r.cells[s.number+s.fault+mode] == nil {
				return // not every scenario was played
			}
		}
	}
	page, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	if table := r.table(all); !strings.Contains(string(page), "\n"+table+"\n") {
		t.Errorf("docs/reliability.md does not have what was seen:\n%s", table)
	}
}

// run makes one call, and returns its outcome.
func (s scenario) run(t *testing.T, way entrance, stream bool, script string) string {
	t.Helper()
	// A first token is late before a stream stalls, however slow the machine.
	p := startPair(t, "idle_timeout: 1s, ", s.route+"first_token_timeout: 0.4s, max_attempts: 2,")
	faulty, err := providertest.ParseScript(script)
	if err != nil {
		t.Fatal(err)
	}
	if faulty.Times == 0 {
		faulty.Times = -1
	}
	p.first.Enqueue(faulty)
	got := way.make(t.Context(), t, p.gw, ask{id: "call", stream: stream, model: "fast"})
	p.first.ClearScripts()
	record := p.gw.Record("call")
	entry := record.GetEntry()
	want := s.whole
	if stream {
		want = s.pieces
	}
	row := outcome(got, entry)
	if row != want {
		t.Errorf("got %s\nwant %s\n%.500s", row, want, got.raw)
	}
	s.checkSeen(t, p, got, entry)
	s.checkPaid(t, got, entry)
	p.checkCalls(t, entry)
	return row
}

// A stream that outlasts the time for which it is held is shown whole, and in order.
func TestHeldStreamIsShown(t *testing.T) {
	t.Parallel()
	for _, way := range entrances {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			p := startPair(t, "", "hold: 0.15s, ")
			p.first.EnqueueText(t, "per-chunk=100ms")
			got := way.make(t.Context(), t, p.gw, ask{id: "call", stream: true, model: "fast"})
			if row := outcome(got, p.gw.Record("call").GetEntry()); row != "answered by first: first 200" || got.content != "You said: Hello" {
				t.Errorf("got %s, %q: %s", row, got.content, got.raw)
			}
		})
	}
}

// A model that two instances have needs no route to fail over; who names one of them
// gets that one.
func TestModelOfTwoInstancesFailsOver(t *testing.T) {
	t.Parallel()
	first, second := providertest.Start(t), providertest.Start(t)
	gw := servertest.Start(t, servertest.File(fmt.Sprintf(`upstream: {max_attempts: 1}
providers:
  - {name: first, type: openai, base_url: %q, api_key: %s, discover: false, models: [%s]}
  - {name: second, type: openai, base_url: %q, api_key: %s, discover: false, models: [%s]}
`, first.URL(), first.Key(), model, second.URL(), second.Key(), model)))
	for selector, want := range map[string]string{
		model:             "answered by second: first 503 UPSTREAM_OVERLOADED, second 200",
		"first/" + model:  "refused with UPSTREAM_OVERLOADED: first 503 UPSTREAM_OVERLOADED",
		"second/" + model: "answered by second: second 200",
	} {
		for _, way := range entrances {
			first.ClearScripts()
			first.EnqueueText(t, "status=503")
			id := way.name + strings.ReplaceAll(selector, "/", "-")
			got := way.make(t.Context(), t, gw, ask{id: id, model: selector})
			if row := outcome(got, gw.Record(id).GetEntry()); row != want {
				t.Errorf("%s: got %s, want %s", id, row, want)
			}
		}
	}
}

// flapping is the scenario of many calls.
const flapping = "S15"

// outage is how many calls are made while the first provider is down.
const outage = 40

// flap has the first provider down for many calls, and then well again: it is left alone
// while it is down, and comes back.
func (s scenario) flap(t *testing.T, way entrance, stream bool, script string) string {
	t.Helper()
	p := startPair(t, "breaker_rest: 3s, ", "")
	faulty, err := providertest.ParseScript(script)
	if err != nil {
		t.Fatal(err)
	}
	faulty.Times = -1
	p.first.Enqueue(faulty)
	answered := 0
	for i := range outage {
		got := way.make(t.Context(), t, p.gw, ask{id: fmt.Sprintf("down-%d", i), stream: stream, model: "fast"})
		if got.whole && got.header.Get("X-Signalbox-Provider") == "second" {
			answered++
		}
	}
	asked := p.first.Calls()
	p.first.ClearScripts()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	back := ""
	for i := 0; back != "first"; i++ {
		got := way.make(t.Context(), t, p.gw, ask{id: fmt.Sprintf("up-%d", i), stream: stream, model: "fast"})
		if back = got.header.Get("X-Signalbox-Provider"); !got.whole {
			t.Fatalf("call %d after the outage: %s", i, got.raw)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("it did not come back")
		}
	}
	often := "10 of them asked first"
	if asked < 10 || asked > 12 { // a slow machine sees the rest end
		often = fmt.Sprintf("%d of them asked first", asked)
	}
	row := fmt.Sprintf("%d of %d calls answered by second: %s; then answered by %s", answered, outage, often, back)
	want := s.whole
	if stream {
		want = s.pieces
	}
	if row != want {
		t.Errorf("got %s\nwant %s", row, want)
	}
	return row
}
