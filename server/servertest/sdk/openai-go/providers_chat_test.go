//go:build sdk

package openaigo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

// ask is a request of one user message for a model of a provider.
func (p provider) ask(text, model string) openai.ChatCompletionNewParams {
	request := say(text)
	request.Model = p.selector(model)
	return request
}

func TestProvidersSay(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		var response *http.Response
		request := p.ask("Hello", p.model)
		reply := create(t, request, option.WithResponseInto(&response))
		if reply.Choices[0].Message.Content != answer || reply.Choices[0].FinishReason != "stop" || reply.Usage.TotalTokens != reply.Usage.PromptTokens+reply.Usage.CompletionTokens {
			t.Errorf("the reply is %s", reply.RawJSON())
		}
		if response.Header.Get("X-Signalbox-Provider") != p.name || response.Header.Get("X-Signalbox-Loss") != "" {
			t.Errorf("the headers are %v", response.Header)
		}
		c := client(t)
		request.StreamOptions.IncludeUsage = openai.Bool(true)
		_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
		if err != nil || whole.Choices[0].Message.Content != answer || whole.Choices[0].FinishReason != "stop" || whole.Usage.TotalTokens != reply.Usage.TotalTokens {
			t.Errorf("%+v, %v", whole.ChatCompletion, err)
		}
	})
}

// order are the tools of an agent: each one's answer asks for the next one.
var order = []string{"weather", "traffic", "diary"}

// agent is a request with those tools.
func (p provider) agent(model string) openai.ChatCompletionNewParams {
	request := p.ask("How is the weather?", model)
	for _, name := range order {
		request.Tools = append(request.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{Name: name, Parameters: weather}))
	}
	return request
}

// reply is one, whole or put together from a stream.
func (p provider) reply(t *testing.T, request openai.ChatCompletionNewParams, stream bool) openai.ChatCompletionChoice {
	t.Helper()
	if !stream {
		return create(t, request).Choices[0]
	}
	c := client(t)
	_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
	if err != nil {
		t.Fatal(err)
	}
	return whole.Choices[0]
}

// run has an agent call its tools until it says something; returns what it called and
// said.
func (p provider) run(t *testing.T, request openai.ChatCompletionNewParams, stream bool, said func(openai.ChatCompletionMessage) openai.ChatCompletionMessageParamUnion) (called []string, text string) {
	t.Helper()
	for range 2 * len(order) {
		choice := p.reply(t, request, stream)
		if len(choice.Message.ToolCalls) == 0 {
			return called, choice.Message.Content
		}
		if choice.FinishReason != "tool_calls" {
			t.Errorf("the finish reason is %q", choice.FinishReason)
		}
		request.Messages = append(request.Messages, said(choice.Message))
		for _, call := range choice.Message.ToolCalls {
			if call.ID == "" || call.Type != "function" || call.Function.Arguments != arguments {
				t.Errorf("a call is %+v", call)
			}
			called = append(called, call.Function.Name)
			next := "Done."
			if len(called) < len(order) {
				next = "Now look at the " + order[len(called)] + "."
			}
			request.Messages = append(request.Messages, openai.ToolMessage(next, call.ID))
		}
	}
	t.Fatalf("it calls on and on: %v", called)
	return nil, ""
}

func TestProvidersCallToolsInThreeTurns(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		for _, stream := range []bool{false, true} {
			called, text := p.run(t, p.agent(p.model), stream, openai.ChatCompletionMessage.ToParam)
			if !slices.Equal(called, order) || text != "You said: How is the weather?" {
				t.Errorf("streamed %v: it called %v and said %q", stream, called, text)
			}
		}
	})
}

// What a model thought comes as a member that the SDK has no field for, and goes back
// as one.
func TestProvidersThinkBetweenTools(t *testing.T) {
	each(t, thinkers(providers), func(t *testing.T, p provider) {
		called, text := p.run(t, p.agent(p.thinker), false, func(m openai.ChatCompletionMessage) openai.ChatCompletionMessageParamUnion {
			var thought string
			if err := json.Unmarshal([]byte(m.JSON.ExtraFields["reasoning_content"].Raw()), &thought); err != nil || thought != "The user says: How is the weather?" {
				t.Errorf("it thought %q, %v", thought, err)
			}
			param := m.ToAssistantMessageParam()
			param.SetExtraFields(map[string]any{"reasoning_content": thought})
			return openai.ChatCompletionMessageParamUnion{OfAssistant: &param}
		})
		if !slices.Equal(called, order) || text != "You said: How is the weather?" {
			t.Errorf("it called %v and said %q", called, text)
		}
	})
}

func TestProvidersCallToolsSideBySide(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		for _, stream := range []bool{false, true} {
			request := p.agent(p.model)
			request.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage("Go")}
			request.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
			want := []string{"weather", "traffic"}
			if p.unforced {
				want = nil
			}
			message := p.reply(t, request, stream).Message
			if !slices.Equal(names(message.ToolCalls), want) {
				t.Errorf("streamed %v: called are %v, want %v", stream, names(message.ToolCalls), want)
			}
			if p.unforced {
				continue
			}
			request.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("auto")}
			request.Messages = append(request.Messages, message.ToParam())
			for _, call := range message.ToolCalls {
				request.Messages = append(request.Messages, openai.ToolMessage("Fine.", call.ID))
			}
			if got := p.reply(t, request, stream).Message.Content; got != "You said: Go" {
				t.Errorf("streamed %v: it says %q", stream, got)
			}
		}
	})
}

func TestProvidersHoldToASchema(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		request := p.ask("Weather? Answer in JSON.", p.model)
		request.ResponseFormat.OfJSONSchema = &shared.ResponseFormatJSONSchemaParam{
			JSONSchema: shared.ResponseFormatJSONSchemaJSONSchemaParam{Name: "weather", Schema: weather, Strict: openai.Bool(true)},
		}
		want := arguments
		if p.schemaless {
			want = `{"reply":"Weather? Answer in JSON."}`
		}
		var response *http.Response
		reply := create(t, request, option.WithResponseInto(&response))
		if got := reply.Choices[0].Message.Content; got != want {
			t.Errorf("it says %s, want %s", got, want)
		}
		if told := strings.Contains(response.Header.Get("X-Signalbox-Loss"), "response_format"); told != p.schemaless {
			t.Errorf("the losses are %q", response.Header.Get("X-Signalbox-Loss"))
		}
		if p.schemaless {
			c := once(t)
			_, err := c.Chat.Completions.New(t.Context(), request, option.WithHeader("X-Signalbox-Strict", "true"))
			refused(t, err, http.StatusBadRequest)
		}
	})
}

func TestProvidersSee(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		c := once(t)
		for url, cannot := range map[string]bool{stack.Pixel: p.blind, "https://example.com/cat.png": p.far} {
			request := p.ask("", p.model)
			request.Messages = []openai.ChatCompletionMessageParamUnion{openai.UserMessage([]openai.ChatCompletionContentPartUnionParam{
				openai.TextContentPart("What is it?"), openai.ImageContentPart(openai.ChatCompletionContentPartImageImageURLParam{URL: url}),
			})}
			reply, err := c.Chat.Completions.New(t.Context(), request)
			switch {
			case cannot:
				refused(t, err, http.StatusBadRequest)
			case err != nil || reply.Choices[0].Message.Content != "You said: What is it?":
				t.Errorf("%+v, %v", reply, err)
			}
		}
	})
}

func TestProvidersFail(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		c := once(t)
		for script, status := range map[string]int{"status=400": 400, "status=404": 404, "status=429,retry-after=7": 429, "status=500": 502, "status=503": 503} {
			request := p.ask("Hello", "fault/"+script)
			var response *http.Response
			_, err := c.Chat.Completions.New(t.Context(), request, option.WithResponseInto(&response))
			refused(t, err, status)
			if status == http.StatusTooManyRequests && response.Header.Get("Retry-After") != "7" {
				t.Errorf("the headers are %v", response.Header)
			}
			_, _, err = drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
			refused(t, err, status)
		}
	})
}
