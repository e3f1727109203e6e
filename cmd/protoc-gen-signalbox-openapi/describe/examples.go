package describe

import "strings"

// example is a small request and its reply, as JSON text.
type example struct {
	body  string
	reply string
	// events are the data of a stream's events.
	events []string
}

// first is the first event. Empty: there is no example of a stream.
func (e example) first() string {
	if len(e.events) == 0 {
		return ""
	}
	return e.events[0]
}

// transcript is the stream as it is on the wire.
func (e example) transcript() string {
	if len(e.events) == 0 {
		return ""
	}
	return "data: " + strings.Join(e.events, "\n\ndata: ") + "\n\ndata: [DONE]\n\n"
}

// examples are those of the operations. One with a body must have one here.
var examples = map[string]example{
	"createChatCompletion": {
		body: `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Which way is the signal set?"}]}`,
		reply: `{"id":"chatcmpl-7Q2","object":"chat.completion","created":1795500000,"model":"gpt-4o-mini",` +
			`"choices":[{"index":0,"message":{"role":"assistant","content":"To the left.","refusal":null,"annotations":[]},` +
			`"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":13,"completion_tokens":4,"total_tokens":17}}`,
		events: []string{
			`{"id":"chatcmpl-7Q2","object":"chat.completion.chunk","created":1795500000,"model":"gpt-4o-mini",` +
				`"choices":[{"index":0,"delta":{"role":"assistant","content":"To the left."},"logprobs":null,"finish_reason":null}]}`,
			`{"id":"chatcmpl-7Q2","object":"chat.completion.chunk","created":1795500000,"model":"gpt-4o-mini",` +
				`"choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}`,
		},
	},
	"explain": {
		body: `{"chat_completion":{"model":"gpt-4o-mini","messages":[]}}`,
	},
	"listModels": {
		reply: `{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}]}`,
	},
	"getModel": {
		reply: `{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}`,
	},
}

// pathExamples are examples of path parameters, by name.
var pathExamples = map[string]string{
	"model":    "openai/gpt-4o-mini",
	"entry_id": "019aa1f4-3b7c-7d52-9f0e-6f1c2d3e4b5a",
}
