//go:build sdk

package grpcgo

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestUnary(t *testing.T) {
	t.Parallel()
	var header metadata.MD
	ctx, id := named(t)
	reply, err := chat(t).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: say("Hello")}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	completion, info := reply.GetCompletion(), reply.GetInfo()
	choice := completion.GetChoices()[0]
	if choice.GetMessage().GetContent() != answer || choice.GetFinishReason() != "stop" || completion.GetModel() != "gpt-4o-mini-2024-07-18" {
		t.Errorf("the completion is %v", completion)
	}
	if info.GetRequestId() != id || info.GetProviderType() != "openai" || info.GetAttempts() != 1 || info.GetUpstreamRequestId() == "" ||
		info.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
		t.Errorf("the facts are %v", info)
	}
	if sum := info.GetUsage().GetInput() + info.GetUsage().GetOutput(); sum != completion.GetUsage().GetTotalTokens() || sum == 0 {
		t.Errorf("the usage is %v in the facts and %v in the reply", info.GetUsage(), completion.GetUsage())
	}
	headers(t, header, info)
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 1 {
		t.Errorf("the provider was called %d times with the request id", n)
	}
}

func TestStream(t *testing.T) {
	t.Parallel()
	for name, asked := range map[string]bool{"without usage": false, "with usage": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, id := named(t)
			params := say("Hello")
			if asked {
				params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
			}
			stream := open(ctx, t, params)
			messages, err := drain(stream)
			if err != nil || len(messages) < 4 || textOf(messages) != answer {
				t.Fatalf("%v, %v", messages, err)
			}
			first, last := messages[0], messages[len(messages)-1]
			if first.GetChunk() == nil || first.GetInfo().GetRequestId() != id || first.GetInfo().GetEnd() != 0 || first.GetInfo().GetUsage() != nil {
				t.Errorf("the first message is %v", first)
			}
			if last.GetChunk() != nil || last.GetInfo().GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || last.GetInfo().GetUsage().GetOutput() == 0 ||
				last.GetInfo().GetPlanDigest() != first.GetInfo().GetPlanDigest() {
				t.Errorf("the last message is %v", last)
			}
			for _, m := range messages[1 : len(messages)-1] {
				if m.GetInfo() != nil || m.GetChunk() == nil {
					t.Errorf("a message between is %v", m)
				}
			}
			for i, m := range messages {
				if got := m.GetChunk().GetUsage() != nil; got != (asked && i == len(messages)-2) {
					t.Errorf("message %d of %d has a usage: %v", i, len(messages), got)
				}
			}
			header, err := stream.Header()
			if err != nil {
				t.Fatal(err)
			}
			headers(t, header, first.GetInfo())
		})
	}
}

// The verbatim twins say the same as the typed fields: the plan is the same, and so
// is what the provider was asked.
func TestTwins(t *testing.T) {
	t.Parallel()
	typed := say("")
	typed.Messages[0] = &chatv1.ChatMessage{Role: "user", ContentParts: []*chatv1.ChatContentPart{
		{Text: proto.String("How is the weather?")},
		{ImageUrl: &chatv1.ImageUrl{Url: stack.Pixel, Detail: proto.String("low")}},
	}}
	typed.Tools = tools
	twin := &chatv1.ChatCompletionParams{
		Model: typed.GetModel(),
		MessagesJson: `[{"role":"user","content":[{"type":"text","text":"How is the weather?"},` +
			`{"type":"image_url","image_url":{"url":"` + stack.Pixel + `","detail":"low"}}]}]`,
		ToolsJson: `[{"type":"function","function":{"name":"weather","parameters":` + place + `,"strict":true}},` +
			`{"type":"function","function":{"name":"traffic","parameters":` + place + `,"strict":true}}]`,
	}
	a, b := create(t, typed), create(t, twin)
	if a.GetInfo().GetPlanDigest() != b.GetInfo().GetPlanDigest() {
		t.Errorf("the plans are %s and %s", a.GetInfo().GetPlanDigest(), b.GetInfo().GetPlanDigest())
	}
	if !proto.Equal(a.GetCompletion(), b.GetCompletion()) {
		t.Errorf("the replies are %v and %v", a.GetCompletion(), b.GetCompletion())
	}
}

const (
	place     = `{"type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer","minimum":3}},"required":["city","days"],"additionalProperties":false}`
	arguments = `{"city":"text","days":3}`
)

// tools are two, with their types left to the fields that are set.
var tools = []*chatv1.ChatTool{
	{Function: &chatv1.FunctionDefinition{Name: "weather", ParametersJson: place, Strict: proto.Bool(true)}},
	{Function: &chatv1.FunctionDefinition{Name: "traffic", ParametersJson: place, Strict: proto.Bool(true)}},
}

func TestTools(t *testing.T) {
	t.Parallel()
	params := say("How is the weather?")
	params.Tools, params.ToolChoice = tools, proto.String("required")
	choice := create(t, params).GetCompletion().GetChoices()[0]
	calls := choice.GetMessage().GetToolCalls()
	if len(calls) != 2 || choice.GetFinishReason() != "tool_calls" {
		t.Fatalf("the choice is %v", choice)
	}
	for i, name := range []string{"weather", "traffic"} {
		if f := calls[i].GetFunction(); f.GetName() != name || f.GetArguments() != arguments || calls[i].GetType() != "function" {
			t.Errorf("call %d is %v", i, calls[i])
		}
	}

	params.ToolChoice = nil
	params.Messages = append(params.Messages, choice.GetMessage())
	for _, c := range calls {
		params.Messages = append(params.Messages, &chatv1.ChatMessage{Role: "tool", ToolCallId: c.Id, Content: proto.String("Sunny.")})
	}
	if got := create(t, params).GetCompletion().GetChoices()[0].GetMessage().GetContent(); got != "You said: How is the weather?" {
		t.Errorf("after the tools: %q", got)
	}
}

func TestToolsInStreams(t *testing.T) {
	t.Parallel()
	params := say("Go")
	params.Tools = tools
	params.ToolChoiceObject = &chatv1.ChatToolChoice{Function: &chatv1.ToolName{Name: "traffic"}}
	ctx, _ := named(t)
	messages, err := drain(open(ctx, t, params))
	if err != nil {
		t.Fatal(err)
	}
	name, text, pieces := "", "", 0
	for _, m := range messages {
		for _, choice := range m.GetChunk().GetChoices() {
			for _, piece := range choice.GetDelta().GetToolCalls() {
				if piece.Index == nil || piece.GetIndex() != 0 {
					t.Errorf("a piece is %v", piece)
				}
				name += piece.GetFunction().GetName()
				text += piece.GetFunction().GetArguments()
				pieces++
			}
		}
	}
	if name != "traffic" || text != arguments || pieces < 3 {
		t.Errorf("%s(%s) in %d pieces", name, text, pieces)
	}
}

func TestStructuredOutput(t *testing.T) {
	t.Parallel()
	params := say("Weather?")
	params.ResponseFormat = &chatv1.ResponseFormat{JsonSchema: &chatv1.JsonSchemaFormat{Name: "weather", SchemaJson: place, Strict: proto.Bool(true)}}
	content := create(t, params).GetCompletion().GetChoices()[0].GetMessage().GetContent()
	if !json.Valid([]byte(content)) || content != arguments {
		t.Errorf("got %s", content)
	}
}

func TestEveryCharacterAndLongContent(t *testing.T) {
	t.Parallel()
	odd := "Grüße, 世界 👩‍👩‍👧 e\u0301 \"\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&"
	if got := create(t, say(odd)).GetCompletion().GetChoices()[0].GetMessage().GetContent(); got != "You said: "+odd {
		t.Errorf("got %q", got)
	}
	long := faulty("line=3000000")
	long.Messages[0].Content = proto.String(strings.Repeat("long ", 400_000))
	if n := len(create(t, long).GetCompletion().GetChoices()[0].GetMessage().GetContent()); n != 3_000_000 {
		t.Errorf("the reply has %d bytes", n)
	}
}
