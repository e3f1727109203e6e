package catalog

import (
	"fmt"
	"slices"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

// gateway is who owns routes.
const gateway = "signalbox"

// routes are the names that stand for models. They do not change while the catalog
// lives, so that all snapshots share them.
type routes struct {
	all    []*configv1.Route
	byName map[string]*configv1.Route
}

func newRoutes(configured []*configv1.Route) (*routes, error) {
	r := &routes{all: slices.Clone(configured), byName: make(map[string]*configv1.Route, len(configured))}
	for _, route := range configured {
		if _, taken := r.byName[route.GetName()]; taken {
			return nil, fmt.Errorf("catalog: two routes are named %q", route.GetName())
		}
		r.byName[route.GetName()] = route
	}
	return r, nil
}

// Route returns the route of a name. It hides a model of the same name. Read-only.
func (s *Snapshot) Route(name string) (*configv1.Route, bool) {
	route, ok := s.routes.byName[name]
	return route, ok
}

// Routes returns all routes, in the order of the configuration. Read-only.
func (s *Snapshot) Routes() []*configv1.Route { return s.routes.all }

// MergeRoute is the entry of a route that stands for these models, in the order of its
// targets: with the providers of all, and the abilities that all have of which any is
// known. It is stale when all of them are.
func MergeRoute(name string, models []Model) *modelsv1.Model {
	merged := &modelsv1.Model{Id: name, OwnedBy: gateway, Stale: true}
	known := false
	for _, model := range models {
		if !slices.Contains(merged.Providers, model.Provider) {
			merged.Providers = append(merged.Providers, model.Provider)
		}
		merged.Stale = merged.GetStale() && model.Stale
		abilities := model.Card.GetCapabilities()
		switch {
		case len(abilities) == 0:
		case !known:
			merged.Capabilities, known = slices.Clone(abilities), true
		default:
			merged.Capabilities = slices.DeleteFunc(merged.Capabilities, func(ability modelsv1.Capability) bool {
				return !slices.Contains(abilities, ability)
			})
		}
	}
	return merged
}
