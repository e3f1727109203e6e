package openai

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// Replies is how a provider's replies differ from OpenAI's.
type Replies struct {
	// Mend says that they are made OpenAI's in all that they may lack: ids, roles,
	// indexes, finish reasons, texts, OpenAI's arithmetic. Reasoning is in
	// `reasoning_content` always, beside the provider's own member.
	Mend bool
	// NewIDs says that its ids do not tell replies apart, and are made anew.
	NewIDs bool
	// UsageWithChoices says that a stream's usage comes with its last choices. It is
	// sent behind them, by itself.
	UsageWithChoices bool
	// Failures are the finish reasons that say that the reply failed, with the HTTP
	// status that each stands for.
	Failures map[string]int
}

// finishReasons are OpenAI's words for those of others.
var finishReasons = map[string]string{
	"eos": "stop", "eos_token": "stop", "end_turn": "stop", "stop_sequence": "stop", "complete": "stop",
	"max_tokens": "length", "model_length": "length", "tool_use": "tool_calls",
}

// mendFinish returns OpenAI's word for a finish reason.
func mendFinish(reason string) string {
	if known := finishReasons[reason]; known != "" {
		return known
	}
	return reason
}

// completion makes a reply OpenAI's. model is the one that was asked.
func (r *Replies) completion(m *chatv1.ChatCompletion, model string) {
	if m.Id == "" || r.NewIDs {
		m.Id = newID("chatcmpl-")
	}
	m.Created = createdOf(m.GetCreated(), m.GetExtraJson())
	if m.Model == "" {
		m.Model = model
	}
	m.ExtraJson = without(m.ExtraJson, "object")
	for _, choice := range m.GetChoices() {
		if choice.Message == nil {
			choice.Message = new(chatv1.ChatMessage)
		}
		mendMessage(choice.GetMessage())
		switch reason := choice.GetFinishReason(); {
		case reason != "":
			choice.FinishReason = proto.String(mendFinish(reason))
		case len(choice.GetMessage().GetToolCalls()) > 0:
			choice.FinishReason = proto.String("tool_calls")
		default:
			choice.FinishReason = proto.String("stop")
		}
	}
	if m.Usage == nil {
		m.Usage = usageElsewhere(m.GetExtraJson())
	}
	mendUsage(m.GetUsage())
}

// mendMessage makes a message of a reply OpenAI's.
func mendMessage(m *chatv1.ChatMessage) {
	if m.Role == "" {
		m.Role = "assistant"
	}
	if len(m.ContentParts) > 0 {
		m.Content, m.ReasoningContent = textsOf(m.GetContentParts(), m.ReasoningContent)
		if !plain(m.GetContentParts()) {
			m.ExtraJson = wire.AddMember(without(m.GetExtraJson(), "content_parts"), "content_parts", partsJSON(m))
		}
		m.ContentParts = nil
	}
	if m.ReasoningContent == nil {
		m.ReasoningContent = m.Reasoning
	}
	m.ExtraJson = withoutEmptyCalls(m.GetExtraJson())
	for _, call := range m.GetToolCalls() {
		if call.GetId() == "" {
			call.Id = proto.String(newID("call_"))
		}
		mendCall(call)
		if f := call.Function; f != nil && f.Arguments == nil {
			f.Arguments = proto.String("{}")
		}
	}
}

// mendCall gives a call its type, and its arguments as text.
func mendCall(call *chatv1.ToolCall) {
	if call.GetType() == "" && call.Custom == nil {
		call.Type = proto.String("function")
	}
	mendArguments(call.GetFunction())
}

// mendArguments makes text of arguments that came as an object.
func mendArguments(f *chatv1.FunctionCall) {
	if f == nil || f.Arguments != nil {
		return
	}
	if text, there := wire.Member(f.GetExtraJson(), "arguments"); there && text != null {
		f.Arguments = proto.String(text)
		f.ExtraJson = without(f.GetExtraJson(), "arguments")
	}
}

// textsOf are the texts of content that came in parts: what is said, and what is
// thought behind what was thought already.
func textsOf(parts []*chatv1.ChatContentPart, thought *string) (said, thoughts *string) {
	thoughts = thought
	for _, part := range parts {
		if part.Text != nil && part.GetType() != "thinking" {
			said = proto.String(orEmpty(said) + part.GetText())
		}
		if inner, there := wire.Member(part.GetExtraJson(), "thinking"); there {
			thoughts = proto.String(orEmpty(thoughts) + thinking(inner))
		}
	}
	return said, thoughts
}

// thinking is the text of a part that thinks: a text, or parts again.
func thinking(value string) string {
	var text string
	if json.Unmarshal([]byte(value), &text) == nil {
		return text
	}
	var parts []struct {
		Text string `json:"text"`
	}
	_ = json.Unmarshal([]byte(value), &parts) // what is neither has no text
	for _, part := range parts {
		text += part.Text
	}
	return text
}

// plain says whether the texts are all that parts have.
func plain(parts []*chatv1.ChatContentPart) bool {
	for _, part := range parts {
		if part.GetType() != "text" && part.GetType() != "thinking" {
			return false
		}
	}
	return true
}

// partsJSON are a message's parts as they came.
func partsJSON(m *chatv1.ChatMessage) string {
	text := codec.AppendChatMessage(nil, &chatv1.ChatMessage{ContentParts: m.GetContentParts()}, wire.Request)
	parts, _ := wire.Member(string(text), "content")
	return parts
}

// withoutEmptyCalls removes a list of no tool calls: who has none says none.
func withoutEmptyCalls(extra string) string {
	if calls, there := wire.Member(extra, "tool_calls"); there && saysNothing(calls) {
		return without(extra, "tool_calls")
	}
	return extra
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}

// newID makes an id that no other reply has.
func newID(prefix string) string { return prefix + rand.Text() }

// createdOf is when a reply was made, in seconds: some providers say it in milliseconds,
// as no whole number, or not at all.
func createdOf(told int64, extra string) int64 {
	const inMilliseconds = 1e11 // seconds until the year 5138
	n, err := float64(told), error(nil)
	if told == 0 {
		text, _ := wire.Member(extra, "created")
		n, err = strconv.ParseFloat(strings.Trim(text, `"`), 64)
	}
	switch {
	case err != nil || !(n >= 1) || n > 1e15:
		return time.Now().Unix()
	case n > inMilliseconds:
		return int64(n / 1000)
	default:
		return int64(n)
	}
}

// failure is the error that a reply or chunk has in a place where OpenAI has none: in a
// choice, or in Groq's own member. Nil: none.
func (r *Replies) failure(text []byte) []byte {
	suspect := bytes.Contains(text, []byte(`"error"`))
	for reason := range r.Failures {
		suspect = suspect || bytes.Contains(text, []byte(reason))
	}
	var reply struct {
		Choices []struct {
			FinishReason string          `json:"finish_reason"`
			Error        json.RawMessage `json:"error"`
		} `json:"choices"`
		Groq struct {
			Error json.RawMessage `json:"error"`
		} `json:"x_groq"`
	}
	if !suspect || json.Unmarshal(text, &reply) != nil {
		return nil
	}
	if says(reply.Groq.Error) {
		return fmt.Appendf(nil, `{"error":%s}`, reply.Groq.Error)
	}
	for _, choice := range reply.Choices {
		if says(choice.Error) {
			return fmt.Appendf(nil, `{"error":%s}`, choice.Error)
		}
		if status := r.Failures[choice.FinishReason]; status != 0 {
			return fmt.Appendf(nil, `{"error":{"message":"The provider gave the reply up.","type":%q,"code":%d}}`,
				choice.FinishReason, status)
		}
	}
	return nil
}

// says says whether a member is an error: an object, or a text.
func says(value json.RawMessage) bool { return len(value) > 2 && (value[0] == '{' || value[0] == '"') }
