package objects

import (
	"context"
	"errors"
	"slices"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/objectid"
)

// Input is what a request for a response says of objects: what it goes on from, and
// what it names. It is made once for a call, and fitted to each target that is tried.
type Input struct {
	params  *responsesv1.ResponseParams
	owner   string
	raw     bool // the caller may name objects by the provider's own ids
	sealer  *objectid.Sealer
	keeper  *Keeper
	earlier earlier
	own     []*responsesv1.Item // see said; nil: not asked for yet
}

// earlier is what a request goes on from.
type earlier struct {
	items []*responsesv1.Item // from the gateway's own store
	// response and conversation are the ids of what a provider keeps.
	response, conversation string
	// previous is the response in the gateway's own store.
	previous string
	// kept is the conversation in the gateway's own store, which the turn is added to.
	kept string
}

// For is the request as it goes to a target. The error is a *failure.Error.
func (in *Input) For(ctx context.Context, target *planv1.Target, limits wire.Limits) (*responsesv1.ResponseParams, error) {
	p := codec.ShallowCopyResponseParams(in.params)
	p.PreviousResponseId, p.Conversation, p.ConversationRef = nil, nil, nil
	if in.earlier.response != "" {
		p.PreviousResponseId = &in.earlier.response
	}
	if in.earlier.conversation != "" {
		p.Conversation = &in.earlier.conversation
	}
	if target.GetEmulated() || len(in.earlier.items) > 0 || in.mustLook(p) {
		return p, in.fit(ctx, p, target, limits)
	}
	return p, nil
}

// mustLook says whether the items may name objects that the target does not know so, or
// that are not the owner's to name.
func (in *Input) mustLook(p *responsesv1.ResponseParams) bool {
	spelled := func(what string) bool { return strings.Contains(p.GetInputJson(), what) }
	return len(p.GetInputItems()) > 0 || slices.ContainsFunc(ours, spelled) || !in.raw && slices.ContainsFunc(anyID, spelled)
}

// ours are the ways in which a text must spell an id or a compacted context of ours, in
// part, and anyID those in which it must spell a member that has any id. A letter may be
// escaped.
var (
	ours  = []string{objectid.Mark, responses.CompactionMark, `\u00`}
	anyID = []string{`"id"`, `"approval_request_id"`}
)

// fit makes the items typed, puts those of before in front of them, and gives each
// the id that the target knows.
func (in *Input) fit(ctx context.Context, p *responsesv1.ResponseParams, target *planv1.Target, limits wire.Limits) error {
	if err := codec.ExpandResponseParams(p, limits); err != nil {
		return err
	}
	items := make([]*responsesv1.Item, 0, len(in.earlier.items)+len(p.GetInputItems())+1)
	all := p.GetInputItems()
	if p.Input != nil {
		all = []*responsesv1.Item{said(p.GetInput())}
	}
	for place, list := range [][]*responsesv1.Item{in.earlier.items, all} {
		for _, item := range list {
			fitted, err := in.item(ctx, item, target, place == 0)
			if err != nil {
				return err
			}
			if fitted != nil {
				items = append(items, fitted)
			}
		}
	}
	p.Input, p.InputJson, p.InputItems = nil, "", items
	return nil
}

// said is a text of the user's as an item.
func said(text string) *responsesv1.Item {
	return &responsesv1.Item{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", Content: &text}}}
}

// item is an item as the target is sent it. Nil: it is left out, since nobody but
// another provider could read it. kept says that it comes from the gateway's own store,
// whose ids no provider knows.
func (in *Input) item(ctx context.Context, item *responsesv1.Item, target *planv1.Target, kept bool) (*responsesv1.Item, error) {
	if reference := item.GetItemReference(); reference != nil {
		return in.reference(ctx, reference.GetId(), target)
	}
	if item.GetOtherJson() != "" && (item.GetType() == "" || strings.EqualFold(item.GetType(), "item_reference")) {
		return nil, &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: "An item of the input has a type that is none.", Param: "input"}
	}
	home := !target.GetEmulated()
	if home {
		item = responses.Unpacked(item)
	}
	if !kept && in.strange(item) {
		return nil, Missing("input")
	}
	changed := false
	fitted := clone(item)
	eachID(fitted, func(id *string) *string {
		upstream, ours := in.upstreamID(id, target, kept)
		changed = changed || ours && upstream == nil
		return upstream
	})
	// Reasoning that is sealed for one provider makes another one refuse the turn.
	if reasoning := fitted.GetReasoning(); reasoning != nil && home && changed {
		return nil, nil //nolint:nilnil // see above
	}
	return fitted, nil
}

// strange says whether nothing but an id says what an item of the request is, and the
// caller does not have it: somebody else's, or a provider's own.
func (in *Input) strange(item *responsesv1.Item) bool {
	reasoning := item.GetReasoning()
	empty := reasoning != nil && reasoning.GetEncryptedContent() == "" && len(reasoning.GetContent()) == 0
	strange, first := false, true
	eachID(item, func(id *string) *string {
		if id != nil && *id != "" {
			_, err := in.sealer.Open(*id, in.owner)
			his := err == nil || in.raw && errors.Is(err, objectid.ErrRaw)
			strange = strange || !his && (empty || !first)
		}
		first = false
		return id
	})
	return strange
}

// upstreamID is the id that the target knows an item by. Nil: it knows none. ours says
// that it was an id of ours.
func (in *Input) upstreamID(id *string, target *planv1.Target, kept bool) (upstream *string, ours bool) {
	if id == nil || *id == "" {
		return id, false
	}
	ref, err := in.sealer.Open(*id, in.owner)
	switch {
	case errors.Is(err, objectid.ErrRaw):
		if in.raw && !kept && !target.GetEmulated() {
			return id, false
		}
		return nil, kept
	case err != nil || ref.Instance != target.GetProvider() || target.GetEmulated():
		return nil, true
	default:
		return &ref.UpstreamID, true
	}
}

// reference is what an item of a stored response is sent as: itself where the gateway
// keeps it, else its id.
func (in *Input) reference(ctx context.Context, id string, target *planv1.Target) (*responsesv1.Item, error) {
	ref, isRaw, err := in.keeper.Open(KindItem, id, in.owner, in.raw && !target.GetEmulated())
	switch {
	case err != nil:
		return nil, Missing("input")
	case isRaw:
		return referenceTo(id), nil
	case ref.Instance == "":
		item, err := in.keeper.item(ctx, in.owner, ref.UpstreamID)
		if err != nil {
			return nil, err
		}
		return in.item(ctx, item, target, true)
	case ref.Instance == target.GetProvider() && !target.GetEmulated():
		return referenceTo(ref.UpstreamID), nil
	default:
		return nil, &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT,
			Message: "An item that the input refers to is kept by another provider than the one that is asked.",
			Param:   "input",
		}
	}
}

func referenceTo(id string) *responsesv1.Item {
	return &responsesv1.Item{Type: "item_reference", Item: &responsesv1.Item_ItemReference{ItemReference: &responsesv1.ItemReference{Id: id}}}
}
