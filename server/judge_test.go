package server_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestProviderMisbehaves(t *testing.T) {
	t.Parallel()
	for _, f := range faults() {
		for _, transport := range []string{"HTTP_VERSION_1", "HTTP_VERSION_2"} { // two clients, of which neither may be worse
			t.Run(f.name+", "+transport, func(t *testing.T) {
				t.Parallel()
				f.run(t, transport)
			})
		}
	}
}

// run makes the four calls of a row, one after the other, and sees after each that
// the next one is served as if nothing had been.
func (f fault) run(t *testing.T, transport string) {
	up := providertest.Start(t)
	provider := fmt.Sprintf("providers:\n  - {name: openai, base_url: %q, api_key: %s, http_version: %s}\n", up.URL(), up.Key(), transport)
	gw := servertest.Start(t, servertest.File(faultConfig+f.upstream+provider))
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
	if calls != len(want.attempts)+want.replaced {
		t.Errorf("%s: %d upstream calls for the attempts %q", a.id, calls, attempts)
	}
	if known := entry.GetUsage() != nil; known != want.metered || known != (entry.GetUsageJson() != "") {
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
