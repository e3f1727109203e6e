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
	endAPIKey     = "_API_KEY" // and "_API_KEY_<LABEL>"
	endBaseURL    = "_BASE_URL"
	endModels     = "_MODELS"
	endAPIVersion = "_API_VERSION"
)

// instance is a provider that variables name.
type instance struct {
	typ        *providers.Type
	name       string
	prefix     string // "OPENAI", "OPENAI_EU"
	apiKey     string
	keys       map[string]string // further ones, by label in upper case
	baseURL    string
	models     []string
	apiVersion string
}

// keyed says that it has a key.
func (i *instance) keyed() bool { return i.apiKey != "" || len(i.keys) > 0 }

// variable is one of the variables that name the instance.
func (i *instance) variable() string {
	switch {
	case i.apiKey != "":
		return i.prefix + endAPIKey
	case len(i.keys) > 0:
		return i.prefix + endAPIKey + "_" + sortedKeys(i.keys)[0]
	case i.baseURL != "":
		return i.prefix + endBaseURL
	case len(i.models) > 0:
		return i.prefix + endModels
	default:
		return i.prefix + endAPIVersion
	}
}

// instances finds the providers of the environment, in the order of their types,
// then by name.
func (l *loader) instances() []*instance {
	found := map[string]*instance{}
	for _, name := range sortedKeys(l.env) {
		value := strings.TrimSpace(l.env[name])
		prefix, end, label := cutVariable(name)
		typ := l.typeOfPrefix(prefix)
		if value == "" || typ == nil || l.strange(name, end, label, value, typ) {
			continue
		}
		one := found[prefix]
		if one == nil {
			one = &instance{typ: typ, name: instanceName(typ, prefix), prefix: prefix, keys: map[string]string{}}
			found[prefix] = one
		}
		one.set(end, label, value)
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

// cutVariable cuts a variable into what names the instance, its end, and behind the end
// the label of a key. An empty prefix: it is none of a provider.
func cutVariable(name string) (prefix, end, label string) {
	for _, end := range []string{endAPIKey, endBaseURL, endModels, endAPIVersion} {
		if prefix, ok := strings.CutSuffix(name, end); ok {
			return prefix, end, ""
		}
	}
	if prefix, label, ok := strings.Cut(name, endAPIKey+"_"); ok && label != "" {
		return prefix, endAPIKey, label
	}
	return "", "", ""
}

// strange says whether a variable means something else to another program, and warns of
// it.
func (l *loader) strange(name, end, label, value string, typ *providers.Type) bool {
	switch {
	case label == "FILE" || label == "PATH":
		l.warn("%s is not used: a key is not read from a file that a variable names.", name)
	case end == endModels && strings.HasPrefix(value, "/"):
		l.warn("%s is not used: it is a path, not a list of models.", name)
	case end == endAPIVersion && typ.Name != membersOfOne["api_version"]:
		l.warn("%s is not used: providers of the type %q have no api_version.", name, typ.Name)
	default:
		return false
	}
	return true
}

func (i *instance) set(end, label, value string) {
	switch end {
	case endAPIKey:
		if label != "" {
			i.keys[label] = value
			return
		}
		i.apiKey = value
	case endBaseURL:
		i.baseURL = value
	case endAPIVersion:
		i.apiVersion = value
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
