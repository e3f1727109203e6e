package objects

import (
	"context"
	"strings"

	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	objectsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/objects/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/server/storage"
)

func conversationKey(id string) storage.ObjectKey {
	return storage.ObjectKey{Kind: storage.ObjectConversation, ID: id}
}

// CreateConversation makes a conversation with its first items.
func (k *Keeper) CreateConversation(ctx context.Context, owner string, params *conversationsv1.ConversationParams) (*conversationsv1.Conversation, error) {
	conversation := &conversationsv1.Conversation{Id: newID(KindConversation), CreatedAt: k.unixNow(), Metadata: params.GetMetadata()}
	object, err := k.conversationObject(conversation)
	if err != nil {
		return nil, err
	}
	items, err := storedItems(Renamed(params.GetItems()))
	if err != nil {
		return nil, err
	}
	if _, err := k.params.Store.Put(ctx, owner, object, items...); err != nil {
		return nil, fail(err)
	}
	return conversation, nil
}

func (k *Keeper) conversationObject(conversation *conversationsv1.Conversation) (*storage.Object, error) {
	body, err := encode(&objectsv1.StoredConversation{Conversation: conversation})
	if err != nil {
		return nil, err
	}
	return &storage.Object{
		Key: conversationKey(conversation.GetId()), CreateTime: k.params.Now(), ExpireTime: k.expires(storage.ObjectConversation),
		Metadata: conversation.GetMetadata(), Body: body,
	}, nil
}

// Conversation returns a conversation.
func (k *Keeper) Conversation(ctx context.Context, owner, id string) (*conversationsv1.Conversation, error) {
	stored := &objectsv1.StoredConversation{}
	if _, err := k.get(ctx, owner, conversationKey(id), stored); err != nil {
		return nil, err
	}
	return stored.GetConversation(), nil
}

// UpdateConversation replaces the labels of a conversation.
func (k *Keeper) UpdateConversation(ctx context.Context, owner, id string, labels map[string]string) (*conversationsv1.Conversation, error) {
	stored := &objectsv1.StoredConversation{}
	object, err := k.get(ctx, owner, conversationKey(id), stored)
	if err != nil {
		return nil, err
	}
	stored.Conversation.Metadata = labels
	if object.Body, err = encode(stored); err != nil {
		return nil, err
	}
	object.Metadata, object.ExpireTime = labels, k.expires(storage.ObjectConversation)
	if err := k.params.Store.Update(ctx, owner, object); err != nil {
		return nil, fail(err)
	}
	return stored.GetConversation(), nil
}

// DeleteConversation deletes a conversation with its items.
func (k *Keeper) DeleteConversation(ctx context.Context, owner, id string) error {
	return fail(k.params.Store.Delete(ctx, owner, conversationKey(id)))
}

// AddItems adds items to the end of a conversation, and returns them with their ids.
func (k *Keeper) AddItems(ctx context.Context, owner, id string, items []*responsesv1.Item) (*conversationsv1.ConversationItemList, error) {
	items = Renamed(items)
	kept, err := storedItems(items)
	if err != nil {
		return nil, err
	}
	if err := k.append(ctx, owner, id, kept); err != nil {
		return nil, err
	}
	list := &conversationsv1.ConversationItemList{Data: items}
	list.FirstId, list.LastId = ends(kept)
	return list, nil
}

// append adds items, and keeps the conversation for longer.
func (k *Keeper) append(ctx context.Context, owner, id string, items []storage.Item) error {
	if err := k.params.Store.AppendItems(ctx, owner, conversationKey(id), items); err != nil {
		return fail(err)
	}
	return fail(k.params.Store.Touch(ctx, owner, conversationKey(id), k.expires(storage.ObjectConversation)))
}

// Renamed are items without the ids that a caller gave them: it may have said the same
// before, and ids of ours name other items. They are changed in place.
func Renamed(items []*responsesv1.Item) []*responsesv1.Item {
	for _, item := range items {
		forgetID(item)
	}
	return items
}

// ConversationItems is a page of the items of a conversation.
func (k *Keeper) ConversationItems(ctx context.Context, owner, id string, page Page) (*conversationsv1.ConversationItemList, error) {
	page.After = within(page.After, id)
	found, err := k.items(ctx, owner, conversationKey(id), page)
	if err != nil {
		return nil, err
	}
	return &conversationsv1.ConversationItemList{Data: found.items, HasMore: found.more, FirstId: found.first, LastId: found.last}, nil
}

// ConversationItem returns an item of a conversation, by its id with its place.
func (k *Keeper) ConversationItem(ctx context.Context, owner, id, item string) (*responsesv1.Item, error) {
	kept, err := k.params.Store.GetItem(ctx, owner, conversationKey(id), within(item, id))
	if err != nil {
		return nil, fail(err)
	}
	return decodeItem(kept)
}

// DeleteConversationItem deletes an item of a conversation, by its id with its place.
func (k *Keeper) DeleteConversationItem(ctx context.Context, owner, id, item string) (*conversationsv1.Conversation, error) {
	if err := k.params.Store.DeleteItem(ctx, owner, conversationKey(id), within(item, id)); err != nil {
		return nil, fail(err)
	}
	return k.Conversation(ctx, owner, id)
}

// within is the id of an item in its conversation: those that were made there do not
// have it as their place.
func within(item, conversation string) string {
	return strings.TrimSuffix(item, atConversation+conversation)
}

// conversationUntil are the items of a conversation up to the output of a response.
func (k *Keeper) conversationUntil(ctx context.Context, owner, id, response string, left *memory) ([]*responsesv1.Item, error) {
	all, err := k.allItems(ctx, owner, conversationKey(id), left)
	if err != nil {
		return nil, named(err, "previous_response_id")
	}
	for i := len(all) - 1; i >= 0; i-- {
		if strings.HasSuffix(itemID(all[i]), atResponse+response) {
			return all[:i+1], nil
		}
	}
	return all, nil
}
