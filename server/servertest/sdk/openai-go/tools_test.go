//go:build sdk

package openaigo

import (
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"
)

const arguments = `{"city":"text","days":3}`

// useful is a request with two tools.
func useful(text string) openai.ChatCompletionNewParams {
	request := say(text)
	for _, name := range []string{"weather", "traffic"} {
		request.Tools = append(request.Tools, openai.ChatCompletionFunctionTool(shared.FunctionDefinitionParam{
			Name: name, Parameters: weather, Strict: openai.Bool(true),
		}))
	}
	return request
}

// names are the names of the functions that are called.
func names(calls []openai.ChatCompletionMessageToolCallUnion) []string {
	var list []string
	for _, c := range calls {
		list = append(list, c.Function.Name)
	}
	return list
}

func TestTools(t *testing.T) {
	t.Parallel()
	required := openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
	none := openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("none")}
	for name, test := range map[string]struct {
		change func(*openai.ChatCompletionNewParams)
		want   []string
	}{
		"parallel": {func(p *openai.ChatCompletionNewParams) { p.ToolChoice = required }, []string{"weather", "traffic"}},
		"one by one": {func(p *openai.ChatCompletionNewParams) {
			p.ToolChoice, p.ParallelToolCalls = required, openai.Bool(false)
		}, []string{"weather"}},
		"named": {func(p *openai.ChatCompletionNewParams) {
			p.ToolChoice = openai.ToolChoiceOptionFunctionToolChoice(openai.ChatCompletionNamedToolChoiceFunctionParam{Name: "traffic"})
		}, []string{"traffic"}},
		"the model's choice": {func(*openai.ChatCompletionNewParams) {}, []string{"weather"}},
		"none":               {func(p *openai.ChatCompletionNewParams) { p.ToolChoice = none }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := useful("How is the weather?")
			test.change(&request)
			reply := create(t, request)
			calls := reply.Choices[0].Message.ToolCalls
			if !slices.Equal(names(calls), test.want) {
				t.Errorf("called are %v, want %v", names(calls), test.want)
			}
			for _, c := range calls {
				if c.Type != "function" || c.ID == "" || c.Function.Arguments != arguments {
					t.Errorf("a call is %s", c.RawJSON())
				}
			}
		})
	}
}

func TestToolsAreAnswered(t *testing.T) {
	t.Parallel()
	request := useful("How is the weather?")
	asked := create(t, request).Choices[0].Message
	request.Messages = append(request.Messages, asked.ToParam(), openai.ToolMessage("Sunny.", asked.ToolCalls[0].ID))
	if got := create(t, request).Choices[0].Message.Content; got != "You said: How is the weather?" {
		t.Errorf("got %q", got)
	}
}

func TestCustomTool(t *testing.T) {
	t.Parallel()
	request := say("Go")
	request.Tools = []openai.ChatCompletionToolUnionParam{openai.ChatCompletionCustomTool(openai.ChatCompletionCustomToolCustomParam{Name: "shell"})}
	request.ToolChoice = openai.ToolChoiceOptionCustomToolChoice(openai.ChatCompletionNamedToolChoiceCustomCustomParam{Name: "shell"})
	calls := create(t, request).Choices[0].Message.ToolCalls
	if len(calls) != 1 || calls[0].Type != "custom" || calls[0].Custom.Name != "shell" || calls[0].Custom.Input != "print(1)" {
		t.Errorf("called are %+v", calls)
	}
}

func TestToolsInStreams(t *testing.T) {
	t.Parallel()
	c := client(t)
	request := useful("Go")
	request.ToolChoice = openai.ChatCompletionToolChoiceOptionUnionParam{OfAuto: openai.String("required")}
	stream := c.Chat.Completions.NewStreaming(t.Context(), request)
	var whole openai.ChatCompletionAccumulator
	var finished []string
	pieces := map[int64]int{}
	for stream.Next() {
		chunk := stream.Current()
		if !whole.AddChunk(chunk) {
			t.Errorf("the accumulator does not take %s", chunk.RawJSON())
		}
		for _, piece := range chunk.Choices[0].Delta.ToolCalls {
			pieces[piece.Index]++
		}
		if call, ok := whole.JustFinishedToolCall(); ok {
			finished = append(finished, call.Name+call.Arguments)
		}
	}
	if err := stream.Err(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"weather" + arguments, "traffic" + arguments}; !slices.Equal(finished, want) {
		t.Errorf("finished were %v, want %v", finished, want)
	}
	if pieces[0] < 3 || pieces[1] < 3 || len(pieces) != 2 {
		t.Errorf("the calls came in pieces: %v", pieces)
	}
	if choice := whole.Choices[0]; choice.FinishReason != "tool_calls" || !slices.Equal(names(choice.Message.ToolCalls), []string{"weather", "traffic"}) {
		t.Errorf("the whole is %+v", choice)
	}
}
