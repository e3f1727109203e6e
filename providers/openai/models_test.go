package openai_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

func TestListModels(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t, func(p *providertest.Params) { p.Models = []string{"m1", "org/m2"} })
	models, err := provider(t, openai.Type, up.URL()).ListModels(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(models) != 2 || models[0].GetId() != "m1" || models[1].GetId() != "org/m2" || models[0].GetOwnedBy() == "" {
		t.Errorf("got %v", models)
	}
	r := up.Requests()[0]
	if r.Method != http.MethodGet || r.Path != "/v1/models" || r.Credential != key || len(r.Body) != 0 ||
		r.Header.Get("Content-Type") != "" || r.Header.Get("Content-Length") != "" {
		t.Errorf("got %s %s %v", r.Method, r.Path, r.Header)
	}
}

func TestListThatIsNone(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]commonv1.ErrorReason{
		"nonsense":                     commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		`[]`:                           commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		`{"data":[{"id":`:              commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		`{"error":{"message":"no"}}`:   commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED,
		"":                             commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY,
		`{"object":"list","data":[]} `: commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED,
	} {
		_, err := provider(t, openai.Type, answering(t, "application/json", body)).ListModels(t.Context())
		got := commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
		if e := failure.As(err); e != nil {
			got = e.Reason
		}
		if got != want {
			t.Errorf("%q: got %v, want %v", body, err, want)
		}
	}
}

func TestDefaultURL(t *testing.T) {
	t.Parallel()
	p, err := openai.Type.New(providers.Params{Config: &configv1.Provider{Name: "openai"}, APIKey: key, Upstream: bounds(), Version: ""})
	if err != nil {
		t.Fatal(err) // https://api.openai.com/v1 needs no network to be taken
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if openai.Type.BaseURL != "https://api.openai.com/v1" || p.Type() != "openai" {
		t.Errorf("got %q of type %q", openai.Type.BaseURL, p.Type())
	}
}

// holding is a provider that sends the beginning of a stream and then waits.
func holding(t *testing.T, text string) (url string, release func()) {
	t.Helper()
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = w.Write([]byte(text))
		_ = http.NewResponseController(w).Flush()
		<-over
	}))
	t.Cleanup(s.Close)
	return s.URL, func() { close(over) }
}
