package scenarios

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// eventText spells the messages of a stream as REST does.
type eventText struct {
	text     strings.Builder
	named    bool // events have names, as those of responses
	failed   bool // one of them is an error
	sequence int32
}

// event adds a message.
func (e *eventText) event(m proto.Message) error {
	text, err := codec.Append(nil, m, wire.Reply)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	if named, ok := m.(interface {
		GetType() string
		GetSequenceNumber() int32
	}); ok {
		e.named, e.sequence = true, named.GetSequenceNumber()
		e.failed = e.failed || named.GetType() == "error"
		fmt.Fprintf(&e.text, "event: %s\n", named.GetType())
	}
	fmt.Fprintf(&e.text, "data: %s\n\n", text)
	return nil
}

// fail adds the event of the failure that ends the stream, unless there is one.
func (e *eventText) fail(err error) error {
	failed, err := apiError(err)
	if err != nil {
		return err
	}
	text := codec.AppendApiError(nil, failed, wire.Reply)
	switch {
	case e.failed:
		return nil
	case e.named:
		fmt.Fprintf(&e.text, "event: error\ndata: {\"type\":\"error\",\"sequence_number\":%d,\"error\":%s}\n\n", e.sequence+1, text)
		return nil
	}
	fmt.Fprintf(&e.text, "data: {\"error\":%s}\n\n", text)
	return nil
}

// done adds what ends a stream that came to its end.
func (e *eventText) done() {
	if !e.named {
		e.text.WriteString("data: [DONE]\n\n")
	}
}
