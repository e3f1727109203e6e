package wire_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// TestUnion is the table of what an object of a union may be: which arm it is, what
// stands in the arm's extra_json, and what is written of it.
func TestUnion(t *testing.T) {
	t.Parallel()
	item, event := new(responsesv1.Item), new(responsesv1.StreamEvent)
	const delta = `{"type":"response.refusal.delta","sequence_number":7,"delta":"a"`
	for _, c := range []struct {
		name  string
		kind  proto.Message
		text  string
		arm   protoreflect.Name
		extra string
		reply string // "" means: as the text
		sent  string // as a request; "" means: as the text
	}{
		{"the type first", event, delta + `}`, "delta", "", "", ""},
		{"the type last", event, `{"delta":"a","sequence_number":7,"type":"response.refusal.delta"}`, "delta", "", delta + `}`, delta + `}`},
		{"the type behind an object", event, `{"x":{"type":"y"},"type":"response.refusal.delta","sequence_number":7,"delta":"a"}`, "delta", `{"x":{"type":"y"}}`, delta + `,"x":{"type":"y"}}`, delta + `,"x":{"type":"y"}}`},
		{"the type in escapes", event, `{"t\u0079pe":"response.refusal\u002edelta","sequence_number":7,"delta":"a"}`, "delta", "", delta + `}`, delta + `}`},
		{"no sequence number", event, `{"type":"response.refusal.delta","delta":"a"}`, "delta", "", `{"type":"response.refusal.delta","sequence_number":0,"delta":"a"}`, `{"type":"response.refusal.delta","sequence_number":0,"delta":"a"}`},
		{"a sequence number of a wrong kind", event, `{"type":"response.refusal.delta","delta":"a","sequence_number":"7"}`, "delta", `{"sequence_number":"7"}`, "", ""},
		{"members of other arms", event, `{"type":"error","sequence_number":0,"message":"m","delta":"d"}`, "error", `{"delta":"d"}`, "", ""},
		{"an unknown type", event, `{"sequence_number": 7, "delta":1.0, "type":"response.new"}`, "other_json", "", "", ""},
		{"a type of a wrong kind", event, `{"type":["error"],"message":"m"}`, "other_json", "", "", ""},
		{"no type where one must be", event, `{"message":"m"}`, "other_json", "", "", ""},
		{"a null type where one must be", event, `{"type":null,"message":"m"}`, "other_json", "", "", ""},
		{"the type in another case", event, `{"Type":"error"}`, "other_json", "", "", ""},
		{"nothing", event, `{}`, "other_json", "", "", ""},

		{"a message", item, `{"type":"message","role":"user","content":"c"}`, "message", "", "", ""},
		{"a message without a type", item, `{"role":"user","content":"c"}`, "message", "", `{"type":"message","role":"user","content":"c"}`, ""},
		{"a message with a null type", item, `{"role":"user","content":"c","type":null}`, "message", `{"type":null}`, "", ""},
		{"a reference without a type", item, `{"id":"i"}`, "item_reference", "", `{"type":"item_reference","id":"i"}`, ""},
		{"a reference", item, `{"type":"item_reference","id":"i"}`, "item_reference", "", "", ""},
		{"a message with an id and no type", item, `{"id":"i","role":"user","content":"c"}`, "message", "", `{"type":"message","id":"i","role":"user","content":"c"}`, ""},
		{"neither type nor role nor id", item, `{"content":"c"}`, "other_json", "", "", ""},
		{"a message without content", item, `{"type":"message","role":"assistant","content":[]}`, "message", "", "", ""},
		{"an empty type", item, `{"type":"","role":"user"}`, "other_json", "", "", ""},
		{"one of several types", item, `{"type":"shell_call","id":"i","action":{"commands":[ "ls" ]}}`, "builtin_tool", "", "", ""},
		{"a list that requests need too", item, `{"type":"reasoning","summary":[]}`, "reasoning", "", "", ""},
		{"without the list that requests need too", item, `{"type":"reasoning"}`, "reasoning", "", `{"type":"reasoning","summary":[]}`, `{"type":"reasoning","summary":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := c.kind.ProtoReflect().New().Interface()
			decode(t, c.text, m)
			arm := m.ProtoReflect().WhichOneof(m.ProtoReflect().Descriptor().Oneofs().Get(0))
			if arm.Name() != c.arm {
				t.Errorf("read as %s, want %s", arm.Name(), c.arm)
			}
			if arm.Message() != nil && extraOf(m.ProtoReflect().Get(arm).Message()) != c.extra {
				t.Errorf("extra_json %s, want %s", extraOf(m.ProtoReflect().Get(arm).Message()), c.extra)
			}
			if err := codec.Check(m, wire.Limits{}); err != nil {
				t.Error(err)
			}
			for mode, want := range map[wire.Mode]string{wire.Reply: c.reply, wire.Request: c.sent} {
				if want == "" {
					want = c.text
				}
				for _, m := range []proto.Message{m, throughProtobuf(t, m)} {
					if got := encode(t, m, mode); got != want {
						t.Errorf("mode %d: got  %s\nwant %s", mode, got, want)
					}
				}
			}
		})
	}
}

// TestUnionKnowsItsOwn says that the type and what stands beside the arms are fields
// of the union whatever the arm is.
func TestUnionKnowsItsOwn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"type":"response.audio.delta","sequence_number":5}`:           "response.audio.delta 5",
		`{"sequence_number":5,"x":1,"type":"response.new"}`:             "response.new 5",
		`{"type":7,"sequence_number":"5"}`:                              " 0",
		`{"type":"response.\u006eew","sequence_number":5e0,"y":[true]}`: "response.new 5",
	} {
		var m responsesv1.StreamEvent
		decode(t, text, &m)
		if got := fmt.Sprint(m.GetType(), " ", m.GetSequenceNumber()); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// TestUnionFaults says what each bad object is told, with the type before and behind
// the fault.
func TestUnionFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		kind       wire.Kind
		path       string
	}{
		{"a type twice", `{"type":"message","type":"message"}`, wire.DuplicateKey, "type"},
		{"two types", `{"type":"x","role":"r","type":"message"}`, wire.DuplicateKey, "type"},
		{"a type twice, spelled in two ways", `{"type":"x","\u0074ype":"message"}`, wire.DuplicateKey, "type"},
		{"an arm's member twice", `{"type":"message","role":"a","role":"b"}`, wire.DuplicateKey, "role"},
		{"an unknown member twice", `{"type":"message","x":1,"x":2}`, wire.DuplicateKey, "x"},
		{"a member of an unknown type twice", `{"role":"a","type":"x","role":"b"}`, wire.DuplicateKey, "role"},
		{"not JSON before the type", `{"x":01,"type":"message"}`, wire.NotJSON, "x"},
		{"not JSON behind the type", `{"type":"message","x":[1,]}`, wire.NotJSON, "x[1]"},
		{"open", `{"type":"message"`, wire.NotJSON, "type"},
		{"open name", `{"type":"message","rol`, wire.NotJSON, ""},
		{"open type", `{"type":"mess`, wire.NotJSON, "type"},
		{"no colon", `{"type" "message"}`, wire.NotJSON, "type"},
		{"no value", `{"role":`, wire.NotJSON, "role"},
		{"two commas", `{"type":"message",,"role":"r"}`, wire.NotJSON, ""},
		{"a comma first", `{,"type":"message"}`, wire.NotJSON, ""},
		{"no comma", `{"role":"r" "type":"message"}`, wire.NotJSON, "role"},
		{"a lone surrogate as a type", `{"type":"\ud800"}`, wire.LoneSurrogate, "type"},
		{"invalid UTF-8 as a name", "{\"\xff\":1,\"type\":\"message\"}", wire.InvalidUTF8, ""},
		{"too deep before the type", `{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `,"type":"message"}`, wire.TooDeep, ""},
		{"an array", `[]`, wire.WrongKind, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := fault(codec.DecodeItem(c.text, new(responsesv1.Item), wire.Limits{}))
			if err.Kind != c.kind || err.Path != c.path && c.kind != wire.TooDeep {
				t.Errorf("got %v at %q, want %v at %q", err.Kind, err.Path, c.kind, c.path)
			}
		})
	}
}

// TestUnionByHand says what a message that code made looks like.
func TestUnionByHand(t *testing.T) {
	t.Parallel()
	message := &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", Content: proto.String("c")}}
	for _, c := range []struct {
		name        string
		m           proto.Message
		reply, sent string
	}{
		{"nothing", new(responsesv1.Item), `{}`, `{}`},
		{"a nil", (*responsesv1.Item)(nil), `{}`, `{}`},
		{"a nil event", (*responsesv1.StreamEvent)(nil), `{"sequence_number":0}`, `{"sequence_number":0}`},
		{"only a type", &responsesv1.Item{Type: "x"}, `{"type":"x"}`, `{"type":"x"}`},
		{"an empty object", &responsesv1.Item{Type: "x", Item: &responsesv1.Item_OtherJson{}}, `{"type":"x"}`, `{"type":"x"}`},
		{"a nil arm", &responsesv1.Item{Item: &responsesv1.Item_ItemReference{}}, `{"type":"item_reference","id":""}`, `{"id":""}`},
		{"a message", &responsesv1.Item{Item: message}, `{"type":"message","role":"user","content":"c"}`, `{"role":"user","content":"c"}`},
		{"a typed message", &responsesv1.Item{Type: "message", Item: message}, `{"type":"message","role":"user","content":"c"}`, `{"type":"message","role":"user","content":"c"}`},
		{
			"the first of several types",
			&responsesv1.Item{Item: &responsesv1.Item_ToolOutput{ToolOutput: &responsesv1.ToolOutputItem{Output: proto.String("o")}}},
			`{"type":"function_call_output","output":"o"}`, `{"type":"function_call_output","output":"o"}`,
		},
		{
			"a field above the text that was kept for it",
			&responsesv1.StreamEvent{SequenceNumber: 2, Event: &responsesv1.StreamEvent_Error{Error: &responsesv1.ErrorEvent{ExtraJson: `{"sequence_number":"1","type":null,"x":1}`}}},
			`{"sequence_number":2,"type":null,"x":1}`, `{"sequence_number":2,"type":null,"x":1}`,
		},
		{
			"the lists of a type by the arm's own default",
			&responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Delta{Delta: &responsesv1.DeltaEvent{Delta: "a"}}},
			`{"type":"response.output_text.delta","sequence_number":0,"delta":"a","logprobs":[]}`, `{"type":"response.output_text.delta","sequence_number":0,"delta":"a"}`,
		},
		{"an arm alone has no type", &responsesv1.DeltaEvent{Delta: "a"}, `{"delta":"a"}`, `{"delta":"a"}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for mode, want := range map[wire.Mode]string{wire.Reply: c.reply, wire.Request: c.sent} {
				if got := encode(t, c.m, mode); got != want {
					t.Errorf("mode %d: got  %s\nwant %s", mode, got, want)
				}
			}
		})
	}
}

// TestEmitTypes says which members are written and read as unset by the type alone.
func TestEmitTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text, extra, reply string
		kind                     proto.Message
	}{
		{"absent, the type", `{"type":"output_text","text":"t"}`, "", `{"type":"output_text","text":"t","annotations":[],"logprobs":[]}`, new(responsesv1.ContentPart)},
		{"absent, another type", `{"type":"input_text","text":"t"}`, "", `{"type":"input_text","text":"t"}`, new(responsesv1.ContentPart)},
		{"absent, no type", `{"text":"t"}`, "", `{"type":"","text":"t"}`, new(responsesv1.ContentPart)},
		{"empty, the type", `{"type":"output_text","annotations":[]}`, "", `{"type":"output_text","annotations":[],"logprobs":[]}`, new(responsesv1.ContentPart)},
		{"empty, the type behind it", `{"annotations":[],"type":"output_text"}`, `{"annotations":[]}`, `{"type":"output_text","logprobs":[],"annotations":[]}`, new(responsesv1.ContentPart)},
		{"empty, another type", `{"type":"refusal","annotations":[]}`, `{"annotations":[]}`, `{"type":"refusal","annotations":[]}`, new(responsesv1.ContentPart)},
		{"null, the type", `{"type":"function","strict":null,"parameters":null}`, "", `{"type":"function","parameters":null,"strict":null}`, new(responsesv1.ResponseTool)},
		{"null, another type", `{"type":"custom","strict":null,"parameters":null}`, `{"strict":null}`, `{"type":"custom","parameters":null,"strict":null}`, new(responsesv1.ResponseTool)},
		{"the type of the union", `{"type":"response.output_text.done","sequence_number":1,"text":"t"}`, "", `{"type":"response.output_text.done","sequence_number":1,"text":"t","logprobs":[]}`, new(responsesv1.StreamEvent)},
		{"another type of the union", `{"type":"response.refusal.done","sequence_number":1,"refusal":"t"}`, "", `{"type":"response.refusal.done","sequence_number":1,"refusal":"t"}`, new(responsesv1.StreamEvent)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			decode(t, c.text, c.kind)
			if got := encode(t, c.kind, wire.Reply); got != c.reply {
				t.Errorf("got  %s\nwant %s", got, c.reply)
			}
			if got := extraOf(c.kind.ProtoReflect()); got != c.extra {
				t.Errorf("extra_json %s, want %s", got, c.extra)
			}
		})
	}
}

// TestCheckUnion says what a caller's own message may not be: what is written must
// be read as the arm that is set.
func TestCheckUnion(t *testing.T) {
	t.Parallel()
	other := func(typ, text string) *responsesv1.Item {
		return &responsesv1.Item{Type: typ, Item: &responsesv1.Item_OtherJson{OtherJson: text}}
	}
	message := func(typ, extra string) *responsesv1.Item {
		return &responsesv1.Item{Type: typ, Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", ExtraJson: extra}}}
	}
	reference := func(typ, extra string) *responsesv1.Item {
		return &responsesv1.Item{Type: typ, Item: &responsesv1.Item_ItemReference{ItemReference: &responsesv1.ItemReference{Id: "i", ExtraJson: extra}}}
	}
	for _, c := range []struct {
		name string
		m    proto.Message
		kind wire.Kind
		path string
	}{
		{"an unknown type", other("", `{"type":"x"}`), 0, ""},
		{"an unknown type, said twice", other("x", ` {"type":"x","a":{"b":1,"b":2}} `), 0, ""},
		{"another type than its text", other("y", `{"type":"x"}`), wire.Conflict, "other_json.type"},
		{"a known type in the text", other("", `{"a":1,"type":"message"}`), wire.WrongType, "other_json"},
		{"a message without a type in the text", other("", `{"role":"user"}`), wire.WrongType, "other_json"},
		{"a text that is no object", other("", `["x"]`), wire.WrongKind, "other_json"},
		{"a text with a name twice", other("", `{"type":"x","type":"message"}`), wire.DuplicateKey, "other_json.type"},
		{"a text that is not JSON", other("", `{"type":"x"`), wire.NotJSON, "other_json.type"},
		{"a text that is too deep", other("", `{"type":"x","a":`+strings.Repeat("[", 100)+strings.Repeat("]", 100)+`}`), wire.TooDeep, ""},
		{"no text", other("", ``), 0, ""},
		{"an arm's type", message("message", ""), 0, ""},
		{"no type", message("", ""), 0, ""},
		{"a type of another arm", message("reasoning", ""), wire.WrongType, "type"},
		{"a type of no arm", message("x", ""), wire.WrongType, "type"},
		{"a null type beside", message("", `{"type":null}`), 0, ""},
		{"a type beside", message("", `{"type":"reasoning"}`), wire.Conflict, "message.extra_json"},
		{"a null type beside a type", message("message", `{"type":null}`), wire.Conflict, "message.extra_json"},
		{"a bad text beside", message("", `{"x":}`), wire.NotJSON, "message.extra_json.x"},
		{"what would make it another arm", reference("", `{"role":"user","content":"c"}`), wire.Conflict, "item_reference.extra_json"},
		{"the same with a type", reference("item_reference", `{"role":"user"}`), 0, ""},
		{"in a list", &responsesv1.ResponseParams{InputItems: []*responsesv1.Item{nil, message("x", "")}}, wire.WrongType, "input_items[1].type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := fault(codec.Check(c.m, wire.Limits{}))
			if err.Kind != c.kind || err.Path != c.path && c.kind != wire.TooDeep {
				t.Errorf("got %v at %q, want %v at %q", err.Kind, err.Path, c.kind, c.path)
			}
		})
	}
}
