package config

import (
	"fmt"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// settleRoutes checks the routes and sets their defaults. The providers are settled.
func (l *loader) settleRoutes(message *configv1.Config) {
	first := map[string]string{} // what may stand before a slash only for a provider
	for _, provider := range message.GetProviders() {
		first[provider.GetType()] = "the type of a provider"
	}
	for _, provider := range message.GetProviders() {
		first[provider.GetName()] = "a provider"
	}
	routes := map[string]bool{}
	for i, route := range message.GetRoutes() {
		member, name := fmt.Sprintf("routes[%d].name", i), route.GetName()
		head, _, qualified := strings.Cut(name, "/")
		switch {
		case routes[name]:
			l.fail(member, "another route is named %q", name)
		case qualified && first[head] != "":
			l.fail(member, "%q before the slash is %s, so that the name would stand for one of its models", head, first[head])
		case strings.HasSuffix(name, "/") || strings.Contains(name, "//"):
			l.fail(member, "has nothing before or behind a slash")
		}
		routes[name] = true
	}
	for i, route := range message.GetRoutes() {
		l.settleRoute(fmt.Sprintf("routes[%d]", i), route, routes)
		fill(route, routeDefaults())
	}
}

// settleRoute checks the targets of one route. routes has the names of all.
func (l *loader) settleRoute(member string, route *configv1.Route, routes map[string]bool) {
	weights := int32(0)
	for i, target := range route.GetTargets() {
		at := fmt.Sprintf("%s.targets[%d]", member, i)
		target.Model = strings.TrimSpace(target.GetModel())
		switch {
		case target.GetModel() == "":
			l.fail(at+".model", "is empty")
		case routes[target.GetModel()]:
			l.fail(at+".model", "%q is a route; a target is a model, such as \"provider/model\"", target.GetModel())
		}
		when := target.GetWhen()
		if when.GetMaxInputBytes() < when.GetMinInputBytes() && when.MaxInputBytes != nil {
			l.fail(at+".when.max_input_bytes", "is less than min_input_bytes, so that it never holds")
		}
		fill(target, targetDefaults())
		weights += target.GetWeight()
	}
	if route.GetStrategy() == configv1.RouteStrategy_ROUTE_STRATEGY_WEIGHTED && weights == 0 {
		l.fail(l.nearest(member, "strategy", "targets"), "no target has a weight, so that none can be chosen")
	}
}
