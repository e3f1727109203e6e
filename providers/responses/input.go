package responses

import (
	"fmt"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

const (
	assistant = "assistant"
	user      = "user"
)

// input makes messages of the instructions and of the input.
func (r *request) input() error {
	h := history{request: r, thoughts: thoughts{whole: true}}
	if r.params.Instructions != nil {
		h.messages = append(h.messages, &chatv1.ChatMessage{Role: "system", Content: r.params.Instructions})
	}
	if r.params.Input != nil {
		h.messages = append(h.messages, &chatv1.ChatMessage{Role: user, Content: r.params.Input})
	}
	for i, item := range r.params.GetInputItems() {
		if err := h.add(item, fmt.Sprintf("input[%d]", i)); err != nil {
			return err
		}
	}
	h.end()
	if r.params.Input == nil && len(r.params.GetInputItems()) == 0 {
		return invalid("input", "There is no input.")
	}
	r.chat.Messages = h.messages
	return nil
}

// history makes messages of items. What the model made in one go, its reasoning, words
// and calls, is one message: providers refuse calls that stand apart.
type history struct {
	*request
	messages []*chatv1.ChatMessage
	turn     *chatv1.ChatMessage   // the assistant's message under way; nil: none
	thoughts thoughts              // its reasoning
	pending  []*chatv1.ChatMessage // reasoning behind its words, of itself or of the next one
}

func (h *history) add(item *responsesv1.Item, param string) error {
	switch arm := item.GetItem().(type) {
	case *responsesv1.Item_Message:
		h.message(arm.Message)
	case *responsesv1.Item_FunctionCall:
		h.call(functionCall(arm.FunctionCall))
	case *responsesv1.Item_CustomToolCall:
		h.call(h.customCall(arm.CustomToolCall))
	case *responsesv1.Item_ToolOutput:
		h.output(item.GetType(), arm.ToolOutput)
	case *responsesv1.Item_Reasoning:
		h.reason(arm.Reasoning)
	case *responsesv1.Item_Compaction:
		summary, ok := decodeCompaction(arm.Compaction.GetEncryptedContent())
		if !ok {
			return invalid(param+".encrypted_content", "The compacted context was made by another provider, which alone can read it.")
		}
		h.end()
		h.messages = append(h.messages, &chatv1.ChatMessage{Role: user, Content: new(summaryLead + summary)})
	case *responsesv1.Item_ItemReference:
		return invalid(param, "The item "+arm.ItemReference.GetId()+" is not known.")
	case *responsesv1.Item_OtherJson:
		h.drop("input."+typeOf(item), "The provider has no such items.")
	case nil:
		return invalid(param, "The item is empty.")
	default:
		h.drop("input."+item.GetType(), "The provider has no such built-in tool.")
	}
	return nil
}

// typeOf is the type of an item that came as text.
func typeOf(item *responsesv1.Item) string {
	if item.GetType() != "" {
		return item.GetType()
	}
	text, _ := wire.Member(item.GetOtherJson(), "type")
	return strings.Trim(text, `"`)
}

func (h *history) message(m *responsesv1.MessageItem) {
	if m.Phase != nil {
		h.drop("input.phase", "Messages of chat completions have no phase.")
	}
	if m.GetRole() != assistant {
		h.end()
		message := &chatv1.ChatMessage{Role: m.GetRole(), ExtraJson: marks(m.GetExtraJson())}
		h.words(message, m.Content, m.GetContentParts())
		h.messages = append(h.messages, message)
		return
	}
	said := &chatv1.ChatMessage{Role: assistant}
	h.words(said, m.Content, m.GetContentParts())
	if speaks(h.turn) && len(h.turn.GetToolCalls()) == 0 {
		next := h.pending
		h.pending = nil
		h.end()
		h.pending = next
	}
	h.goOn()
	if !speaks(h.turn) {
		h.turn.Content, h.turn.Refusal, h.turn.ContentParts = said.Content, said.Refusal, said.ContentParts
		return
	}
	h.turn.ContentParts = append(parts(h.turn), parts(said)...)
	h.turn.Content, h.turn.Refusal = nil, nil
}

// speaks says whether a message has words.
func speaks(m *chatv1.ChatMessage) bool {
	return m != nil && (m.Content != nil || m.Refusal != nil || len(m.GetContentParts()) > 0)
}

// parts is the content of a message as parts.
func parts(m *chatv1.ChatMessage) []*chatv1.ChatContentPart {
	out := m.GetContentParts()
	if m.Content != nil {
		out = append(out, &chatv1.ChatContentPart{Type: "text", Text: m.Content})
	}
	if m.Refusal != nil {
		out = append(out, &chatv1.ChatContentPart{Type: "refusal", Refusal: m.Refusal})
	}
	return out
}

// marks are the members of an item that say where the prompt's cache ends. Others are
// of the item, not of what it says.
func marks(extra string) string {
	if value, ok := wire.Member(extra, "cache_control"); ok {
		return wire.AddMember("", "cache_control", value)
	}
	return ""
}

// ofCall are the members of a call's item that its tool call had, Gemini's signature of
// thought among them: all but OpenAI's own.
func ofCall(extra string) string {
	out := ""
	for member := range wire.Members(extra) {
		name, value := member.Key, member.Value
		if name != "caller" && name != "created_by" {
			out = wire.AddMember(out, name, value)
		}
	}
	return out
}

func functionCall(item *responsesv1.FunctionCallItem) *chatv1.ToolCall {
	return &chatv1.ToolCall{
		Id: new(item.GetCallId()), Type: new("function"), ExtraJson: ofCall(item.GetExtraJson()),
		Function: &chatv1.FunctionCall{Name: new(item.GetName()), Arguments: new(item.GetArguments())},
	}
}

func (r *request) customCall(item *responsesv1.CustomToolCallItem) *chatv1.ToolCall {
	call := &chatv1.ToolCall{Id: new(item.GetCallId()), ExtraJson: ofCall(item.GetExtraJson())}
	if !r.carries.customTools {
		call.Type = new("function")
		call.Function = &chatv1.FunctionCall{Name: new(item.GetName()), Arguments: new(`{"input":` + quote(item.GetInput()) + "}")}
	} else {
		call.Type = new("custom")
		call.Custom = &chatv1.CustomCall{Name: new(item.GetName()), Input: new(item.GetInput())}
	}
	return call
}

func (h *history) call(call *chatv1.ToolCall) {
	h.goOn()
	h.turn.ToolCalls = append(h.turn.ToolCalls, call)
}

func (h *history) output(kind string, item *responsesv1.ToolOutputItem) {
	if kind != "" && kind != "function_call_output" && kind != "custom_tool_call_output" {
		h.drop("input."+kind, "The provider has no such built-in tool.")
		return
	}
	h.end()
	message := &chatv1.ChatMessage{Role: "tool", ToolCallId: new(item.GetCallId()), ExtraJson: marks(item.GetExtraJson())}
	h.words(message, item.Output, item.GetOutputParts())
	if message.Content == nil && len(message.GetContentParts()) == 0 {
		message.Content = new("") // a tool that has nothing to say
	}
	h.messages = append(h.messages, message)
}

// reason takes reasoning in. Behind words it belongs to the calls that follow them, or
// to the next words.
func (h *history) reason(item *responsesv1.ReasoningItem) {
	carried := h.reasoning(item)
	if carried == nil {
		return
	}
	h.pending = append(h.pending, carried)
	if !speaks(h.turn) && len(h.turn.GetToolCalls()) == 0 {
		h.goOn()
	}
}

// reasoning is the reasoning of an item as chat messages have it; nil: nothing that
// they could carry.
func (r *request) reasoning(item *responsesv1.ReasoningItem) *chatv1.ChatMessage {
	if item.EncryptedContent != nil {
		if message, ok := decodeReasoning(item.GetEncryptedContent()); ok {
			return message
		}
		r.drop("input.reasoning.encrypted_content", "Reasoning that another provider encrypted is readable by it alone.")
	}
	var text strings.Builder
	for _, part := range item.GetContent() {
		text.WriteString(part.GetText())
	}
	if text.Len() == 0 {
		if len(item.GetSummary()) > 0 && item.EncryptedContent == nil {
			r.drop("input.reasoning.summary", "A summary is not the reasoning itself.")
		}
		return nil
	}
	return &chatv1.ChatMessage{ReasoningContent: new(text.String())}
}

// goOn begins the assistant's message unless there is one, and gives it the reasoning
// that waits.
func (h *history) goOn() {
	if h.turn == nil {
		h.turn = &chatv1.ChatMessage{Role: assistant}
	}
	for _, message := range h.pending {
		h.thoughts.add(message)
	}
	h.pending = nil
}

// end ends the assistant's message. One of reasoning alone is none.
func (h *history) end() {
	if h.turn == nil {
		return
	}
	h.goOn()
	if speaks(h.turn) || len(h.turn.GetToolCalls()) > 0 {
		h.thoughts.set(h.turn)
		h.messages = append(h.messages, h.turn)
	} else {
		h.drop("input.reasoning", "Reasoning without words or calls behind it is no message.")
	}
	h.turn, h.thoughts = nil, thoughts{whole: true}
}
