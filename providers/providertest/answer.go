package providertest

import "net/http"

// answer is a reply before it goes out: a status, headers, and either a body or
// the events of a stream.
type answer struct {
	status int
	header http.Header
	body   []byte
	// events are the data of the events, "[DONE]" included.
	events [][]byte
	// framed are the events as they go out.
	framed [][]byte
}

// done is the data of a stream's last event.
const done = "[DONE]"

// jsonAnswer is a reply with a JSON body.
func jsonAnswer(status int, body []byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"application/json"}}, body: body}
}

// errorAnswer is a reply with an error.
func errorAnswer(e *APIError) answer { return jsonAnswer(e.Status, e.envelope()) }

// streamAnswer is a reply of events.
func streamAnswer(events [][]byte) answer {
	return answer{
		status: http.StatusOK,
		header: http.Header{
			"Content-Type":  {"text/event-stream; charset=utf-8"},
			"Cache-Control": {"no-cache"},
		},
		events: append(events, []byte(done)),
	}
}
