package responses

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// item is an item of the output while it is made, and afterwards.
type item struct {
	index  int32
	id     string
	kind   string // its type
	status string
	open   *part   // the part that grows; nil: none
	parts  []*part // all of them
	sealed string  // of reasoning: what the next turn needs
	call   *toolCall
}

// part is a part of a message or of reasoning.
type part struct {
	kind        partKind
	index       int32 // among the parts of its list
	text        strings.Builder
	logprobs    []string // each token's, as JSON text
	annotations []*responsesv1.Annotation
	source      *detail // of reasoning: where the text comes from; nil: not from one
}

// partKind is a kind of part.
type partKind uint8

const (
	outputText partKind = iota
	refusal
	reasoningText
	summaryText
)

// spelling is what a kind of part is called in events.
var spelling = [...]struct{ name, added, delta, done, ended string }{
	outputText: {
		"output_text", "response.content_part.added", "response.output_text.delta", "response.output_text.done", "response.content_part.done",
	},
	refusal: {
		"refusal", "response.content_part.added", "response.refusal.delta", "response.refusal.done", "response.content_part.done",
	},
	reasoningText: {
		"reasoning_text", "response.content_part.added", "response.reasoning_text.delta", "response.reasoning_text.done", "response.content_part.done",
	},
	summaryText: {
		"summary_text", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
		"response.reasoning_summary_text.done", "response.reasoning_summary_part.done",
	},
}

// message is the part as it is now.
func (p *part) message() *responsesv1.ContentPart {
	m := &responsesv1.ContentPart{Type: spelling[p.kind].name}
	switch p.kind {
	case refusal:
		m.Refusal = new(p.text.String())
	case outputText:
		m.LogprobsJson = list(p.logprobs)
		m.Annotations = p.annotations
		fallthrough
	default:
		m.Text = new(p.text.String())
	}
	return m
}

// place says where the part stands, in the list that its kind belongs to.
func (p *part) place() (content, summary *int32) {
	if p.kind == summaryText {
		return nil, new(p.index)
	}
	return new(p.index), nil
}

// list is the JSON text of an array; empty: it has no elements.
func list(elements []string) string {
	if len(elements) == 0 {
		return ""
	}
	return "[" + strings.Join(elements, ",") + "]"
}

// message is the item as it is now. What it shows is its receiver's.
func (i *item) message() *responsesv1.Item {
	m := &responsesv1.Item{Type: i.kind}
	switch i.kind {
	case "message":
		m.Item = &responsesv1.Item_Message{Message: &responsesv1.MessageItem{
			Id: &i.id, Role: assistant, Status: &i.status, ContentParts: i.content(outputText, refusal),
		}}
	case "reasoning":
		reasoning := &responsesv1.ReasoningItem{
			Id: &i.id, Status: &i.status, Summary: i.content(summaryText), Content: i.content(reasoningText),
		}
		if i.sealed != "" {
			reasoning.EncryptedContent = &i.sealed
		}
		m.Item = &responsesv1.Item_Reasoning{Reasoning: reasoning}
	case "function_call":
		m.Item = &responsesv1.Item_FunctionCall{FunctionCall: &responsesv1.FunctionCallItem{
			Id: &i.id, CallId: i.call.id, Name: i.call.name, Arguments: i.call.shown(), Status: &i.status, ExtraJson: i.call.extra,
		}}
	default:
		m.Item = &responsesv1.Item_CustomToolCall{CustomToolCall: &responsesv1.CustomToolCallItem{
			Id: &i.id, CallId: i.call.id, Name: i.call.name, Input: i.call.shown(), Status: &i.status, ExtraJson: i.call.extra,
		}}
	}
	return proto.CloneOf(m)
}

// content are the parts of some kinds that are complete.
func (i *item) content(kinds ...partKind) []*responsesv1.ContentPart {
	var out []*responsesv1.ContentPart
	for _, p := range i.parts {
		if p != i.open && slices.Contains(kinds, p.kind) {
			out = append(out, p.message())
		}
	}
	return out
}

// begin opens a part, the next one of its list.
func (e *events) begin(i *item, kind partKind, source *detail) *part {
	e.finish(i)
	p := &part{kind: kind, source: source}
	for _, other := range i.parts {
		if (other.kind == summaryText) == (kind == summaryText) {
			p.index++
		}
	}
	content, summary := p.place()
	i.parts, i.open = append(i.parts, p), p
	e.part(spelling[kind].added, i, &responsesv1.ContentPartEvent{ContentIndex: content, SummaryIndex: summary, Part: proto.CloneOf(p.message())})
	return p
}

// grow adds text to the open part.
func (e *events) grow(i *item, text string, logprobs []string) {
	p := i.open
	p.text.WriteString(text)
	p.logprobs = append(p.logprobs, logprobs...)
	content, summary := p.place()
	e.delta(spelling[p.kind].delta, i, &responsesv1.DeltaEvent{Delta: text, ContentIndex: content, SummaryIndex: summary, LogprobsJson: list(logprobs)})
}

// cite adds a source to the open part.
func (e *events) cite(i *item, annotation *responsesv1.Annotation) {
	p := i.open
	p.annotations = append(p.annotations, annotation)
	e.add("response.output_text.annotation.added", &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Annotation{
		Annotation: &responsesv1.AnnotationEvent{
			ItemId: i.id, OutputIndex: i.index, ContentIndex: p.index,
			AnnotationIndex: int32(len(p.annotations) - 1), //nolint:gosec // sources are few
			Annotation:      proto.CloneOf(annotation),
		},
	}})
}

// finish completes the open part, if there is one.
func (e *events) finish(i *item) {
	p := i.open
	if p == nil {
		return
	}
	whole := p.text.String()
	content, summary := p.place()
	done := &responsesv1.DoneEvent{ContentIndex: content, SummaryIndex: summary, LogprobsJson: list(p.logprobs)}
	if p.kind == refusal {
		done.Refusal = &whole
	} else {
		done.Text = &whole
	}
	e.done(spelling[p.kind].done, i, done)
	i.open = nil
	e.part(spelling[p.kind].ended, i, &responsesv1.ContentPartEvent{ContentIndex: content, SummaryIndex: summary, Part: proto.CloneOf(p.message())})
}
