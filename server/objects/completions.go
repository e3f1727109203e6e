package objects

import (
	"context"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	objectsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/objects/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// Chat completions that a provider keeps are kept here, too, so that they can be listed:
// a provider's own list is of all owners. Such a one is found by its instance and id.
func completionKey(instance, id string) storage.ObjectKey {
	if instance != "" {
		id = instance + "/" + id
	}
	return storage.ObjectKey{Kind: storage.ObjectCompletion, ID: id}
}

// NewCompletionID is an id for a chat completion that no provider keeps.
func NewCompletionID() string { return newID(KindCompletion) }

// KeepCompletion keeps a chat completion, with the messages that led to it. The instance
// is that which keeps it, too; empty: none does.
func (k *Keeper) KeepCompletion(ctx context.Context, owner, instance string, params *chatv1.ChatCompletionParams, completion *chatv1.ChatCompletion) error {
	stored := proto.CloneOf(completion)
	stored.Metadata = params.GetMetadata()
	body, err := encode(&objectsv1.StoredCompletion{Completion: stored})
	if err != nil {
		return err
	}
	messages, err := storedMessages(params)
	if err != nil {
		return err
	}
	_, err = k.params.Store.Put(ctx, owner, &storage.Object{
		Key: completionKey(instance, completion.GetId()), CreateTime: k.params.Now(), ExpireTime: k.expires(storage.ObjectCompletion),
		Model: completion.GetModel(), Metadata: params.GetMetadata(), Body: body,
	}, messages...)
	return fail(err)
}

// storedMessages are the messages of a request as they are kept: by their places.
func storedMessages(params *chatv1.ChatCompletionParams) ([]storage.Item, error) {
	p := codec.ShallowCopyChatCompletionParams(params)
	if err := codec.ExpandChatCompletionParams(p, wire.Limits{}); err != nil {
		return nil, err
	}
	kept := make([]storage.Item, 0, len(p.GetMessages()))
	for i, message := range p.GetMessages() {
		body, err := encode(message)
		if err != nil {
			return nil, err
		}
		kept = append(kept, storage.Item{ID: strconv.Itoa(i), Body: body})
	}
	return kept, nil
}

// Completion returns a chat completion of the store.
func (k *Keeper) Completion(ctx context.Context, owner, instance, id string) (*chatv1.ChatCompletion, error) {
	stored := &objectsv1.StoredCompletion{}
	if _, err := k.get(ctx, owner, completionKey(instance, id), stored); err != nil {
		return nil, err
	}
	return stored.GetCompletion(), nil
}

// UpdateCompletion replaces the labels of a chat completion.
func (k *Keeper) UpdateCompletion(ctx context.Context, owner, instance, id string, labels map[string]string) (*chatv1.ChatCompletion, error) {
	stored := &objectsv1.StoredCompletion{}
	object, err := k.get(ctx, owner, completionKey(instance, id), stored)
	if err != nil {
		return nil, err
	}
	stored.Completion.Metadata = labels
	if object.Body, err = encode(stored); err != nil {
		return nil, err
	}
	object.Metadata = labels
	if err := k.params.Store.Update(ctx, owner, object); err != nil {
		return nil, fail(err)
	}
	return stored.GetCompletion(), nil
}

// DeleteCompletion deletes a chat completion with its messages.
func (k *Keeper) DeleteCompletion(ctx context.Context, owner, instance, id string) error {
	return fail(k.params.Store.Delete(ctx, owner, completionKey(instance, id)))
}

// Completions is a page of an owner's chat completions, with the owner's ids.
func (k *Keeper) Completions(ctx context.Context, owner, model string, labels map[string]string, after *objectid.Ref, page Page) (*chatv1.ListChatCompletionsResponse, error) {
	query := storage.ObjectQuery{Kind: storage.ObjectCompletion, Model: model, Metadata: labels, Limit: page.limit(), Descending: page.Descending}
	if after != nil {
		query.After = completionKey(after.Instance, after.UpstreamID).ID
	}
	found, err := k.params.Store.List(ctx, owner, query)
	if err != nil {
		return nil, fail(err)
	}
	list := &chatv1.ListChatCompletionsResponse{HasMore: found.More}
	for _, object := range found.Objects {
		stored := &objectsv1.StoredCompletion{}
		if err := proto.Unmarshal(object.Body, stored); err != nil {
			return nil, unreadable(err)
		}
		instance, _, kept := strings.Cut(object.Key.ID, "/")
		if !kept {
			instance = ""
		}
		k.Naming(instance, owner).Completion(stored.GetCompletion())
		list.Data = append(list.Data, stored.GetCompletion())
	}
	if n := len(list.GetData()); n > 0 {
		list.FirstId, list.LastId = &list.Data[0].Id, &list.Data[n-1].Id
	}
	return list, nil
}

// Messages is a page of the messages that led to a chat completion. Each has its id:
// that of the completion, and its place. A page begins after a place.
func (k *Keeper) Messages(ctx context.Context, owner, instance, id string, page Page) (*chatv1.ListChatCompletionMessagesResponse, error) {
	named := k.Naming(instance, owner).id(KindCompletion, id)
	query := storage.ItemQuery{After: page.After, Limit: page.limit(), Descending: page.Descending}
	found, err := k.params.Store.ListItems(ctx, owner, completionKey(instance, id), query)
	if err != nil {
		return nil, fail(err)
	}
	list := &chatv1.ListChatCompletionMessagesResponse{HasMore: found.More}
	for _, kept := range found.Items {
		message := &chatv1.ChatMessage{}
		if err := proto.Unmarshal(kept.Body, message); err != nil {
			return nil, unreadable(err)
		}
		message.Id = new(named + "-" + kept.ID)
		list.Data = append(list.Data, message)
	}
	if n := len(list.GetData()); n > 0 {
		list.FirstId, list.LastId = list.Data[0].Id, list.Data[n-1].Id
	}
	return list, nil
}
