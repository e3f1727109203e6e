package wire_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
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
		for _, m := range []proto.Message{new(chatv1.ChatCompletion), new(chatv1.ChatCompletionChunk), new(chatv1.ChatCompletionParams)} {
			text := g.object(m.ProtoReflect().Descriptor(), 0)
			if err := codec.Decode(text, m, wire.Limits{}); err != nil {
				t.Fatalf("seed %d: %v: %s", seed, err, text)
			}
			if err := codec.Check(m, wire.Limits{}); err != nil {
				t.Fatalf("seed %d: %v: %s", seed, err, text)
			}
			sameValues(t, text, m)
			if request, ok := m.(*chatv1.ChatCompletionParams); ok {
				g.expand(t, text, request)
			}
		}
	}
}

// TestDamagedDocuments changes single bytes of random documents, and says that
// what is then JSON to encoding/json and to us is the same, but for our stricter
// rules.
func TestDamagedDocuments(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4000) {
		g := generator{rand.New(rand.NewPCG(seed, 2))}
		text := []byte(g.object(new(chatv1.ChatCompletionParams).ProtoReflect().Descriptor(), 0))
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
			err := codec.DecodeChatCompletionParams(string(damaged), new(chatv1.ChatCompletionParams), wire.Limits{})
			if (err == nil) != json.Valid(damaged) && !stricter(fault(err).Kind) {
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
func (g generator) expand(t *testing.T, text string, m *chatv1.ChatCompletionParams) {
	t.Helper()
	err := codec.ExpandChatCompletionParams(m, wire.Limits{})
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
	seen := make(map[string]bool)
	var members []string
	for range g.IntN(7) {
		var name, v string
		if g.IntN(5) == 0 || m.Fields().Len() == 0 {
			name, v = g.pick("x", "y", "Z", "é", "a.b", "object", "n\u0000"), g.anything(depth+1)
		} else {
			f := m.Fields().Get(g.IntN(m.Fields().Len()))
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
	return "{" + g.space() + strings.Join(members, ",") + "}"
}

// fitting makes a value that a field can hold, most of the time.
func (g generator) fitting(f protoreflect.FieldDescriptor, depth int) string {
	shape := fieldShape(f)
	switch {
	case shape.GetDeferred():
		twin := map[string]proto.Message{"messages": new(chatv1.ChatMessage), "tools": new(chatv1.ChatTool)}[keyOf(f)]
		return g.array(func() string { return g.object(twin.ProtoReflect().Descriptor(), depth+1) })
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
