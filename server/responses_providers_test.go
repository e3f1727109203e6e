package server_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// responder is a provider that responses are asked of.
type responder struct {
	// model is one of its models, thinker one that shows what it thinks. Empty: none does.
	model, thinker string
	// native says that it answers responses itself.
	native bool
}

// responders are all providers that the test upstream plays.
var responders = map[string]responder{
	providertest.ProfileOpenAI:     {model: "gpt-4o-mini", thinker: "o4-mini", native: true},
	providertest.ProfileAzure:      {model: "gpt-4o-mini", thinker: "o4-mini", native: true},
	providertest.ProfileXAI:        {model: "grok-3", thinker: "grok-3-mini", native: true},
	providertest.ProfileGroq:       {model: "llama-3.3-70b-versatile", thinker: "qwen/qwen3-32b"},
	providertest.ProfileOpenRouter: {model: "openai/gpt-4o-mini", thinker: "deepseek/deepseek-r1"},
	providertest.ProfileDeepSeek:   {model: "deepseek-chat", thinker: "deepseek-reasoner"},
	providertest.ProfileMistral:    {model: "mistral-small-latest", thinker: "magistral-medium-2507"},
	providertest.ProfileVLLM:       {model: "meta-llama/Llama-3.1-8B-Instruct", thinker: "Qwen/Qwen3-8B"},
	providertest.ProfileOllama:     {model: "llama3.2", thinker: "qwen3:8b"},
	providertest.ProfileCompatible: {model: "local-model", thinker: "local-thinking"},
}

// before is a gateway before one provider, named p, with more of a configuration.
func before(t *testing.T, profile string, more ...string) (*servertest.Gateway, *providertest.Upstream) {
	t.Helper()
	up := providertest.Start(t, providertest.Playing(profile))
	by := responders[profile]
	text := fmt.Sprintf("upstream: {max_attempts: 1, breaker_failure_percent: 100}\nproviders:\n  - {name: p, type: %s, base_url: %q, api_key: %s, discover: false, models: [%q, %q]}\n",
		profile, up.URL(), up.Key(), by.model, by.thinker)
	return servertest.Start(t, servertest.File(text+strings.Join(more, ""))), up
}

// enqueue has the provider play a script for the next response.
func (r responder) enqueue(t *testing.T, up *providertest.Upstream, script string) {
	t.Helper()
	if r.native {
		up.EnqueueTextAt(t, providertest.EndpointResponses, script)
	} else {
		up.EnqueueText(t, script)
	}
}

const (
	weather = `{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false},"strict":false}`
	clock   = `{"type":"function","name":"get_time","parameters":{"type":"object","properties":{"zone":{"type":"string"}},"required":["zone"],"additionalProperties":false},"strict":false}`
	shaped  = `"text":{"format":{"type":"json_schema","name":"city","schema":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}}}`
)

// talk is what is asked of a provider, and what must come of it.
type talk struct {
	name string
	// body are the members of the request.
	body string
	// script is what the provider does. Empty: what it is asked.
	script string
	// thinks asks the model that thinks.
	thinks bool
	// status is how the response ends, why is its incomplete_details.
	status, why string
	// says judges the output.
	says func(r *responsesv1.Response) bool
	// end is how the record says that the call ended. Unspecified: it completed.
	end commonv1.CallEnd
	// not are providers that cannot be asked that.
	not []string
}

// talks are what every provider is asked.
func talks() []talk {
	calls := func(r *responsesv1.Response) (names []string) {
		for _, item := range r.GetOutput() {
			if f := item.GetFunctionCall(); f != nil && f.GetCallId() != "" && strings.HasPrefix(f.GetArguments(), "{") {
				names = append(names, f.GetName())
			}
		}
		return names
	}
	return []talk{
		{name: "plain", body: `"input":"Hello"`, status: "completed", says: func(r *responsesv1.Response) bool { return words(r) == "You said: Hello" }},
		{
			name: "instructions and turns", status: "completed",
			body: `"instructions":"Be brief.","input":[{"role":"user","content":"One."},{"role":"assistant","content":"1"},{"role":"user","content":[{"type":"input_text","text":"Two."}]}]`,
			says: func(r *responsesv1.Response) bool { return words(r) == "You said: Two." },
		},
		{
			name: "a tool", body: `"input":"Use get_weather.","tools":[` + weather + `,` + clock + `]`, status: "completed",
			says: func(r *responsesv1.Response) bool { return slices.Equal(calls(r), []string{"get_weather"}) },
		},
		{
			name: "tools at once", body: `"input":"What is it like?","tool_choice":"required","tools":[` + weather + `,` + clock + `]`, status: "completed",
			says: func(r *responsesv1.Response) bool { return slices.Equal(calls(r), []string{"get_weather", "get_time"}) },
			not:  []string{providertest.ProfileOllama}, // it does not heed the choice, and the loss is told
		},
		{
			name: "a tool's output", status: "completed", body: `"tools":[` + weather + `],"input":[{"role":"user","content":"What is it like?"},` +
				`{"type":"function_call","call_id":"call_abcdefgh","name":"get_weather","arguments":"{\"city\":\"Oslo\"}"},` +
				`{"type":"function_call_output","call_id":"call_abcdefgh","output":"7 degrees"}]`,
			says: func(r *responsesv1.Response) bool { return words(r) != "" },
		},
		{
			name: "an output of a form", body: `"input":"Where? Say it in json.",` + shaped, status: "completed",
			says: func(r *responsesv1.Response) bool { return strings.HasPrefix(words(r), "{") },
		},
		{
			name: "thoughts", body: `"input":"Hello"`, thinks: true, status: "completed",
			says: func(r *responsesv1.Response) bool {
				return words(r) == "You said: Hello" && r.GetOutput()[0].GetReasoning() != nil
			},
		},
		{name: "a limit", body: `"input":"Hello"`, script: "finish=length", status: "incomplete", why: "max_output_tokens"},
		{name: "a filter", body: `"input":"Hello"`, script: "finish=content_filter", status: "incomplete", why: "content_filter", end: commonv1.CallEnd_CALL_END_FILTERED},
		{
			name: "a refusal", body: `"input":"Hello"`, script: "refusal=I will not.", status: "completed",
			says: func(r *responsesv1.Response) bool {
				return r.GetOutput()[0].GetMessage().GetContentParts()[0].GetRefusal() == "I will not."
			},
			not: []string{ // they have no such word
				providertest.ProfileGroq, providertest.ProfileOpenRouter, providertest.ProfileDeepSeek, providertest.ProfileMistral, providertest.ProfileVLLM,
				providertest.ProfileOllama, providertest.ProfileCompatible,
			},
		},
	}
}

// What is asked of any provider as a response is answered as OpenAI answers it, whole and
// event by event, over REST and over gRPC.
func TestResponsesOfEveryProvider(t *testing.T) {
	t.Parallel()
	for profile, by := range responders {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			gw, up := before(t, profile)
			for _, talk := range talks() {
				if slices.Contains(talk.not, profile) {
					continue
				}
				for _, way := range respondings {
					for _, stream := range []bool{false, true} {
						w := wish{id: strings.ReplaceAll(fmt.Sprintf("%s-%s-%t", talk.name, way.name, stream), " ", "-"), stream: stream, body: talk.body, model: "p/" + by.model}
						if talk.thinks {
							w.model = "p/" + by.thinker
						}
						if talk.script != "" {
							by.enqueue(t, up, talk.script)
						}
						got := way.make(t.Context(), t, gw, w)
						up.ClearScripts()
						talk.check(t, gw, w, by, got)
					}
				}
			}
		})
	}
}

// check judges what came of it.
func (k talk) check(t *testing.T, gw *servertest.Gateway, w wish, by responder, got told) {
	t.Helper()
	r := got.response
	if !got.whole || r.GetStatus() != k.status || r.GetIncompleteDetails().GetReason() != k.why || k.says != nil && !k.says(r) {
		t.Errorf("%s: %d %s %.300v: %.300s", w.id, got.status, r.GetStatus(), r.GetOutput(), got.raw)
		return
	}
	if !strings.HasPrefix(r.GetId(), "resp_") || r.GetUsage().GetTotalTokens() == 0 || r.GetUsage().GetInputTokens()+r.GetUsage().GetOutputTokens() != r.GetUsage().GetTotalTokens() {
		t.Errorf("%s: the id is %q, the usage %v", w.id, r.GetId(), r.GetUsage())
	}
	if w.stream && (got.spoken() != words(r) || len(got.events) < 4) {
		t.Errorf("%s: the deltas say %q, the response %q", w.id, got.spoken(), words(r))
	}
	record := gw.Record(w.id)
	entry := record.GetEntry()
	end := k.end
	if end == commonv1.CallEnd_CALL_END_UNSPECIFIED {
		end = commonv1.CallEnd_CALL_END_COMPLETED
	}
	if entry.GetEnd() != end || entry.GetStatusCode() != 200 || len(entry.GetAttempts()) != 1 || entry.GetUsage().GetInput() == 0 || entry.GetUsageJson() == "" || entry.GetStream() != w.stream {
		t.Errorf("%s: record %v", w.id, entry)
	}
	if u := r.GetUsage(); entry.GetUsage().GetOutput()+entry.GetUsage().GetReasoning() != u.GetOutputTokens() || entry.GetUsage().GetReasoning() != u.GetOutputTokensDetails().GetReasoningTokens() {
		t.Errorf("%s: recorded %v of %v", w.id, entry.GetUsage(), u)
	}
	if record.GetPlan().GetTarget().GetEmulated() == by.native {
		t.Errorf("%s: the plan is %v", w.id, record.GetPlan().GetTarget())
	}
	if got.info != nil && (got.info.GetEnd() != end || got.info.GetUsage().GetOutput() != entry.GetUsage().GetOutput()) {
		t.Errorf("%s: told %v, recorded %v", w.id, got.info, entry)
	}
}
