package wire_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// TestAbsentNullEmptyZero is the table of what a member may be beside a value:
// what is read from it, and what is written.
func TestAbsentNullEmptyZero(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		m     proto.Message
		text  string
		reply string // "" means: as the text
		sent  string // as a request; "" means: as the text
		extra string
	}{
		{"absent emit_null", new(chatv1.ChatMessage), `{"role":"assistant"}`, `{"role":"assistant","content":null,"refusal":null,"annotations":[]}`, "", ""},
		{"null emit_null", new(chatv1.ChatMessage), `{"role":"r","content":null,"refusal":null,"annotations":[]}`, "", `{"role":"r"}`, ""},
		{"zero emit_null", new(chatv1.ChatMessage), `{"role":"r","content":"","refusal":"","annotations":[]}`, "", `{"role":"r","content":"","refusal":""}`, ""},
		{"the other kind of emit_null", new(chatv1.ChatMessage), `{"role":"r","content":[{"type":"text","text":"t"}],"refusal":"no"}`, `{"role":"r","content":[{"type":"text","text":"t"}],"refusal":"no","annotations":[]}`, "", ""},
		{"a wrong kind of emit_null", new(chatv1.ChatMessage), `{"role":"r","content":7}`, `{"role":"r","refusal":null,"annotations":[],"content":7}`, "", `{"content":7}`},
		{"null emit_empty", new(chatv1.ChatMessage), `{"role":"r","content":"c","refusal":"f","annotations":null}`, "", "", `{"annotations":null}`},
		{"null optional", new(chatv1.ChatDelta), `{"content":null,"tool_calls":null}`, "", "", `{"content":null,"tool_calls":null}`},
		{"zero optional", new(chatv1.ChatDelta), `{"role":"","content":""}`, "", "", ""},
		{"empty list", new(chatv1.ChatDelta), `{"tool_calls":[]}`, "", "", `{"tool_calls":[]}`},
		{"absent everything", new(chatv1.ChatDelta), `{}`, "", "", ""},
		{"null plain", new(chatv1.UrlCitation), `{"url":"u","title":"t","start_index":0,"end_index":null}`, "", "", `{"end_index":null}`},
		{"absent plain", new(chatv1.UrlCitation), `{}`, `{"url":"","title":"","start_index":0,"end_index":0}`, `{"url":"","title":"","start_index":0,"end_index":0}`, ""},
		{"null object", new(chatv1.CompletionUsage), `{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"prompt_tokens_details":null}`, "", "", `{"prompt_tokens_details":null}`},
		{"empty object", new(chatv1.CompletionUsage), `{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2,"prompt_tokens_details":{}}`, "", "", ""},
		{"empty map", new(chatv1.ChatCompletionParams), `{"model":"m","metadata":{}}`, "", "", `{"metadata":{}}`},
		{"null map", new(chatv1.ChatCompletionParams), `{"model":"m","metadata":null}`, "", "", `{"metadata":null}`},
		{"null deferred", new(chatv1.ChatCompletionParams), `{"model":"m","tools":null}`, "", "", `{"tools":null}`},
		{"empty deferred", new(chatv1.ChatCompletionParams), `{"model":"m","tools":[]}`, "", "", ""},
		{"wrong deferred", new(chatv1.ChatCompletionParams), `{"model":"m","messages":"hi"}`, "", "", `{"messages":"hi"}`},
		{"null raw", new(chatv1.ChatCompletionParams), `{"model":"m","moderation":null}`, "", "", ""},
		{"null beside raw", new(chatv1.AudioParams), `{"voice":null,"format":"mp3"}`, "", "", ""},
		{"string beside raw", new(chatv1.AudioParams), `{"voice":"alloy","format":"mp3"}`, "", "", ""},
		{"object beside raw", new(chatv1.AudioParams), `{"voice":{"id":"v"},"format":"mp3"}`, "", "", ""},
		{"null list of numbers", new(chatv1.TopLogprob), `{"token":"t","logprob":0,"bytes":null}`, "", `{"token":"t","logprob":0}`, ""},
		{"empty list of numbers", new(chatv1.TopLogprob), `{"token":"t","logprob":0,"bytes":[]}`, "", "", `{"bytes":[]}`},
		{"null type", new(chatv1.ChatContentPart), `{"text":"t","type":null}`, "", "", `{"type":null}`},
		{"null constant", new(chatv1.ChatCompletion), `{"id":"i","created":1,"model":"m","choices":[],"object":null}`, "", `{"id":"i","created":1,"model":"m","object":null}`, `{"object":null}`},
		{"another constant", new(chatv1.ChatCompletion), `{"id":"i","created":1,"model":"m","choices":[],"object":"x"}`, "", `{"id":"i","created":1,"model":"m","object":"x"}`, `{"object":"x"}`},
		{"absent constant", new(modelsv1.Model), `{"id":"i"}`, `{"id":"i","object":"model","created":0,"owned_by":""}`, `{"id":"i","object":"model","created":0,"owned_by":""}`, ""},
		{"null usage of a chunk", new(chatv1.ChatCompletionChunk), `{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":null}`, `{"id":"i","object":"chat.completion.chunk","created":1,"model":"m","choices":[]}`, `{"id":"i","object":"chat.completion.chunk","created":1,"model":"m"}`, ""},
		{"the nulls of an error", new(commonv1.ApiError), `{"message":"m","type":"t"}`, `{"message":"m","type":"t","param":null,"code":null}`, "", ""},
		{"a derived field has no member", new(modelsv1.Model), `{"id":"i","object":"model","created":1,"owned_by":"o","stale":true,"capabilities":["x"]}`, "", "", `{"stale":true,"capabilities":["x"]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			decode(t, c.text, c.m)
			if got := extraOf(c.m.ProtoReflect()); got != c.extra {
				t.Errorf("extra_json %s, want %s", got, c.extra)
			}
			for mode, want := range map[wire.Mode]string{wire.Reply: c.reply, wire.Request: c.sent} {
				if want == "" {
					want = c.text
				}
				for _, m := range []proto.Message{c.m, throughProtobuf(t, c.m)} {
					if got := encode(t, m, mode); got != want {
						t.Errorf("mode %d: got  %s\nwant %s", mode, got, want)
					}
				}
			}
		})
	}
}

// TestWrongKindsAreKept says that a value of any other kind than the field's is
// kept and written back, for every kind of field.
func TestWrongKindsAreKept(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"null": "null", "bool": "true", "number": "1.5", "string": `"s"`, "object": `{"a":[1]}`, "array": `[{"a":1},2]`,
	}
	for member, takes := range map[string][]string{
		"model": {"string"}, "user": {"string"}, "n": nil, "seed": nil, "temperature": {"number"}, "stream": {"bool"},
		"modalities": nil, "stop": {"string"}, "metadata": nil, "logit_bias": nil, "tool_choice": {"string", "object"},
		"stream_options": {"object"}, "functions": nil, "messages": {"array"}, "tools": {"array"},
		"moderation": {"null", "bool", "number", "string", "object", "array"},
	} {
		for kind, text := range values {
			m := params(t, fmt.Sprintf(`{%q:%s}`, member, text))
			held, ok := wire.Member(m.GetExtraJson(), member)
			if ok == slices.Contains(takes, kind) || ok && held != text {
				t.Errorf("%s: %s: kept %v as %s", member, text, ok, held)
			}
			got, _ := value(t, encode(t, m, wire.Request)).(map[string]any)
			differences := compare("", value(t, text), got[member])
			if member == "tool_choice" && kind == "object" {
				differences = slices.DeleteFunc(differences, func(d string) bool { return d == `+type=""` }) // a plain field
			}
			if len(differences) > 0 {
				t.Errorf("%s: %v", member, differences)
			}
		}
	}
}

// TestPartOfAListIsKeptWhole says that a list or map with one element of a wrong
// kind is kept as it came.
func TestPartOfAListIsKeptWhole(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`{"model":"m","functions":[{"name":"f"},null]}`,
		`{"model":"m","functions":[{"name":"f","x":1,"parameters":{}},[]]}`,
		`{"model":"m","modalities":["text",1]}`,
		`{"model":"m","metadata":{"a":"1","b":null}}`,
		`{"model":"m","logit_bias":{"a":1,"b":"2"}}`,
		`{"model":"m","stop":["a",{}]}`,
	} {
		m := params(t, text)
		if got := encode(t, m, wire.Request); got != text {
			t.Errorf("got %s, want %s", got, text)
		}
		m.Model, m.ExtraJson = "", ""
		if proto.Size(m) > 0 {
			t.Errorf("%s: a part of it was kept in the field", text)
		}
	}
}
