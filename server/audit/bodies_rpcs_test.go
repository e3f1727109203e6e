package audit

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// responseParams ask with a secret in each place that may have one.
func responseParams() *responsesv1.ResponseParams {
	return &responsesv1.ResponseParams{
		Model:     new("gpt-4o-mini"),
		InputJson: `[{"role":"user","content":"Hi"},{"type":"function_call","call_id":"1","name":"login","arguments":"{\"user\":\"bob\",\"password\":\"` + canary + `\"}"}]`,
		ToolsJson: `[{"type":"mcp","server_url":"https://x","authorization":"` + canary + `","headers":{"Authorization":"Bearer ` + canary + `"}}]`,
		ExtraJson: `{"api_key":"` + canary + `"}`,
	}
}

// Of every RPC the bodies are kept as REST has them: the request's parameters, and the
// reply without the facts of the call.
func TestBodiesOfEveryRPC(t *testing.T) {
	t.Parallel()
	facts := &commonv1.CallInfo{RequestId: "facts-of-the-call"}
	said := &responsesv1.Response{Id: "resp_1", Status: new("completed"), Output: []*responsesv1.Item{message("Hello", "completed")}}
	conversation := &conversationsv1.Conversation{Id: "conv_1", Metadata: map[string]string{"a": "b"}}
	for name, test := range map[string]struct {
		request, reply  proto.Message
		asked, answered string // what the bodies must have. Empty: there is none
	}{
		"CreateResponse": {&responsesv1.CreateResponseRequest{Params: responseParams()}, &responsesv1.CreateResponseResponse{Response: said, Info: facts}, `"input":[{"role":"user"`, `"text":"Hello"`},
		"GetResponse":    {&responsesv1.GetResponseRequest{ResponseId: "resp_1"}, &responsesv1.GetResponseResponse{Response: said, Info: facts}, "", `"object":"response"`},
		"DeleteResponse": {&responsesv1.DeleteResponseRequest{ResponseId: "resp_1"}, &responsesv1.DeleteResponseResponse{Id: "resp_1", Deleted: true}, "", `"deleted":true`},
		"ListInputItems": {
			&responsesv1.ListInputItemsRequest{ResponseId: "resp_1"},
			&responsesv1.ListInputItemsResponse{Data: []*responsesv1.Item{message("Hi", "completed")}}, "", `"object":"list"`,
		},
		"CountInputTokens": {&responsesv1.CountInputTokensRequest{Params: responseParams()}, &responsesv1.CountInputTokensResponse{InputTokens: 7}, `"input":[`, `"input_tokens":7`},
		"CompactResponse": {
			&responsesv1.CompactResponseRequest{Params: responseParams()}, &responsesv1.CompactResponseResponse{Compaction: &responsesv1.Compaction{Id: "c_1"}, Info: facts},
			`"input":[`, `"id":"c_1"`,
		},
		"CreateEmbeddings": {
			&embeddingsv1.CreateEmbeddingsRequest{Params: &embeddingsv1.EmbeddingParams{Model: "m", InputJson: `["a","b"]`}},
			&embeddingsv1.CreateEmbeddingsResponse{Embeddings: &embeddingsv1.EmbeddingList{Data: []*embeddingsv1.Embedding{{Vector: []float32{0.5}}}}, Info: facts},
			`"input":["a","b"]`, `"embedding":[0.5]`,
		},
		"CreateConversation": {
			&conversationsv1.CreateConversationRequest{Params: &conversationsv1.ConversationParams{Metadata: map[string]string{"a": "b"}}},
			&conversationsv1.CreateConversationResponse{Conversation: conversation, Info: facts}, `"metadata":{"a":"b"}`, `"object":"conversation"`,
		},
		"CreateConversationItems": {
			&conversationsv1.CreateConversationItemsRequest{Params: &conversationsv1.ConversationItemsParams{Items: []*responsesv1.Item{message("Hi", "completed")}}},
			&conversationsv1.CreateConversationItemsResponse{Items: &conversationsv1.ConversationItemList{Data: []*responsesv1.Item{message("Hi", "completed")}}, Info: facts},
			`"items":[{`, `"object":"list"`,
		},
		"UpdateChatCompletion": {
			&chatv1.UpdateChatCompletionRequest{Params: &chatv1.UpdateChatCompletionParams{Metadata: map[string]string{"a": "b"}}},
			&chatv1.UpdateChatCompletionResponse{Completion: &chatv1.ChatCompletion{Id: "chatcmpl-1"}, Info: facts}, `"metadata":{"a":"b"}`, `"id":"chatcmpl-1"`,
		},
		"no reply": {&responsesv1.CreateResponseRequest{Params: responseParams()}, nil, `"input":[`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, everything)
			c := canaryCall()
			r.serve(c, test.request, func() error {
				if test.reply == nil {
					return nil
				}
				return r.chain.Reply(t.Context(), c, test.reply)
			})
			bodies := r.end().GetBodies()
			if (bodies.GetRequestJson() == "") != (test.asked == "") || !strings.Contains(bodies.GetRequestJson(), test.asked) {
				t.Errorf("kept of the request is %s", bodies.GetRequestJson())
			}
			if (bodies.GetResponseJson() == "") != (test.answered == "") || !strings.Contains(bodies.GetResponseJson(), test.answered) || bodies.GetTruncated() {
				t.Errorf("kept of the reply is %s", bodies.GetResponseJson())
			}
			for _, text := range []string{bodies.GetRequestJson(), bodies.GetResponseJson()} {
				if text != "" && !json.Valid([]byte(text)) || strings.Contains(text, "facts-of-the-call") {
					t.Errorf("kept is %s", text)
				}
			}
			r.wantNoCanary()
		})
	}
}

func message(text, status string) *responsesv1.Item {
	return &responsesv1.Item{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{
		Id: new("msg_1"), Role: "assistant", Status: &status, ContentParts: []*responsesv1.ContentPart{{Type: "output_text", Text: &text}},
	}}}
}

// responseEvents are a stream as clients see it.
var responseEvents = []string{
	`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","status":"in_progress","model":"m","output":[]}}`,
	`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"msg_1","type":"message","status":"in_progress","role":"assistant","content":[]}}`,
	`{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}`,
	`{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"Hel"}`,
	`{"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"lo"}`,
	`{"type":"response.output_text.done","sequence_number":5,"item_id":"msg_1","output_index":0,"content_index":0,"text":"Hello"}`,
	`{"type":"response.output_item.done","sequence_number":6,"output_index":0,"item":{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}}`,
	`{"type":"response.completed","sequence_number":7,"response":{"id":"resp_1","object":"response","status":"completed","model":"m","output":[{"id":"msg_1","type":"message","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}}`,
}

// A stream of events is kept as the response that it is of, as far as it came.
func TestAStreamOfEventsIsKeptAssembled(t *testing.T) {
	t.Parallel()
	cut := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "cut")
	for _, test := range []struct {
		name         string
		upTo         int
		limit        int64
		err          error
		text, status string
		truncated    bool
	}{
		{"whole", len(responseEvents), 1 << 20, nil, "Hello", "completed", false},
		{"cut", 5, 1 << 20, cut, "Hello", "in_progress", false},
		{"cut earlier", 4, 1 << 20, cut, "Hel", "in_progress", false},
		{"too long", len(responseEvents), 300, nil, "", "", true},
		{"nothing came", 0, 1 << 20, cut, "", "", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, everything, func(c *configv1.Audit) { c.MaxBodyBytes = &test.limit })
			c := newCall(chatRPC)
			r.serve(c, &responsesv1.StreamResponseRequest{Params: &responsesv1.ResponseParams{Model: new("m"), Input: new("Hi")}}, func() error {
				for _, text := range responseEvents[:test.upTo] {
					event := new(responsesv1.StreamEvent)
					if err := codec.DecodeStreamEvent(text, event, wire.Limits{}); err != nil {
						return err
					}
					if err := r.chain.Reply(t.Context(), c, &responsesv1.StreamResponseResponse{Event: event}); err != nil {
						return err
					}
					proto.Reset(event)
				}
				if err := r.chain.Reply(t.Context(), c, &responsesv1.StreamResponseResponse{Info: c.Info()}); err != nil {
					return err
				}
				return test.err
			})
			bodies := r.end().GetBodies()
			if bodies.GetTruncated() != test.truncated || (bodies.GetResponseJson() == "") != (test.text == "") {
				t.Fatalf("kept is %v", bodies)
			}
			if test.text == "" {
				return
			}
			kept := new(responsesv1.Response)
			if err := codec.DecodeResponse(bodies.GetResponseJson(), kept, wire.Limits{}); err != nil {
				t.Fatal(err)
			}
			if got := kept.GetOutput()[0].GetMessage().GetContentParts()[0].GetText(); got != test.text || kept.GetStatus() != test.status {
				t.Errorf("kept is %s", bodies.GetResponseJson())
			}
		})
	}
}
