package service

import (
	"context"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// ask asks the providers of the plan about an object that one of them keeps, one after
// the other while it is not there.
func ask[A any, P proto.Message, R any](ctx context.Context, able map[string]A, params P,
	ask func(A, context.Context, *providers.Call[P]) (R, error),
) (R, error) {
	c := call.From(ctx)
	targets := append([]*planv1.Target{c.Plan.GetTarget()}, c.Plan.GetFallbacks()...)
	var reply R
	var err error
	for _, target := range targets {
		c.Outcome.Target = target
		provider, known := able[target.GetProvider()]
		if !known {
			return reply, objects.Missing("")
		}
		reply, err = ask(provider, ctx, &providers.Call[P]{
			Params: params, Target: target, Retry: c.Plan.GetRetry(), RequestID: c.RequestID, Exchange: &c.Outcome.Exchange,
		})
		c.Outcome.Exchange.UsageJSON = "" // what was used was counted when it was
		if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
			return reply, err
		}
	}
	// In the gateway's words: what is not there looks the same, wherever it is not.
	return reply, objects.Missing("")
}

// atProvider says that a provider keeps the object, and not the gateway.
func atProvider(c *call.Call) bool { return c.Plan.GetTarget() != nil }

// done is for what answers nothing.
func done[A any, P proto.Message](f func(A, context.Context, *providers.Call[P]) error) func(A, context.Context, *providers.Call[P]) (struct{}, error) {
	return func(a A, ctx context.Context, c *providers.Call[P]) (struct{}, error) {
		return struct{}{}, f(a, ctx, c)
	}
}

// upstreamID is the id that whoever keeps an object knows it by.
func upstreamID(c *call.Call, keeper *objects.Keeper, kind objects.Kind, id string) (string, error) {
	ref, _, err := keeper.Open(kind, id, ownerOf(c), mayUseRaw(c))
	return ref.UpstreamID, err
}

// itemID is the id that whoever keeps the object of a call knows an item of it by. An
// item of another keeper is not there.
func itemID(c *call.Call, keeper *objects.Keeper, id string) (string, error) {
	ref, isRaw, err := keeper.Open(objects.KindItem, id, ownerOf(c), mayUseRaw(c))
	if err == nil && !isRaw && atProvider(c) != (ref.Instance != "") {
		return "", objects.Missing("")
	}
	return ref.UpstreamID, err
}

// afterItem is itemID for the place that a page begins after. Nil: at the beginning.
func afterItem(c *call.Call, keeper *objects.Keeper, id *string) (*string, error) {
	if id == nil || *id == "" {
		return nil, nil //nolint:nilnil // no id is no error
	}
	upstream, err := itemID(c, keeper, *id)
	if err != nil {
		return nil, noCursor()
	}
	return &upstream, nil
}

// noCursor is the answer to a page that shall begin after what is not there.
func noCursor() *failure.Error {
	return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_CURSOR, Message: "The page cannot begin after that: it is not there.", Param: "after"}
}

// pageOf reads which part of a list is asked for.
func pageOf(after *string, limit *int32, order *string, descending bool) (objects.Page, error) {
	descending, err := objects.Order(order, descending)
	page := objects.Page{Descending: descending}
	if after != nil {
		page.After = *after
	}
	if limit != nil {
		page.Limit = *limit
	}
	return page, err
}

// capped is a limit that providers take.
func capped(limit *int32) *int32 {
	if limit == nil || *limit <= 100 {
		return limit
	}
	return new(int32(100))
}

// namingOf gives the ids of whoever answered.
func namingOf(c *call.Call, keeper *objects.Keeper) *objects.Naming {
	return keeper.Naming(c.Outcome.Target.GetProvider(), ownerOf(c))
}

// given is a text that may not be there.
func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
