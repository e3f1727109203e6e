package audit

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// Chat assembles the chunks of a streamed chat completion into the completion that
// they are the pieces of. It keeps nothing of a chunk but copies, and holds not much
// more memory than its limit. Not safe for concurrent use.
type Chat struct {
	limit, size int64
	whole       *chatv1.ChatCompletion
	choices     []*chatChoice
}

// NewChat returns a Chat that gives up when the pieces are larger than limit bytes
// together.
func NewChat(limit int64) *Chat {
	return &Chat{limit: limit, whole: &chatv1.ChatCompletion{}}
}

// Add takes the next chunk.
func (c *Chat) Add(chunk *chatv1.ChatCompletionChunk) {
	if c.whole == nil {
		return
	}
	// The encoded size is close to what the pieces take, names and lists included.
	for _, piece := range chunk.GetChoices() {
		c.size += int64(proto.Size(piece))
	}
	c.size += int64(len(chunk.GetExtraJson()))
	if c.size > c.limit {
		c.whole, c.choices = nil, nil
		return
	}
	w := c.whole
	w.Id = cmp.Or(w.GetId(), chunk.GetId())
	w.Created = cmp.Or(w.GetCreated(), chunk.GetCreated())
	w.Model = cmp.Or(w.GetModel(), chunk.GetModel())
	w.ModerationJson = cmp.Or(chunk.GetModerationJson(), w.GetModerationJson())
	w.ExtraJson = mergeObjects(w.GetExtraJson(), chunk.GetExtraJson())
	latest(&w.ServiceTier, chunk.ServiceTier)
	latest(&w.SystemFingerprint, chunk.SystemFingerprint)
	if chunk.GetUsage() != nil {
		w.Usage = proto.CloneOf(chunk.GetUsage())
	}
	for _, piece := range chunk.GetChoices() {
		c.choice(piece.GetIndex()).add(piece)
	}
}

// Completion is what the pieces make together, so far. Nil: they were too large.
func (c *Chat) Completion() *chatv1.ChatCompletion {
	if c.whole == nil {
		return nil
	}
	completion := proto.CloneOf(c.whole)
	for _, choice := range c.choices {
		completion.Choices = append(completion.Choices, choice.whole())
	}
	slices.SortStableFunc(completion.Choices, func(a, b *chatv1.Choice) int { return cmp.Compare(a.GetIndex(), b.GetIndex()) })
	return completion
}

// choice is the choice of an index; choices are few.
func (c *Chat) choice(index int32) *chatChoice {
	for _, choice := range c.choices {
		if choice.index == index {
			return choice
		}
	}
	choice := &chatChoice{index: index}
	c.choices = append(c.choices, choice)
	return choice
}

// chatChoice is a choice as far as it has come.
type chatChoice struct {
	index            int32
	role, finish     *string
	content, refusal text
	// The three dialects of reasoning.
	reasoningContent, reasoning text
	details                     []*chatDetail
	tools                       []*chatTool
	function                    *chatFunction
	annotations                 []*chatv1.ChatAnnotation
	audio                       *chatAudio
	logprobs                    *chatv1.ChoiceLogprobs
	deltaExtra, extra           string
}

func (c *chatChoice) add(piece *chatv1.ChunkChoice) {
	latest(&c.finish, piece.FinishReason)
	c.extra = mergeObjects(c.extra, piece.GetExtraJson())
	if more := piece.GetLogprobs(); more != nil {
		if c.logprobs == nil {
			c.logprobs = &chatv1.ChoiceLogprobs{}
		}
		more = proto.CloneOf(more)
		c.logprobs.Content = append(c.logprobs.Content, more.GetContent()...)
		c.logprobs.Refusal = append(c.logprobs.Refusal, more.GetRefusal()...)
		c.logprobs.ExtraJson = mergeObjects(c.logprobs.GetExtraJson(), more.GetExtraJson())
	}
	delta := piece.GetDelta()
	if delta == nil {
		return
	}
	latest(&c.role, delta.Role)
	c.content.add(delta.Content)
	c.refusal.add(delta.Refusal)
	c.reasoningContent.add(delta.ReasoningContent)
	c.reasoning.add(delta.Reasoning)
	c.deltaExtra = appendObjects(c.deltaExtra, delta.GetExtraJson())
	for _, tool := range delta.GetToolCalls() {
		c.tool(tool).add(tool)
	}
	for _, detail := range delta.GetReasoningDetails() {
		c.detail(detail).add(detail)
	}
	for _, annotation := range delta.GetAnnotations() {
		c.annotations = append(c.annotations, proto.CloneOf(annotation))
	}
	if delta.GetAudio() != nil {
		if c.audio == nil {
			c.audio = &chatAudio{}
		}
		c.audio.add(delta.GetAudio())
	}
	c.addFunction(delta)
}

func (c *chatChoice) addFunction(delta *chatv1.ChatDelta) {
	call := delta.GetFunctionCall() //nolint:staticcheck // deprecated by OpenAI, and still answered
	if call == nil {
		return
	}
	if c.function == nil {
		c.function = &chatFunction{}
	}
	c.function.add(call)
}

// tool is the tool call that a piece belongs to: that of its index, or without one
// that of its id, or the last one.
func (c *chatChoice) tool(piece *chatv1.ToolCall) *chatTool {
	for _, tool := range slices.Backward(c.tools) {
		switch {
		case piece.Index != nil:
			if tool.index != nil && *tool.index == piece.GetIndex() {
				return tool
			}
		case piece.Id == nil, tool.id != nil && *tool.id == piece.GetId():
			return tool
		}
	}
	tool := &chatTool{index: copied(piece.Index)}
	c.tools = append(c.tools, tool)
	return tool
}

// detail is the piece of reasoning that a piece of it belongs to: that of its index
// and type, or without an index the last one of its type.
func (c *chatChoice) detail(piece *chatv1.ReasoningDetail) *chatDetail {
	for _, detail := range slices.Backward(c.details) {
		same := detail.whole.GetType() == piece.GetType() || piece.GetType() == ""
		if piece.Index != nil {
			if same && detail.whole.Index != nil && detail.whole.GetIndex() == piece.GetIndex() {
				return detail
			}
			continue
		}
		if same && (piece.Id == nil || detail.whole.GetId() == piece.GetId()) {
			return detail
		}
		break
	}
	detail := &chatDetail{}
	c.details = append(c.details, detail)
	return detail
}

func (c *chatChoice) whole() *chatv1.Choice {
	role := "assistant"
	if c.role != nil {
		role = *c.role
	}
	message := &chatv1.ChatMessage{
		Role:             role,
		Refusal:          c.refusal.whole(),
		Annotations:      c.annotations,
		ReasoningContent: c.reasoningContent.whole(),
		Reasoning:        c.reasoning.whole(),
	}
	message.Content, message.ExtraJson = c.words()
	tools := slices.Clone(c.tools)
	slices.SortStableFunc(tools, byIndex)
	for _, tool := range tools {
		message.ToolCalls = append(message.ToolCalls, tool.whole())
	}
	for _, detail := range c.details {
		message.ReasoningDetails = append(message.ReasoningDetails, detail.finished())
	}
	if c.function != nil {
		message.FunctionCall = c.function.whole() //nolint:staticcheck // deprecated by OpenAI, and still answered
	}
	if c.audio != nil {
		message.Audio = c.audio.whole()
	}
	return &chatv1.Choice{Index: c.index, Message: message, FinishReason: c.finish, Logprobs: c.logprobs, ExtraJson: c.extra}
}

// words are the content and the unknown members of the message. Mistral sends
// content in parts, which no field of a delta holds, and texts beside them: then all
// of it is parts.
func (c *chatChoice) words() (content *string, extra string) {
	content, extra = c.content.whole(), c.deltaExtra
	if content == nil || !hasMember(extra, "content") {
		return content, extra
	}
	if *content != "" {
		part, err := json.Marshal(map[string]any{"content": []any{map[string]string{"type": "text", "text": *content}}})
		if err == nil {
			extra = appendObjects(extra, string(part))
		}
	}
	return nil, extra
}

// text is a text that comes in pieces. Absent and empty differ.
type text struct {
	set   bool
	parts strings.Builder
}

func (t *text) add(piece *string) {
	if piece != nil {
		t.set = true
		t.parts.WriteString(*piece)
	}
}

func (t *text) whole() *string {
	if !t.set {
		return nil
	}
	return new(t.parts.String())
}

// latest keeps the value that came last, in memory of its own: the texts of a chunk
// are parts of the text that it was read from.
func latest(kept **string, piece *string) {
	if piece != nil {
		*kept = new(strings.Clone(*piece))
	}
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}
