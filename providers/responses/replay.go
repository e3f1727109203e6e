package responses

import (
	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// Replay are the events of a response that has ended, as a stream of it could have
// been: each text comes in one piece.
func Replay(response *responsesv1.Response) []*responsesv1.StreamEvent {
	out := &events{}
	begun := proto.CloneOf(response)
	begun.Status, begun.Output, begun.Usage = new(inProgress), nil, nil
	begun.Error, begun.IncompleteDetails, begun.CompletedAt = nil, nil, nil
	out.lifecycle("response.created", begun)
	out.lifecycle("response.in_progress", begun)
	for i, whole := range response.GetOutput() {
		replayItem(out, int32(i), whole)
	}
	out.lifecycle(endType(response), response)
	return out.queue
}

// endType is the type of the event that ends a response.
func endType(response *responsesv1.Response) string {
	switch response.GetStatus() {
	case completed:
		return "response.completed"
	case incomplete:
		return "response.incomplete"
	default:
		return "response.failed"
	}
}

// replayItem adds the events of one item: it begins, its parts come, it ends.
func replayItem(out *events, index int32, whole *responsesv1.Item) {
	item := func(kind string, item *responsesv1.Item) {
		out.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_OutputItem{
			OutputItem: &responsesv1.OutputItemEvent{OutputIndex: index, Item: item},
		}})
	}
	item("response.output_item.added", emptied(whole))
	switch arm := whole.GetItem().(type) {
	case *responsesv1.Item_Message:
		replayParts(out, index, arm.Message.GetId(), arm.Message.GetContentParts())
	case *responsesv1.Item_Reasoning:
		replayParts(out, index, arm.Reasoning.GetId(), arm.Reasoning.GetContent())
	case *responsesv1.Item_FunctionCall:
		call := arm.FunctionCall
		replayText(out, "response.function_call_arguments", textPlace{item: call.GetId(), output: index}, call.GetArguments(),
			&responsesv1.DoneEvent{Arguments: &call.Arguments, Name: &call.Name})
	case *responsesv1.Item_CustomToolCall:
		replayText(out, "response.custom_tool_call_input", textPlace{item: arm.CustomToolCall.GetId(), output: index}, arm.CustomToolCall.GetInput(),
			&responsesv1.DoneEvent{Input: &arm.CustomToolCall.Input})
	}
	item("response.output_item.done", proto.CloneOf(whole))
}

// emptied is an item as it begins.
func emptied(whole *responsesv1.Item) *responsesv1.Item {
	item := proto.CloneOf(whole)
	switch arm := item.GetItem().(type) {
	case *responsesv1.Item_Message:
		arm.Message.ContentParts, arm.Message.Status = nil, new(inProgress)
	case *responsesv1.Item_Reasoning:
		arm.Reasoning.Content, arm.Reasoning.Summary, arm.Reasoning.EncryptedContent = nil, nil, nil
	case *responsesv1.Item_FunctionCall:
		arm.FunctionCall.Arguments, arm.FunctionCall.Status = "", new(inProgress)
	case *responsesv1.Item_CustomToolCall:
		arm.CustomToolCall.Input, arm.CustomToolCall.Status = "", new(inProgress)
	}
	return item
}

// textPlace is where a text stands.
type textPlace struct {
	item    string
	output  int32
	content *int32
}

func replayParts(out *events, index int32, id string, parts []*responsesv1.ContentPart) {
	for i, whole := range parts {
		at := textPlace{item: id, output: index, content: new(int32(i))}
		part := func(kind string, part *responsesv1.ContentPart) {
			out.add(kind, &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_ContentPart{
				ContentPart: &responsesv1.ContentPartEvent{ItemId: id, OutputIndex: index, ContentIndex: at.content, Part: part},
			}})
		}
		begun := proto.CloneOf(whole)
		begun.Annotations, begun.LogprobsJson = nil, ""
		switch {
		case whole.Text != nil:
			begun.Text = new("")
			part("response.content_part.added", begun)
			replayText(out, "response."+whole.GetType(), at, whole.GetText(), &responsesv1.DoneEvent{Text: whole.Text, LogprobsJson: whole.GetLogprobsJson()})
		case whole.Refusal != nil:
			begun.Refusal = new("")
			part("response.content_part.added", begun)
			replayText(out, "response.refusal", at, whole.GetRefusal(), &responsesv1.DoneEvent{Refusal: whole.Refusal})
		default:
			part("response.content_part.added", begun)
		}
		part("response.content_part.done", proto.CloneOf(whole))
	}
}

func replayText(out *events, stem string, at textPlace, text string, done *responsesv1.DoneEvent) {
	if text != "" {
		out.add(stem+".delta", &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Delta{Delta: &responsesv1.DeltaEvent{
			ItemId: &at.item, OutputIndex: &at.output, ContentIndex: at.content, Delta: text,
		}}})
	}
	done.ItemId, done.OutputIndex, done.ContentIndex = &at.item, &at.output, at.content
	out.add(stem+".done", &responsesv1.StreamEvent{Event: &responsesv1.StreamEvent_Done{Done: done}})
}

// Ended is the event that shows a response which has ended, with a number.
func Ended(response *responsesv1.Response, number int32) *responsesv1.StreamEvent {
	out := &events{next: number}
	out.lifecycle(endType(response), response)
	return out.queue[0]
}

// Fail is a response that broke off for a reason.
func Fail(response *responsesv1.Response, why *failure.Error) *responsesv1.Response {
	response = proto.CloneOf(response)
	fail(response, why)
	return response
}
