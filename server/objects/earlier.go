package objects

import (
	"context"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/objectid"
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
	id, prefix := previous, prefixResponse
	switch {
	case previous != "" && conversation != "":
		return Earlier{}, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
			Message: "`previous_response_id` and `conversation` cannot stand together.",
			Param:   "previous_response_id",
		}
	case conversation != "":
		id, prefix, found.Param = conversation, prefixConversation, "conversation"
	case previous == "":
		return Earlier{}, nil
	}
	var err error
	if found.ref, found.raw, err = k.Open(id, owner, raw); err != nil {
		return Earlier{}, named(err, found.Param)
	}
	if !found.raw && found.ref.Prefix != prefix {
		return Earlier{}, notFound(found.Param, "There is no such object.")
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
	id := found.ref.UpstreamID
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
		e.items, err = k.conversationItems(ctx, owner, id)
	default:
		e.previous = id
		e.items, err = k.history(ctx, owner, id)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

// conversationItems are all items of a conversation, with their places.
func (k *Keeper) conversationItems(ctx context.Context, owner, id string) ([]*responsesv1.Item, error) {
	items, err := k.allItems(ctx, owner, conversationKey(id))
	if err != nil {
		return nil, named(err, "conversation")
	}
	return items, nil
}

// said are the items that the request itself brings.
func (in *Input) said() ([]*responsesv1.Item, error) {
	p := codec.ShallowCopyResponseParams(in.params)
	if p.Input != nil {
		return []*responsesv1.Item{said(p.GetInput())}, nil
	}
	if err := codec.ExpandResponseParams(p, wire.Limits{}); err != nil {
		return nil, err
	}
	items := make([]*responsesv1.Item, 0, len(p.GetInputItems()))
	for _, item := range p.GetInputItems() {
		items = append(items, clone(item))
	}
	return items, nil
}

// AddTurn adds what the request said and what the response answers to the conversation
// of the store that the request names, if it names one.
func (in *Input) AddTurn(ctx context.Context, response string, output []*responsesv1.Item) error {
	if in.earlier.kept == "" {
		return nil
	}
	turn, err := in.said()
	if err != nil {
		return err
	}
	for _, item := range turn { // the caller may have said the same before
		forgetID(item)
	}
	for _, item := range output {
		item = clone(item)
		in.keeper.place([]*responsesv1.Item{item}, response)
		turn = append(turn, item)
	}
	_, err = in.keeper.AddItems(ctx, in.owner, in.earlier.kept, turn)
	return err
}

// Conversation is the conversation of the store that the request names. Empty: none.
func (in *Input) Conversation() string { return in.earlier.kept }
