package catalog

import (
	"slices"
	"strings"
	"testing"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
)

func cardsOf(t *testing.T, configured ...*configv1.ModelCard) *Cards {
	t.Helper()
	cards, err := NewCards(configured)
	if err != nil {
		t.Fatal(err)
	}
	return cards
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, name string
		want          bool
	}{
		{"gpt-4o", "gpt-4o", true},
		{"gpt-4o", "gpt-4o-mini", false},
		{"gpt-4o*", "gpt-4o", true},
		{"gpt-4o*", "gpt-4o-mini", true},
		{"*mini", "gpt-4o-mini", true},
		{"*mini", "mini", true},
		{"*mini", "mini-x", false},
		{"a*b*c", "a-b-c", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "acb", false},
		{"a*b*c", "a-b-b-c-c", true},
		{"a*bc*c", "abc", false},
		{"a*a", "a", false},
		{"a*a", "aa", true},
		{"*", "", true},
		{"**", "x", true},
		{"", "", true},
		{"", "x", false},
		{"GPT*", "gpt-5", false},
		{"*llama-3.1-*", "meta-llama/llama-3.1-8b", true},
	} {
		if got := compile(test.pattern).matches(test.name); got != test.want {
			t.Errorf("%q matches %q: %v", test.pattern, test.name, got)
		}
	}
}

func TestTheCardsOfKnownModels(t *testing.T) {
	t.Parallel()
	const chat = modelsv1.Capability_CAPABILITY_CHAT
	cards := cardsOf(t)
	for _, test := range []struct {
		provider, models string
		family           string
		chats, renames   bool
		window           int32
	}{
		{"openai", "gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5-nano-2025-08-07", "gpt-5", true, true, 400_000},
		{"openai", "gpt-5.1 gpt-5.1-2025-11-13 gpt-5.2 gpt-5.2-2025-12-11 gpt-5.1-mini", "gpt-5.1", true, true, 400_000},
		{"openai", "gpt-5.4 gpt-5.4-2026-03-05 gpt-5.5 gpt-5.5-2026-04-23", "gpt-5.4", true, true, 1_050_000},
		{"openai", "gpt-5.4-mini gpt-5.4-nano-2026-03-17", "gpt-5.4-mini", true, true, 400_000},
		{"openai", "gpt-5.6 gpt-5.6-sol gpt-5.6-terra", "gpt-5.6", true, true, 0},
		{"openai", "gpt-5-chat-latest gpt-5.1-chat-latest", "gpt-5-chat", true, true, 128_000},
		{"openai", "gpt-5.3-chat-latest", "gpt-5.2-chat", true, true, 128_000},
		{"openai", "gpt-5.9-something ft:gpt-5-mini:acme::x", "gpt-5-later", false, true, 0},
		{"openai", "gpt-5-codex gpt-5.1-codex-max gpt-5.3-codex", "gpt-5-codex", false, true, 400_000},
		{"openai", "gpt-5-pro-2025-10-06", "gpt-5-pro", false, true, 400_000},
		{"openai", "gpt-5.5-pro-2026-04-23 gpt-5.4-pro", "gpt-5.4-pro", false, true, 1_050_000},
		{"openai", "o1 o1-2024-12-17", "o1", true, true, 200_000},
		{"openai", "o1-preview-2024-09-12", "o1-preview", true, true, 128_000},
		{"openai", "o3 o3-2025-04-16 o4-mini-2025-04-16 ft:o4-mini-2025-04-16:acme::x", "o3", true, true, 200_000},
		{"openai", "o3-mini-2025-01-31", "o3-mini", true, true, 200_000},
		{"openai", "o1-pro o3-deep-research", "o-pro", false, true, 200_000},
		{"openai", "gpt-4.1 gpt-4.1-nano-2025-04-14 ft:gpt-4.1-mini-2025-04-14:acme::x", "gpt-4.1", true, false, 1_047_576},
		{"openai", "gpt-4o gpt-4o-2024-08-06 gpt-4o-mini ft:gpt-4o-mini-2024-07-18:acme::x", "gpt-4o", true, false, 128_000},
		{"openai", "gpt-4o-audio-preview-2025-06-03 gpt-audio-mini gpt-audio-1.5", "gpt-audio", true, false, 128_000},
		{"openai", "gpt-4o-transcribe-diarize gpt-4o-mini-transcribe whisper-1", "gpt-4o-transcribe", false, false, 0},
		{"openai", "gpt-realtime-2.1-mini gpt-4o-realtime-preview", "gpt-realtime", false, false, 0},
		{"openai", "gpt-4-turbo gpt-4-turbo-2024-04-09", "gpt-4-turbo", true, false, 128_000},
		{"openai", "gpt-4-turbo-preview gpt-4-0125-preview", "gpt-4-turbo-preview", true, false, 128_000},
		{"openai", "gpt-4 gpt-4-0613", "gpt-4", true, false, 8192},
		{"openai", "gpt-3.5-turbo gpt-3.5-turbo-0125", "gpt-3.5", true, false, 16_385},
		{"openai", "text-embedding-3-small text-embedding-ada-002", "text-embedding-3", false, false, 8192},
		{"openrouter", "openai/gpt-5 gpt-5", "", false, false, 0},
		{"openai", "openai/gpt-oss-120b gpt-oss:20b", "gpt-oss-open", true, false, 131_072},
		{"anthropic", "claude-sonnet-4-5-20250929 claude-haiku-4-5", "claude-4", true, false, 200_000},
		{"anthropic", "claude-3-5-haiku-20241022", "claude-3.5", true, false, 200_000},
		{"gemini", "models/gemini-2.5-flash gemini-2.5-pro", "gemini-2.5", true, false, 1_048_576},
		{"gemini", "models/gemini-2.5-flash-image", "gemini-2.5-image", true, false, 0},
		{"xai", "grok-4-0709", "grok-4", true, false, 256_000},
		{"azure", "o3 o4-mini-2025-04-16", "o3", true, true, 200_000},
		{"azure", "gpt-4o", "gpt-4o", true, false, 128_000},
		{"xai", "grok-4.3 grok-4.6-latest", "grok-4.3", true, false, 0},
		{"xai", "grok-4.20-0309-reasoning", "grok-4.20", true, false, 0},
		{"xai", "grok-4.20-multi-agent-0309", "grok-4.20-multi-agent", true, false, 0},
		{"deepseek", "deepseek-reasoner", "deepseek-reasoner", true, false, 131_072},
		{"deepseek", "deepseek-v4-flash", "deepseek-v4", true, false, 0},
		{"mistral", "mistral-small-latest codestral-2508", "mistral", true, false, 0},
		{"mistral", "magistral-medium-2507", "magistral", true, false, 0},
		{"mistral", "codestral-embed mistral-embed", "mistral-embed", false, false, 0},
		{"groq", "llama-3.3-70b-versatile", "llama-3", true, false, 131_072},
		{"openai", "meta-llama/Llama-3.3-70B-Instruct", "llama-3-open", true, false, 0},
		{"demo", "demo-echo", "demo", true, false, 0},
		{"openai", "something-else", "", false, false, 0},
	} {
		for model := range strings.FieldsSeq(test.models) {
			card := cards.Find(test.provider, model)
			if card.GetFamily() != test.family || card.GetContextWindow() != test.window ||
				slices.Contains(card.GetCapabilities(), chat) != test.chats ||
				slices.Contains(card.GetParameterRules(), modelsv1.ParameterRule_PARAMETER_RULE_MAX_COMPLETION_TOKENS) != test.renames {
				t.Errorf("%s %s: %v", test.provider, model, card)
			}
		}
	}
}

func TestEveryEmbeddedPatternIsReached(t *testing.T) {
	t.Parallel()
	cards := cardsOf(t)
	if len(cards.Version()) != len("2026-11-24") {
		t.Errorf("version %q", cards.Version())
	}
	for _, one := range cards.cards {
		provider := append(one.card.GetProviderTypes(), "any")[0]
		for _, match := range one.card.GetMatch() {
			reached := slices.ContainsFunc([]string{"", "-x", "9", "2025"}, func(filling string) bool {
				return cards.Find(provider, strings.ReplaceAll(match, "*", filling)) == one.card
			})
			if !reached {
				t.Errorf("%s: %q is taken by cards before it", one.card.GetFamily(), match)
			}
		}
		if !slices.IsSorted(one.card.GetCapabilities()) {
			t.Errorf("%s: capabilities are not in the order of their numbers", one.card.GetFamily())
		}
	}
}

func TestCardsOfTheConfigurationComeFirst(t *testing.T) {
	t.Parallel()
	mine := &configv1.ModelCard{Family: "mine", Match: []string{"gpt-4o-mini*"}, ProviderTypes: []string{"openai"}}
	cards := cardsOf(t, mine)
	for model, want := range map[string]string{"gpt-4o-mini": "mine", "gpt-4o": "gpt-4o"} {
		if got := cards.Find("openai", model).GetFamily(); got != want {
			t.Errorf("%s: %s", model, got)
		}
	}
}
