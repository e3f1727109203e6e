//go:build sdk

package openaigo

import (
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
)

// provider is one that the same program is run against, with what it cannot do. The
// suite in Node has the same table.
type provider struct {
	name, model string
	// thinker is a model that shows what it thinks. Empty: no model does.
	thinker string
	// embedder is a model of vectors, and size how long they are. Empty: it has none.
	embedder string
	size     int
	// tokenless says that it embeds texts alone.
	tokenless bool
	// unforced says that nothing forces it to call tools.
	unforced bool
	// schemaless says that its replies cannot be held to a schema.
	schemaless bool
	// blind says that it takes no images, far that it takes none by URL.
	blind, far bool
	// unlisted says that it keeps responses and does not list what led to them, waits
	// that it makes none in the background.
	unlisted, waits bool
}

var providers = []provider{
	{name: "openai", model: "gpt-4o-mini", embedder: "text-embedding-3-small", size: 1536},
	{name: "azure", model: "gpt-4.1", embedder: "text-embedding-3-large", size: 3072},
	{name: "groq", model: "llama-3.3-70b-versatile", thinker: "qwen/qwen3-32b"},
	{name: "xai", model: "grok-3", thinker: "grok-3-mini", unlisted: true, waits: true},
	{name: "openrouter", model: "openai/gpt-4o-mini", thinker: "deepseek/deepseek-r1", embedder: "openai/text-embedding-3-small", size: 1536, tokenless: true},
	{name: "deepseek", model: "deepseek-chat", thinker: "deepseek-reasoner", schemaless: true, blind: true, far: true},
	{name: "mistral", model: "mistral-small-latest", thinker: "magistral-medium-2507", embedder: "mistral-embed", size: 1024, tokenless: true},
	{name: "vllm", model: "meta-llama/Llama-3.1-8B-Instruct", thinker: "Qwen/Qwen3-8B", embedder: "intfloat/e5-mistral-7b-instruct", size: 4096},
	{name: "ollama", model: "llama3.2", thinker: "qwen3:8b", embedder: "nomic-embed-text", size: 768, tokenless: true, unforced: true, far: true},
	{name: "openai_compatible", model: "local-model", thinker: "local-thinking", embedder: "local-embed", size: 384},
}

// responders are the providers, and those that answer responses themselves as others of
// their type do not.
func responders() []provider {
	all := slices.Clone(providers)
	for _, p := range providers {
		if slices.Contains([]string{"groq", "openrouter", "vllm", "ollama"}, p.name) {
			p.name += "-own"
			all = append(all, p)
		}
	}
	return all
}

// selector is a model of the provider.
func (p provider) selector(model string) string { return p.name + "/" + model }

// each runs a test for every one of some providers.
func each(t *testing.T, rows []provider, run func(*testing.T, provider)) {
	t.Parallel()
	for _, p := range rows {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			run(t, p)
		})
	}
}

// thinkers are those of some providers with a model that shows what it thinks.
func thinkers(rows []provider) []provider {
	return slices.DeleteFunc(slices.Clone(rows), func(p provider) bool { return p.thinker == "" })
}

// refused asserts that a call was refused with a status, and told why.
func refused(t *testing.T, err error, status int) {
	t.Helper()
	var failed *openai.Error
	if !errors.As(err, &failed) {
		t.Fatalf("%T is not an API error: %v", err, err)
	}
	if failed.StatusCode != status || failed.Message == "" || failed.Type == "" {
		t.Errorf("status %d, %s; want %d", failed.StatusCode, failed.RawJSON(), status)
	}
}

// gone asserts that an object is not there.
func gone(t *testing.T, err error) {
	t.Helper()
	refused(t, err, http.StatusNotFound)
}
