package catalog_test

import (
	"bytes"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/catalog"
)

func route(name string, targets ...string) *configv1.Route {
	r := &configv1.Route{Name: name}
	for _, target := range targets {
		r.Targets = append(r.Targets, &configv1.RouteTarget{Model: target})
	}
	return r
}

func TestEverySnapshotHasTheRoutes(t *testing.T) {
	t.Parallel()
	a := &lister{name: "a"}
	a.tells("m")
	p := params("", &bytes.Buffer{}, []*configv1.Provider{provider("a")}, a)
	p.Routes = []*configv1.Route{route("slow", "m"), route("fast/one", "a/m")}
	c, err := catalog.New(p)
	if err != nil {
		t.Fatal(err)
	}
	check := func(s *catalog.Snapshot) {
		t.Helper()
		if r, ok := s.Route("fast/one"); !ok || r.GetTargets()[0].GetModel() != "a/m" {
			t.Errorf("route %v, %v", r, ok)
		}
		if _, ok := s.Route("m"); ok {
			t.Error("a model is a route")
		}
		if all := s.Routes(); len(all) != 2 || all[0].GetName() != "slow" {
			t.Errorf("routes %v", all)
		}
	}
	before := c.Snapshot()
	check(before)
	if !before.Empty() {
		t.Error("routes alone are models")
	}
	c.Refresh(t.Context())
	check(c.Snapshot())
	if _, ok := c.Snapshot().Find("a", "m"); !ok {
		t.Error("the list was not taken")
	}
}

func TestTwoRoutesOfOneNameAreRefused(t *testing.T) {
	t.Parallel()
	p := params("", &bytes.Buffer{}, nil)
	p.Routes = []*configv1.Route{route("r", "m"), route("r", "n")}
	if _, err := catalog.New(p); err == nil {
		t.Error("taken")
	}
}
