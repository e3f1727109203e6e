package plan_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/plan"
)

// routes are those of the tests, as the configuration has them.
const routes = `
routes { name: "fast" targets { model: "openai/gpt-4o" } targets { model: "eu/gpt-4o" } targets { model: "router/llama" } }
routes { name: "shared" targets { model: "llama" } targets { model: "both" } }
routes { name: "both" targets { model: "eu/both" } }
routes { name: "gone" targets { model: "openai/gpt-9" } targets { model: "nobody" } targets { model: "openai/gpt-4o" } }
routes { name: "lost" targets { model: "openai/gpt-9" } targets { model: "nobody" } }
routes { name: "silent" targets { model: "late/gpt-4o" } targets { model: "openai/gpt-9" } }
routes { name: "twice" targets { model: "openai/gpt-4o" } targets { model: "gpt-4o" } }
routes { name: "mixed" targets { model: "mute/speech" } targets { model: "lossy/small" } targets { model: "openai/gpt-4o" } }
routes { name: "small" targets { model: "lossy/small" } targets { model: "lossy/large" } }
routes { name: "team/blue" targets { model: "router/llama" } }
routes { name: "tools" targets { model: "openai/gpt-4o" when { capabilities: CAPABILITY_TOOLS } } targets { model: "router/llama" } }
routes { name: "streams" targets { model: "openai/gpt-4o" when { stream: true } } targets { model: "router/llama" when { stream: false } } }
routes { name: "owned" targets { model: "openai/gpt-4o" when { owners: "/team/alpha" owners: "/vip" } } targets { model: "router/llama" } }
routes { name: "sized" targets { model: "openai/gpt-4o" when { max_input_bytes: 40 } } targets { model: "router/llama" when { min_input_bytes: 41 max_input_bytes: 60 } } }
routes { name: "all" targets { model: "openai/gpt-4o" when { capabilities: CAPABILITY_TOOLS stream: true } } targets { model: "router/llama" } }
routes { name: "weighed" strategy: ROUTE_STRATEGY_WEIGHTED targets { model: "openai/gpt-4o" weight: 1 } targets { model: "eu/gpt-4o" weight: 3 } targets { model: "router/llama" weight: 0 } }
routes {
  name: "patient" targets { model: "openai/gpt-4o" } targets { model: "eu/gpt-4o" } max_attempts: 2 hold_tokens: 4
  first_token_timeout { seconds: 2 } total_timeout { seconds: 30 } hold { nanos: 500000000 }
}
`

// routed is a planner over those routes.
func routed(t testing.TB) *plan.Planner {
	t.Helper()
	parsed := &configv1.Config{}
	if err := prototext.Unmarshal([]byte(routes), parsed); err != nil {
		t.Fatal(err)
	}
	return worldWith(t, parsed.GetRoutes(), "openai:openai:gpt-4o,both", "eu:openai:gpt-4o,both,fast", "router:openrouter:llama,gpt-5.1",
		"mute:mute:speech", "lossy:lossy:small,large", "late:openai:")
}

// request is a request for a selector.
type request struct {
	params   *chatv1.ChatCompletionParams
	options  *commonv1.CallOptions
	stream   bool
	key      *call.Principal
	id       string
	policies *policyv1.MethodPolicy
}

func (r request) derive(t testing.TB, planner *plan.Planner, model string) (*planv1.ExecutionPlan, error) {
	t.Helper()
	params := &chatv1.ChatCompletionParams{}
	if r.params != nil {
		params = proto.CloneOf(r.params)
	}
	params.Model = model
	var message proto.Message = &chatv1.CreateChatCompletionRequest{Params: params, Options: r.options}
	if r.stream {
		message = &chatv1.StreamChatCompletionRequest{Params: params, Options: r.options}
	}
	declared := r.policies
	if declared == nil {
		declared = policy(t)
	}
	return planner.Derive(plan.Question{RPC: rpc, Policy: declared, Principal: r.key, RequestID: r.id, Request: message})
}

// text is what a plan says of targets: those taken, in order, "!" before the reasons of
// those left out.
func text(made *planv1.ExecutionPlan) string {
	var parts []string
	for _, target := range append([]*planv1.Target{made.GetTarget()}, made.GetFallbacks()...) {
		if target != nil {
			parts = append(parts, target.GetProvider()+"/"+target.GetModel())
		}
	}
	for _, rejected := range made.GetRejected() {
		target := rejected.GetTarget()
		reason := strings.TrimPrefix(rejected.GetReason().String(), "REJECTION_REASON_")
		parts = append(parts, strings.TrimPrefix(fmt.Sprintf("!%s %s/%s", reason, target.GetProvider(), target.GetModel()), "/"))
	}
	return strings.Join(parts, ", ")
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	planner := routed(t)
	tools := &chatv1.ChatCompletionParams{ToolsJson: `[{}]`}
	seeded := &chatv1.ChatCompletionParams{Seed: proto.Int64(1)}
	sized := func(n int) *chatv1.ChatCompletionParams {
		return &chatv1.ChatCompletionParams{MessagesJson: strings.Repeat("x", n)}
	}
	typed := &chatv1.ChatCompletionParams{Messages: []*chatv1.ChatMessage{ // [{"role":"user","content":"Hi"},{"role":"user","content":"Ho"}]
		{Role: "user", Content: proto.String("Hi")}, {Role: "user", Content: proto.String("Ho")},
	}}
	strict := &commonv1.CallOptions{Strict: new(true)}
	key := func(models ...string) *call.Principal {
		return &call.Principal{Name: "k", Owner: "/team/beta", AllowedModels: models}
	}
	for _, tt := range []struct {
		name, model, want, reason string
		request                   request
	}{
		{name: "targets in order", model: "fast", want: "openai/gpt-4o, eu/gpt-4o, router/llama"},
		{name: "a target that several have", model: "shared", want: "router/llama, openai/both, eu/both"},
		{name: "it hides a model of its name", model: "both", want: "eu/both"},
		{name: "a name with a slash", model: "team/blue", want: "router/llama"},
		{name: "targets that nobody has", model: "gone", want: "openai/gpt-4o, !NO_MODEL openai/gpt-9, !NO_MODEL /nobody"},
		{name: "no target that anybody has", model: "lost", want: "!NO_MODEL openai/gpt-9, !NO_MODEL /nobody", reason: "MODEL_NOT_FOUND"},
		{name: "a target of whom nothing is known yet", model: "silent", want: "!NO_MODEL late/gpt-4o, !NO_MODEL openai/gpt-9", reason: "CATALOG_EMPTY"},
		{name: "a target twice", model: "twice", want: "openai/gpt-4o, eu/gpt-4o"},
		{name: "pinned to a provider", model: "fast", want: "eu/gpt-4o, !CONDITION openai/gpt-4o, !CONDITION router/llama", request: request{options: &commonv1.CallOptions{Provider: "eu"}}},
		{name: "pinned to a provider that it has not", model: "both", want: "!CONDITION eu/both", reason: "UNSUPPORTED_OPERATION", request: request{options: &commonv1.CallOptions{Provider: "openai"}}},
		{name: "pinned to nobody", model: "fast", reason: "PROVIDER_NOT_FOUND", request: request{options: &commonv1.CallOptions{Provider: "nobody"}}},
		{name: "not resolved by this RPC", model: "team/blue", reason: "MODEL_NOT_FOUND", request: request{policies: &policyv1.MethodPolicy{}}},
		{name: "a model of its name at a provider", model: "eu/fast", want: "eu/fast"},
		{name: "in another case", model: "Fast", reason: "MODEL_NOT_FOUND"},
		{name: "a model that does something else", model: "mixed", want: "lossy/small, openai/gpt-4o, !NO_CAPABILITY mute/speech"},

		{name: "what is asked, not met", model: "tools", want: "router/llama, !CONDITION openai/gpt-4o"},
		{name: "what is asked, met", model: "tools", want: "openai/gpt-4o, router/llama", request: request{params: tools}},
		{name: "no stream", model: "streams", want: "router/llama, !CONDITION openai/gpt-4o"},
		{name: "a stream", model: "streams", want: "openai/gpt-4o, !CONDITION router/llama", request: request{stream: true}},
		{name: "an owner", model: "owned", want: "openai/gpt-4o, router/llama", request: request{key: &call.Principal{Owner: "/vip"}}},
		{name: "below an owner", model: "owned", want: "openai/gpt-4o, router/llama", request: request{key: &call.Principal{Owner: "/team/alpha/bob"}}},
		{name: "beside an owner", model: "owned", want: "router/llama, !CONDITION openai/gpt-4o", request: request{key: &call.Principal{Owner: "/team/alphabet"}}},
		{name: "no owner", model: "owned", want: "router/llama, !CONDITION openai/gpt-4o"},
		{name: "a short input", model: "sized", want: "openai/gpt-4o, !CONDITION router/llama", request: request{params: sized(40)}},
		{name: "a longer input", model: "sized", want: "router/llama, !CONDITION openai/gpt-4o", request: request{params: sized(60)}},
		{name: "an input too long for all", model: "sized", want: "!CONDITION openai/gpt-4o, !CONDITION router/llama", reason: "UNSUPPORTED_OPERATION", request: request{params: sized(61)}},
		{name: "typed messages", model: "sized", want: "!CONDITION openai/gpt-4o, !CONDITION router/llama", reason: "UNSUPPORTED_OPERATION", request: request{params: typed}},
		{name: "all conditions, one met", model: "all", want: "router/llama, !CONDITION openai/gpt-4o", request: request{params: tools}},
		{name: "all conditions met", model: "all", want: "openai/gpt-4o, router/llama", request: request{params: tools, stream: true}},

		{name: "a key that names the route", model: "fast", want: "openai/gpt-4o, eu/gpt-4o, router/llama", request: request{key: key("fast")}},
		{name: "a key that names a model", model: "fast", want: "router/llama, !NOT_ALLOWED openai/gpt-4o, !NOT_ALLOWED eu/gpt-4o", request: request{key: key("llama")}},
		{name: "a key that names a provider", model: "fast", want: "eu/gpt-4o, !NOT_ALLOWED openai/gpt-4o, !NOT_ALLOWED router/llama", request: request{key: key("eu/*")}},
		{name: "a key for something else", model: "team/blue", want: "!NOT_ALLOWED router/llama", reason: "MODEL_NOT_ALLOWED", request: request{key: key("gpt-4o")}},

		{name: "a loss that may be", model: "mixed", want: "lossy/small, openai/gpt-4o, !NO_CAPABILITY mute/speech", request: request{params: seeded}},
		{name: "a loss that must not be", model: "mixed", want: "openai/gpt-4o, !NO_CAPABILITY mute/speech, !LOSSY lossy/small", request: request{params: seeded, options: strict}},
		{name: "strict, and nothing lost", model: "small", want: "lossy/small, lossy/large", request: request{options: strict}},
		{name: "strict, and everybody loses", model: "small", want: "!LOSSY lossy/small, !LOSSY lossy/large", reason: "LOSSY_TRANSLATION", request: request{params: seeded, options: strict}},
		{name: "a strict key", model: "lossy/small", want: "!LOSSY lossy/small", reason: "LOSSY_TRANSLATION", request: request{params: seeded, key: &call.Principal{Strict: true}}},
		{name: "a strict key, overruled", model: "lossy/small", want: "lossy/small", request: request{params: seeded, key: &call.Principal{Strict: true}, options: &commonv1.CallOptions{Strict: new(false)}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := tt.request.derive(t, planner, tt.model)
			reason := ""
			if failed := failure.As(err); failed != nil {
				reason = strings.TrimPrefix(failed.Reason.String(), "ERROR_REASON_")
			}
			if got := text(made); got != tt.want || reason != tt.reason {
				t.Errorf("got %s %s\nwant %s %s", got, reason, tt.want, tt.reason)
			}
			for _, rejected := range made.GetRejected() {
				if !strings.HasSuffix(rejected.GetDetail(), ".") {
					t.Errorf("no sentence: %q", rejected.GetDetail())
				}
			}
		})
	}
}

// Losses stand in the target; the refusal names the first.
func TestLossesAreNamed(t *testing.T) {
	t.Parallel()
	planner := routed(t)
	lossy := request{params: &chatv1.ChatCompletionParams{Seed: proto.Int64(1), LogitBias: map[string]float64{"5": 1}}}
	made, err := lossy.derive(t, planner, "lossy/small")
	if err != nil || len(made.GetTarget().GetLosses()) != 2 || made.GetStrict() {
		t.Errorf("got %v, %v", made, err)
	}
	lossy.options = &commonv1.CallOptions{Strict: new(true)}
	made, err = lossy.derive(t, planner, "lossy/small")
	if failed := failure.As(err); failed == nil || failed.Param != "logit_bias" || failed.HTTPStatus() != 400 || !made.GetStrict() {
		t.Errorf("got %v, %v", made, err)
	}
}

// Every target of a route is told from which one it is, and the plan says how long it is
// waited for.
func TestPoliciesOfRoutes(t *testing.T) {
	t.Parallel()
	planner := routed(t)
	for _, tt := range []struct {
		name, model, want string
		stream            bool
	}{
		{"no route", "openai/gpt-4o", "max_attempts:3 max_backoff:{seconds:1} first_byte_timeout:{seconds:60}", false},
		{"several instances", "gpt-4o", "max_attempts:3 max_backoff:{seconds:1} first_byte_timeout:{seconds:60} max_wait:{}", false},
		{"a route", "patient", "max_attempts:2 max_backoff:{seconds:1} first_byte_timeout:{seconds:60} total_timeout:{seconds:30} first_token_timeout:{seconds:2} max_wait:{}", false},
		{"a route's stream", "patient", "max_attempts:2 max_backoff:{seconds:1} first_byte_timeout:{seconds:120} idle_timeout:{seconds:180} total_timeout:{seconds:30} hold:{nanos:500000000} hold_tokens:4 first_token_timeout:{seconds:2} max_wait:{}", true},
		{"a route of one target", "both", "max_attempts:3 max_backoff:{seconds:1} first_byte_timeout:{seconds:120} idle_timeout:{seconds:180}", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := request{stream: tt.stream}.derive(t, planner, tt.model)
			want := &planv1.RetryPolicy{}
			if err := prototext.Unmarshal([]byte(tt.want), want); err != nil {
				t.Fatal(err)
			}
			if err != nil || !proto.Equal(made.GetRetry(), want) {
				t.Errorf("got  %v, %v\nwant %v", made.GetRetry(), err, want)
			}
			route := tt.model
			if made.GetFeatures()[1] != policyv1.Feature_FEATURE_ALIASES {
				route = ""
			}
			if alias := made.GetTarget().GetAlias(); alias != route || (alias == "") != strings.Contains(tt.model, "gpt") {
				t.Errorf("the target is of the route %q, features %v", alias, made.GetFeatures())
			}
		})
	}
}

// Weights decide who is first, by the request's id; the others stay in order.
func TestWeights(t *testing.T) {
	t.Parallel()
	planner := routed(t)
	const calls = 4000
	firsts, digests := map[string]int{}, map[string]string{}
	for i := range calls {
		made, err := request{id: fmt.Sprintf("request-%d", i)}.derive(t, planner, "weighed")
		if err != nil {
			t.Fatal(err)
		}
		firsts[text(made)]++
		digests[text(made)] = made.GetDigest()
	}
	small, large := "openai/gpt-4o, eu/gpt-4o, router/llama", "eu/gpt-4o, openai/gpt-4o, router/llama"
	if n := firsts[small]; len(firsts) != 2 || n < calls/4*9/10 || n > calls/4*11/10 || digests[small] == digests[large] {
		t.Errorf("got %v, %v", firsts, digests)
	}
	again, _ := request{id: "request-7"}.derive(t, planner, "weighed")
	if same, _ := (request{id: "request-7"}).derive(t, planner, "weighed"); same.GetDigest() != again.GetDigest() {
		t.Error("one id is drawn in two ways")
	}
	if explained, _ := (request{}).derive(t, planner, "weighed"); text(explained) != large {
		t.Errorf("without an id: %s", text(explained))
	}
	alone, _ := request{options: &commonv1.CallOptions{Provider: "router"}}.derive(t, planner, "weighed")
	if alone.GetTarget().GetProvider() != "router" {
		t.Errorf("the last one left is not taken: %v", alone)
	}
}

// The gateway keeps what it is asked to keep, where the provider does not.
func TestWhatIsKept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		store *bool
		kept  bool
	}{
		"unsaid": {nil, false},
		"asked":  {new(true), true},
		"unwant": {new(false), false},
	} {
		made, err := request{params: &chatv1.ChatCompletionParams{Store: test.store}}.derive(t, routed(t), "fast")
		if kept := strings.Contains(fmt.Sprint(made.GetFeatures()), "STORAGE"); err != nil || kept != test.kept || made.GetTarget().GetEmulated() != test.kept {
			t.Errorf("%s: got %v, %v", name, made, err)
		}
	}
}

// Whichever target is asked, its rules apply.
func TestFallbacksArePatched(t *testing.T) {
	t.Parallel()
	parsed := &configv1.Config{}
	if err := prototext.Unmarshal([]byte(`routes { name: "r" targets { model: "openai/gpt-4o" } targets { model: "router/gpt-5.1" } }`), parsed); err != nil {
		t.Fatal(err)
	}
	planner := worldWith(t, parsed.GetRoutes(), "openai:openai:gpt-4o", "router:openai:gpt-5.1")
	made, err := request{}.derive(t, planner, "r")
	if err != nil || !strings.Contains(fmt.Sprint(made.GetFeatures()), "PATCHING") || len(made.GetFallbacks()[0].GetParameterRules()) == 0 {
		t.Errorf("got %v, %v", made, err)
	}
}

func BenchmarkDeriveRoute(b *testing.B) {
	planner := routed(b)
	question := plan.Question{RPC: rpc, Policy: policy(b), Request: &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "fast"}}, RequestID: time.Now().String()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planner.Derive(question); err != nil {
			b.Fatal(err)
		}
	}
}
