package builtin_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

const hi = `"messages":[{"role":"user","content":"hi"}]`

// TestRequests shows what providers are sent, and what is told to be lost: D dropped,
// A approximated.
func TestRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		types, given, want, lost string
	}{
		// The names of limits and seeds.
		{"deepseek ollama mistral", hi + `,"max_completion_tokens":9`, hi + `,"max_tokens":9`, ""},
		{"deepseek ollama mistral", hi + `,"max_completion_tokens":9,"max_tokens":9`, hi + `,"max_tokens":9`, ""},
		{"deepseek ollama mistral", hi + `,"max_completion_tokens":9,"max_tokens":7`, hi + `,"max_tokens":7`, "max_completion_tokens D"},
		{"deepseek ollama mistral", hi + `,"max_completion_tokens":9,"max_tokens":null`, hi + `,"max_tokens":9`, ""},
		{"groq xai vllm openai_compatible openrouter azure", hi + `,"max_completion_tokens":9`, hi + `,"max_completion_tokens":9`, ""},
		{"mistral", hi + `,"seed":7,"top_p":0.5`, hi + `,"random_seed":7,"top_p":0.5`, ""},
		{"deepseek", hi + `,"seed":7`, hi, "seed D"},

		// What asks for nothing is no loss.
		{"groq ollama deepseek", hi + `,"n":1,"logit_bias":{},"store":false`, hi, ""},
		{"mistral ollama deepseek", hi + `,"user":null,"store":false,"service_tier":"auto"`, hi, ""},
		{"groq mistral", hi + `,"logprobs":false,"top_logprobs":null,"modalities":["text"],"new":null`, hi, ""},
		{"ollama", hi + `,"tool_choice":"auto","parallel_tool_calls":true`, hi, ""},
		{"xai", hi + `,"presence_penalty":0,"frequency_penalty":0.0`, hi, ""},
		{"xai", hi + `,"presence_penalty":0.5`, hi + `,"presence_penalty":0.5`, ""},

		// What a provider lacks.
		{"groq", hi + `,"n":2,"logprobs":true,"top_logprobs":3,"logit_bias":{"7":1}`, hi, "logit_bias D, logprobs D, n D, top_logprobs D"},
		{"groq mistral", hi + `,"top_k":5,"verbosity":"low"`, hi, "top_k D, verbosity D"},
		{"xai deepseek ollama vllm openai_compatible", hi + `,"top_k":5,"ex\u0074ra":{"b":1.50,"a":[ ]}`, hi + `,"top_k":5,"extra":{"b":1.50,"a":[ ]}`, ""},
		{"ollama", hi + `,"n":2,"tool_choice":"none","user":"u","options":{"num_ctx":9},"parallel_tool_calls":false`, hi,
			"n D, options D, parallel_tool_calls D, tool_choice D, user D"},
		{"deepseek", hi + `,"n":2,"user":"u","service_tier":"flex"`, hi, "n D, service_tier D, user D"},
		{"xai", hi + `,"logit_bias":{"7":1},"deferred":true`, hi, "deferred D, logit_bias D"},
		{"openrouter", hi + `,"store":true,"provider":{"order":["a"]},"transforms":[]`, hi + `,"provider":{"order":["a"]},"transforms":[]`, "store D"},
		{"vllm openai_compatible", hi + `,"n":2,"store":true,"guided_json":{"type":"object"}`, hi + `,"n":2,"store":true,"guided_json":{"type":"object"}`, ""},

		// Values that a provider has others for.
		{"groq ollama xai", hi + `,"reasoning_effort":"minimal"`, hi + `,"reasoning_effort":"low"`, "reasoning_effort A"},
		{"groq ollama xai", hi + `,"reasoning_effort":"max"`, hi + `,"reasoning_effort":"high"`, "reasoning_effort A"},
		{"groq ollama xai deepseek mistral", hi + `,"reasoning_effort":"high"`, hi + `,"reasoning_effort":"high"`, ""},
		{"deepseek", hi + `,"reasoning_effort":"none"`, hi + `,"thinking":{"type":"disabled"}`, ""},
		{"deepseek", hi + `,"reasoning_effort":"medium"`, hi + `,"reasoning_effort":"high"`, "reasoning_effort A"},
		{"mistral", hi + `,"reasoning_effort":"minimal"`, hi + `,"reasoning_effort":"none"`, "reasoning_effort A"},
		{"groq", hi + `,"service_tier":"default"`, hi + `,"service_tier":"on_demand"`, ""},
		{"groq", hi + `,"service_tier":"scale"`, hi, "service_tier D"},
		{"deepseek", hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object"}}}`,
			hi + `,"response_format":{"type":"json_object"}`, "response_format.json_schema A"},
		{"groq mistral ollama", hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"b":1,"a":2}}}`,
			hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{"b":1,"a":2}}}`, ""},
		{"groq xai deepseek mistral ollama", `"messages":[{"role":"developer","content":"be kind"},{"role":"user","content":"hi"}]`,
			`"messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hi"}]`, ""},
		{"vllm openrouter openai_compatible", `"messages":[{"role":"developer","content":"be kind"}]`, `"messages":[{"role":"developer","content":"be kind"}]`, ""},

		// Messages and tools.
		{"groq", `"messages":[ {"role":"user", "content":"\u00e4", "name":"bob"} , {"role":"user","content":"x"}]`,
			`"messages":[{"role":"user","content":"ä"},{"role":"user","content":"x"}]`, "messages.name D"},
		{"groq", `"messages":[{"role":"user","n\u0061me":"bob","content":"hi"}]`, hi, "messages.name D"},
		{"mistral", `"messages":[{"role":"user","content":"hi","name":"bob"}]`, hi, "messages.name D"},
		{"groq mistral", `"messages":[{"role":"assistant","content":"hi","refusal":null,"annotations":[],"reasoning_content":""}]`,
			`"messages":[{"role":"assistant","content":"hi"}]`, ""},
		{"groq mistral", `"messages":[{"role":"assistant","content":"hi","reasoning":"r","reasoning_content":"r"}]`,
			`"messages":[{"role":"assistant","content":"hi"}]`, "messages.reasoning D, messages.reasoning_content D"},
		{"groq mistral", `"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]`,
			`"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]`, "messages.content.cache_control D"},
		{"azure", `"messages":[{"role":"assistant","content":"hi","reasoning_content":"r","reasoning":null,"cache_control":1}]`,
			`"messages":[{"role":"assistant","content":"hi","cache_control":1}]`, "messages.reasoning_content D"},
		{"ollama openrouter", `"messages":[{"role":"assistant","content":"hi","reasoning_content":"r"}]`, `"messages":[{"role":"assistant","content":"hi","reasoning":"r"}]`, ""},
		{"ollama openrouter", `"messages":[{"role":"assistant","content":"hi","reasoning":"r","reasoning_content":"r"}]`,
			`"messages":[{"role":"assistant","content":"hi","reasoning":"r"}]`, ""},
		{"openrouter", `"messages":[{"role":"assistant","content":"hi","reasoning_details":[{"type":"reasoning.text","signature":"s","x":1}]}]`,
			`"messages":[{"role":"assistant","content":"hi","reasoning_details":[{"type":"reasoning.text","signature":"s","x":1}]}]`, ""},
		{"mistral", `"messages":[{"role":"assistant","tool_calls":[{"id":"call_abc","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
			`{"role":"tool","tool_call_id":"call_abc","content":"7"}]`,
			`"messages":[{"role":"assistant","tool_calls":[{"id":"5UAZOLJ4C","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"tool","tool_call_id":"5UAZOLJ4C","content":"7"}]`, ""},
		{"mistral", `"messages":[{"role":"tool","tool_call_id":"gSIMJiOkT","content":"7"}]`, `"messages":[{"role":"tool","tool_call_id":"gSIMJiOkT","content":"7"}]`, ""},
		{"groq mistral", hi + `,"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"ephemeral"}}]`,
			hi + `,"tools":[{"type":"function","function":{"name":"f"}}]`, "tools.cache_control D"},

		// Reasoning goes back to DeepSeek with tools alone.
		{"deepseek", `"messages":[{"role":"assistant","content":"hi","reasoning":"r","reasoning_content":"r"},{"role":"user","content":"x"}]`,
			`"messages":[{"role":"assistant","content":"hi"},{"role":"user","content":"x"}]`, "messages.reasoning D, messages.reasoning_content D"},
		{"deepseek", `"messages":[{"role":"assistant","reasoning":"r","reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
			`{"role":"tool","tool_call_id":"c","content":"7"}]`,
			`"messages":[{"role":"assistant","reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},` +
				`{"role":"tool","tool_call_id":"c","content":"7"}]`, ""},
		{"deepseek", `"messages":[{"role":"assistant","reasoning":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]`,
			`"messages":[{"role":"assistant","reasoning_content":"r","tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]}]`, ""},

		// Streams' usage is Mistral's to tell anyway.
		{"mistral", hi + `,"stream_options":{"include_usage":true}`, hi, ""},
		{"mistral", hi + `,"stream_options":{"include_obfuscation":true}`, hi, "stream_options D"},
		{"groq ollama", hi + `,"stream_options":{"include_usage":true,"include_obfuscation":false}`, hi + `,"stream_options":{"include_usage":true}`, ""},
	} {
		for name := range strings.FieldsSeq(test.types) {
			t.Run(name+" "+test.given, func(t *testing.T) {
				t.Parallel()
				requested(t, name, `{"model":"m1",`+test.given+`}`, `{"model":"m1",`+test.want+`}`, test.lost)
			})
		}
	}
}

// requested asks a provider, with the request in both forms.
func requested(t *testing.T, name, given, want, lost string) {
	t.Helper()
	up := listen(t)
	p := instance(t, typeOf(t, name), &configv1.Provider{BaseUrl: up.url})
	params, target := parse(t, given), &planv1.Target{Model: "m1"}
	typed := parse(t, given)
	if err := codec.ExpandChatCompletionParams(typed, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	for form, params := range map[string]*chatv1.ChatCompletionParams{"text": params, "fields": typed} {
		if got := told(p, params, target); got != lost {
			t.Errorf("as %s, lost %q, want %q", form, got, lost)
		}
		got, err := sent(t.Context(), p, up, params, target)
		if err != nil || !same(got, want) {
			t.Errorf("as %s, %v\ngot  %s\nwant %s", form, err, got, want)
		}
	}
}

func typeOf(t testing.TB, name string) providers.Type {
	t.Helper()
	at := slices.IndexFunc(builtin.Types, func(k providers.Type) bool { return k.Name == name })
	if at < 0 {
		t.Fatalf("no type %q", name)
	}
	return builtin.Types[at]
}

func parse(t *testing.T, document string) *chatv1.ChatCompletionParams {
	t.Helper()
	params := new(chatv1.ChatCompletionParams)
	if err := codec.DecodeChatCompletionParams(document, params, wire.Limits{}); err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return params
}

// told are the losses in short.
func told(p adapter, params *chatv1.ChatCompletionParams, target *planv1.Target) string {
	var out []string
	for _, l := range p.Losses(params, target) {
		out = append(out, l.GetField()+" "+strings.TrimPrefix(l.GetKind().String(), "LOSS_KIND_")[:1])
	}
	return strings.Join(out, ", ")
}

// What would be another request without a part of it is refused before any call.
func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	const tool = `"tools":[{"type":"custom","custom":{"name":"c"}}]`
	for _, test := range []struct{ types, given, param string }{
		{"ollama", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x.example/a.png"}}]}]`, "messages.content.image_url.url"},
		{"ollama", `"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"http://169.254.169.254/"}}]}]`, "messages.content.image_url.url"},
		{"groq mistral xai deepseek ollama", hi + "," + tool, "tools.custom"},
		{"groq mistral", hi + `,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}`, "tool_choice.allowed_tools"},
		{"groq mistral", `"messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"a"}}]}]`, "messages.content.file"},
	} {
		for name := range strings.FieldsSeq(test.types) {
			t.Run(name+" "+test.param, func(t *testing.T) {
				t.Parallel()
				up := listen(t)
				p := instance(t, typeOf(t, name), &configv1.Provider{BaseUrl: up.url})
				params := parse(t, `{"model":"m1",`+test.given+`}`)
				body, err := sent(t.Context(), p, up, params, &planv1.Target{Model: "m1"})
				if e := failure.As(err); e == nil || e.Param != test.param || e.HTTPStatus() != 400 || body != "" {
					t.Errorf("got %v, sent %q", err, body)
				}
				if got := told(p, params, &planv1.Target{Model: "m1"}); got != test.param+" D" {
					t.Errorf("told %q", got)
				}
			})
		}
	}
	data := `{"model":"m1","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,aGk="}}]}]}`
	requested(t, "ollama", data, data, "")
}

// Rules of model cards leave out what a model refuses, at any provider.
func TestParameterRules(t *testing.T) {
	t.Parallel()
	for number := range modelsv1.ParameterRule_name {
		rule := modelsv1.ParameterRule(number)
		_, known := openai.Parameters()[rule]
		if !known && rule != 0 && rule != modelsv1.ParameterRule_PARAMETER_RULE_MAX_COMPLETION_TOKENS {
			t.Errorf("%v does nothing", rule)
		}
	}
	given := `{"model":"m1",` + hi + `,"temperature":0.5,"top_p":1,"frequency_penalty":0,"presence_penalty":1,"stop":["a"],"logprobs":true,"top_logprobs":2,"reasoning_effort":"low"}`
	for rule, test := range map[modelsv1.ParameterRule]struct{ gone, lost string }{
		modelsv1.ParameterRule_PARAMETER_RULE_NO_SAMPLING:         {"temperature top_p", "temperature D"},
		modelsv1.ParameterRule_PARAMETER_RULE_NO_PENALTIES:        {"frequency_penalty presence_penalty", "presence_penalty D"},
		modelsv1.ParameterRule_PARAMETER_RULE_NO_STOP:             {"stop", "stop D"},
		modelsv1.ParameterRule_PARAMETER_RULE_NO_LOGPROBS:         {"logprobs top_logprobs", "logprobs D, top_logprobs D"},
		modelsv1.ParameterRule_PARAMETER_RULE_NO_REASONING_EFFORT: {"reasoning_effort", "reasoning_effort D"},
	} {
		for _, name := range []string{"openai", "vllm"} {
			t.Run(fmt.Sprint(name, rule), func(t *testing.T) {
				t.Parallel()
				up := listen(t)
				p := instance(t, typeOf(t, name), &configv1.Provider{BaseUrl: up.url})
				target := &planv1.Target{Model: "m1", ParameterRules: []modelsv1.ParameterRule{rule}}
				if got := told(p, parse(t, given), target); got != test.lost {
					t.Errorf("told %q", got)
				}
				body, err := sent(t.Context(), p, up, parse(t, given), target)
				for _, name := range []string{"temperature", "top_p", "frequency_penalty", "presence_penalty", "stop", "logprobs", "top_logprobs", "reasoning_effort"} {
					gone := slices.Contains(strings.Fields(test.gone), name)
					if err != nil || strings.Contains(body, `"`+name+`":`) == gone {
						t.Errorf("%s: %v, sent %s", name, err, body)
					}
				}
				if told(p, parse(t, given), &planv1.Target{Model: "m1"}) != "" {
					t.Error("something is lost without a rule")
				}
			})
		}
	}
}

// What no rule changes goes through byte for byte, whatever else a request has.
func TestVerbatimTexts(t *testing.T) {
	t.Parallel()
	messages := `[ {"role":"user", "content":"h\u0069 \u2028 <b> 1.50"} ]`
	tools := `[ {"type":"function","function":{"name":"f","parameters":{"type":"object", "properties":{"b":{"minimum":2.50},"a":{}}}}} ]`
	for _, kind := range builtin.Types {
		if kind.Dialect != providers.DialectOpenAI {
			continue
		}
		up := listen(t)
		p := instance(t, kind, &configv1.Provider{BaseUrl: up.url})
		params := &chatv1.ChatCompletionParams{MessagesJson: " " + messages + "\n", ToolsJson: tools, ExtraJson: `{"n":2,"service_tier":"auto"}`}
		body, err := sent(t.Context(), p, up, params, &planv1.Target{Model: "m1"})
		if err != nil || !strings.Contains(body, messages) || !strings.Contains(body, tools) {
			t.Errorf("%s: %v, sent %s", kind.Name, err, body)
		}
	}
}
