package providertest

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// errorOf reads OpenAI's envelope.
func errorOf(t *testing.T, body string) (e struct{ Message, Type, Param, Code string }) {
	t.Helper()
	var raw struct {
		Error map[string]*string `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &raw); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	for _, name := range []string{"message", "type", "param", "code"} {
		if _, ok := raw.Error[name]; !ok {
			t.Errorf("the error has no %s: %s", name, body)
		}
	}
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	e.Message, e.Type = text(raw.Error["message"]), text(raw.Error["type"])
	e.Param, e.Code = text(raw.Error["param"]), text(raw.Error["code"])
	return e
}

// with is a good request with more members.
func with(more string) string {
	return `{"model":"gpt-4o-mini",` + more + `,"messages":[{"role":"user","content":"Hi, json."}]}`
}

// says is a request with these messages.
func says(messages string) string { return `{"model":"gpt-4o-mini","messages":[` + messages + `]}` }

// thinks is a request for a model that reasons.
func thinks(more string) string {
	return `{"model":"o4-mini",` + more + `,"messages":[{"role":"user","content":"Hi."}]}`
}

// tool is a tools member with one function.
func tool(function string) string {
	return with(`"tools":[{"type":"function","function":` + function + `}]`)
}

// Whatever OpenAI refuses is refused in its words' form: status, type, param, code.
func TestRefusals(t *testing.T) {
	t.Parallel()
	up := Start(t)
	call := `{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]}`
	strict := `{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":`
	long := strings.Repeat("x", 513)
	for _, c := range []struct{ name, body, param, code string }{
		{"not JSON", `{"model":`, "", ""},
		{"invalid UTF-8", "{\"model\":\"\xff\"}", "", ""},
		{"two values", plainBody + `{}`, "", ""},
		{"no object", `[]`, "", "invalid_type"},
		{"no model", `{"messages":[{"role":"user","content":"Hi"}]}`, "model", "missing_required_parameter"},
		{"no messages", `{"model":"gpt-4o"}`, "messages", "missing_required_parameter"},
		{"empty messages", says(``), "messages", "empty_array"},
		{"messages no array", `{"model":"gpt-4o","messages":{}}`, "messages", "invalid_type"},
		{"unknown parameter", with(`"top_k":3`), "top_k", "unknown_parameter"},
		{"unknown in a message", says(`{"role":"user","content":"x","mood":1}`), "messages[0].mood", "unknown_parameter"},
		{"temperature high", with(`"temperature":2.1`), "temperature", "decimal_above_max_value"},
		{"temperature low", with(`"temperature":-1`), "temperature", "decimal_below_min_value"},
		{"temperature text", with(`"temperature":"1"`), "temperature", "invalid_type"},
		{"top_p", with(`"top_p":1.5`), "top_p", "decimal_above_max_value"},
		{"n", with(`"n":0`), "n", "integer_below_min_value"},
		{"n many", with(`"n":129`), "n", "integer_above_max_value"},
		{"n broken", with(`"n":1.5`), "n", "invalid_type"},
		{"max_tokens", with(`"max_tokens":0`), "max_tokens", "integer_below_min_value"},
		{"both limits", with(`"max_tokens":1,"max_completion_tokens":1`), "max_tokens", "invalid_parameter_combination"},
		{"top_logprobs alone", with(`"top_logprobs":2`), "top_logprobs", ""},
		{"top_logprobs many", with(`"logprobs":true,"top_logprobs":21`), "top_logprobs", "integer_above_max_value"},
		{"stop five", with(`"stop":["a","b","c","d","e"]`), "stop", "array_above_max_length"},
		{"logit_bias", with(`"logit_bias":{"1":101}`), "logit_bias.1", "integer_above_max_value"},
		{"stream_options alone", with(`"stream_options":{"include_usage":true}`), "stream_options", ""},
		{"stream_options", with(`"stream":true,"stream_options":{"x":1}`), "stream_options.x", "unknown_parameter"},
		{"metadata value", with(`"metadata":{"a":"` + long + `"}`), "metadata.a", "string_above_max_length"},
		{"metadata number", with(`"metadata":{"a":1}`), "metadata.a", "invalid_type"},
		{"metadata many", with(`"metadata":{` + seventeen() + `}`), "metadata", "object_above_max_properties"},
		{"service_tier", with(`"service_tier":"best"`), "service_tier", "invalid_value"},
		{"role", says(`{"role":"boss","content":"x"}`), "messages[0].role", "invalid_value"},
		{"no role", says(`{"content":"x"}`), "messages[0].role", "missing_required_parameter"},
		{"no content", says(`{"role":"user"}`), "messages[0].content", "missing_required_parameter"},
		{"null content", says(`{"role":"user","content":null}`), "messages[0].content", "invalid_type"},
		{"silent assistant", says(`{"role":"assistant","content":null}`), "messages[0].content", "invalid_type"},
		{"image from system", says(`{"role":"system","content":[{"type":"image_url","image_url":{"url":"https://x"}}]}`), "messages[0].content[0].type", "invalid_value"},
		{"image address", says(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"x.png"}}]}`), "messages[0].content[0].image_url.url", "invalid_image_url"},
		{"image data", says(`{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,!"}}]}`), "messages[0].content[0].image_url.url", "invalid_base64"},
		{"sound", says(`{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"AA==","format":"ogg"}}]}`), "messages[0].content[0].input_audio.format", "invalid_value"},
		{"empty parts", says(`{"role":"user","content":[]}`), "messages[0].content", "empty_array"},
		{"tool without call", says(`{"role":"user","content":"x"},{"role":"tool","tool_call_id":"c1","content":"x"}`), "messages.[1].role", ""},
		{"call without answer", says(call + `,{"role":"user","content":"x"}`), "messages.[1].role", ""},
		{"last call without answer", says(call), "messages.[0].role", ""},
		{"other answer", says(call + `,{"role":"tool","tool_call_id":"c2","content":"x"}`), "messages.[1].role", ""},
		{"no tools", with(`"tools":[]`), "tools", "empty_array"},
		{"tool name", tool(`{"name":"a b"}`), "tools[0].function.name", "invalid_value"},
		{"tool name long", tool(`{"name":"` + strings.Repeat("a", 65) + `"}`), "tools[0].function.name", "string_above_max_length"},
		{"tool schema", tool(`{"name":"a","parameters":{"type":"string"}}`), "tools[0].function.parameters", "invalid_function_parameters"},
		{"strict tool", tool(`{"name":"a","strict":true,"parameters":{"type":"object","properties":{"x":{"type":"string"}}}}`), "tools[0].function.parameters", "invalid_function_parameters"},
		{"tool type", with(`"tools":[{"type":"web_search"}]`), "tools[0].type", "invalid_value"},
		{"choice without tools", with(`"tool_choice":"auto"`), "tool_choice", ""},
		{"parallel without tools", with(`"parallel_tool_calls":true`), "parallel_tool_calls", ""},
		{"choice of another", with(`"tool_choice":{"type":"function","function":{"name":"b"}},"tools":[{"type":"function","function":{"name":"a"}}]`), "tool_choice", ""},
		{"format", with(`"response_format":{"type":"xml"}`), "response_format.type", "invalid_value"},
		{"format name", with(`"response_format":{"type":"json_schema","json_schema":{}}`), "response_format.json_schema.name", "missing_required_parameter"},
		{"format open", with(`"response_format":` + strict + `{"type":"object","properties":{}}}}`), "response_format", ""},
		{"format optional", with(`"response_format":` + strict + `{"type":"object","properties":{"a":{"type":"null"}},"required":[],"additionalProperties":false}}}`), "response_format", ""},
		{"json without the word", `{"model":"gpt-4o","response_format":{"type":"json_object"},"messages":[{"role":"user","content":"Hi"}]}`, "messages", ""},
		{"reasoning: max_tokens", thinks(`"max_tokens":5`), "max_tokens", "unsupported_parameter"},
		{"reasoning: temperature", thinks(`"temperature":0.5`), "temperature", "unsupported_value"},
		{"reasoning: top_p", thinks(`"top_p":0.5`), "top_p", "unsupported_value"},
		{"reasoning: logprobs", thinks(`"logprobs":true`), "logprobs", "unsupported_parameter"},
		{"gpt-5: max_tokens", strings.Replace(thinks(`"max_tokens":5`), "o4-mini", "gpt-5-nano", 1), "max_tokens", "unsupported_parameter"},
		{"effort of another", with(`"reasoning_effort":"low"`), "reasoning_effort", "unsupported_parameter"},
		{"speech of another", with(`"modalities":["audio"],"audio":{"voice":"alloy","format":"wav"}`), "modalities", "invalid_value"},
	} {
		resp, body := post(t, up, c.body)
		if e := errorOf(t, body); resp.StatusCode != 400 || e.Type != "invalid_request_error" || e.Param != c.param || e.Code != c.code || e.Message == "" {
			t.Errorf("%s: %d %+v, want param %q and code %q", c.name, resp.StatusCode, e, c.param, c.code)
		}
	}
}

// seventeen are as many members of a map.
func seventeen() string {
	var parts []string
	for _, r := range "abcdefghijklmnopq" {
		parts = append(parts, `"`+string(r)+`":"x"`)
	}
	return strings.Join(parts, ",")
}

// What OpenAI takes is taken, however unusual.
func TestUnusualButRight(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for name, body := range map[string]string{
		"nulls":             with(`"temperature":null,"stop":null,"n":null,"stream":null,"metadata":null,"response_format":{"type":"text"}`),
		"large seed":        with(`"seed":9223372036854775807`),
		"all roles":         says(`{"role":"developer","content":"a"},{"role":"system","content":[{"type":"text","text":"b"}]},{"role":"user","name":"me","content":"c"},{"role":"assistant","content":[{"type":"refusal","refusal":"d"}]},{"role":"function","name":"f","content":null}`),
		"user parts":        says(`{"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},{"type":"file","file":{"file_id":"file-1"}}]}`),
		"tool turn":         says(`{"role":"user","content":"x"},{"role":"assistant","content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f","arguments":""}},{"id":"b","type":"custom","custom":{"name":"g","input":""}}]},{"role":"tool","tool_call_id":"b","content":"x"},{"role":"tool","tool_call_id":"a","content":[{"type":"text","text":"x"}]}`),
		"custom tool":       with(`"tools":[{"type":"custom","custom":{"name":"code","format":{"type":"grammar","grammar":{"definition":"a","syntax":"lark"}}}}],"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"custom","custom":{"name":"code"}}]}}`),
		"reasoning":         thinks(`"max_completion_tokens":5,"temperature":1,"reasoning_effort":"minimal"`),
		"chat model of 5":   `{"model":"gpt-5-chat-latest","max_tokens":5,"temperature":0.2,"messages":[{"role":"user","content":"x"}]}`,
		"dated model":       `{"model":"gpt-4o-2024-08-06","messages":[{"role":"user","content":"x"}]}`,
		"cache breakpoints": says(`{"role":"user","content":[{"type":"text","text":"a","prompt_cache_breakpoint":{"mode":"explicit"}}]}`),
	} {
		if resp, got := post(t, up, body); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, got)
		}
	}
	lenient := Start(t, func(p *Params) { p.AcceptUnknown = true })
	if resp, got := post(t, lenient, says(`{"role":"user","content":"x","mood":1}`)); resp.StatusCode != 200 {
		t.Errorf("AcceptUnknown: %d %s", resp.StatusCode, got)
	}
}

func TestCredentialsAndHeaders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		change     func(http.Header)
		status     int
		code       string
		violations int
	}{
		{"no key", func(h http.Header) { h.Del("Authorization") }, 401, "", 0},
		{"another scheme", func(h http.Header) { h.Set("Authorization", "Basic eDp5") }, 401, "", 0},
		{"another key", func(h http.Header) { h.Set("Authorization", "Bearer sk-nobody-knows-this") }, 401, "invalid_api_key", 0},
		{"another content type", func(h http.Header) { h.Set("Content-Type", "text/plain") }, 400, "unsupported_content_type", 0},
		{"with a charset", func(h http.Header) { h.Set("Content-Type", "application/json; charset=utf-8") }, 200, "", 0},
		{"with a request id", func(h http.Header) { h.Set("X-Client-Request-Id", "abc") }, 200, "", 0},
		{"cookie", func(h http.Header) { h.Set("Cookie", "a=b") }, 400, "violation", 1},
		{"forwarded", func(h http.Header) { h.Set("X-Forwarded-For", "10.0.0.1") }, 400, "violation", 1},
		{"SDK", func(h http.Header) { h.Set("X-Stainless-Lang", "js") }, 400, "violation", 1},
		{"gateway", func(h http.Header) { h.Set("X-Signalbox-Plan", "x") }, 400, "violation", 1},
		{"another credential", func(h http.Header) { h.Set("X-Api-Key", "x") }, 400, "violation", 1},
		{"two credentials", func(h http.Header) { h.Add("Authorization", "Bearer x") }, 400, "violation", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			req := request(t, up, plainBody)
			c.change(req.Header)
			resp, body := do(t, req)
			if resp.StatusCode != c.status {
				t.Errorf("%d, want %d: %s", resp.StatusCode, c.status, body)
			}
			if c.status != 200 {
				if e := errorOf(t, body); e.Code != c.code {
					t.Errorf("code %q, want %q", e.Code, c.code)
				}
			}
			if got := up.TakeViolations(); len(got) != c.violations {
				t.Errorf("violations %q, want %d", got, c.violations)
			}
		})
	}
}

func TestDuplicateMembersAreViolations(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for _, body := range []string{
		`{"model":"gpt-4o","model":"gpt-4o-mini","messages":[{"role":"user","content":"x"}]}`,
		says(`{"role":"user","content":"x","\u0072ole":"user"}`),
	} {
		if resp, got := post(t, up, body); resp.StatusCode != 400 {
			t.Errorf("%d %s", resp.StatusCode, got)
		}
	}
	if got := up.TakeViolations(); len(got) != 2 || !strings.Contains(got[1], "messages[0].role") {
		t.Errorf("violations %q", got)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.BodyLimit = 200 })
	resp, body := post(t, up, with(`"user":"`+strings.Repeat("x", 200)+`"`))
	if e := errorOf(t, body); resp.StatusCode != 413 || e.Code != "request_too_large" {
		t.Errorf("%d %+v", resp.StatusCode, e)
	}
	resp, body = post(t, up, `{"model":"gpt-9","messages":[{"role":"user","content":"x"}]}`)
	if e := errorOf(t, body); resp.StatusCode != 404 || e.Code != "model_not_found" || e.Param != "" {
		t.Errorf("%d %+v", resp.StatusCode, e)
	}
}
