package responses

import (
	"errors"
	"io"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// stream turns chunks into events.
type stream struct {
	chunks    providers.ChatStream
	assembler *assembler
	exchange  *providers.Exchange
	err       error // of the next Recv, once all events are taken
}

// Recv implements providers.ResponseStream.
func (s *stream) Recv() (*responsesv1.StreamEvent, error) {
	for {
		if event := s.assembler.events.take(); event != nil {
			return event, nil
		}
		if s.err != nil {
			return nil, s.err
		}
		s.err = s.pull()
	}
}

// Ready implements providers.ResponseStream. Not every chunk is an event, so it looks
// at those that are here.
func (s *stream) Ready() bool {
	for len(s.assembler.events.queue) == 0 && s.err == nil && s.chunks.Ready() {
		s.err = s.pull()
	}
	return len(s.assembler.events.queue) > 0 || s.err != nil
}

// Close implements providers.ResponseStream.
func (s *stream) Close() error { return s.chunks.Close() }

// pull takes the next chunk. io.EOF says that the response is whole; before the first
// chunk, that there is none.
func (s *stream) pull() error {
	chunk, err := s.chunks.Recv()
	if err == nil {
		return s.assembler.chunk(chunk)
	}
	if !errors.Is(err, io.EOF) || !s.assembler.begun {
		return err
	}
	s.assembler.count(s.exchange)
	if err := s.assembler.end(); err != nil {
		return err
	}
	return io.EOF
}

// count takes the usage from the exchange where no chunk had it: adapters that ask for
// it on the gateway's account keep it to themselves.
func (a *assembler) count(exchange *providers.Exchange) {
	if a.response.Usage != nil || exchange == nil {
		return
	}
	if exchange.Usage != nil {
		a.response.Usage = usageOf(exchange.Usage)
		return
	}
	usage := &chatv1.CompletionUsage{}
	if _, openAI := wire.Member(exchange.UsageJSON, "prompt_tokens"); !openAI {
		return
	}
	if codec.DecodeCompletionUsage(exchange.UsageJSON, usage, wire.Limits{}) == nil {
		a.response.Usage = usageOf(usage)
	}
}
