package builtin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// responseModels are models of the types that answer responses themselves.
var responseModels = map[string]string{"openai": "gpt-4o-mini", "azure": "gpt-4o-mini", "xai": "grok-3"}

// responded is a call for a response of a model.
func responded(t testing.TB, document, model string, rules ...modelsv1.ParameterRule) *providers.ResponseCall {
	params := new(responsesv1.ResponseParams)
	t.Helper()
	if err := codec.DecodeResponseParams(document, params, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return &providers.ResponseCall{
		Params: params, Target: &planv1.Target{Model: model, ParameterRules: rules}, Patch: true, Meter: true, RequestID: "call-1",
		Exchange: new(providers.Exchange), Retry: &planv1.RetryPolicy{MaxAttempts: 1},
	}
}

// eventsOf makes a call and returns its events, with the error but for io.EOF.
func eventsOf(ctx context.Context, p providers.Responder, c *providers.ResponseCall) ([]*responsesv1.StreamEvent, error) {
	s, err := p.StreamResponse(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var all []*responsesv1.StreamEvent
	for {
		event, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, event)
	}
}

// TestResponseRequests shows what providers are sent of responses, and what is told to
// be lost.
func TestResponseRequests(t *testing.T) {
	t.Parallel()
	const in = `"input":[ {"role":"user", "content":"h\u0069 1.50"} ]`
	for _, test := range []struct {
		types, given, want, lost string
		rules                    []modelsv1.ParameterRule
	}{
		{types: "openai azure xai", given: in + `,"metadata":{"a":"b"},"new_tomorrow":{"z":1.0,"a":null}`, want: in + `,"metadata":{"a":"b"},"new_tomorrow":{"z":1.0,"a":null}`},
		{types: "openai", given: in + `,"context_management":[{"type":"compaction"}],"prompt":{"id":"p"},"background":true`,
			want: in + `,"context_management":[{"type":"compaction"}],"prompt":{"id":"p"},"background":true`},
		{types: "azure xai", given: in + `,"context_management":[{"type":"compaction"}],"moderation":{"model":"m"}`, want: in, lost: "context_management D, moderation D"},
		{types: "azure xai", given: in + `,"context_management":[],"moderation":null,"prompt":null`, want: in},
		{types: "xai", given: in + `,"background":false`, want: in},
		{types: "azure", given: in + `,"background":true`, want: in + `,"background":true`},
		{
			types: "openai azure xai", given: in + `,"temperature":0.5,"top_p":1,"reasoning":{"effort":"low","summary":"auto"}`, want: in + `,"reasoning":{"summary":"auto"}`,
			lost: "reasoning.effort D, temperature D", rules: []modelsv1.ParameterRule{
				modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING, modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT,
			},
		},
		{types: "openai", given: in + `,"top_logprobs":2`, want: in, lost: "top_logprobs D", rules: []modelsv1.ParameterRule{modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS}},
	} {
		for name := range strings.FieldsSeq(test.types) {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %t %s", name, stream, test.given), func(t *testing.T) {
					t.Parallel()
					up := listen(t)
					p := tried(name)(t, up.url, "key-1", patient()).(providers.Responder)
					c := responded(t, `{"model":"theirs",`+test.given+`}`, "m1", test.rules...)
					before := proto.Clone(c.Params)
					if got := lostOf(p.(providers.Provider), c.Params, c.Target); got != test.lost {
						t.Errorf("lost %q, want %q", got, test.lost)
					}
					want := `{"model":"m1",` + test.want
					if stream {
						want += `,"stream":true`
						_, _ = p.StreamResponse(t.Context(), c) // the answer is no stream
					} else {
						_, _ = p.CreateResponse(t.Context(), c)
					}
					if body := up.take(); !same(body, want+"}") || !strings.Contains(body, in) {
						t.Errorf("sent %s\nwant %s", body, want)
					}
					if !proto.Equal(before, c.Params) {
						t.Errorf("the request was changed to %v", c.Params)
					}
				})
			}
		}
	}
}

// What would be another response without a part of it is refused before any call.
func TestRefusedResponses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ types, given, param string }{
		{"azure xai", `"prompt":{"id":"p"}`, "prompt"},
		{"xai", `"background":true`, "background"},
	} {
		for name := range strings.FieldsSeq(test.types) {
			up := listen(t)
			p := tried(name)(t, up.url, "key-1", patient()).(providers.Responder)
			c := responded(t, `{"model":"m","input":"hi",`+test.given+`}`, "m1")
			for _, ask := range []func() error{
				func() error { _, err := p.CreateResponse(t.Context(), c); return err },
				func() error { _, err := p.StreamResponse(t.Context(), c); return err },
			} {
				if e := failure.As(ask()); e == nil || e.HTTPStatus() != 400 || e.Param != test.param || up.take() != "" {
					t.Errorf("%s: %v", test.given, e)
				}
			}
			if got := lostOf(p.(providers.Provider), c.Params, c.Target); got != test.param+" D" {
				t.Errorf("%s: told %q", test.given, got)
			}
		}
	}
}

// Each provider's responses are as clients know them: whole, and event by event, where
// each text has its part before it, and events count from 0 without gaps.
func TestResponses(t *testing.T) {
	t.Parallel()
	for kind, model := range map[string]string{
		"openai": "gpt-4o-mini", "azure": "gpt-4o-mini", "xai": "grok-3-mini", // the last one shows what it thinks
		"vllm": "Qwen/Qwen3-8B", "ollama": "qwen3:8b", "openrouter": "deepseek/deepseek-r1", "groq": "qwen/qwen3-32b",
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			up := providertest.Start(t, providertest.Playing(kind))
			p := tried(kind, native(true))(t, up.URL(), up.Key(), patient()).(providers.Responder)
			const document = `{"input":"Hello.","reasoning":{"summary":"auto"}}`
			c := responded(t, document, model)
			whole, err := p.CreateResponse(t.Context(), c)
			if err != nil || whole.GetStatus() != "completed" || textOf(whole) == "" {
				t.Fatalf("%v, %v", whole, err)
			}
			if !strings.Contains(c.Exchange.UsageJSON, `"output_tokens"`) {
				t.Errorf("the usage is %s", c.Exchange.UsageJSON)
			}
			c = responded(t, document, model)
			events, err := eventsOf(t.Context(), p, c)
			if err != nil || len(events) < 8 {
				t.Fatalf("%v, %v", events, err)
			}
			orderly(t, events)
			if last := events[len(events)-1]; last.GetType() != "response.completed" || textOf(last.GetLifecycle().GetResponse()) != textOf(whole) {
				t.Errorf("streamed %v", last)
			}
			if !strings.Contains(c.Exchange.UsageJSON, `"output_tokens"`) {
				t.Errorf("the stream's usage is %s", c.Exchange.UsageJSON)
			}
			for _, sent := range up.Requests() {
				if sent.ClientRequestID != "call-1" {
					t.Errorf("the provider was told the request id %q", sent.ClientRequestID)
				}
			}
		})
	}
}

// textOf is what a response says.
func textOf(r *responsesv1.Response) string {
	out := ""
	for _, item := range r.GetOutput() {
		out += item.GetMessage().GetContent()
		for _, part := range item.GetMessage().GetContentParts() {
			out += part.GetText()
		}
	}
	return out
}

// orderly judges a stream of events as SDKs read it.
func orderly(t *testing.T, events []*responsesv1.StreamEvent) {
	t.Helper()
	parts := map[string]bool{}
	for i, e := range events {
		if int(e.GetSequenceNumber()) != i {
			t.Errorf("the event %d has the number %d", i, e.GetSequenceNumber())
		}
		item, index := e.GetDelta().GetItemId()+e.GetDone().GetItemId(), e.GetDelta().GetContentIndex()+e.GetDone().GetContentIndex()
		part := fmt.Sprint(item, " ", index)
		switch typ := e.GetType(); {
		case typ == "response.content_part.added":
			parts[fmt.Sprint(e.GetContentPart().GetItemId(), " ", e.GetContentPart().GetContentIndex())] = true
		case strings.Contains(typ, "_text.") && !strings.Contains(typ, "summary"), strings.HasPrefix(typ, "response.refusal."):
			if !parts[part] {
				t.Errorf("the event %d, %s, is of a part that is not there", i, typ)
			}
		}
	}
}

// recordedEvents are the recordings of responses, and the type that answered them.
var recordedEvents = map[string]string{"gomodel/xai": "xai", "vercel-ai/xai": "xai", "gomodel/openai": "openai", "vercel-ai/openai": "openai", "vercel-ai/azure": "azure"}

// Recorded streams of responses have their events, but for those that xAI leaves out, and
// are never taken for whole where they are cut.
func TestRecordedResponses(t *testing.T) {
	t.Parallel()
	streams := 0
	for _, name := range providertest.RecordingsOf(providertest.EndpointResponses) {
		kind := ""
		for prefix, of := range recordedEvents {
			if strings.HasPrefix(name, prefix+"/") {
				kind = of
			}
		}
		body, stream, err := providertest.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if !stream || kind == "" || strings.Contains(name, "-error.") {
			continue
		}
		streams++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			documents := terminated(events(string(body)))
			got, err := play(t, kind, string(body))
			if err != nil {
				t.Fatal(err)
			}
			added := compareEvents(t, documents, got)
			if kind != "xai" && added > 0 {
				t.Errorf("%d events were added", added)
			}
			if kind == "xai" {
				orderly(t, got)
			}
			cutEverywhere(t, kind, string(body), len(documents))
		})
	}
	if streams < 20 {
		t.Errorf("only %d streams", streams)
	}
}

// terminated are the events up to the first end: some files have several streams.
func terminated(documents []string) []string {
	at := slices.IndexFunc(documents, func(document string) bool {
		typ, _ := wire.Member(document, "type")
		return slices.Contains([]string{`"response.completed"`, `"response.incomplete"`, `"response.failed"`}, typ)
	})
	return documents[:at+1]
}

// play has a provider answer with a body.
func play(t *testing.T, kind, body string) ([]*responsesv1.StreamEvent, error) {
	t.Helper()
	p := tried(kind)(t, answering(t, "text/event-stream", body), "key-1", patient())
	return eventsOf(t.Context(), p.(providers.Responder), responded(t, `{"input":"hi"}`, "m1"))
}

// compareEvents sees that all that was recorded is there, in order, and returns how many
// events are there beside.
func compareEvents(t *testing.T, documents []string, got []*responsesv1.StreamEvent) (added int) {
	t.Helper()
	for _, document := range documents {
		for len(got) > 0 && got[0].GetType() == "response.content_part.added" && !strings.Contains(document, `"response.content_part.added"`) {
			added++
			got = got[1:]
		}
		want := new(responsesv1.StreamEvent)
		if err := codec.DecodeStreamEvent(document, want, wire.Limits{}); err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			t.Fatalf("%s is missing", document)
		}
		want.SequenceNumber = got[0].GetSequenceNumber()
		if !proto.Equal(want, got[0]) {
			t.Errorf("got  %v\nwant %v", got[0], want)
		}
		got = got[1:]
	}
	if len(got) > 0 {
		t.Errorf("%d events too many", len(got))
	}
	return added
}

// cutEverywhere cuts a stream of n events behind each of them, and inside: with an
// orderly end of the body, which alone looks like an end.
func cutEverywhere(t *testing.T, kind, body string, n int) {
	t.Helper()
	step := 1 + n/40
	at := 0
	for i := range n - 1 { // behind the last one it is whole
		next := at + strings.Index(body[at:], "\n\n") + 2
		if i%step == 0 || i > n-4 {
			for _, end := range []int{at, at + (next-at)/2, next} {
				for _, tail := range []string{"", "data: [DONE]\n\n"} {
					got, err := play(t, kind, body[:end]+tail)
					e := failure.As(err)
					if e == nil || e.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED && (len(got) > 0 || e.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY) &&
						!(tail != "" && e.Reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY) { // inside, it makes a line of two
						t.Fatalf("after %d of %d bytes, then %q: %v", end, len(body), tail, err)
					}
				}
			}
		}
		at = next
	}
}

// An event that is an error is a failure, whatever its form, and so is what ends without
// an end.
func TestEndsOfResponses(t *testing.T) {
	t.Parallel()
	begun := `event: response.created` + "\n" + `data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","output":[]}}` + "\n\n"
	end := func(status string) string {
		return `data: {"type":"response.` + status + `","sequence_number":1,"response":{"id":"resp_1","object":"response","status":"` + status + `","output":[]}}` + "\n\n"
	}
	for name, test := range map[string]struct {
		body   string
		events int
		reason commonv1.ErrorReason
	}{
		"completed":             {begun + end("completed"), 2, 0},
		"incomplete":            {begun + end("incomplete"), 2, 0},
		"failed":                {begun + end("failed"), 2, 0},
		"completed, and [DONE]": {begun + end("completed") + "data: [DONE]\n\n", 2, 0},
		"completed, and more":   {begun + end("completed") + `data: {"type":"response.output_text.delta","delta":"x"}` + "\n\n", 2, 0},
		"[DONE] alone":          {begun + "data: [DONE]\n\n", 1, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED},
		"nothing more":          {begun, 1, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED},
		"nested error":          {begun + `data: {"type":"error","error":{"type":"server_error","message":"No."}}` + "\n\n", 1, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED},
		"flat error":            {begun + `event: error` + "\n" + `data: {"type":"error","code":"server_error","message":"No.","param":null}` + "\n\n", 1, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED},
		"no event":              {begun + "data: nonsense\n\n", 1, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY},
	} {
		for _, kind := range []string{"openai", "xai"} {
			got, err := play(t, kind, test.body)
			e := failure.As(err)
			if n := len(got); n > 0 && got[n-1].GetError() != nil { // the failure itself, which is handed on
				got = got[:n-1]
			}
			if len(got) != test.events || (err == nil) != (test.reason == 0) || err != nil && e.Reason != test.reason {
				t.Errorf("%s, %s: %d events, %v", kind, name, len(got), err)
			}
		}
	}
}

// A server that is said to answer responses is asked itself.
func TestNativeResponsesOfAnyServer(t *testing.T) {
	t.Parallel()
	up := listen(t)
	p := tried("openai_compatible", native(true), func(c *configv1.Provider) { c.BaseUrl += "/base" })(t, up.url, "key-1", patient())
	_, err := p.(providers.Responder).CreateResponse(t.Context(), responded(t, `{"input":"hi","top_k":4}`, "m1"))
	if body := up.take(); err == nil && body == "" || body != `{"model":"m1","input":"hi","top_k":4}` {
		t.Errorf("%v, sent %s", err, body)
	}
}
