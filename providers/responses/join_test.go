package responses_test

import (
	"cmp"
	"slices"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// join makes the completion that chunks are the pieces of, as a plain reader of
// OpenAI's documents would: the first choice, without reasoning details.
func join(chunks []*chatv1.ChatCompletionChunk) *chatv1.ChatCompletion {
	m := &chatv1.ChatMessage{Role: "assistant"}
	choice := &chatv1.Choice{Message: m}
	whole := &chatv1.ChatCompletion{Choices: []*chatv1.Choice{choice}}
	var places []int32
	for _, chunk := range chunks {
		whole.Model = cmp.Or(chunk.GetModel(), whole.GetModel())
		if chunk.ServiceTier != nil {
			whole.ServiceTier = chunk.ServiceTier
		}
		if chunk.GetUsage() != nil {
			whole.Usage = chunk.GetUsage()
		}
		for member := range wire.Members(chunk.GetExtraJson()) {
			name, value := member.Key, member.Value
			whole.ExtraJson = put(whole.GetExtraJson(), name, value)
		}
		for _, piece := range chunk.GetChoices() {
			if piece.GetIndex() != 0 {
				continue
			}
			if piece.FinishReason != nil {
				choice.FinishReason = piece.FinishReason
			}
			if piece.GetLogprobs() != nil {
				if choice.Logprobs == nil {
					choice.Logprobs = &chatv1.ChoiceLogprobs{}
				}
				choice.Logprobs.Content = append(choice.Logprobs.Content, piece.GetLogprobs().GetContent()...)
			}
			delta := piece.GetDelta()
			if delta == nil {
				continue
			}
			plus(&m.Content, delta.Content)
			plus(&m.Refusal, delta.Refusal)
			plus(&m.ReasoningContent, delta.ReasoningContent)
			plus(&m.Reasoning, delta.Reasoning)
			m.Annotations = append(m.Annotations, delta.GetAnnotations()...)
			if content, ok := wire.Member(delta.GetExtraJson(), "content"); ok {
				parts := &chatv1.ChatMessage{}
				if codec.DecodeChatMessage(`{"content":`+content+"}", parts, wire.Limits{}) == nil {
					m.ContentParts = append(m.ContentParts, parts.GetContentParts()...)
				}
			}
			for _, call := range delta.GetToolCalls() {
				at := slices.Index(places, call.GetIndex())
				if at < 0 {
					at = len(places)
					places = append(places, call.GetIndex())
					m.ToolCalls = append(m.ToolCalls, &chatv1.ToolCall{Id: call.Id, Type: call.Type, Function: &chatv1.FunctionCall{Name: call.GetFunction().Name}})
				}
				plus(&m.ToolCalls[at].Function.Arguments, call.GetFunction().Arguments)
			}
		}
	}
	return whole
}

func plus(text **string, more *string) {
	if more != nil {
		if *text == nil {
			*text = new("")
		}
		*text = new(**text + *more)
	}
}

// put sets a member of an object.
func put(extra, key, value string) string {
	out := ""
	for member := range wire.Members(extra) {
		name, old := member.Key, member.Value
		if name != key {
			out = wire.AddMember(out, name, old)
		} else {
			out, value = wire.AddMember(out, name, value), ""
		}
	}
	if value != "" {
		out = wire.AddMember(out, key, value)
	}
	return out
}
