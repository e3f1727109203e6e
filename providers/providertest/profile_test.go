package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// playing is an upstream of a provider, which calls go to as its own clients make
// them.
func playing(t *testing.T, profile string, opts ...Option) *Upstream {
	t.Helper()
	return Start(t, append([]Option{Playing(profile)}, opts...)...)
}

// send sends a body to a path under the base, with the provider's own header for
// the key, and returns the reply and its body.
func send(t *testing.T, up *Upstream, method, path, body string) (*http.Response, string) {
	t.Helper()
	url := up.URL() + path
	if strings.HasPrefix(path, "/openai/") || strings.HasPrefix(path, "/api/") {
		url = up.Origin() + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	key := up.Key()
	if up.profile.credential[0] == "Authorization" {
		key = "Bearer " + key
	}
	req.Header.Set(up.profile.credential[0], key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return do(t, req)
}

// ask is a request for a completion of a model.
func asks(model, more string) string {
	return `{"model":"` + model + `",` + more + `"messages":[{"role":"user","content":"Hi."}]}`
}

// Replies have the members that the provider's have, in its order, nulls included.
func TestRepliesLookLikeTheProviders(t *testing.T) {
	t.Parallel()
	calls := `"tool_choice":"required",` + weather + `,`
	for _, c := range []struct{ profile, recording, body string }{
		{ProfileGroq, "gomodel/groq/chat_completion.json", asks("llama-3.3-70b-versatile", "")},
		{ProfileGroq, "gomodel/groq/chat_with_tools.json", asks("llama-3.3-70b-versatile", calls)},
		{ProfileGroq, "vercel-ai/groq/groq-reasoning.json", asks("qwen/qwen3-32b", "")},
		{ProfileXAI, "gomodel/xai/chat_completion.json", asks("grok-3-mini", "")},
		{ProfileXAI, "vercel-ai/xai/xai-tool-call.json", asks("grok-3-mini", calls)},
		{ProfileDeepSeek, "vercel-ai/deepseek/deepseek-text.json", asks("deepseek-chat", "")},
		{ProfileDeepSeek, "vercel-ai/deepseek/deepseek-reasoning.json", asks("deepseek-reasoner", "")},
		{ProfileDeepSeek, "vercel-ai/deepseek/deepseek-tool-call.json", asks("deepseek-reasoner", calls)},
		{ProfileMistral, "vercel-ai/mistral/mistral-text.json", asks("mistral-small-latest", "")},
		{ProfileMistral, "vercel-ai/mistral/mistral-reasoning.json", asks("magistral-medium-2507", "")},
		{ProfileMistral, "vercel-ai/mistral/mistral-tool-call.json", asks("mistral-small-latest", calls)},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			_, body := send(t, playing(t, c.profile), http.MethodPost, "/chat/completions", c.body)
			if got, want := skeleton(t, body), skeleton(t, recorded(t, c.recording)); got != want {
				t.Errorf("members\n got %s\nwant %s", got, want)
			}
		})
	}
}

// So do streams, chunk by chunk.
func TestStreamsLookLikeTheProviders(t *testing.T) {
	t.Parallel()
	const stream = `"stream":true,`
	const metered = `"stream":true,"stream_options":{"include_usage":true},`
	calls := `"tool_choice":"required",` + weather + `,`
	for _, c := range []struct{ profile, recording, script, body string }{
		{ProfileGroq, "gomodel/groq/chat_completion_stream.txt", "id=1", asks("llama-3.3-70b-versatile", stream)},
		{ProfileGroq, "vercel-ai/groq/groq-reasoning.chunks.txt", "id=1", asks("qwen/qwen3-32b", stream)},
		{ProfileGroq, "vercel-ai/groq/groq-tool-call.chunks.txt", "id=1", asks("llama-3.3-70b-versatile", stream+calls)},
		{ProfileXAI, "gomodel/xai/chat_completion_stream.txt", "id=1", asks("grok-3-mini", stream)},
		{ProfileXAI, "vercel-ai/xai/xai-tool-call.chunks.txt", "id=1", asks("grok-3-mini", metered+calls)},
		{ProfileDeepSeek, "vercel-ai/deepseek/deepseek-reasoning.chunks.txt", "id=1", asks("deepseek-reasoner", metered)},
		{ProfileDeepSeek, "vercel-ai/deepseek/deepseek-tool-call.chunks.txt", "id=1", asks("deepseek-reasoner", metered+calls)},
		{ProfileMistral, "vercel-ai/mistral/mistral-text.chunks.txt", "id=1", asks("mistral-small-latest", stream)},
		{ProfileMistral, "vercel-ai/mistral/mistral-reasoning.chunks.txt", "id=1", asks("magistral-medium-2507", stream)},
		{ProfileMistral, "vercel-ai/mistral/mistral-tool-call.chunks.txt", "id=1", asks("mistral-small-latest", stream+calls)},
		{ProfileAzure, "vercel-ai/azure/azure-model-router.1.chunks.txt", "text=Capital of Denmark.", asks("gpt-4o-mini", metered)},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			up := playing(t, c.profile)
			up.EnqueueText(t, c.script)
			_, body := send(t, up, http.MethodPost, "/chat/completions", c.body)
			if got, want := shapes(t, body, false), shapes(t, recorded(t, c.recording), false); !slices.Equal(got, want) {
				t.Errorf("chunks\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

// A call that is streamed has its name, its id and its arguments once, at every
// provider.
func TestStreamedCallsAreWhole(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		up := playing(t, profile)
		body := `{"model":"` + up.models.ids[0] + `","stream":true,` + weather + `,"messages":[{"role":"user","content":"Call get_weather."}]}`
		_, got := send(t, up, http.MethodPost, "/chat/completions", body)
		var id, name, arguments string
		for _, data := range dataOf(got) {
			if data == done {
				continue
			}
			for _, c := range parsed(t, data).get("choices").items() {
				for _, call := range c.get("delta").get("tool_calls").items() {
					id += call.get("id").str()
					name += call.get("function").get("name").str()
					arguments += call.get("function").get("arguments").str()
				}
			}
		}
		if id == "" || name != "get_weather" || arguments != `{"location":"text"}` || !strings.Contains(got, `"finish_reason":"tool_calls"`) {
			t.Errorf("%s: %s %s(%s) in %s", profile, id, name, arguments, got)
		}
	}
}
