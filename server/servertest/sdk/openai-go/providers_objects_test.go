//go:build sdk

package openaigo

import (
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/conversations"
	"github.com/openai/openai-go/v3/responses"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestConversation(t *testing.T) {
	t.Parallel()
	c := once(t)
	made, err := c.Conversations.New(t.Context(), conversations.ConversationNewParams{Metadata: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	changed, err := c.Conversations.Update(t.Context(), made.ID, conversations.ConversationUpdateParams{Metadata: map[string]string{"c": "d"}})
	if err != nil || changed.ID != made.ID || changed.RawJSON() == made.RawJSON() {
		t.Errorf("%+v, %v", changed, err)
	}
	if found, err := c.Conversations.Get(t.Context(), made.ID); err != nil || found.RawJSON() != changed.RawJSON() {
		t.Errorf("%+v, %v", found, err)
	}
	added, err := c.Conversations.Items.New(t.Context(), made.ID, conversations.ItemNewParams{Items: []responses.ResponseInputItemUnionParam{
		responses.ResponseInputItemParamOfMessage("One", responses.EasyInputMessageRoleUser),
		responses.ResponseInputItemParamOfMessage("Two", responses.EasyInputMessageRoleUser),
	}})
	if err != nil || len(added.Data) != 2 || added.Data[0].Content.OfMessageContentArray[0].Text != "One" {
		t.Fatalf("%+v, %v", added, err)
	}
	item, err := c.Conversations.Items.Get(t.Context(), made.ID, added.Data[1].ID, conversations.ItemGetParams{})
	if err != nil || item.RawJSON() != added.Data[1].RawJSON() {
		t.Errorf("%+v, %v", item, err)
	}
	if _, err := c.Conversations.Items.Delete(t.Context(), made.ID, item.ID); err != nil {
		t.Error(err)
	}
	_, err = c.Conversations.Items.Get(t.Context(), made.ID, item.ID, conversations.ItemGetParams{})
	gone(t, err)
	if deleted, err := c.Conversations.Delete(t.Context(), made.ID); err != nil || deleted.ID != made.ID || !deleted.Deleted {
		t.Errorf("%+v, %v", deleted, err)
	}
	_, err = c.Conversations.Get(t.Context(), made.ID)
	gone(t, err)
}

func TestProvidersTalkInAConversation(t *testing.T) {
	each(t, responders(), func(t *testing.T, p provider) {
		c := client(t)
		made, err := c.Conversations.New(t.Context(), conversations.ConversationNewParams{})
		if err != nil {
			t.Fatal(err)
		}
		var tokens []int64
		for _, text := range []string{"One", "Two"} {
			request := p.respond(text, p.model)
			request.Conversation.OfString = openai.String(made.ID)
			response := answered(t, request)
			tokens = append(tokens, response.Usage.InputTokens)
			if response.OutputText() != "You said: "+text || response.Conversation.ID != made.ID {
				t.Errorf("the response is %s", response.RawJSON())
			}
		}
		if tokens[1] <= tokens[0] {
			t.Errorf("what went before was not sent: %v tokens", tokens)
		}
		var said []string
		pages := c.Conversations.Items.ListAutoPaging(t.Context(), made.ID, conversations.ItemListParams{Order: "asc", Limit: openai.Int(3)})
		for pages.Next() {
			said = append(said, pages.Current().Content.OfMessageContentArray[0].Text)
		}
		if want := []string{"One", "You said: One", "Two", "You said: Two"}; pages.Err() != nil || !slices.Equal(said, want) {
			t.Errorf("said was %q, %v", said, pages.Err())
		}
	})
}

func TestProvidersKeepCompletions(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		c := once(t)
		tag := map[string]string{"tag": stack.NewID()}
		request := p.ask("Hello", p.model)
		request.Store, request.Metadata = openai.Bool(true), tag
		made := create(t, request)
		found, err := c.Chat.Completions.Get(t.Context(), made.ID)
		if err != nil || found.ID != made.ID || found.Choices[0].Message.Content != answer {
			t.Errorf("%+v, %v", found, err)
		}
		list, err := c.Chat.Completions.List(t.Context(), openai.ChatCompletionListParams{Metadata: tag})
		if err != nil || len(list.Data) != 1 || list.Data[0].ID != made.ID {
			t.Errorf("%+v, %v", list, err)
		}
		messages, err := c.Chat.Completions.Messages.List(t.Context(), made.ID, openai.ChatCompletionMessageListParams{})
		if err != nil || len(messages.Data) != 1 || messages.Data[0].Content != "Hello" {
			t.Errorf("%+v, %v", messages, err)
		}
		if changed, err := c.Chat.Completions.Update(t.Context(), made.ID, openai.ChatCompletionUpdateParams{Metadata: map[string]string{"a": "b"}}); err != nil || changed.ID != made.ID {
			t.Errorf("%+v, %v", changed, err)
		}
		if deleted, err := c.Chat.Completions.Delete(t.Context(), made.ID); err != nil || deleted.ID != made.ID || !deleted.Deleted {
			t.Errorf("%+v, %v", deleted, err)
		}
		_, err = c.Chat.Completions.Get(t.Context(), made.ID)
		gone(t, err)
	})
}
