package wire_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// everything is a request with every member that OpenAI documents, and with
// members that nobody documents at every level.
const everything = `{
  "model": "gpt-5.4", "x_top": {"b": 1, "a": [2.50, 1e2]},
  "messages": [
    {"role": "developer", "content": "Be brief.", "cache_control": {"type": "ephemeral"}},
    {"role": "user", "name": "Ada", "content": [
      {"type": "text", "text": "What is \"this\"?\n", "prompt_cache_breakpoint": {"mode": "explicit"}},
      {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low", "x_image": null}},
      {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav", "x_audio": 1}},
      {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0=", "x_file": []}},
      {"type": "video_url", "video_url": {"url": "https://example.com/a.mp4"}}
    ]},
    {"role": "assistant", "refusal": "No.", "audio": {"id": "audio_1", "x_audio": true}, "tool_calls": [
      {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{\"a\" : 1.0}", "x_function": 0},
       "extra_content": {"google": {"thought_signature": "c2ln"}}},
      {"id": "call_2", "type": "custom", "custom": {"name": "g", "input": "x", "x_custom": "y"}}
    ], "reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": "s", "index": 0, "x_detail": {}}]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"}
  ],
  "tools": [
    {"type": "function", "function": {"name": "f", "description": "F.", "strict": true, "x_function": 1,
      "parameters": {"type": "object", "properties": {"b": {"type": "number", "maximum": 1.0}, "a": {}}, "required": ["b", "a"]}},
     "cache_control": {"type": "ephemeral"}},
    {"type": "custom", "custom": {"name": "g", "description": "G.", "x_custom": 1,
      "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: \"x\""}}}},
    {"type": "web_search", "web_search": {"max_uses": 3}}
  ],
  "tool_choice": {"type": "allowed_tools", "x_choice": 1, "allowed_tools": {"mode": "auto", "x_allowed": 1,
    "tools": [{"type": "function", "function": {"name": "f"}}]}},
  "temperature": 0.7, "top_p": 1, "n": 1, "max_completion_tokens": 1000, "max_tokens": 900,
  "frequency_penalty": -0.5, "presence_penalty": 2, "logit_bias": {"50256": -100, "11": 0.5},
  "logprobs": true, "top_logprobs": 5, "seed": -9223372036854775808, "parallel_tool_calls": false,
  "reasoning_effort": "high", "verbosity": "low", "modalities": ["text", "audio"],
  "audio": {"voice": {"id": "voice_1"}, "format": "mp3", "x_audio": 1},
  "prediction": {"type": "content", "content": [{"type": "text", "text": "42"}], "x_prediction": 1},
  "response_format": {"type": "json_schema", "x_format": 1, "json_schema": {"name": "answer", "description": "A.", "strict": false, "x_schema": 1,
    "schema": {"type": "object", "properties": {"z": {"const": 1.0}, "a": {"pattern": "^\u0061$"}}}}},
  "stop": ["a", "b"], "stream": true, "stream_options": {"include_usage": true, "include_obfuscation": false, "x_options": 1},
  "service_tier": "flex", "store": false, "metadata": {"b": "2", "a": "1"}, "user": "u",
  "safety_identifier": "s", "prompt_cache_key": "k", "prompt_cache_retention": "24h",
  "prompt_cache_options": {"ttl": "30m", "mode": "implicit", "x_cache": 1},
  "web_search_options": {"user_location": null, "search_context_size": "low"},
  "moderation": {"model": "omni", "policy": null},
  "functions": [{"name": "old", "description": "Old.", "parameters": {}, "x_old": 1}],
  "function_call": {"name": "old", "x_call": 1},
  "top_k": 40, "thinking": {"type": "enabled", "budget_tokens": 1024}, "extra_body": {"google": {"cached_content": "c"}}
}`

func params(tb testing.TB, text string) *chatv1.ChatCompletionParams {
	tb.Helper()
	m := new(chatv1.ChatCompletionParams)
	decode(tb, text, m)
	return m
}

func expanded(tb testing.TB, text string) *chatv1.ChatCompletionParams {
	tb.Helper()
	m := params(tb, text)
	if err := codec.ExpandChatCompletionParams(m, wire.Limits{}); err != nil {
		tb.Fatal(err)
	}
	return m
}

// TestRequestRoundTrip says that a request goes upstream with every value that
// it came with, as it came and in its typed form, through protobuf too.
func TestRequestRoundTrip(t *testing.T) {
	t.Parallel()
	for name, m := range map[string]*chatv1.ChatCompletionParams{
		"deferred": params(t, everything),
		"expanded": expanded(t, everything),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := encode(t, m, wire.Request)
			for _, difference := range compare("", value(t, everything), value(t, out)) {
				t.Error(difference)
			}
			if again := encode(t, throughProtobuf(t, m), wire.Request); again != out {
				t.Errorf("through protobuf:\n%s\n%s", out, again)
			}
			if err := codec.CheckChatCompletionParams(m, wire.Limits{}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestRequestIsTyped says that in the request every member has its field: only
// members without one stand in extra_json.
func TestRequestIsTyped(t *testing.T) {
	t.Parallel()
	held := make(map[string]int)
	countHeld(t, expanded(t, everything).ProtoReflect(), held)
	for member := range held {
		t.Errorf("%s stands in extra_json", member)
	}
}

// TestDeferredBytes says that the heavy members are sent as the very bytes that
// came, and that nothing of them is parsed.
func TestDeferredBytes(t *testing.T) {
	t.Parallel()
	messages := `[ {"role" :"user", "content":"\u0041\/", "n": 1.00} ,{"content" : null}]`
	tools := `[{"b":1e3,"a":[ ]}]`
	m := params(t, `{"model":"m","messages":`+messages+`,"tools": `+tools+` }`)
	if m.GetMessagesJson() != messages || m.GetToolsJson() != tools {
		t.Errorf("messages %s, tools %s", m.GetMessagesJson(), m.GetToolsJson())
	}
	if len(m.GetMessages()) > 0 || len(m.GetTools()) > 0 {
		t.Error("the typed form was made")
	}
	if got, want := encode(t, m, wire.Request), `{"model":"m","messages":`+messages+`,"tools":`+tools+`}`; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

// TestVerbatimBytes says that free-form JSON keeps its bytes in the typed form
// too: order, numbers, escapes and white space.
func TestVerbatimBytes(t *testing.T) {
	t.Parallel()
	schema := `{ "z":1.0, "a" : "\u0061\/", "n":12345678901234567890,"e":1E+2 , "d":{"x":1,"x":2}}`
	m := expanded(t, `{"model":"m","messages":[{"role":"user","content":"x","odd": `+schema+`}],
		"tools":[{"type":"function","function":{"name":"f","parameters":`+schema+`}}],
		"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":`+schema+`}},
		"moderation":`+schema+`,"top_k":`+schema+`}`)
	again, _ := throughProtobuf(t, m).(*chatv1.ChatCompletionParams)
	if got := strings.Count(encode(t, again, wire.Request), schema); got != 5 {
		t.Errorf("the text stands there %d times, want 5", got)
	}
}

// TestUnknownMembersKeepTheirOrder says that members without a field come out in
// the order in which they came, behind the others.
func TestUnknownMembersKeepTheirOrder(t *testing.T) {
	t.Parallel()
	m := expanded(t, `{"z":1,"model":"m","b":2,"messages":[{"y":1,"role":"user","a":2,"content":[{"c":1,"type":"text","b":[],"text":"t","\u0061":3}]}],"a":3}`)
	want := `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"t","c":1,"b":[],"a":3}],"y":1,"a":2}],"z":1,"b":2,"a":3}`
	if got := encode(t, m, wire.Request); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestExpand says what of a twin can be expanded, and what is then sent.
func TestExpand(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, messages, want, fault string }{
		{"typed", `[{"role":"user","content":"hi"}]`, `"messages":[{"role":"user","content":"hi"}]`, ""},
		{"empty is kept", `[ ]`, `"messages":[]`, ""},
		{"wrong kinds inside are kept", `[{"role":1,"content":{"a":1}}]`, `"messages":[{"role":1,"content":{"a":1}}]`, ""},
		{"a list of parts with a string", `[{"role":"user","content":["hi"]}]`, `"messages":[{"role":"user","content":["hi"]}]`, ""},
		{"an empty list of parts", `[{"role":"user","content":[]}]`, `"messages":[{"role":"user","content":[]}]`, ""},
		{"empty annotations of a request", `[{"role":"assistant","annotations":[]}]`, `"messages":[{"role":"assistant","annotations":[]}]`, ""},
		{"a null that means unset", `[{"role":"assistant","content":null,"tool_calls":null}]`, `"messages":[{"role":"assistant","tool_calls":null}]`, ""},
		{"a string for a message", `[{"role":"user"},"hi"]`, "", "messages[1]: the value is of the wrong kind (byte 17)"},
		{"a duplicate", `[{"role":"user","content":[{"text":"a","text":"b"}]}]`, "", "messages[0].content[0].text: the member stands twice in its object (byte 46)"},
		{"an unknown duplicate", `[{"a":1,"b":2,"\u0061":3}]`, "", "messages[0].a: the member stands twice in its object (byte 23)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := params(t, `{"messages":`+c.messages+`,"model":"m"}`)
			before := proto.Clone(m)
			err := codec.ExpandChatCompletionParams(m, wire.Limits{})
			if c.fault != "" {
				if err == nil || err.Error() != c.fault {
					t.Errorf("error %v, want %s", err, c.fault)
				}
				if !proto.Equal(m, before) {
					t.Error("a failed expansion changed the message")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.GetMessagesJson() != "" {
				t.Error("the twin is still set")
			}
			if got := encode(t, m, wire.Request); !strings.Contains(got, c.want) {
				t.Errorf("sent %s, want %s", got, c.want)
			}
		})
	}
}

// TestExpandOfBoth says that a message with twin and typed form is refused.
func TestExpandOfBoth(t *testing.T) {
	t.Parallel()
	m := params(t, `{"model":"m","messages":[]}`)
	m.Messages = []*chatv1.ChatMessage{{Role: "user"}}
	if err := codec.ExpandChatCompletionParams(m, wire.Limits{}); fault(err).Kind != wire.Conflict {
		t.Errorf("error %v", err)
	}
}

// TestShallowCopy says that a copy has all fields, and that changing its own
// leaves the original alone.
func TestShallowCopy(t *testing.T) {
	t.Parallel()
	for _, m := range []*chatv1.ChatCompletionParams{params(t, everything), expanded(t, everything)} {
		m.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 0x01})
		before := proto.Clone(m)
		c := codec.ShallowCopyChatCompletionParams(m)
		if !proto.Equal(c, m) {
			t.Error("the copy differs")
		}
		c.Model, c.MessagesJson, c.Messages, c.ExtraJson, c.Temperature = "other", "", nil, "", nil
		if !proto.Equal(before, m) {
			t.Error("the original changed")
		}
	}
}

// TestTypeMayBeEmpty says that a payload's name stands for an empty type.
func TestTypeMayBeEmpty(t *testing.T) {
	t.Parallel()
	m := &chatv1.ChatCompletionParams{
		Model: "m",
		Messages: []*chatv1.ChatMessage{{Role: "user", ContentParts: []*chatv1.ChatContentPart{
			{Text: proto.String("t")},
			{ImageUrl: &chatv1.ImageUrl{Url: "u"}},
			{Type: "other", ExtraJson: `{"other":1}`},
		}}},
		Tools:            []*chatv1.ChatTool{{Function: &chatv1.FunctionDefinition{Name: "f"}}},
		ToolChoiceObject: &chatv1.ChatToolChoice{Custom: &chatv1.ToolName{Name: "g"}},
		ResponseFormat:   &chatv1.ResponseFormat{JsonSchema: &chatv1.JsonSchemaFormat{Name: "n", SchemaJson: "{}"}},
		Prediction:       &chatv1.Prediction{Content: proto.String("p")},
	}
	want := `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"t"},` +
		`{"type":"image_url","image_url":{"url":"u"}},{"type":"other","other":1}]}],` +
		`"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"custom","custom":{"name":"g"}},` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{}}},"prediction":{"type":"content","content":"p"}}`
	if got := encode(t, m, wire.Request); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestFieldStandsAboveText says that a field that an adapter sets replaces what
// was kept for it, so that no member is sent twice.
func TestFieldStandsAboveText(t *testing.T) {
	t.Parallel()
	m := params(t, `{"model":"m","a":1,"stream_options":null,"max_tokens":"many","b":2}`)
	if got, want := encode(t, m, wire.Request), `{"model":"m","a":1,"stream_options":null,"max_tokens":"many","b":2}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	m.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
	if got, want := encode(t, m, wire.Request), `{"model":"m","stream_options":{"include_usage":true},"a":1,"max_tokens":"many","b":2}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func fault(err error) *wire.Error {
	if e, ok := err.(*wire.Error); ok { //nolint:errorlint // the codec returns the bare error
		return e
	}
	return new(wire.Error)
}
