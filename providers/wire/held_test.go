package wire_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// heldMembers are the members that have a field and stand in extra_json all the
// same, over all recorded documents: explicit nulls, and values of a kind that
// the field does not take.
var heldMembers = map[string]int{
	"BuiltinToolItem.call_id=null":                8,
	"ChatCompletion.metadata=object":              1, // empty
	"ChatCompletion.system_fingerprint=null":      1,
	"ChatCompletionChunk.object=string":           1, // empty, in Azure's first chunk
	"ChatCompletionChunk.system_fingerprint=null": 7,
	"ChatDelta.content=array":                     3, // Mistral's thinking
	"ChatDelta.content=null":                      700,
	"ChatDelta.reasoning_content=null":            354,
	"ChatDelta.refusal=null":                      14,
	"ChatDelta.role=null":                         783,
	"ChatDelta.tool_calls=null":                   784,
	"ChatMessage.function_call=null":              2,
	"ChatMessage.tool_calls=null":                 3,
	"ChoiceLogprobs.content=array":                1, // empty
	"ChoiceLogprobs.refusal=array":                1, // empty
	"CompletionUsage.prompt_tokens_details=null":  1,
	"ContentPart.annotations=array":               5, // empty, before the type
	"Item.other_json=x_search_call":               1,
	"McpItem.approval_request_id=null":            7,
	"McpItem.output=null":                         3,
	"ReasoningItem.content=array":                 9, // empty
	"ReasoningItem.encrypted_content=null":        3,
	"Response.prompt_cache_retention=null":        118,
	"ResponseTool.description=null":               8,
}

// TestExtraHoldsOnlyWhatNoFieldCanHold counts the members with a field in the
// extra_json of all recorded documents, at every level.
func TestExtraHoldsOnlyWhatNoFieldCanHold(t *testing.T) {
	t.Parallel()
	got := make(map[string]int)
	for _, doc := range documents(t) {
		m := doc.make()
		decode(t, doc.text, m)
		if err := expand(m); err != nil {
			t.Fatalf("%s: %v", doc.name, err)
		}
		countHeld(t, m.ProtoReflect(), got)
	}
	for _, difference := range compare("", asValue(t, heldMembers), asValue(t, got)) {
		t.Error(difference)
	}
}

// expand makes the typed form of a request's deferred members.
func expand(m proto.Message) error {
	switch m := m.(type) {
	case *chatv1.ChatCompletionParams:
		return codec.ExpandChatCompletionParams(m, wire.Limits{})
	case *responsesv1.ResponseParams:
		return codec.ExpandResponseParams(m, wire.Limits{})
	case *embeddingsv1.EmbeddingParams:
		return codec.ExpandEmbeddingParams(m, wire.Limits{})
	}
	return nil
}

func asValue(tb testing.TB, v any) any {
	tb.Helper()
	return value(tb, text(v))
}

// countHeld counts a message and those below it.
func countHeld(tb testing.TB, m protoreflect.Message, counts map[string]int) {
	tb.Helper()
	if extra := extraOf(m); extra != "" {
		members, _ := value(tb, extra).(map[string]any)
		for name, v := range members {
			if known(m.Descriptor(), name) {
				counts[string(m.Descriptor().Name())+"."+name+"="+kindOf(v)]++
			}
		}
	}
	countBeside(tb, m, counts)
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap() || f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				countHeld(tb, v.List().Get(i).Message(), counts)
			}
		default:
			countHeld(tb, v.Message(), counts)
		}
		return true
	})
}

// countBeside counts what a union leaves to its arm, and the objects that no arm
// takes.
func countBeside(tb testing.TB, m protoreflect.Message, counts map[string]int) {
	tb.Helper()
	if !messageShape(m.Descriptor()).GetUnion() {
		return
	}
	name := string(m.Descriptor().Name())
	arm := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if arm.Message() == nil {
		counts[name+".other_json="+m.Get(m.Descriptor().Fields().ByName("type")).String()]++
		return
	}
	members, _ := value(tb, or(extraOf(m.Get(arm).Message()), "{}")).(map[string]any)
	for member := range members {
		if known(m.Descriptor(), member) {
			counts[name+"."+member]++
		}
	}
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func extraOf(m protoreflect.Message) string {
	f := m.Descriptor().Fields().ByName("extra_json")
	if f == nil {
		return ""
	}
	return m.Get(f).String()
}

// known says whether the message has a field for a member. It asks the options
// themselves, not the generated code.
func known(m protoreflect.MessageDescriptor, name string) bool {
	if name == "object" && messageShape(m).GetObject() != "" {
		return true
	}
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		if keyOf(f) == name && f.Name() != "extra_json" && !fieldShape(f).GetDerived() {
			return true
		}
	}
	return false
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "bool"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	default:
		return "number"
	}
}
