package builtin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// TestSites shows where calls go, what they bear, and the model that they name.
func TestSites(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind   string
		base   string // behind the host
		config *configv1.Provider
		model  string
		want   string // path, query, then the body's model
		header map[string]string
	}{
		"azure, the resource":        {"azure", "", &configv1.Provider{}, "gpt-4o", "/openai/v1/chat/completions gpt-4o", map[string]string{"Api-Key": "key-1", "Authorization": ""}},
		"azure, its API":             {"azure", "/openai/v1/", &configv1.Provider{}, "gpt-4o", "/openai/v1/chat/completions gpt-4o", nil},
		"azure, behind a gateway":    {"azure", "/eu/openai", &configv1.Provider{}, "gpt-4o", "/eu/openai/v1/chat/completions gpt-4o", nil},
		"azure, a deployment":        {"azure", "", &configv1.Provider{Deployments: map[string]string{"gpt-4o": "mine"}}, "gpt-4o", "/openai/v1/chat/completions mine", nil},
		"azure, another model":       {"azure", "", &configv1.Provider{Deployments: map[string]string{"gpt-4o": "mine"}}, "o3", "/openai/v1/chat/completions o3", nil},
		"azure, a version":           {"azure", "", &configv1.Provider{ApiVersion: "2024-10-21"}, "gpt-4o", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21 gpt-4o", map[string]string{"Api-Key": "key-1"}},
		"azure, a version, its API":  {"azure", "/openai/v1", &configv1.Provider{ApiVersion: "2024-10-21"}, "gpt-4o", "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21 gpt-4o", nil},
		"azure, both":                {"azure", "/", &configv1.Provider{ApiVersion: "2025-04-01-preview", Deployments: map[string]string{"gpt-4o": "my one"}}, "gpt-4o", "/openai/deployments/my%20one/chat/completions?api-version=2025-04-01-preview my one", nil},
		"azure, a model with slash":  {"azure", "", &configv1.Provider{ApiVersion: "2024-10-21"}, "a/../b", "/openai/deployments/a%2F..%2Fb/chat/completions?api-version=2024-10-21 a/../b", nil},
		"azure, a version like code": {"azure", "", &configv1.Provider{ApiVersion: "a&b=c"}, "gpt-4o", "/openai/deployments/gpt-4o/chat/completions?api-version=a%26b%3Dc gpt-4o", nil},
		"openrouter":                 {"openrouter", "/api/v1", &configv1.Provider{}, "a/b", "/api/v1/chat/completions a/b", map[string]string{"Authorization": "Bearer key-1", "Http-Referer": "", "X-Title": ""}},
		"openrouter, for a site":     {"openrouter", "/api/v1", &configv1.Provider{SiteUrl: "https://a.example", SiteName: "A"}, "a/b", "/api/v1/chat/completions a/b", map[string]string{"Http-Referer": "https://a.example", "X-Title": "A"}},
		"another, for a site":        {"groq", "/openai/v1", &configv1.Provider{SiteUrl: "https://a.example", ApiVersion: "1"}, "a/b", "/openai/v1/chat/completions a/b", map[string]string{"Http-Referer": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got, body string
			var header http.Header
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, _ := io.ReadAll(r.Body)
				got, header, body = r.URL.RequestURI(), r.Header, string(text)
				_, _ = io.WriteString(w, `{"choices":[{"message":{"content":"hi"}}]}`)
			}))
			defer s.Close()
			test.config.BaseUrl = s.URL + test.base
			p := instance(t, typeOf(t, test.kind), test.config)
			c := asked(false)
			c.Target = &planv1.Target{Model: test.model}
			m, err := p.ChatCompletion(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			model, _ := wire.Member(body, "model")
			if got += " " + strings.Trim(model, `"`); got != test.want {
				t.Errorf("went to %s, want %s", got, test.want)
			}
			for name, want := range test.header {
				if header.Get(name) != want {
					t.Errorf("%s is %q, want %q", name, header.Get(name), want)
				}
			}
			if m.GetModel() != test.model || c.Exchange.Attempts[0].Model != test.model {
				t.Errorf("model %q, recorded as %q", m.GetModel(), c.Exchange.Attempts[0].Model)
			}
		})
	}
}

// A version of Azure's API is sent what it knows.
func TestVersionsOfAzure(t *testing.T) {
	t.Parallel()
	given := `{"model":"m1",` + hi + `,"reasoning_effort":"low","parallel_tool_calls":false,"verbosity":"low","moderation":{"model":"m"},"user":"u","tools":[{"type":"function","function":{"name":"f"}}]}`
	for version, lost := range map[string]string{
		"":                   "",
		"preview":            "",
		"2023-05-15":         "moderation D, parallel_tool_calls D, reasoning_effort D, tools D, verbosity D",
		"2024-06-01":         "moderation D, parallel_tool_calls D, reasoning_effort D, verbosity D",
		"2024-10-21":         "moderation D, reasoning_effort D, verbosity D",
		"2025-04-01-preview": "moderation D, verbosity D",
	} {
		up := listen(t)
		p := instance(t, typeOf(t, "azure"), &configv1.Provider{BaseUrl: up.url, ApiVersion: version})
		params := parse(t, given)
		if got := told(p, params, &planv1.Target{Model: "m1"}); got != lost {
			t.Errorf("%q: lost %s, want %s", version, got, lost)
		}
		body, err := sent(t.Context(), p, up, params, &planv1.Target{Model: "m1"})
		if err != nil || strings.Contains(body, "verbosity") != (version == "" || version == "preview") {
			t.Errorf("%q: %v, sent %s", version, err, body)
		}
	}
}

// An old version is not asked for a stream's usage, which it would refuse.
func TestUsageOfOldVersions(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"": true, "2024-06-01": false, "2024-10-21": true} {
		up := listen(t)
		p := instance(t, typeOf(t, "azure"), &configv1.Provider{BaseUrl: up.url, ApiVersion: version})
		c := asked(false)
		c.Params = &chatv1.ChatCompletionParams{MessagesJson: `[]`}
		_, _ = streamed(t.Context(), p, c) // the answer is no stream
		if body := up.take(); strings.Contains(body, "stream_options") != want {
			t.Errorf("%q: sent %s", version, body)
		}
	}
}

// TestModels shows the lists of models that are not as OpenAI's.
func TestModels(t *testing.T) {
	t.Parallel()
	for kind, test := range map[string]struct{ reply, want string }{
		"ollama":            {`{"object":"list","data":null}`, ""},
		"vllm":              {`{"object":"list","data":[{"id":"a","object":"model","created":5,"owned_by":"vllm","root":"a","max_model_len":7,"permission":[]}]}`, "a"},
		"openai_compatible": {`{"data":[{"id":"a"},{"id":"b","created":1.5}]}`, "a b"},
		"openrouter":        {`{"data":[{"id":"a/b","canonical_slug":"a/b-1","created":5,"pricing":{"prompt":"0.1"}}]}`, "a/b"},
		"azure":             {`{"data":[{"id":"never asked"}]}`, "gpt-4o o3"},
	} {
		config := &configv1.Provider{BaseUrl: answering(t, "application/json", test.reply)}
		if kind == "azure" {
			config.Deployments = map[string]string{"o3": "mine", "gpt-4o": "other"}
		}
		list, err := instance(t, typeOf(t, kind), config).(providers.Lister).ListModels(t.Context())
		var ids []string
		for _, m := range list {
			ids = append(ids, m.GetId())
		}
		if got := strings.Join(ids, " "); err != nil || got != test.want {
			t.Errorf("%s: %q, %v", kind, got, err)
		}
	}
}

// Two types have no base URL of their own, and say so.
func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"azure", "openai_compatible"} {
		kind := typeOf(t, name)
		_, err := kind.New(providers.Params{Config: &configv1.Provider{Name: name}, APIKey: "key-1", Version: "1", Upstream: new(configv1.Upstream)})
		if e := failure.As(err); e == nil || e.Param != "base_url" || kind.BaseURL != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, want := range map[string]string{"groq": "https://api.groq.com/openai/v1", "xai": "https://api.x.ai/v1", "openrouter": "https://openrouter.ai/api/v1",
		"deepseek": "https://api.deepseek.com", "mistral": "https://api.mistral.ai/v1", "vllm": "http://localhost:8000/v1", "ollama": "http://localhost:11434/v1"} {
		if kind := typeOf(t, name); kind.BaseURL != want || kind.Keyless != strings.Contains(want, "localhost") {
			t.Errorf("%s is at %s, keyless %t", name, kind.BaseURL, kind.Keyless)
		}
	}
}
