package responses

import (
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// assembler makes a response, and the events that tell of it, of what a model says in
// chat. Only the first choice counts: responses have one.
type assembler struct {
	events   events
	response *responsesv1.Response // its output comes last
	standIns map[string]bool       // the functions that stand for custom tools
	items    []*item
	said     *item // the message or the reasoning under way; nil: none
	thoughts thoughts
	source   source
	cited    []*responsesv1.Annotation // sources that came before the text
	calls    []*toolCall
	begun    bool
	finish   *string // the finish reason
}

func (r *request) assembler() *assembler {
	return &assembler{response: r.frame(), standIns: r.custom}
}

// whole is the response that a whole completion makes: that of a stream of one chunk.
func (a *assembler) whole(c *chatv1.ChatCompletion) (*responsesv1.Response, error) {
	for _, choice := range c.GetChoices() {
		if choice.GetIndex() != 0 {
			continue
		}
		a.note(c)
		a.begin()
		m := choice.GetMessage()
		a.thoughts.whole = true
		a.add(m, choice.GetLogprobs())
		for i, call := range m.GetToolCalls() {
			numbered := &chatv1.ToolCall{
				Index: new(int32(i)), Id: call.Id, Type: call.Type, Function: call.GetFunction(), Custom: call.GetCustom(), ExtraJson: call.GetExtraJson(),
			}
			if err := a.calling(numbered); err != nil {
				return nil, err
			}
		}
		if err := a.stop(choice.GetFinishReason()); err != nil {
			return nil, err
		}
		if err := a.end(); err != nil {
			return nil, err
		}
		return a.response, nil
	}
	return nil, invalidReply("The provider's reply has no choice.")
}

// chunk takes a piece of a stream.
func (a *assembler) chunk(c *chatv1.ChatCompletionChunk) error {
	a.note(c)
	a.begin()
	for _, choice := range c.GetChoices() {
		if choice.GetIndex() != 0 {
			continue
		}
		delta := choice.GetDelta()
		a.add(messageOf(delta), choice.GetLogprobs())
		for _, call := range delta.GetToolCalls() {
			if err := a.calling(call); err != nil {
				return err
			}
		}
		if choice.GetFinishReason() != "" {
			if err := a.stop(choice.GetFinishReason()); err != nil {
				return err
			}
		}
	}
	return nil
}

// messageOf is what a delta adds, as a message. Mistral sends content in parts, which
// no field of a delta holds.
func messageOf(delta *chatv1.ChatDelta) *chatv1.ChatMessage {
	m := &chatv1.ChatMessage{}
	if content, ok := wire.Member(delta.GetExtraJson(), "content"); ok {
		_ = codec.DecodeChatMessage(`{"content":`+content+"}", m, wire.Limits{}) // what is no content says nothing
	}
	if delta.GetContent() != "" {
		m.Content = delta.Content
	}
	if delta != nil {
		m.Refusal, m.ReasoningContent, m.Reasoning = delta.Refusal, delta.ReasoningContent, delta.Reasoning
	}
	m.Annotations, m.ReasoningDetails = delta.GetAnnotations(), delta.GetReasoningDetails()
	return m
}

// reply is what completions and chunks have in common.
type reply interface {
	GetModel() string
	GetUsage() *chatv1.CompletionUsage
	GetServiceTier() string
	GetModerationJson() string
	GetExtraJson() string
}

// note takes what a reply says of itself.
func (a *assembler) note(c reply) {
	if c.GetModel() != "" {
		a.response.Model = c.GetModel()
	}
	if c.GetServiceTier() != "" {
		a.response.ServiceTier = new(c.GetServiceTier())
	}
	if c.GetUsage() != nil {
		a.response.Usage = usageOf(c.GetUsage())
	}
	if c.GetModerationJson() != "" {
		a.response.ModerationJson = c.GetModerationJson()
	}
	a.response.ExtraJson = merge(a.response.GetExtraJson(), unclaimed(c.GetExtraJson(), a.response.ProtoReflect()))
}

// begin tells that the response is made, once.
func (a *assembler) begin() {
	if !a.begun {
		a.begun = true
		usage := a.response.GetUsage()
		a.response.Usage = nil // known at the end
		a.events.lifecycle("response.created", a.response)
		a.events.lifecycle("response.in_progress", a.response)
		a.response.Usage = usage
	}
}

// stop takes the finish reason and completes what is under way.
func (a *assembler) stop(reason string) error {
	status := completed
	switch reason {
	case "length", "max_tokens", "model_length":
		status = incomplete
		a.response.IncompleteDetails = &responsesv1.IncompleteDetails{Reason: new("max_output_tokens")}
	case "content_filter", "safety":
		status = incomplete
		a.response.IncompleteDetails = &responsesv1.IncompleteDetails{Reason: new("content_filter")}
	case "error":
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "The provider failed while the model answered.")
	case "insufficient_system_resource":
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, "The provider ran out of resources while the model answered.")
	}
	a.finish = &reason
	a.response.Status = &status
	return a.closeAll()
}

// end tells that the response is whole. A reply without a finish reason is not.
func (a *assembler) end() error {
	if a.finish == nil {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "The provider's stream ended without a finish reason.")
	}
	if err := a.closeAll(); err != nil {
		return err
	}
	status := a.response.GetStatus()
	if len(a.items) == 0 && status == completed {
		a.speak(outputText, "", nil) // the model had nothing to say, and said so
		a.hush()
	}
	for _, item := range a.items {
		a.response.Output = append(a.response.Output, item.message())
	}
	if status == completed {
		a.response.CompletedAt = new(time.Now().Unix())
	}
	a.events.lifecycle("response."+status, a.response)
	return nil
}

// closeAll completes the items that are open, in their order.
func (a *assembler) closeAll() error {
	for _, c := range a.calls {
		if c.item == nil {
			return invalidReply("The provider's reply has a tool call without a name.")
		}
	}
	for _, item := range a.items {
		switch {
		case item == a.said:
			a.close(a.response.GetStatus())
		case item.call != nil && !item.call.closed:
			a.closeCall(item.call, a.response.GetStatus())
		}
	}
	a.flush()
	return nil
}

// open begins an item.
func (a *assembler) open(kind, prefix string, call *toolCall) *item {
	i := &item{index: int32(len(a.items)), id: newID(prefix), kind: kind, status: inProgress, call: call} //nolint:gosec // items are few
	if call != nil {
		call.item = i
	}
	a.items = append(a.items, i)
	a.events.item("response.output_item.added", i)
	return i
}
