package responses_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

func TestItemsBecomeMessages(t *testing.T) {
	t.Parallel()
	ours := responses.EncodeReasoning(&chatv1.ChatMessage{ReasoningDetails: []*chatv1.ReasoningDetail{{Type: "reasoning.text", Text: new("hm"), Signature: new("s")}}})
	summary := responses.EncodeCompaction("They met.")
	for _, test := range []struct{ name, items, want string }{
		{"messages without a type", `{"role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"u"}]}`,
			`{"role":"developer","content":"d"},{"role":"user","content":"u"}`},
		{"parts stay parts", `{"role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"}]}`,
			`{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}`},
		{"images, files, sound", `{"role":"user","content":[{"type":"input_image","image_url":"https://x/y.png","detail":"high"},{"type":"input_image","file_id":"f1"},` +
			`{"type":"input_file","file_id":"f2"},{"type":"input_file","filename":"a.pdf","file_data":"data:x"},{"type":"input_file","file_url":"https://x/z.pdf"},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}`,
			`{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png","detail":"high"}},{"type":"file","file":{"file_id":"f1"}},{"type":"file","file":{"file_id":"f2"}},` +
				`{"type":"file","file":{"filename":"a.pdf","file_data":"data:x"}},{"type":"file","file":{"file_url":"https://x/z.pdf"}},{"type":"input_audio","input_audio":{"data":"AA","format":"wav"}}]}`},
		{"marks on parts stay", `{"role":"user","content":[{"type":"input_text","text":"a","cache_control":{"type":"ephemeral"}}]}`,
			`{"role":"user","content":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}]}`},
		{"marks on items stay, their other members do not", `{"role":"user","content":"a","cache_control":{"type":"ephemeral"},"created_by":"x"},{"type":"function_call_output","call_id":"1","output":"x","cache_control":{"ttl":"1h"},"name":"f"}`,
			`{"role":"user","content":"a","cache_control":{"type":"ephemeral"}},{"role":"tool","content":"x","tool_call_id":"1","cache_control":{"ttl":"1h"}}`},
		{"what the assistant said", `{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","annotations":[{"type":"url_citation"}],"logprobs":[]}]},` +
			`{"type":"message","role":"assistant","content":[{"type":"refusal","refusal":"no"}]},{"role":"assistant","content":[{"type":"output_text","text":"a"},{"type":"refusal","refusal":"no"}]}`,
			`{"role":"assistant","content":"a"},{"role":"assistant","refusal":"no"},{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"refusal","refusal":"no"}]}`},
		{"parallel calls are one message", `{"role":"assistant","content":"I look."},{"type":"function_call","call_id":"1","name":"f","arguments":"{\"a\": 1.0 }","id":"fc_1","status":"completed"},` +
			`{"type":"function_call","call_id":"2","name":"g","arguments":"{"},{"type":"function_call_output","call_id":"1","output":"x"},{"type":"function_call_output","call_id":"2","output":[{"type":"input_text","text":"y"},{"type":"input_image","image_url":"https://z"}]}`,
			`{"role":"assistant","content":"I look.","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\": 1.0 }"}},{"id":"2","type":"function","function":{"name":"g","arguments":"{"}}]},` +
				`{"role":"tool","content":"x","tool_call_id":"1"},{"role":"tool","content":[{"type":"text","text":"y"},{"type":"image_url","image_url":{"url":"https://z"}}],"tool_call_id":"2"}`},
		{"calls in turn are several", `{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":""},{"type":"function_call","call_id":"2","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"2","output":[]}`,
			`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"","tool_call_id":"1"},` +
				`{"role":"assistant","tool_calls":[{"id":"2","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"","tool_call_id":"2"}`},
		{"custom calls", `{"type":"custom_tool_call","call_id":"1","name":"c","input":"x"},{"type":"custom_tool_call_output","call_id":"1","output":"y"}`,
			`{"role":"assistant","tool_calls":[{"id":"1","type":"custom","custom":{"name":"c","input":"x"}}]},{"role":"tool","content":"y","tool_call_id":"1"}`},
		{"members of calls that nobody knows", `{"type":"function_call","call_id":"1","name":"f","arguments":"{}","caller":{"type":"direct"},"extra_content":{"google":{"thought_signature":"s"}}},{"type":"function_call_output","call_id":"1","output":"x"}`,
			`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}}]},{"role":"tool","content":"x","tool_call_id":"1"}`},
		{"our reasoning goes with the calls behind it", `{"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"encrypted_content":"` + ours + `"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":"x"}`,
			`{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}],"reasoning_details":[{"type":"reasoning.text","text":"hm","signature":"s"}]},{"role":"tool","content":"x","tool_call_id":"1"}`},
		{"reasoning as text", `{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"role":"assistant","content":"a"}`, `{"role":"assistant","content":"a","reasoning_content":"hm"}`},
		{"reasoning between two messages is the second one's", `{"role":"assistant","content":"a"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"role":"assistant","content":"b"}`,
			`{"role":"assistant","content":"a"},{"role":"assistant","content":"b","reasoning_content":"hm"}`},
		{"reasoning between words and calls is their message's", `{"role":"assistant","content":"a"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"}`,
			`{"role":"assistant","content":"a","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}],"reasoning_content":"hm"}`},
		{"reasoning behind all is that message's", `{"role":"assistant","content":"a"},{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"role":"user","content":"b"}`,
			`{"role":"assistant","content":"a","reasoning_content":"hm"},{"role":"user","content":"b"}`},
		{"words behind calls", `{"role":"assistant","content":"a"},{"type":"function_call","call_id":"1","name":"f","arguments":"{}"},{"role":"assistant","content":"b"},{"type":"function_call_output","call_id":"1","output":"x"}`,
			`{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","content":"x","tool_call_id":"1"}`},
		{"our compaction", `{"type":"compaction","id":"cmp_1","encrypted_content":"` + summary + `"},{"role":"user","content":"And?"}`,
			`{"role":"user","content":"Summary of the conversation so far:\n\nThey met."},{"role":"user","content":"And?"}`},
		{"what a built-in tool did is left out", `{"role":"user","content":"a"},{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search"}},{"role":"assistant","content":"b"}`,
			`{"role":"user","content":"a"},{"role":"assistant","content":"b"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := asked(t, `{"input":[`+test.items+`]}`)
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"messages":[` + test.want + `]}`; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// replies are messages of a model with all that the next turn needs, and those that
// were recorded.
func replies(t *testing.T) map[string]*chatv1.ChatCompletion {
	t.Helper()
	out := make(map[string]*chatv1.ChatCompletion)
	for name, text := range recorded(t, ".json") {
		out[name] = decode(t, text, &chatv1.ChatCompletion{})
	}
	for name, message := range map[string]string{
		"anthropic": `"content":"I look.","reasoning_content":"hm","reasoning_details":[{"type":"reasoning.text","index":0,"format":"anthropic-claude-v1","text":"hm","signature":"s1"},` +
			`{"type":"reasoning.encrypted","index":1,"data":"gone"},{"type":"reasoning.text","index":2,"text":"ha","signature":"s2"}],"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"é\":1}"}}]`,
		"signatures without places": `"content":"x","reasoning_details":[{"type":"reasoning.text","text":"a","signature":"1"},{"type":"reasoning.text","text":"b","signature":"2"}]`,
		"summaries without places":  `"content":"x","reasoning_details":[{"type":"reasoning.summary","summary":"a"},{"type":"reasoning.summary","summary":"b"}]`,
		"summaries":                 `"content":"x","reasoning":"in short","reasoning_details":[{"type":"reasoning.summary","index":0,"summary":"in short"},{"type":"reasoning.encrypted","index":0,"id":"rs_1","data":"AA"}]`,
		"gemini":                    `"content":null,"tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"},"extra_content":{"google":{"thought_signature":"s"}}},{"id":"2","type":"function","function":{"name":"g","arguments":"{}"}}]`,
		"a custom call":             `"content":"x","tool_calls":[{"id":"1","type":"custom","custom":{"name":"c","input":"print(\"ü\")"}}]`,
		"only hidden reasoning":     `"content":"x","reasoning_details":[{"type":"reasoning.encrypted","data":"AA"}]`,
	} {
		out[name] = decode(t, `{"model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",`+message+`}}]}`, &chatv1.ChatCompletion{})
	}
	return out
}

// next is the chat completion of the turn that follows a response, with the messages
// before the new one.
func next(t *testing.T, first string, output []*responsesv1.Item, more string) []*chatv1.ChatMessage {
	t.Helper()
	call := ask(t, `{"model":"x","instructions":"Be brief.","input":[`+first+`]}`)
	call.Params.InputItems = append(items(t, call), output...)
	call.Params.InputJson = ""
	if more != "" {
		call.Params.InputItems = append(call.Params.InputItems, items(t, ask(t, `{"input":[`+more+`]}`))...)
	}
	fake := &chatter{completion: said("x")}
	if _, err := responses.Over(fake).CreateResponse(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	return fake.asked.Params.GetMessages()
}

// TestTheNextTurnHasWhatTheModelSaid sends every reply back: the chat has the reply's
// own message again, whole or streamed, and after a way over JSON.
func TestTheNextTurnHasWhatTheModelSaid(t *testing.T) {
	t.Parallel()
	const first = `{"role":"user","content":"Hi"}`
	for name, completion := range replies(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, 7))
			whole, err := responses.Over(&chatter{completion: completion}).CreateResponse(t.Context(), ask(t, `{"input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			events, err := stream(t, &chatter{chunks: cut(random, completion)}, ask(t, `{"input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			overJSON := decode(t, encode(t, whole, wire.Reply), &responsesv1.Response{})
			for kind, response := range map[string]*responsesv1.Response{"whole": whole, "streamed": accumulate(events).Response(), "over JSON": overJSON} {
				messages := next(t, first, response.GetOutput(), `{"role":"user","content":"And?"}`)
				if len(messages) != 4 {
					t.Fatalf("%s: %d messages: %v", kind, len(messages), messages)
				}
				want := sentBack(completion.GetChoices()[0].GetMessage())
				got := proto.CloneOf(messages[2])
				if kind == "streamed" {
					unplaced(got, want)
				}
				if !proto.Equal(got, want) {
					t.Errorf("%s:\ngot  %v\nwant %v", kind, got, want)
				}
			}
		})
	}
}

// TestALateSignature comes when the words have begun, and finds its text again.
func TestALateSignature(t *testing.T) {
	t.Parallel()
	events, err := stream(t, &chatter{chunks: deltas(t, "stop", `{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"h"}]}`, `{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"m"}]}`,
		`{"content":"x"}`, `{"reasoning_details":[{"type":"reasoning.text","index":0,"signature":"s"}]}`)}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	messages := next(t, `{"role":"user","content":"Hi"}`, accumulate(events).Response().GetOutput(), "")
	want := `{"role":"assistant","content":"x","reasoning_details":[{"type":"reasoning.text","index":0,"text":"hm","signature":"s"}]}`
	if got := encode(t, messages[len(messages)-1], wire.Request); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// sentBack is a message as a client of chat completions sends it back, without what
// no model reads.
func sentBack(m *chatv1.ChatMessage) *chatv1.ChatMessage {
	m = proto.CloneOf(m)
	m.Annotations, m.ExtraJson = nil, ""
	if m.GetContent() == "" && len(m.GetToolCalls()) > 0 || m.GetContent() == "" && m.Refusal != nil {
		m.Content = nil
	}
	if m.GetReasoningContent() == "" {
		m.ReasoningContent = nil
	}
	for _, part := range m.GetContentParts() {
		if part.GetExtraJson() != "" { // its white space is the recording's
			var out bytes.Buffer
			if json.Compact(&out, []byte(part.GetExtraJson())) == nil {
				part.ExtraJson = out.String()
			}
		}
	}
	for _, call := range m.GetToolCalls() {
		call.Index = nil
		if call.Type == nil {
			call.Type = new("function")
		}
	}
	return m
}

// unplaced takes away the places that cut needs to tell pieces of details apart.
func unplaced(messages ...*chatv1.ChatMessage) {
	for _, m := range messages {
		for _, d := range m.GetReasoningDetails() {
			d.Index = nil
		}
	}
}

// TestEarlierMessagesStay says that a longer conversation has the shorter one's
// messages unchanged: the provider's prompt cache depends on it.
func TestEarlierMessagesStay(t *testing.T) {
	t.Parallel()
	var all []*chatv1.ChatCompletion
	for _, completion := range replies(t) {
		all = append(all, completion)
	}
	random := rand.New(rand.NewPCG(3, 3))
	for range 30 {
		items := []string{`{"role":"user","content":"Hi"}`}
		var before []*chatv1.ChatMessage
		var output []*responsesv1.Item
		for range 5 {
			messages := next(t, strings.Join(items, ","), output, "")
			for i, message := range before {
				if !proto.Equal(message, messages[i]) {
					t.Fatalf("message %d was %v, is %v", i, message, messages[i])
				}
			}
			response, err := responses.Over(&chatter{completion: all[random.IntN(len(all))]}).CreateResponse(t.Context(), ask(t, `{"input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			before = messages
			var calls int
			for _, item := range append(output, response.GetOutput()...) {
				items = append(items, encode(t, item, wire.Request))
				if id := item.GetFunctionCall().GetCallId() + item.GetCustomToolCall().GetCallId(); id != "" {
					calls++
				}
			}
			output = nil
			for _, item := range response.GetOutput() {
				if id := item.GetFunctionCall().GetCallId() + item.GetCustomToolCall().GetCallId(); id != "" {
					items = append(items, `{"type":"function_call_output","call_id":"`+id+`","output":"done"}`)
				}
			}
			if calls == 0 {
				items = append(items, fmt.Sprintf(`{"role":"user","content":"And %d?"}`, random.IntN(9)))
			}
		}
	}
}

// items are those of a request's input.
func items(t *testing.T, call *providers.ResponseCall) []*responsesv1.Item {
	t.Helper()
	p := codec.ShallowCopyResponseParams(call.Params)
	if err := codec.ExpandResponseParams(p, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return p.GetInputItems()
}
