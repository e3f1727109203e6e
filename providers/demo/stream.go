package demo

import (
	"context"
	"io"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// StreamChatCompletion returns the echo token by token.
func (p *Provider) StreamChatCompletion(ctx context.Context, call *providers.ChatCall) (providers.ChatStream, error) {
	turn, err := p.begin(ctx, call)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	return &stream{ctx: ctx, cancel: cancel, turn: turn, asked: call.Params.GetStreamOptions().GetIncludeUsage()}, nil
}

// stream is a reply in pieces: for each choice its role, its tokens and its end;
// then the usage if the client asked for it.
type stream struct {
	ctx    context.Context //nolint:containedctx // a stream lives as long as its call
	cancel context.CancelFunc
	turn   *turn
	asked  bool // the client wants the usage
	next   int  // the next chunk
	ended  bool // the attempt is over
}

// Recv returns the next chunk.
func (s *stream) Recv() (*chatv1.ChatCompletionChunk, error) {
	if err := s.wait(); err != nil {
		if !s.ended {
			s.ended = true
			s.turn.interrupted(err)
		}
		return nil, err
	}
	chunk := &chatv1.ChatCompletionChunk{
		Id: s.turn.id, Created: s.turn.created, Model: s.turn.model, SystemFingerprint: new(fingerprint),
	}
	tokens := s.turn.reply.tokens
	choice, step := s.next/(len(tokens)+2), s.next%(len(tokens)+2)
	s.next++
	if choice == s.turn.choices {
		s.turn.tellUsage()
		if step > 0 || !s.asked {
			s.end()
			return nil, io.EOF
		}
		chunk.Usage = s.turn.usage
		return chunk, nil
	}
	piece := &chatv1.ChunkChoice{Index: int32(choice), Delta: &chatv1.ChatDelta{}} //nolint:gosec // at most maxChoices
	chunk.Choices = []*chatv1.ChunkChoice{piece}
	switch {
	case step == 0:
		piece.Delta.Role, piece.Delta.Content = new("assistant"), new("")
	case step <= len(tokens):
		piece.Delta = s.turn.reply.delta(step - 1)
	default:
		piece.FinishReason = new(s.turn.reply.finish)
	}
	return chunk, nil
}

// Ready says that the next chunk waits for its time.
func (s *stream) Ready() bool { return false }

// Close ends the stream.
func (s *stream) Close() error {
	s.cancel()
	s.end()
	return nil
}

// wait takes the time of the next chunk; the first one is there.
func (s *stream) wait() error {
	if s.next == 0 {
		return s.ctx.Err()
	}
	return s.turn.wait(s.ctx)
}

func (s *stream) end() {
	if !s.ended {
		s.ended = true
		s.turn.end()
	}
}

// delta is a token as a chunk has it. The first one of a call names it.
func (a *reply) delta(at int) *chatv1.ChatDelta {
	now := a.tokens[at]
	if now.call < 0 {
		return &chatv1.ChatDelta{Content: new(now.text)}
	}
	piece := withInput(a.calls[now.call], now.text)
	piece.Index = new(int32(now.call))   //nolint:gosec // at most as many as tools
	if a.tokens[at-1].call == now.call { // there is one: the text comes first
		piece.Id, piece.Type = nil, nil
		if piece.GetFunction() != nil {
			piece.Function.Name = nil
		} else {
			piece.Custom.Name = nil
		}
	}
	return &chatv1.ChatDelta{ToolCalls: []*chatv1.ToolCall{piece}}
}
