package config_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

// TestKeysOfAProvider shows where the further keys of the provider "openai" come from.
func TestKeysOfAProvider(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		own     string
		want    []string // "label secret weight"
	}{
		{"none", "", []string{"OPENAI_API_KEY=k"}, "k", nil},
		{
			"of the file", "providers: [{name: openai, api_key: k, keys: [{label: b, api_key: kb}, {label: A.c, api_key: kc, weight: 9}]}]", nil, "k",
			[]string{"b kb 1", "A.c kc 9"},
		},
		{"of the file alone", "providers: [{name: openai, keys: [{label: b, api_key: \"${KB}\"}]}]", []string{"KB=kb"}, "", []string{"b kb 1"}},
		{"of variables", "", []string{"OPENAI_API_KEY=k", "OPENAI_API_KEY_Z=kz", "OPENAI_API_KEY_EU_B= kb ", "OPENAI_API_KEY_NONE="}, "k", []string{"eu_b kb 1", "z kz 1"}},
		{
			"of both", "providers: [{name: openai, keys: [{label: eu-b, weight: 3}, {label: c, api_key: kc}]}]", []string{"OPENAI_API_KEY_EU_B=kb", "OPENAI_API_KEY_C=over", "OPENAI_API_KEY_D=kd"}, "",
			[]string{"eu-b kb 3", "c over 1", "d kd 1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := loaded(t, test.file, append(test.environ, "SIGNALBOX_MASTER_KEY=0123456789abcdef")...)
			provider := c.Message.GetProviders()[0]
			var got []string
			for _, key := range provider.GetKeys() {
				got = append(got, fmt.Sprint(key.GetLabel(), " ", c.ProviderKeys["openai"][key.GetLabel()].Reveal(), " ", key.GetWeight()))
				if key.GetApiKey() != "" {
					t.Errorf("a secret stands in the message: %v", key)
				}
			}
			if !slices.Equal(got, test.want) || len(c.ProviderKeys["openai"]) != len(test.want) || c.APIKeys["openai"].Reveal() != test.own {
				t.Errorf("own key %q, further ones %q; want %q, %q", c.APIKeys["openai"].Reveal(), got, test.own, test.want)
			}
			wantWarnings(t, c)
		})
	}
}

func TestWhatAzureAndOpenRouterHave(t *testing.T) {
	t.Parallel()
	c := loaded(t, `
providers:
  - name: azure-eu
    type: azure
    base_url: https://x.openai.azure.com
    api_version: of-the-file
    deployments: {gpt-4o: "${NAME}", "meta/llama.3": b}
  - {name: openrouter, api_key: k, site_url: "https://example.com/x", site_name: My site, native_responses: true}
`, "NAME=mine", "AZURE_EU_API_KEY=k", "AZURE_EU_API_VERSION=2024-10-21", "SIGNALBOX_MASTER_KEY=0123456789abcdef")
	azure, router := c.Message.GetProviders()[0], c.Message.GetProviders()[1]
	if azure.GetApiVersion() != "2024-10-21" || len(azure.GetDeployments()) != 2 || azure.GetDeployments()["gpt-4o"] != "mine" || azure.GetDeployments()["meta/llama.3"] != "b" {
		t.Errorf("azure %v", azure)
	}
	if router.GetSiteUrl() != "https://example.com/x" || router.GetSiteName() != "My site" || !router.GetNativeResponses() || azure.NativeResponses != nil {
		t.Errorf("router %v", router)
	}
	wantWarnings(t, c)
}

func TestRoutesAreSettled(t *testing.T) {
	t.Parallel()
	c := loaded(t, `
routes:
  - name: gpt-4o
    targets: [{model: " openai/gpt-4o "}, {model: other, weight: 0}]
  - {name: team/fast, strategy: ROUTE_STRATEGY_WEIGHTED, first_token_timeout: 2s, hold: 0s, targets: [{model: a, weight: 3, when: {stream: false}}]}
  - {name: openai, targets: [{model: a}]}
`, "OPENAI_API_KEY=k", "SIGNALBOX_MASTER_KEY=0123456789abcdef")
	first, second := c.Message.GetRoutes()[0], c.Message.GetRoutes()[1]
	if first.GetStrategy() != configv1.RouteStrategy_ROUTE_STRATEGY_ORDERED || first.GetTargets()[0].GetModel() != "openai/gpt-4o" ||
		first.GetTargets()[0].GetWeight() != 1 || first.GetTargets()[1].GetWeight() != 0 || first.TotalTimeout != nil || first.MaxAttempts != nil {
		t.Errorf("route %v", first)
	}
	if second.GetStrategy() != configv1.RouteStrategy_ROUTE_STRATEGY_WEIGHTED || second.GetTargets()[0].GetWeight() != 3 || second.GetTargets()[0].GetWhen().Stream == nil {
		t.Errorf("route %v", second)
	}
	wantWarnings(t, c)
}

func TestKeysForIDs(t *testing.T) {
	t.Parallel()
	a, b, c := strings.Repeat("a", 32), strings.Repeat("b", 32), strings.Repeat("c", 32)
	file := "objects: {id_keys: [" + a + ", " + b + "]}"
	for _, test := range []struct {
		file    string
		environ []string
		want    []string
	}{
		{"", nil, nil},
		{file, nil, []string{a, b}},
		{"", []string{"SIGNALBOX_ID_KEY=" + c}, []string{c}},
		{file, []string{"SIGNALBOX_ID_KEY=" + c}, []string{c}},
	} {
		loaded := loaded(t, test.file, test.environ...)
		var got []string
		for _, key := range loaded.IDKeys {
			got = append(got, key.Reveal())
		}
		if !slices.Equal(got, test.want) || len(loaded.Message.GetObjects().GetIdKeys()) != 0 {
			t.Errorf("%q, %q: %q in the configuration, %q in its message", test.file, test.environ, got, loaded.Message.GetObjects().GetIdKeys())
		}
	}
}
