package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// responseFaults are misbehaviours of a provider that is asked for a response, and what
// must come of a stream. What an emulated and a native one see is the same.
func responseFaults() []struct {
	name, script string
	want         result
} {
	cut := breaks(502, "UPSTREAM_TRUNCATED")
	limited := fails(429, "UPSTREAM_RATE_LIMITED", "429 UPSTREAM_RATE_LIMITED").with(codes.ResourceExhausted)
	stalled := breaks(504, "UPSTREAM_STALLED")
	return []struct {
		name, script string
		want         result
	}{
		{"limits the rate", "status=429", limited},
		{"fails", "status=500", fails(502, "UPSTREAM_FAILED", "500 UPSTREAM_FAILED")},
		{"refuses the request", "status=422,message=Odd", fails(422, "UPSTREAM_REJECTED", "422 UPSTREAM_REJECTED").with(codes.InvalidArgument)},
		{"resets before the headers", "reset,times=2", fails(502, "UPSTREAM_UNREACHABLE", "0 UPSTREAM_UNREACHABLE")},
		{"ends in order, too early", "truncate-after=3", cut},
		{"ends in order, in an event", "truncate-in=4", cut},
		{"hangs up between events", "drop-after=3", cut},
		{"resets between events", "reset-after=3", cut},
		{"leaves the finish out", "no-finish", cut},
		{"hangs between events", "hang-after=3", stalled},
		{"sends an error as later event", "error-at=4", breaks(502, "UPSTREAM_FAILED")},
		{"sends a bad event", "malformed=4", breaks(502, "UPSTREAM_INVALID_REPLY")},
	}
}

// A response whose provider misbehaves fails as one: before its first event with the
// error's status, after it with the events "error" and "response.failed", and never is it
// shown as complete.
func TestResponsesBreakOff(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileXAI, providertest.ProfileVLLM} {
		for _, f := range responseFaults() {
			t.Run(profile+" "+f.name, func(t *testing.T) {
				t.Parallel()
				up := providertest.Start(t, providertest.Playing(profile))
				by := responders[profile]
				gw := servertest.Start(t, servertest.File(fmt.Sprintf("upstream: {max_attempts: 1, breaker_failure_percent: 100, idle_timeout: 0.4s}\nproviders:\n"+
					"  - {name: p, type: %s, base_url: %q, api_key: %s, discover: false, models: [%q]}\n", profile, up.URL(), up.Key(), by.model)))
				for _, way := range respondings {
					w := wish{id: way.name, stream: true, model: by.model}
					by.enqueue(t, up, f.script)
					got := way.make(t.Context(), t, gw, w)
					up.ClearScripts()
					checkBreak(t, gw, w, f.want, got)
					if !f.want.inBand { // then a whole one fails likewise
						w.stream, w.id = false, way.name+"-whole"
						by.enqueue(t, up, f.script)
						got := way.make(t.Context(), t, gw, w)
						up.ClearScripts()
						if got.whole || got.failed == nil || got.status != f.want.status || way.name == "gRPC" && got.code != f.want.code || gw.Record(w.id).GetEntry().GetReason() != reason(f.want.reason) {
							t.Errorf("%s: %d %v, %.500s", w.id, got.status, got.code, got.raw)
						}
					}
					if after := way.make(t.Context(), t, gw, wish{id: way.name + "-after", model: by.model}); !after.whole {
						t.Errorf("the next call: %d %s", after.status, after.raw)
					}
				}
			})
		}
	}
}

// checkBreak judges a stream that failed.
func checkBreak(t *testing.T, gw *servertest.Gateway, w wish, want result, got told) {
	t.Helper()
	entry := gw.Record(w.id).GetEntry()
	var attempts []string
	for _, attempt := range entry.GetAttempts() {
		attempts = append(attempts, strings.TrimSuffix(fmt.Sprintf("%d %s", attempt.GetHttpStatus(), strings.TrimPrefix(attempt.GetReason().String(), "ERROR_REASON_")), " UNSPECIFIED"))
	}
	rest := w.id == "REST"
	status := want.status
	if rest && want.inBand {
		status = http.StatusOK
	}
	if got.whole || got.failed == nil || got.status != status || !rest && got.code != want.code {
		t.Fatalf("%s: %d %v, %.500s", w.id, got.status, got.code, got.raw)
	}
	recorded := want.status
	if want.inBand {
		recorded = http.StatusOK
	}
	if entry.GetReason() != reason(want.reason) || entry.GetEnd() != call.EndOf(reason(want.reason)) || int(entry.GetStatusCode()) != recorded || !slices.Equal(attempts, want.attempts) {
		t.Errorf("%s: record %v", w.id, entry)
	}
	if !rest && got.failed.GetReason() != reason(want.reason) {
		t.Errorf("%s: told %v", w.id, got.failed)
	}
	if (len(got.events) > 0) != want.inBand {
		t.Fatalf("%s: %d events: %.500s", w.id, len(got.events), got.raw)
	}
	if !want.inBand {
		return
	}
	last := got.events[len(got.events)-1]
	if last.GetType() != "response.failed" || got.response.GetStatus() != "failed" || got.response.GetError().GetMessage() == "" || got.response.GetError().GetCode() == "" {
		t.Errorf("%s: it ends with %v", w.id, last)
	}
	if rest && strings.Count(got.raw, "event: error\n") != 1 {
		t.Errorf("%s: %s", w.id, got.raw)
	}
}

// A stream that is cut in any place is never shown as complete, at a provider that
// answers responses and at one that does not.
func TestResponsesCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileCompatible} {
		for _, way := range respondings {
			t.Run(profile+" "+way.name, func(t *testing.T) {
				t.Parallel()
				gw, up := before(t, profile)
				by := responders[profile]
				endpoint := providertest.EndpointChat
				if by.native {
					endpoint = providertest.EndpointResponses
				}
				whole := way.make(t.Context(), t, gw, wish{id: "whole", stream: true, model: by.model})
				all := up.Requests()
				total := all[len(all)-1].Bytes
				for n := int64(0); n < total-20; n += 61 {
					up.EnqueueAt(endpoint, providertest.Script{Cut: providertest.Cut{Ending: providertest.EndClean, Place: providertest.AfterBytes, N: n}})
					got := way.make(t.Context(), t, gw, wish{id: fmt.Sprintf("cut-%d", n), stream: true, model: by.model})
					code := got.failed.GetCode()
					if got.whole || got.failed == nil || code != "upstream_truncated" && (len(got.events) > 0 || code != "upstream_invalid_reply") {
						t.Fatalf("after %d of %d bytes: %.500s", n, total, got.raw)
					}
					if !strings.HasPrefix(whole.spoken(), got.spoken()) {
						t.Errorf("%q is not the beginning of %q", got.spoken(), whole.spoken())
					}
				}
			})
		}
	}
}

// `stream` must not say the contrary of the RPC.
func TestResponsesStreamContradiction(t *testing.T) {
	t.Parallel()
	gw, up := before(t, providertest.ProfileOpenAI)
	client := responsesv1.NewResponsesServiceClient(gw.GRPC)
	yes, no := true, false
	for name, ask := range map[string]func() error{
		"whole": func() error {
			params := wish{model: "p/gpt-4o-mini"}.params(t)
			params.Stream = &yes
			_, err := client.CreateResponse(t.Context(), &responsesv1.CreateResponseRequest{Params: params})
			return err
		},
		"stream": func() error {
			params := wish{model: "p/gpt-4o-mini"}.params(t)
			params.Stream = &no
			stream, err := client.StreamResponse(t.Context(), &responsesv1.StreamResponseRequest{Params: params})
			if err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		failed := apiErrorOf(t, ask())
		if failed.GetHttpStatus() != http.StatusBadRequest || failed.GetParam() != "stream" || failed.GetReason() != commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD {
			t.Errorf("%s: %v", name, failed)
		}
	}
	if up.Calls() != 0 {
		t.Errorf("the provider was called %d times", up.Calls())
	}
}
