package plan_test

import (
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/plan"
)

const rpc = "signalbox.chat.v1.ChatService/CreateChatCompletion"

// instance is a provider that has a name alone.
type instance struct{ name, typ string }

func (i instance) Name() string { return i.name }
func (i instance) Type() string { return i.typ }
func (instance) Close() error   { return nil }

// world is a planner over configured models, "instance:type:model,model" each.
func world(t testing.TB, specs ...string) *plan.Planner {
	t.Helper()
	return worldWith(t, nil, specs...)
}

// loses is a provider type that cannot carry `seed`, nor `logit_bias` as it is.
const loses = "lossy"

func losses(request proto.Message, _ *planv1.Target) []*commonv1.Loss {
	params, _ := request.(*chatv1.ChatCompletionParams)
	var lost []*commonv1.Loss
	if len(params.GetLogitBias()) > 0 {
		lost = append(lost, &commonv1.Loss{Field: "logit_bias", Kind: commonv1.LossKind_LOSS_KIND_APPROXIMATED, Detail: "Biases are rounded."})
	}
	if params.Seed != nil {
		lost = append(lost, &commonv1.Loss{Field: "seed", Kind: commonv1.LossKind_LOSS_KIND_DROPPED, Detail: "There is none."})
	}
	return lost
}

// worldWith is world with routes.
func worldWith(t testing.TB, routes []*configv1.Route, specs ...string) *plan.Planner {
	t.Helper()
	var (
		all     []providers.Provider
		configs []*configv1.Provider
	)
	instances := map[string]plan.Instance{}
	for _, spec := range specs {
		parts := strings.SplitN(spec, ":", 3)
		all = append(all, instance{parts[0], parts[1]})
		config := &configv1.Provider{Name: parts[0], Type: parts[1], Discover: proto.Bool(false)}
		if parts[2] != "" {
			config.Models = strings.Split(parts[2], ",")
		}
		configs = append(configs, config)
		instance := plan.Instance{Chats: parts[1] != "mute", SameDialect: true, StreamUsage: true}
		if parts[1] == loses {
			instance.Losses = losses
		}
		instances[parts[0]] = instance
	}
	models, err := catalog.New(catalog.Params{
		Providers: all, ProviderConfigs: configs, Routes: routes, Log: slog.New(slog.DiscardHandler),
		Config: &configv1.Catalog{RefreshInterval: durationpb.New(time.Hour)}, Dir: "", Metrics: nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	return plan.New(plan.Params{Catalog: models, Instances: instances, ConfigDigest: "c", Upstream: &configv1.Upstream{
		MaxAttempts: proto.Int32(3), MaxBackoff: durationpb.New(time.Second), HeaderTimeout: durationpb.New(time.Minute),
		FirstEventTimeout: durationpb.New(2 * time.Minute), IdleTimeout: durationpb.New(3 * time.Minute),
	}})
}

func policy(t testing.TB) *policyv1.MethodPolicy {
	t.Helper()
	policies, err := call.ReadPolicies(chatv1.File_signalbox_chat_v1_chat_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	return policies[rpc]
}

func TestSelectors(t *testing.T) {
	t.Parallel()
	planner := world(t,
		"openai:openai:gpt-4o,shared",
		"eu:openai:gpt-4o,shared",
		"router:openrouter:openai/gpt-4o,meta/llama,router/odd",
		"silent:mute:speech",
		"late:openai:",
	)
	for _, tt := range []struct{ name, model, provider, want, reason string }{
		{name: "a model", model: "gpt-4o", want: "openai gpt-4o"},
		{name: "a model of several, pinned", model: "gpt-4o", provider: "eu", want: "eu gpt-4o"},
		{name: "an instance and a model", model: "eu/gpt-4o", want: "eu gpt-4o"},
		{name: "a type and a model", model: "openrouter/meta/llama", want: "router meta/llama"},
		{name: "a name with slashes", model: "meta/llama", want: "router meta/llama"},
		{name: "an instance before a name with slashes", model: "openai/gpt-4o", want: "openai gpt-4o"},
		{name: "a name with slashes that begins as an instance", model: "router/odd", want: "router router/odd"},
		{name: "a name with slashes, pinned", model: "openai/gpt-4o", provider: "router", want: "router openai/gpt-4o"},
		{name: "an instance, pinned alike", model: "eu/gpt-4o", provider: "eu", want: "eu gpt-4o"},
		{name: "a type, pinned to one of its instances", model: "openai/shared", provider: "openai", want: "openai shared"},
		{name: "an instance, pinned to another", model: "openai/shared", provider: "eu", reason: "SELECTOR_CONFLICT"},
		{name: "an unknown model", model: "gpt-9", reason: "MODEL_NOT_FOUND"},
		{name: "an unknown model of an instance", model: "openai/gpt-9", reason: "MODEL_NOT_FOUND"},
		{name: "an unknown instance is a part of a name", model: "nobody/gpt-4o", reason: "MODEL_NOT_FOUND"},
		{name: "an unknown instance, pinned", model: "gpt-4o", provider: "nobody", reason: "PROVIDER_NOT_FOUND"},
		{name: "an instance that has told nothing", model: "late/gpt-4o", reason: "CATALOG_EMPTY"},
		{name: "an instance that has told nothing, pinned", model: "gpt-4o", provider: "late", reason: "CATALOG_EMPTY"},
		{name: "a provider that does not chat", model: "speech", reason: "UNSUPPORTED_OPERATION"},
		{name: "in another case", model: "GPT-4o", reason: "MODEL_NOT_FOUND"},
		{name: "nothing behind the slash", model: "openai/", reason: "MODEL_NOT_FOUND"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := planner.Derive(plan.Question{RPC: rpc, Policy: policy(t), Request: &chatv1.CreateChatCompletionRequest{
				Params:  &chatv1.ChatCompletionParams{Model: tt.model},
				Options: &commonv1.CallOptions{Provider: tt.provider},
			}})
			reason := ""
			if failed := failure.As(err); failed != nil {
				reason = strings.TrimPrefix(failed.Reason.String(), "ERROR_REASON_")
				if made.GetIncomplete() != failed.Reason {
					t.Errorf("the plan is incomplete for %v, the failure is %v", made.GetIncomplete(), failed.Reason)
				}
			}
			got := strings.TrimSpace(made.GetTarget().GetProvider() + " " + made.GetTarget().GetModel())
			if got != tt.want || reason != tt.reason {
				t.Errorf("got %q %s, want %q %s", got, reason, tt.want, tt.reason)
			}
			if made.GetRequested().GetModel() != tt.model || made.GetDigest() == "" {
				t.Errorf("the plan forgot what was asked: %v", made)
			}
		})
	}
}

func TestEmptyCatalog(t *testing.T) {
	t.Parallel()
	made, err := world(t, "openai:openai:").Derive(plan.Question{RPC: rpc, Policy: policy(t), Request: &chatv1.CreateChatCompletionRequest{
		Params: &chatv1.ChatCompletionParams{Model: "gpt-4o"},
	}})
	if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY || failed.HTTPStatus() != 503 {
		t.Errorf("got %v", err)
	}
	if made.GetRequested().GetModel() != "gpt-4o" {
		t.Errorf("the plan does not name what was asked: %v", made)
	}
}

func TestKeysThatMayNotUseAModel(t *testing.T) {
	t.Parallel()
	planner := world(t, "openai:openai:gpt-4o", "eu:openai:gpt-4o")
	for _, tt := range []struct {
		name     string
		allowed  []string
		want     string
		rejected int
		reason   commonv1.ErrorReason
	}{
		{name: "all", want: "openai"},
		{name: "the model", allowed: []string{"gpt-*"}, want: "openai"},
		{name: "the second instance alone", allowed: []string{"eu/*"}, want: "eu", rejected: 1},
		{name: "another model", allowed: []string{"gpt-4o-mini"}, rejected: 2, reason: commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_ALLOWED},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			made, err := planner.Derive(plan.Question{
				RPC: rpc, Policy: policy(t), Principal: &call.Principal{Name: "k", AllowedModels: tt.allowed},
				Request: &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "gpt-4o"}},
			})
			if made.GetTarget().GetProvider() != tt.want || len(made.GetRejected()) != tt.rejected || made.GetIncomplete() != tt.reason {
				t.Errorf("got %v, %v", made, err)
			}
		})
	}
}

func TestFeaturesInForce(t *testing.T) {
	t.Parallel()
	planner := world(t, "openai:openai:gpt-4o,gpt-5.1")
	features := func(model string, stream bool) []policyv1.Feature {
		var request proto.Message = &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: model}}
		if stream {
			request = &chatv1.StreamChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: model}}
		}
		made, err := planner.Derive(plan.Question{RPC: rpc, Policy: policy(t), Request: request})
		if err != nil {
			t.Fatal(err)
		}
		return made.GetFeatures()
	}
	semantics, patching := policyv1.Feature_FEATURE_SEMANTICS, policyv1.Feature_FEATURE_PATCHING
	usage, streaming := policyv1.Feature_FEATURE_USAGE, policyv1.Feature_FEATURE_STREAMING
	for _, tt := range []struct {
		name, model string
		stream      bool
		want        []policyv1.Feature
	}{
		{"nothing to patch", "gpt-4o", false, []policyv1.Feature{semantics, usage}},
		{"a stream is asked for its usage", "gpt-4o", true, []policyv1.Feature{semantics, patching, usage, streaming}},
		{"a card with parameter rules", "gpt-5.1", false, []policyv1.Feature{semantics, patching, usage}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := features(tt.model, tt.stream); !slices.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCapabilitiesAreReadFromWhatIsTyped(t *testing.T) {
	t.Parallel()
	planner := world(t, "openai:openai:gpt-4o")
	for _, tt := range []struct {
		name   string
		params *chatv1.ChatCompletionParams
		want   string
	}{
		{"plain", &chatv1.ChatCompletionParams{}, "CHAT"},
		{"tools", &chatv1.ChatCompletionParams{Tools: []*chatv1.ChatTool{{}}}, "CHAT TOOLS"},
		{"tools as text", &chatv1.ChatCompletionParams{ToolsJson: `[{}]`}, "CHAT TOOLS"},
		{"no tools as text", &chatv1.ChatCompletionParams{ToolsJson: ` [ ] `}, "CHAT"},
		{"a schema", &chatv1.ChatCompletionParams{ResponseFormat: &chatv1.ResponseFormat{JsonSchema: &chatv1.JsonSchemaFormat{}}}, "CHAT JSON_SCHEMA"},
		{"the rest", &chatv1.ChatCompletionParams{ReasoningEffort: proto.String("low"), Modalities: []string{"text", "audio"}, Logprobs: proto.Bool(true)},
			"CHAT REASONING AUDIO_OUTPUT LOGPROBS"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.params.Model = "gpt-4o"
			made, err := planner.Derive(plan.Question{RPC: rpc, Policy: policy(t), Request: &chatv1.CreateChatCompletionRequest{Params: tt.params}})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, capability := range made.GetCapabilities() {
				got = append(got, strings.TrimPrefix(capability.String(), "CAPABILITY_"))
			}
			if strings.Join(got, " ") != tt.want || !slices.IsSorted(made.GetCapabilities()) {
				t.Errorf("got %v, want %s", got, tt.want)
			}
		})
	}
}

func TestDigestIsOfWhatDecides(t *testing.T) {
	t.Parallel()
	planner := world(t, "openai:openai:gpt-4o,gpt-4o-mini")
	derive := func(params *chatv1.ChatCompletionParams) *planv1.ExecutionPlan {
		made, err := planner.Derive(plan.Question{RPC: rpc, Policy: policy(t), Request: &chatv1.CreateChatCompletionRequest{Params: params}})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	plain := derive(&chatv1.ChatCompletionParams{Model: "gpt-4o"})
	if again := derive(&chatv1.ChatCompletionParams{Model: "gpt-4o", MessagesJson: `[{"role":"user"}]`}); again.GetDigest() != plain.GetDigest() {
		t.Error("messages change the digest")
	}
	for name, params := range map[string]*chatv1.ChatCompletionParams{
		"another model": {Model: "gpt-4o-mini"}, "another selector": {Model: "openai/gpt-4o"}, "tools": {Model: "gpt-4o", ToolsJson: `[{}]`},
	} {
		if derive(params).GetDigest() == plain.GetDigest() {
			t.Errorf("%s leaves the digest as it is", name)
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	planner := world(b, "openai:openai:gpt-4o")
	question := plan.Question{RPC: rpc, Policy: policy(b), Request: &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "gpt-4o"}}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := planner.Derive(question); err != nil {
			b.Fatal(err)
		}
	}
}
