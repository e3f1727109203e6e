package responses

import (
	"slices"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// Accumulator makes a response of the events of its stream, a provider's own or an
// emulated one: the last one that the stream showed, and where it broke off, what had
// come until then. It keeps nothing of an event but copies. Not safe for concurrent
// use.
type Accumulator struct {
	limit, size int64
	response    *responsesv1.Response // the last one that was shown
	items       []*growing
	next        int32
	ended       bool
}

// NewAccumulator returns an Accumulator that gives up when the events are larger than
// limit bytes together; 0: never.
func NewAccumulator(limit int64) *Accumulator { return &Accumulator{limit: limit} }

// Add takes the next event.
func (a *Accumulator) Add(event *responsesv1.StreamEvent) {
	a.next = event.GetSequenceNumber() + 1
	if a.limit > 0 {
		if a.size += sizeOf(event); a.size > a.limit {
			a.response, a.items = nil, nil
			a.ended = a.ended || ends(event)
			return
		}
	}
	switch arm := event.GetEvent().(type) {
	case *responsesv1.StreamEvent_Lifecycle:
		a.response = proto.CloneOf(arm.Lifecycle.GetResponse())
		a.ended = a.ended || ends(event)
	case *responsesv1.StreamEvent_OutputItem:
		at := a.item(arm.OutputItem.GetOutputIndex())
		at.item = proto.CloneOf(arm.OutputItem.GetItem())
		at.done = event.GetType() == "response.output_item.done"
		at.texts = nil
	case *responsesv1.StreamEvent_ContentPart:
		a.item(arm.ContentPart.GetOutputIndex()).part(arm.ContentPart)
	case *responsesv1.StreamEvent_Delta:
		if delta := arm.Delta; delta.OutputIndex != nil {
			at := a.item(delta.GetOutputIndex())
			at.text(stem(event.GetType()), delta.GetContentIndex()+delta.GetSummaryIndex()).WriteString(delta.GetDelta())
		}
	case *responsesv1.StreamEvent_Done:
		if done := arm.Done; done.OutputIndex != nil {
			a.item(done.GetOutputIndex()).whole(event.GetType(), done)
		}
	case *responsesv1.StreamEvent_Annotation:
		a.item(arm.Annotation.GetOutputIndex()).cite(arm.Annotation)
	}
}

// sizeOf is how large an event is, or what is kept of one of many.
func sizeOf(event *responsesv1.StreamEvent) int64 {
	if delta := event.GetDelta(); delta != nil {
		return int64(len(delta.GetDelta()))
	}
	return int64(proto.Size(event))
}

// ends says whether an event is a stream's last.
func ends(event *responsesv1.StreamEvent) bool {
	return slices.Contains([]string{"response.completed", "response.incomplete", "response.failed"}, event.GetType())
}

// item is the item of a place in the output.
func (a *Accumulator) item(index int32) *growing {
	for _, item := range a.items {
		if item.index == index {
			return item
		}
	}
	item := &growing{index: index}
	a.items = append(a.items, item)
	return item
}

// Response is the response as far as it has come. Nil: none was shown yet, or the
// events were too large.
func (a *Accumulator) Response() *responsesv1.Response {
	if a.response == nil {
		return nil
	}
	response := proto.CloneOf(a.response)
	if a.ended && len(response.GetOutput()) > 0 {
		return response
	}
	response.Output = nil
	slices.SortStableFunc(a.items, func(x, y *growing) int { return int(x.index - y.index) })
	for _, item := range a.items {
		if item.item != nil {
			response.Output = append(response.Output, item.message())
		}
	}
	return response
}

// Failed are the events that end a stream which broke off, with the numbers that
// follow: "error", as OpenAI nests it, and "response.failed" with what had come. None
// for a stream that has its end.
func (a *Accumulator) Failed(err error) []*responsesv1.StreamEvent {
	if a.ended {
		return nil
	}
	why := failure.As(err)
	if why == nil {
		why = &failure.Error{Message: "The gateway failed."}
	}
	out := events{next: a.next}
	out.add("error", &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Error{
		Error: &responsesv1.ErrorEvent{ErrorJson: errorJSON(why)},
	}})
	if response := a.Response(); response != nil {
		fail(response, why)
		out.lifecycle("response.failed", response)
	}
	return out.queue
}

// fail turns a response that broke off into one that failed.
func fail(response *responsesv1.Response, why *failure.Error) {
	response.Status, response.CompletedAt = new(failed), nil
	code := why.OpenAICode()
	if code == "" {
		code = "server_error"
	}
	response.Error = &responsesv1.ResponseError{Code: code, Message: why.Message}
	for _, item := range response.GetOutput() {
		if status := statusOf(item); status != nil && *status != nil && **status == inProgress {
			*status = new(incomplete)
		}
	}
}

// statusOf is where an item has its status; nil: it has none.
func statusOf(item *responsesv1.Item) **string {
	switch arm := item.GetItem().(type) {
	case *responsesv1.Item_Message:
		return &arm.Message.Status
	case *responsesv1.Item_FunctionCall:
		return &arm.FunctionCall.Status
	case *responsesv1.Item_CustomToolCall:
		return &arm.CustomToolCall.Status
	case *responsesv1.Item_Reasoning:
		return &arm.Reasoning.Status
	case *responsesv1.Item_Mcp:
		return &arm.Mcp.Status
	case *responsesv1.Item_BuiltinTool:
		return &arm.BuiltinTool.Status
	}
	return nil
}

// errorJSON is the object `error` of OpenAI's event.
func errorJSON(why *failure.Error) string {
	orNull := func(text string) string {
		if text == "" {
			return "null"
		}
		return quote(text)
	}
	out := wire.AddMember("", "type", quote(why.OpenAIType()))
	out = wire.AddMember(out, "code", orNull(why.OpenAICode()))
	out = wire.AddMember(out, "message", quote(why.Message))
	return wire.AddMember(out, "param", orNull(why.Param))
}
