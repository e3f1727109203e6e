package auth

import (
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/server/call"
)

// anyProvider stands for every provider in a qualified selector.
const anyProvider = "*"

// Allows says whether a principal may use a model, named as its provider names it,
// at a provider instance. A selector without a slash names a model at any
// provider.
func Allows(p *call.Principal, provider, model string) bool {
	if p.All || len(p.AllowedModels) == 0 {
		return true
	}
	for _, selector := range p.AllowedModels {
		instance, pattern, qualified := strings.Cut(selector, "/")
		if !qualified {
			instance, pattern = anyProvider, selector
		}
		if (instance == anyProvider || instance == provider) && matches(pattern, model) {
			return true
		}
	}
	return false
}

// AllowsRoute says whether a principal may use a route by its name, and so all its
// targets. Who may not may still use it as far as Allows lets its targets be used. A
// selector that names a provider names no route.
func AllowsRoute(p *call.Principal, route string) bool {
	if p.All || len(p.AllowedModels) == 0 {
		return true
	}
	for _, selector := range p.AllowedModels {
		instance, pattern, qualified := strings.Cut(selector, "/")
		if !qualified {
			instance, pattern = anyProvider, selector
		}
		if instance == anyProvider && matches(pattern, route) {
			return true
		}
	}
	return false
}

// matches says whether a name fits a pattern, whose "*" at the end stands for
// anything.
func matches(pattern, name string) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(name, prefix)
	}
	return pattern == name
}

// qualify gives every selector that has a slash its provider, by the rule of
// selectors in calls: the name of an instance comes first, then a type, which
// stands for all its instances; else the slash belongs to the model's name. So
// "openai/*" never allows a model "openai/gpt-4o" of another provider.
func qualify(selectors []string, configured []*configv1.Provider) []string {
	var list []string
	for _, selector := range selectors {
		first, rest, qualified := strings.Cut(selector, "/")
		if !qualified {
			list = append(list, selector)
			continue
		}
		instances := instancesOf(first, configured)
		if len(instances) == 0 {
			list = append(list, anyProvider+"/"+selector)
			continue
		}
		for _, instance := range instances {
			list = append(list, instance+"/"+rest)
		}
	}
	return list
}

// instancesOf returns the instance of a name, else the instances of a type.
func instancesOf(name string, configured []*configv1.Provider) []string {
	var instances []string
	for _, provider := range configured {
		if provider.GetName() == name {
			return []string{name}
		}
		if provider.GetType() == name {
			instances = append(instances, provider.GetName())
		}
	}
	return instances
}
