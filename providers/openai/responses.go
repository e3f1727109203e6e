package openai

import (
	"context"
	"errors"
	"io"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// responder answers responses.
type responder struct{ o *Provider }

var _ providers.Responder = responder{}

// errNoResponse says that a reply is an object, and no response.
var errNoResponse = errors.New("openai: a response without an id")

// CreateResponse implements providers.Responder.
func (r responder) CreateResponse(ctx context.Context, c *providers.ResponseCall) (*responsesv1.Response, error) {
	s, err := r.request(c, false)
	if err != nil {
		return nil, err
	}
	defer s.release()
	return doResponse(ctx, r.o, s)
}

// doResponse makes a call whose reply is a response.
func doResponse(ctx context.Context, o *Provider, s *sending) (*responsesv1.Response, error) {
	var m *responsesv1.Response
	err := o.client.Do(ctx, &s.call, func(reply string) error {
		m = new(responsesv1.Response)
		if err := codec.DecodeResponse(reply, m, wire.Limits{}); err != nil {
			return err
		}
		if m.GetId() == "" {
			return errNoResponse
		}
		if m.Usage != nil {
			s.call.Exchange.UsageJSON = usageOf(reply)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// request makes what is sent of a call. The error is a *failure.Error: the provider
// cannot be asked that.
func (r responder) request(c *providers.ResponseCall, stream bool) (*sending, error) {
	p := codec.ShallowCopyResponseParams(c.Params)
	model := r.o.site.name(c.Target.GetModel())
	p.Model = &model
	p.ExtraJson = without(p.ExtraJson, "model")
	switch {
	case stream:
		p.Stream = &stream
		p.ExtraJson = without(p.ExtraJson, "stream")
	case p.GetStream():
		p.Stream = nil
	}
	s := outgoing(r.o, c, r.o.responses)
	return s, s.encodeBy(r.o.responding.of(c.Target, c.Patch),
		func(b []byte) []byte { return codec.AppendResponseParams(b, p, wire.Request) }, &p.InputJson, &p.ToolsJson)
}

// StreamResponse implements providers.Responder.
func (r responder) StreamResponse(ctx context.Context, c *providers.ResponseCall) (providers.ResponseStream, error) {
	s, err := r.request(c, true)
	if err != nil {
		return nil, err
	}
	return streamResponse(ctx, r.o, s)
}

// streamResponse makes a call whose reply is the events of a response.
func streamResponse(ctx context.Context, o *Provider, sent *sending) (providers.ResponseStream, error) {
	events, err := o.client.Stream(ctx, &sent.call)
	if err != nil {
		sent.release()
		return nil, err
	}
	s := &responseStream{events: events, sent: sent}
	if o.quirks.SparseEvents {
		s.parts = &parts{}
	}
	var first *responsesv1.StreamEvent
	if first, err = s.Recv(); err != nil {
		if errors.Is(err, io.EOF) {
			err = failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "The provider's stream is empty.")
		}
		_ = s.Close()
		return nil, err
	}
	s.ahead = append([]*responsesv1.StreamEvent{first}, s.ahead...)
	return s, nil
}

// responseStream turns events into typed ones.
type responseStream struct {
	events *upstream.Stream
	sent   *sending
	parts  *parts                     // nil: the provider leaves no event out
	ahead  []*responsesv1.StreamEvent // read, and not delivered
	ended  bool                       // the response's own end has come
	err    error
}

// Recv implements providers.ResponseStream.
func (s *responseStream) Recv() (*responsesv1.StreamEvent, error) {
	for len(s.ahead) == 0 {
		if s.err == nil {
			s.err = s.read()
		}
		if s.err != nil && len(s.ahead) == 0 {
			return nil, s.err
		}
	}
	event := s.ahead[0]
	s.ahead = s.ahead[1:]
	return event, nil
}

// Ready implements providers.ResponseStream.
func (s *responseStream) Ready() bool {
	return len(s.ahead) > 0 || s.err != nil || s.events.Ready()
}

// Close implements providers.ResponseStream.
func (s *responseStream) Close() error {
	err := s.events.Close()
	s.sent.release()
	return err
}

// read reads one event.
func (s *responseStream) read() error {
	event, err := s.events.Next()
	if err != nil {
		return s.end(err)
	}
	if string(event.Data) == done { // some send it, behind the end
		return s.end(io.ErrUnexpectedEOF)
	}
	text := string(event.Data) // the event's strings are pieces of it
	m := new(responsesv1.StreamEvent)
	if err := codec.DecodeStreamEvent(text, m, wire.Limits{}); err != nil {
		if event.Unterminated {
			return s.broken(err)
		}
		return s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
			"The provider's stream has an event that makes no sense.", err)
	}
	if s.ended {
		return nil // nothing follows the end
	}
	if last := endOf(m); last != nil {
		s.ended = true
		if last.Usage != nil {
			response, _ := wire.Member(text, "response")
			s.sent.call.Exchange.UsageJSON = usageOf(response)
		}
	}
	if s.parts == nil {
		s.ahead = append(s.ahead, m)
	} else {
		s.ahead = s.parts.add(s.ahead, m)
	}
	return nil
}

// endOf is the response in the event that ends it. Nil: another event.
func endOf(event *responsesv1.StreamEvent) *responsesv1.Response {
	switch event.GetType() {
	case "response.completed", "response.incomplete", "response.failed":
		return event.GetLifecycle().GetResponse()
	default:
		return nil
	}
}

// end judges the end of the events. What broke off is no io.EOF, not even as a cause:
// that would pass for an end in order.
func (s *responseStream) end(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		if !s.ended {
			return s.broken(io.ErrUnexpectedEOF)
		}
		s.events.Done()
		return io.EOF
	default:
		return err
	}
}

// broken ends a stream that broke off.
func (s *responseStream) broken(cause error) error {
	return s.events.Fail(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED,
		"The provider's stream broke off before its end.", cause)
}
