package call

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// GRPC installs the chain on a gRPC server: it is the server's stream interceptor, and
// its stats handler, which alone sees the calls that gRPC refuses before any handler.
type GRPC struct {
	// Chain is what every call passes.
	Chain *Chain
	// Policies are the RPCs' policies.
	Policies Policies
	// Ending, once it ends, ends every call under way. Its cause, a *failure.Error, is
	// what their clients are told. Nil: never.
	Ending context.Context //nolint:containedctx // of the whole server
}

// exempt are gRPC's own services: they are not calls.
func exempt(method string) bool {
	return strings.HasPrefix(method, "/grpc.health.v1.") || strings.HasPrefix(method, "/grpc.reflection.")
}

// Stream runs the chain around calls. Streams makes unary ones streams, too.
func (g *GRPC) Stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if exempt(info.FullMethod) {
		return next(srv, ss)
	}
	ctx, cancel := beforeDeadline(ss.Context())
	defer cancel()
	c := From(ctx)
	defer c.Close()
	stream := &serverStream{ServerStream: ss, ctx: ctx, call: c, chain: g.Chain}
	err := g.Chain.Open(ctx, c)
	if err == nil && c.Policy == nil {
		err = failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "There is no RPC "+Cut(strings.ToValidUTF8(c.Path, "?"), maxParam)+".")
	}
	if err == nil {
		err = g.Chain.Handle(ctx, c, func() error { return next(srv, stream) })
	}
	failed := g.Chain.Done(ctx, c, err)
	stream.head()
	if failed != nil {
		return c.Status(failed).Err()
	}
	return nil
}

// maxAhead is the most by which a call ends before its deadline.
const maxAhead = 20 * time.Millisecond

// beforeDeadline ends a call a moment before its deadline. At the deadline itself
// grpc-go resets the stream without a status, which some clients take for a
// cancellation, and cancels the context, so that nobody knows any more why.
func beforeDeadline(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return ctx, func() {}
	}
	ahead := min(time.Until(deadline)/100, maxAhead)
	return context.WithDeadline(ctx, deadline.Add(-ahead))
}

// Unknown handles RPCs that no service has. The chain refuses them before; what comes
// here is of gRPC's own services and is not served.
func Unknown(any, grpc.ServerStream) error {
	return status.Error(codes.Unimplemented, "There is no such RPC.")
}

// TagRPC makes the call when it arrives, before gRPC has read its message.
func (g *GRPC) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	if exempt(info.FullMethodName) {
		return ctx
	}
	return With(ctx, g.arrive(ctx, info.FullMethodName))
}

// HandleRPC ends the calls that gRPC itself refused, because of an encoding that it
// does not know and the like: no interceptor sees those.
func (g *GRPC) HandleRPC(ctx context.Context, event stats.RPCStats) {
	end, ok := event.(*stats.End)
	c := From(ctx)
	if !ok || c == nil || c.run.opened > 0 {
		return
	}
	err := g.Chain.Open(ctx, c)
	if err == nil {
		err = ofTransport(end.Error)
	}
	g.Chain.Done(ctx, c, err)
}

// connection is the context of a connection's calls.
type connection struct {
	context.Context //nolint:containedctx // it is one

	release func()
}

// TagConn lets the calls of a connection end with Ending.
func (g *GRPC) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	if g.Ending == nil {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(g.Ending, func() { cancel(context.Cause(g.Ending)) })
	return &connection{Context: ctx, release: func() {
		stop()
		cancel(nil)
	}}
}

// HandleConn lets go what TagConn made.
func (g *GRPC) HandleConn(ctx context.Context, event stats.ConnStats) {
	if c, ok := ctx.(*connection); ok {
		if _, over := event.(*stats.ConnEnd); over {
			c.release()
		}
	}
}

// ofTransport is why gRPC refused a call.
func ofTransport(err error) error {
	switch status.Code(err) {
	case codes.OK, codes.Canceled:
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left.", err)
	case codes.ResourceExhausted:
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "The request is larger than allowed.", err)
	default:
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The request cannot be read.", err)
	}
}

// arrive is the call as its metadata tells it.
func (g *GRPC) arrive(ctx context.Context, fullMethod string) *Call {
	md, _ := metadata.FromIncomingContext(ctx)
	c := New(auditv1.Entrance_ENTRANCE_GRPC, first(md, "x-request-id"))
	c.HTTPMethod = "POST"
	c.Path = fullMethod
	if policy := g.Policies[RPCOf(fullMethod)]; policy != nil {
		c.RPC, c.Policy = RPCOf(fullMethod), policy
	}
	c.Client.UserAgent = Cut(first(md, "user-agent"), 256)
	if p, ok := peer.FromContext(ctx); ok {
		c.Client.Address = host(p.Addr)
	}
	c.Credential = first(md, "authorization")
	if scheme, token, ok := strings.Cut(c.Credential, " "); ok && strings.EqualFold(scheme, "Bearer") {
		c.Credential = strings.TrimSpace(token)
	} else if strings.EqualFold(c.Credential, "Bearer") {
		c.Credential = ""
	}
	c.TraceParent = first(md, "traceparent")
	c.RequestHeader = md
	return c
}

func first(md metadata.MD, name string) string {
	if values := md[name]; len(values) == 1 {
		return values[0]
	}
	return ""
}

func host(addr net.Addr) string {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.IP.String()
	}
	return addr.String()
}

// metadata is EachHeader for gRPC.
func (c *Call) metadata() metadata.MD {
	md := make(metadata.MD, 4)
	c.EachHeader(func(name, value string) { md[name] = append(md[name], value) })
	return md
}

// serverStream runs the Request steps on the first message received, and the Reply
// steps on each one sent.
type serverStream struct {
	grpc.ServerStream
	ctx    context.Context //nolint:containedctx // a grpc.ServerStream has its context
	call   *Call
	chain  *Chain
	headed bool
}

func (s *serverStream) Context() context.Context { return s.ctx }

func (s *serverStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return ofReceive(err)
	}
	message, _ := m.(proto.Message)
	return s.chain.Request(s.ctx, s.call, message)
}

func (s *serverStream) SendMsg(m any) error {
	message, _ := m.(proto.Message)
	if err := s.chain.Reply(s.ctx, s.call, message); err != nil {
		return err
	}
	s.head()
	return ofSend(s.ServerStream.SendMsg(m))
}

// ofReceive is why a message could not be read; an end of the stream, or of the call, stays.
func ofReceive(err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.DeadlineExceeded {
		return err
	}
	return ofTransport(err)
}

// ofSend is why a message could not be sent: gRPC says Unavailable of a connection that is gone.
func ofSend(err error) error {
	switch status.Code(err) {
	case codes.Canceled, codes.Unavailable:
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left.", err)
	default:
		return err
	}
}

// head sets the header metadata, once, before the first message or the status.
func (s *serverStream) head() {
	if s.headed {
		return
	}
	s.headed = true
	_ = s.ServerStream.SetHeader(s.call.metadata())
}

// Streams is a service whose unary RPCs are served as streams of one message each way,
// which is the same on the wire. gRPC reads the message of a unary call before it asks
// an interceptor; so the steps' Open runs first, and nobody's body is read before it is
// known whose it is.
func Streams(desc *grpc.ServiceDesc) *grpc.ServiceDesc {
	out := *desc
	out.Methods = nil
	out.Streams = slices.Clone(desc.Streams)
	for _, method := range desc.Methods {
		out.Streams = append(out.Streams, grpc.StreamDesc{StreamName: method.MethodName, ServerStreams: true, Handler: func(srv any, ss grpc.ServerStream) error {
			reply, err := method.Handler(srv, ss.Context(), ss.RecvMsg, nil)
			if err != nil {
				return err
			}
			return ss.SendMsg(reply)
		}})
	}
	return &out
}
