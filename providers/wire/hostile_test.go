package wire_test

import (
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// TestHostileDocuments says what each bad document is told: the kind, the place,
// the path. {} stands for the whole; the same faults are found in a typed member,
// in a member that nobody knows, and in a deferred one.
func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		kind       wire.Kind
		path       string
		offset     int64
	}{
		{"empty", ``, wire.NotJSON, "", 0},
		{"white space", " \n", wire.NotJSON, "", 2},
		{"a byte order mark", "\ufeff{}", wire.NotJSON, "", 0},
		{"an array", `[{}]`, wire.WrongKind, "", 0},
		{"a number", ` 1`, wire.WrongKind, "", 1},
		{"a bad array", `[01]`, wire.NotJSON, "[0]", 2},
		{"a second document", `{} {}`, wire.TrailingData, "", 3},
		{"a NUL behind it", "{}\x00", wire.TrailingData, "", 2},
		{"open", `{"model":"m"`, wire.NotJSON, "model", 12},
		{"open name", `{"mod`, wire.NotJSON, "", 5},
		{"no colon", `{"model" "m"}`, wire.NotJSON, "model", 9},
		{"no value", `{"model":}`, wire.NotJSON, "model", 9},
		{"nothing behind the colon", `{"model":`, wire.NotJSON, "model", 9},
		{"trailing comma", `{"model":"m",}`, wire.NotJSON, "", 13},
		{"leading comma", `{,"model":"m"}`, wire.NotJSON, "", 1},
		{"two commas", `{"model":"m",,"n":1}`, wire.NotJSON, "", 13},
		{"unquoted name", `{model:"m"}`, wire.NotJSON, "", 1},
		{"single quotes", `{'model':'m'}`, wire.NotJSON, "", 1},
		{"comment", `{/**/}`, wire.NotJSON, "", 1},
		{"NaN", `{"temperature":NaN}`, wire.NotJSON, "temperature", 15},
		{"Infinity", `{"temperature":-Infinity}`, wire.NotJSON, "temperature", 16},
		{"leading zero", `{"n":01}`, wire.NotJSON, "n", 6},
		{"plus", `{"n":+1}`, wire.NotJSON, "n", 5},
		{"no fraction", `{"n":1.}`, wire.NotJSON, "n", 7},
		{"no exponent", `{"top_p":1e}`, wire.NotJSON, "top_p", 11},
		{"only a minus", `{"seed":-}`, wire.NotJSON, "seed", 9},
		{"half a literal", `{"stream":tru}`, wire.NotJSON, "stream", 10},
		{"a long literal", `{"stream":trueish}`, wire.NotJSON, "stream", 14},
		{"half a null", `{"stop":nul}`, wire.NotJSON, "stop", 8},
		{"control character", "{\"model\":\"a\nb\"}", wire.NotJSON, "model", 11},
		{"control character in a name", "{\"mo\tdel\":1}", wire.NotJSON, "", 4},
		{"bad escape", `{"model":"\x"}`, wire.NotJSON, "model", 10},
		{"short escape", `{"model":"\u12"}`, wire.NotJSON, "model", 10},
		{"invalid UTF-8", "{\"model\":\"abc\xff\"}", wire.InvalidUTF8, "model", 13},
		{"cut UTF-8", "{\"model\":\"\xe2\x82\"}", wire.InvalidUTF8, "model", 10},
		{"overlong UTF-8", "{\"model\":\"\xc0\xaf\"}", wire.InvalidUTF8, "model", 10},
		{"surrogate in UTF-8", "{\"model\":\"\xed\xa0\x80\"}", wire.InvalidUTF8, "model", 10},
		{"invalid UTF-8 in a name", "{\"\xff\":1}", wire.InvalidUTF8, "", 2},
		{"invalid UTF-8 outside", "{\xff}", wire.NotJSON, "", 1},
		{"lone high surrogate", `{"model":"\ud83d"}`, wire.LoneSurrogate, "model", 10},
		{"lone low surrogate", `{"model":"\ude00"}`, wire.LoneSurrogate, "model", 10},
		{"two high surrogates", `{"model":"\ud83d\ud83d"}`, wire.LoneSurrogate, "model", 10},
		{"duplicate", `{"model":"a","n":1,"model":"b"}`, wire.DuplicateKey, "model", 27},
		{"duplicate by an escape", `{"model":"a","mod\u0065l":"b"}`, wire.DuplicateKey, "model", 26},
		{"duplicate of another kind", `{"stop":"a","stop":["b"]}`, wire.DuplicateKey, "stop", 19},
		{"duplicate after a null", `{"seed":null,"seed":1}`, wire.DuplicateKey, "seed", 20},
		{"duplicate unknown", `{"a":1,"b":2,"a":3}`, wire.DuplicateKey, "a", 17},
		{"duplicate below", `{"stream_options":{"x":1,"x":1}}`, wire.DuplicateKey, "stream_options.x", 29},
		{"duplicate in a map", `{"metadata":{"a":"1","a":"2"}}`, wire.DuplicateKey, "metadata.a", 25},
		{"duplicate twin", `{"messages":[],"messages":[]}`, wire.DuplicateKey, "messages", 26},
		{"odd name in the path", `{"metadata":{"a.b":"1","a.b":"2"}}`, wire.DuplicateKey, `metadata["a.b"]`, 29},
		{"typed element", `{"functions":[{"name":"a"},{"name":"\ud800"}]}`, wire.LoneSurrogate, "functions[1].name", 36},
		{"unknown member", `{"x":[{"y":"` + "\xff" + `"}]}`, wire.InvalidUTF8, "x[0].y", 12},
		{"raw member", `{"moderation":{"a":[1,2,]}}`, wire.NotJSON, "moderation.a[2]", 24},
		{"deferred: grammar", `{"messages":[{"role":"user","content":[1,}]}]}`, wire.NotJSON, "messages[0].content[1]", 41},
		{"deferred: closed wrongly", `{"messages":[{"role":"user"]}`, wire.NotJSON, "messages[0].role", 27},
		{"deferred: UTF-8", "{\"messages\":[{},{\"content\":\"\xff\"}]}", wire.InvalidUTF8, "messages[1].content", 28},
		{"deferred: surrogate", `{"tools":[{"a":"\udc00"}]}`, wire.LoneSurrogate, "tools[0].a", 16},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := fault(codec.DecodeChatCompletionParams(c.text, new(chatv1.ChatCompletionParams), wire.Limits{}))
			if err.Kind != c.kind || err.Path != c.path || err.Offset != c.offset {
				t.Errorf("got kind %d, path %q, offset %d (%v)", err.Kind, err.Path, err.Offset, err)
			}
		})
	}
}

// TestDepth says that the limit counts every array and object, wherever it
// stands, and that ten thousand levels are refused without recursion.
func TestDepth(t *testing.T) {
	t.Parallel()
	nested := func(open, end string, levels int) string {
		return strings.Repeat(open, levels) + "1" + strings.Repeat(end, levels)
	}
	for _, c := range []struct {
		name   string
		before string
		open   string
		end    string
		after  string
		around int // containers around the nested value
	}{
		{"unknown arrays", `{"x":`, `[`, `]`, `}`, 1},
		{"unknown objects", `{"x":`, `{"a":`, `}`, `}`, 1},
		{"raw", `{"moderation":`, `{"a":`, `}`, `}`, 1},
		{"deferred", `{"messages":[`, `[`, `]`, `]}`, 2},
		{"below a typed member", `{"stream_options":{"x":`, `[`, `]`, `}}`, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for levels, deep := range map[int]bool{
				100 - c.around: false, 101 - c.around: true, 10_000: true, 1_000_000: true,
			} {
				text := c.before + nested(c.open, c.end, levels) + c.after
				err := codec.DecodeChatCompletionParams(text, new(chatv1.ChatCompletionParams), wire.Limits{})
				if (fault(err).Kind == wire.TooDeep) != deep {
					t.Errorf("%d levels: %v", levels, err)
				}
				if len(fault(err).Path) > 300 {
					t.Errorf("%d levels: the path has %d bytes", levels, len(fault(err).Path))
				}
			}
		})
	}
}

// TestDepthOfExpansion says that what passed the skipping pass is not too deep
// for the expansion.
func TestDepthOfExpansion(t *testing.T) {
	t.Parallel()
	deepest := strings.Repeat("[", 97) + strings.Repeat("]", 97)
	m := params(t, `{"model":"m","messages":[{"role":"user","x":`+deepest+`}]}`)
	if err := codec.ExpandChatCompletionParams(m, wire.Limits{}); err != nil {
		t.Error(err)
	}
	if err := codec.CheckChatCompletionParams(m, wire.Limits{}); err != nil {
		t.Error(err)
	}
}

// TestLimits says that the limits can be set, and which they are by default.
func TestLimits(t *testing.T) {
	t.Parallel()
	decode := func(text string, lim wire.Limits) wire.Kind {
		return fault(codec.DecodeChatCompletionParams(text, new(chatv1.ChatCompletionParams), lim)).Kind
	}
	long := `{"model":"` + strings.Repeat("m", 100) + `"}`
	if got := decode(long, wire.Limits{MaxBytes: int64(len(long))}); got != 0 {
		t.Errorf("at the limit: kind %d", got)
	}
	if got := decode(long, wire.Limits{MaxBytes: int64(len(long)) - 1}); got != wire.TooLarge {
		t.Errorf("beyond the limit: kind %d", got)
	}
	if got := decode(`{"x":[[]]}`, wire.Limits{MaxDepth: 3}); got != 0 {
		t.Errorf("at the depth: kind %d", got)
	}
	if got := decode(`{"x":[[]]}`, wire.Limits{MaxDepth: 2}); got != wire.TooDeep {
		t.Errorf("beyond the depth: kind %d", got)
	}
	huge := `{"x":"` + strings.Repeat("x", 128<<20) + `"}`
	if got := decode(huge, wire.Limits{}); got != wire.TooLarge {
		t.Errorf("beyond 128 MiB: kind %d", got)
	}
	if got := decode(`{"x":`+strings.Repeat("[", 2000)+strings.Repeat("]", 2000)+`}`, wire.Limits{MaxDepth: 5000}); got != wire.TooDeep {
		t.Errorf("beyond 1024 levels: kind %d", got)
	}
}

// TestHostileSizes says that a document that means to be expensive is refused
// soon, and that what it fills is in proportion to its length.
func TestHostileSizes(t *testing.T) { //nolint:paralleltest // it measures memory
	const size = 8 << 20
	many := func(unit string) string { return strings.Repeat(unit, size/len(unit)) }
	names := func() string {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(`"`)
			b.WriteString(strconv.Itoa(i))
			b.WriteString(`":1,`)
		}
		return b.String()
	}
	for _, c := range []struct {
		name string
		text string
		kind wire.Kind
	}{
		{"open arrays", `{"x":` + many("["), wire.TooDeep},
		{"open objects", `{"x":` + many(`{"a":`), wire.TooDeep},
		{"an open string", `{"x":"` + many("x"), wire.NotJSON},
		{"an open string of escapes", `{"model":"` + many(`\n`), wire.NotJSON},
		{"an open name", `{"` + many("x"), wire.NotJSON},
		{"a number without end", `{"seed":` + many("9"), wire.NotJSON},
		{"an exponent without end", `{"top_p":1e` + many("9") + "}", 0},
		{"empty objects", `{"functions":[` + many("{},") + `{}]}`, wire.TooMany},
		{"empty strings", `{"modalities":[` + many(`"",`) + `""]}`, 0},
		{"many names", `{` + names() + `"z":1}`, 0},
		{"many labels", `{"metadata":{` + strings.ReplaceAll(names(), ":1", `:""`) + `"z":""}}`, 0},
		{"a tail", `{}` + many(" ") + "x", wire.TrailingData},
		{"the same name again and again", `{` + many(`"a":1,`) + `"a":1}`, wire.DuplicateKey},
	} {
		t.Run(c.name, func(t *testing.T) { //nolint:paralleltest // it measures memory
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			m := new(chatv1.ChatCompletionParams)
			err := codec.DecodeChatCompletionParams(c.text, m, wire.Limits{})
			took := time.Since(start)
			runtime.GC()
			runtime.ReadMemStats(&after)
			if fault(err).Kind != c.kind {
				t.Errorf("%v", err)
			}
			if filled := int64(after.HeapAlloc) - int64(before.HeapAlloc); filled > 12*size {
				t.Errorf("%d MiB are filled for %d MiB", filled>>20, size>>20)
			}
			if took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			runtime.KeepAlive(m)
		})
	}
}

// TestNULIsACharacter says that a NUL is allowed as an escape, in values and
// names.
func TestNULIsACharacter(t *testing.T) {
	t.Parallel()
	m := params(t, `{"model":"a\u0000b","x\u0000":"\u0000","messages":[{"role":"user","content":"\u0000"}]}`)
	if m.GetModel() != "a\x00b" {
		t.Errorf("model %q", m.GetModel())
	}
	if got, want := encode(t, m, wire.Request), `{"model":"a\u0000b","messages":[{"role":"user","content":"\u0000"}],"x\u0000":"\u0000"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestNamesAreCaseSensitive says that a name in another case is another name.
func TestNamesAreCaseSensitive(t *testing.T) {
	t.Parallel()
	m := params(t, `{"Model":"a","MESSAGES":[],"model":"b"}`)
	if m.GetModel() != "b" || m.GetExtraJson() != `{"Model":"a","MESSAGES":[]}` {
		t.Errorf("%v", m)
	}
}

// TestMessagesWithoutExtra says that a request of ours, which keeps nothing,
// refuses what it does not know, and that a null there means unset.
func TestMessagesWithoutExtra(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, fault string }{
		{`{"chat_completion":{"model":"m","messages":[],"x":1},"stream":true,"options":{"provider":"p"},"key_id":"k"}`, ""},
		{`{"chat_completion":null,"stream":null,"options":null,"key_id":null}`, ""},
		{`{"steam":true}`, "steam: there is no such member (byte 9)"},
		{`{"options":{"x":1}}`, "options.x: there is no such member (byte 16)"},
		{`{"stream":"true"}`, "stream: the value is of the wrong kind (byte 10)"},
		{`{"chat_completion":[]}`, "chat_completion: the value is of the wrong kind (byte 19)"},
		{`{"chat_completion":{"a":1,"a":2}}`, "chat_completion.a: the member stands twice in its object (byte 30)"},
	} {
		m := new(planv1.ExplainRequest)
		err := codec.DecodeExplainRequest(c.text, m, wire.Limits{})
		if c.fault == "" && err != nil || c.fault != "" && (err == nil || err.Error() != c.fault) {
			t.Errorf("%s: %v, want %s", c.text, err, c.fault)
		}
	}
}
