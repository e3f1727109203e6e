package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/config"
	"github.com/signalbox-ai/signalbox/server/service"
)

// Question is what Explain answers.
type Question struct {
	// Model is the selector.
	Model string
	// Provider is the provider instance that the call would name. May be empty.
	Provider string
	// Key is the public name of the key to plan for. Empty: the master key.
	Key string
	// Stream says that the streaming RPC is meant.
	Stream bool
}

// Explain returns the plan of a chat completion as JSON, by the same planner that
// serves, without listening, without a record and without writing to the data folder. The models are those that the
// providers last told; they are asked first, as long as the context allows.
func Explain(ctx context.Context, cfg *config.Config, types []providers.Type, q Question) (_ []byte, err error) {
	s := &Server{params: Params{Config: cfg, Types: types, Log: slog.New(slog.DiscardHandler), Version: "explain", Extra: nil, Spoil: false, Hurry: false}, gate: newGate(1)}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	for _, open := range []func(context.Context) error{s.openProviders, s.readCatalog, s.openAuth, s.openPlanner} {
		if err := open(ctx); err != nil {
			return nil, err
		}
	}
	s.catalog.Refresh(ctx)
	policies, err := call.ReadPolicies(files()...)
	if err != nil {
		return nil, err
	}
	plans := service.NewPlan(service.PlanDeps{Planner: s.planner, Policies: policies, Principal: s.auth.Principal})
	caller := &call.Call{Principal: &call.Principal{Name: auth.Master, All: true}}
	response, err := plans.Explain(call.With(ctx, caller), &planv1.ExplainRequest{
		Call:    &planv1.ExplainRequest_ChatCompletion{ChatCompletion: &chatv1.ChatCompletionParams{Model: q.Model, MessagesJson: "[]"}},
		Options: &commonv1.CallOptions{Provider: q.Provider},
		Stream:  q.Stream,
		KeyId:   q.Key,
	})
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	return codec.Append(nil, response.GetPlan(), wire.Reply)
}

// readCatalog is openCatalog for who only looks: the kept lists stay as they are.
func (s *Server) readCatalog(context.Context) (err error) {
	params := s.catalogParams()
	params.ReadOnly = true
	s.catalog, err = catalog.New(params)
	return err
}
