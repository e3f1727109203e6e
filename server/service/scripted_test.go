package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// scripted is a chat provider that does what its script says, word for word: "role",
// "stop", "filter", "usage" and "done" come as pieces and the end of a stream, a
// duration passes, "hang" waits for the caller, "panic" panics, a failure's reason in
// capitals is it, and every other word is a piece of text. A stream is returned with its
// first piece in hand.
type scripted struct {
	name, script string
	calls        *[]string
	limits       *[]string
}

func (s scripted) begin(ctx context.Context, c *providers.ChatCall) *scriptedStream {
	*s.calls = append(*s.calls, s.name)
	*s.limits = append(*s.limits, fmt.Sprintf("%v %v %v", c.Retry.GetFirstByteTimeout().AsDuration(), c.Retry.GetMaxWait() != nil, c.Retry.GetTotalTimeout().AsDuration()))
	if s.script == "NO_HEALTHY_PROVIDER" { // as a model that rests
		return &scriptedStream{ctx: ctx, call: c, script: []string{s.script}}
	}
	c.Exchange.Attempts = append(c.Exchange.Attempts, providers.Attempt{Provider: s.name, Model: c.Target.GetModel(), Start: time.Now(), HTTPStatus: 200})
	c.Exchange.UpstreamRequestID = "id-" + s.name
	return &scriptedStream{ctx: ctx, call: c, script: strings.Fields(s.script)}
}

func (s scripted) ChatCompletion(ctx context.Context, c *providers.ChatCall) (*chatv1.ChatCompletion, error) {
	message := &chatv1.ChatMessage{Role: "assistant"}
	choice := &chatv1.Choice{Message: message, FinishReason: new("stop")}
	stream := s.begin(ctx, c)
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return &chatv1.ChatCompletion{Choices: []*chatv1.Choice{choice}}, nil
		}
		if err != nil {
			return nil, err
		}
		delta := chunk.GetChoices()[0]
		message.Content = new(message.GetContent() + delta.GetDelta().GetContent())
		if delta.FinishReason != nil {
			choice.FinishReason = delta.FinishReason
		}
	}
}

func (s scripted) StreamChatCompletion(ctx context.Context, c *providers.ChatCall) (providers.ChatStream, error) {
	stream := s.begin(ctx, c)
	first, err := stream.Recv()
	if err != nil {
		return nil, err
	}
	stream.ahead = first
	return stream, nil
}

// scriptedStream is a stream of a script.
type scriptedStream struct {
	ctx    context.Context //nolint:containedctx // a stream has its call's
	call   *providers.ChatCall
	script []string
	ahead  *chatv1.ChatCompletionChunk
	closed bool
	busy   bool
}

func (s *scriptedStream) Recv() (*chatv1.ChatCompletionChunk, error) {
	if s.closed || s.busy {
		return nil, errors.New("received from after Close, or twice at a time")
	}
	if first := s.ahead; first != nil {
		s.ahead = nil
		return first, nil
	}
	s.busy = true
	defer func() { s.busy = false }()
	for len(s.script) > 0 {
		word := s.script[0]
		s.script = s.script[1:]
		if wait, err := time.ParseDuration(word); err == nil || word == "hang" {
			if word == "hang" {
				wait = time.Hour
			}
			select {
			case <-time.After(wait):
			case <-s.ctx.Done():
				return nil, s.ctx.Err()
			}
			continue
		}
		if piece, err := s.piece(word); piece != nil || err != nil {
			return piece, err
		}
	}
	return nil, io.EOF
}

func (s *scriptedStream) piece(word string) (*chatv1.ChatCompletionChunk, error) {
	choice := &chatv1.ChunkChoice{Delta: &chatv1.ChatDelta{}}
	switch reason, failed := commonv1.ErrorReason_value["ERROR_REASON_"+word]; {
	case failed:
		if word != "NO_HEALTHY_PROVIDER" {
			s.call.Exchange.Attempts[len(s.call.Exchange.Attempts)-1].Reason = commonv1.ErrorReason(reason)
		}
		return nil, failure.New(commonv1.ErrorReason(reason), "From "+s.call.Target.GetProvider()+".")
	case word == "panic":
		word = s.script[len(s.script)]
	case word == "role":
		choice.Delta.Role = new("assistant")
	case word == "stop":
		choice.FinishReason = new("stop")
	case word == "filter":
		choice.FinishReason = new("content_filter")
	case word == "usage":
		s.call.Exchange.UsageJSON = s.call.Target.GetProvider()
		return nil, nil //nolint:nilnil // no piece, and no end
	default:
		choice.Delta.Content = &word
	}
	return &chatv1.ChatCompletionChunk{Choices: []*chatv1.ChunkChoice{choice}}, nil
}

func (s *scriptedStream) Ready() bool {
	if s.ahead != nil || len(s.script) == 0 {
		return true
	}
	_, err := time.ParseDuration(s.script[0])
	return err != nil && s.script[0] != "hang"
}

func (s *scriptedStream) Close() error {
	if s.busy {
		return errors.New("closed while it is received from")
	}
	s.closed = true
	return nil
}
