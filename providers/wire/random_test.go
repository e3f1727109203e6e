package wire_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
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

// TestRandomDocuments reads and writes documents made at random of the members
// that our messages have, with values of right and wrong kinds, spelled in many
// ways. What comes out has the same values.
func TestRandomDocuments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 1))}
		for _, m := range randomKinds() {
			text := g.object(m.ProtoReflect().Descriptor(), 0)
			if err := codec.Decode(text, m, wire.Limits{}); err != nil {
				t.Fatalf("seed %d: %v: %s", seed, err, text)
			}
			if err := codec.Check(m, wire.Limits{}); err != nil {
				t.Fatalf("seed %d: %v: %s", seed, err, text)
			}
			sameValues(t, text, m)
			g.expand(t, text, m)
		}
	}
}

// randomKinds are the messages that random documents are made for, unset.
func randomKinds() []proto.Message {
	return []proto.Message{
		new(chatv1.ChatCompletion), new(chatv1.ChatCompletionChunk), new(chatv1.ChatCompletionParams),
		new(responsesv1.Response), new(responsesv1.StreamEvent), new(responsesv1.ResponseParams),
		new(embeddingsv1.EmbeddingList), new(embeddingsv1.EmbeddingParams),
	}
}

// TestDamagedDocuments changes single bytes of random documents, and says that
// what is then JSON to encoding/json and to us is the same, but for our stricter
// rules, and comes out as JSON.
func TestDamagedDocuments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		kinds := randomKinds()
		kind := kinds[g.IntN(len(kinds))]
		text := []byte(g.object(kind.ProtoReflect().Descriptor(), 0))
		for range 10 {
			damaged := slices.Clone(text)
			at := g.IntN(len(damaged))
			switch junk := "{}[],:\"\\0e.-+tnu \x00\xff\xc3a"; g.IntN(3) {
			case 0:
				damaged[at] = junk[g.IntN(len(junk))]
			case 1:
				damaged = slices.Delete(damaged, at, at+1)
			default:
				damaged = slices.Insert(damaged, at, junk[g.IntN(len(junk))])
			}
			m := kind.ProtoReflect().New().Interface()
			err := codec.Decode(string(damaged), m, wire.Limits{})
			if (err == nil) != json.Valid(damaged) && !stricter(fault(err).Kind) {
				t.Fatalf("seed %d: %v: %s", seed, err, damaged)
			}
			if err != nil {
				continue
			}
			if err := codec.Check(m, wire.Limits{}); err != nil || !json.Valid([]byte(encode(t, m, wire.Reply))) {
				t.Fatalf("seed %d: %v: %s", seed, err, damaged)
			}
		}
	}
}

// TestCutDocuments says that a document that ends too early is not JSON,
// wherever it is cut, deferred members included.
func TestCutDocuments(t *testing.T) {
	t.Parallel()
	for n := range len(everything) {
		err := codec.DecodeChatCompletionParams(everything[:n], new(chatv1.ChatCompletionParams), wire.Limits{})
		if fault(err).Kind != wire.NotJSON || fault(err).Offset > int64(n) {
			t.Fatalf("cut at %d: %v", n, err)
		}
	}
}

type generator struct{ *rand.Rand }

// expand compares the values of an expanded request, where it can be expanded:
// elements of twins that are no objects are refused.
func (g generator) expand(t *testing.T, text string, m proto.Message) {
	t.Helper()
	err := expand(m)
	if err != nil && fault(err).Kind != wire.WrongKind {
		t.Fatalf("%v: %s", err, text)
	}
	if err == nil {
		sameValues(t, text, m)
	}
}

func (g generator) pick(from ...string) string { return from[g.IntN(len(from))] }

// object makes an object with members of a message, and with others.
func (g generator) object(m protoreflect.MessageDescriptor, depth int) string {
	if messageShape(m).GetTransparent() {
		return g.fitting(m.Fields().Get(0), depth)
	}
	var fields []protoreflect.FieldDescriptor
	typ := ""
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); f.ContainingOneof() == nil || f.HasOptionalKeyword() {
			fields = append(fields, f)
		}
	}
	if messageShape(m).GetUnion() {
		arm := m.Fields().Get(len(fields) + g.IntN(m.Fields().Len()-len(fields)))
		if typ = g.pick(slices.Concat(fieldShape(arm).GetTags(), []string{string(arm.Name())})...); arm.Message() != nil {
			for i := range arm.Message().Fields().Len() {
				fields = append(fields, arm.Message().Fields().Get(i))
			}
		}
	}
	return g.members(fields, typ, depth)
}

// members makes an object with members of some fields. typ, where it is not empty, is
// its `type`, most of the time.
func (g generator) members(fields []protoreflect.FieldDescriptor, typ string, depth int) string {
	seen := make(map[string]bool)
	var members []string
	for range g.IntN(7) {
		var name, v string
		if g.IntN(5) == 0 || len(fields) == 0 {
			name, v = g.pick("x", "y", "Z", "é", "a.b", "object", "n\u0000", "role", "id"), g.anything(depth+1)
		} else {
			f := fields[g.IntN(len(fields))]
			name = keyOf(f)
			if v = g.fitting(f, depth+1); g.IntN(6) == 0 {
				v = g.anything(depth + 1)
			}
		}
		if !seen[name] {
			seen[name] = true
			members = append(members, g.space()+g.quoted(name)+g.space()+":"+g.space()+v+g.space())
		}
	}
	if typ != "" && !seen["type"] && g.IntN(10) > 0 {
		members = slices.Insert(members, g.IntN(len(members)+1), g.quoted("type")+":"+g.quoted(typ))
	}
	return "{" + g.space() + strings.Join(members, ",") + "}"
}

// fitting makes a value that a field can hold, most of the time.
func (g generator) fitting(f protoreflect.FieldDescriptor, depth int) string {
	shape := fieldShape(f)
	switch {
	case shape.GetDeferred():
		twins := f.ContainingMessage().Fields()
		for i := range twins.Len() {
			if twin := twins.Get(i); keyOf(twin) == keyOf(f) && twin.IsList() && (twin.Message() == nil || g.IntN(4) > 0) {
				return g.fitting(twin, depth)
			}
		}
		return "[]"
	case shape.GetRaw() || f.Name() == "extra_json":
		return g.anything(depth)
	case f.IsMap():
		var entries []string
		for i := range g.IntN(3) {
			entries = append(entries, g.quoted(fmt.Sprint("k", i))+":"+g.scalar(f.MapValue().Kind()))
		}
		return "{" + strings.Join(entries, ",") + "}"
	case f.IsList() && f.Message() != nil:
		return g.array(func() string { return g.object(f.Message(), depth+1) })
	case f.IsList() && f.Kind() == protoreflect.FloatKind:
		return g.pick(`"`+base64.StdEncoding.EncodeToString([]byte("abcdefghijkl")[:g.IntN(13)])+`"`,
			g.array(func() string { return g.scalar(f.Kind()) }))
	case f.IsList():
		return g.array(func() string { return g.scalar(f.Kind()) })
	case f.Message() != nil:
		return g.object(f.Message(), depth+1)
	default:
		return g.scalar(f.Kind())
	}
}

func (g generator) array(element func() string) string {
	var out []string
	for range g.IntN(4) {
		out = append(out, g.space()+element()+g.space())
	}
	return "[" + strings.Join(out, ",") + "]"
}

func (g generator) scalar(kind protoreflect.Kind) string {
	switch kind {
	case protoreflect.StringKind:
		return g.quoted(g.pick("", "text", "chat.completion", "a longer text, of more than eight bytes", "é€😀", "\"\\\n", "tail é"))
	case protoreflect.BoolKind:
		return g.pick("true", "false")
	case protoreflect.FloatKind:
		return g.pick("0", "1", "-0.0069292834", "0.5", "1e-9", "3.4028235e38", "1.1754944e-38", "1e-45", "1E39", "0.10", "16777217")
	case protoreflect.DoubleKind:
		return g.pick("0", "1", "1.0", "-0.5", "1e-9", "0.699999988079071", "9007199254740993", "1E400")
	default:
		return g.pick("0", "1", "-1", "2147483647", "2147483648", "9223372036854775807", "9223372036854775808", "1.0", "1e2", "1.5")
	}
}

// anything makes a value of any kind.
func (g generator) anything(depth int) string {
	n := 8
	if depth > 6 {
		n = 6
	}
	switch g.IntN(n) {
	case 0:
		return "null"
	case 1:
		return g.scalar(protoreflect.BoolKind)
	case 2, 3:
		return g.scalar(protoreflect.StringKind)
	case 4:
		return g.scalar(protoreflect.DoubleKind)
	case 5:
		return g.pick("[]", "{}", "[ ]", "{ }")
	case 6:
		return g.array(func() string { return g.anything(depth + 1) })
	default:
		return g.object(new(chatv1.ToolName).ProtoReflect().Descriptor(), depth+1)
	}
}

func (g generator) space() string { return g.pick("", "", "", "", " ", "\n  ", "\t", "\r\n") }

// quoted spells a string, some characters as escapes.
func (g generator) quoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r < 0x10000 && (r < ' ' || g.IntN(20) == 0):
			fmt.Fprintf(&b, g.pick(`\u%04x`, `\u%04X`), r)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
