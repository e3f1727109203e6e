package builtin_test

import (
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// Those whose requests go through as they are and whose replies are mended pass the
// suite of adapters: mending changes nothing of what is OpenAI's already.
func TestSuite(t *testing.T) {
	t.Parallel()
	for name, quirks := range map[string][]providertest.Quirk{
		"vllm":              nil,
		"openai_compatible": {providertest.EndsWithoutDone},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.RunChatter(t, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Chatter {
				kind := typeOf(t, name)
				p, err := kind.New(providers.Params{
					Config: &configv1.Provider{Name: "acme", Type: kind.Name, BaseUrl: base}, APIKey: key, Upstream: up, Version: "1",
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = p.Close() })
				return p.(providers.Chatter)
			}, quirks...)
		})
	}
}
