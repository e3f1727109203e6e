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

// namedTranscript is the stream as it is on the wire, where the events have names.
func (e example) namedTranscript() string {
	var b strings.Builder
	for _, event := range e.events {
		name, _, _ := strings.Cut(strings.TrimPrefix(event, `{"type":"`), `"`)
		b.WriteString("event: " + name + "\ndata: " + event + "\n\n")
	}
	return b.String()
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
	"updateChatCompletion": {
		body: `{"metadata":{"line":"west"}}`,
	},
	"createResponse": {
		body:  `{"model":"gpt-4o-mini","input":"Which way is the signal set?"}`,
		reply: exampleResponse,
		events: []string{
			`{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_7Q2","output_index":0,"content_index":0,` +
				`"delta":"To the left.","logprobs":[]}`,
			`{"type":"response.completed","sequence_number":8,"response":` + exampleResponse + `}`,
		},
	},
	"countInputTokens": {
		body:  `{"model":"gpt-4o-mini","input":"Which way is the signal set?"}`,
		reply: `{"object":"response.input_tokens","input_tokens":13}`,
	},
	"compactResponse": {
		body: `{"model":"gpt-4o-mini","input":[{"role":"user","content":"Which way is the signal set?"}]}`,
		reply: `{"id":"resp_7Q3","object":"response.compaction","created_at":1795500000,"output":[{"type":"compaction",` +
			`"id":"cmp_7Q3","encrypted_content":"gAAAAABp"}]}`,
	},
	"createConversation": {
		body:  `{"metadata":{"line":"west"},"items":[{"role":"user","content":"Which way is the signal set?"}]}`,
		reply: `{"id":"conv_7Q2","object":"conversation","created_at":1795500000,"metadata":{"line":"west"}}`,
	},
	"updateConversation": {
		body:  `{"metadata":{"line":"east"}}`,
		reply: `{"id":"conv_7Q2","object":"conversation","created_at":1795500000,"metadata":{"line":"east"}}`,
	},
	"createConversationItems": {
		body: `{"items":[{"role":"user","content":"And now?"}]}`,
		reply: `{"object":"list","data":[{"type":"message","id":"msg_7Q3","status":"completed","role":"user",` +
			`"content":[{"type":"input_text","text":"And now?"}]}],"first_id":"msg_7Q3","last_id":"msg_7Q3","has_more":false}`,
	},
	"createEmbeddings": {
		body: `{"model":"text-embedding-3-small","input":["The line is clear."],"dimensions":3}`,
		reply: `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[-0.0069292834,0.0053364024,0.018512068]}],` +
			`"model":"text-embedding-3-small","usage":{"prompt_tokens":5,"total_tokens":5}}`,
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

const exampleResponse = `{"id":"resp_7Q2","object":"response","created_at":1795500000,"model":"gpt-4o-mini","status":"completed",` +
	`"output":[{"type":"message","id":"msg_7Q2","status":"completed","role":"assistant","content":[{"type":"output_text",` +
	`"text":"To the left.","annotations":[],"logprobs":[]}]}],"usage":{"input_tokens":13,"input_tokens_details":{"cached_tokens":0},` +
	`"output_tokens":4,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":17},"error":null,"incomplete_details":null,` +
	`"completed_at":1795500001,"previous_response_id":null,"instructions":null,"metadata":{},"max_output_tokens":null,` +
	`"max_tool_calls":null,"parallel_tool_calls":true,"temperature":1.0,"top_p":1.0,"tools":[],"user":null,"safety_identifier":null,` +
	`"prompt_cache_key":null}`

// pathExamples are examples of path parameters, by name.
var pathExamples = map[string]string{
	"model":           "openai/gpt-4o-mini",
	"entry_id":        "019aa1f4-3b7c-7d52-9f0e-6f1c2d3e4b5a",
	"completion_id":   "chatcmpl-7Q2",
	"response_id":     "resp_7Q2",
	"conversation_id": "conv_7Q2",
	"item_id":         "msg_7Q2",
}
