package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// result is what must come of a call whose provider misbehaves.
type result struct {
	// reason is why it fails. Empty: it does not.
	reason string
	// status is what REST answers, code what gRPC does.
	status int
	code   codes.Code
	// inBand says that the failure comes after the first piece of a stream.
	inBand bool
	// attempts are the upstream calls, each "status" or "status REASON"; 0: no answer.
	attempts []string
	// noUsage says that the usage of a call that succeeds is not known.
	noUsage bool
}

// ok is an orderly reply, after failed attempts if there are any.
func ok(failed ...string) result {
	return result{status: http.StatusOK, attempts: append(failed, "200")}
}

// fails is a failure before anything was sent to the client.
func fails(status int, reason string, attempts ...string) result {
	return result{status: status, code: codes.Unavailable, reason: reason, attempts: attempts}
}

// breaks is a failure after the stream has begun. Its status is that of the error,
// which only gRPC can still show.
func breaks(status int, reason string) result {
	return result{status: status, code: codes.Unavailable, reason: reason, inBand: true, attempts: []string{"200 " + reason}}
}

// with changes the gRPC code.
func (r result) with(code codes.Code) result {
	r.code = code
	return r
}

// thrice is an attempt that is made three times, which is as often as allowed.
func thrice(attempt string) []string { return []string{attempt, attempt, attempt} }

// fault is a misbehaviour of the provider.
type fault struct {
	name string
	// script is the misbehaviour as providertest has it. For each attempt of a call,
	// unless it says otherwise itself.
	script string
	// upstream is the configuration of upstream calls, beside that of all.
	upstream string
	unary    result
	stream   result
	// ask changes what is asked.
	ask ask
	// see looks at what is special.
	see func(*testing.T, seen)
}

// impatient has timeouts that a test can wait for.
const impatient = "  header_timeout: 0.4s\n  first_event_timeout: 0.4s\n  idle_timeout: 0.4s\n"

// faultConfig retries at once, and never rests a model: each row is by itself.
const faultConfig = "upstream:\n  max_backoff: 0.02s\n  breaker_failure_percent: 100\n"

// faults is reliability, on one screen.
func faults() []fault {
	both := func(name, script string, r result) fault { return fault{name: name, script: script, unary: r, stream: r} }
	hung := []fault{
		both("hangs before the headers", "hang", fails(504, "UPSTREAM_TIMEOUT", "0 UPSTREAM_TIMEOUT")),
		{
			name: "hangs after the headers", script: "hang-after=0",
			unary:  fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"),
			stream: fails(504, "UPSTREAM_TIMEOUT", "200 UPSTREAM_TIMEOUT"),
		},
		{name: "hangs between events", script: "hang-after=2", unary: fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"), stream: breaks(504, "UPSTREAM_STALLED")},
		{name: "hangs in an event", script: "hang-in=3", unary: fails(504, "UPSTREAM_STALLED", "200 UPSTREAM_STALLED"), stream: breaks(504, "UPSTREAM_STALLED")},
	}
	for i := range hung {
		hung[i].upstream = impatient
	}
	truncated := fails(502, "UPSTREAM_TRUNCATED", thrice("200 UPSTREAM_TRUNCATED")...)
	invalid := fails(502, "UPSTREAM_INVALID_REPLY", "200 UPSTREAM_INVALID_REPLY")
	unreachable := fails(502, "UPSTREAM_UNREACHABLE", thrice("0 UPSTREAM_UNREACHABLE")...)
	return append(hung, []fault{
		both("resets before the headers", "reset", unreachable),
		both("hangs up before the headers", "drop", unreachable),
		both("resets after the headers", "reset-after=0", truncated),
		{name: "resets between events", script: "reset-after=2", unary: truncated, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "resets in an event", script: "reset-in=2", unary: truncated, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "hangs up between events", script: "drop-after=2", unary: truncated, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "hangs up in an event", script: "drop-in=2", unary: truncated, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "ends in order, too early", script: "truncate-after=2", unary: invalid, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "ends in order, in an event", script: "truncate-in=2", unary: invalid, stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "ends in order, without anything", script: "truncate-after=0",
			unary: fails(502, "UPSTREAM_INVALID_REPLY", thrice("200 UPSTREAM_INVALID_REPLY")...), stream: fails(502, "UPSTREAM_INVALID_REPLY", thrice("200 UPSTREAM_INVALID_REPLY")...)},
		{name: "leaves [DONE] out", script: "no-done", unary: ok(), stream: breaks(502, "UPSTREAM_TRUNCATED")},
		{name: "leaves the usage out", script: "no-usage", unary: result{status: 200, attempts: []string{"200"}, noUsage: true}, stream: result{status: 200, attempts: []string{"200"}, noUsage: true}},
		{name: "sends a bad chunk", script: "malformed=3", unary: invalid, stream: breaks(502, "UPSTREAM_INVALID_REPLY")},
		{name: "sends a bad first chunk", script: "malformed=1", unary: invalid, stream: invalid},
	}...)
}

func TestProviderMisbehaves(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.run(t)
		})
	}
}

// run makes the four calls of a row, one after the other, and sees after each that
// the next one is served as if nothing had been.
func (f fault) run(t *testing.T) {
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File(faultConfig+f.upstream))
	script, err := providertest.ParseScript(f.script)
	if err != nil {
		t.Fatal(err)
	}
	if script.Times == 0 {
		script.Times = -1
	}
	for _, way := range entrances {
		for _, stream := range []bool{false, true} {
			a, want := f.ask, f.unary
			a.stream, a.id = stream, fmt.Sprintf("%s-stream-%t", way.name, stream)
			if stream {
				want = f.stream
			}
			up.Enqueue(script)
			got := way.make(t.Context(), t, gw, a)
			up.ClearScripts()
			f.judge(t, gw, up, a, want, got)
			a.id += "-after"
			if after := way.make(t.Context(), t, gw, a); !after.whole || after.content == "" {
				t.Errorf("%s: %d %s", a.id, after.status, after.raw)
			} else if want.reason == "" && f.see == nil && after.content != got.content {
				t.Errorf("%s: got %q, want %q", a.id, got.content, after.content)
			}
		}
	}
	gw.Stop()
	// Connections that are neither closed nor back in the pool would stay.
	if err := up.AwaitNoConnections(t.Context()); err != nil {
		t.Error(err)
	}
}

// judge compares what the client saw, what the record says, and what the provider
// was sent, with what must be.
func (f fault) judge(t *testing.T, gw *servertest.Gateway, up *providertest.Upstream, a ask, want result, got seen) {
	t.Helper()
	if f.see != nil {
		f.see(t, got)
	}
	entry := gw.Record(a.id).GetEntry()
	want.check(t, a, got)
	end := commonv1.CallEnd_CALL_END_COMPLETED
	if want.reason != "" {
		end = call.EndOf(reason(want.reason))
	}
	status := want.status
	if want.inBand {
		status = http.StatusOK
	}
	if entry.GetReason() != reason(want.reason) || entry.GetEnd() != end || int(entry.GetStatusCode()) != status {
		t.Errorf("%s: record %v %v %d, want %s %v %d", a.id, entry.GetReason(), entry.GetEnd(), entry.GetStatusCode(), want.reason, end, status)
	}
	if got.info != nil && got.info.GetEnd() != end {
		t.Errorf("%s: the client was told %v, want %v", a.id, got.info.GetEnd(), end)
	}
	var attempts []string
	for _, attempt := range entry.GetAttempts() {
		text := fmt.Sprintf("%d %s", attempt.GetHttpStatus(), strings.TrimPrefix(attempt.GetReason().String(), "ERROR_REASON_"))
		attempts = append(attempts, strings.TrimSuffix(text, " UNSPECIFIED"))
	}
	if strings.Join(attempts, ", ") != strings.Join(want.attempts, ", ") {
		t.Errorf("%s: attempts %q, want %q", a.id, attempts, want.attempts)
	}
	calls := 0
	for _, sent := range up.Chats() {
		if sent.ClientRequestID == a.id {
			calls++
		}
	}
	if calls != len(want.attempts) {
		t.Errorf("%s: %d upstream calls, want %d", a.id, calls, len(want.attempts))
	}
	if known := entry.GetUsage() != nil; known != (want.reason == "" && !want.noUsage) || known != (entry.GetUsageJson() != "") {
		t.Errorf("%s: usage %v %s", a.id, entry.GetUsage(), entry.GetUsageJson())
	}
}

// check looks at what the client saw.
func (r result) check(t *testing.T, a ask, got seen) {
	t.Helper()
	if got.whole != (r.reason == "") || (got.failed == nil) != (r.reason == "") {
		t.Fatalf("%s: whole %t, %s", a.id, got.whole, got.raw)
	}
	if (got.chunks > 0) != (r.reason == "" || r.inBand) {
		t.Errorf("%s: %d chunks: %.300s", a.id, got.chunks, got.raw)
	}
	rest := got.info == nil && got.code == codes.OK
	status := r.status
	if rest && r.inBand {
		status = http.StatusOK
	}
	if got.status != status {
		t.Errorf("%s: status %d, want %d: %.300s", a.id, got.status, status, got.raw)
	}
	if r.reason == "" {
		return
	}
	if !rest && (got.code != r.code || got.failed.GetReason() != reason(r.reason)) {
		t.Errorf("%s: %v %v, want %v %s", a.id, got.code, got.failed.GetReason(), r.code, r.reason)
	}
	for _, secret := range []string{providertest.DefaultKey, "Set-Cookie", "<html"} {
		if strings.Contains(got.raw+fmt.Sprint(got.header), secret) {
			t.Errorf("%s: the client saw %q: %s %v", a.id, secret, got.raw, got.header)
		}
	}
}

// reason is a reason by its short name.
func reason(name string) commonv1.ErrorReason {
	if name == "" {
		return commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
	}
	return commonv1.ErrorReason(commonv1.ErrorReason_value["ERROR_REASON_"+name])
}

var _ = time.Second
var _ = chatv1.ChatMessage{}
