package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// channel is the in-process way from the generated handlers to the services: it
// continues the call that the front has opened, at its Request steps. Messages are
// handed over as they are, never serialised.
type channel struct {
	chain   *call.Chain
	unary   map[string]unary
	streams map[string]streaming
}

type unary struct {
	impl    any
	handler grpc.MethodHandler
}

type streaming struct {
	impl    any
	handler grpc.StreamHandler
}

func newChannel(chain *call.Chain, services []Service) *channel {
	ch := &channel{chain: chain, unary: map[string]unary{}, streams: map[string]streaming{}}
	for _, service := range services {
		prefix := "/" + service.Desc.ServiceName + "/"
		for _, method := range service.Desc.Methods {
			ch.unary[prefix+method.MethodName] = unary{impl: service.Impl, handler: method.Handler}
		}
		for _, stream := range service.Desc.Streams {
			ch.streams[prefix+stream.StreamName] = streaming{impl: service.Impl, handler: stream.Handler}
		}
	}
	return ch
}

// Invoke runs a unary call to its end. The error is a *failure.Error.
func (ch *channel) Invoke(ctx context.Context, method string, args, reply any, _ ...grpc.CallOption) error {
	c := call.From(ctx)
	response, err := ch.run(ctx, c, method, args)
	if failed := ch.chain.Done(ctx, c, err); failed != nil {
		return failed
	}
	handOver(reply, response)
	return nil
}

func (ch *channel) run(ctx context.Context, c *call.Call, method string, args any) (proto.Message, error) {
	target, ok := ch.unary[method]
	request, isMessage := args.(proto.Message)
	if !ok || !isMessage {
		return nil, fmt.Errorf("no unary RPC %s", method)
	}
	wish(c, request)
	if err := ch.chain.Request(ctx, c, request); err != nil {
		return nil, err
	}
	// The interceptor is how the generated handler takes our message for its own.
	pass := func(ctx context.Context, _ any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		return next(ctx, request)
	}
	var response proto.Message
	err := ch.chain.Handle(ctx, c, func() error {
		result, err := target.handler(target.impl, ctx, func(any) error { return nil }, pass)
		response, _ = result.(proto.Message)
		return err
	})
	if err != nil {
		return nil, err
	}
	return response, ch.chain.Reply(ctx, c, response)
}

// wish puts into a request what the headers say, which the generated handlers never see.
func wish(c *call.Call, request proto.Message) {
	if reply, ok := c.Edge.(*reply); ok {
		reply.wishes.apply(request)
	}
}

// NewStream opens a streaming call; its handler runs as a coroutine of whoever
// receives, so no goroutine and no buffer stands between the two.
func (ch *channel) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	target, ok := ch.streams[method]
	if !ok {
		return nil, fmt.Errorf("no streaming RPC %s", method)
	}
	s := &clientStream{ctx: ctx, chain: ch.chain, call: call.From(ctx)}
	s.next, s.stop = iter.Pull(func(yield func(proto.Message) bool) {
		s.err = s.serve(target, yield)
	})
	s.call.OnClose(s.close)
	return s, nil
}

// clientStream is the receiving end of a streaming call.
type clientStream struct {
	ctx     context.Context //nolint:containedctx // a grpc.ClientStream has its context
	chain   *call.Chain
	call    *call.Call
	request proto.Message

	next   func() (proto.Message, bool)
	stop   func()
	err    error // how the handler ended
	first  proto.Message
	begun  bool
	closed bool
}

var (
	errLeft  = failure.New(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left.")
	errEmpty = errors.New("the stream ended without a message")
)

// serve runs the handler, as the coroutine.
func (s *clientStream) serve(target streaming, yield func(proto.Message) bool) error {
	wish(s.call, s.request)
	if err := s.chain.Request(s.ctx, s.call, s.request); err != nil {
		return err
	}
	server := &serverStream{client: s, yield: yield}
	err := s.chain.Handle(s.ctx, s.call, func() error { return target.handler(target.impl, server) })
	if err == nil && !server.sent {
		return errEmpty
	}
	return err
}

// pull is the next message; at the end the chain's verdict, or io.EOF.
func (s *clientStream) pull() (proto.Message, error) {
	message, ok := s.next()
	if ok {
		return message, nil
	}
	if failed := s.chain.Done(s.ctx, s.call, s.err); failed != nil {
		return nil, failed
	}
	return nil, io.EOF
}

// close ends the handler of a stream that nobody receives from any more.
func (s *clientStream) close() {
	if s.closed {
		return
	}
	s.closed = true
	s.stop()
	err := s.err
	if err == nil {
		err = errLeft
	}
	s.chain.Done(s.ctx, s.call, err)
}

// Header waits for the first message, so that a failure before it is a plain error.
func (s *clientStream) Header() (metadata.MD, error) {
	message, err := s.pull()
	if err != nil {
		return nil, err
	}
	s.first, s.begun = message, true
	return nil, nil //nolint:nilnil // the Call has the headers
}

// RecvMsg takes the next message over into m.
func (s *clientStream) RecvMsg(m any) error {
	message := s.first
	if s.begun {
		s.first, s.begun = nil, false
	} else {
		var err error
		if message, err = s.pull(); err != nil {
			return err
		}
	}
	handOver(m, message)
	return nil
}

// SendMsg keeps the one request message.
func (s *clientStream) SendMsg(m any) error {
	request, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", m)
	}
	s.request = request
	return nil
}

// CloseSend does nothing: there is one request message.
func (s *clientStream) CloseSend() error { return nil }

// Trailer is empty.
func (s *clientStream) Trailer() metadata.MD { return nil }

// Context is the call's.
func (s *clientStream) Context() context.Context { return s.ctx }

// serverStream is the handler's end.
type serverStream struct {
	client *clientStream
	yield  func(proto.Message) bool
	sent   bool
}

// SendMsg runs the Reply steps and waits until the message is taken.
func (s *serverStream) SendMsg(m any) error {
	message, ok := m.(proto.Message)
	if !ok {
		return fmt.Errorf("%T is no message", m)
	}
	if err := s.client.chain.Reply(s.client.ctx, s.client.call, message); err != nil {
		return err
	}
	s.sent = true
	if !s.yield(message) {
		return errLeft
	}
	return nil
}

// RecvMsg takes the request over into m, once.
func (s *serverStream) RecvMsg(m any) error {
	if s.client.request == nil {
		return io.EOF
	}
	handOver(m, s.client.request)
	s.client.request = nil
	return nil
}

// SetHeader ignores metadata: the Call has what REST shows.
func (s *serverStream) SetHeader(metadata.MD) error { return nil }

// SendHeader ignores metadata.
func (s *serverStream) SendHeader(metadata.MD) error { return nil }

// SetTrailer ignores metadata.
func (s *serverStream) SetTrailer(metadata.MD) {}

// Context is the call's.
func (s *serverStream) Context() context.Context { return s.client.ctx }

// handOver makes dst the message that src is, without a copy of what it holds. src
// is not used afterwards.
func handOver(dst any, src proto.Message) {
	reflect.ValueOf(dst).Elem().Set(reflect.ValueOf(src).Elem())
}
