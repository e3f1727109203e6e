package builtin_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// tried makes instances of a type for a suite.
func tried(kind string, change ...func(*configv1.Provider)) func(testing.TB, string, string, *configv1.Upstream) providers.Provider {
	return func(t testing.TB, base, key string, up *configv1.Upstream) providers.Provider {
		config := &configv1.Provider{Name: "acme", Type: kind, BaseUrl: base}
		for _, f := range change {
			f(config)
		}
		p, err := typeOf(t, kind).New(providers.Params{Config: config, APIKey: key, Upstream: up, Version: "1"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		return p
	}
}

// native has an instance answer responses itself, or not.
func native(yes bool) func(*configv1.Provider) {
	return func(c *configv1.Provider) { c.NativeResponses = proto.Bool(yes) }
}

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
			factory := tried(name)
			providertest.RunChatter(t, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Chatter {
				return factory(t, base, key, up).(providers.Chatter)
			}, quirks...)
		})
	}
}

// So do their embeddings, whether they are asked for base64 or not.
func TestEmbedderSuite(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"openai", "openrouter", "vllm", "openai_compatible"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			factory := tried(name)
			providertest.RunEmbedder(t, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Embedder {
				return factory(t, base, key, up).(providers.Embedder)
			})
		})
	}
}

// So do responses, also of servers that are said to have them.
func TestResponderSuite(t *testing.T) {
	t.Parallel()
	for name, factory := range map[string]func(testing.TB, string, string, *configv1.Upstream) providers.Provider{
		"openai":            tried("openai"),
		"vllm":              tried("vllm", native(true)),
		"openai_compatible": tried("openai_compatible", native(true)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			providertest.RunResponder(t, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Responder {
				return factory(t, base, key, up).(providers.Responder)
			})
		})
	}
}

// And what is kept of them.
func TestKeeperSuite(t *testing.T) {
	t.Parallel()
	providertest.RunKeeper(t, tried("openai"))
}

// Every type passes what its provider's own profile asks of an adapter.
func TestProfileSuite(t *testing.T) {
	t.Parallel()
	for _, name := range providertest.Profiles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			factory := tried(name)
			providertest.RunProfile(t, name, func(t testing.TB, base, key string, up *configv1.Upstream) providers.Chatter {
				return factory(t, base, key, up).(providers.Chatter)
			})
		})
	}
}
