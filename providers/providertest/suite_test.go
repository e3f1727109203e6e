package providertest_test

import (
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// The suite is passed by the adapter whose dialect it is.
func TestOpenAIPassesTheSuite(t *testing.T) {
	t.Parallel()
	providertest.RunChatter(t, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Chatter {
		p, err := openai.Type.New(providers.Params{
			Config: &configv1.Provider{Name: "test", Type: "openai", BaseUrl: base, AllowHttp: true},
			APIKey: key, Upstream: up, Version: "test",
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p.(providers.Chatter)
	})
}
