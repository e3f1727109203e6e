package server_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// pair is a gateway with a route of two targets.
type pair struct {
	gw            *servertest.Gateway
	first, second *providertest.Upstream
}

// startPair starts one. upstream is what bounds upstream calls.
func startPair(t *testing.T, upstream, route string, options ...servertest.Option) pair {
	t.Helper()
	p := pair{first: providertest.Start(t), second: providertest.Start(t)}
	text := fmt.Sprintf(`upstream: {max_backoff: 0.02s, %s}
providers:
  - {name: first, type: openai, base_url: %q, api_key: %s, discover: false, models: [gpt-4o-mini]}
  - {name: second, type: openai, base_url: %q, api_key: %s, discover: false, models: [gpt-4o]}
routes:
  - {name: fast, %s targets: [{model: first/gpt-4o-mini}, {model: second/gpt-4o}]}
`, upstream, p.first.URL(), p.first.Key(), p.second.URL(), p.second.Key(), route)
	p.gw = servertest.Start(t, append(options, servertest.File(text))...)
	return p
}

// outcome is what a client and the record say of a call through a route.
func outcome(got seen, entry *auditv1.AuditEntry) string {
	var attempts []string
	for _, attempt := range entry.GetAttempts() {
		text := fmt.Sprintf("%s %d %s", attempt.GetProvider(), attempt.GetHttpStatus(), strings.TrimPrefix(attempt.GetReason().String(), "ERROR_REASON_"))
		attempts = append(attempts, strings.TrimSuffix(text, " UNSPECIFIED"))
	}
	reason := strings.TrimPrefix(entry.GetReason().String(), "ERROR_REASON_")
	how := "unclear"
	switch {
	case got.whole && got.failed == nil && got.status == http.StatusOK:
		how = "answered by " + got.header.Get("X-Signalbox-Provider")
	case !got.whole && got.failed != nil && got.chunks == 0:
		how = "refused with " + reason
	case !got.whole && got.failed != nil:
		how = "broken off with " + reason
	}
	return how + ": " + strings.Join(attempts, ", ")
}

// checkSeen looks at what the client was sent: nothing but the answer of who answered.
func (s scenario) checkSeen(t *testing.T, p pair, got seen, entry *auditv1.AuditEntry) {
	t.Helper()
	answered, model := entry.GetProvider(), "gpt-4o-mini"
	if answered == "second" {
		model = "gpt-4o"
	}
	if got.header.Get("X-Signalbox-Provider") != answered || got.header.Get("X-Signalbox-Model") != model || entry.GetResolvedModel() != model || entry.GetAlias() != "fast" {
		t.Errorf("the headers name %v, the record %s %s of %q", got.header, answered, entry.GetResolvedModel(), entry.GetAlias())
	}
	if got.whole {
		if got.content != "You said: Hello" || strings.Count(got.raw, `"error"`) > 0 {
			t.Errorf("the client read %q: %.300s", got.content, got.raw)
		}
		if answered == "second" && strings.Contains(got.raw, "gpt-4o-mini") {
			t.Errorf("the client saw the first provider: %.300s", got.raw)
		}
	} else if !strings.HasPrefix("You said: Hello", got.content) || strings.Contains(got.raw, "[DONE]") {
		t.Errorf("the client read %q: %.300s", got.content, got.raw)
	}
}

// checkPaid looks at the usage: the call's is of who answered, each upstream call has
// its own.
func (s scenario) checkPaid(t *testing.T, got seen, entry *auditv1.AuditEntry) {
	t.Helper()
	want := s.paid
	if want == nil && got.whole {
		want = []string{entry.GetProvider()}
	}
	var paid []string
	for _, attempt := range entry.GetAttempts() {
		if attempt.GetUsage().GetInput() > 0 {
			paid = append(paid, attempt.GetProvider())
		}
	}
	if got.whole && entry.GetProvider() == "first" {
		want = []string{"first"}
	}
	last := entry.GetAttempts()[len(entry.GetAttempts())-1]
	if !slices.Equal(paid, want) || entry.GetUsage().GetOutput() != last.GetUsage().GetOutput() || (got.whole && entry.GetUsage() == nil) {
		t.Errorf("paid were %q, want %q; record %v", paid, want, entry)
	}
	if got.info != nil && (got.info.GetProvider() != entry.GetProvider() || got.info.GetModel() != entry.GetResolvedModel() ||
		int(got.info.GetAttempts()) != len(entry.GetAttempts()) || got.info.GetUsage().GetOutput() != entry.GetUsage().GetOutput()) {
		t.Errorf("the client was told %v, the record says %v", got.info, entry)
	}
}

// checkCalls compares the record with what the providers saw: as many calls, and all of
// them with the messages of the client.
func (p pair) checkCalls(t *testing.T, entry *auditv1.AuditEntry) {
	t.Helper()
	count := map[string]int{}
	for _, attempt := range entry.GetAttempts() {
		count[attempt.GetProvider()]++
	}
	for name, up := range map[string]*providertest.Upstream{"first": p.first, "second": p.second} {
		if got := len(up.Chats()); got != count[name] {
			t.Errorf("%s was called %d times, recorded are %d", name, got, count[name])
		}
		for _, sent := range up.Chats() {
			var body struct {
				Messages []struct {
					Role    string `json:"role"`
					Content string `json:"content"`
				} `json:"messages"`
			}
			if err := json.Unmarshal(sent.Body, &body); err != nil {
				if entry.GetAttempts()[0].GetHttpStatus() == 0 {
					continue // the provider had not read it
				}
				t.Fatal(err)
			}
			if len(body.Messages) != 1 || body.Messages[0].Role != "user" || body.Messages[0].Content != "Hello" {
				t.Errorf("%s was sent %s", name, sent.Body)
			}
		}
	}
}
