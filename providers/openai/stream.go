package openai

import (
	"context"
	"errors"
	"io"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// done is the data of a stream's last event.
const done = "[DONE]"

// chatStream turns events into chunks.
type chatStream struct {
	events   *upstream.Stream
	request  *request
	exchange *providers.Exchange
	quirks   Quirks
	ahead    *chatv1.ChatCompletionChunk   // read, and not delivered
	mender   *mender                       // nil: chunks are OpenAI's
	tail     []*chatv1.ChatCompletionChunk // behind the provider's own
	choices  choices
	err      error
}

// StreamChatCompletion implements providers.Chatter.
func (o *Provider) StreamChatCompletion(ctx context.Context, c *providers.ChatCall) (providers.ChatStream, error) {
	r, err := o.request(c, true)
	if err != nil {
		return nil, err
	}
	r.call.End = done
	events, err := o.client.Stream(ctx, &r.call)
	if err != nil {
		r.release()
		return nil, err
	}
	s := &chatStream{events: events, request: r, exchange: c.Exchange, quirks: o.quirks}
	if o.quirks.Replies.Mend {
		s.mender = &mender{replies: o.quirks.Replies, asked: c.Target.GetModel()}
	}
	s.ahead, err = s.next()
	if errors.Is(err, io.EOF) {
		err = failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "The provider's stream is empty.")
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// Recv implements providers.ChatStream.
func (s *chatStream) Recv() (*chatv1.ChatCompletionChunk, error) {
	if chunk := s.ahead; chunk != nil {
		s.ahead = nil
		return chunk, nil
	}
	return s.next()
}

// Ready implements providers.ChatStream. It looks at what is here, since not every
// event is a chunk for the client.
func (s *chatStream) Ready() bool {
	for s.ahead == nil && s.err == nil && s.events.Ready() {
		s.ahead, s.err = s.read()
	}
	return s.ahead != nil || s.err != nil
}

// Close implements providers.ChatStream.
func (s *chatStream) Close() error {
	err := s.events.Close()
	s.request.release()
	return err
}

// next returns the next chunk that is the client's to see.
func (s *chatStream) next() (*chatv1.ChatCompletionChunk, error) {
	for s.err == nil {
		var chunk *chatv1.ChatCompletionChunk
		if chunk, s.err = s.read(); chunk != nil {
			return chunk, nil
		}
	}
	return nil, s.err
}

// read reads one event; nil: the client is not to see it.
func (s *chatStream) read() (*chatv1.ChatCompletionChunk, error) {
	if len(s.tail) > 0 {
		chunk := s.tail[0]
		s.tail = s.tail[1:]
		return chunk, nil
	}
	event, err := s.events.Next()
	if err == nil {
		return s.chunk(event)
	}
	if err = s.end(err); errors.Is(err, io.EOF) && len(s.tail) > 0 {
		return s.read()
	}
	return nil, err
}

// chunk decodes an event; nil: as read.
func (s *chatStream) chunk(event upstream.Event) (*chatv1.ChatCompletionChunk, error) {
	text := string(event.Data) // the chunk's strings are pieces of it
	chunk := new(chatv1.ChatCompletionChunk)
	if err := codec.DecodeChatCompletionChunk(text, chunk, wire.Limits{}); err != nil {
		if event.Unterminated {
			return nil, s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
				"The provider's stream broke off before its end.", err)
		}
		return nil, s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
			"The provider's stream has an event that is not a chunk.", err)
	}
	if chunk.Usage != nil {
		s.exchange.UsageJSON = usageOf(text)
	}
	if s.mender != nil && !s.mend(chunk) {
		return nil, nil //nolint:nilnil // see above
	}
	for _, choice := range chunk.GetChoices() {
		s.choices.note(choice.GetIndex(), choice.GetFinishReason() != "")
	}
	if chunk.Usage == nil {
		return chunk, nil
	}
	if s.request.asked {
		return chunk, nil
	}
	chunk.Usage = nil
	if len(chunk.Choices) > 0 {
		return chunk, nil
	}
	if s.mender != nil {
		s.mender.hold(chunk)
	}
	return nil, nil //nolint:nilnil // see above
}

// mend makes a chunk OpenAI's; false: the client is not to see it.
func (s *chatStream) mend(chunk *chatv1.ChatCompletionChunk) bool {
	told := chunk.Usage != nil
	if !s.mender.chunk(chunk) {
		return false
	}
	if chunk.Usage == nil {
		return true
	}
	if !told {
		s.exchange.UsageJSON = usageElsewhereOf(chunk.GetExtraJson())
	}
	s.exchange.Usage = proto.CloneOf(chunk.GetUsage())
	switch with := len(chunk.GetChoices()) > 0; {
	case !s.request.asked:
	case with && s.quirks.Replies.UsageWithChoices:
		s.mender.usage, chunk.Usage = chunk.GetUsage(), nil
	case !with && s.mender.lacking(): // the usage is the last chunk, behind all finish reasons
		s.mender.usage = chunk.GetUsage()
		s.mender.hold(chunk)
		return false
	}
	return true
}

// end judges the end of the events.
func (s *chatStream) end(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		s.complete()
		if s.choices.open() {
			return s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
				"The provider's stream ended without a finish reason.", nil)
		}
	case !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case !s.quirks.NoDone || !s.choices.begun() || s.choices.open():
		return s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
			"The provider's stream broke off before its end.", err)
	}
	s.complete()
	s.events.Done()
	return io.EOF
}

// complete puts behind the chunks what they lack.
func (s *chatStream) complete() {
	if s.mender == nil {
		return
	}
	s.tail = append(s.tail, s.mender.tail()...)
	for _, chunk := range s.tail {
		for _, choice := range chunk.GetChoices() {
			s.choices.note(choice.GetIndex(), true)
		}
	}
}
