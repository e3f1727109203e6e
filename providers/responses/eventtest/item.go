package eventtest

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// item is an item whose events come.
type item struct {
	id      string
	added   *responsesv1.Item
	done    *responsesv1.Item
	content []*part
	summary []*part
	input   *part // of a call
}

// part is a part whose events come.
type part struct {
	text   strings.Builder
	cited  int
	whole  bool // its text is complete
	ended  *responsesv1.ContentPart
	opened *responsesv1.ContentPart
}

func newItem(id string, added *responsesv1.Item) *item {
	return &item{id: id, added: added, input: &part{}}
}

func idOf(i *responsesv1.Item) string {
	switch arm := i.GetItem().(type) {
	case *responsesv1.Item_Message:
		return arm.Message.GetId()
	case *responsesv1.Item_FunctionCall:
		return arm.FunctionCall.GetId()
	case *responsesv1.Item_CustomToolCall:
		return arm.CustomToolCall.GetId()
	case *responsesv1.Item_Reasoning:
		return arm.Reasoning.GetId()
	case *responsesv1.Item_Mcp:
		return arm.Mcp.GetId()
	case *responsesv1.Item_BuiltinTool:
		return arm.BuiltinTool.GetId()
	case *responsesv1.Item_Compaction:
		return arm.Compaction.GetId()
	}
	return ""
}

func statusOf(i *responsesv1.Item) string {
	switch arm := i.GetItem().(type) {
	case *responsesv1.Item_Message:
		return arm.Message.GetStatus()
	case *responsesv1.Item_FunctionCall:
		return arm.FunctionCall.GetStatus()
	case *responsesv1.Item_CustomToolCall:
		return arm.CustomToolCall.GetStatus()
	}
	return ""
}

// begin is what an item must be when it is added: named, and empty.
func (i *item) begin() error {
	switch arm := i.added.GetItem().(type) {
	case *responsesv1.Item_Message:
		if arm.Message.GetRole() != "assistant" || arm.Message.GetStatus() != "in_progress" || len(arm.Message.GetContentParts()) > 0 {
			return errors.New("a message begins empty, in progress, and as the assistant's")
		}
	case *responsesv1.Item_FunctionCall:
		call := arm.FunctionCall
		if call.GetCallId() == "" || call.GetName() == "" || call.GetArguments() != "" || call.GetStatus() != "in_progress" {
			return errors.New("a call begins with its id and name, without arguments, in progress")
		}
	case *responsesv1.Item_CustomToolCall:
		if call := arm.CustomToolCall; call.GetCallId() == "" || call.GetName() == "" || call.GetInput() != "" {
			return errors.New("a call begins with its id and name, without input")
		}
	case *responsesv1.Item_Reasoning:
		if len(arm.Reasoning.GetContent())+len(arm.Reasoning.GetSummary()) > 0 {
			return errors.New("reasoning begins empty")
		}
	}
	return nil
}

// list is the list that a part stands in, and its place.
func (i *item) list(content, summary *int32) (*[]*part, int) {
	if summary != nil {
		return &i.summary, int(*summary)
	}
	if content != nil {
		return &i.content, int(*content)
	}
	return nil, 0
}

func (i *item) part(kind string, event *responsesv1.ContentPartEvent) error {
	list, at := i.list(event.ContentIndex, event.SummaryIndex)
	if list == nil {
		return errors.New("the part has no place")
	}
	shown := event.GetPart()
	if strings.HasSuffix(kind, ".added") {
		switch {
		case at != len(*list):
			return fmt.Errorf("its place is %d, %d parts are there", at, len(*list))
		case at > 0 && (*list)[at-1].ended == nil:
			return errors.New("the part before it has not ended")
		case shown.GetText() != "" || shown.GetRefusal() != "":
			return errors.New("a part begins empty")
		}
		*list = append(*list, &part{opened: shown})
		return nil
	}
	p, err := begun(*list, at)
	if err != nil {
		return err
	}
	switch text := shown.GetText() + shown.GetRefusal(); {
	case !p.whole:
		return errors.New("its text has not ended")
	case shown.GetType() != p.opened.GetType():
		return fmt.Errorf("the part is %s, and began as %s", shown.GetType(), p.opened.GetType())
	case text != p.text.String():
		return fmt.Errorf("its text is %q, %q came", text, p.text.String())
	case len(shown.GetAnnotations()) != p.cited:
		return fmt.Errorf("it has %d annotations, %d came", len(shown.GetAnnotations()), p.cited)
	}
	p.ended = shown
	return nil
}

// begun is the part of a place, which must have begun and not ended.
func begun(list []*part, at int) (*part, error) {
	if at < 0 || at >= len(list) {
		return nil, fmt.Errorf("no part %d was added", at)
	}
	if list[at].ended != nil {
		return nil, fmt.Errorf("part %d has ended", at)
	}
	return list[at], nil
}

// kinds are the parts that texts of these names belong to.
var kinds = map[string]string{
	"output_text": "output_text", "refusal": "refusal", "reasoning_text": "reasoning_text", "reasoning_summary_text": "summary_text",
}

// text is the text that an event speaks of.
func (i *item) text(kind string, content, summary *int32) (*part, error) {
	name := strings.TrimPrefix(kind, "response.")
	name = name[:strings.LastIndexByte(name, '.')]
	of, ofPart := kinds[name]
	if !ofPart {
		if i.input.whole {
			return nil, errors.New("the input has ended")
		}
		return i.input, nil
	}
	list, at := i.list(content, summary)
	if list == nil {
		return nil, errors.New("the text has no place")
	}
	p, err := begun(*list, at)
	switch {
	case err != nil:
		return nil, err
	case p.opened.GetType() != of:
		return nil, fmt.Errorf("the part is %s", p.opened.GetType())
	case p.whole:
		return nil, errors.New("the text has ended")
	}
	return p, nil
}

func (i *item) delta(kind string, event *responsesv1.DeltaEvent) error {
	p, err := i.text(kind, event.ContentIndex, event.SummaryIndex)
	if err != nil {
		return err
	}
	if event.GetDelta() == "" && event.GetLogprobsJson() == "" {
		return errors.New("nothing is new")
	}
	p.text.WriteString(event.GetDelta())
	return nil
}

func (i *item) whole(kind string, event *responsesv1.DoneEvent) error {
	p, err := i.text(kind, event.ContentIndex, event.SummaryIndex)
	if err != nil {
		return err
	}
	for _, text := range []*string{event.Text, event.Refusal, event.Arguments, event.Input, event.Code, event.Diff} {
		if text != nil {
			p.whole = true
			if *text != p.text.String() {
				return fmt.Errorf("the text is %q, %q came", *text, p.text.String())
			}
		}
	}
	if !p.whole {
		return errors.New("it has no text")
	}
	return nil
}

func (i *item) cite(event *responsesv1.AnnotationEvent) error {
	p, err := begun(i.content, int(event.GetContentIndex()))
	if err != nil {
		return err
	}
	if p.whole {
		return errors.New("the text has ended")
	}
	if int(event.GetAnnotationIndex()) != p.cited {
		return fmt.Errorf("its place is %d, %d are there", event.GetAnnotationIndex(), p.cited)
	}
	p.cited++
	return nil
}

// end compares an item with what came of it.
func (i *item) end(done *responsesv1.Item) error {
	i.done = done
	for _, p := range append(append([]*part{}, i.content...), i.summary...) {
		if p.ended == nil {
			return errors.New("a part has not ended")
		}
	}
	if status := statusOf(done); status != "" && status != "completed" && status != "incomplete" {
		return errors.New("the item is " + status)
	}
	switch arm := done.GetItem().(type) {
	case *responsesv1.Item_Message:
		return same(i.content, arm.Message.GetContentParts())
	case *responsesv1.Item_Reasoning:
		return errors.Join(same(i.content, arm.Reasoning.GetContent()), same(i.summary, arm.Reasoning.GetSummary()))
	case *responsesv1.Item_FunctionCall:
		before := i.added.GetFunctionCall()
		return i.called(arm.FunctionCall.GetArguments(), before.GetCallId() == arm.FunctionCall.GetCallId() && before.GetName() == arm.FunctionCall.GetName())
	case *responsesv1.Item_CustomToolCall:
		before := i.added.GetCustomToolCall()
		return i.called(arm.CustomToolCall.GetInput(), before.GetCallId() == arm.CustomToolCall.GetCallId() && before.GetName() == arm.CustomToolCall.GetName())
	}
	return nil
}

func (i *item) called(input string, same bool) error {
	switch {
	case !same:
		return errors.New("the call has another id or name than it began with")
	case !i.input.whole:
		return errors.New("the call's input has not ended")
	case input != i.input.text.String():
		return fmt.Errorf("the call's input is %q, %q came", input, i.input.text.String())
	}
	return nil
}

// same compares the parts of an item with those that came.
func same(came []*part, shown []*responsesv1.ContentPart) error {
	if len(came) != len(shown) {
		return fmt.Errorf("the item has %d parts, %d came", len(shown), len(came))
	}
	for i, p := range came {
		if !proto.Equal(p.ended, shown[i]) {
			return fmt.Errorf("part %d has changed since it ended:\n%v\n%v", i, p.ended, shown[i])
		}
	}
	return nil
}
