//go:build sdk

package openaigo

import (
	"errors"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/packages/ssestream"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestStream(t *testing.T) {
	t.Parallel()
	c := client(t)
	for name, usage := range map[string]bool{"without usage": false, "with usage": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := say(odd)
			if usage {
				request.StreamOptions.IncludeUsage = openai.Bool(true)
			}
			chunks, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
			if err != nil || len(chunks) < 4 {
				t.Fatalf("%d chunks, %v", len(chunks), err)
			}
			choice := whole.Choices[0]
			if choice.Message.Content != "You said: "+odd || choice.Message.Role != "assistant" || choice.FinishReason != "stop" {
				t.Errorf("the whole is %+v", whole.ChatCompletion)
			}
			for i, chunk := range chunks {
				last := i == len(chunks)-1
				if present := strings.Contains(chunk.RawJSON(), `"usage"`); present != usage {
					t.Errorf("chunk %d: usage is there: %v; %s", i, present, chunk.RawJSON())
				}
				if usage && last && (len(chunk.Choices) != 0 || chunk.Usage.TotalTokens == 0) {
					t.Errorf("the last chunk is %s", chunk.RawJSON())
				}
				if chunk.ID != chunks[0].ID || chunk.Object != "chat.completion.chunk" {
					t.Errorf("chunk %d is %s", i, chunk.RawJSON())
				}
			}
			if (whole.Usage.TotalTokens > 0) != usage {
				t.Errorf("the usage is %+v", whole.Usage)
			}
		})
	}
}

func TestStreamOfChoices(t *testing.T) {
	t.Parallel()
	c := client(t)
	request := say("Hello")
	request.N, request.Logprobs, request.TopLogprobs = openai.Int(2), openai.Bool(true), openai.Int(1)
	_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{answer, answer + " (choice 2)"} {
		var tokens strings.Builder
		for _, token := range whole.Choices[i].Logprobs.Content {
			tokens.WriteString(token.Token)
		}
		if got := whole.Choices[i].Message.Content; got != want || tokens.String() != want {
			t.Errorf("choice %d is %q, its tokens are %q", i, got, tokens.String())
		}
	}
}

func TestStreamOfLongLines(t *testing.T) {
	t.Parallel()
	c := client(t)
	_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), faulty("line=3000000")))
	if err != nil || len(whole.Choices[0].Message.Content) != 3_000_000+len(" and on.") {
		t.Errorf("%d bytes, %v", len(whole.Choices[0].Message.Content), err)
	}
}

// However the provider frames its events, this SDK sees OpenAI's framing: by itself
// it would read nothing with CR alone and lose an event with a byte order mark.
func TestStreamFraming(t *testing.T) {
	t.Parallel()
	c := client(t)
	for _, framing := range []string{"crlf", "cr", "bom", "comments", "no-space", "multi-line", "names", "no-last-blank", "one-byte", "padding=3"} {
		t.Run(framing, func(t *testing.T) {
			t.Parallel()
			_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), faulty(framing)))
			if err != nil || whole.Choices[0].Message.Content != answer || whole.Choices[0].FinishReason != "stop" {
				t.Errorf("%+v, %v", whole.ChatCompletion, err)
			}
		})
	}
}

func TestStreamFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	c := once(t)
	id := stack.NewID()
	chunks, _, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), faulty("error-at=3,message=The model fell over."), named(id)))
	var broken *ssestream.StreamError
	if !errors.As(err, &broken) || !strings.Contains(broken.Message, "The model fell over.") || len(chunks) != 2 {
		t.Errorf("%d chunks, %v", len(chunks), err)
	}
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 1 {
		t.Errorf("the provider was called %d times after a part was shown", n)
	}
}

func TestBrokenStreamNeverLooksLikeSuccess(t *testing.T) {
	t.Parallel()
	c := once(t)
	for _, script := range []string{"truncate-after=3", "drop-after=3", "reset-after=3", "truncate-in=4", "no-done", "no-finish", "malformed=3"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			chunks, _, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), faulty(script)))
			var broken *ssestream.StreamError
			if !errors.As(err, &broken) || !strings.Contains(broken.Message, "upstream_") {
				t.Errorf("%d chunks, %v", len(chunks), err)
			}
		})
	}
}

func TestStreamThatFailsAtOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	c := once(t)
	id := stack.NewID()
	_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), faulty("error-at=1,times=1"), named(id)))
	if err != nil || whole.Choices[0].Message.Content != answer {
		t.Errorf("%+v, %v", whole.ChatCompletion, err)
	}
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 2 {
		t.Errorf("the provider was called %d times", n)
	}
}
