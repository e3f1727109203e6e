package responses

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// growing is an item whose pieces are put together.
type growing struct {
	index int32
	item  *responsesv1.Item // as it was shown; nil: not yet
	done  bool
	texts map[place]*strings.Builder
}

// place is a text of an item: of its content, of its summary, or its input.
type place struct {
	kind  string // "output_text", "function_call_arguments" and others
	index int32
}

// stem is what an event's text is called.
func stem(event string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(event, "response."), ".")
	return name
}

// text is the text of a place.
func (g *growing) text(kind string, index int32) *strings.Builder {
	at := place{kind, index}
	if g.texts[at] == nil {
		if g.texts == nil {
			g.texts = make(map[place]*strings.Builder)
		}
		g.texts[at] = &strings.Builder{}
	}
	return g.texts[at]
}

// part takes a part as it began or ended.
func (g *growing) part(event *responsesv1.ContentPartEvent) {
	list := g.list(event.SummaryIndex != nil)
	if list == nil {
		return
	}
	at := partAt(list, event.GetContentIndex()+event.GetSummaryIndex(), event.GetPart().GetType())
	proto.Reset(at)
	proto.Merge(at, event.GetPart())
}

// list is the item's list of parts; nil: it has none.
func (g *growing) list(summary bool) *[]*responsesv1.ContentPart {
	switch arm := g.item.GetItem().(type) {
	case *responsesv1.Item_Message:
		return &arm.Message.ContentParts
	case *responsesv1.Item_Reasoning:
		if summary {
			return &arm.Reasoning.Summary
		}
		return &arm.Reasoning.Content
	}
	return nil
}

// partAt is the part of a place; the list grows as far as the next place.
func partAt(list *[]*responsesv1.ContentPart, index int32, kind string) *responsesv1.ContentPart {
	if index >= 0 && int(index) < len(*list) {
		return (*list)[index]
	}
	part := &responsesv1.ContentPart{Type: kind}
	*list = append(*list, part)
	return part
}

// cite takes a source.
func (g *growing) cite(event *responsesv1.AnnotationEvent) {
	if list := g.list(false); list != nil {
		part := partAt(list, event.GetContentIndex(), spelling[outputText].name)
		part.Annotations = append(part.Annotations, proto.CloneOf(event.GetAnnotation()))
	}
}

// whole takes a text that is complete: some providers send no deltas.
func (g *growing) whole(kind string, event *responsesv1.DoneEvent) {
	for _, text := range []*string{event.Text, event.Refusal, event.Arguments, event.Input, event.Code} {
		if text != nil {
			at := g.text(stem(kind), event.GetContentIndex()+event.GetSummaryIndex())
			at.Reset()
			at.WriteString(*text)
		}
	}
}

// message is the item with its texts, as far as they have come.
func (g *growing) message() *responsesv1.Item {
	if g.done {
		return proto.CloneOf(g.item)
	}
	copied := &growing{item: proto.CloneOf(g.item)}
	inOrder := func(a, b place) int { return cmp.Compare(a.index, b.index) }
	for _, at := range slices.SortedFunc(maps.Keys(g.texts), inOrder) {
		copied.set(at, g.texts[at].String())
	}
	return copied.item
}

func (g *growing) set(at place, text string) {
	switch at.kind {
	case "output_text", "reasoning_text", "reasoning_summary_text", "refusal":
		kind := strings.TrimPrefix(at.kind, "reasoning_")
		if kind == "text" {
			kind = at.kind
		}
		list := g.list(at.kind == "reasoning_summary_text")
		if list == nil {
			return
		}
		part := partAt(list, at.index, kind)
		if part.GetType() == spelling[refusal].name {
			part.Refusal = &text
		} else {
			part.Text = &text
		}
	case "function_call_arguments":
		if call := g.item.GetFunctionCall(); call != nil {
			call.Arguments = text
		}
	case "custom_tool_call_input":
		if call := g.item.GetCustomToolCall(); call != nil {
			call.Input = text
		}
	case "mcp_call_arguments":
		if call := g.item.GetMcp(); call != nil {
			call.Arguments = &text
		}
	case "code_interpreter_call_code":
		if call := g.item.GetBuiltinTool(); call != nil {
			call.ExtraJson = merge(call.GetExtraJson(), `{"code":`+quote(text)+"}")
		}
	}
}
