package service_test

import (
	"slices"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

// someRoutes lead to the models of three.
func someRoutes() []*configv1.Route {
	route := func(name string, targets ...string) *configv1.Route {
		r := &configv1.Route{Name: name}
		for _, target := range targets {
			r.Targets = append(r.Targets, &configv1.RouteTarget{Model: target})
		}
		return r
	}
	return []*configv1.Route{
		route("team/best", "router/openai/gpt-4o", "us/o3", "eu/gpt-4o"),
		route("any", "gpt-4o", "nowhere"),
		route("nowhere", "eu/gpt-9", "gpt-9"),
		route("o3", "us/o3"), // hides the model
		route("vectors", "text-embedding-3-small", "router/eu/x"),
		route("mixed", "o3x", "text-embedding-3-small", "us/o3"),
	}
}

func TestListModels_WithRoutes(t *testing.T) {
	t.Parallel()
	server, _ := routed(t, someRoutes(), three()...)
	all := &call.Principal{All: true}
	key := func(selectors ...string) *call.Principal { return &call.Principal{AllowedModels: selectors} }
	for _, test := range []struct {
		name      string
		principal *call.Principal
		request   *modelsv1.ListModelsRequest
		want      []string
	}{
		{
			"everything, by id", all, &modelsv1.ListModelsRequest{},
			[]string{
				"any[eu us]", "eu/x[router]", "gpt-4o[eu us]", "mixed[eu us]", "o3[us]", "openai/gpt-4o[router]", "team/best[router us eu]",
				"text-embedding-3-small[eu]", "vectors[eu router]",
			},
		},
		{
			"one provider's", all, &modelsv1.ListModelsRequest{Provider: "router"},
			[]string{"eu/x[router]", "openai/gpt-4o[router]", "team/best[router]", "vectors[router]"},
		},
		{
			"with an ability", all, &modelsv1.ListModelsRequest{Capability: modelsv1.Capability_CAPABILITY_CHAT},
			[]string{"any[eu us]", "gpt-4o[eu us]", "o3[us]", "team/best[router us eu]"},
		},
		{
			"with another one", all, &modelsv1.ListModelsRequest{Capability: modelsv1.Capability_CAPABILITY_EMBEDDINGS},
			[]string{"text-embedding-3-small[eu]", "vectors[eu router]"},
		},
		{"by a route's name", key("any"), &modelsv1.ListModelsRequest{}, []string{"any[eu us]"}},
		{"by the beginning of one, with a slash", key("*/team/*"), &modelsv1.ListModelsRequest{}, []string{"team/best[router us eu]"}},
		{"by its targets", key("us/*"), &modelsv1.ListModelsRequest{}, []string{"any[us]", "gpt-4o[us]", "o3[us]"}},
		{"not by some of its targets", key("router/*", "us/*"), &modelsv1.ListModelsRequest{}, []string{
			"any[us]", "eu/x[router]", "gpt-4o[us]", "o3[us]", "openai/gpt-4o[router]",
		}},
		{"a model of the name of a route", key("eu/o3"), &modelsv1.ListModelsRequest{}, nil},
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

func TestGetModel_OfARoute(t *testing.T) {
	t.Parallel()
	server, _ := routed(t, someRoutes(), three()...)
	for _, test := range []struct {
		name      string
		principal *call.Principal
		model     string
		want      string // empty: not found
	}{
		{"by its name", &call.Principal{All: true}, "team/best", "team/best[router us eu]"},
		{"of REST's pattern", &call.Principal{All: true}, "any/", "any[eu us]"},
		{"before a model", &call.Principal{AllowedModels: []string{"o3"}}, "o3", "o3[us]"},
		{"the model that it hides", &call.Principal{All: true}, "us/o3", "us/o3[us]"},
		{"without a known target", &call.Principal{All: true}, "nowhere", ""},
		{"that the key may not use", &call.Principal{AllowedModels: []string{"eu/*"}}, "team/best", ""},
		{"nobody's", nil, "any", ""},
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

func TestARoutesEntry(t *testing.T) {
	t.Parallel()
	card := func(abilities ...modelsv1.Capability) *configv1.ModelCard {
		return &configv1.ModelCard{Capabilities: abilities}
	}
	const chat, tools, images = modelsv1.Capability_CAPABILITY_CHAT, modelsv1.Capability_CAPABILITY_TOOLS, modelsv1.Capability_CAPABILITY_IMAGE_INPUT
	first := catalog.Model{Provider: "a", Card: card(chat, tools, images), Stale: true}
	for _, test := range []struct {
		name   string
		models []catalog.Model
		want   []modelsv1.Capability
		stale  bool
	}{
		{"one", []catalog.Model{first}, []modelsv1.Capability{chat, tools, images}, true},
		{"what all have", []catalog.Model{first, {Provider: "b", Card: card(images, chat)}}, []modelsv1.Capability{chat, images}, false},
		{"an unknown one", []catalog.Model{{Provider: "b"}, first, {Provider: "a", Card: card(), Stale: true}}, []modelsv1.Capability{chat, tools, images}, false},
		{"nothing in common", []catalog.Model{first, {Provider: "a", Card: card(modelsv1.Capability_CAPABILITY_EMBEDDINGS), Stale: true}, first}, nil, true},
		{"nothing known", []catalog.Model{{Provider: "a", Stale: true}}, nil, true},
	} {
		entry := catalog.MergeRoute("r", test.models)
		if entry.GetId() != "r" || entry.GetOwnedBy() != "signalbox" || !slices.Equal(entry.GetCapabilities(), test.want) || entry.GetStale() != test.stale {
			t.Errorf("%s: %v", test.name, entry)
		}
	}
	if len(first.Card.GetCapabilities()) != 3 {
		t.Error("a card has changed")
	}
}
