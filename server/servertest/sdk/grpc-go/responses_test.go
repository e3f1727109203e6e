//go:build sdk

package grpcgo

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

// responders answer responses themselves, or the gateway does it by their chat.
var responders = []string{"openai/gpt-4o-mini", "xai/grok-3", "deepseek/deepseek-chat", "groq-own/llama-3.3-70b-versatile"}

// outputText is what a response says.
func outputText(r *responsesv1.Response) string {
	var text strings.Builder
	for _, item := range r.GetOutput() {
		for _, part := range item.GetMessage().GetContentParts() {
			text.WriteString(part.GetText())
		}
	}
	return text.String()
}

func TestResponses(t *testing.T) {
	t.Parallel()
	client := responsesv1.NewResponsesServiceClient(dial(t, stack.Find(t).Key))
	for _, model := range responders {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			ctx, id := named(t)
			made, err := client.CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: &responsesv1.ResponseParams{Model: &model, Input: new("Hello")}})
			if err != nil || outputText(made.GetResponse()) != answer || made.GetInfo().GetRequestId() != id || made.GetInfo().GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
				t.Fatalf("%v, %v", made, err)
			}
			previous := made.GetResponse().GetId()
			ctx, _ = named(t)
			stream, err := client.StreamResponse(ctx, &responsesv1.StreamResponseRequest{Params: &responsesv1.ResponseParams{
				Model: &model, Input: new("Again"), PreviousResponseId: &previous,
			}})
			if err != nil {
				t.Fatal(err)
			}
			var text strings.Builder
			var last *responsesv1.StreamResponseResponse
			var whole *responsesv1.Response
			for n := int32(0); ; n++ {
				message, err := stream.Recv()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				last = message
				if event := message.GetEvent(); event != nil {
					if event.GetSequenceNumber() != n {
						t.Errorf("event %d has the number %d", n, event.GetSequenceNumber())
					}
					if event.GetType() == "response.output_text.delta" {
						text.WriteString(event.GetDelta().GetDelta())
					}
					if event.GetType() == "response.completed" {
						whole = event.GetLifecycle().GetResponse()
					}
				}
			}
			if text.String() != "You said: Again" || outputText(whole) != text.String() || whole.GetPreviousResponseId() != previous {
				t.Errorf("the events say %q, the end is %v", text.String(), whole)
			}
			if last.GetEvent() != nil || last.GetInfo().GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
				t.Errorf("the last message is %v", last)
			}
			ctx, _ = named(t)
			if _, err := client.DeleteResponse(ctx, &responsesv1.DeleteResponseRequest{ResponseId: previous}); err != nil {
				t.Error(err)
			}
			ctx, _ = named(t)
			if _, err := client.GetResponse(ctx, &responsesv1.GetResponseRequest{ResponseId: previous}); status.Code(err) != codes.NotFound {
				t.Errorf("the deleted response: %v", err)
			}
		})
	}
}

func TestConversations(t *testing.T) {
	t.Parallel()
	conn := dial(t, stack.Find(t).Key)
	client, answers := conversationsv1.NewConversationsServiceClient(conn), responsesv1.NewResponsesServiceClient(conn)
	ctx, _ := named(t)
	made, err := client.CreateConversation(ctx, &conversationsv1.CreateConversationRequest{Params: &conversationsv1.ConversationParams{}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.GetConversation().GetId()
	var want []string
	for _, model := range responders { // one conversation with all of them
		ctx, _ := named(t)
		reply, err := answers.CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: &responsesv1.ResponseParams{Model: &model, Input: &model, Conversation: &id}})
		if err != nil || outputText(reply.GetResponse()) != "You said: "+model {
			t.Fatalf("%v, %v", reply, err)
		}
		want = append(want, model, "You said: "+model)
	}
	ctx, _ = named(t)
	list, err := client.ListConversationItems(ctx, &conversationsv1.ListConversationItemsRequest{ConversationId: id, Order: new("asc")})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, item := range list.GetItems().GetData() {
		said = append(said, item.GetMessage().GetContentParts()[0].GetText())
	}
	if !slices.Equal(said, want) {
		t.Errorf("said was %q, want %q", said, want)
	}
}

func TestEmbeddings(t *testing.T) {
	t.Parallel()
	client := embeddingsv1.NewEmbeddingsServiceClient(dial(t, stack.Find(t).Key))
	for model, size := range map[string]int{"openai/text-embedding-3-small": 1536, "mistral/mistral-embed": 1024, "ollama/nomic-embed-text": 768} {
		t.Run(model, func(t *testing.T) {
			t.Parallel()
			var before []float32
			for _, format := range []*string{nil, new("float"), new("base64")} { // the vector is packed anyway
				ctx, _ := named(t)
				reply, err := client.CreateEmbeddings(ctx, &embeddingsv1.CreateEmbeddingsRequest{Params: &embeddingsv1.EmbeddingParams{
					Model: model, Inputs: []string{"Hello", "World"}, EncodingFormat: format,
				}})
				if err != nil || len(reply.GetEmbeddings().GetData()) != 2 || reply.GetInfo().GetUsage().GetInput() == 0 {
					t.Fatalf("%v, %v", reply, err)
				}
				vector := reply.GetEmbeddings().GetData()[0].GetVector()
				if len(vector) != size || before != nil && !slices.Equal(vector, before) {
					t.Errorf("%d numbers, want %d, the same in every format", len(vector), size)
				}
				before = vector
			}
		})
	}
}
