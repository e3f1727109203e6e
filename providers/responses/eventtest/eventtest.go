// Package eventtest holds the events of a streamed response against what OpenAI's
// SDKs rely on. For tests.
package eventtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// Checker follows the events of one stream. The zero value awaits the first one. It
// knows the rules of what a gateway makes; kinds of items and events that it does not
// know pass as long as their numbers and places are right.
type Checker struct {
	next  int32
	id    string
	items []*item
	ended bool
	erred bool // "error" was seen: only response.failed may follow
	err   error
}

// Check is what is wrong with the events of a whole stream; nil: nothing is.
func Check(events []*responsesv1.StreamEvent) error {
	var c Checker
	for _, event := range events {
		if err := c.Add(event); err != nil {
			return err
		}
	}
	return c.End()
}

// Add takes the next event. Its error is the first one that there was.
func (c *Checker) Add(event *responsesv1.StreamEvent) error {
	if c.err == nil {
		if err := c.add(event); err != nil {
			c.err = fmt.Errorf("event %d, %s: %w", c.next, event.GetType(), err)
		}
		c.next++
	}
	return c.err
}

// End says that no event follows.
func (c *Checker) End() error {
	if c.err == nil && !c.ended {
		c.err = errors.New("the stream has no last event")
	}
	return c.err
}

func (c *Checker) add(event *responsesv1.StreamEvent) error {
	kind := event.GetType()
	switch {
	case event.GetSequenceNumber() != c.next:
		return fmt.Errorf("its sequence_number is %d", event.GetSequenceNumber())
	case c.ended:
		return errors.New("it follows the last event")
	case c.next == 0 && kind != "response.created":
		return errors.New("it is the first one")
	case c.erred && kind != "response.failed":
		return errors.New("it follows an error")
	}
	switch arm := event.GetEvent().(type) {
	case *responsesv1.StreamEvent_Lifecycle:
		return c.lifecycle(kind, arm.Lifecycle.GetResponse())
	case *responsesv1.StreamEvent_OutputItem:
		return c.item(kind, arm.OutputItem)
	case *responsesv1.StreamEvent_ContentPart:
		return c.at(arm.ContentPart.GetOutputIndex(), arm.ContentPart.GetItemId(), func(i *item) error { return i.part(kind, arm.ContentPart) })
	case *responsesv1.StreamEvent_Delta:
		if placeless(kind) {
			return nil
		}
		return c.at(arm.Delta.GetOutputIndex(), arm.Delta.GetItemId(), func(i *item) error { return i.delta(kind, arm.Delta) })
	case *responsesv1.StreamEvent_Done:
		if placeless(kind) {
			return nil
		}
		return c.at(arm.Done.GetOutputIndex(), arm.Done.GetItemId(), func(i *item) error { return i.whole(kind, arm.Done) })
	case *responsesv1.StreamEvent_Annotation:
		return c.at(arm.Annotation.GetOutputIndex(), arm.Annotation.GetItemId(), func(i *item) error { return i.cite(arm.Annotation) })
	case *responsesv1.StreamEvent_Error:
		c.erred = true
		if arm.Error.GetErrorJson() == "" {
			return errors.New("SDKs raise only what stands in `error`")
		}
	}
	return nil
}

// placeless says whether a text is none of an item's own: sound has no item, and a
// shell's item has several commands.
func placeless(kind string) bool {
	return strings.HasPrefix(kind, "response.audio.") || strings.HasPrefix(kind, "response.shell_call_command.")
}

// statuses are what a response is when the event of this name shows it.
var statuses = map[string]string{
	"response.created": "in_progress", "response.in_progress": "in_progress", "response.queued": "queued",
	"response.completed": "completed", "response.incomplete": "incomplete", "response.failed": "failed",
}

func (c *Checker) lifecycle(kind string, response *responsesv1.Response) error {
	switch {
	case response.GetId() == "":
		return errors.New("the response has no id")
	case c.id != "" && response.GetId() != c.id:
		return fmt.Errorf("the response's id %q was %q", response.GetId(), c.id)
	case response.GetStatus() != statuses[kind] && (kind != "response.created" || response.GetStatus() != "queued"):
		return fmt.Errorf("the response is %s", response.GetStatus())
	case kind == "response.created" && c.next > 0:
		return errors.New("it comes again")
	}
	c.id = response.GetId()
	switch kind {
	case "response.created", "response.in_progress", "response.queued":
		if response.Usage != nil || response.CompletedAt != nil || len(response.GetOutput()) > 0 || len(c.items) > 0 {
			return errors.New("the response has gone on already")
		}
		return nil
	}
	c.ended = true
	return c.last(kind, response)
}

// last compares the response with the items that came.
func (c *Checker) last(kind string, response *responsesv1.Response) error {
	output := response.GetOutput()
	switch {
	case len(output) != len(c.items):
		return fmt.Errorf("the response has %d items, %d came", len(output), len(c.items))
	case (kind == "response.failed") != (response.Error != nil):
		return errors.New("a response has an error when it failed, and only then")
	case (kind == "response.incomplete") != (response.IncompleteDetails != nil):
		return errors.New("a response says why it is incomplete, and only then")
	case kind != "response.completed" && response.CompletedAt != nil:
		return errors.New("a response says when it was completed, and it was not")
	}
	for i, item := range c.items {
		switch {
		case item.done == nil && kind != "response.failed":
			return fmt.Errorf("item %d has not ended", i)
		case item.done != nil && !proto.Equal(open(item.done), open(output[i])):
			return fmt.Errorf("item %d has changed since it ended:\n%v\n%v", i, item.done, output[i])
		}
	}
	return nil
}

// open is an item without what is encrypted, which OpenAI does anew each time.
func open(item *responsesv1.Item) *responsesv1.Item {
	item = proto.CloneOf(item)
	if reasoning := item.GetReasoning(); reasoning != nil {
		reasoning.EncryptedContent = nil
	}
	if compaction := item.GetCompaction(); compaction != nil {
		compaction.EncryptedContent = ""
	}
	return item
}

func (c *Checker) item(kind string, event *responsesv1.OutputItemEvent) error {
	id := idOf(event.GetItem())
	if kind == "response.output_item.added" {
		switch {
		case int(event.GetOutputIndex()) != len(c.items):
			return fmt.Errorf("its place is %d, %d items are there", event.GetOutputIndex(), len(c.items))
		case id == "" || slices.ContainsFunc(c.items, func(i *item) bool { return i.id == id }):
			return fmt.Errorf("the item's id %q is none, or not its own", id)
		}
		c.items = append(c.items, newItem(id, event.GetItem()))
		return c.items[len(c.items)-1].begin()
	}
	return c.at(event.GetOutputIndex(), id, func(i *item) error { return i.end(event.GetItem()) })
}

// at finds the item of an event, which must be open. Events of shells have no id.
func (c *Checker) at(index int32, id string, then func(*item) error) error {
	if index < 0 || int(index) >= len(c.items) {
		return fmt.Errorf("there is no item %d", index)
	}
	i := c.items[index]
	switch {
	case id != "" && i.id != id:
		return fmt.Errorf("item %d is %q, not %q", index, i.id, id)
	case i.done != nil:
		return fmt.Errorf("item %d has ended", index)
	}
	return then(i)
}
