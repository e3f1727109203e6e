package objects

import (
	"context"
	"slices"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// Earlier is where what a request goes on from is kept.
type Earlier struct {
	// Kept says that there is something.
	Kept bool
	// Instance is the provider instance that keeps it. Empty: the gateway's own store,
	// or, for an id of a provider's own, whoever is asked.
	Instance string
	// Param is the member that names it.
	Param string

	ref objectid.Ref
	raw bool
}

// Local says that the gateway's own store keeps it.
func (e Earlier) Local() bool { return e.Kept && !e.raw && e.Instance == "" }

// Find says where what a request goes on from is kept, by its id alone.
func (k *Keeper) Find(params *responsesv1.ResponseParams, owner string, raw bool) (Earlier, error) {
	conversation := params.GetConversation()
	if conversation == "" {
		conversation = params.GetConversationRef().GetId()
	}
	previous := params.GetPreviousResponseId()
	found := Earlier{Kept: true, Param: "previous_response_id"}
	id, kind := previous, KindResponse
	switch {
	case previous != "" && conversation != "":
		return Earlier{}, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
			Message: "`previous_response_id` and `conversation` cannot stand together.",
			Param:   "previous_response_id",
		}
	case conversation != "":
		id, kind, found.Param = conversation, KindConversation, "conversation"
	case previous == "":
		return Earlier{}, nil
	}
	var err error
	if found.ref, found.raw, err = k.Open(kind, id, owner, raw); err != nil {
		return Earlier{}, named(err, found.Param)
	}
	found.Instance = found.ref.Instance
	return found, nil
}

// Input reads what a request goes on from. raw says that the caller may name objects by
// the providers' own ids.
func (k *Keeper) Input(ctx context.Context, params *responsesv1.ResponseParams, owner string, raw bool) (*Input, error) {
	found, err := k.Find(params, owner, raw)
	if err != nil {
		return nil, err
	}
	in := &Input{params: params, owner: owner, raw: raw, sealer: k.params.IDs, keeper: k}
	e := &in.earlier
	id, left := found.ref.UpstreamID, maxMemory
	switch {
	case !found.Kept:
	case found.raw || found.Instance != "":
		if found.Param == "conversation" {
			e.conversation = id
		} else {
			e.response = id
		}
	case found.Param == "conversation":
		e.kept = id
		e.items, err = k.conversationItems(ctx, owner, id, &left)
	default:
		e.previous = id
		e.items, err = k.history(ctx, owner, id, &left)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

// AtProvider is the member of the request that names what a provider keeps to go on
// from. Empty: none does.
func (in *Input) AtProvider() string {
	switch {
	case in.earlier.response != "":
		return "previous_response_id"
	case in.earlier.conversation != "":
		return "conversation"
	default:
		return ""
	}
}

// conversationItems are all items of a conversation, with their places.
func (k *Keeper) conversationItems(ctx context.Context, owner, id string, left *memory) ([]*responsesv1.Item, error) {
	items, err := k.allItems(ctx, owner, conversationKey(id), left)
	if err != nil {
		return nil, named(err, "conversation")
	}
	return items, nil
}

// said are the items that the request itself brings, as they are kept: with ids that
// nothing has, since the caller may have said the same before, and what references to
// the store mean in their place.
func (in *Input) said(ctx context.Context) ([]*responsesv1.Item, error) {
	if in.own != nil {
		return in.own, nil
	}
	p := codec.ShallowCopyResponseParams(in.params)
	items := []*responsesv1.Item{said(p.GetInput())}
	if p.Input == nil {
		if err := codec.ExpandResponseParams(p, wire.Limits{}); err != nil {
			return nil, err
		}
		items = p.GetInputItems()
	}
	own := make([]*responsesv1.Item, 0, len(items))
	for _, item := range items {
		item = in.meant(ctx, clone(item))
		forgetID(item)
		if item.GetItemReference() == nil {
			itemID(item)
		}
		own = append(own, item)
	}
	in.own = own
	return own, nil
}

// meant is what a reference to an item of the store means. One to a provider's stays,
// and so does one to what is no longer there.
func (in *Input) meant(ctx context.Context, item *responsesv1.Item) *responsesv1.Item {
	reference := item.GetItemReference()
	if reference == nil {
		return item
	}
	ref, _, err := in.keeper.Open(KindItem, reference.GetId(), in.owner, false)
	if err != nil || ref.Instance != "" {
		return item
	}
	kept, err := in.keeper.item(ctx, in.owner, ref.UpstreamID)
	if err != nil {
		return item
	}
	return kept
}

// Queued takes the items that the request brings from the queued response that they
// were kept with, so that they have the same ids whoever makes it, and however often.
func (in *Input) Queued(ctx context.Context, response string) (err error) {
	left := maxMemory
	in.own, err = in.keeper.allItems(ctx, in.owner, responseKey(response), &left)
	return err
}

// AddTurn adds what the request said and what the response answers to the conversation
// of the store that the request names, if it names one. kept says that the store has the
// response, too: then its items are the same here and there.
func (in *Input) AddTurn(ctx context.Context, response string, output []*responsesv1.Item, kept bool) error {
	if in.earlier.kept == "" {
		return nil
	}
	own, err := in.said(ctx)
	if err != nil {
		return err
	}
	turn := make([]*responsesv1.Item, 0, len(own)+len(output))
	for _, item := range slices.Concat(own, output) {
		turn = append(turn, clone(item))
	}
	if kept {
		in.keeper.place(turn, response)
	} else {
		Renamed(turn)
	}
	items, err := storedItems(turn)
	if err != nil {
		return err
	}
	return in.keeper.append(ctx, in.owner, in.earlier.kept, items)
}

// removeTurn takes out of a conversation what AddTurn added for a kept response.
func (k *Keeper) removeTurn(ctx context.Context, owner, conversation, response string) error {
	query := storage.ItemQuery{Limit: storage.MaxPage}
	for {
		page, err := k.params.Store.ListItems(ctx, owner, conversationKey(conversation), query)
		if err != nil {
			return fail(err)
		}
		for _, item := range page.Items {
			if !strings.HasSuffix(item.ID, atResponse+response) {
				query.After = item.ID
			} else if err := k.params.Store.DeleteItem(ctx, owner, conversationKey(conversation), item.ID); err != nil {
				return fail(err)
			}
		}
		if !page.More {
			return nil
		}
	}
}
