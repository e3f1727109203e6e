package providertest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// saying is a message of a user.
func saying(word string) *responsesv1.Item {
	return &responsesv1.Item{Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", Content: proto.String(word)}}}
}

// testConversations makes, changes and deletes conversations.
func (s *keeperSuite) testConversations(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ConversationKeeper](t, s)
	ctx := t.Context()
	made, err := r.adapter.CreateConversation(ctx, aimed(&conversationsv1.CreateConversationRequest{Params: &conversationsv1.ConversationParams{
		Metadata: map[string]string{"a": "b"}, Items: []*responsesv1.Item{saying("Hello.")},
	}}, ""))
	if err != nil {
		t.Fatal(err)
	}
	id := made.GetId()
	got, err := r.adapter.GetConversation(ctx, aimed(&conversationsv1.GetConversationRequest{ConversationId: id}, ""))
	if err != nil || !proto.Equal(got, made) || got.GetMetadata()["a"] != "b" || got.GetCreatedAt() == 0 {
		t.Errorf("made %v, got %v, %v", made, got, err)
	}
	for _, labels := range []map[string]string{{"c": "d"}, nil} {
		got, err := r.adapter.UpdateConversation(ctx, aimed(&conversationsv1.UpdateConversationRequest{
			ConversationId: id, Params: &conversationsv1.UpdateConversationParams{Metadata: labels},
		}, ""))
		if err != nil || !maps.Equal(got.GetMetadata(), labels) {
			t.Errorf("with the labels %v: %v, %v", labels, got, err)
		}
	}
	if _, err := r.adapter.CreateConversation(ctx, aimed(&conversationsv1.CreateConversationRequest{Params: &conversationsv1.ConversationParams{}}, "")); err != nil {
		t.Errorf("an empty one: %v", err)
	}
	if err := r.adapter.DeleteConversation(ctx, aimed(&conversationsv1.DeleteConversationRequest{ConversationId: id}, "")); err != nil {
		t.Fatal(err)
	}
	_, err = r.adapter.GetConversation(ctx, aimed(&conversationsv1.GetConversationRequest{ConversationId: id}, ""))
	notFound(t, "a deleted one", err)
	notFound(t, "deleted twice", r.adapter.DeleteConversation(ctx, aimed(&conversationsv1.DeleteConversationRequest{ConversationId: id}, "")))
	_, err = r.adapter.UpdateConversation(ctx, aimed(&conversationsv1.UpdateConversationRequest{
		ConversationId: id, Params: &conversationsv1.UpdateConversationParams{Metadata: map[string]string{"a": "b"}},
	}, ""))
	notFound(t, "a deleted one, changed", err)
	_, err = r.adapter.CreateConversationItems(ctx, aimed(&conversationsv1.CreateConversationItemsRequest{
		ConversationId: id, Params: &conversationsv1.ConversationItemsParams{Items: []*responsesv1.Item{saying("x")}},
	}, ""))
	notFound(t, "items for a deleted one", err)
	_, err = r.adapter.ListConversationItems(ctx, aimed(&conversationsv1.ListConversationItemsRequest{ConversationId: id}, ""))
	notFound(t, "items of a deleted one", err)
}

// testItems adds, lists and deletes items of a conversation.
func (s *keeperSuite) testItems(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ConversationKeeper](t, s)
	ctx := t.Context()
	id := r.up.made(t, "/conversations", `{"items":[{"role":"system","content":"a"}]}`).get("id").str()
	added, err := r.adapter.CreateConversationItems(ctx, aimed(&conversationsv1.CreateConversationItemsRequest{
		ConversationId: id, Params: &conversationsv1.ConversationItemsParams{Items: []*responsesv1.Item{saying("b"), saying("c")}},
		Include: []string{"message.output_text.logprobs"},
	}, ""))
	if err != nil || len(added.GetData()) != 2 || added.GetFirstId() != itemIDOf(added.GetData()[0]) {
		t.Fatalf("added: %v, %v", added, err)
	}
	ids := walk(ctx, t, func(ctx context.Context, after *string) (page, error) {
		got, err := r.adapter.ListConversationItems(ctx, aimed(&conversationsv1.ListConversationItemsRequest{
			ConversationId: id, After: after, Limit: proto.Int32(2), Order: proto.String("asc"),
		}, ""))
		p := page{first: got.GetFirstId(), last: got.GetLastId(), more: got.GetHasMore()}
		for _, item := range got.GetData() {
			p.ids = append(p.ids, itemIDOf(item))
		}
		return p, err
	})
	if want := []string{itemIDOf(added.GetData()[0]), itemIDOf(added.GetData()[1])}; len(ids) != 3 || !slices.Equal(ids[1:], want) {
		t.Errorf("the items are %q, and those that were added %q", ids, want)
	}
	item, err := r.adapter.GetConversationItem(ctx, aimed(&conversationsv1.GetConversationItemRequest{ConversationId: id, ItemId: ids[0]}, ""))
	if err != nil || item.GetMessage().GetRole() != "system" || item.GetMessage().GetContentParts()[0].GetText() != "a" {
		t.Errorf("the first item is %v, %v", item, err)
	}
	c, err := r.adapter.DeleteConversationItem(ctx, aimed(&conversationsv1.DeleteConversationItemRequest{ConversationId: id, ItemId: ids[0]}, ""))
	if err != nil || c.GetId() != id {
		t.Errorf("without an item: %v, %v", c, err)
	}
	_, err = r.adapter.GetConversationItem(ctx, aimed(&conversationsv1.GetConversationItemRequest{ConversationId: id, ItemId: ids[0]}, ""))
	notFound(t, "a deleted item", err)
	_, err = r.adapter.DeleteConversationItem(ctx, aimed(&conversationsv1.DeleteConversationItemRequest{ConversationId: id, ItemId: ids[0]}, ""))
	notFound(t, "an item deleted twice", err)
}
