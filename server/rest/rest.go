// Package rest is the projection of the services to OpenAI's REST API. It is
// grpc-gateway's generated handlers between two edges of ours: the front, which
// opens the call and reads its body, and an in-process channel, which runs the
// same chain and the same services as gRPC, without a socket and without
// serialising. It decides nothing that a gRPC caller could miss.
package rest

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/buffers"
	"github.com/signalbox-ai/signalbox/server/call"
)

// Service is one proto service: its description, what implements it, and
// grpc-gateway's generated registration of its handlers.
type Service struct {
	Desc     *grpc.ServiceDesc
	Impl     any
	Register func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error
}

// Deps is what the projection is made from. All members are required.
type Deps struct {
	// Chain is what every call passes.
	Chain *call.Chain
	// Policies are the RPCs' policies.
	Policies call.Policies
	// Files describe the services.
	Files []protoreflect.FileDescriptor
	// Services are served.
	Services []Service
	// Static are the routes that are not calls, by path: health, metrics, the API's
	// description. Answered without the chain, to GET and HEAD.
	Static map[string]http.Handler
	// Limits bound request bodies.
	Limits wire.Limits
	// BodyTime is how long the next 256 KiB of a request body may take to come.
	BodyTime time.Duration
	// TrustedProxies are believed in what they say of the client's address.
	TrustedProxies []netip.Prefix
	// Log takes what cannot be told to a client.
	Log *slog.Logger
	// Buffers are for request bodies.
	Buffers *buffers.Pool
}

// Handler is the REST front.
type Handler struct {
	deps   Deps
	routes *routes
	mux    *runtime.ServeMux
	gzip   *compressor
	// claimed is what is leased for bodies that have not come yet.
	claimed atomic.Int64
}

// New assembles the projection.
func New(deps Deps) (*Handler, error) {
	routes, err := newRoutes(deps.Files)
	if err != nil {
		return nil, fmt.Errorf("read routes: %w", err)
	}
	h := &Handler{deps: deps, routes: routes, gzip: newCompressor()}
	setQueryParser()
	h.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &marshaler{}),
		runtime.WithIncomingHeaderMatcher(noHeader),
		runtime.WithOutgoingHeaderMatcher(noHeader),
		runtime.WithOutgoingTrailerMatcher(noHeader),
		runtime.WithForwardResponseRewriter(rewrite),
		runtime.WithErrorHandler(h.muxError),
		runtime.WithStreamErrorHandler(h.streamError),
		runtime.WithRoutingErrorHandler(h.routingError),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllCharacters),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableChunkedEncoding(),
	)
	channel := newChannel(deps.Chain, deps.Services)
	for _, service := range deps.Services {
		if err := service.Register(context.Background(), h.mux, channel); err != nil {
			return nil, fmt.Errorf("register %s: %w", service.Desc.ServiceName, err)
		}
	}
	return h, nil
}

// noHeader keeps headers and metadata apart: what must travel is read by the front
// into the Call, and written from it.
func noHeader(string) (string, bool) { return "", false }

// ServeHTTP opens the call, reads its body, and hands it to the generated handler.
// Whatever is refused here passes the same steps as what is refused later.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.guard(w, r)
	if static, ok := h.deps.Static[r.URL.Path]; ok && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeIdle))
		static.ServeHTTP(w, r)
		return
	}
	c := h.newCall(r)
	reply := newReply(w, r, c, h.gzip)
	var wrong error
	reply.wishes, wrong = readWishes(r.Header)
	ctx, cancel := reply.wishes.bound(call.With(r.Context(), c), c.Start)
	c.Edge = reply
	defer func() {
		defer cancel()
		reply.close()
		reply.lease.end(h.deps.Buffers)
	}()

	err := h.deps.Chain.Handle(ctx, c, func() error {
		body, route, err := h.enter(ctx, reply, r, c, wrong)
		if err == nil {
			h.mux.ServeHTTP(reply, h.inner(ctx, r, route, body))
		}
		return err
	})
	if err != nil {
		h.refuse(ctx, reply, c, err)
		return
	}
	reply.finish()
}

// guard keeps a request from costing more than its call, before anything is known of
// it: net/http itself reads what is left of a body that nobody wanted.
func (h *Handler) guard(w http.ResponseWriter, r *http.Request) {
	if lastOf(r) {
		w.Header().Set("Connection", "close")
	}
	if r.Body != http.NoBody {
		_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.deps.BodyTime))
	}
}

// enter finds the route, opens the call and decodes its body. wrong is what the headers
// have that cannot be read.
func (h *Handler) enter(ctx context.Context, reply *reply, r *http.Request, c *call.Call, wrong error) (*body, *route, error) {
	route, refusal := h.routes.match(r)
	if route != nil {
		c.RPC = route.rpc
		c.Policy = h.deps.Policies[route.rpc]
	}
	openErr := h.deps.Chain.Open(ctx, c)
	if refusal != nil {
		if refusal.allow != "" {
			reply.Header().Set("Allow", refusal.allow)
		}
		return nil, nil, refusal.err
	}
	if openErr != nil {
		return nil, nil, openErr
	}
	if wrong != nil {
		return nil, nil, wrong
	}
	if route.body == nil {
		return h.enterEmpty(reply, r, c, route)
	}
	if err := checkQuery(r.URL.RawQuery, route); err != nil {
		return nil, nil, err
	}
	body, err := h.readBody(reply, r, route)
	if err != nil {
		return nil, nil, err
	}
	reply.note(body.message)
	if route.stream != nil && wantsStream(body.message) {
		route = h.streaming(c, reply, route)
	}
	return body, route, nil
}

// enterEmpty is enter for a route that takes no body.
func (h *Handler) enterEmpty(reply *reply, r *http.Request, c *call.Call, found *route) (*body, *route, error) {
	body, err := h.drain(reply, r)
	if err != nil {
		return nil, nil, err
	}
	streaming, err := takeStream(r, found)
	if err != nil {
		return nil, nil, err
	}
	if found.stream != nil && (streaming || body.stream) {
		found = h.streaming(c, reply, found)
	}
	return body, found, checkQuery(r.URL.RawQuery, found)
}

// streaming makes the call one of the streaming RPC at a route.
func (h *Handler) streaming(c *call.Call, reply *reply, route *route) *route {
	c.RPC = route.stream.rpc
	c.Policy = h.deps.Policies[c.RPC]
	reply.stream = true
	return route.stream
}

// inner is the request as the generated handlers see it: no headers, the body
// decoded, the path of the RPC that was chosen.
func (h *Handler) inner(ctx context.Context, r *http.Request, route *route, body *body) *http.Request {
	inner := r.WithContext(ctx)
	inner.Header = http.Header{}
	inner.Body = body
	url := *r.URL
	switch {
	case !route.wild:
		url.Path, url.RawPath = route.path, ""
	case route.streaming:
		url.Path, url.RawPath = r.URL.Path+streamVerb, ""
	}
	inner.URL = &url
	return inner
}

// newCall is the call as the request's head tells it.
func (h *Handler) newCall(r *http.Request) *call.Call {
	c := call.New(auditv1.Entrance_ENTRANCE_REST, r.Header.Get("X-Request-Id"))
	c.HTTPMethod = r.Method
	c.Path = r.URL.EscapedPath()
	c.Client.Address = clientAddress(r, h.deps.TrustedProxies)
	c.Client.UserAgent = call.Cut(r.UserAgent(), 256)
	c.Credential = credential(r.Header)
	c.TraceParent = r.Header.Get("Traceparent")
	c.RequestHeader = r.Header
	return c
}

// refuse ends a call that reached no handler.
func (h *Handler) refuse(ctx context.Context, reply *reply, c *call.Call, err error) {
	failed := h.deps.Chain.Done(ctx, c, err)
	reply.writeError(failed)
}

// muxError ends a call whose handler failed before its reply began.
func (h *Handler) muxError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	c := call.From(ctx)
	failed := h.deps.Chain.Done(ctx, c, err)
	if reply, ok := w.(*reply); ok {
		reply.writeError(failed)
	}
}

// routingError is what the mux says when its routes and ours disagree, which a test
// rules out.
func (h *Handler) routingError(ctx context.Context, mux *runtime.ServeMux, m runtime.Marshaler, w http.ResponseWriter, r *http.Request, _ int) {
	h.muxError(ctx, mux, m, w, r, failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND,
		fmt.Sprintf("There is no route %s %s.", r.Method, strings.ToValidUTF8(r.URL.Path, "?"))))
}

// streamError ends a stream that broke after its first message: the marshaler
// writes the status as an error event, where the stream has not told of it.
func (h *Handler) streamError(ctx context.Context, err error) *status.Status {
	c := call.From(ctx)
	failed := h.deps.Chain.Done(ctx, c, err)
	if reply, ok := c.Edge.(*reply); ok {
		reply.breakOff(failed)
	}
	return c.Status(failed)
}
