package responses_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

func said(text string) *chatv1.ChatCompletion {
	return &chatv1.ChatCompletion{Model: "m-1", Choices: []*chatv1.Choice{{
		Message: &chatv1.ChatMessage{Role: "assistant", Content: &text}, FinishReason: new("stop"),
	}}}
}

// asked is the chat completion that a body of OpenAI's became, as JSON without the
// model.
func asked(t *testing.T, body string, fields ...string) (string, error) {
	t.Helper()
	fake := &chatter{completion: said("Hello")}
	var over providers.Chatter = fake
	if len(fields) > 0 {
		over = &lossyChatter{fake, fields}
	}
	call := ask(t, body)
	before := proto.CloneOf(call.Params)
	_, err := responses.Over(over).CreateResponse(t.Context(), call)
	if !proto.Equal(before, call.Params) {
		t.Error("the request has changed")
	}
	if err != nil {
		return "", err
	}
	return strings.Replace(encode(t, fake.asked.Params, wire.Request), `{"model":"m-1",`, "{", 1), nil
}

const hi = `"messages":[{"role":"user","content":"Hi"}]`

func TestRequests(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, body, want string }{
		{"text", `{"model":"x","input":"Hi"}`, `{` + hi + `}`},
		{"instructions come first", `{"input":"Hi","instructions":"Be brief."}`, `{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}]}`},
		{"the settings that both have", `{"input":"Hi","temperature":0.5,"top_p":1,"parallel_tool_calls":false,"user":"u","safety_identifier":"s","prompt_cache_key":"k",` +
			`"service_tier":"flex","store":true,"metadata":{"a":"b"},"background":false,"stream":false,"moderation":{"model":"o"}}`,
			`{` + hi + `,"temperature":0.5,"top_p":1,"service_tier":"flex","user":"u","safety_identifier":"s","prompt_cache_key":"k","moderation":{"model":"o"}}`},
		{"those that it names differently", `{"input":"Hi","max_output_tokens":99,"reasoning":{"effort":"low","summary":"auto"},"text":{"verbosity":"low"}}`,
			`{` + hi + `,"max_completion_tokens":99,"reasoning_effort":"low","verbosity":"low"}`},
		{"probabilities", `{"input":"Hi","include":["message.output_text.logprobs"],"top_logprobs":3}`, `{` + hi + `,"logprobs":true,"top_logprobs":3}`},
		{"no probabilities", `{"input":"Hi","top_logprobs":0}`, `{` + hi + `}`},
		{"a schema, in its order", `{"input":"Hi","text":{"format":{"type":"json_schema","name":"n","schema":{"z":1,"a":2.0},"strict":true,"description":"d"}}}`,
			`{` + hi + `,"response_format":{"type":"json_schema","json_schema":{"name":"n","description":"d","schema":{"z":1,"a":2.0},"strict":true}}}`},
		{"JSON", `{"input":"Hi","text":{"format":{"type":"json_object"}}}`, `{` + hi + `,"response_format":{"type":"json_object"}}`},
		{"plain text", `{"input":"Hi","text":{"format":{"type":"text"}}}`, `{` + hi + `}`},
		{"nulls and empty lists ask for nothing", `{"input":"Hi","tools":[],"include":null,"metadata":{},"temperature":null,"instructions":null,"prompt":null,"seed":null}`, `{` + hi + `}`},
		{"unknown members go along", `{"input":"Hi","top_k":40,"seed":7,"frequency_penalty":0.5,"stop":["x"],"thinking":{"b":1,"a":2}}`,
			`{` + hi + `,"stop":["x"],"frequency_penalty":0.5,"seed":7,"top_k":40,"thinking":{"b":1,"a":2}}`},
		{"a function, its schema as it is", `{"input":"Hi","tools":[{"type":"function","name":"f","description":"d","parameters":{"z":{},"a":1.0},"strict":null},` +
			`{"type":"function","name":"g","parameters":null,"strict":true,"cache_control":{"type":"ephemeral"}}],"tool_choice":"required","parallel_tool_calls":false}`,
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"z":{},"a":1.0}}},` +
				`{"type":"function","function":{"name":"g","strict":true},"cache_control":{"type":"ephemeral"}}],"tool_choice":"required","parallel_tool_calls":false}`},
		{"custom tools", `{"input":"Hi","tools":[{"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"a\nb"}},{"type":"custom","name":"d","format":{"type":"text"}}],` +
			`"tool_choice":{"type":"custom","name":"c"}}`,
			`{` + hi + `,"tools":[{"type":"custom","custom":{"name":"c","format":{"type":"grammar","grammar":{"definition":"a\nb","syntax":"lark"}}}},` +
				`{"type":"custom","custom":{"name":"d","format":{"type":"text"}}}],"tool_choice":{"type":"custom","custom":{"name":"c"}}}`},
		{"a choice of a function", `{"input":"Hi","tools":[{"type":"function","name":"f","parameters":{}}],"tool_choice":{"type":"function","name":"f"}}`,
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"function","function":{"name":"f"}}}`},
		{"a choice among tools", `{"input":"Hi","tools":[{"type":"function","name":"f","parameters":{}},{"type":"web_search"}],` +
			`"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"web_search"},{"type":"custom","name":"c"}]}}`,
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":{"type":"allowed_tools","allowed_tools":` +
				`{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"c"}}]}}}`},
		{"a choice among tools that are not there", `{"input":"Hi","tools":[{"type":"function","name":"f","parameters":{}},{"type":"web_search"}],` +
			`"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"web_search"}]}}`,
			`{` + hi + `,"tools":[{"type":"function","function":{"name":"f","parameters":{}}}],"tool_choice":"none"}`},
		{"no choice without tools", `{"input":"Hi","tools":[{"type":"web_search"}],"tool_choice":"auto","parallel_tool_calls":true}`, `{` + hi + `}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := asked(t, test.body)
			if err != nil {
				t.Fatal(err)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFunctionsStandForCustomTools(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`
	got, err := asked(t, `{"input":[{"role":"user","content":"Hi"},{"type":"custom_tool_call","call_id":"1","name":"c","input":"say \"x\""},`+
		`{"type":"custom_tool_call_output","call_id":"1","output":"y"}],`+
		`"tools":[{"type":"custom","name":"c","description":"d","format":{"type":"grammar","syntax":"regex","definition":"a+"}},{"type":"custom","name":"e"}],"tool_choice":{"type":"custom","name":"c"}}`,
		"tools.custom")
	if err != nil {
		t.Fatal(err)
	}
	want := `{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"c","arguments":"{\"input\":\"say \\\"x\\\"\"}"}}]},` +
		`{"role":"tool","content":"y","tool_call_id":"1"}],` +
		`"tools":[{"type":"function","function":{"name":"c","description":"d\n\nThe input must match this regex grammar:\na+","parameters":` + schema + `}},` +
		`{"type":"function","function":{"name":"e","parameters":` + schema + `}}],"tool_choice":{"type":"function","function":{"name":"c"}}}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestAllowedTools says that where the chatter cannot limit its tools, the others are
// left out.
func TestAllowedTools(t *testing.T) {
	t.Parallel()
	const tools = `"tools":[{"type":"function","name":"f","parameters":{}},{"type":"function","name":"g","parameters":{}},{"type":"custom","name":"c"}],"tool_choice":{"type":"allowed_tools","mode":"required","tools":`
	const f, c = `{"type":"function","function":{"name":"f","parameters":{}}}`, `{"type":"custom","custom":{"name":"c"}}`
	for allowed, want := range map[string]string{
		`[{"type":"function","name":"f"},{"type":"custom","name":"c"}]`: `{` + hi + `,"tools":[` + f + `,` + c + `],"tool_choice":"required"}`,
		`[{"type":"function","name":"f"}]`:                              `{` + hi + `,"tools":[` + f + `],"tool_choice":"required"}`,
		`[{"type":"function","name":"other"}]`:                          `{` + hi + `}`,
	} {
		got, err := asked(t, `{"input":"Hi",`+tools+allowed+`}}`, "tool_choice.allowed_tools")
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func TestErrorsNameFieldsOfResponses(t *testing.T) {
	t.Parallel()
	for param, want := range map[string]string{
		"max_completion_tokens": "max_output_tokens", "response_format.json_schema.schema": "text.format.schema", "messages[3].content": "input", "messages": "input",
		"tools[0].function.parameters": "tools[0].function.parameters", "top_p": "top_p", "": "",
	} {
		refused := &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, Message: "No.", Param: param}
		call := ask(t, `{"input":"Hi"}`)
		_, err := responses.Over(&chatter{end: refused}).CreateResponse(t.Context(), call)
		if got := failure.As(err); got == nil || got.Param != want || refused.Param != param {
			t.Errorf("%s: %v", param, got)
		}
	}
}

func TestRequestsThatCannotBe(t *testing.T) {
	t.Parallel()
	const field, operation, syntax = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION, commonv1.ErrorReason_ERROR_REASON_INVALID_JSON
	for _, test := range []struct {
		body, param string
		reason      commonv1.ErrorReason
	}{
		{`{"model":"x"}`, "input", field},
		{`{"input":[]}`, "input", field},
		{`{"input":5}`, "input", field},
		{`{"input":"Hi","temperature":"hot"}`, "temperature", field},
		{`{"input":"Hi","text":5}`, "text", field},
		{`{"input":[5]}`, "input[0]", field},
		{`{"input":[{"role":"user","content":"Hi","content":"Hi"}]}`, "input[0].content", syntax},
		{`{"input":[{"role":"user","content":"Hi"},{"type":"item_reference","id":"msg_1"}]}`, "input[1]", field},
		{`{"input":[{"id":"msg_1"}]}`, "input[0]", field},
		{`{"input":[{"type":"compaction","encrypted_content":"gAAAA"}]}`, "input[0].encrypted_content", field},
		{`{"input":"Hi","prompt":{"id":"p"}}`, "prompt", operation},
		{`{"input":"Hi","tools":[{"type":"function","function":{"name":"f"}}]}`, "tools[0].name", field},
		{`{"input":"Hi","tools":[{"type":"web_search"}],"tool_choice":{"type":"web_search"}}`, "tool_choice", operation},
		{`{"input":"Hi","tools":[{"type":"mcp","server_label":"l"}],"tool_choice":{"type":"mcp","server_label":"l"}}`, "tool_choice", operation},
		{`{"input":"Hi","tools":[{"type":"web_search"}],"tool_choice":"required"}`, "tool_choice", operation},
		{`{"input":"Hi","tools":[{"type":"web_search"}],"tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"web_search"}]}}`, "tool_choice", operation},
		{`{"input":"Hi","tool_choice":{"type":"allowed_tools","mode":"required","tools":{}}}`, "tool_choice.tools", field},
	} {
		_, err := asked(t, test.body)
		failed := failure.As(err)
		if failed == nil || failed.Reason != test.reason || failed.Param != test.param {
			t.Errorf("%s: %v at %q", test.body, err, failed.Param)
		}
		if _, err := stream(t, &chatter{}, ask(t, test.body)); failure.As(err) == nil || failure.As(err).Param != test.param {
			t.Errorf("%s: the stream begins: %v", test.body, err)
		}
	}
}

func TestLosses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		chatter    []string // what it loses itself
		want       string
	}{
		{"nothing", `{"input":"Hi","temperature":1,"include":["reasoning.encrypted_content","web_search_call.results"],"truncation":"disabled","reasoning":{"effort":"low","mode":"standard"},"metadata":{"a":"b"}}`, nil, ""},
		{"what chats have nothing for", `{"input":"Hi","truncation":"auto","max_tool_calls":2,"include":["new"],"context_management":[{"type":"compaction"}],"stream_options":{"include_obfuscation":true},` +
			`"reasoning":{"summary":"auto","mode":"pro","context":"all_turns","max_tokens":5},"text":{"new":1},"n":2,"messages":[1]}`, nil,
			"context_management dropped, include dropped, max_tool_calls dropped, messages dropped, n dropped, reasoning.context dropped, reasoning.max_tokens dropped, " +
				"reasoning.mode dropped, reasoning.summary approximated, stream_options.include_obfuscation dropped, text.new dropped, truncation dropped"},
		{"built-in tools", `{"input":"Hi","tools":[{"type":"web_search"},{"type":"mcp","server_label":"l"},{"type":"function","name":"f","parameters":{},"defer_loading":true,"output_schema":null}]}`, nil,
			"tools.defer_loading dropped, tools.mcp dropped, tools.web_search dropped"},
		{"items", `{"input":[{"type":"web_search_call","id":"1","status":"completed"},{"type":"mcp_call","id":"2"},{"type":"compaction_trigger"},{"type":"message","role":"assistant","content":"x","phase":"commentary"},` +
			`{"type":"apply_patch_call_output","call_id":"x","output":"y"},{"role":"user","content":[{"type":"input_image","file_id":"f"},{"type":"input_file","file_url":"https://x"}]},` +
			`{"type":"reasoning","summary":[{"type":"summary_text","text":"x"}]},{"type":"reasoning","summary":[],"encrypted_content":"gAAA"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"x"}]}]}`, nil,
			"input.apply_patch_call_output dropped, input.compaction_trigger dropped, input.content.file_id approximated, input.content.file_url approximated, input.mcp_call dropped, input.phase dropped, " +
				"input.reasoning dropped, input.reasoning.encrypted_content dropped, input.reasoning.summary dropped, input.web_search_call dropped"},
		{"the chatter's, by the names of responses", `{"input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"https://x","detail":"low"}]}],"max_output_tokens":9,"top_p":1,` +
			`"reasoning":{"effort":"low"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"x","schema":{}}},"include":["message.output_text.logprobs"],"tools":[{"type":"function","name":"f","strict":true,"parameters":{}}]}`,
			[]string{"max_completion_tokens", "top_p", "reasoning_effort", "verbosity", "response_format.json_schema", "logprobs", "tools.function.strict", "messages.content.image_url.detail", "stop"},
			"include dropped, input.content.detail dropped, max_output_tokens dropped, reasoning.effort dropped, text.format dropped, text.verbosity dropped, tools.strict dropped, top_p dropped"},
		{"some of the tools", `{"input":"Hi","tools":[{"type":"function","name":"f","parameters":{}}],"tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"}]}}`, []string{"tool_choice.allowed_tools"},
			"tool_choice.allowed_tools emulated"},
		{"custom tools that functions stand for", `{"input":"Hi","tools":[{"type":"custom","name":"c","format":{"type":"grammar","syntax":"regex","definition":"a"}}]}`, []string{"tools.custom"},
			"tools.custom emulated, tools.format approximated"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var lossy providers.Lossy
			if test.chatter != nil {
				lossy = &lossyChatter{&chatter{}, test.chatter}
			}
			call := ask(t, test.body)
			var got []string
			for _, loss := range responses.Losses(call.Params, call.Target, lossy) {
				kind := strings.ToLower(strings.TrimPrefix(loss.GetKind().String(), "LOSS_KIND_"))
				got = append(got, loss.GetField()+" "+kind)
				if !strings.HasSuffix(loss.GetDetail(), ".") {
					t.Errorf("%s: %q is no sentence", loss.GetField(), loss.GetDetail())
				}
			}
			if got := strings.Join(got, ", "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// A request that cannot be has the losses that were found before its fault.
func TestLossesBeforeAFault(t *testing.T) {
	t.Parallel()
	call := ask(t, `{"input":[{"type":"item_reference","id":"x"}],"truncation":"auto"}`)
	if got := responses.Losses(call.Params, call.Target, nil); len(got) != 1 || got[0].GetField() != "truncation" {
		t.Errorf("got %v", got)
	}
}
