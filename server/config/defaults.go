package config

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// defaults is what holds where nothing else is said. Listeners, reflection,
// drain_lag, demo and log_format depend on the rest of the configuration; see
// settleServer, settleProviders and settleRest. Providers, routes and keys are lists;
// see providerDefaults and the others below it, and settleAuth.
func defaults() *configv1.Config {
	return &configv1.Config{
		Server: &configv1.Server{
			Insecure:           new(false),
			MaxBodyBytes:       new(int64(128 << 20)),
			MaxJsonDepth:       new(int32(100)),
			DrainTimeout:       durationpb.New(30 * time.Second),
			MaxConcurrentCalls: new(int32(10_000)),
		},
		Storage: &configv1.Storage{DataDir: "./data"},
		Auth:    &configv1.Auth{},
		Catalog: &configv1.Catalog{RefreshInterval: durationpb.New(time.Hour)},
		Audit: &configv1.Audit{
			ShowHeaders:   []string{"content-type", "content-length", "accept", "user-agent", "x-request-id"},
			MaxBodyBytes:  new(int64(1 << 20)),
			Retention:     durationpb.New(720 * time.Hour),
			Fsync:         configv1.Fsync_FSYNC_INTERVAL,
			MaxSpoolBytes: new(int64(1 << 30)),
			OnFull:        configv1.OnFull_ON_FULL_SHED,
		},
		Upstream: &configv1.Upstream{
			MaxAttempts:           new(int32(3)),
			MaxBackoff:            durationpb.New(8 * time.Second),
			ConnectTimeout:        durationpb.New(10 * time.Second),
			HeaderTimeout:         durationpb.New(600 * time.Second),
			FirstEventTimeout:     durationpb.New(120 * time.Second),
			IdleTimeout:           durationpb.New(120 * time.Second),
			MaxEventBytes:         new(int64(64 << 20)),
			RetryBudgetPercent:    new(int32(10)),
			BreakerFailurePercent: new(int32(50)),
			BreakerRest:           durationpb.New(10 * time.Second),
		},
		Telemetry: &configv1.Telemetry{
			LogLevel:     "info",
			Metrics:      new(true),
			TracePercent: new(int32(100)),
		},
		Objects: &configv1.Objects{
			Retention:             durationpb.New(720 * time.Hour),
			ConversationRetention: durationpb.New(720 * time.Hour),
			MaxBytes:              new(int64(32 << 20)),
			MaxOwnerBytes:         new(int64(10 << 30)),
			MaxBackground:         new(int32(64)),
		},
	}
}

// providerDefaults is what holds for a provider where nothing else is said; its
// type and base URL are settled.
func providerDefaults(secure bool) *configv1.Provider {
	version := configv1.HttpVersion_HTTP_VERSION_1
	if secure {
		version = configv1.HttpVersion_HTTP_VERSION_2
	}
	return &configv1.Provider{
		Discover:    new(true),
		HttpVersion: version,
		StreamUsage: new(true),
	}
}

// keyDefaults is what holds for a further key of a provider.
func keyDefaults() *configv1.ProviderKey { return &configv1.ProviderKey{Weight: new(int32(1))} }

// routeDefaults is what holds for a route.
func routeDefaults() *configv1.Route {
	return &configv1.Route{Strategy: configv1.RouteStrategy_ROUTE_STRATEGY_ORDERED}
}

// targetDefaults is what holds for a target of a route.
func targetDefaults() *configv1.RouteTarget { return &configv1.RouteTarget{Weight: new(int32(1))} }

// fill sets the members of target that are not set to those of source.
func fill(target, source proto.Message) {
	fillMessage(target.ProtoReflect(), source.ProtoReflect())
}

func fillMessage(target, source protoreflect.Message) {
	source.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case !target.Has(field):
			target.Set(field, value)
		case field.Message() != nil && !field.IsList() && field.Message().ParentFile().Package() != "google.protobuf":
			fillMessage(target.Mutable(field).Message(), value.Message())
		}
		return true
	})
}
