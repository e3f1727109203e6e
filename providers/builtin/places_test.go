package builtin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// TestPlaces shows where responses and embeddings go, and the model that they name:
// deployments have embeddings of their own, responses belong to none.
func TestPlaces(t *testing.T) {
	t.Parallel()
	mine := map[string]string{"m1": "mine"}
	for name, test := range map[string]struct {
		kind, base        string
		config            *configv1.Provider
		vectors, response string // empty: it has none
	}{
		"openai":             {"openai", "/v1", &configv1.Provider{}, `/v1/embeddings "m1"`, `/v1/responses "m1"`},
		"xai":                {"xai", "/v1", &configv1.Provider{}, "", `/v1/responses "m1"`},
		"azure":              {"azure", "", &configv1.Provider{Deployments: mine}, `/openai/v1/embeddings "mine"`, `/openai/v1/responses "mine"`},
		"azure, a version":   {"azure", "", &configv1.Provider{Deployments: mine, ApiVersion: "2025-04-01-preview"}, `/openai/deployments/mine/embeddings?api-version=2025-04-01-preview "mine"`, `/openai/responses?api-version=2025-04-01-preview "mine"`},
		"ollama":             {"ollama", "/v1", &configv1.Provider{}, `/api/embed "m1"`, ""},
		"ollama, below":      {"ollama", "/eu/v1/", &configv1.Provider{}, `/eu/api/embed "m1"`, ""},
		"ollama, no version": {"ollama", "/eu", &configv1.Provider{}, `/eu/api/embed "m1"`, ""},
		"mistral":            {"mistral", "/v1", &configv1.Provider{}, `/v1/embeddings "m1"`, ""},
		"vllm, native":       {"vllm", "/v1", &configv1.Provider{NativeResponses: new(true)}, `/v1/embeddings "m1"`, `/v1/responses "m1"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := make(chan string, 1)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				text, _ := io.ReadAll(r.Body)
				model, _ := wire.Member(string(text), "model")
				seen <- r.URL.RequestURI() + " " + model
				_, _ = io.WriteString(w, "{}")
			}))
			defer s.Close()
			test.config.BaseUrl = s.URL + test.base
			p := instance(t, typeOf(t, test.kind), test.config)
			embedder, embeds := p.(providers.Embedder)
			if embeds != (test.vectors != "") {
				t.Fatalf("embeds is %t", embeds)
			}
			if embeds {
				_, _ = embedder.Embed(t.Context(), embedded(t, `{"input":"a"}`, "m1")) // the answer is none
				if got := <-seen; got != test.vectors {
					t.Errorf("embeddings go to %s, want %s", got, test.vectors)
				}
			}
			responder, responds := p.(providers.Responder)
			if responds != (test.response != "") {
				t.Fatalf("responds is %t", responds)
			}
			if responds {
				_, _ = responder.CreateResponse(t.Context(), responded(t, `{"input":"a"}`, "m1")) // the answer is none
				if got := <-seen; got != test.response {
					t.Errorf("responses go to %s, want %s", got, test.response)
				}
			}
		})
	}
}
