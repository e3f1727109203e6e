package openai

import (
	"strings"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// parts puts in the events that a provider leaves out, which clients cannot do
// without: a part is added before its text grows. Events are numbered anew.
type parts struct {
	known map[part]bool
	next  int32
}

// part names a part of an item.
type part struct {
	item  string
	index int32
}

// growing are the texts that belong to a part, and the part's own type.
var growing = map[string]string{
	"response.reasoning_text.": "reasoning_text",
	"response.output_text.":    "output_text",
	"response.refusal.":        "refusal",
}

// add adds an event to a list, behind those that it needs.
func (p *parts) add(list []*responsesv1.StreamEvent, event *responsesv1.StreamEvent) []*responsesv1.StreamEvent {
	item, index, output := "", int32(0), int32(0)
	switch {
	case event.GetContentPart() != nil:
		p.note(part{event.GetContentPart().GetItemId(), event.GetContentPart().GetContentIndex()})
	case event.GetDelta() != nil:
		item, index, output = event.GetDelta().GetItemId(), event.GetDelta().GetContentIndex(), event.GetDelta().GetOutputIndex()
	case event.GetDone() != nil:
		item, index, output = event.GetDone().GetItemId(), event.GetDone().GetContentIndex(), event.GetDone().GetOutputIndex()
	}
	if kind := kindOf(event.GetType()); kind != "" && p.note(part{item, index}) {
		list = append(list, p.number(added(kind, item, output, index)))
	}
	return append(list, p.number(event))
}

// note takes down that a part is known, and says whether it is new.
func (p *parts) note(one part) bool {
	if p.known[one] {
		return false
	}
	if p.known == nil {
		p.known = make(map[part]bool)
	}
	p.known[one] = true
	return true
}

func (p *parts) number(event *responsesv1.StreamEvent) *responsesv1.StreamEvent {
	event.SequenceNumber = p.next
	p.next++
	return event
}

// kindOf is the type of the part that an event's text belongs to. Empty: to none.
func kindOf(event string) string {
	if at := strings.LastIndexByte(event, '.'); at >= 0 {
		return growing[event[:at+1]]
	}
	return ""
}

func added(kind, item string, output, index int32) *responsesv1.StreamEvent {
	empty := ""
	content := &responsesv1.ContentPart{Type: kind, Text: &empty}
	if kind == "refusal" {
		content = &responsesv1.ContentPart{Type: kind, Refusal: &empty}
	}
	return &responsesv1.StreamEvent{
		Type: "response.content_part.added",
		Event: &responsesv1.StreamEvent_ContentPart{ContentPart: &responsesv1.ContentPartEvent{
			ItemId: item, OutputIndex: output, ContentIndex: &index, Part: content,
		}},
	}
}
