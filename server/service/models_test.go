package service_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/service"
)

// models is ModelsService over the models of three configured instances.
func models(t *testing.T, configs ...*configv1.Provider) (*service.Models, *catalog.Catalog) {
	t.Helper()
	return routed(t, nil, configs...)
}

// routed is ModelsService with routes.
func routed(t *testing.T, routes []*configv1.Route, configs ...*configv1.Provider) (*service.Models, *catalog.Catalog) {
	t.Helper()
	c, err := catalog.New(catalog.Params{
		Providers:       nil,
		ProviderConfigs: configs,
		Routes:          routes,
		Config:          &configv1.Catalog{RefreshInterval: durationpb.New(time.Hour)},
		Dir:             "",
		Metrics:         nil,
		Log:             slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return service.NewModels(service.ModelsDeps{Catalog: c}), c
}

func three() []*configv1.Provider {
	return []*configv1.Provider{
		{Name: "eu", Type: "openai", Models: []string{"gpt-4o", "text-embedding-3-small"}},
		{Name: "us", Type: "openai", Models: []string{"gpt-4o", "o3"}},
		{Name: "router", Type: "openrouter", Models: []string{"openai/gpt-4o", "eu/x"}},
	}
}

// as returns a context of a call of a principal.
func as(t *testing.T, p *call.Principal) context.Context {
	t.Helper()
	c := call.New(auditv1.Entrance_ENTRANCE_GRPC, "")
	c.Principal = p
	return call.With(t.Context(), c)
}

func shown(model *modelsv1.Model) string {
	return fmt.Sprint(model.GetId(), model.GetProviders())
}

func TestListModels(t *testing.T) {
	t.Parallel()
	server, _ := models(t, three()...)
	all := &call.Principal{All: true}
	for _, test := range []struct {
		name      string
		principal *call.Principal
		request   *modelsv1.ListModelsRequest
		want      []string
	}{
		{
			"everything, each once, by id", all, &modelsv1.ListModelsRequest{},
			[]string{"eu/x[router]", "gpt-4o[eu us]", "o3[us]", "openai/gpt-4o[router]", "text-embedding-3-small[eu]"},
		},
		{"one provider's", all, &modelsv1.ListModelsRequest{Provider: "us"}, []string{"gpt-4o[us]", "o3[us]"}},
		{"with an ability", all, &modelsv1.ListModelsRequest{Capability: modelsv1.Capability_CAPABILITY_CHAT}, []string{"gpt-4o[eu us]", "o3[us]"}},
		{
			"with an ability, of one provider", all,
			&modelsv1.ListModelsRequest{Provider: "eu", Capability: modelsv1.Capability_CAPABILITY_EMBEDDINGS}, []string{"text-embedding-3-small[eu]"},
		},
		{
			"only what the key may use", &call.Principal{AllowedModels: []string{"us/*", "text-*"}}, &modelsv1.ListModelsRequest{},
			[]string{"gpt-4o[us]", "o3[us]", "text-embedding-3-small[eu]"},
		},
		{"nothing that the key may use", &call.Principal{AllowedModels: []string{"x"}}, &modelsv1.ListModelsRequest{}, nil},
		{"nothing for nobody", nil, &modelsv1.ListModelsRequest{}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response, err := server.ListModels(as(t, test.principal), test.request)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, model := range response.GetData() {
				got = append(got, shown(model))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestListModels_OfAnUnknownProvider(t *testing.T) {
	t.Parallel()
	server, _ := models(t, three()...)
	_, err := server.ListModels(as(t, &call.Principal{All: true}), &modelsv1.ListModelsRequest{Provider: "openai"})
	if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND || failed.Param != "provider" {
		t.Errorf("error %v", err)
	}
}

func TestGetModel(t *testing.T) {
	t.Parallel()
	server, _ := models(t, three()...)
	all := &call.Principal{All: true}
	for _, test := range []struct {
		name      string
		principal *call.Principal
		model     string
		want      string // empty: not found
	}{
		{"by its name", all, "gpt-4o", "gpt-4o[eu us]"},
		{"of an instance", all, "us/gpt-4o", "us/gpt-4o[us]"},
		{"of a type, before a name with a slash", all, "openai/gpt-4o", "openai/gpt-4o[eu us]"},
		{"of a type that one of its instances has", all, "openai/o3", "openai/o3[us]"},
		{"a name with a slash", all, "eu/x", "eu/x[router]"},
		{"a name with a slash, of an instance", all, "router/openai/gpt-4o", "router/openai/gpt-4o[router]"},
		{"unknown", all, "gpt-9", ""},
		{"unknown at the instance", all, "eu/o3", ""},
		{"that the key may not use", &call.Principal{AllowedModels: []string{"o3"}}, "gpt-4o", ""},
		{"that the key may use at one instance", &call.Principal{AllowedModels: []string{"eu/gpt-4o"}}, "openai/gpt-4o", "openai/gpt-4o[eu]"},
		{"nobody's", nil, "gpt-4o", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response, err := server.GetModel(as(t, test.principal), &modelsv1.GetModelRequest{Model: test.model})
			if test.want == "" {
				if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND || failed.Param != "model" {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || shown(response.GetModel()) != test.want {
				t.Errorf("got %s, error %v", shown(response.GetModel()), err)
			}
		})
	}
}

func TestGetModel_WhenNothingIsKnownYet(t *testing.T) {
	t.Parallel()
	server, _ := models(t, &configv1.Provider{Name: "eu", Type: "openai"})
	_, err := server.GetModel(as(t, &call.Principal{All: true}), &modelsv1.GetModelRequest{Model: "gpt-4o"})
	if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_CATALOG_EMPTY {
		t.Errorf("error %v", err)
	}
}

func TestModelsAreTheCallersOwn(t *testing.T) {
	t.Parallel()
	server, c := models(t, three()...)
	ctx := as(t, &call.Principal{All: true})
	list, err := server.ListModels(ctx, &modelsv1.ListModelsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	one, err := server.GetModel(ctx, &modelsv1.GetModelRequest{Model: "o3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, model := range append(list.GetData(), one.GetModel()) {
		model.OwnedBy = "changed"
	}
	for _, model := range c.Snapshot().Models() {
		if model.GetOwnedBy() != "" {
			t.Errorf("the catalog's %s has changed", model.GetId())
		}
	}
}
