// Package server is the assembly: which rooms there are, in which order a call
// passes them, and how they start and stop. Everything it names is made here, once,
// and handed to those who need it.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"buf.build/go/protovalidate"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/audit"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/buffers"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/certs"
	"github.com/signalbox-ai/signalbox/server/config"
	"github.com/signalbox-ai/signalbox/server/jobs"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/plan"
	"github.com/signalbox-ai/signalbox/server/service"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// Params is what a server is made from. Extra, Spoil and Hurry may be zero; all else is
// required.
type Params struct {
	// Config is the configuration.
	Config *config.Config
	// Types are the kinds of providers that there are.
	Types []providers.Type
	// Log takes what operators read.
	Log *slog.Logger
	// Version is the gateway's version.
	Version string
	// Extra are further steps, innermost of the chain. Tests use them.
	Extra []call.Step
	// Spoil is buffers.Pool.Spoil. Tests set it.
	Spoil bool
	// Hurry has work in the background begin, and begin anew, within a second or two.
	// Tests set it.
	Hurry bool
}

// Server is an assembled gateway. Run serves; Close, after it, lets everything go.
type Server struct {
	params     Params
	limits     wire.Limits
	buffers    *buffers.Pool
	providers  []providers.Provider
	catalog    *catalog.Catalog
	store      *sqldb.DB
	objects    *objects.Keeper
	jobs       *jobs.Jobs
	jobsHandle sqldb.Handle
	ids        *objectid.Sealer
	keyring    *objectid.Keyring // nil: its key is known
	background *service.Background
	audit      *audit.Log
	auth       *auth.Auth
	planner    *plan.Planner
	telemetry  *telemetry.Telemetry
	certs      *certs.Files // nil: plain text
	gate       *gate
	ready      *readiness
	extra      []call.Step

	// calls ends when the calls that still run must; its cause tells them why.
	calls    context.Context //nolint:containedctx // of the whole server
	endCalls context.CancelCauseFunc

	grpc  *grpc.Server
	http  *http.Server
	lanes listeners
}

// listeners are the two doors.
type listeners struct{ http, grpc net.Listener }

// New assembles a gateway and opens its listeners and its store. It makes no call
// to the network. On an error nothing stays open.
func New(ctx context.Context, params Params) (_ *Server, err error) {
	s := &Server{params: params, extra: params.Extra, buffers: &buffers.Pool{Spoil: params.Spoil}, gate: newGate(params.Config.Message.GetServer().GetMaxConcurrentCalls())}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close(ctx))
		}
	}()
	server := params.Config.Message.GetServer()
	s.limits = wire.Limits{MaxDepth: int(server.GetMaxJsonDepth()), MaxBytes: server.GetMaxBodyBytes()}
	for _, open := range []func(context.Context) error{
		s.openTelemetry, s.openCerts, s.openProviders, s.openCatalog, s.openAuth, s.openAudit, s.openObjects, s.openPlanner, s.openDoors,
	} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Server) openTelemetry(context.Context) (err error) {
	s.telemetry, err = telemetry.New(telemetry.Params{
		Config:    s.params.Config.Message.GetTelemetry(),
		Log:       s.params.Log,
		Version:   s.params.Version,
		Providers: s.params.Config.Message.GetProviders(),
	})
	return err
}

// openCerts loads the certificates of both listeners, if there are any.
func (s *Server) openCerts(context.Context) (err error) {
	cfg := s.params.Config.Message.GetServer().GetTls()
	if cfg == nil {
		return nil
	}
	if s.certs, err = certs.Load(cfg, s.params.Log); err != nil {
		return fmt.Errorf("load certificates: %w", err)
	}
	return nil
}

func (s *Server) openProviders(context.Context) error {
	for _, cfg := range s.params.Config.Message.GetProviders() {
		typ, err := typeOf(s.params.Types, cfg.GetType())
		if err != nil {
			return fmt.Errorf("open provider %s: %w", cfg.GetName(), err)
		}
		further := map[string]string{}
		for label, secret := range s.params.Config.ProviderKeys[cfg.GetName()] {
			further[label] = secret.Reveal()
		}
		provider, err := typ.New(providers.Params{
			Config:   cfg,
			APIKey:   s.params.Config.APIKeys[cfg.GetName()].Reveal(),
			Keys:     further,
			Upstream: s.params.Config.Message.GetUpstream(),
			Version:  s.params.Version,
		})
		if err != nil {
			return fmt.Errorf("open provider %s: %w", cfg.GetName(), err)
		}
		s.providers = append(s.providers, provider)
	}
	return nil
}

func typeOf(types []providers.Type, name string) (providers.Type, error) {
	for _, typ := range types {
		if typ.Name == name {
			return typ, nil
		}
	}
	return providers.Type{}, fmt.Errorf("there is no provider type %q", name)
}

func (s *Server) openCatalog(context.Context) (err error) {
	params := s.catalogParams()
	params.Metrics = s.telemetry.Catalog()
	s.catalog, err = catalog.New(params)
	return err
}

// catalogParams is what a catalog is made from that nobody counts.
func (s *Server) catalogParams() catalog.Params {
	return catalog.Params{
		Providers:       s.providers,
		ProviderConfigs: s.params.Config.Message.GetProviders(),
		Routes:          s.params.Config.Message.GetRoutes(),
		Config:          s.params.Config.Message.GetCatalog(),
		Dir:             filepath.Join(s.params.Config.Message.GetStorage().GetDataDir(), "models"),
		ReadOnly:        false,
		Log:             s.params.Log,
		Metrics:         nil,
	}
}

func (s *Server) openAuth(context.Context) (err error) {
	s.auth, err = auth.New(auth.Params{
		MasterKey: s.params.Config.MasterKey,
		Keys:      s.params.Config.Message.GetAuth().GetKeys(),
		Providers: s.params.Config.Message.GetProviders(),
		Now:       time.Now,
	})
	return err
}

func (s *Server) openPlanner(context.Context) error {
	instances := map[string]plan.Instance{}
	var order []string
	for i, provider := range s.providers {
		instance, err := s.instance(provider, s.params.Config.Message.GetProviders()[i])
		if err != nil {
			return err
		}
		instances[provider.Name()] = instance
		order = append(order, provider.Name())
	}
	s.planner = plan.New(plan.Params{
		Catalog:      s.catalog,
		Instances:    instances,
		Order:        order,
		Objects:      s.objects,
		Upstream:     s.params.Config.Message.GetUpstream(),
		ConfigDigest: s.params.Config.Digest,
	})
	return nil
}

// instance is what a plan must know of a provider.
func (s *Server) instance(provider providers.Provider, cfg *configv1.Provider) (plan.Instance, error) {
	typ, err := typeOf(s.params.Types, provider.Type())
	if err != nil {
		return plan.Instance{}, err
	}
	return plan.Instance{
		Type:               provider.Type(),
		Chats:              is[providers.Chatter](provider),
		Responds:           is[providers.Responder](provider),
		Counts:             is[providers.TokenCounter](provider),
		Compacts:           is[providers.Compactor](provider),
		Embeds:             is[providers.Embedder](provider),
		KeepsResponses:     is[providers.ResponseKeeper](provider),
		KeepsConversations: is[providers.ConversationKeeper](provider),
		KeepsCompletions:   is[providers.CompletionKeeper](provider),
		SameDialect:        typ.Dialect == providers.DialectOpenAI,
		StreamUsage:        cfg.GetStreamUsage(),
		Losses:             losses(provider),
	}, nil
}

// is says whether a provider has an ability.
func is[A any](provider providers.Provider) bool {
	_, ok := provider.(A)
	return ok
}

// losses tells what a provider loses of a request, and what is lost before it where the
// gateway does in its stead what is asked.
func losses(provider providers.Provider) func(proto.Message, *planv1.Target) []*commonv1.Loss {
	lossy, _ := provider.(providers.Lossy)
	return func(request proto.Message, target *planv1.Target) []*commonv1.Loss {
		params, ofResponse := request.(*responsesv1.ResponseParams)
		switch {
		case ofResponse && target.GetEmulated():
			return responses.Losses(params, target, lossy)
		case lossy == nil:
			return nil
		case target.GetEmulated(): // the gateway keeps the completion with its labels
			return slices.DeleteFunc(lossy.Losses(request, target), func(l *commonv1.Loss) bool {
				return l.GetField() == "store" || l.GetField() == "metadata"
			})
		default:
			return lossy.Losses(request, target)
		}
	}
}

// files describe the services that are served.
func files() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		chatv1.File_signalbox_chat_v1_chat_service_proto,
		responsesv1.File_signalbox_responses_v1_responses_service_proto,
		conversationsv1.File_signalbox_conversations_v1_conversations_service_proto,
		embeddingsv1.File_signalbox_embeddings_v1_embeddings_service_proto,
		modelsv1.File_signalbox_models_v1_models_service_proto,
		planv1.File_signalbox_plan_v1_plan_service_proto,
		auditv1.File_signalbox_audit_v1_audit_service_proto,
	}
}

// openDoors makes the chain, the services behind it, and the two listeners before
// it.
func (s *Server) openDoors(ctx context.Context) error {
	policies, err := call.ReadPolicies(files()...)
	if err != nil {
		return err
	}
	validator, err := protovalidate.New()
	if err != nil {
		return fmt.Errorf("compile validation rules: %w", err)
	}
	chain := &call.Chain{Steps: s.steps(validator), Code: coder(s.params.Log), Log: s.params.Log}
	healthServer := health.NewServer()
	s.ready = &readiness{catalog: s.catalog, grpc: healthServer}
	s.ready.update() // the health server begins with SERVING
	s.calls, s.endCalls = context.WithCancelCause(context.Background())
	services := s.services(chain, policies)
	if s.lanes, err = s.listen(ctx); err != nil {
		return err
	}
	s.grpc = s.newGRPC(&call.GRPC{Chain: chain, Policies: policies, Ending: s.calls}, services, healthServer)
	s.http, err = s.newHTTP(chain, policies, services)
	return err
}

// HTTPAddr is the address of the REST listener, "127.0.0.1:8080".
func (s *Server) HTTPAddr() string { return s.lanes.http.Addr().String() }

// GRPCAddr is the address of the gRPC listener.
func (s *Server) GRPCAddr() string { return s.lanes.grpc.Addr().String() }

// Close lets go what New opened. Run has returned.
func (s *Server) Close(ctx context.Context) error {
	var errs []error
	for _, lane := range []net.Listener{s.lanes.http, s.lanes.grpc} {
		if lane != nil {
			if err := lane.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				errs = append(errs, err)
			}
		}
	}
	for _, provider := range s.providers {
		errs = append(errs, provider.Close())
	}
	if s.audit != nil {
		errs = append(errs, s.audit.Close())
	}
	errs = append(errs, s.jobsHandle.Close())
	if s.store != nil {
		errs = append(errs, s.store.Close())
	}
	if s.telemetry != nil {
		errs = append(errs, s.telemetry.Close(ctx))
	}
	return errors.Join(errs...)
}
