package objects

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	objectsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/objects/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/storage"
)

// The states of a response.
const (
	queued     = "queued"
	inProgress = "in_progress"
	cancelled  = "cancelled"
)

// isOpen says that a response has not ended.
func isOpen(response *responsesv1.Response) bool {
	return response.GetStatus() == queued || response.GetStatus() == inProgress
}

// Pending is a response that is made in the background.
type Pending struct {
	keeper *Keeper
	owner  string
	object *storage.Object
	stored *objectsv1.StoredResponse
}

// Queue keeps a response that is to be made in the background, with the request that it
// is made for: by the key of this name.
func (k *Keeper) Queue(ctx context.Context, in *Input, request *responsesv1.StreamResponseRequest, keyID, requestID string) (*responsesv1.Response, error) {
	params := request.GetParams()
	response := &responsesv1.Response{
		Id: newID(KindResponse), CreatedAt: k.unixNow(), Model: params.GetModel(), Status: new(queued),
		Background: new(true), Store: new(true), Metadata: params.GetMetadata(), Instructions: params.Instructions,
		MaxOutputTokens: params.MaxOutputTokens, Temperature: params.Temperature, TopP: params.TopP, ParallelToolCalls: params.ParallelToolCalls,
	}
	kept := proto.CloneOf(request)
	kept.Params.Background, kept.Params.Stream = nil, nil
	stored := &objectsv1.StoredResponse{
		Response: response, PreviousId: in.earlier.previous, ConversationId: in.earlier.kept,
		Request: kept, KeyId: keyID, RequestId: requestID,
	}
	if err := k.putResponse(ctx, in, stored); err != nil {
		return nil, err
	}
	err := k.AddEvents(ctx, in.owner, response.GetId(), []*responsesv1.StreamEvent{
		lifecycle("response.created", 0, response), lifecycle("response.queued", 1, response),
	})
	if err != nil {
		_ = k.DeleteResponse(context.WithoutCancel(ctx), in.owner, response.GetId()) // all or nothing
		return nil, err
	}
	return proto.CloneOf(response), nil
}

// QueueEvents is how many events a response has before it is worked on.
const QueueEvents = 2

func lifecycle(kind string, number int32, response *responsesv1.Response) *responsesv1.StreamEvent {
	return &responsesv1.StreamEvent{
		Type: kind, SequenceNumber: number,
		Event: &responsesv1.StreamEvent_Lifecycle{Lifecycle: &responsesv1.LifecycleEvent{Response: response}},
	}
}

// Pending returns a response that is to be made. Nil: it has ended.
func (k *Keeper) Pending(ctx context.Context, owner, id string) (*Pending, error) {
	p := &Pending{keeper: k, owner: owner, stored: &objectsv1.StoredResponse{}}
	var err error
	if p.object, err = k.get(ctx, owner, responseKey(id), p.stored); err != nil {
		return nil, err
	}
	if !isOpen(p.stored.GetResponse()) {
		return nil, nil //nolint:nilnil // see above
	}
	return p, nil
}

// Request is what it is made for, by which key, asked by which call.
func (p *Pending) Request() (request *responsesv1.StreamResponseRequest, keyID, requestID string) {
	return proto.CloneOf(p.stored.GetRequest()), p.stored.GetKeyId(), p.stored.GetRequestId()
}

// Begin says that it is worked on, from the beginning: events of an earlier try go, and
// what that has added to a conversation.
func (p *Pending) Begin(ctx context.Context) error {
	shown, err := p.keeper.lastEvent(ctx, p.owner, p.stored.GetResponse().GetId())
	if err != nil {
		return err
	}
	conversation := p.stored.GetConversationId()
	if conversation != "" && p.stored.GetResponse().GetStatus() == inProgress {
		err := p.keeper.removeTurn(ctx, p.owner, conversation, p.stored.GetResponse().GetId())
		if failed := failure.As(err); err != nil && (failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND) {
			return err
		} // it is gone: who makes the response will see
	}
	if shown >= QueueEvents {
		if err := p.forget(ctx, shown); err != nil {
			return err
		}
	}
	response := proto.CloneOf(p.stored.GetResponse())
	response.Status = new(inProgress)
	return p.update(ctx, response, false)
}

// forget takes away the events of a try that broke off. Meanwhile the response is queued
// again: of such a one, who follows it is shown no more than that.
func (p *Pending) forget(ctx context.Context, shown int32) error {
	response := proto.CloneOf(p.stored.GetResponse())
	response.Status = new(queued)
	p.stored.ShownBefore = max(p.stored.GetShownBefore(), shown)
	if err := p.update(ctx, response, false); err != nil {
		return err
	}
	return fail(p.keeper.params.Store.DeleteEvents(ctx, p.owner, p.object.Key, QueueEvents))
}

// lastEvent is the number of a response's last event; less than QueueEvents: it has shown
// nothing yet.
func (k *Keeper) lastEvent(ctx context.Context, owner, id string) (int32, error) {
	last := int32(QueueEvents - 1)
	for {
		events, err := k.Events(ctx, owner, id, last)
		if err != nil || len(events) == 0 {
			return last, err
		}
		last = events[len(events)-1].GetSequenceNumber()
	}
}

// Followed is a stored response as who follows it must know it, with the number of the
// last event that a try has shown which broke off; 0: none has.
func (k *Keeper) Followed(ctx context.Context, owner, id string) (response *responsesv1.Response, shownBefore int32, err error) {
	stored := &objectsv1.StoredResponse{}
	if _, err := k.get(ctx, owner, responseKey(id), stored); err != nil {
		return nil, 0, err
	}
	return shown(stored), stored.GetShownBefore(), nil
}

// End keeps the response as it ended. STATE_CONFLICT: somebody has cancelled it; then
// its turn is taken out of its conversation again.
func (p *Pending) End(ctx context.Context, response *responsesv1.Response) error {
	err := p.update(ctx, response, true)
	conversation, failed := p.stored.GetConversationId(), failure.As(err)
	if conversation != "" && failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT {
		err = errors.Join(err, p.keeper.removeTurn(ctx, p.owner, conversation, p.stored.GetResponse().GetId()))
	}
	return err
}

// Own makes a response that a provider began the one that was queued.
func (p *Pending) Own(response *responsesv1.Response) {
	own := p.stored.GetResponse()
	response.Id, response.CreatedAt = own.GetId(), own.GetCreatedAt()
	response.Background, response.Store = new(true), new(true)
	response.Metadata = own.GetMetadata()
}

// Response is the response as it was kept last.
func (p *Pending) Response() *responsesv1.Response { return shown(proto.CloneOf(p.stored)) }

func (p *Pending) update(ctx context.Context, response *responsesv1.Response, ended bool) error {
	stored := proto.CloneOf(p.stored)
	stored.Response = response
	if ended {
		stored.Request, stored.KeyId, stored.RequestId = nil, "", ""
	}
	body, err := encode(stored)
	if err != nil {
		return err
	}
	changed := *p.object
	changed.Body, changed.Model = body, response.GetModel()
	if err := p.keeper.params.Store.Update(ctx, p.owner, &changed); err != nil {
		return fail(err)
	}
	p.object, p.stored = &changed, stored
	return nil
}

// Cancel ends a response that is made in the background. One that has ended is returned
// as it is.
func (k *Keeper) Cancel(ctx context.Context, owner, id string) (*responsesv1.Response, error) {
	for {
		p := &Pending{keeper: k, owner: owner, stored: &objectsv1.StoredResponse{}}
		var err error
		if p.object, err = k.get(ctx, owner, responseKey(id), p.stored); err != nil {
			return nil, err
		}
		response := p.Response()
		switch {
		case !response.GetBackground():
			return nil, failure.New(commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT, "Only responses that are made in the background can be cancelled.")
		case !isOpen(response):
			return response, nil
		}
		response.Status = new(cancelled)
		err = p.update(ctx, response, true)
		if failed := failure.As(err); failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT {
			continue // it has gone on meanwhile
		}
		return response, err
	}
}

// AddEvents keeps events of a response.
func (k *Keeper) AddEvents(ctx context.Context, owner, id string, events []*responsesv1.StreamEvent) error {
	kept := make([]storage.Event, 0, len(events))
	for _, event := range events {
		body, err := encode(event)
		if err != nil {
			return err
		}
		kept = append(kept, storage.Event{Number: int64(event.GetSequenceNumber()), Body: body})
	}
	return fail(k.params.Store.AppendEvents(ctx, owner, responseKey(id), kept))
}

// Events are the events of a response behind a number, some of them.
func (k *Keeper) Events(ctx context.Context, owner, id string, after int32) ([]*responsesv1.StreamEvent, error) {
	kept, err := k.params.Store.ListEvents(ctx, owner, responseKey(id), int64(after)+1, storage.MaxPage)
	if err != nil {
		return nil, fail(err)
	}
	events := make([]*responsesv1.StreamEvent, 0, len(kept))
	for _, one := range kept {
		event := &responsesv1.StreamEvent{}
		if err := proto.Unmarshal(one.Body, event); err != nil {
			return nil, unreadable(err)
		}
		events = append(events, event)
	}
	return events, nil
}
