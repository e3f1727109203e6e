package wire_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// seeds are documents that a fuzzer may start from: one of each recorded file,
// and odd ones.
func seeds(f *testing.F) {
	f.Helper()
	last := ""
	for _, doc := range documents(f) {
		if doc.name != last {
			f.Add(doc.text)
		}
		last = doc.name
	}
	f.Add(everything)
	for _, text := range []string{
		`{}`, `[]`, `null`, `"\ud83d\ude00"`, `"\ud83d"`, `{"a":1,"\u0061":2}`, `{"model":"é\n","n":1e0,"seed":-0,"top_p":1e400}`, "{\"model\":\"\xff\"}",
		`{"messages":[[[[]]]],"tools":{},"x":[1,2,{"y":"\u0000"}]}`, `{"content":[{"type":"text","text":"a"},1]}`, ` { "object" : "x" } `,
	} {
		f.Add(text)
	}
}

// stricter says whether our rules refuse what JSON allows.
func stricter(kind wire.Kind) bool {
	switch kind {
	case wire.InvalidUTF8, wire.LoneSurrogate, wire.TooDeep, wire.DuplicateKey, wire.TooMany, wire.UnknownMember, wire.WrongKind:
		return true
	}
	return false
}

// FuzzDecode says, for replies, chunks, requests and messages of ours: what is
// not JSON to encoding/json is a fault to us; what is JSON is a fault only by a
// stricter rule; and what is read comes out with the same values, by protobuf
// too.
func FuzzDecode(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range []proto.Message{
			new(chatv1.ChatCompletion), new(chatv1.ChatCompletionChunk), new(chatv1.ChatMessage), new(chatv1.ChatCompletionParams),
			new(planv1.ExplainRequest), new(auditv1.AuditEntry), new(responsesv1.Response), new(responsesv1.StreamEvent),
			new(responsesv1.Item), new(responsesv1.ResponseParams), new(embeddingsv1.EmbeddingList), new(embeddingsv1.EmbeddingParams),
		} {
			err := codec.Decode(text, m, wire.Limits{})
			valid := json.Valid([]byte(text))
			if kind := fault(err).Kind; (err != nil) == valid && !stricter(kind) {
				t.Fatalf("%T: valid %v, but %v", m, valid, err)
			}
			if err != nil {
				continue
			}
			if err := codec.Check(m, wire.Limits{}); err != nil {
				t.Fatalf("%T: what was read does not pass the check: %v", m, err)
			}
			sameValues(t, text, m)
		}
	})
}

// isCanonical says whether a difference is what the codec does on purpose: members
// that are always written are added, a null that means unset goes, and an empty
// type becomes its payload's name.
func isCanonical(difference string) bool {
	return difference[0] == '+' || difference[0] == '-' && strings.HasSuffix(difference, "=null") ||
		strings.Contains(difference, `type: "" became "`)
}

// sameValues says that no value of a document is lost or changed.
func sameValues(t *testing.T, text string, m proto.Message) {
	t.Helper()
	out := encode(t, m, wire.Reply)
	if again := encode(t, throughProtobuf(t, m), wire.Reply); again != out {
		t.Fatalf("through protobuf:\n%s\n%s", out, again)
	}
	got, err := parse(out)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, difference := range compare("", value(t, text), got) {
		if isCanonical(difference) || isVector(m, difference) {
			continue
		}
		if isOurs(m) && (difference[0] == '-' && (strings.HasSuffix(difference, "=[]") || strings.HasSuffix(difference, "={}")) || isRewritten(difference)) {
			continue
		}
		t.Fatalf("%T: %s\nread  %s\nwrote %s", m, difference, text, out)
	}
}

// isVector says whether a difference is the other form of a vector, or its rounding,
// which FuzzFloats looks at.
func isVector(m proto.Message, difference string) bool {
	_, ok := m.(*embeddingsv1.EmbeddingList)
	return ok && strings.HasPrefix(difference, ".data[].embedding") && strings.Contains(difference, " became ")
}

func isOurs(m proto.Message) bool {
	switch m.(type) {
	case *planv1.ExplainRequest, *auditv1.AuditEntry:
		return true
	}
	return false
}

// isRewritten says whether a difference is one of spelling: times, numbers of
// enums, and nulls for plain fields.
func isRewritten(difference string) bool {
	return strings.Contains(difference, "time") || strings.Contains(difference, "duration") || strings.Contains(difference, " null became ") ||
		strings.Contains(difference, "start") || strings.Contains(difference, "ttl") || strings.Contains(difference, "planned") ||
		strings.Contains(difference, "admitted") || strings.Contains(difference, "connected") || strings.Contains(difference, "first_token") ||
		strings.Contains(difference, "end:") || strings.Contains(difference, "entrance:") || strings.Contains(difference, "reason:") ||
		strings.Contains(difference, "operation:") || strings.Contains(difference, "mode:")
}

// FuzzSkip says that the skipping pass accepts what encoding/json accepts, but
// for our stricter rules, and carries it byte for byte.
func FuzzSkip(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text string) {
		m := new(chatv1.ChatCompletionParams)
		err := codec.DecodeChatCompletionParams(`{"moderation":`+text+`}`, m, wire.Limits{})
		oracle := json.Valid([]byte(text))
		if kind := fault(err).Kind; (err != nil) == oracle && !stricter(kind) {
			// Text that closes our object and opens another is JSON to us alone.
			if !json.Valid([]byte(`{"moderation":` + text + `}`)) {
				t.Fatalf("valid %v, but %v", oracle, err)
			}
		}
		if err != nil || !oracle {
			return
		}
		if want := strings.Trim(text, " \t\r\n"); m.GetModerationJson() != want {
			t.Fatalf("kept %q, want %q", m.GetModerationJson(), want)
		}
		if err := codec.CheckChatCompletionParams(&chatv1.ChatCompletionParams{ModerationJson: text}, wire.Limits{}); err != nil {
			t.Fatal(err)
		}
		if !utf8.ValidString(text) {
			t.Fatal("invalid UTF-8 was carried")
		}
	})
}

// FuzzExpand says that the expanded form of a twin has the values of its text,
// and that a failed expansion changes nothing.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{
		`[]`, `[{"role":"user","content":"hi"}]`,
		`[{"role":"user","content":[{"type":"text","text":"\ud83d\ude00"},{"type":"image_url","image_url":{"url":"u","x":1}}]}]`,
		`[{"role":"user","content":[{"type":"","image_url":{}}]}]`,
		`[{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"arguments":"{}"}}]},{"role":"tool","a":1,"a":2}]`,
		`[{"id":"i"},{"type":"reasoning","summary":[]},{"type":"x","n":1.0},{"type":null,"role":"user"}]`, `["a","b"]`, `[1,2]`, `[[1],[]]`,
	} {
		f.Add(text)
	}
	for _, doc := range documents(f) {
		switch m := doc.make().(type) {
		case *chatv1.ChatCompletionParams:
			decode(f, doc.text, m)
			f.Add(m.GetMessagesJson())
		case *responsesv1.ResponseParams:
			decode(f, doc.text, m)
			f.Add(m.GetInputJson())
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" {
			return
		}
		expandedHasValues(t, &chatv1.ChatCompletionParams{MessagesJson: text}, "messages", text)
		expandedHasValues(t, &responsesv1.ResponseParams{InputJson: text}, "input", text)
		expandedHasValues(t, &embeddingsv1.EmbeddingParams{InputJson: text}, "input", text)
	})
}

// expandedHasValues says that the twin of a member, once expanded, has the values of its
// text.
func expandedHasValues(t *testing.T, m proto.Message, member, text string) {
	t.Helper()
	if codec.Check(m, wire.Limits{}) != nil {
		return
	}
	before := proto.Clone(m)
	if err := expand(m); err != nil {
		if !proto.Equal(m, before) {
			t.Fatalf("%v changed the message", err)
		}
		if !stricter(fault(err).Kind) {
			t.Fatalf("%v, of text that passed the check", err)
		}
		return
	}
	got, _ := value(t, encode(t, m, wire.Request)).(map[string]any)
	for _, difference := range compare("", value(t, text), got[member]) {
		if !isCanonical(difference) {
			t.Fatalf("%s\nread  %s", difference, text)
		}
	}
}

// FuzzString says that strings are read as encoding/json reads them and written
// so that it reads them back.
func FuzzString(f *testing.F) {
	for _, s := range []string{"", "abc", "\"\\\n\x00", "é€😀\u2028", "\xff", "12345678\xf0\x9f\x98\x80tail", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted := wire.AppendString(nil, s)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil {
			t.Fatalf("%v: %s", err, quoted)
		}
		if want := string([]rune(s)); back != want {
			t.Fatalf("%q was written as %q", s, back)
		}
		m := new(chatv1.ChatCompletionParams)
		if err := codec.DecodeChatCompletionParams(`{"model":`+string(quoted)+`}`, m, wire.Limits{}); err != nil || m.GetModel() != back {
			t.Fatalf("%s was read as %q, %v", quoted, m.GetModel(), err)
		}
		escaped, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		decode(t, `{"prompt_cache_key":`+string(escaped)+`}`, m)
		if m.GetPromptCacheKey() != back {
			t.Fatalf("%s was read as %q", escaped, m.GetPromptCacheKey())
		}
		err = codec.DecodeChatCompletionParams(`{"model":"`+s+`"}`, new(chatv1.ChatCompletionParams), wire.Limits{})
		if !utf8.ValidString(s) && err == nil {
			t.Fatalf("invalid UTF-8 was read: %q", s)
		}
	})
}
