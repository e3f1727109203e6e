package providertest

import "net/http"

// answer is a reply before it goes out: a status, headers, and either a body or
// the events of a stream.
type answer struct {
	status int
	header http.Header
	body   []byte
	// events are those of a stream, "[DONE]" included.
	events []event
	// framed are the events as they go out.
	framed [][]byte
	// failing are the events of a failure, in the place of event n. Nil: an event with
	// the error.
	failing func(e *APIError, n int) []event
}

// event is an event of a stream.
type event struct {
	// name is its `event` line. Empty: it has none.
	name string
	data []byte
	// before stands before it as it is: comments.
	before string
}

// done is the data of a stream's last event.
const done = "[DONE]"

// jsonAnswer is a reply with a JSON body.
func jsonAnswer(status int, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// value is a good reply, spelled as the provider does.
func (x *exchange) value(n *node) answer {
	if x.up.profile.indents {
		return jsonAnswer(http.StatusOK, indented(n))
	}
	return jsonAnswer(http.StatusOK, n.compact())
}

// refuse is a reply with an error, in the provider's own words.
func (x *exchange) refuse(e *APIError) answer {
	status, body := x.up.profile.envelope(e, x.endpoint.name)
	if x.up.profile.indents {
		return jsonAnswer(status, indented(body))
	}
	return jsonAnswer(status, body.compact())
}

// streamAnswer is a reply of events.
func streamAnswer(events []event) answer {
	return answer{
		status: http.StatusOK,
		header: http.Header{
			"Content-Type":  {"text/event-stream; charset=utf-8"},
			"Cache-Control": {"no-cache"},
		},
		events: events,
	}
}

// chunksAnswer is a stream of chunks without names, and [DONE].
func chunksAnswer(chunks [][]byte) answer {
	events := make([]event, 0, len(chunks)+1)
	for _, c := range chunks {
		events = append(events, event{data: c})
	}
	return streamAnswer(append(events, event{data: []byte(done)}))
}

// named are events whose names are their types, as those of a response.
func named(events []*node) []event {
	out := make([]event, len(events))
	for i, e := range events {
		out[i] = event{name: e.get("type").str(), data: e.compact()}
	}
	return out
}
