// Package responses is OpenAI's Responses API on top of providers that have chat
// completions alone: a request becomes a chat completion, its reply or its chunks
// become a response or its events. It keeps nothing: what a request goes on from
// stands in its input already.
package responses

import (
	"context"
	"errors"
	"io"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// Emulator answers responses by a provider's chat completions. Items carry all that
// the next turn needs, asked for or not: whoever shows them calls Hide first. Safe
// for concurrent use.
type Emulator struct {
	chatter providers.Chatter
	lossy   providers.Lossy // nil: the chatter carries everything
}

var (
	_ providers.Responder = (*Emulator)(nil)
	_ providers.Compactor = (*Emulator)(nil)
)

// Over returns responses over a chatter.
func Over(chatter providers.Chatter) *Emulator {
	lossy, _ := chatter.(providers.Lossy)
	return &Emulator{chatter: chatter, lossy: lossy}
}

// CreateResponse implements providers.Responder.
func (e *Emulator) CreateResponse(ctx context.Context, call *providers.ResponseCall) (*responsesv1.Response, error) {
	asked, err := translate(call.Params, call.Target, e.lossy)
	if err != nil {
		return nil, err
	}
	completion, err := e.chatter.ChatCompletion(ctx, asked.outgoing(call))
	if err != nil {
		return nil, renameParam(err)
	}
	return asked.assembler().whole(completion)
}

// StreamResponse implements providers.Responder.
func (e *Emulator) StreamResponse(ctx context.Context, call *providers.ResponseCall) (providers.ResponseStream, error) {
	asked, err := translate(call.Params, call.Target, e.lossy)
	if err != nil {
		return nil, err
	}
	asked.askForUsage()
	chunks, err := e.chatter.StreamChatCompletion(ctx, asked.outgoing(call))
	if err != nil {
		return nil, renameParam(err)
	}
	s := &stream{chunks: chunks, assembler: asked.assembler(), exchange: call.Exchange}
	if err := s.pull(); err != nil {
		_ = chunks.Close()
		if errors.Is(err, io.EOF) {
			err = invalidReply("The provider's stream is empty.")
		}
		return nil, err
	}
	return s, nil
}

func invalid(param, message string) *failure.Error {
	return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, Message: message, Param: param}
}

func unsupported(param, message string) *failure.Error {
	return &failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION, Message: message, Param: param}
}

func invalidReply(message string) *failure.Error {
	return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, message)
}
