package responses

import (
	"encoding/json"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// toolCall is a call of a tool as it comes.
type toolCall struct {
	place   *int32 // among the message's calls, as the provider counts
	id      string
	name    string
	extra   string
	custom  bool // a custom tool
	standIn bool // a function that stands for one
	input   strings.Builder
	item    *item // nil: its name has not come yet
	closed  bool
}

// shown is the input as the call's item has it. It is never rewritten, but where a
// function stands for a custom tool.
func (c *toolCall) shown() string {
	if c.standIn {
		if !c.closed {
			return ""
		}
		return unwrapped(c.input.String())
	}
	if c.item.status == inProgress {
		return ""
	}
	return c.input.String()
}

// unwrapped is the input within the arguments of a function that stands for a custom
// tool; arguments that the model got wrong are the input themselves.
func unwrapped(arguments string) string {
	var wrapped struct {
		Input *string `json:"input"`
	}
	if json.Unmarshal([]byte(arguments), &wrapped) != nil || wrapped.Input == nil {
		return arguments
	}
	return *wrapped.Input
}

// complete says whether the arguments are whole, so that another call may begin while
// providers may still go on with those that are not.
func (c *toolCall) complete() bool {
	return !c.custom && json.Valid([]byte(c.input.String()))
}

// calling takes a piece of a tool call.
func (a *assembler) calling(piece *chatv1.ToolCall) error {
	c := a.callOf(piece)
	name, input := piece.GetFunction().GetName(), piece.GetFunction().GetArguments()
	if custom := piece.GetCustom(); custom != nil {
		name, input, c.custom = custom.GetName(), custom.GetInput(), true
	}
	if c.name == "" {
		c.name = name
	}
	if c.id == "" {
		c.id = piece.GetId()
	}
	c.extra = merge(c.extra, unclaimed(piece.GetExtraJson(), (&responsesv1.FunctionCallItem{}).ProtoReflect()))
	if c.closed {
		if strings.TrimSpace(input) != "" {
			return invalidReply("The provider's stream goes on with a tool call that was complete.")
		}
		return nil
	}
	if c.item != nil {
		a.feed(c, input)
		return nil
	}
	if c.input.WriteString(input); c.name != "" {
		a.startCall(c)
	}
	return nil
}

// callOf is the call that a piece belongs to: that of its place, or without one that
// of its id, or the last one. Some providers give all calls the same place: then
// another id with a name begins another call.
func (a *assembler) callOf(piece *chatv1.ToolCall) *toolCall {
	named := piece.GetFunction().GetName() != "" || piece.GetCustom().GetName() != ""
	for i := len(a.calls) - 1; i >= 0; i-- {
		c := a.calls[i]
		other := piece.GetId() != "" && c.id != "" && piece.GetId() != c.id
		switch {
		case piece.Index != nil && (c.place == nil || *c.place != piece.GetIndex()):
		case other && (piece.Index == nil || named):
		default:
			return c
		}
	}
	c := &toolCall{place: piece.Index}
	a.calls = append(a.calls, c)
	return c
}

// startCall begins the item of a call and shows what has come of its input.
func (a *assembler) startCall(c *toolCall) {
	a.hush()
	a.flush()
	for _, earlier := range a.calls {
		if earlier != c && earlier.item != nil && !earlier.closed && earlier.complete() {
			a.closeCall(earlier, completed)
		}
	}
	if c.id == "" {
		c.id = newID("call_")
	}
	kind, prefix := "function_call", "fc_"
	if c.standIn = !c.custom && a.standIns[c.name]; c.standIn || c.custom {
		c.custom = true
		kind, prefix = "custom_tool_call", "ctc_"
	}
	c.item = a.open(kind, prefix, c)
	input := c.input.String()
	c.input.Reset()
	a.feed(c, input)
}

// feed adds to the input. Where a function stands for a custom tool it is shown at
// the end, when it can be read.
func (a *assembler) feed(c *toolCall, input string) {
	c.input.WriteString(input)
	if input != "" && !c.standIn {
		a.events.delta(c.deltas()+".delta", c.item, &responsesv1.DeltaEvent{Delta: input})
	}
}

func (c *toolCall) deltas() string {
	if c.custom {
		return "response.custom_tool_call_input"
	}
	return "response.function_call_arguments"
}

func (a *assembler) closeCall(c *toolCall, status string) {
	c.closed, c.item.status = true, status
	input := c.shown()
	if c.standIn && input != "" {
		a.events.delta(c.deltas()+".delta", c.item, &responsesv1.DeltaEvent{Delta: input})
	}
	done := &responsesv1.DoneEvent{}
	if c.custom {
		done.Input = &input
	} else {
		done.Arguments, done.Name = &input, &c.name
	}
	a.events.done(c.deltas()+".done", c.item, done)
	a.events.item("response.output_item.done", c.item)
}
