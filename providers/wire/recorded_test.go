package wire_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

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
