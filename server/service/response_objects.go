package service

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// GetResponse returns a stored response.
func (s *Responses) GetResponse(ctx context.Context, req *responsesv1.GetResponseRequest) (*responsesv1.GetResponseResponse, error) {
	c := call.From(ctx)
	id, err := upstreamID(c, s.deps.Objects, objects.KindResponse, req.GetResponseId())
	if err != nil {
		return nil, err
	}
	var response *responsesv1.Response
	if atProvider(c) {
		response, err = ask(ctx, s.deps.ResponseKeepers, &responsesv1.GetResponseRequest{ResponseId: id, Include: req.GetInclude()}, providers.ResponseKeeper.GetResponse)
	} else {
		response, err = s.deps.Objects.Response(ctx, ownerOf(c), id)
	}
	if err != nil {
		return nil, err
	}
	s.show(c, response, req.GetInclude())
	return &responsesv1.GetResponseResponse{Response: response, Info: ended(c)}, nil
}

// show makes a stored response its owner's to see.
func (s *Responses) show(c *call.Call, response *responsesv1.Response, include []string) {
	if !atProvider(c) {
		responses.Hide(response.GetOutput(), include)
	}
	namingOf(c, s.deps.Objects).Response(response)
}

// ResumeResponse repeats the events of a stored response, and goes on with those to
// come.
func (s *Responses) ResumeResponse(req *responsesv1.ResumeResponseRequest, out grpc.ServerStreamingServer[responsesv1.ResumeResponseResponse]) error {
	ctx := out.Context()
	c := call.From(ctx)
	id, err := upstreamID(c, s.deps.Objects, objects.KindResponse, req.GetResponseId())
	if err != nil {
		return err
	}
	shown := false
	send := func(event *responsesv1.StreamEvent, more bool) error {
		message := &responsesv1.ResumeResponseResponse{Event: event}
		if !shown {
			message.Info = c.Info()
		}
		noteStatus(c, event.GetLifecycle().GetResponse())
		c.More = more
		shown = true
		return out.Send(message)
	}
	if atProvider(c) {
		err = s.resume(ctx, c, id, req, send)
	} else {
		err = s.repeat(ctx, c, id, req, send)
	}
	finish(ctx, c, err)
	if shown {
		if sent := out.Send(&responsesv1.ResumeResponseResponse{Info: c.Info()}); err == nil {
			err = sent
		}
	}
	return err
}

// resume repeats the events that a provider keeps.
func (s *Responses) resume(ctx context.Context, c *call.Call, id string, req *responsesv1.ResumeResponseRequest, send func(*responsesv1.StreamEvent, bool) error) error {
	stream, err := ask(ctx, s.deps.ResponseKeepers, &responsesv1.ResumeResponseRequest{
		ResponseId: id, Include: req.GetInclude(), StartingAfter: req.StartingAfter, IncludeObfuscation: req.IncludeObfuscation,
	}, providers.ResponseKeeper.ResumeResponse)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close(); c.Outcome.Exchange.UsageJSON = "" }() // see ask
	names := namingOf(c, s.deps.Objects)
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		names.Event(event)
		if err := send(event, stream.Ready()); err != nil {
			return err
		}
	}
}

// repeat repeats the events that the gateway keeps.
func (s *Responses) repeat(ctx context.Context, c *call.Call, id string, req *responsesv1.ResumeResponseRequest, send func(*responsesv1.StreamEvent, bool) error) error {
	after := int32(-1)
	if req.StartingAfter != nil {
		after = req.GetStartingAfter()
	}
	names := s.deps.Objects.Naming("", ownerOf(c))
	names.InResponse(id)
	return s.deps.Background.Follow(ctx, ownerOf(c), id, after, func(event *responsesv1.StreamEvent, more bool) error {
		responses.Hide(responses.Items(event), req.GetInclude())
		names.Event(event)
		return send(event, more)
	})
}

// DeleteResponse deletes a stored response.
func (s *Responses) DeleteResponse(ctx context.Context, req *responsesv1.DeleteResponseRequest) (*responsesv1.DeleteResponseResponse, error) {
	c := call.From(ctx)
	id, err := upstreamID(c, s.deps.Objects, objects.KindResponse, req.GetResponseId())
	if err != nil {
		return nil, err
	}
	if atProvider(c) {
		_, err = ask(ctx, s.deps.ResponseKeepers, &responsesv1.DeleteResponseRequest{ResponseId: id}, done(providers.ResponseKeeper.DeleteResponse))
	} else {
		err = s.deps.Background.Delete(ctx, ownerOf(c), id)
	}
	if err != nil {
		return nil, err
	}
	return &responsesv1.DeleteResponseResponse{Id: req.GetResponseId(), Deleted: true}, nil
}

// CancelResponse cancels a response that works in the background.
func (s *Responses) CancelResponse(ctx context.Context, req *responsesv1.CancelResponseRequest) (*responsesv1.CancelResponseResponse, error) {
	c := call.From(ctx)
	id, err := upstreamID(c, s.deps.Objects, objects.KindResponse, req.GetResponseId())
	if err != nil {
		return nil, err
	}
	var response *responsesv1.Response
	if atProvider(c) {
		response, err = ask(ctx, s.deps.ResponseKeepers, &responsesv1.CancelResponseRequest{ResponseId: id}, providers.ResponseKeeper.CancelResponse)
	} else {
		response, err = s.deps.Background.Cancel(ctx, ownerOf(c), id)
	}
	if err != nil {
		return nil, err
	}
	s.show(c, response, nil)
	return &responsesv1.CancelResponseResponse{Response: response, Info: ended(c)}, nil
}

// ListInputItems lists the input of a stored response.
func (s *Responses) ListInputItems(ctx context.Context, req *responsesv1.ListInputItemsRequest) (*responsesv1.ListInputItemsResponse, error) {
	c := call.From(ctx)
	id, err := upstreamID(c, s.deps.Objects, objects.KindResponse, req.GetResponseId())
	if err != nil {
		return nil, err
	}
	after, err := afterItem(c, s.deps.Objects, req.After)
	if err != nil {
		return nil, err
	}
	if atProvider(c) {
		list, err := ask(ctx, s.deps.ResponseKeepers, &responsesv1.ListInputItemsRequest{
			ResponseId: id, Include: req.GetInclude(), After: after, Limit: capped(req.Limit), Order: req.Order,
		}, providers.ResponseKeeper.ListInputItems)
		if err != nil {
			return nil, err
		}
		namingOf(c, s.deps.Objects).InputItems("", list)
		return list, nil
	}
	page, err := pageOf(after, req.Limit, req.Order, true)
	if err != nil {
		return nil, err
	}
	list, err := s.deps.Objects.InputItems(ctx, ownerOf(c), id, page)
	if err != nil {
		return nil, err
	}
	responses.Hide(list.GetData(), req.GetInclude())
	s.deps.Objects.Naming("", ownerOf(c)).InputItems(id, list)
	return list, nil
}

// CountInputTokens counts the tokens that an input would have.
func (s *Responses) CountInputTokens(ctx context.Context, req *responsesv1.CountInputTokensRequest) (*responsesv1.CountInputTokensResponse, error) {
	c := call.From(ctx)
	turn, err := s.turn(ctx, c, req.GetParams(), false)
	if err != nil {
		return nil, err
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	return answer(ctx, w, s.deps.TokenCounters, fit(turn, providers.TokenCounter.CountInputTokens), never)
}

// CompactResponse compacts a long context.
func (s *Responses) CompactResponse(ctx context.Context, req *responsesv1.CompactResponseRequest) (*responsesv1.CompactResponseResponse, error) {
	c := call.From(ctx)
	turn, err := s.turn(ctx, c, req.GetParams(), false)
	if err != nil {
		return nil, err
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	compaction, err := answer(ctx, w, s.deps.Compactors, fit(turn, providers.Compactor.CompactResponse), never)
	if err != nil {
		return nil, err
	}
	turn.naming().Compaction(compaction)
	return &responsesv1.CompactResponseResponse{Compaction: compaction, Info: ended(c)}, nil
}

// fit lets a provider answer a request that was fitted to it.
func fit[A any, R any](t *turn, f func(A, context.Context, *providers.ResponseCall) (R, error)) func(A, context.Context, *providers.ResponseCall) (R, error) {
	return func(a A, ctx context.Context, c *providers.ResponseCall) (R, error) {
		c, err := t.fitted(ctx, c)
		if err != nil {
			var none R
			return none, err
		}
		reply, err := f(a, ctx, c)
		return reply, t.gone(err)
	}
}

// notFoundAtProvider is the HTTP status of a provider that has not what was named.
const notFoundAtProvider = 404

// gone tells in the gateway's words that what the request names is not at the provider
// any more: there it looks as everywhere else.
func (t *turn) gone(err error) error {
	failed := failure.As(err)
	param := t.input.AtProvider()
	switch {
	case failed == nil || failed.Reason == commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND:
		return err
	case failed.UpstreamStatus == notFoundAtProvider && (failed.Param == "input" || param != ""):
		if failed.Param == "input" {
			param = "input" // an item that it refers to
		}
		return objects.Missing(param)
	case failed.Code == "previous_response_not_found" && param != "":
		return objects.Missing(param)
	default:
		return err
	}
}

// never says that no reply is empty.
func never[R any](R) bool { return false }
