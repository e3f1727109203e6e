package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// responds is a request for a response.
func responds(model, input, more string) string {
	return `{"model":"` + model + `","input":` + input + more + `}`
}

const (
	weatherFlat = `,"tools":[{"type":"function","name":"weather","parameters":` +
		`{"type":"object","properties":{"location":{"type":"string"}},"required":["location"],"additionalProperties":false}}]`
	forced = `,"tool_choice":"required"`
)

// respondTo asks for a response, and returns it parsed.
func respondTo(t *testing.T, up *Upstream, body string) *node {
	t.Helper()
	resp, got := send(t, up, http.MethodPost, "/responses", body)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s for %s", resp.StatusCode, got, body)
	}
	return parsed(t, got)
}

// parsed is a reply as a node.
func parsed(t *testing.T, body string) *node {
	t.Helper()
	n, _, err := parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	return n
}

// eventsOf are the events of a stream, whose names are judged.
func eventsOf(t *testing.T, body string) []*node {
	t.Helper()
	var out []*node
	for _, block := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		name, data, ok := strings.Cut(strings.TrimPrefix(block, "event: "), "\ndata: ")
		if !ok {
			t.Fatalf("no event: %q", block)
		}
		e := parsed(t, data)
		if e.get("type").str() != name {
			t.Errorf("the event %s is named %s", e.get("type").str(), name)
		}
		if n, _ := asInt(e.get("sequence_number")); n != len(out) {
			t.Errorf("the event %d has the number %d", len(out), n)
		}
		out = append(out, e)
	}
	return out
}

// Responses have the members that the provider's have, in its order, nulls
// included.
func TestResponsesLookLikeTheProviders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ profile, recording, body string }{
		{ProfileOpenAI, "gomodel/openai/responses/responses.json", responds("gpt-4o-mini", `"Hi"`, ``)},
		{ProfileXAI, "gomodel/xai/responses/responses.json", responds("grok-3-mini", `"Hi"`, ``)},
		{ProfileVLLM, "vercel-ai/open-responses/responses/lmstudio-basic.1.json", responds("Qwen/Qwen3-8B", `"Hi"`, ``)},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			_, body := send(t, playing(t, c.profile), http.MethodPost, "/responses", c.body)
			got, want := skeleton(t, body), skeleton(t, recorded(t, c.recording))
			if c.profile == ProfileXAI { // it was asked with another setting
				want = strings.ReplaceAll(want, "reasoning:{effort:string summary:string}", "reasoning:{effort:null summary:null}")
			}
			if c.profile == ProfileVLLM { // LM Studio's: the same server in spirit, up to here
				got, want = got[:strings.Index(got, " parallel_tool_calls")], want[:strings.Index(want, " parallel_tool_calls")]
			}
			if got != want {
				t.Errorf("members\n got %s\nwant %s", got, want)
			}
		})
	}
}

// So do streams, event by event.
func TestResponseStreamsLookLikeTheProviders(t *testing.T) {
	t.Parallel()
	const streamed = `,"stream":true`
	for _, c := range []struct{ profile, recording, body string }{
		{ProfileOpenAI, "gomodel/openai/responses/responses_stream.txt", responds("gpt-4o-mini", `"Hi"`, streamed)},
		{ProfileXAI, "gomodel/xai/responses/responses_stream.txt", responds("grok-3-mini", `"Hi"`, streamed)},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			_, body := send(t, playing(t, c.profile), http.MethodPost, "/responses", c.body)
			if got, want := shapes(t, body, false), shapes(t, recorded(t, c.recording), false); !slices.Equal(got, want) {
				t.Errorf("events\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
			eventsOf(t, body)
		})
	}
}

// The items of a stream add up to the response, whatever they are.
func TestResponseEvents(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		script, body string
		types        []string
		items        []string
	}{
		"call": {"id=1", responds("gpt-4o-mini", `"Paris?"`, forced+weatherFlat), []string{
			"response.output_item.added", "response.function_call_arguments.delta", "response.function_call_arguments.done", "response.output_item.done",
		}, []string{"function_call"}},
		"custom call": {"id=1", responds("gpt-4o-mini", `"Go."`, forced+`,"tools":[{"type":"custom","name":"code"}]`), []string{
			"response.output_item.added", "response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "response.output_item.done",
		}, []string{"custom_tool_call"}},
		"refusal": {"refusal=I will not.", responds("gpt-4o-mini", `"Do."`, ``), []string{
			"response.output_item.added", "response.content_part.added", "response.refusal.delta", "response.refusal.done",
			"response.content_part.done", "response.output_item.done",
		}, []string{"message"}},
		"reasoning": {"reasoning=Let me see.", responds("o4-mini", `"Hi"`, `,"reasoning":{"summary":"auto"},"include":["reasoning.encrypted_content"]`), []string{
			"response.output_item.added", "response.reasoning_summary_part.added", "response.reasoning_summary_text.delta",
			"response.reasoning_summary_text.done", "response.reasoning_summary_part.done", "response.output_item.done",
			"response.output_item.added", "response.content_part.added", "response.output_text.delta", "response.output_text.done",
			"response.content_part.done", "response.output_item.done",
		}, []string{"reasoning", "message"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			up.EnqueueTextAt(t, EndpointResponses, c.script)
			_, body := send(t, up, http.MethodPost, "/responses", strings.Replace(c.body, `{`, `{"stream":true,`, 1))
			events := eventsOf(t, body)
			var types []string
			var done []*node
			for _, e := range events {
				types = append(types, e.get("type").str())
				if e.get("type").str() == "response.output_item.done" {
					done = append(done, e.get("item"))
				}
			}
			want := slices.Concat([]string{"response.created", "response.in_progress"}, c.types, []string{"response.completed"})
			if got := slices.Compact(types); !slices.Equal(got, want) {
				t.Errorf("the events are %q, want %q", got, want)
			}
			final := events[len(events)-1].get("response").get("output")
			if string(final.compact()) != string(list(done...).compact()) || len(done) != len(c.items) {
				t.Errorf("the output is %s, the items are %s", final.compact(), list(done...).compact())
			}
			for i, typ := range c.items {
				if done[i].get("type").str() != typ {
					t.Errorf("the item %d is %s", i, done[i].compact())
				}
			}
		})
	}
}

// Whatever the schema does not know is refused; senses go further than the schema.
func TestResponseRefusals(t *testing.T) {
	t.Parallel()
	up := Start(t)
	hi := func(more string) string { return responds("gpt-4o-mini", `"Hi"`, more) }
	input := func(items string) string { return responds("gpt-4o-mini", `[`+items+`]`, ``) }
	const call = `{"type":"function_call","call_id":"c1","name":"f","arguments":"{}"}`
	for _, c := range []struct{ name, body, param, code string }{
		{"unknown", hi(`,"top_k":1`), "top_k", "unknown_parameter"},
		{"messages", hi(`,"messages":[]`), "messages", "unknown_parameter"},
		{"max_tokens", hi(`,"max_tokens":20`), "max_tokens", "unknown_parameter"},
		{"response_format", hi(`,"response_format":{"type":"text"}`), "response_format", "unknown_parameter"},
		{"nested tool", hi(`,"tools":[{"type":"function","function":{"name":"f"}}]`), "tools[0].function", "unknown_parameter"},
		{"tool type", hi(`,"tools":[{"type":"magic"}]`), "tools[0].type", "invalid_value"},
		{"nameless tool", hi(`,"tools":[{"type":"function"}]`), "tools[0].name", "missing_required_parameter"},
		{"nested format", hi(`,"text":{"format":{"type":"json_schema","json_schema":{}}}`), "text.format.json_schema", "unknown_parameter"},
		{"few tokens", hi(`,"max_output_tokens":5`), "max_output_tokens", "integer_below_min_value"},
		{"include", hi(`,"include":["everything"]`), "include[0]", "invalid_value"},
		{"effort", hi(`,"reasoning":{"effort":"low"}`), "reasoning.effort", "unsupported_parameter"},
		{"temperature", responds("o4-mini", `"Hi"`, `,"temperature":0.5`), "temperature", "unsupported_parameter"},
		{"stream options", hi(`,"stream_options":{"include_obfuscation":false}`), "stream_options", ""},
		{"usage option", hi(`,"stream":true,"stream_options":{"include_usage":true}`), "stream_options.include_usage", "unknown_parameter"},
		{"both pasts", hi(`,"previous_response_id":"resp_1","conversation":"conv_1"`), "", "mutually_exclusive_parameters"},
		{"background, unstored", hi(`,"background":true,"store":false`), "background", ""},
		{"no input", `{"model":"gpt-4o-mini"}`, "input", "missing_required_parameter"},
		{"no model", `{"input":"x"}`, "model", "missing_required_parameter"},
		{"nobody", responds("nobody", `"Hi"`, ``), "model", "model_not_found"},
		{"another's id", hi(`,"previous_response_id":"sbx-1"`), "previous_response_id", "invalid_value"},
		{"lost past", hi(`,"previous_response_id":"resp_1"`), "previous_response_id", "previous_response_not_found"},
		{"item type", input(`{"type":"thought"}`), "input[0].type", "invalid_value"},
		{"item member", input(`{"role":"user","content":"x","mood":1}`), "input[0].mood", "unknown_parameter"},
		{"chat part", input(`{"role":"user","content":[{"type":"text","text":"x"}]}`), "input[0].content[0].type", "invalid_value"},
		{"tool role", input(`{"role":"tool","content":"x"}`), "input[0].role", "invalid_value"},
		{"call without output", input(call), "input", ""},
		{"output without call", input(`{"type":"function_call_output","call_id":"c1","output":"x"}`), "input", ""},
		{"item's id", input(`{"type":"message","id":"x1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"x"}]}`), "input[0].id", "invalid_value"},
		{"foreign secret", input(`{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"gAAAAAsomething"}`), "input[0].encrypted_content", "invalid_encrypted_content"},
		{"open format", hi(`,"text":{"format":{"type":"json_schema","name":"x","strict":true,"schema":{"type":"object","properties":{}}}}`), "text.format.schema", "invalid_json_schema"},
		{"json without the word", hi(`,"text":{"format":{"type":"json_object"}}`), "input", ""},
		{"choice of another", hi(`,"tool_choice":{"type":"function","name":"g"}` + weatherFlat), "tool_choice", ""},
		{"metadata", hi(`,"metadata":{"a":1}`), "metadata.a", "invalid_type"},
	} {
		resp, body := send(t, up, http.MethodPost, "/responses", c.body)
		if e := errorOf(t, body); resp.StatusCode != 400 || e.Param != c.param || e.Code != c.code || e.Message == "" {
			t.Errorf("%s: %d %+v, want param %q and code %q", c.name, resp.StatusCode, e, c.param, c.code)
		}
	}
	for name, body := range map[string]string{
		"reference": input(`{"type":"item_reference","id":"msg_1"}`), "bare reference": input(`{"id":"msg_1"}`),
		"reasoning": input(`{"type":"reasoning","id":"rs_1","summary":[]}`), "conversation": hi(`,"conversation":"conv_1"`),
	} {
		if resp, got := send(t, up, http.MethodPost, "/responses", body); resp.StatusCode != 404 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, got)
		}
	}
}

// What is unusual and right is taken.
func TestUnusualResponses(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for name, body := range map[string]string{
		"all items": responds("gpt-5", `[{"role":"developer","content":"a"},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"},`+
			`{"type":"input_image","image_url":"data:image/png;base64,AAAA"},{"type":"input_file","file_id":"file-1"}]},`+
			`{"type":"function_call","call_id":"c1","name":"f","arguments":"{}","status":"completed"},`+
			`{"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"x"}]},`+
			`{"role":"assistant","content":"said","phase":"commentary"},{"role":"assistant","content":[{"type":"output_text","text":"said"}]},`+
			`{"type":"web_search_call","id":"ws_1","status":"completed","action":{"type":"search","query":"x"}}]`, ``),
		"all tools": responds("gpt-5", `"x"`, `,"tools":[{"type":"web_search"},{"type":"file_search","vector_store_ids":["vs"],"filters":{"type":"eq","key":"a","value":1}},`+
			`{"type":"code_interpreter","container":{"type":"auto"}},{"type":"mcp","server_label":"m","server_url":"https://x","require_approval":"never","allowed_tools":["a"]},`+
			`{"type":"image_generation"},{"type":"local_shell"},{"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"a"}},`+
			`{"type":"namespace","name":"n","description":"d","tools":[{"type":"function","name":"f"}]},{"type":"apply_patch"}]`),
		"settings": responds("gpt-5", `"x"`, `,"reasoning":{"effort":"low","summary":"auto"},"text":{"verbosity":"low"},"include":["reasoning.encrypted_content"],`+
			`"truncation":"auto","prompt_cache_key":"k","safety_identifier":"s","metadata":{"a":"b"},"max_output_tokens":16,"service_tier":"flex"`),
		"nulls": responds("gpt-4o", `"x"`, `,"instructions":null,"temperature":null,"tools":[],"reasoning":null,"metadata":null,"stream":null,"conversation":null`),
	} {
		if resp, got := send(t, up, http.MethodPost, "/responses", body); resp.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, resp.StatusCode, got)
		}
	}
	r := respondTo(t, up, responds("gpt-4o", `"`+strings.Repeat("many words ", 20)+`"`, `,"max_output_tokens":16`))
	if r.get("status").str() != "incomplete" || r.get("incomplete_details").get("reason").str() != "max_output_tokens" {
		t.Errorf("a long answer: %s", r.compact())
	}
	r = respondTo(t, up, responds("gpt-4o", `"x"`, `,"text":{"format":{"type":"json_schema","name":"n","schema":{"type":"object","properties":{"a":{"type":"integer"}}}}}`))
	if text := r.get("output").items()[0].get("content").items()[0].get("text").str(); text != `{"a":1}` {
		t.Errorf("a structured answer: %s", r.compact())
	}
}

// Thoughts that are shown come as text: with all events, or without those of their
// part, as at xAI.
func TestThoughtsInStreams(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, model string
		parts          bool
	}{
		{ProfileVLLM, "Qwen/Qwen3-8B", true}, {ProfileOllama, "qwen3:8b", true}, {ProfileGroq, "qwen/qwen3-32b", true},
		{ProfileOpenRouter, "deepseek/deepseek-r1", true}, {ProfileXAI, "grok-4-0709", false},
	} {
		_, body := send(t, playing(t, c.profile), http.MethodPost, "/responses", responds(c.model, `"Hi"`, `,"stream":true`))
		var types []string
		for _, e := range eventsOf(t, body) {
			types = append(types, strings.TrimPrefix(e.get("type").str(), "response."))
		}
		want := []string{"reasoning_text.delta", "reasoning_text.done"}
		if c.parts {
			want = []string{"content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done"}
		}
		want = slices.Concat([]string{"created", "in_progress", "output_item.added"}, want, []string{"output_item.done", "output_item.added"})
		if got := slices.Compact(types); !slices.Equal(got[:len(want)], want) || got[len(got)-1] != "completed" {
			t.Errorf("%s: the events are %q", c.profile, got)
		}
	}
}
