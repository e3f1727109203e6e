package describe

import (
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// streamSuffix ends the path at which a streaming RPC is routed inside the gateway.
// Callers use the path without it.
const streamSuffix = ":stream"

// streamSwitch is the request member that asks for a stream.
const streamSwitch = "stream"

const streamSwitchText = "Whether the reply is a stream of server-sent events, `text/event-stream`, instead of one " +
	"JSON document. Defaults to false."

// mergeStream adds the streaming RPC to the operation of its unary twin.
func (b *builder) mergeStream(op *openapi.Operation, r *rpc) error {
	item, err := b.payload(r.method.Output, r.responseBody, reply)
	if err != nil {
		return err
	}
	if op.Body == nil {
		err = b.streamQuery(op, r)
	} else {
		err = b.streamBody(op)
	}
	if err != nil {
		return err
	}
	named := false
	if f := fieldNamed(r.method.Output, r.responseBody); f != nil {
		if named, err = b.isUnion(f.Message); err != nil {
			return err
		}
	}
	op.StreamRPC = r.name()
	op.Description += "\n\n" + streamText(op, named)
	stream := openapi.Content{MediaType: "text/event-stream", Schema: item, Example: examples[op.ID].first()}
	if named {
		stream.Transcript = examples[op.ID].namedTranscript()
	} else {
		stream.Schema = &openapi.Schema{AnyOf: []*openapi.Schema{item, {Ref: errorReply}}}
		stream.Transcript = examples[op.ID].transcript()
	}
	op.Replies[0].Content = append(op.Replies[0].Content, stream)
	return nil
}

// streamText says how the stream of an operation looks. named says that its events
// have names.
func streamText(op *openapi.Operation, named bool) string {
	text := "With `\"stream\": true` the reply is a stream of server-sent events. "
	if op.Body == nil {
		text = "With `stream=true` the reply is a stream of server-sent events. "
	}
	if named {
		return text + "The data of each is one JSON document of the schema shown, and its `type` is the event's name. A " +
			"failure before the first event is a plain error; after it, an event `error` ends the stream."
	}
	return text + "The data of each is one JSON document of the schema shown; after the last one comes `data: [DONE]`. A " +
		"failure before the first event is a plain error; after it, one event with the object `error` ends the stream, " +
		"without `[DONE]`."
}

// streamBody describes the switch in an operation's body.
func (b *builder) streamBody(op *openapi.Operation) error {
	properties := b.schemas[op.Body.Schema.Ref].Properties
	i := slices.IndexFunc(properties, func(p openapi.Property) bool { return p.Name == streamSwitch })
	if i < 0 {
		return fmt.Errorf("the unary RPC takes no body with a member %q", streamSwitch)
	}
	properties[i].Schema.Description = streamSwitchText
	return nil
}

// streamQuery adds the switch to an operation without a body, and what the stream
// takes beside it.
func (b *builder) streamQuery(op *openapi.Operation, r *rpc) error {
	parameters, err := b.parameters(r)
	if err != nil {
		return err
	}
	op.Parameters = append(op.Parameters, &openapi.Parameter{
		Name: streamSwitch, In: "query", Description: streamSwitchText, Schema: &openapi.Schema{Types: []string{"boolean"}},
	})
	for _, p := range parameters {
		if !slices.ContainsFunc(op.Parameters, func(q *openapi.Parameter) bool { return q.Name == p.Name }) {
			p.Description = strings.TrimSpace(p.Description + " Only with `stream`.")
			op.Parameters = append(op.Parameters, p)
		}
	}
	return nil
}
