//go:build sdk

package openaigo

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	var response *http.Response
	id := stack.NewID()
	reply := create(t, say("Hello"), named(id), option.WithResponseInto(&response))
	choice := reply.Choices[0]
	if reply.Object != "chat.completion" || reply.Model != "gpt-4o-mini-2024-07-18" || len(reply.Choices) != 1 ||
		choice.FinishReason != "stop" || choice.Message.Role != "assistant" || choice.Message.Content != answer {
		t.Errorf("the reply is %s", reply.RawJSON())
	}
	if u := reply.Usage; u.TotalTokens == 0 || u.TotalTokens != u.PromptTokens+u.CompletionTokens {
		t.Errorf("the usage is %s", u.RawJSON())
	}
	for name, want := range map[string]string{
		"X-Request-Id": id, "X-Signalbox-Provider": "openai", "X-Signalbox-Model": "gpt-4o-mini", "X-Ratelimit-Remaining-Requests": "9999",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if len(response.Header.Get("X-Signalbox-Plan")) != 64 {
		t.Errorf("no plan in %v", response.Header)
	}
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 1 {
		t.Errorf("the provider was called %d times with the request id", n)
	}
}

func TestRequestIDIsMade(t *testing.T) {
	t.Parallel()
	var response *http.Response
	create(t, say("Hello"), option.WithResponseInto(&response))
	if id := response.Header.Get("X-Request-Id"); len(stack.Find(t).Entries(t, id, stack.Arrived)) != 1 {
		t.Errorf("the provider never saw the request id %q", id)
	}
}

func TestChoices(t *testing.T) {
	t.Parallel()
	request := say("Hello")
	request.N = openai.Int(3)
	reply := create(t, request)
	for i, want := range []string{answer, answer + " (choice 2)", answer + " (choice 3)"} {
		if c := reply.Choices[i]; c.Index != int64(i) || c.Message.Content != want {
			t.Errorf("choice %d is %s", i, c.RawJSON())
		}
	}
}

func TestLogprobs(t *testing.T) {
	t.Parallel()
	request := say("Hello")
	request.Logprobs, request.TopLogprobs = openai.Bool(true), openai.Int(2)
	var text strings.Builder
	for _, token := range create(t, request).Choices[0].Logprobs.Content {
		text.WriteString(token.Token)
		if token.Logprob >= 0 || len(token.Bytes) != len(token.Token) || len(token.TopLogprobs) != 2 {
			t.Errorf("a token is %s", token.RawJSON())
		}
	}
	if text.String() != answer {
		t.Errorf("the tokens are %q", text.String())
	}
}

func TestEveryCharacter(t *testing.T) {
	t.Parallel()
	if got := create(t, say(odd)).Choices[0].Message.Content; got != "You said: "+odd {
		t.Errorf("got %q", got)
	}
}

func TestLongContent(t *testing.T) {
	t.Parallel()
	request := faulty("line=3000000")
	request.Messages = append(request.Messages, openai.UserMessage(strings.Repeat("long ", 400_000)))
	reply := create(t, request)
	if n := len(reply.Choices[0].Message.Content); n != 3_000_000 {
		t.Errorf("the reply has %d bytes", n)
	}
	if reply.Usage.PromptTokens < 400_000 {
		t.Errorf("the prompt has %d tokens", reply.Usage.PromptTokens)
	}
}

func TestImages(t *testing.T) {
	t.Parallel()
	plain := create(t, say("What is this?"))
	request := say("")
	request.Messages[0] = openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
		openai.TextContentPart("What is this?"),
		openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: stack.Pixel, Detail: "low"}),
	})
	reply := create(t, request)
	if more := reply.Usage.PromptTokens - plain.Usage.PromptTokens; more != 85 || reply.Choices[0].Message.Content != "You said: What is this?" {
		t.Errorf("the image costs %d tokens: %s", more, reply.RawJSON())
	}
}

func TestModelsThatReasonGetWhatTheyTake(t *testing.T) {
	t.Parallel()
	request := say("Hello")
	request.Model, request.MaxTokens, request.ReasoningEffort = "o3-mini", openai.Int(500), shared.ReasoningEffortLow
	if u := create(t, request).Usage; u.CompletionTokensDetails.ReasoningTokens != 64 {
		t.Errorf("the usage is %s", u.RawJSON())
	}
}

// weather is a schema as OpenAI's strict mode wants it.
var weather = map[string]any{
	"type":       "object",
	"properties": map[string]any{"city": map[string]any{"type": "string"}, "days": map[string]any{"type": "integer", "minimum": 3}},
	"required":   []string{"city", "days"}, "additionalProperties": false,
}

func TestStructuredOutput(t *testing.T) {
	t.Parallel()
	request := say("Weather?")
	request.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
		JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "weather", Schema: weather, Strict: openai.Bool(true)},
	}
	var got struct {
		City string
		Days int
	}
	content := create(t, request).Choices[0].Message.Content
	if err := json.Unmarshal([]byte(content), &got); err != nil || got.City != "text" || got.Days != 3 {
		t.Errorf("got %+v from %q, %v", got, content, err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	c := client(t)
	seen := map[string]bool{}
	pager := c.Models.ListAutoPaging(t.Context())
	for pager.Next() {
		m := pager.Current()
		if seen[m.ID] || m.Object != "model" || strings.HasPrefix(m.ID, "gpt-") && (m.Created == 0 || m.OwnedBy != "system") {
			t.Errorf("the list has %s", m.RawJSON())
		}
		seen[m.ID] = true
	}
	for _, p := range providers {
		if !seen[p.model] {
			t.Errorf("the list has no %s", p.model)
		}
	}
	if err := pager.Err(); err != nil || !seen["o3-mini"] {
		t.Errorf("the list is %v, %v", seen, err)
	}
	for _, id := range []string{"gpt-4o-mini", "openai/gpt-4o-mini"} { // the SDK encodes the slash
		if m, err := c.Models.Get(t.Context(), id); err != nil || m.ID != id {
			t.Errorf("%s: got %+v, %v", id, m, err)
		}
	}
	id := stack.NewID()
	_, err := c.Models.Get(t.Context(), "no-such-model", named(id))
	apiError(t, err, id, 404, "model_not_found", "model")
}
