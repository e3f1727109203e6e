package catalog

import (
	"fmt"
	"slices"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

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
