package wire_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// TestCheck is the table of what JSON text in the fields of a gRPC caller's
// message is told. The path has the names of fields, and goes on in the text.
func TestCheck(t *testing.T) {
	t.Parallel()
	type params = chatv1.ChatCompletionParams
	for _, c := range []struct {
		name  string
		m     *params
		fault string // "" means that it passes
	}{
		{"nothing", &params{}, ""},
		{"twins", &params{MessagesJson: ` [{"role":"user"}] `, ToolsJson: `[]`}, ""},
		{"raw null", &params{ModerationJson: `null`}, ""},
		{"extra", &params{ExtraJson: ` { "a" : 1 , "b":{"c":1,"c":2}} `}, ""},
		{"empty extra", &params{ExtraJson: `{}`}, ""},
		{"a member whose field is not set", &params{ExtraJson: `{"seed":null,"model":1}`}, ""},
		{"not JSON", &params{MessagesJson: `[{"role":user}]`}, "messages_json[0].role: the text is not JSON (byte 9)"},
		{"not an array", &params{MessagesJson: `{"role":"user"}`}, "messages_json: the value is of the wrong kind"},
		{"two values", &params{ToolsJson: `[] []`}, "tools_json: there is text behind the end of the value (byte 3)"},
		{"white space", &params{ToolsJson: ` `}, "tools_json: the text is not JSON (byte 1)"},
		{"invalid UTF-8", &params{MessagesJson: "[\"\xff\"]"}, "messages_json[0]: the string is not UTF-8 (byte 2)"},
		{"surrogate", &params{ModerationJson: `{"a":"\ud800"}`}, "moderation_json.a: the string has an escape for half of a surrogate pair (byte 6)"},
		{"too deep", &params{ModerationJson: strings.Repeat("[", 100)}, "moderation_json[0]"},
		{"extra is no object", &params{ExtraJson: `[]`}, "extra_json: the value is of the wrong kind"},
		{"extra is not JSON", &params{ExtraJson: `{"a":}`}, "extra_json.a: the text is not JSON (byte 5)"},
		{"extra with a leading comma", &params{ExtraJson: `{,"a":1}`}, "extra_json: the text is not JSON (byte 1)"},
		{"extra with a duplicate", &params{ExtraJson: `{"a":1,"b":2,"\u0061":3}`}, "extra_json.a: the member stands twice in its object (byte 22)"},
		{"extra with a duplicate of many", &params{ExtraJson: `{` + names(100) + `"n7":3}`}, "extra_json.n7: the member stands twice in its object (byte 1156)"},
		{"extra against a plain field", &params{Model: "m", ExtraJson: `{"model":null}`}, "extra_json.model: the member is given twice, by a field and as JSON text (byte 9)"},
		{"extra against an optional field", &params{Seed: proto.Int64(0), ExtraJson: `{"seed":1}`}, "extra_json.seed: the member is given twice, by a field and as JSON text (byte 8)"},
		{"extra against a list of another name", &params{StopSequences: []string{"a"}, ExtraJson: `{"st\u006fp":"b"}`}, "extra_json.stop: the member is given twice, by a field and as JSON text (byte 13)"},
		{"extra against a twin", &params{MessagesJson: `[]`, ExtraJson: `{"messages":[]}`}, "extra_json.messages: the member is given twice, by a field and as JSON text (byte 12)"},
		{"extra against a map", &params{Metadata: map[string]string{"a": "b"}, ExtraJson: `{"metadata":{}}`}, "extra_json.metadata: the member is given twice, by a field and as JSON text (byte 12)"},
		{"extra against a raw field", &params{ModerationJson: "null", ExtraJson: `{"moderation":1}`}, "extra_json.moderation: the member is given twice, by a field and as JSON text (byte 14)"},
		{"below a message", &params{StreamOptions: &chatv1.ChatStreamOptions{ExtraJson: `{`}}, "stream_options.extra_json: the text is not JSON (byte 1)"},
		{"below lists", &params{Messages: []*chatv1.ChatMessage{{Role: "user"}, {Role: "user", ContentParts: []*chatv1.ChatContentPart{{ExtraJson: `{"a":01}`}}}}}, "messages[1].content_parts[0].extra_json.a: the text is not JSON (byte 6)"},
		{"a raw field below", &params{Tools: []*chatv1.ChatTool{{Function: &chatv1.FunctionDefinition{ParametersJson: `{"a" 1}`}}}}, "tools[0].function.parameters_json.a: the text is not JSON (byte 5)"},
		{"a nil element", &params{Messages: []*chatv1.ChatMessage{nil}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := codec.CheckChatCompletionParams(c.m, wire.Limits{})
			if c.fault == "" {
				if err != nil {
					t.Error(err)
				}
				value(t, encode(t, c.m, wire.Request))
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), c.fault) {
				t.Errorf("got  %v\nwant %s", err, c.fault)
			}
		})
	}
}

func names(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(`"n` + strings.Repeat("0", i/10) + string(rune('0'+i%10)) + `":1,`)
	}
	return b.String()
}

// TestCheckReachesEverything says that the check finds the way through wrappers,
// arms of oneofs, and messages without text of their own.
func TestCheckReachesEverything(t *testing.T) {
	t.Parallel()
	bad := &chatv1.ChatCompletionParams{MessagesJson: `[`}
	for path, m := range map[string]proto.Message{
		"params.messages_json[0]":          &chatv1.CreateChatCompletionRequest{Params: bad},
		"chat_completion.messages_json[0]": &planv1.ExplainRequest{Call: &planv1.ExplainRequest_ChatCompletion{ChatCompletion: bad}},
	} {
		if err := fault(codec.Check(m, wire.Limits{})); err.Kind != wire.NotJSON || err.Path != path {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := codec.Check(&planv1.ExecutionPlan{}, wire.Limits{}); err != nil {
		t.Error(err)
	}
}

// TestCheckLimits says that text in fields has the limits of a document: the
// depth counts from the document's root.
func TestCheckLimits(t *testing.T) {
	t.Parallel()
	deep := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }
	for _, c := range []struct {
		m    *chatv1.ChatCompletionParams
		lim  wire.Limits
		kind wire.Kind
	}{
		{&chatv1.ChatCompletionParams{ModerationJson: deep(99)}, wire.Limits{}, 0},
		{&chatv1.ChatCompletionParams{ModerationJson: deep(100)}, wire.Limits{}, wire.TooDeep},
		{&chatv1.ChatCompletionParams{ExtraJson: `{"a":` + deep(99) + `}`}, wire.Limits{}, 0},
		{&chatv1.ChatCompletionParams{ExtraJson: `{"a":` + deep(100) + `}`}, wire.Limits{}, wire.TooDeep},
		{&chatv1.ChatCompletionParams{Messages: []*chatv1.ChatMessage{{ExtraJson: `{"a":` + deep(97) + `}`}}}, wire.Limits{}, 0},
		{&chatv1.ChatCompletionParams{Messages: []*chatv1.ChatMessage{{ExtraJson: `{"a":` + deep(98) + `}`}}}, wire.Limits{}, wire.TooDeep},
		{&chatv1.ChatCompletionParams{MessagesJson: `["abc"]`}, wire.Limits{MaxBytes: 7}, 0},
		{&chatv1.ChatCompletionParams{MessagesJson: `["abc"]`}, wire.Limits{MaxBytes: 6}, wire.TooLarge},
	} {
		if err := fault(codec.CheckChatCompletionParams(c.m, c.lim)); err.Kind != c.kind {
			t.Errorf("%.60v: %v", c.m, err)
		}
		if c.kind == 0 && c.lim.MaxBytes == 0 {
			again := new(chatv1.ChatCompletionParams)
			decode(t, encode(t, c.m, wire.Request), again)
		}
	}
}
