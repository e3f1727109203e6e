package responses

import (
	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// events are those of a stream, numbered in order, until somebody takes them.
type events struct {
	next  int32
	queue []*responsesv1.StreamEvent
}

// take is the oldest event; nil: there is none.
func (e *events) take() *responsesv1.StreamEvent {
	if len(e.queue) == 0 {
		return nil
	}
	event := e.queue[0]
	e.queue[0] = nil
	if e.queue = e.queue[1:]; len(e.queue) == 0 {
		e.queue = nil
	}
	return event
}

// add queues an event. It gets its type and its number here.
func (e *events) add(kind string, event *responsesv1.StreamEvent) {
	event.Type, event.SequenceNumber = kind, e.next
	e.next++
	e.queue = append(e.queue, event)
}

func (e *events) lifecycle(kind string, response *responsesv1.Response) {
	e.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Lifecycle{
		Lifecycle: &responsesv1.LifecycleEvent{Response: proto.CloneOf(response)},
	}})
}

func (e *events) item(kind string, at *item) {
	e.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_OutputItem{
		OutputItem: &responsesv1.OutputItemEvent{OutputIndex: at.index, Item: at.message()},
	}})
}

func (e *events) part(kind string, at *item, event *responsesv1.ContentPartEvent) {
	event.ItemId, event.OutputIndex = at.id, at.index
	e.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_ContentPart{ContentPart: event}})
}

func (e *events) delta(kind string, at *item, event *responsesv1.DeltaEvent) {
	event.ItemId, event.OutputIndex = new(at.id), new(at.index)
	e.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Delta{Delta: event}})
}

func (e *events) done(kind string, at *item, event *responsesv1.DoneEvent) {
	event.ItemId, event.OutputIndex = new(at.id), new(at.index)
	e.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Done{Done: event}})
}
