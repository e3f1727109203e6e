package providertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// told is what a recording says, read by encoding/json.
type told struct {
	ID      string
	Choices []struct {
		Index          int
		Message, Delta struct{ Content, Refusal string }
		FinishReason   string `json:"finish_reason"`
	}
	Usage struct {
		TotalTokens int64 `json:"total_tokens"`
	}
}

// testRecordings has recorded traffic of several providers arrive whole.
func (s *suite) testRecordings(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	for _, name := range Recordings() {
		body, stream, err := Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "-error.json") || strings.HasSuffix(name, "models.json") || strings.Contains(name, "mistral") {
			continue
		}
		r.up.Enqueue(Script{Replay: name})
		c := say("Again.")
		c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
		if !stream {
			c.Params.StreamOptions = nil
		}
		got := r.run(t.Context(), c, stream)
		if got.err != nil {
			t.Errorf("%s: %v", name, got.err)
			continue
		}
		want := []told{{}}
		if !stream {
			mustUnmarshal(t, body, &want[0])
		} else {
			want = nil
			for _, data := range dataLines(string(body)) {
				var w told
				mustUnmarshal(t, []byte(data), &w)
				want = append(want, w)
			}
		}
		if diff := compareTold(got, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// mustUnmarshal reads a recording.
func mustUnmarshal(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

// dataLines is the data of a stream's events in OpenAI's framing, without [DONE].
func dataLines(body string) []string {
	var out []string
	for _, line := range strings.Split(body, "\n") {
		if data, ok := strings.CutPrefix(line, "data: "); ok && data != done {
			out = append(out, data)
		}
	}
	return out
}

// compareTold says where a result differs from what was recorded.
func compareTold(got result, want []told) string {
	var texts [2][]string
	add := func(side int, index int, parts ...string) {
		texts[side] = append(texts[side], fmt.Sprintf("%d %q", index, parts))
	}
	var tokens [2]int64
	for _, w := range want {
		for _, c := range w.Choices {
			add(1, c.Index, c.Message.Content+c.Delta.Content, c.Message.Refusal+c.Delta.Refusal, c.FinishReason)
		}
		tokens[1] = max(tokens[1], w.Usage.TotalTokens)
	}
	for _, c := range got.reply.GetChoices() {
		add(0, int(c.GetIndex()), c.GetMessage().GetContent(), c.GetMessage().GetRefusal(), c.GetFinishReason())
	}
	tokens[0] = int64(got.reply.GetUsage().GetTotalTokens())
	for _, chunk := range got.chunks {
		for _, c := range chunk.GetChoices() {
			add(0, int(c.GetIndex()), c.GetDelta().GetContent(), c.GetDelta().GetRefusal(), c.GetFinishReason())
		}
		tokens[0] = max(tokens[0], int64(chunk.GetUsage().GetTotalTokens()))
	}
	if !slices.Equal(texts[0], texts[1]) {
		return fmt.Sprintf("choices\n got %s\nwant %s", texts[0], texts[1])
	}
	if tokens[0] != tokens[1] {
		return fmt.Sprintf("%d tokens, want %d", tokens[0], tokens[1])
	}
	return ""
}

// testFramings has each spelling of a stream give the same chunks.
func (s *suite) testFramings(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	plain := r.run(t.Context(), say("Hello."), true)
	if plain.err != nil {
		t.Fatal(plain.err)
	}
	for _, script := range []string{
		"crlf", "cr", "bom", "comments", "no-space", "multi-line", "names", "padding=7", "no-last-blank", "one-byte",
		"crlf,bom,comments,multi-line,names,one-byte", "cr,no-space,multi-line,no-last-blank,one-byte", "per-chunk=2ms", "pace=200000",
		"duplicate-headers", "delay=20ms",
	} {
		r.up.EnqueueText(t, script)
		got := r.run(t.Context(), say("Hello."), true)
		if got.err != nil || !slices.EqualFunc(got.chunks, plain.chunks, func(a, b *chatv1.ChatCompletionChunk) bool { return proto.Equal(a, b) }) {
			t.Errorf("%s: %d chunks of %d, %v", script, len(got.chunks), len(plain.chunks), got.err)
		}
	}
}
