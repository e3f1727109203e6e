package wire_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

func decode(tb testing.TB, text string, m proto.Message) {
	tb.Helper()
	if err := codec.Decode(text, m, wire.Limits{}); err != nil {
		tb.Fatalf("%v: %.300s", err, text)
	}
}

func encode(tb testing.TB, m proto.Message, mode wire.Mode) string {
	tb.Helper()
	out, err := codec.Append(nil, m, mode)
	if err != nil {
		tb.Fatal(err)
	}
	return string(out)
}

// throughProtobuf returns the message that a gRPC peer would read.
func throughProtobuf(tb testing.TB, m proto.Message) proto.Message {
	tb.Helper()
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	out := m.ProtoReflect().New().Interface()
	if err := proto.Unmarshal(data, out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// additions are the members that the codec writes although a recorded document
// had none: what OpenAI always sends, and plain fields of documents that are not
// quite OpenAI's.
var additions = []string{
	"choices[].finish_reason=null",
	"choices[].logprobs.refusal=null",
	"choices[].logprobs=null",
	"choices[].message.annotations=[]",
	"choices[].message.content=null",
	"choices[].message.refusal=null",
	"data[].created=0",

	// Responses of other providers, and of OpenAI before it had these members.
	"completed_at=null",
	"error=null",
	"incomplete_details=null",
	"instructions=null",
	"max_output_tokens=null",
	"max_tool_calls=null",
	"metadata={}",
	"previous_response_id=null",
	"prompt_cache_key=null",
	"safety_identifier=null",
	"temperature=null",
	"tools=[]",
	"top_p=null",
	"usage=null",
	"user=null",

	"item.content[].logprobs=[]",
	"logprobs=[]",
	"output[].content[].logprobs=[]",
	"part.logprobs=[]",
	"sequence_number=0",
}

// dropped is the one member that is read as unset although it is not always
// written: REST writes it for a client that asked, as the chunk's proto says.
const dropped = "-.usage=null"

// recordedDocuments is how many documents testdata/recorded has.
const recordedDocuments = 13984

// TestRecordedRoundTrip says that a recorded document comes out as it went in,
// by JSON and by protobuf: no value is lost or changed, and what is added is on a
// short list.
func TestRecordedRoundTrip(t *testing.T) {
	t.Parallel()
	added := make(map[string]int)
	all := documents(t)
	for _, doc := range all {
		m := doc.make()
		decode(t, doc.text, m)
		out := encode(t, m, doc.mode)
		if again := encode(t, throughProtobuf(t, m), doc.mode); again != out {
			t.Errorf("%s: through protobuf:\n%s\n%s", doc.name, out, again)
		}
		if err := codec.Check(m, wire.Limits{}); err != nil {
			t.Errorf("%s: %v", doc.name, err)
		}
		for _, difference := range compare("", value(t, doc.text), value(t, out)) {
			addition, isAddition := strings.CutPrefix(difference, "+")
			addition = strings.TrimPrefix(addition, "response.") // an event's response is one
			if !isAddition && difference != dropped {
				t.Errorf("%s: %s", doc.name, difference)
			}
			if isAddition && !slices.Contains(additions, addition) {
				t.Errorf("%s: %s was added", doc.name, addition)
			}
			added[addition]++
		}
	}
	for _, addition := range additions {
		if added[addition] == 0 {
			t.Errorf("%s is on the list and never added", addition)
		}
	}
	if len(all) != recordedDocuments {
		t.Errorf("%d documents, want %d", len(all), recordedDocuments)
	}
}

// TestRecordedRequestsExpand says that the typed form of a recorded request goes
// upstream with the values that it came with.
func TestRecordedRequestsExpand(t *testing.T) {
	t.Parallel()
	n := 0
	for _, doc := range documents(t) {
		m := doc.make()
		decode(t, doc.text, m)
		if doc.mode.Replies() {
			continue
		}
		n++
		if err := expand(m); err != nil {
			t.Errorf("%s: %v", doc.name, err)
		}
		for _, difference := range compare("", value(t, doc.text), value(t, encode(t, m, doc.mode))) {
			t.Errorf("%s: %s", doc.name, difference)
		}
	}
	if n == 0 {
		t.Error("no requests")
	}
}

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
