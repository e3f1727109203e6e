package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// demoType is the type of the demonstration provider, which serves when no other
// one is configured.
const demoType = "demo"

// settleProviders merges the providers of file and environment, adds the
// demonstration provider where it belongs, and checks them all.
func (l *loader) settleProviders(config *Config) {
	message := config.Message
	seen := map[string]bool{}
	for i, provider := range message.GetProviders() {
		provider.Type = cmp.Or(provider.GetType(), provider.GetName())
		if seen[provider.GetName()] {
			l.fail(fmt.Sprintf("providers[%d].name", i), "another provider is named %q", provider.GetName())
		}
		seen[provider.GetName()] = true
	}
	for _, found := range l.instances() {
		l.merge(message, found)
	}
	l.settleDemo(message)
	for i, provider := range message.GetProviders() {
		l.settleProvider(config, fmt.Sprintf("providers[%d]", i), provider)
	}
}

// merge brings a provider of the environment into the list: its variables win over
// the members of one of the same name.
func (l *loader) merge(message *configv1.Config, found *instance) {
	at := slices.IndexFunc(message.GetProviders(), func(p *configv1.Provider) bool { return p.GetName() == found.name })
	if at < 0 {
		if !found.keyed() && !found.typ.Keyless {
			l.warn("%s is set but %s is not, so there is no provider %q.", found.variable(), found.prefix+"_API_KEY", found.name)
			return
		}
		at = len(message.GetProviders())
		message.Providers = append(message.Providers, &configv1.Provider{Name: found.name, Type: found.typ.Name})
	}
	provider := message.GetProviders()[at]
	if provider.GetType() != found.typ.Name {
		l.warn("%s is not used: the provider %q of the file is of the type %q.", found.variable(), found.name, provider.GetType())
		return
	}
	member := fmt.Sprintf("providers[%d]", at)
	if found.apiKey != "" {
		provider.ApiKey = found.apiKey
		l.from[member+".api_key"] = found.prefix + endAPIKey
	}
	if found.baseURL != "" {
		provider.BaseUrl = found.baseURL
		l.from[member+".base_url"] = found.prefix + endBaseURL
	}
	if len(found.models) > 0 {
		provider.Models = found.models
	}
	if found.apiVersion != "" {
		provider.ApiVersion = found.apiVersion
		l.from[member+".api_version"] = found.prefix + endAPIVersion
	}
	l.addKeys(member, provider, found)
}

// settleDemo decides whether the demonstration provider serves.
func (l *loader) settleDemo(message *configv1.Config) {
	isDemo := func(p *configv1.Provider) bool { return p.GetType() == demoType }
	at := slices.IndexFunc(message.GetProviders(), isDemo)
	if message.Demo == nil {
		message.Demo = new(at >= 0 || len(message.GetProviders()) == 0 && l.typeOf(demoType) != nil)
	}
	switch {
	case !message.GetDemo() && at >= 0:
		l.fail(fmt.Sprintf("providers[%d]", at), "is a demonstration, and `demo` is false")
	case message.GetDemo() && at < 0:
		if slices.ContainsFunc(message.GetProviders(), func(p *configv1.Provider) bool { return p.GetName() == demoType }) {
			l.fail("demo", "another provider is named %q", demoType)
			return
		}
		message.Providers = append(message.Providers, &configv1.Provider{Name: demoType, Type: demoType})
	}
	switch {
	case len(message.GetProviders()) == 0:
		l.warn("No provider is configured, so no model can be served. Set OPENAI_API_KEY, or SIGNALBOX_DEMO=true.")
	case !slices.ContainsFunc(message.GetProviders(), func(p *configv1.Provider) bool { return !isDemo(p) }):
		l.warn("Only the demonstration provider serves: its replies are echoes. Set OPENAI_API_KEY to serve models.")
	}
}

// settleProvider checks one provider, sets its defaults and lifts its keys out of
// the message.
func (l *loader) settleProvider(config *Config, member string, provider *configv1.Provider) {
	typ := l.typeOf(provider.GetType())
	l.settleKeys(config, member, provider, typ != nil && !typ.Keyless)
	if typ == nil {
		l.fail(l.nearest(member, "type", "name"), "there is no type %q of providers; there are %s", provider.GetType(), l.typeNames())
		return
	}
	if provider.GetBaseUrl() == "" {
		provider.BaseUrl = typ.BaseURL
	}
	if provider.GetBaseUrl() == "" && typ.Name != demoType {
		l.fail(l.nearest(member, "base_url", ""), "%q has no base URL; %s", provider.GetName(), advice(provider, "base_url", endBaseURL))
	}
	secure := false
	if provider.GetBaseUrl() != "" {
		secure = l.settleURL(member+".base_url", provider)
	}
	models := provider.GetModels()
	provider.Models = nil
	for i, model := range models {
		model = strings.TrimSpace(model)
		if model == "" {
			l.fail(fmt.Sprintf("%s.models[%d]", member, i), "is empty")
		}
		if !slices.Contains(provider.Models, model) {
			provider.Models = append(provider.Models, model)
		}
	}
	l.settleOwn(member, provider)
	fill(provider, providerDefaults(secure))
}

// membersOfOne are the members that providers of one type alone have, with the type.
var membersOfOne = map[string]string{
	"api_version": "azure",
	"deployments": "azure",
	"site_url":    "openrouter",
	"site_name":   "openrouter",
}

// settleOwn checks the members that providers of one type alone have.
func (l *loader) settleOwn(member string, provider *configv1.Provider) {
	fields := provider.ProtoReflect().Descriptor().Fields()
	for _, name := range sortedKeys(membersOfOne) {
		if typ := membersOfOne[name]; typ != provider.GetType() && provider.ProtoReflect().Has(fields.ByName(protoreflect.Name(name))) {
			l.fail(member+"."+name, "providers of the type %q have none, those of %q do", provider.GetType(), typ)
		}
	}
	if !visible(provider.GetApiVersion()) {
		l.fail(member+".api_version", "must be visible ASCII characters")
	}
	for _, model := range sortedKeys(provider.GetDeployments()) {
		if model == "" || provider.GetDeployments()[model] == "" {
			l.fail(fmt.Sprintf("%s.deployments[%q]", member, model), "names nothing")
		}
	}
	if site := provider.GetSiteUrl(); site != "" {
		if u, err := url.Parse(site); err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || !visible(site) {
			l.fail(member+".site_url", `must be a URL such as "https://example.com", without a user`)
		}
	}
	if !visible(strings.ReplaceAll(provider.GetSiteName(), " ", "")) {
		l.fail(member+".site_name", "must be visible ASCII characters and spaces; a header carries no others")
	}
}

// settleURL checks a base URL and says whether it is https. The URL itself is not
// told: it may hold what should not be there.
func (l *loader) settleURL(member string, provider *configv1.Provider) bool {
	text := strings.TrimSpace(provider.GetBaseUrl())
	u, err := providers.CheckBaseURL(text, provider.GetAllowHttp())
	if err != nil {
		l.fail(member, "%v", err)
		return false
	}
	provider.BaseUrl = strings.TrimRight(text, "/")
	return u.Scheme == "https"
}

// nearest is the path of the first of two members that the file has, else of the
// whole.
func (l *loader) nearest(member string, fields ...string) string {
	for _, field := range fields {
		if _, ok := l.where[member+"."+field]; ok {
			return member + "." + field
		}
	}
	return member
}

func (l *loader) typeOf(name string) *providers.Type {
	for i := range l.source.Types {
		if l.source.Types[i].Name == name {
			return &l.source.Types[i]
		}
	}
	return nil
}

func (l *loader) typeNames() string {
	list := make([]string, 0, len(l.source.Types))
	for _, typ := range l.source.Types {
		list = append(list, fmt.Sprintf("%q", typ.Name))
	}
	return strings.Join(list, ", ")
}
