package service

import (
	"slices"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// utterance is what a model says in a completion, or in a piece of one.
type utterance interface {
	GetContent() string
	GetRefusal() string
	GetToolCalls() []*chatv1.ToolCall
	GetReasoning() string
	GetReasoningContent() string
	GetReasoningDetails() []*chatv1.ReasoningDetail
	GetAudio() *chatv1.Audio
	GetFunctionCall() *chatv1.FunctionCall
	GetExtraJson() string
}

// says says whether anything but an orderly stop is there: a filter's verdict or a limit
// that was reached is an answer, too.
func says(u utterance, finish string) bool {
	return finish != "" && finish != "stop" || u.GetContent() != "" || u.GetRefusal() != "" || len(u.GetToolCalls()) > 0 ||
		u.GetReasoning() != "" || u.GetReasoningContent() != "" || len(u.GetReasoningDetails()) > 0 ||
		u.GetAudio() != nil || u.GetFunctionCall() != nil || holds(u.GetExtraJson())
}

// holds says whether there is anything in members that the gateway does not know: they
// may be how a provider spells its content.
func holds(extra string) bool {
	found := false
	wire.Held(extra, func(name string) uint64 {
		switch value, _ := wire.Member(extra, name); value {
		case "null", `""`, "[]", "{}":
		default:
			found = true
		}
		return 0
	})
	return found
}

// empty says that a completion says nothing.
func empty(completion *chatv1.ChatCompletion) bool {
	return !slices.ContainsFunc(completion.GetChoices(), func(choice *chatv1.Choice) bool {
		return len(choice.GetMessage().GetContentParts()) > 0 || says(choice.GetMessage(), choice.GetFinishReason())
	})
}

// shows says that a chunk carries content, rather than a role, a stop or the usage.
func shows(chunk *chatv1.ChatCompletionChunk) bool {
	return slices.ContainsFunc(chunk.GetChoices(), func(choice *chatv1.ChunkChoice) bool {
		return says(choice.GetDelta(), choice.GetFinishReason())
	})
}
