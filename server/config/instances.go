package config

import (
	"cmp"
	"slices"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// The ends of a provider's variables.
const (
	endAPIKey  = "_API_KEY"
	endBaseURL = "_BASE_URL"
	endModels  = "_MODELS"
)

// instance is a provider that variables name.
type instance struct {
	typ     *providers.Type
	name    string
	prefix  string // "OPENAI", "OPENAI_EU"
	apiKey  string
	baseURL string
	models  []string
}

// variable is one of the variables that name the instance.
func (i *instance) variable() string {
	switch {
	case i.apiKey != "":
		return i.prefix + endAPIKey
	case i.baseURL != "":
		return i.prefix + endBaseURL
	default:
		return i.prefix + endModels
	}
}

// instances finds the providers of the environment, in the order of their types,
// then by name.
func (l *loader) instances() []*instance {
	found := map[string]*instance{}
	for name, value := range l.env {
		value = strings.TrimSpace(value)
		if value == "" {
			continue
		}
		for _, end := range []string{endAPIKey, endBaseURL, endModels} {
			prefix, ok := strings.CutSuffix(name, end)
			if !ok {
				continue
			}
			if typ := l.typeOfPrefix(prefix); typ != nil {
				one := found[prefix]
				if one == nil {
					one = &instance{typ: typ, name: instanceName(typ, prefix), prefix: prefix}
					found[prefix] = one
				}
				one.set(end, value)
			}
		}
	}
	list := make([]*instance, 0, len(found))
	for _, prefix := range sortedKeys(found) {
		list = append(list, found[prefix])
	}
	slices.SortStableFunc(list, func(a, b *instance) int {
		return cmp.Compare(l.typeIndex(a.typ), l.typeIndex(b.typ))
	})
	return list
}

func (i *instance) set(end, value string) {
	switch end {
	case endAPIKey:
		i.apiKey = value
	case endBaseURL:
		i.baseURL = value
	case endModels:
		for model := range strings.SplitSeq(value, ",") {
			if model = strings.TrimSpace(model); model != "" {
				i.models = append(i.models, model)
			}
		}
	}
}

// typeOfPrefix returns the type whose name begins a variable; of several, the
// longest. The demonstration provider has no variables of this kind.
func (l *loader) typeOfPrefix(prefix string) *providers.Type {
	var best *providers.Type
	for i := range l.source.Types {
		typ := &l.source.Types[i]
		upper := upperName(typ.Name)
		fits := prefix == upper || strings.HasPrefix(prefix, upper+"_") && !strings.HasSuffix(prefix, "_")
		if fits && typ.Name != demoType && (best == nil || len(typ.Name) > len(best.Name)) {
			best = typ
		}
	}
	return best
}

func (l *loader) typeIndex(typ *providers.Type) int {
	return slices.IndexFunc(l.source.Types, func(t providers.Type) bool { return t.Name == typ.Name })
}

// instanceName is "openai" of OPENAI, and "openai-eu-west" of OPENAI_EU_WEST.
func instanceName(typ *providers.Type, prefix string) string {
	suffix := strings.TrimPrefix(prefix, upperName(typ.Name))
	return typ.Name + strings.ToLower(strings.ReplaceAll(suffix, "_", "-"))
}

// advice says how a member of a provider may be set.
func advice(provider *configv1.Provider, member, end string) string {
	if name, typ := provider.GetName(), provider.GetType(); name != typ && !strings.HasPrefix(name, typ+"-") {
		return "set " + member
	}
	return "set " + member + ", or the variable " + upperName(provider.GetName()) + end
}

func upperName(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
