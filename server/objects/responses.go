package objects

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	objectsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/objects/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/storage"
)

func responseKey(id string) storage.ObjectKey {
	return storage.ObjectKey{Kind: storage.ObjectResponse, ID: id}
}

// KeepResponse keeps a response with the input that led to it. Its ids are still those
// that the gateway gave it.
func (k *Keeper) KeepResponse(ctx context.Context, in *Input, response *responsesv1.Response) error {
	stored := &objectsv1.StoredResponse{Response: response, PreviousId: in.earlier.previous, ConversationId: in.earlier.kept}
	return k.putResponse(ctx, in, stored)
}

func (k *Keeper) putResponse(ctx context.Context, in *Input, stored *objectsv1.StoredResponse) error {
	object, err := k.responseObject(stored)
	if err != nil {
		return err
	}
	items, err := in.said(ctx)
	if err != nil {
		return err
	}
	kept, err := storedItems(items)
	if err != nil {
		return err
	}
	_, err = k.params.Store.Put(ctx, in.owner, object, kept...)
	return fail(err)
}

func (k *Keeper) responseObject(stored *objectsv1.StoredResponse) (*storage.Object, error) {
	body, err := encode(stored)
	if err != nil {
		return nil, err
	}
	response := stored.GetResponse()
	return &storage.Object{
		Key: responseKey(response.GetId()), CreateTime: k.params.Now(), ExpireTime: k.expires(storage.ObjectResponse),
		Model: response.GetModel(), Metadata: response.GetMetadata(), Body: body,
	}, nil
}

// storedItems are items as they are kept, each under its id. A reference has the id of
// another item, so it is kept under one of its own.
func storedItems(items []*responsesv1.Item) ([]storage.Item, error) {
	kept := make([]storage.Item, 0, len(items))
	for _, item := range items {
		id := newID(KindItem)
		if item.GetItemReference() == nil {
			id = itemID(item)
		}
		inParts(item.GetMessage())
		body, err := encode(item)
		if err != nil {
			return nil, err
		}
		kept = append(kept, storage.Item{ID: id, Body: body})
	}
	return kept, nil
}

// inParts makes a message as lists of items have it: its content in parts, and a status.
func inParts(m *responsesv1.MessageItem) {
	if m == nil {
		return
	}
	if m.Content != nil {
		part := &responsesv1.ContentPart{Type: "input_text", Text: m.Content}
		if m.GetRole() == "assistant" {
			part.Type = "output_text"
		}
		m.ContentParts, m.Content = []*responsesv1.ContentPart{part}, nil
	}
	if m.Status == nil {
		m.Status = proto.String("completed")
	}
}

// Response returns a stored response, by its id in the store.
func (k *Keeper) Response(ctx context.Context, owner, id string) (*responsesv1.Response, error) {
	stored := &objectsv1.StoredResponse{}
	if _, err := k.get(ctx, owner, responseKey(id), stored); err != nil {
		return nil, err
	}
	return shown(stored), nil
}

// shown is a stored response with what it went on from.
func shown(stored *objectsv1.StoredResponse) *responsesv1.Response {
	response := stored.GetResponse()
	if id := stored.GetPreviousId(); id != "" {
		response.PreviousResponseId = &id
	}
	if id := stored.GetConversationId(); id != "" {
		response.Conversation = &responsesv1.ConversationRef{Id: id}
	}
	return response
}

// DeleteResponse deletes a stored response with all that belongs to it.
func (k *Keeper) DeleteResponse(ctx context.Context, owner, id string) error {
	return fail(k.params.Store.Delete(ctx, owner, responseKey(id)))
}

// InputItems is a page of a stored response's input.
func (k *Keeper) InputItems(ctx context.Context, owner, id string, page Page) (*responsesv1.ListInputItemsResponse, error) {
	found, err := k.items(ctx, owner, responseKey(id), page)
	if err != nil {
		return nil, err
	}
	return &responsesv1.ListInputItemsResponse{Data: found.items, HasMore: found.more, FirstId: found.first, LastId: found.last}, nil
}

// history is everything that a stored response has seen and said, oldest first.
func (k *Keeper) history(ctx context.Context, owner, id string, left *memory) ([]*responsesv1.Item, error) {
	var turns [][]*responsesv1.Item
	for id != "" {
		if len(turns) >= 2*maxTurns {
			return nil, &failure.Error{
				Reason:  commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE,
				Message: "The response goes on from too many others.",
				Param:   "previous_response_id",
			}
		}
		stored := &objectsv1.StoredResponse{}
		object, err := k.get(ctx, owner, responseKey(id), stored)
		if err != nil {
			return nil, named(err, "previous_response_id")
		}
		if err := left.take(len(object.Body)); err != nil {
			return nil, err
		}
		if conversation := stored.GetConversationId(); conversation != "" {
			said, err := k.conversationUntil(ctx, owner, conversation, id, left)
			if err != nil {
				return nil, err
			}
			turns = append(turns, said)
			break
		}
		input, err := k.allItems(ctx, owner, responseKey(id), left)
		if err != nil {
			return nil, err
		}
		output := stored.GetResponse().GetOutput()
		k.place(output, id)
		turns = append(turns, output, input)
		id = stored.GetPreviousId()
	}
	var all []*responsesv1.Item
	for i := len(turns) - 1; i >= 0; i-- {
		all = append(all, turns[i]...)
	}
	return all, nil
}

// maxTurns is how many responses may go on from one another.
const maxTurns = 1000

// place gives the items of a response the ids by which they are found again.
func (k *Keeper) place(items []*responsesv1.Item, response string) {
	for _, item := range items {
		eachID(item, func(id *string) *string { return placed(id, atResponse+response) })
	}
}

// Items of the store are found by the object that they belong to: their id, and behind
// it where that is.
const (
	atResponse     = "@r"
	atConversation = "@c"
)

func placed(id *string, at string) *string {
	if id == nil || *id == "" || strings.Contains(*id, "@") {
		return id
	}
	whole := *id + at
	return &whole
}

// item finds an item of the store by its id with its place.
func (k *Keeper) item(ctx context.Context, owner, id string) (*responsesv1.Item, error) {
	bare, parent, _ := strings.Cut(id, "@")
	switch {
	case strings.HasPrefix("@"+parent, atConversation):
		item, err := k.ConversationItem(ctx, owner, parent[1:], id)
		return item, named(err, "input")
	case strings.HasPrefix("@"+parent, atResponse):
		response, err := k.Response(ctx, owner, parent[1:])
		if err != nil {
			return nil, named(err, "input")
		}
		for _, item := range response.GetOutput() {
			if itemID(item) == bare {
				return item, nil
			}
		}
		kept, err := k.params.Store.GetItem(ctx, owner, responseKey(parent[1:]), bare)
		if err != nil {
			return nil, named(fail(err), "input")
		}
		return decodeItem(kept)
	default:
		return nil, Missing("input")
	}
}

func decodeItem(kept *storage.Item) (*responsesv1.Item, error) {
	item := &responsesv1.Item{}
	if err := proto.Unmarshal(kept.Body, item); err != nil {
		return nil, unreadable(err)
	}
	return item, nil
}

// unixNow is the time as replies have it.
func (k *Keeper) unixNow() int64 { return k.params.Now().Truncate(time.Second).Unix() }
