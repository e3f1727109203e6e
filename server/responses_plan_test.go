package server_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// A response over REST and one over gRPC, as text and as fields, are one call: the same
// request upstream, the same record.
func TestResponsesAreOneCall(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileGroq} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			gw, up := before(t, profile)
			by := responders[profile]
			w := wish{id: "REST", model: by.model, body: `"instructions":"Be brief.","temperature":0.5,"store":false,"tools":[` + weather + `],` +
				`"input":[{"role":"user", "content":[{"type":"input_text","text":"Hi \u20ac"}]}, {"type":"function_call","call_id":"c1","name":"get_weather","arguments":"{}"},` +
				`{"type":"function_call_output","call_id":"c1","output":"7"}]`}
			if got := respondREST(t.Context(), t, gw, w); !got.whole {
				t.Fatalf("%d %s", got.status, got.raw)
			}
			client := responsesv1.NewResponsesServiceClient(gw.GRPC)
			text, typed := w.params(t), w.params(t)
			if err := codec.ExpandResponseParams(typed, wire.Limits{}); err != nil || len(typed.GetInputItems()) != 3 {
				t.Fatalf("%v, %v", typed, err)
			}
			for id, params := range map[string]*responsesv1.ResponseParams{"text": text, "fields": typed} {
				if _, err := client.CreateResponse(servertest.WithRequestID(t.Context(), id), &responsesv1.CreateResponseRequest{Params: params}); err != nil {
					t.Fatalf("%s: %v", id, err)
				}
			}
			bodies := map[string][]byte{}
			for _, request := range up.Requests() {
				bodies[request.ClientRequestID] = request.Body
			}
			if string(bodies["text"]) != string(bodies["REST"]) || !equalJSON(t, bodies["fields"], bodies["REST"]) {
				t.Errorf("sent were\nREST   %s\ntext   %s\nfields %s", bodies["REST"], bodies["text"], bodies["fields"])
			}
			if by.native && !strings.Contains(string(bodies["REST"]), `{"role":"user", "content":[{"type":"input_text","text":"Hi \u20ac"}]}`) {
				t.Errorf("the input was not sent byte for byte: %s", bodies["REST"])
			}
			rest := normalised(gw.Record("REST").GetEntry())
			for _, id := range []string{"text", "fields"} {
				if entry := normalised(gw.Record(id).GetEntry()); !proto.Equal(entry, rest) {
					t.Errorf("records differ:\nREST %v\n%s %v", rest, id, entry)
				}
			}
		})
	}
}

// What the translation to a chat completion loses is told by the response's own fields,
// and refused before anybody is asked where it must not be.
func TestLossesOfResponses(t *testing.T) {
	t.Parallel()
	yes := new(true)
	for _, tt := range []struct{ profile, body, loss, param string }{
		{providertest.ProfileGroq, `"input":"Hello","max_tool_calls":3,"context_management":[{"type":"compaction"}]`,
			`context_management;kind=dropped;why="The context is not compacted by itself.", max_tool_calls;kind=dropped;why="The provider has no built-in tools to limit."`, "context_management"},
		{providertest.ProfileGroq, `"input":"Hello","text":{"verbosity":"low"}`, `text.verbosity;kind=dropped;why="Groq does not take it."`, "text.verbosity"},
		{providertest.ProfileXAI, `"input":"Hello","context_management":[{"type":"compaction"}]`, `context_management;kind=dropped;why="xAI does not take it."`, "context_management"},
		{providertest.ProfileOpenAI, `"input":"Hello","max_tool_calls":3,"text":{"verbosity":"low"}`, "", ""},
		{providertest.ProfileXAI, `"input":"Hello"`, "", ""},
		{providertest.ProfileVLLM, `"input":"Hello"`, "", ""},
	} {
		for _, way := range respondings {
			for _, stream := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s %t %s", tt.profile, way.name, stream, tt.body), func(t *testing.T) {
					t.Parallel()
					gw, up := before(t, tt.profile)
					by := responders[tt.profile]
					w := wish{id: "lax", stream: stream, model: by.model, body: tt.body}
					got := way.make(t.Context(), t, gw, w)
					if !got.whole || got.header.Get("X-Signalbox-Loss") != tt.loss || got.info != nil && len(got.info.GetLosses()) != strings.Count(tt.loss, "kind=") {
						t.Errorf("%d, told %q, %v: %.500s", got.status, got.header.Get("X-Signalbox-Loss"), got.info.GetLosses(), got.raw)
					}
					if target := gw.Record("lax").GetPlan().GetTarget(); target.GetEmulated() == by.native || target.GetSameDialect() != by.native {
						t.Errorf("the plan is %v", target)
					}
					calls := up.Calls()
					w.id, w.strict = "strict", yes
					got = way.make(t.Context(), t, gw, w)
					switch {
					case tt.param == "":
						if !got.whole {
							t.Errorf("strict: %d %s", got.status, got.raw)
						}
					case got.failed.GetParam() != tt.param || got.status != http.StatusBadRequest || up.Calls() != calls:
						t.Errorf("strict: %d %s", got.status, got.raw)
					}
				})
			}
		}
	}
}

// The plan of a response or of embeddings is the same wherever it is told, and asking for
// it calls nobody.
func TestOnePlanOfResponsesAndEmbeddings(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileVLLM} {
		gw, up := before(t, profile)
		by := responders[profile]
		client := planv1.NewPlanServiceClient(gw.GRPC)
		for _, stream := range []bool{false, true} {
			digests := map[string]string{}
			for _, way := range respondings {
				id := fmt.Sprintf("%s-%t", way.name, stream)
				got := way.make(t.Context(), t, gw, wish{id: id, stream: stream, model: by.model})
				digests[way.name], digests[way.name+" record"] = got.header.Get("X-Signalbox-Plan"), gw.Record(id).GetEntry().GetPlanDigest()
			}
			calls := up.Calls()
			explained, err := client.Explain(t.Context(), &planv1.ExplainRequest{Call: &planv1.ExplainRequest_Response{Response: wish{model: by.model}.params(t)}, Stream: stream})
			if err != nil {
				t.Fatal(err)
			}
			plan := explained.GetPlan()
			digests["Explain"] = plan.GetDigest()
			reply := gw.Post("/v1/plan:explain", fmt.Sprintf(`{"response":%s}`, wish{model: by.model, stream: stream}.document()))
			if !strings.Contains(reply.Body, `"digest":"`+plan.GetDigest()+`"`) || reply.Status != http.StatusOK {
				t.Errorf("REST explains %d %s", reply.Status, reply.Body)
			}
			for where, digest := range digests {
				if digest != digests["REST"] || digest == "" {
					t.Errorf("%s, stream %t: %s has %q, REST %q", profile, stream, where, digest, digests["REST"])
				}
			}
			if plan.GetOperation() != gw.Record("REST-"+fmt.Sprint(stream)).GetEntry().GetOperation() || plan.GetTarget().GetEmulated() == by.native {
				t.Errorf("the plan is %v", plan)
			}
			if up.Calls() != calls {
				t.Error("an explanation called the provider")
			}
		}
	}
}

// Without FEATURE_STORAGE in the plan nothing is kept, and the response says so.
func TestStorageIsASwitch(t *testing.T) {
	t.Parallel()
	for name, steps := range map[string][]call.Step{"with": nil, "without": {without(policyv1.Feature_FEATURE_STORAGE)}} {
		up := providertest.Start(t, providertest.Playing(providertest.ProfileVLLM))
		by := responders[providertest.ProfileVLLM]
		gw := servertest.Start(t, servertest.Steps(steps...), servertest.File(fmt.Sprintf("providers:\n  - {name: p, type: vllm, base_url: %q, api_key: %s, discover: false, models: [%q]}\n",
			up.URL(), up.Key(), by.model)))
		for _, stream := range []bool{false, true} {
			got := respondREST(t.Context(), t, gw, wish{id: fmt.Sprint(stream), stream: stream, model: by.model})
			kept := gw.Do(http.MethodGet, responsesPath+"/"+got.response.GetId(), "")
			if want := steps == nil; !got.whole || got.response.GetStore() != want || (kept.Status == http.StatusOK) != want || !want && kept.Status != http.StatusNotFound {
				t.Errorf("%s it, stream %t: %d %.300s, kept %d %.300s", name, stream, got.status, got.raw, kept.Status, kept.Body)
			}
		}
	}
}

// mixed is a gateway with a route of a target that answers responses itself and one that
// does not, in either order.
func mixed(t *testing.T, order []string) pair {
	t.Helper()
	p := pair{first: providertest.Start(t, providertest.Playing(order[0])), second: providertest.Start(t, providertest.Playing(order[1]))}
	a, b := responders[order[0]], responders[order[1]]
	p.gw = servertest.Start(t, servertest.File(fmt.Sprintf(`upstream: {max_attempts: 1, breaker_failure_percent: 100}
providers:
  - {name: first, type: %s, base_url: %q, api_key: %s, discover: false, models: [%q]}
  - {name: second, type: %s, base_url: %q, api_key: %s, discover: false, models: [%q]}
routes:
  - {name: fast, %s targets: [{model: %q}, {model: %q}]}
`, order[0], p.first.URL(), p.first.Key(), a.model, order[1], p.second.URL(), p.second.Key(), b.model, hold, "first/"+a.model, "second/"+b.model)))
	return p
}

// Where the first target of a route fails, the second answers, whichever of them answers
// responses itself: whole, in events, and after a beginning that nobody has seen.
func TestResponsesFailOver(t *testing.T) {
	t.Parallel()
	for _, order := range [][]string{
		{providertest.ProfileOpenAI, providertest.ProfileVLLM}, {providertest.ProfileVLLM, providertest.ProfileOpenAI}, {providertest.ProfileOpenAI, providertest.ProfileXAI},
	} {
		for _, way := range respondings {
			for _, f := range []struct {
				script string
				stream bool
				first  string
			}{
				{"status=503", false, "503 UPSTREAM_OVERLOADED"}, {"status=503", true, "503 UPSTREAM_OVERLOADED"},
				{"truncate-after=4", true, "200 UPSTREAM_TRUNCATED"}, {"error-at=4", true, "200 UPSTREAM_FAILED"},
			} {
				t.Run(fmt.Sprintf("%s, %s, %s, %t", strings.Join(order, " then "), way.name, f.script, f.stream), func(t *testing.T) {
					t.Parallel()
					p := mixed(t, order)
					responders[order[0]].enqueue(t, p.first, f.script)
					got := way.make(t.Context(), t, p.gw, wish{id: "call", stream: f.stream, model: "fast"})
					second := responders[order[1]]
					if !got.whole || got.failed != nil || words(got.response) != "You said: Hello" || got.header.Get("X-Signalbox-Provider") != "second" {
						t.Fatalf("%d %.800s", got.status, got.raw)
					}
					if f.stream && got.spoken() != "You said: Hello" {
						t.Errorf("the events say %q", got.spoken())
					}
					entry := p.gw.Record("call").GetEntry()
					var attempts []string
					for _, attempt := range entry.GetAttempts() {
						attempts = append(attempts, strings.TrimSuffix(fmt.Sprintf("%s %d %s", attempt.GetProvider(), attempt.GetHttpStatus(), strings.TrimPrefix(attempt.GetReason().String(), "ERROR_REASON_")), " UNSPECIFIED"))
					}
					if want := []string{"first " + f.first, "second 200"}; !slices.Equal(attempts, want) || entry.GetResolvedModel() != second.model || entry.GetUsage().GetInput() == 0 {
						t.Errorf("the record is %v", entry)
					}
					again := way.make(t.Context(), t, p.gw, wish{id: "next", model: "fast", body: fmt.Sprintf(`"input":"And?","previous_response_id":%q`, got.response.GetId())})
					if !again.whole || again.response.GetPreviousResponseId() != got.response.GetId() || words(again.response) != "You said: And?" {
						t.Errorf("it does not go on: %d %.500s", again.status, again.raw)
					}
				})
			}
		}
	}
}
