package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Each provider refuses what it does, in its own words' form.
func TestProvidersRefuse(t *testing.T) {
	t.Parallel()
	const toolTurn = `{"model":"deepseek-reasoner","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"",%"tool_calls":[` +
		`{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}]}`
	role := func(model, role string) string {
		return `{"model":"` + model + `","messages":[{"role":"` + role + `","content":"x"},{"role":"user","content":"x"}]}`
	}
	for _, c := range []struct {
		profile, name, body string
		status              int
		want                string // in the reply, without its spaces
	}{
		{ProfileGroq, "logprobs", asks("llama-3.3-70b-versatile", `"logprobs":true,`), 400, `{"error":{"message":`},
		{ProfileGroq, "n", asks("llama-3.3-70b-versatile", `"n":2,`), 400, `"param":"n"`},
		{ProfileGroq, "name", `{"model":"llama-3.1-8b-instant","messages":[{"role":"user","name":"me","content":"x"}]}`, 400, `messages[0].name`},
		{ProfileGroq, "unknown", asks("llama-3.3-70b-versatile", `"top_k":2,`), 400, `top_k`},
		{ProfileGroq, "both reasonings", asks("qwen/qwen3-32b", `"reasoning_format":"parsed","include_reasoning":true,`), 400, `invalid_request_error`},
		{ProfileXAI, "stop", asks("grok-3-mini", `"stop":"x",`), 400, `{"code":"Client specified an invalid argument","error":"`},
		{ProfileXAI, "penalty", asks("grok-4-0709", `"presence_penalty":1,`), 400, `presence_penalty`},
		{ProfileXAI, "role", role("grok-3", "function"), 400, `"error":"`},
		{ProfileDeepSeek, "tool turn", strings.Replace(toolTurn, "%", "", 1), 400, `"code":"invalid_request_error"`},
		{ProfileDeepSeek, "role", role("deepseek-chat", "developer"), 400, `developer`},
		{ProfileDeepSeek, "format", asks("deepseek-chat", `"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{}}},`), 400, `json_schema`},
		{ProfileMistral, "unknown", asks("mistral-small-latest", `"seed":2,`), 422, `"detail":[{"type":"extra_forbidden","loc":["body","seed"]`},
		{ProfileMistral, "in a message", `{"model":"mistral-small-latest","messages":[{"role":"user","content":"x","name":"n"}]}`, 422, `"loc":["body","messages",0,"user","name"]`},
		{ProfileMistral, "stream_options", asks("mistral-small-latest", `"stream":true,"stream_options":{"include_usage":true},`), 422, `extra_forbidden`},
		{ProfileMistral, "role", role("mistral-small-latest", "developer"), 422, `literal_error`},
		{ProfileMistral, "call id", `{"model":"mistral-small-latest","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"","tool_calls":[` +
			`{"id":"call_12345","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"call_12345","content":"x"}]}`, 400, `"code":"3280"`},
		{ProfileMistral, "model", asks("nobody", ""), 400, `"type":"invalid_model"`},
		{ProfileOpenRouter, "reasoning", asks("openrouter/auto", `"reasoning":"high",`), 400, `"code":400}`},
		{ProfileOpenRouter, "model", asks("nobody", ""), 404, `{"error":{"message":`},
		{ProfileVLLM, "temperature", asks("Qwen/Qwen3-8B", `"temperature":3,`), 400, `"type":"BadRequestError","param":"temperature","code":400`},
		{ProfileVLLM, "model", asks("nobody", ""), 404, `"type":"NotFoundError","param":null,"code":404`},
		{ProfileOllama, "effort", asks("qwen3:8b", `"reasoning_effort":"minimal",`), 400, `"type":"invalid_request_error","param":null,"code":null`},
		{ProfileOllama, "image", `{"model":"llama3.2","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}}]}]}`, 400, `image`},
		{ProfileOllama, "model", asks("nobody", ""), 404, `not_found_error`},
		{ProfileAzure, "unknown", asks("gpt-4o-mini", `"top_k":1,`), 400, `"code":"unknown_parameter"`},
		{ProfileAzure, "deployment", asks("nobody", ""), 404, `{"error":{"code":"DeploymentNotFound","message":`},
		{ProfileCompatible, "temperature", asks("local-model", `"temperature":"1",`), 400, `"code":"invalid_type"`},
	} {
		t.Run(c.profile+" "+c.name, func(t *testing.T) {
			t.Parallel()
			resp, body := send(t, playing(t, c.profile), http.MethodPost, "/chat/completions", c.body)
			if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
				t.Errorf("%d %s, want %d with %s", resp.StatusCode, body, c.status, c.want)
			}
		})
	}
}

// And takes what it does, or passes over it.
func TestProvidersTake(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ profile, name, body string }{
		{ProfileGroq, "reasoning", asks("qwen/qwen3-32b", `"reasoning_format":"parsed","reasoning_effort":"default",`)},
		{ProfileXAI, "search", asks("grok-3", `"search_parameters":{"mode":"auto"},"mood":1,`)},
		{ProfileDeepSeek, "thinking", asks("deepseek-chat", `"thinking":{"type":"enabled"},`)},
		{ProfileDeepSeek, "a thoughtful tool turn", `{"model":"deepseek-reasoner","messages":[{"role":"user","content":"x"},{"role":"assistant","content":"","reasoning_content":"hm",` +
			`"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"a","content":"x"}]}`},
		{ProfileMistral, "its own", asks("mistral-small-latest", `"random_seed":2,"safe_prompt":false,"stop":["a"],`)},
		{ProfileMistral, "thinking parts", `{"model":"magistral-medium-2507","messages":[{"role":"user","content":"x"},{"role":"assistant","content":[` +
			`{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"y"}]},{"role":"user","content":"x"}]}`},
		{ProfileOpenRouter, "its own", asks("openrouter/auto", `"models":["a/b"],"provider":{"order":["x"]},"reasoning":{"effort":"low"},"top_k":3,`)},
		{ProfileVLLM, "its own", asks("Qwen/Qwen3-8B", `"top_k":3,"min_p":0.1,"logit_bias":{"1":0.5},"structured_outputs":{},`)},
		{ProfileOllama, "what it passes over", asks("llama3.2", `"n":3,"logit_bias":7,"mood":1,"max_completion_tokens":1,`)},
		{ProfileCompatible, "anything", asks("local-model", `"mood":1,`)},
	} {
		t.Run(c.profile+" "+c.name, func(t *testing.T) {
			t.Parallel()
			resp, body := send(t, playing(t, c.profile), http.MethodPost, "/chat/completions", c.body)
			if resp.StatusCode != http.StatusOK {
				t.Errorf("%d %s", resp.StatusCode, body)
			}
			if c.profile == ProfileOllama && (strings.Count(body, `"index"`) != 1 || !strings.Contains(body, "You said: Hi.")) {
				t.Errorf("it heeds what it should pass over: %s", body)
			}
		})
	}
}

// A wrong key, a key in the wrong header, and a path that is not there have each
// provider's own form.
func TestProvidersTurnAway(t *testing.T) {
	t.Parallel()
	type form struct{ key, url string }
	forms := map[string]form{
		ProfileOpenAI:     {`"code": "invalid_api_key"`, `"type": "invalid_request_error"`},
		ProfileAzure:      {`{"error":{"code":"401","message":`, `{"error":{"code":"404","message":`},
		ProfileGroq:       {`"code":"invalid_api_key"`, `"code":"unknown_url"`},
		ProfileXAI:        {`{"code":"unauthenticated:bad-credentials","error":"`, `"error":"`},
		ProfileOpenRouter: {`"code":401`, `"code":404`},
		ProfileDeepSeek:   {`"type":"authentication_error"`, `{"error":{`},
		ProfileMistral:    {`{"detail":"Unauthorized"}`, `"request_id"`},
		ProfileVLLM:       {`{"error":"Unauthorized"}`, `{"detail":"Not Found"}`},
		ProfileOllama:     {`"code":null`, `not_found_error`},
		ProfileCompatible: {`"code":"invalid_api_key"`, `"code":"unknown_url"`},
	}
	if len(forms) != len(Profiles()) {
		t.Errorf("%d forms of %d profiles", len(forms), len(Profiles()))
	}
	for profile, want := range forms {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			up := playing(t, profile, func(p *Params) { p.Keys = []string{"sk-the-only-one"} })
			body := asks(up.models.ids[0], "")
			for _, headers := range []map[string]string{
				{"Authorization": "Bearer sk-somebody-else"}, {"X-Api-Key": "sk-the-only-one"}, {},
			} {
				req := request(t, up, body)
				req.Header.Del("Authorization")
				for name, value := range headers {
					req.Header.Set(name, value)
				}
				resp, got := do(t, req)
				if resp.StatusCode != 401 || len(headers) > 0 && headers["X-Api-Key"] == "" && !strings.Contains(got, want.key) {
					t.Errorf("%v: %d %s", headers, resp.StatusCode, got)
				}
			}
			if resp, got := send(t, up, http.MethodPost, "/chat/completion", body); resp.StatusCode != 404 || !strings.Contains(got, want.url) {
				t.Errorf("another path: %d %s", resp.StatusCode, got)
			}
			if resp, got := send(t, up, http.MethodGet, "/chat/completions", ""); resp.StatusCode != 405 && resp.StatusCode != 200 {
				t.Errorf("another method: %d %s", resp.StatusCode, got)
			}
		})
	}
	for _, profile := range []string{ProfileVLLM, ProfileOllama, ProfileCompatible} {
		up := playing(t, profile)
		req := request(t, up, asks(up.models.ids[0], ""))
		req.Header.Del("Authorization")
		if resp, got := do(t, req); resp.StatusCode != 200 {
			t.Errorf("%s without a key: %d %s", profile, resp.StatusCode, got)
		}
	}
}

// Azure has two APIs; the older one knows no more than its version.
func TestAzureVersions(t *testing.T) {
	t.Parallel()
	const chat = "/openai/deployments/gpt-4o/chat/completions"
	up := playing(t, ProfileAzure)
	for _, c := range []struct {
		path, more string
		status     int
		want       string
	}{
		{chat, "", 404, `"code":"404"`},
		{chat + "?api-version=", "", 404, `"code":"404"`},
		{chat + "?api-version=2024-10-21", "", 200, `gpt-4o-2024-08-06`},
		{chat + "?api-version=2024-10-21", `"verbosity":"low",`, 400, `Unrecognized request argument: verbosity`},
		{chat + "?api-version=2024-02-01", `"max_completion_tokens":5,`, 400, `max_completion_tokens`},
		{chat + "?api-version=2024-09-01-preview", `"max_completion_tokens":5,`, 200, ``},
		{"/openai/deployments/nobody/chat/completions?api-version=2024-10-21", "", 404, `"code":"DeploymentNotFound"`},
		{"/openai/chat/completions?api-version=2024-10-21", "", 404, `"code":"404"`},
		{"/openai/v1/chat/completions", `"verbosity":"medium",`, 200, ``},
		{"/openai/v1/chat/completions?api-version=preview", "", 200, ``},
		{"/openai/v1/chat/completions?api-version=2024-10-21", "", 400, `"code":"BadRequest"`},
		{"/v1/chat/completions", "", 404, `"code":"404"`},
	} {
		resp, body := send(t, up, http.MethodPost, c.path, asks("gpt-4o-mini", c.more))
		if strings.HasPrefix(c.path, "/v1/") {
			req := request(t, up, asks("gpt-4o-mini", ""))
			req.URL.Path = c.path
			resp, body = do(t, req)
		}
		if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s with %s: %d %s, want %d", c.path, c.more, resp.StatusCode, body, c.status)
		}
	}
	if all := up.Of(EndpointChat); all[0].Query != "api-version=2024-10-21" || all[0].Credential != up.Key() {
		t.Errorf("the record is %+v", all[0])
	}
	req := request(t, up, asks("gpt-4o", ""))
	req.Header.Set("Api-Key", up.Key())
	if resp, body := do(t, req); resp.StatusCode != 400 || len(up.TakeViolations()) != 1 {
		t.Errorf("two credentials: %d %s", resp.StatusCode, body)
	}
}

// What is peculiar to streams: comments, roles, changing times, failures.
func TestPeculiarStreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, model, script string
		check                  func(body string, data []string) bool
	}{
		{ProfileOpenRouter, "deepseek/deepseek-r1", "id=1", func(body string, data []string) bool {
			return strings.HasPrefix(body, ": OPENROUTER PROCESSING\n\n") && strings.Contains(data[0], `"reasoning":"The","reasoning_details":[{"type":"reasoning.text","text":"The"`) &&
				strings.Count(body, `"role":"assistant"`) == len(data)-1
		}},
		{ProfileOpenRouter, "openrouter/auto", "error-at=2", func(_ string, data []string) bool {
			return strings.Contains(data[1], `"error":{"message"`) && strings.Contains(data[1], `"finish_reason":"error"`)
		}},
		{ProfileOllama, "llama3.2", "error-at=3", func(_ string, data []string) bool {
			return len(data) == 3 && strings.Contains(data[2], `"delta":{"role":"assistant","content":""},"finish_reason":null`)
		}},
		{ProfileVLLM, "Qwen/Qwen3-8B", "error-at=2,status=200", func(_ string, data []string) bool {
			return strings.Contains(data[1], `"type":"InternalServerError","param":null,"code":500}`) && data[2] == done
		}},
		{ProfileGroq, "llama-3.3-70b-versatile", "error-at=2", func(_ string, data []string) bool {
			return strings.Contains(data[1], `"x_groq":{"id":"req_01`) && strings.Contains(data[1], `"error":"`)
		}},
		{ProfileXAI, "grok-3-mini", "id=1", func(_ string, data []string) bool {
			return strings.Contains(data[0], `"created":1769092764`) && !strings.Contains(data[len(data)-2], `"created":1769092764`)
		}},
		{ProfileDeepSeek, "deepseek-chat", "id=1", func(body string, _ []string) bool { return strings.HasPrefix(body, ": keep-alive\n\n") }},
	} {
		t.Run(c.profile+" "+c.script, func(t *testing.T) {
			t.Parallel()
			up := playing(t, c.profile)
			up.EnqueueText(t, c.script)
			_, body := send(t, up, http.MethodPost, "/chat/completions", asks(c.model, `"stream":true,`))
			if !c.check(body, dataOf(body)) {
				t.Error(body)
			}
		})
	}
}

// Models are listed as each provider does.
func TestModelLists(t *testing.T) {
	t.Parallel()
	for _, profile := range Profiles() {
		up := playing(t, profile)
		resp, body := send(t, up, http.MethodGet, "/models", "")
		for _, id := range up.models.ids {
			if resp.StatusCode != 200 || !strings.Contains(body, `"`+id+`"`) {
				t.Errorf("%s: %d %s", profile, resp.StatusCode, body)
			}
		}
	}
	empty := playing(t, ProfileOllama, func(p *Params) { p.Models = []string{} })
	if _, body := send(t, empty, http.MethodGet, "/models", ""); !strings.Contains(body, `"data":null`) {
		t.Errorf("no models: %s", body)
	}
	if _, err := Listen("127.0.0.1:0", Params{Profile: "nobody"}); err == nil {
		t.Error("a profile that is none")
	}
	if !slices.Contains(Profiles(), ProfileVLLM) {
		t.Errorf("the profiles are %q", Profiles())
	}
}

// Scripted errors are spelled as the provider does.
func TestScriptedErrorsOfProviders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, script string
		status          int
		want            string
	}{
		{ProfileAzure, "status=400,code=content_filter", 400, `"innererror":{"code":"ResponsibleAIPolicyViolation","content_filter_result":{`},
		{ProfileAzure, "status=429,retry-after-ms=5", 429, `{"error":{"code":"429","message":`},
		{ProfileOpenRouter, "error-body", 200, `{"error":{"message":"The server had an error.","code":500,"metadata":{`},
		{ProfileOpenRouter, "status=402", 402, `"code":402}`},
		{ProfileGroq, "status=400,code=tool_use_failed,type=invalid_request_error", 400, `"failed_generation":`},
		{ProfileXAI, "status=429", 429, `{"code":"Some resource has been exhausted","error":`},
		{ProfileVLLM, "status=500", 500, `"type":"InternalServerError","param":null,"code":500`},
		{ProfileMistral, "status=500", 500, `{"object":"error","message":`},
		{ProfileOllama, "status=500", 500, `"type":"api_error","param":null,"code":null`},
	} {
		up := playing(t, c.profile)
		up.EnqueueText(t, c.script)
		resp, body := send(t, up, http.MethodPost, "/chat/completions", asks(up.models.ids[0], ""))
		if resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %s: %d %s", c.profile, c.script, resp.StatusCode, body)
		}
	}
}
