package builtin_test

import (
	"strings"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// abilities are the interfaces that a provider has, in short.
func abilities(p providers.Provider) string {
	var all []string
	add := func(name string, has bool) {
		if has {
			all = append(all, name)
		}
	}
	_, lists := p.(providers.Lister)
	_, chats := p.(providers.Chatter)
	_, embeds := p.(providers.Embedder)
	_, responds := p.(providers.Responder)
	_, responses := p.(providers.ResponseKeeper)
	_, counts := p.(providers.TokenCounter)
	_, compacts := p.(providers.Compactor)
	_, conversations := p.(providers.ConversationKeeper)
	_, completions := p.(providers.CompletionKeeper)
	add("list", lists)
	add("chat", chats)
	add("embed", embeds)
	add("respond", responds)
	add("keep-responses", responses)
	add("count", counts)
	add("compact", compacts)
	add("keep-conversations", conversations)
	add("keep-completions", completions)
	return strings.Join(all, " ")
}

// TestAbilities shows what each type can, as it is, and where the configuration says
// that it answers responses itself, or does not.
func TestAbilities(t *testing.T) {
	t.Parallel()
	const all = "list chat embed respond keep-responses count compact keep-conversations keep-completions"
	rows := map[string]struct{ plain, with, without string }{
		"openai":            {all, all, "list chat embed keep-completions"},
		"azure":             {"list chat embed respond keep-responses", "list chat embed respond keep-responses", "list chat embed"},
		"xai":               {"list chat respond keep-responses", "list chat respond keep-responses", "list chat"},
		"groq":              {"list chat", "list chat respond", "list chat"},
		"deepseek":          {"list chat", "list chat respond", "list chat"},
		"openrouter":        {"list chat embed", "list chat embed respond", "list chat embed"},
		"mistral":           {"list chat embed", "list chat embed respond", "list chat embed"},
		"vllm":              {"list chat embed", "list chat embed respond", "list chat embed"},
		"ollama":            {"list chat embed", "list chat embed respond", "list chat embed"},
		"openai_compatible": {"list chat embed", "list chat embed respond", "list chat embed"},
	}
	for _, kind := range builtin.Types {
		if kind.Dialect != providers.DialectOpenAI {
			continue
		}
		want, ok := rows[kind.Name]
		if !ok {
			t.Errorf("%s has no row here", kind.Name)
			continue
		}
		for name, c := range map[string]struct {
			want   string
			change []func(*configv1.Provider)
		}{
			"as it is": {want.plain, nil}, "native": {want.with, []func(*configv1.Provider){native(true)}}, "not native": {want.without, []func(*configv1.Provider){native(false)}},
		} {
			p := tried(kind.Name, c.change...)(t, "http://127.0.0.1:1/v1", "key-1", patient())
			if got := abilities(p); got != c.want {
				t.Errorf("%s, %s: %s, want %s", kind.Name, name, got, c.want)
			}
		}
	}
}

// What a type can is there at the real thing, as far as the test upstream knows it.
func TestAbilitiesAreServed(t *testing.T) {
	t.Parallel()
	for _, profile := range providertest.Profiles() {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			up := providertest.Start(t, providertest.Playing(profile))
			p := tried(profile)(t, up.URL(), up.Key(), patient())
			if _, ok := p.(providers.Embedder); ok {
				list, err := p.(providers.Embedder).Embed(t.Context(), embedded(t, `{"input":["a","b"]}`, vectorModels[profile]))
				if err != nil || len(list.GetData()) != 2 || len(list.GetData()[1].GetVector()) == 0 {
					t.Errorf("vectors: %v, %v", list, err)
				}
			}
			if _, ok := p.(providers.Responder); ok {
				r, err := p.(providers.Responder).CreateResponse(t.Context(), responded(t, `{"input":"Hello."}`, responseModels[profile]))
				if err != nil || r.GetStatus() != "completed" {
					t.Errorf("a response: %v, %v", r, err)
				}
			}
		})
	}
}
