package responses_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses/eventtest"
)

// TestAnyStream plays streams of which nothing is certain but that arguments are JSON:
// all keep the rules, show all that came, and can be sent back; cut off anywhere, they
// fail by the rules.
func TestAnyStream(t *testing.T) {
	t.Parallel()
	broken := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "Gone.")
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 9))
		chunks := anyChunks(random)
		events, err := stream(t, &chatter{chunks: chunks}, ask(t, `{"input":"Hi"}`))
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		whole := accumulate(events).Response()
		before := accumulate(events[:len(events)-1]).Response()
		if len(before.GetOutput()) != len(whole.GetOutput()) {
			t.Fatalf("seed %d: %s\n%s", seed, outline(before), outline(whole))
		}
		for i, item := range before.GetOutput() {
			if !proto.Equal(item, whole.GetOutput()[i]) {
				t.Fatalf("seed %d: item %d was %v, is %v", seed, i, item, whole.GetOutput()[i])
			}
		}
		next(t, `{"role":"user","content":"Hi"}`, whole.GetOutput(), `{"role":"user","content":"And?"}`)

		cut := chunks[:1+random.IntN(len(chunks)-1)]
		events, err = stream(t, &chatter{chunks: cut, end: broken}, ask(t, `{"input":"Hi"}`))
		if failure.As(err) != broken {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if err := eventtest.Check(append(events, accumulate(events).Failed(err)...)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// anyChunks are the chunks of a stream in which words, thoughts and calls come in any
// order and across one another.
func anyChunks(random *rand.Rand) []*chatv1.ChatCompletionChunk {
	arguments := make([]string, 1+random.IntN(3)) // of each call, what is still to come
	started := make([]bool, len(arguments))
	for i := range arguments {
		arguments[i] = fmt.Sprintf(`{"a":[%d,{"b":"}"}]}`, i)
	}
	var out []*chatv1.ChatCompletionChunk
	add := func(delta *chatv1.ChatDelta) {
		out = append(out, &chatv1.ChatCompletionChunk{Choices: []*chatv1.ChunkChoice{{Delta: delta}}})
	}
	piece := func(i int, n int) {
		call := &chatv1.ToolCall{Index: new(int32(i)), Function: &chatv1.FunctionCall{Arguments: new(arguments[i][:n])}}
		arguments[i] = arguments[i][n:]
		if !started[i] {
			started[i] = true
			call.Id, call.Type, call.Function.Name = new(fmt.Sprintf("call_%d", i)), new("function"), new("f")
		}
		add(&chatv1.ChatDelta{ToolCalls: []*chatv1.ToolCall{call}})
	}
	for range 3 + random.IntN(20) {
		switch random.IntN(8) {
		case 0, 1:
			add(&chatv1.ChatDelta{Content: new([]string{"", "x", "yé"}[random.IntN(3)])})
		case 2:
			add(&chatv1.ChatDelta{Reasoning: new("h")})
		case 3:
			detail := &chatv1.ReasoningDetail{Type: []string{"reasoning.text", "reasoning.summary", "reasoning.encrypted"}[random.IntN(3)], Index: new(int32(random.IntN(2)))}
			switch detail.GetType() {
			case "reasoning.text":
				detail.Text = new("t")
			case "reasoning.summary":
				detail.Summary = new("s")
			default:
				detail.Data = new("d")
			}
			add(&chatv1.ChatDelta{ReasoningDetails: []*chatv1.ReasoningDetail{detail}})
		case 4:
			add(&chatv1.ChatDelta{Annotations: []*chatv1.ChatAnnotation{{Type: "url_citation", UrlCitation: &chatv1.UrlCitation{Url: "u"}}}})
		case 5:
			add(&chatv1.ChatDelta{Refusal: new("n")})
		default:
			i := random.IntN(len(arguments))
			piece(i, random.IntN(len(arguments[i])+1))
		}
	}
	for i := range arguments {
		if started[i] {
			piece(i, len(arguments[i]))
		}
	}
	reason := []string{"stop", "tool_calls", "length", "content_filter"}[random.IntN(4)]
	return append(out, &chatv1.ChatCompletionChunk{Choices: []*chatv1.ChunkChoice{{FinishReason: &reason}}})
}
