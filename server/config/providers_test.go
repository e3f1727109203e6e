package config_test

import (
	"fmt"
	"slices"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
)

func TestProvidersOfTheEnvironment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		file     string
		environ  []string
		want     []string // "name type url models"
		warnings []string
	}{
		{
			"a key alone", "", []string{"OPENAI_API_KEY=k"},
			[]string{"openai openai https://api.openai.com/v1 []"}, nil,
		},
		{
			"a second instance", "", []string{"OPENAI_EU_WEST_API_KEY=k", "OPENAI_EU_WEST_BASE_URL=https://eu/v1", "OPENAI_EU_WEST_MODELS=a, b,,a", "OPENAI_API_KEY=k"},
			[]string{"openai openai https://api.openai.com/v1 []", "openai-eu-west openai https://eu/v1 [a b]"}, nil,
		},
		{
			"the longest type", "", []string{"OPENAI_LIKE_API_KEY=k", "OPENAI_LIKE_BASE_URL=https://a", "OPENAI_LIKE_B_API_KEY=k", "OPENAI_LIKE_B_BASE_URL=https://b"},
			[]string{"openai-like openai-like https://a []", "openai-like-b openai-like https://b []"}, nil,
		},
		{
			"a keyless one by its address", "", []string{"OLLAMA_BASE_URL=http://localhost:1/v1"},
			[]string{"ollama ollama http://localhost:1/v1 []"}, nil,
		},
		{
			"in the order of the types", "", []string{"OLLAMA_MODELS=x", "OPENAI_B_API_KEY=k", "OPENAI_A_API_KEY=k"},
			[]string{"openai-a openai https://api.openai.com/v1 []", "openai-b openai https://api.openai.com/v1 []", "ollama ollama http://localhost:11434/v1 [x]"}, nil,
		},
		{
			"behind those of the file", "providers: [{name: ollama}, {name: second, type: openai, api_key: k, models: [m]}]", []string{"OPENAI_API_KEY=k"},
			[]string{"ollama ollama http://localhost:11434/v1 []", "second openai https://api.openai.com/v1 [m]", "openai openai https://api.openai.com/v1 []"}, nil,
		},
		{
			"joined with one of the same name", "providers: [{name: openai-eu, type: openai, base_url: \"https://eu/v1\", models: [m]}]", []string{"OPENAI_EU_API_KEY=k", "OPENAI_EU_MODELS=n"},
			[]string{"openai-eu openai https://eu/v1 [n]"}, nil,
		},
		{
			"never handed to one of another type", "providers: [{name: openai, type: ollama}]", []string{"OPENAI_API_KEY=k"},
			[]string{"openai ollama http://localhost:11434/v1 []"}, []string{`OPENAI_API_KEY is not used: the provider "openai" of the file is of the type "ollama"`},
		},
		{
			"an address without a key", "", []string{"OPENAI_BASE_URL=https://x", "OLLAMA_MODELS=m"},
			[]string{"ollama ollama http://localhost:11434/v1 [m]"}, []string{`OPENAI_BASE_URL is set but OPENAI_API_KEY is not, so there is no provider "openai"`},
		},
		{
			"the longest type, with another spelling", "", []string{"OPENAI_COMPATIBLE_API_KEY=k", "OPENAI_COMPATIBLE_BASE_URL=https://a", "OPENAI_COMPATIBLE_EU_BASE_URL=https://b"},
			[]string{"openai_compatible openai_compatible https://a []", "openai_compatible-eu openai_compatible https://b []"}, nil,
		},
		{
			"a version", "", []string{"AZURE_API_KEY=k", "AZURE_BASE_URL=https://a", "AZURE_API_VERSION=2024-10-21", "AZURE_EU_API_VERSION=x", "OPENAI_API_VERSION=y", "OPENAI_API_KEY=k"},
			[]string{"openai openai https://api.openai.com/v1 []", "azure azure https://a []"},
			[]string{`OPENAI_API_VERSION is not used: providers of the type "openai" have no api_version`, `AZURE_EU_API_VERSION is set but AZURE_EU_API_KEY is not`},
		},
		{
			"a further key alone", "", []string{"OPENAI_API_KEY_B=k", "OPENAI_EU_API_KEY_B=k"},
			[]string{"openai openai https://api.openai.com/v1 []", "openai-eu openai https://api.openai.com/v1 []"}, nil,
		},
		{
			"a further key of one of another type", "providers: [{name: openai, type: ollama}]", []string{"OPENAI_API_KEY_B=k"},
			[]string{"openai ollama http://localhost:11434/v1 []"}, []string{`OPENAI_API_KEY_B is not used: the provider "openai" of the file is of the type "ollama"`},
		},
		{
			"variables of other programs", "", []string{"OPENAI_API_KEY_PATH=/x", "OPENAI_API_KEY_FILE=/x", "OLLAMA_MODELS=/usr/share/models", "OLLAMA_BASE_URL=http://localhost:1", "OPENAI_API_KEY_=k"},
			[]string{"ollama ollama http://localhost:1 []"},
			[]string{"OPENAI_API_KEY_PATH is not used", "OPENAI_API_KEY_FILE is not used", "OLLAMA_MODELS is not used: it is a path"},
		},
		{
			"other variables of these names", "demo: true", []string{"OPENAI_API_KEY=", "OPENAI__API_KEY=k", "OPENAI_ORG_ID=x", "MY_OPENAI_API_KEY=k", "OPENAIX_API_KEY=k", "DEMO_MODELS=x"},
			[]string{"demo demo  []"}, []string{"Only the demonstration provider serves"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := loaded(t, test.file, append(test.environ, "SIGNALBOX_MASTER_KEY=0123456789abcdef")...)
			var got []string
			for _, p := range c.Message.GetProviders() {
				got = append(got, fmt.Sprintf("%s %s %s %v", p.GetName(), p.GetType(), p.GetBaseUrl(), p.GetModels()))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
			wantWarnings(t, c, test.warnings...)
		})
	}
}

func TestTheDemonstrationServesWhenNothingElseDoes_OrWhenAskedFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ []string
		want    []string
	}{
		{nil, []string{"demo"}},
		{[]string{"SIGNALBOX_DEMO=false"}, nil},
		{[]string{"OPENAI_API_KEY=k"}, []string{"openai"}},
		{[]string{"OPENAI_API_KEY=k", "SIGNALBOX_DEMO=true"}, []string{"openai", "demo"}},
		{[]string{"OPENAI_API_KEY=k", "SIGNALBOX_DEMO=false"}, []string{"openai"}},
		{[]string{"OPENAI_BASE_URL=https://x"}, []string{"demo"}},
	} {
		c := loaded(t, "", test.environ...)
		if got := providerNames(c); !slices.Equal(got, test.want) || c.Message.GetDemo() != slices.Contains(test.want, "demo") {
			t.Errorf("%q: %v, demo %v", test.environ, got, c.Message.GetDemo())
		}
	}
	wantWarnings(t, loaded(t, "demo: false"), "No provider is configured", "only this machine is served")
	if c := loaded(t, "providers: [{name: d, type: demo}]"); !c.Message.GetDemo() || len(c.Message.GetProviders()) != 1 {
		t.Errorf("providers %v", c.Message.GetProviders())
	}
}

func TestTheTransportFollowsTheBaseURL(t *testing.T) {
	t.Parallel()
	c := loaded(t, "providers: [{name: ollama}, {name: b, type: ollama, http_version: HTTP_VERSION_2}]", "OPENAI_API_KEY=k")
	var got []configv1.HttpVersion
	for _, p := range c.Message.GetProviders() {
		got = append(got, p.GetHttpVersion())
	}
	want := []configv1.HttpVersion{configv1.HttpVersion_HTTP_VERSION_1, configv1.HttpVersion_HTTP_VERSION_2, configv1.HttpVersion_HTTP_VERSION_2}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWithoutAnyKeyOnlyThisMachineIsServed(t *testing.T) {
	t.Parallel()
	key := "SIGNALBOX_MASTER_KEY=0123456789abcdef"
	for _, test := range []struct {
		environ    []string
		http, grpc string
		reflection bool
		lag        string
	}{
		{nil, "127.0.0.1:8080", "127.0.0.1:9090", true, "0s"},
		{[]string{key}, ":8080", ":9090", false, "5s"},
		{[]string{"SIGNALBOX_INSECURE=true"}, ":8080", ":9090", false, "5s"},
		{[]string{"SIGNALBOX_HTTP_ADDR=:1", "SIGNALBOX_GRPC_ADDR=0.0.0.0:2"}, "127.0.0.1:1", "127.0.0.1:2", true, "0s"},
		{[]string{"SIGNALBOX_HTTP_ADDR=[::]:1", "SIGNALBOX_GRPC_ADDR=localhost:2"}, "[::1]:1", "localhost:2", true, "0s"},
		{[]string{"SIGNALBOX_HTTP_ADDR=127.0.0.1:0", "SIGNALBOX_GRPC_ADDR=127.0.0.1:0"}, "127.0.0.1:0", "127.0.0.1:0", true, "0s"},
		{[]string{key, "SIGNALBOX_HTTP_ADDR=10.0.0.1:1", "SIGNALBOX_GRPC_ADDR=127.0.0.1:2"}, "10.0.0.1:1", "127.0.0.1:2", true, "5s"},
	} {
		server := loaded(t, "", test.environ...).Message.GetServer()
		if server.GetHttpAddr() != test.http || server.GetGrpcAddr() != test.grpc ||
			server.GetReflection() != test.reflection || server.GetDrainLag().AsDuration().String() != test.lag {
			t.Errorf("%q: %v", test.environ, server)
		}
	}
	wantWarnings(t, loaded(t, "demo: true", "SIGNALBOX_INSECURE=true"), "Only the demonstration", "the addresses :8080 and :9090 are open")
	if got := loaded(t, "server: {drain_lag: 1s, reflection: false, trusted_proxies: [10.1.2.3/8]}").Message.GetServer(); got.GetDrainLag().AsDuration().String() != "1s" ||
		got.GetReflection() || got.GetTrustedProxies()[0] != "10.0.0.0/8" {
		t.Errorf("server %v", got)
	}
}
