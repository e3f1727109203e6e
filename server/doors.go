package server

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/rest"
	"github.com/signalbox-ai/signalbox/server/rest/apidoc"
	"github.com/signalbox-ai/signalbox/server/service"
	"github.com/signalbox-ai/signalbox/server/usage"
)

// What one connection may cost, at either door. Go's own defaults let a slow client
// hold megabytes.
const (
	maxStreams     = 250
	maxHeaderBytes = 64 << 10
	// headerSlack is how much net/http takes beyond what it is told.
	headerSlack     = 4 << 10
	streamWindow    = 256 << 10
	connWindow      = 1 << 20
	sendBuffer      = 64 << 10
	readHeaderTime  = 10 * time.Second
	bodyTime        = 30 * time.Second
	idleConnection  = 120 * time.Second
	minKeepalive    = 10 * time.Second
	pingAfter       = 60 * time.Second
	pingTime        = 20 * time.Second
	connectionAge   = 30 * time.Minute
	connectionGrace = 30 * time.Minute
)

// services are the proto services, for both doors.
func (s *Server) services(chain *call.Chain, policies call.Policies) []rest.Service {
	answering := service.NewResponses(s.responsesDeps(policies))
	s.background.Serve(answering, chain)
	return []rest.Service{
		{
			Desc: &chatv1.ChatService_ServiceDesc,
			Impl: service.NewChat(service.ChatDeps{
				Chatters: having[providers.Chatter](s.providers), Keepers: having[providers.CompletionKeeper](s.providers),
				Objects: s.objects, Meter: s.meter,
			}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return chatv1.RegisterChatServiceHandlerClient(ctx, mux, chatv1.NewChatServiceClient(conn))
			},
		},
		{
			Desc: &responsesv1.ResponsesService_ServiceDesc,
			Impl: answering,
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return responsesv1.RegisterResponsesServiceHandlerClient(ctx, mux, responsesv1.NewResponsesServiceClient(conn))
			},
		},
		{
			Desc: &conversationsv1.ConversationsService_ServiceDesc,
			Impl: service.NewConversations(service.ConversationsDeps{Keepers: having[providers.ConversationKeeper](s.providers), Objects: s.objects}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return conversationsv1.RegisterConversationsServiceHandlerClient(ctx, mux, conversationsv1.NewConversationsServiceClient(conn))
			},
		},
		{
			Desc: &embeddingsv1.EmbeddingsService_ServiceDesc,
			Impl: service.NewEmbeddings(service.EmbeddingsDeps{Embedders: having[providers.Embedder](s.providers), Meter: s.meter}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return embeddingsv1.RegisterEmbeddingsServiceHandlerClient(ctx, mux, embeddingsv1.NewEmbeddingsServiceClient(conn))
			},
		},
		{
			Desc: &modelsv1.ModelsService_ServiceDesc,
			Impl: service.NewModels(service.ModelsDeps{Catalog: s.catalog}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return modelsv1.RegisterModelsServiceHandlerClient(ctx, mux, modelsv1.NewModelsServiceClient(conn))
			},
		},
		{
			Desc: &planv1.PlanService_ServiceDesc,
			Impl: service.NewPlan(service.PlanDeps{Planner: s.planner, Policies: policies, Principal: s.auth.Principal}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return planv1.RegisterPlanServiceHandlerClient(ctx, mux, planv1.NewPlanServiceClient(conn))
			},
		},
		{
			Desc: &auditv1.AuditService_ServiceDesc,
			Impl: service.NewAudit(service.AuditDeps{Store: s.store}),
			Register: func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
				return auditv1.RegisterAuditServiceHandlerClient(ctx, mux, auditv1.NewAuditServiceClient(conn))
			},
		},
	}
}

// responsesDeps is what responses are made with. A provider without them has them over
// its chat completions.
func (s *Server) responsesDeps(policies call.Policies) service.ResponsesDeps {
	s.background = service.NewBackground(service.BackgroundDeps{
		Objects: s.objects, Enqueue: s.enqueue, Principal: s.auth.Principal, Policies: policies,
		Share: max(1, int(s.params.Config.Message.GetObjects().GetMaxBackground())/2),
	})
	deps := service.ResponsesDeps{
		Background:      s.background,
		Responders:      having[providers.Responder](s.providers),
		ResponseKeepers: having[providers.ResponseKeeper](s.providers),
		TokenCounters:   having[providers.TokenCounter](s.providers),
		Compactors:      having[providers.Compactor](s.providers),
		Objects:         s.objects,
		Meter:           s.meter,
		Limits:          s.limits,
	}
	for name, chatter := range having[providers.Chatter](s.providers) {
		emulator := responses.Over(chatter)
		if deps.Responders[name] == nil {
			deps.Responders[name] = emulator
		}
		if deps.Compactors[name] == nil {
			deps.Compactors[name] = emulator
		}
	}
	return deps
}

// having are the provider instances that have an ability, by name.
func having[A any](all []providers.Provider) map[string]A {
	able := map[string]A{}
	for _, provider := range all {
		if a, ok := provider.(A); ok {
			able[provider.Name()] = a
		}
	}
	return able
}

// meter tells a provider's usage apart into classes. One that cannot be read leaves it
// unknown.
func (s *Server) meter(x *providers.Exchange) *usagev1.TokenUsage {
	if x.Usage != nil {
		return usage.OfCompletion(x.Usage)
	}
	var counted *usagev1.TokenUsage
	var err error
	if _, ofResponse := wire.Member(x.UsageJSON, "input_tokens"); ofResponse {
		reported := &responsesv1.ResponseUsage{}
		err = codec.DecodeResponseUsage(x.UsageJSON, reported, wire.Limits{})
		counted = usage.OfResponse(reported)
	} else if _, ofCompletion := wire.Member(x.UsageJSON, "completion_tokens"); ofCompletion {
		reported := &chatv1.CompletionUsage{}
		err = codec.DecodeCompletionUsage(x.UsageJSON, reported, wire.Limits{})
		counted = usage.OfCompletion(reported)
	} else {
		reported := &embeddingsv1.EmbeddingUsage{}
		err = codec.DecodeEmbeddingUsage(x.UsageJSON, reported, wire.Limits{})
		counted = usage.OfEmbeddings(reported)
	}
	if err != nil {
		s.params.Log.Warn("a provider's usage cannot be read", "error", err)
		return nil
	}
	return counted
}

// listen opens both listeners.
func (s *Server) listen(ctx context.Context) (listeners, error) {
	cfg := s.params.Config.Message.GetServer()
	var lanes listeners
	var config net.ListenConfig
	var err error
	if lanes.http, err = config.Listen(ctx, "tcp", cfg.GetHttpAddr()); err != nil {
		return listeners{}, fmt.Errorf("listen for REST: %w; SIGNALBOX_HTTP_ADDR or --http-addr names another address", err)
	}
	if lanes.grpc, err = config.Listen(ctx, "tcp", cfg.GetGrpcAddr()); err != nil {
		_ = lanes.http.Close() // the first error is the one to tell
		return listeners{}, fmt.Errorf("listen for gRPC: %w; SIGNALBOX_GRPC_ADDR or --grpc-addr names another address", err)
	}
	lanes.http, lanes.grpc = narrow{lanes.http}, narrow{lanes.grpc}
	return lanes, nil
}

// narrow bounds what the kernel holds for a client that takes nothing; by itself it
// would take megabytes.
type narrow struct{ net.Listener }

// Accept implements net.Listener.
func (n narrow) Accept() (net.Conn, error) {
	conn, err := n.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetWriteBuffer(sendBuffer) // a connection that is gone says so soon enough
	}
	return conn, err //nolint:wrapcheck // servers ask it whether it is temporary
}

func (s *Server) newGRPC(chain *call.GRPC, services []rest.Service, healthServer *health.Server) *grpc.Server {
	cfg := s.params.Config.Message.GetServer()
	options := []grpc.ServerOption{
		experimental.BufferPool(s.buffers), // gRPC's own clears each before its use
		grpc.ForceServerCodecV2(protobuf{s.buffers}),
		grpc.StatsHandler(chain),
		grpc.StreamInterceptor(chain.Stream),
		grpc.UnknownServiceHandler(call.Unknown),
		grpc.MaxRecvMsgSize(int(cfg.GetMaxBodyBytes())),
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxHeaderListSize(maxHeaderBytes),
		grpc.StaticStreamWindowSize(streamWindow),
		grpc.StaticConnWindowSize(connWindow),
		grpc.ConnectionTimeout(readHeaderTime),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minKeepalive, PermitWithoutStream: true}),
		grpc.KeepaliveParams(keepalive.ServerParameters{
			MaxConnectionAge: connectionAge, MaxConnectionAgeGrace: connectionGrace, Time: pingAfter, Timeout: pingTime,
		}),
		grpc.WaitForHandlers(true),
	}
	if s.certs != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(s.certs.Config("h2"))))
	}
	server := grpc.NewServer(options...)
	for _, service := range services {
		server.RegisterService(call.Streams(service.Desc), service.Impl)
	}
	healthv1.RegisterHealthServer(server, healthServer)
	if cfg.GetReflection() {
		reflection.Register(server)
	}
	return server
}

func (s *Server) newHTTP(chain *call.Chain, policies call.Policies, services []rest.Service) (*http.Server, error) {
	cfg := s.params.Config.Message.GetServer()
	static := map[string]http.Handler{
		"/health":       http.HandlerFunc(s.ready.live),
		"/health/ready": http.HandlerFunc(s.ready.ready),
	}
	if s.params.Config.Message.GetTelemetry().GetMetrics() {
		static["/metrics"] = s.telemetry.MetricsHandler()
	}
	for path, handler := range apidoc.Routes() {
		static[path] = handler
	}
	var proxies []netip.Prefix
	for _, text := range cfg.GetTrustedProxies() {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy: %w", err)
		}
		proxies = append(proxies, prefix)
	}
	handler, err := rest.New(rest.Deps{
		Chain: chain, Policies: policies, Files: files(), Services: services, Static: static,
		Limits: s.limits, BodyTime: bodyTime, TrustedProxies: proxies, Log: s.params.Log, Buffers: s.buffers,
	})
	if err != nil {
		return nil, err
	}
	server := &http.Server{
		Handler:           s.parting(handler),
		ReadHeaderTimeout: readHeaderTime,
		IdleTimeout:       idleConnection,
		MaxHeaderBytes:    maxHeaderBytes - headerSlack,
		ErrorLog:          slog.NewLogLogger(s.params.Log.Handler(), slog.LevelDebug), // it tells of strangers' faults
		ConnContext:       rest.ConnContext,
		BaseContext:       func(net.Listener) context.Context { return s.calls },
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          maxStreams,
			MaxReceiveBufferPerConnection: connWindow,
			MaxReceiveBufferPerStream:     streamWindow,
			SendPingTimeout:               pingAfter,
			PingTimeout:                   pingTime,
		},
	}
	if s.certs != nil {
		server.TLSConfig = s.certs.Config("h2", "http/1.1")
	}
	return server, nil
}

// parting asks the clients of a stopping gateway to leave with their next reply. Had
// their connections been closed instead, a call that was just sent would be lost.
func (s *Server) parting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ready.stopping.Load() {
			w.Header().Set("Connection", "close") // HTTP/2: GOAWAY
		}
		next.ServeHTTP(w, r)
	})
}
