package wire_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// everyItem is a request of responses with every arm of Item, with and without a type,
// and with members that nobody documents.
const everyItem = `{
  "model": "gpt-5.4", "x_top": {"b": 1, "a": [2.50, 1e2]},
  "input": [
    {"role": "developer", "content": "Be brief.", "x_item": 1},
    {"type": "message", "role": "user", "content": [
      {"type": "input_text", "text": "What is \"this\"?\n", "prompt_cache_breakpoint": {"mode": "explicit"}},
      {"type": "input_image", "image_url": "https://example.com/a.png", "detail": "low"},
      {"type": "input_file", "file_id": "file-1"}, {"type": "input_video", "video": {"id": "v"}}
    ]},
    {"id": "msg_0", "type": null}, {"type": "item_reference", "id": "msg_1"}, {"id": "rs_0"},
    {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"},
    {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": "{\"a\" : 1.0}", "status": "completed"},
    {"call_id": "call_1", "output": "42", "type": "function_call_output"},
    {"type": "custom_tool_call_output", "call_id": "call_2", "output": [{"type": "input_text", "text": "t"}]},
    {"type": "custom_tool_call", "call_id": "call_2", "name": "g", "input": "x", "x_call": null},
    {"type": "mcp_approval_response", "approval_request_id": "a", "approve": true},
    {"type": "shell_call_output", "call_id": "call_3", "output": [{"stdout": "o", "outcome": {"type": "exit", "exit_code": 0}}]},
    {"type": "compaction", "encrypted_content": "gAAAA"},
    {"type": "additional_tools", "tools": [{"type": "function", "name": "h", "n": 1.0}]}, {"content": "neither"}
  ],
  "tools": [
    {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {"b": {"maximum": 1.0}, "a": {}}}, "strict": true},
    {"type": "custom", "name": "g", "format": {"type": "grammar", "syntax": "lark"}},
    {"type": "mcp", "server_label": "l", "server_url": "https://example.com", "require_approval": "never"}
  ],
  "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
  "instructions": "i", "max_output_tokens": 100, "reasoning": {"effort": "high", "summary": "auto"},
  "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "n", "strict": false, "schema": {"z": 1.0, "a": "\u0061"}}},
  "store": false, "temperature": 0.7, "top_p": 1, "conversation": {"id": "conv_1", "x": 1}, "include": ["reasoning.encrypted_content"],
  "metadata": {"b": "2", "a": "1"}, "stream_options": {"include_obfuscation": false}, "context_management": [{"type": "compaction"}],
  "prompt_cache_options": {"ttl": "30m"}, "stream": true
}`

func responseParams(tb testing.TB, text string) *responsesv1.ResponseParams {
	tb.Helper()
	m := new(responsesv1.ResponseParams)
	decode(tb, text, m)
	return m
}

// TestResponseRequestRoundTrip says that a request goes upstream with every value that
// it came with, as it came and in its typed form, through protobuf too.
func TestResponseRequestRoundTrip(t *testing.T) {
	t.Parallel()
	deferred, typed := responseParams(t, everyItem), responseParams(t, everyItem)
	if err := codec.ExpandResponseParams(typed, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	for name, m := range map[string]*responsesv1.ResponseParams{"deferred": deferred, "expanded": typed, "copied": codec.ShallowCopyResponseParams(typed)} {
		out := encode(t, m, wire.Request)
		for _, difference := range compare("", value(t, everyItem), value(t, out)) {
			t.Errorf("%s: %s", name, difference)
		}
		if again := encode(t, throughProtobuf(t, m), wire.Request); again != out {
			t.Errorf("%s: through protobuf:\n%s\n%s", name, out, again)
		}
		if err := codec.CheckResponseParams(m, wire.Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	held := make(map[string]int)
	countHeld(t, typed.ProtoReflect(), held)
	want := map[string]int{"Item.other_json=additional_tools": 1, "Item.other_json=": 1, "Item.type": 1}
	for _, difference := range compare("", asValue(t, want), asValue(t, held)) {
		t.Error(difference)
	}
}

// TestInput says where each kind of `input` goes, and what is sent of it.
func TestInput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		fields     *responsesv1.ResponseParams
		expanded   *responsesv1.ResponseParams
	}{
		{"a string", `"h\u0069"`, &responsesv1.ResponseParams{Input: proto.String("hi")}, &responsesv1.ResponseParams{Input: proto.String("hi")}},
		{"an empty string", `""`, &responsesv1.ResponseParams{Input: proto.String("")}, &responsesv1.ResponseParams{Input: proto.String("")}},
		{
			"items", `[ {"id":"i"}]`, &responsesv1.ResponseParams{InputJson: `[ {"id":"i"}]`},
			&responsesv1.ResponseParams{InputItems: []*responsesv1.Item{{Item: &responsesv1.Item_ItemReference{ItemReference: &responsesv1.ItemReference{Id: "i"}}}}},
		},
		{"no items", `[ ]`, &responsesv1.ResponseParams{InputJson: `[ ]`}, &responsesv1.ResponseParams{ExtraJson: `{"input":[]}`}},
		{"null", `null`, &responsesv1.ResponseParams{ExtraJson: `{"input":null}`}, &responsesv1.ResponseParams{ExtraJson: `{"input":null}`}},
		{"an object", `{"id":"i"}`, &responsesv1.ResponseParams{ExtraJson: `{"input":{"id":"i"}}`}, &responsesv1.ResponseParams{ExtraJson: `{"input":{"id":"i"}}`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := responseParams(t, `{"input":`+c.text+`}`)
			if !proto.Equal(m, c.fields) {
				t.Errorf("read as %v, want %v", m, c.fields)
			}
			if err := codec.ExpandResponseParams(m, wire.Limits{}); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(m, c.expanded) {
				t.Errorf("expanded to %v, want %v", m, c.expanded)
			}
			for _, difference := range compare("", value(t, `{"input":`+c.text+`}`), value(t, encode(t, m, wire.Request))) {
				t.Error(difference)
			}
		})
	}
}

// TestEmbeddingInput says which typed form each array becomes, and which have none.
func TestEmbeddingInput(t *testing.T) {
	t.Parallel()
	type params = embeddingsv1.EmbeddingParams
	for _, c := range []struct {
		name, text string
		want       *params
		fault      string
	}{
		{"a text", `"a"`, &params{Input: proto.String("a")}, ""},
		{"texts", `["a", "\u0062"]`, &params{Inputs: []string{"a", "b"}}, ""},
		{"tokens", `[1, 2e0]`, &params{InputTokens: []int32{1, 2}}, ""},
		{"lists of tokens", `[[1,2],[],[ 3 ]]`, &params{InputTokenLists: []*embeddingsv1.TokenList{{Tokens: []int32{1, 2}}, {}, {Tokens: []int32{3}}}}, ""},
		{"nothing", `[]`, &params{ExtraJson: `{"input":[]}`}, ""},
		{"images", `[{"image":"i"}]`, nil, "input[0]: the value is of the wrong kind (byte 1)"},
		{"a text and an image", `["a",{"image":"i"}]`, nil, "input[1]: the value is of the wrong kind (byte 5)"},
		{"a text and tokens", `["a",1]`, nil, "input[1]: the value is of the wrong kind (byte 5)"},
		{"tokens and a list", `[1,[2]]`, nil, "input[1]: the value is of the wrong kind (byte 3)"},
		{"a token that is too large", `[1,3000000000]`, nil, "input: the value is of the wrong kind"},
		{"a list with a text", `[[1],["a"]]`, nil, "input: the value is of the wrong kind"},
		{"a null", `[null]`, nil, "input[0]: the value is of the wrong kind (byte 1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := new(params)
			decode(t, `{"input":`+c.text+`,"model":""}`, m)
			if c.text[0] == '[' && m.GetInputJson() != c.text {
				t.Errorf("the text is %s", m.GetInputJson())
			}
			before := proto.Clone(m)
			err := codec.ExpandEmbeddingParams(m, wire.Limits{})
			if c.want == nil {
				if err == nil || err.Error() != c.fault || !proto.Equal(m, before) {
					t.Errorf("error %v, want %s; %v", err, c.fault, m)
				}
				return
			}
			if err != nil || !proto.Equal(m, c.want) {
				t.Errorf("expanded to %v, %v, want %v", m, err, c.want)
			}
			for _, m := range []proto.Message{m, throughProtobuf(t, m), codec.ShallowCopyEmbeddingParams(m)} {
				for _, difference := range compare("", value(t, `{"input":`+c.text+`,"model":""}`), value(t, encode(t, m, wire.Request))) {
					t.Error(difference)
				}
			}
		})
	}
}

// TestTwinIsAnArray says that a caller's own twin must be one, and that it excludes the
// typed forms of the same member.
func TestTwinIsAnArray(t *testing.T) {
	t.Parallel()
	if err := fault(codec.CheckResponseParams(&responsesv1.ResponseParams{InputJson: `"hi"`}, wire.Limits{})); err.Kind != wire.WrongKind || err.Path != "input_json" {
		t.Errorf("a string: %v", err)
	}
	for _, m := range []*embeddingsv1.EmbeddingParams{
		{InputJson: `[]`, Input: proto.String("")}, {InputJson: `[]`, Inputs: []string{"a"}}, {InputJson: `[]`, InputTokens: []int32{1}},
	} {
		if err := fault(codec.ExpandEmbeddingParams(m, wire.Limits{})); err.Kind != wire.Conflict || err.Path != "input" {
			t.Errorf("%v: %v", m, err)
		}
	}
}

// TestTokenList says what a transparent message is as a document of its own.
func TestTokenList(t *testing.T) {
	t.Parallel()
	for text, kind := range map[string]wire.Kind{
		` [1, 2] `: 0, `[]`: 0, `[1,"a"]`: wire.WrongKind, `{}`: wire.WrongKind, `[1`: wire.NotJSON, `[1]]`: wire.TrailingData, `1`: wire.WrongKind,
	} {
		var m embeddingsv1.TokenList
		if err := fault(codec.DecodeTokenList(text, &m, wire.Limits{})); err.Kind != kind {
			t.Errorf("%s: %v", text, err)
		}
		if got := encode(t, &m, wire.Request); kind == 0 && got != strings.ReplaceAll(text, " ", "") {
			t.Errorf("%s: written as %s", text, got)
		}
	}
}
