package config

import (
	"fmt"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// settleKeys lifts all keys of a provider out of the message and checks them. needed
// says that it must have one.
func (l *loader) settleKeys(config *Config, member string, provider *configv1.Provider, needed bool) {
	key := strings.TrimSpace(provider.GetApiKey())
	provider.ApiKey = ""
	switch {
	case key == "" && needed && len(provider.GetKeys()) == 0:
		l.fail(l.nearest(member, "api_key", ""), "%q has no API key; %s", provider.GetName(), advice(provider, "api_key", endAPIKey))
	case !visible(key):
		l.fail(member+".api_key", "must be visible ASCII characters; a header carries no others")
	case key != "":
		config.APIKeys[provider.GetName()] = NewSecret(key)
	}
	secrets := map[string]Secret{}
	for i, further := range provider.GetKeys() {
		at := fmt.Sprintf("%s.keys[%d]", member, i)
		text, label := strings.TrimSpace(further.GetApiKey()), further.GetLabel()
		further.ApiKey = ""
		_, taken := secrets[label]
		switch {
		case taken:
			l.fail(at+".label", "another key of %q has the label %q", provider.GetName(), label)
		case label == provider.GetName():
			l.fail(at+".label", "%q is the provider's own name, which is the label of its api_key", label)
		case text == "":
			l.fail(l.nearest(at, "api_key", "label"), "the key %q has no secret; %s", label, advice(provider, "api_key", endAPIKey+"_"+labelVariable(label)))
		case !visible(text):
			l.fail(at+".api_key", "must be visible ASCII characters; a header carries no others")
		}
		secrets[label] = NewSecret(text)
		fill(further, keyDefaults())
	}
	if len(secrets) > 0 {
		config.ProviderKeys[provider.GetName()] = secrets
	}
}

// addKeys brings the further keys of variables into a provider: as the secret of the
// key of this label, else as one more.
func (l *loader) addKeys(member string, provider *configv1.Provider, found *instance) {
	for _, label := range sortedKeys(found.keys) {
		at := 0
		for at < len(provider.GetKeys()) && labelVariable(provider.GetKeys()[at].GetLabel()) != label {
			at++
		}
		if at == len(provider.GetKeys()) {
			provider.Keys = append(provider.Keys, &configv1.ProviderKey{Label: strings.ToLower(label)})
			l.from[fmt.Sprintf("%s.keys[%d].label", member, at)] = found.prefix + endAPIKey + "_" + label
		}
		provider.Keys[at].ApiKey = found.keys[label]
		l.from[fmt.Sprintf("%s.keys[%d].api_key", member, at)] = found.prefix + endAPIKey + "_" + label
	}
}

// labelVariable is the end of a variable that has the key of a label: "EU_WEST" of
// "eu-west".
func labelVariable(label string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(label))
}
