// Package service is what an RPC does once the chain has let it in: one file per
// proto service. A service executes the plan; it never decides again what the plan
// says.
package service

import (
	"context"
	"errors"
	"io"
	"time"

	"google.golang.org/grpc"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// ChatDeps is what chat completions need. All members are required.
type ChatDeps struct {
	// Chatters are the provider instances, by name.
	Chatters map[string]providers.Chatter
	// Keepers are those that keep chat completions.
	Keepers map[string]providers.CompletionKeeper
	// Objects keeps what no provider keeps.
	Objects *objects.Keeper
	// Meter tells the usage of the last upstream call apart into classes. Nil: it is not
	// known.
	Meter func(*providers.Exchange) *usagev1.TokenUsage
}

// Chat is the ChatService.
type Chat struct {
	chatv1.UnimplementedChatServiceServer
	deps ChatDeps
}

// NewChat returns the ChatService.
func NewChat(deps ChatDeps) *Chat { return &Chat{deps: deps} }

// CreateChatCompletion answers whole.
func (s *Chat) CreateChatCompletion(ctx context.Context, req *chatv1.CreateChatCompletionRequest) (*chatv1.CreateChatCompletionResponse, error) {
	c := call.From(ctx)
	if err := checkStream(c, req.GetParams(), false); err != nil {
		return nil, err
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	completion, err := answer(ctx, w, s.deps.Chatters, providers.Chatter.ChatCompletion, empty)
	if err != nil {
		return nil, err
	}
	c.Outcome.FirstToken = time.Now()
	if err := s.keeping(c, req.GetParams()).keep(ctx, completion); err != nil {
		return nil, err
	}
	c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
	for _, choice := range completion.GetChoices() {
		noteFinish(c, choice.GetFinishReason())
	}
	return &chatv1.CreateChatCompletionResponse{Completion: completion, Info: c.Info()}, nil
}

// StreamChatCompletion answers piece by piece: each chunk as it comes, then the facts.
func (s *Chat) StreamChatCompletion(req *chatv1.StreamChatCompletionRequest, out grpc.ServerStreamingServer[chatv1.StreamChatCompletionResponse]) error {
	c := call.From(out.Context())
	if err := checkStream(c, req.GetParams(), true); err != nil {
		return err
	}
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	upstream, err := begin(out.Context(), w, s.deps.Chatters, providers.Chatter.StreamChatCompletion, shows)
	if err != nil {
		return err
	}
	kept := s.keeping(c, req.GetParams())
	shown, err := relay(c, upstream, out, kept)
	if err == nil && shown {
		err = kept.end(out.Context())
	}
	// Closing first: the last attempt's facts are whole only then.
	if closed := upstream.Close(); err == nil {
		err = closed
	}
	w.count()
	switch {
	case err == nil && !shown:
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "The provider's stream ended without a chunk.")
	case err == nil && c.Outcome.End == commonv1.CallEnd_CALL_END_UNSPECIFIED:
		c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
	case err != nil:
		c.Outcome.End = endOf(call.Why(out.Context(), err))
	}
	c.More = false
	if shown {
		// The last message; a client that never saw it was cut off on its way.
		if sent := out.Send(&chatv1.StreamChatCompletionResponse{Info: c.Info()}); err == nil {
			err = sent
		}
	}
	return err
}

// relay sends chunks on until the provider's end. It says whether the client was
// sent anything.
func relay(c *call.Call, upstream providers.ChatStream, out grpc.ServerStreamingServer[chatv1.StreamChatCompletionResponse], kept *keeping) (shown bool, err error) {
	for {
		chunk, err := upstream.Recv()
		if errors.Is(err, io.EOF) {
			return shown, nil
		}
		if err != nil {
			return shown, err
		}
		kept.chunk(chunk)
		message := &chatv1.StreamChatCompletionResponse{Chunk: chunk}
		if !shown {
			c.Outcome.FirstToken = time.Now()
			message.Info = c.Info()
		}
		for _, choice := range chunk.GetChoices() {
			noteFinish(c, choice.GetFinishReason())
		}
		c.More = upstream.Ready()
		if err := out.Send(message); err != nil {
			return shown, err
		}
		shown = true
	}
}

// checkStream refuses a request that contradicts its RPC or its plan.
func checkStream(c *call.Call, params *chatv1.ChatCompletionParams, stream bool) error {
	switch {
	case params.Stream != nil && params.GetStream() != stream:
		return &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
			Message: "`stream` contradicts the RPC; leave it unset.",
			Param:   "stream",
		}
	case stream && !c.Has(policyv1.Feature_FEATURE_STREAMING):
		return &failure.Error{
			Reason:  commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION,
			Message: "The plan of this call has no stream.",
			Param:   "stream",
		}
	default:
		return nil
	}
}

// noteFinish notes that the provider's filter ended the reply.
func noteFinish(c *call.Call, reason string) {
	if reason == "content_filter" {
		c.Outcome.End = commonv1.CallEnd_CALL_END_FILTERED
	}
}

// endOf is how a stream ends that fails with err.
func endOf(err error) commonv1.CallEnd {
	if failed := failure.As(err); failed != nil {
		return call.EndOf(failed.Reason)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return commonv1.CallEnd_CALL_END_CANCELLED
	}
	return commonv1.CallEnd_CALL_END_FAILED
}
