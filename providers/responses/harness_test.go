package responses_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/responses/eventtest"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// chatter answers what it is told, and keeps what it was asked.
type chatter struct {
	completion *chatv1.ChatCompletion
	chunks     []*chatv1.ChatCompletionChunk
	end        error // of the stream; nil: io.EOF
	usageJSON  string
	asked      *providers.ChatCall
	closed     int
}

func (c *chatter) ChatCompletion(_ context.Context, call *providers.ChatCall) (*chatv1.ChatCompletion, error) {
	c.asked = call
	return c.completion, c.end
}

func (c *chatter) StreamChatCompletion(_ context.Context, call *providers.ChatCall) (providers.ChatStream, error) {
	c.asked = call
	return &chunkStream{chatter: c, rest: c.chunks}, nil
}

type chunkStream struct {
	*chatter
	rest []*chatv1.ChatCompletionChunk
}

func (s *chunkStream) Recv() (*chatv1.ChatCompletionChunk, error) {
	if len(s.rest) == 0 {
		if s.end != nil {
			return nil, s.end
		}
		s.asked.Exchange.UsageJSON = s.usageJSON
		return nil, io.EOF
	}
	chunk := s.rest[0]
	s.rest = s.rest[1:]
	return proto.CloneOf(chunk), nil
}

func (s *chunkStream) Ready() bool { return len(s.rest)%2 == 0 }

func (s *chunkStream) Close() error {
	s.closed++
	return nil
}

// lossyChatter is a chatter that loses these fields whenever a request has tools,
// stream options or messages that they are about.
type lossyChatter struct {
	*chatter
	fields []string
}

func (l *lossyChatter) Losses(request proto.Message, _ *planv1.Target) []*commonv1.Loss {
	var out []*commonv1.Loss
	text, _ := codec.Append(nil, request, wire.Request)
	for _, field := range l.fields {
		names := strings.Split(field, ".")
		if strings.Contains(string(text), `"`+names[len(names)-1]+`"`) {
			out = append(out, &commonv1.Loss{Field: field, Kind: commonv1.LossKind_LOSS_KIND_DROPPED, Detail: "Not here."})
		}
	}
	return out
}

// ask is a call with a body of OpenAI's.
func ask(tb testing.TB, body string) *providers.ResponseCall {
	tb.Helper()
	params := &responsesv1.ResponseParams{}
	if err := codec.DecodeResponseParams(body, params, wire.Limits{}); err != nil {
		tb.Fatalf("%v: %s", err, body)
	}
	return &providers.ResponseCall{
		Params: params, Target: &planv1.Target{Provider: "show", Model: "m-1"}, RequestID: "r-1", Exchange: &providers.Exchange{},
	}
}

// decode reads a recorded document.
func decode[M proto.Message](tb testing.TB, text string, m M) M {
	tb.Helper()
	if err := codec.Decode(text, m, wire.Limits{}); err != nil {
		tb.Fatalf("%v: %.200s", err, text)
	}
	return m
}

func encode(tb testing.TB, m proto.Message, mode wire.Mode) string {
	tb.Helper()
	text, err := codec.Append(nil, m, mode)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// stream returns the events of a call, held against the rules, and how they ended.
func stream(tb testing.TB, over providers.Chatter, call *providers.ResponseCall) ([]*responsesv1.StreamEvent, error) {
	tb.Helper()
	s, err := responses.Over(over).StreamResponse(tb.Context(), call)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var events []*responsesv1.StreamEvent
	var rules eventtest.Checker
	for {
		ready := s.Ready()
		event, err := s.Recv()
		if err != nil {
			if errors.Is(err, io.EOF) {
				if err := rules.End(); err != nil {
					tb.Error(err)
				}
				return events, nil
			}
			return events, err
		}
		_ = ready // asking changes nothing
		if err := rules.Add(event); err != nil {
			tb.Errorf("%v\n%v", err, event)
			return events, nil
		}
		events = append(events, event)
	}
}

// accumulate makes a response of events.
func accumulate(events []*responsesv1.StreamEvent) *responses.Accumulator {
	a := responses.NewAccumulator(0)
	for _, event := range events {
		a.Add(proto.CloneOf(event))
	}
	return a
}

// alike is a response without what no two of them share: ids of its own, and times.
func alike(response *responsesv1.Response) *responsesv1.Response {
	r := proto.CloneOf(response)
	r.Id, r.CreatedAt = "", 0
	if r.CompletedAt != nil {
		r.CompletedAt = new(int64(0))
	}
	for i, item := range r.GetOutput() {
		id := fmt.Sprintf("item-%d", i)
		switch arm := item.GetItem().(type) {
		case *responsesv1.Item_Message:
			arm.Message.Id = &id
		case *responsesv1.Item_Reasoning:
			arm.Reasoning.Id = &id
		case *responsesv1.Item_FunctionCall:
			arm.FunctionCall.Id = &id
		case *responsesv1.Item_CustomToolCall:
			arm.CustomToolCall.Id = &id
		}
	}
	return r
}

// cut makes chunks of a completion, with its texts split at random.
func cut(random *rand.Rand, c *chatv1.ChatCompletion) []*chatv1.ChatCompletionChunk {
	m := c.GetChoices()[0].GetMessage()
	var deltas []*chatv1.ChatDelta
	each := func(text *string, delta func(piece *string) *chatv1.ChatDelta) {
		if text == nil {
			return
		}
		for _, piece := range split(random, *text) {
			deltas = append(deltas, delta(new(piece)))
		}
	}
	deltas = append(deltas, &chatv1.ChatDelta{Role: new("assistant"), Content: new("")})
	each(m.ReasoningContent, func(p *string) *chatv1.ChatDelta { return &chatv1.ChatDelta{ReasoningContent: p} })
	each(m.Reasoning, func(p *string) *chatv1.ChatDelta { return &chatv1.ChatDelta{Reasoning: p} })
	for i, d := range m.GetReasoningDetails() {
		place := d.Index
		if place == nil && len(m.GetReasoningDetails()) > 1 {
			place = new(int32(i))
		}
		each(d.Text, func(p *string) *chatv1.ChatDelta {
			return &chatv1.ChatDelta{ReasoningDetails: []*chatv1.ReasoningDetail{{Type: d.GetType(), Index: place, Text: p}}}
		})
		rest := proto.CloneOf(d)
		rest.Text, rest.Index = nil, place
		deltas = append(deltas, &chatv1.ChatDelta{ReasoningDetails: []*chatv1.ReasoningDetail{rest}})
	}
	for _, part := range m.GetContentParts() {
		deltas = append(deltas, &chatv1.ChatDelta{ExtraJson: `{"content":[` + string(codec.AppendChatContentPart(nil, part, wire.Reply)) + "]}"})
	}
	each(m.Content, func(p *string) *chatv1.ChatDelta { return &chatv1.ChatDelta{Content: p} })
	each(m.Refusal, func(p *string) *chatv1.ChatDelta { return &chatv1.ChatDelta{Refusal: p} })
	if len(m.GetAnnotations()) > 0 {
		deltas = append(deltas, &chatv1.ChatDelta{Annotations: m.GetAnnotations()})
	}
	for i, call := range m.GetToolCalls() {
		first := proto.CloneOf(call)
		first.Index = new(int32(i))
		more := call.GetFunction().GetArguments() + call.GetCustom().GetInput()
		if first.GetFunction() != nil {
			first.Function.Arguments = new("")
		} else {
			first.Custom.Input = new("")
		}
		deltas = append(deltas, &chatv1.ChatDelta{ToolCalls: []*chatv1.ToolCall{first}})
		each(&more, func(p *string) *chatv1.ChatDelta {
			next := &chatv1.ToolCall{Index: first.Index}
			if first.GetFunction() != nil {
				next.Function = &chatv1.FunctionCall{Arguments: p}
			} else {
				next.Custom = &chatv1.CustomCall{Input: p}
			}
			return &chatv1.ChatDelta{ToolCalls: []*chatv1.ToolCall{next}}
		})
	}
	return chunked(c, deltas)
}

// chunked are chunks of these deltas, a completion's end and its usage.
func chunked(c *chatv1.ChatCompletion, deltas []*chatv1.ChatDelta) []*chatv1.ChatCompletionChunk {
	var chunks []*chatv1.ChatCompletionChunk
	add := func(choices ...*chatv1.ChunkChoice) *chatv1.ChatCompletionChunk {
		chunk := &chatv1.ChatCompletionChunk{
			Id: c.GetId(), Created: c.GetCreated(), Model: c.GetModel(), ServiceTier: c.ServiceTier, ExtraJson: c.GetExtraJson(), Choices: choices,
		}
		chunks = append(chunks, chunk)
		return chunk
	}
	for i, delta := range deltas {
		choice := &chatv1.ChunkChoice{Delta: delta}
		if delta.GetContent() != "" && i == len(deltas)-1-len(c.GetChoices()[0].GetMessage().GetToolCalls()) {
			choice.Logprobs = c.GetChoices()[0].GetLogprobs()
		}
		add(choice)
	}
	add(&chatv1.ChunkChoice{Delta: &chatv1.ChatDelta{}, FinishReason: c.GetChoices()[0].FinishReason})
	if c.GetUsage() != nil {
		add().Usage = c.GetUsage()
	}
	return chunks
}

// split cuts a text between characters, at random.
func split(random *rand.Rand, text string) []string {
	var out []string
	for text != "" {
		n := 1 + random.IntN(len(text))
		if random.IntN(2) == 0 {
			n = min(n, 4)
		}
		for n < len(text) && !utf8.RuneStart(text[n]) {
			n++
		}
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}
