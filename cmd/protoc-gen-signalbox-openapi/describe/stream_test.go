package describe

import (
	"strings"
	"testing"
)

// TestStreams says how the stream of an operation is described: by a switch in the body
// or in the query, and with names of events where these are told apart by type.
func TestStreams(t *testing.T) {
	t.Parallel()
	const messages = `message_type {name: "In" field {name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}}
		message_type {name: "StreamIn" field {name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
			field {name: "after" number: 2 type: TYPE_INT32 label: LABEL_OPTIONAL}
			field {name: "labels" number: 3 type: TYPE_MESSAGE type_name: ".test.StreamIn.LabelsEntry" label: LABEL_REPEATED}
			nested_type {name: "LabelsEntry" field {name: "key" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
				field {name: "value" number: 2 type: TYPE_STRING label: LABEL_OPTIONAL} options {map_entry: true}}}
		message_type {name: "Out"}
		message_type {name: "StreamOut" field {name: "event" number: 1 type: TYPE_MESSAGE type_name: ".test.Event" label: LABEL_OPTIONAL}}
		message_type {name: "Event" options {[signalbox.wire.v1.message] {union: true}}
			field {name: "type" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
			field {name: "text" number: 2 type: TYPE_MESSAGE type_name: ".test.Out" label: LABEL_OPTIONAL oneof_index: 0}
			field {name: "other_json" number: 14 type: TYPE_STRING label: LABEL_OPTIONAL oneof_index: 0}
			oneof_decl {name: "arm"}} `
	const policy = `[signalbox.policy.v1.method] {scope: SCOPE_ANY}`
	b := newTestBuilder(t, compile(t, messages+`service {name: "S"
		method {name: "Get" input_type: ".test.In" output_type: ".test.Out" options {`+policy+`[google.api.http] {get: "/a/{id}"}}}
		method {name: "Resume" input_type: ".test.StreamIn" output_type: ".test.StreamOut" server_streaming: true
			options {`+policy+`[google.api.http] {get: "/a/{id}:stream" response_body: "event"}}}}`))
	if err := b.services(); err != nil {
		t.Fatal(err)
	}
	op := b.doc.Operations[0]
	var parameters []string
	for _, p := range op.Parameters {
		text := p.In + ":" + p.Name
		if p.Deep {
			text += "[]"
		}
		parameters = append(parameters, text)
	}
	if got := strings.Join(parameters, " "); got != "path:id header:x-request-timeout query:stream query:after query:labels[]" {
		t.Errorf("it takes %s", got)
	}
	stream := op.Replies[0].Content[1]
	if stream.MediaType != "text/event-stream" || stream.Schema.Ref != "test.Event<reply>" || op.StreamRPC != "test.S/Resume" {
		t.Errorf("the stream is %+v of %s", stream, op.StreamRPC)
	}
	if !strings.Contains(op.Description, "`stream=true`") || !strings.Contains(op.Description, "is the event's name") {
		t.Errorf("it says %s", op.Description)
	}
}
