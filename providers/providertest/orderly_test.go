package providertest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// skeleton is a JSON value without its scalars: members in order, nulls, and the
// kinds of everything else.
func skeleton(t *testing.T, body string) string {
	t.Helper()
	n, _, err := parse([]byte(body))
	if err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var walk func(*node) string
	walk = func(n *node) string {
		var inside []string
		switch n.kind {
		case kindObject:
			for _, m := range n.members {
				inside = append(inside, m.name+":"+walk(m.value))
			}
			return "{" + strings.Join(inside, " ") + "}"
		case kindArray:
			for _, e := range n.elems { // of equal elements one is enough
				inside = append(inside, walk(e))
			}
			return "[" + strings.Join(slices.Compact(inside), " ") + "]"
		default:
			return string(n.kind)
		}
	}
	return walk(n)
}

// recorded returns a recording as text.
func recorded(t *testing.T, name string) string {
	t.Helper()
	b, _, err := Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const weather = `"tools":[{"type":"function","function":{"name":"get_weather","parameters":` +
	`{"type":"object","properties":{"location":{"type":"string"}},"required":["location"]}}}]`

// Replies have the members that OpenAI's have, in its order, nulls included.
func TestRepliesLookLikeOpenAIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ recording, body string }{
		{"gomodel/openai/chat_completion.json", plainBody},
		{"gomodel/openai/chat_completion_reasoning.json", `{"model":"o3-mini","messages":[{"role":"user","content":"2+2?"}]}`},
		{"gomodel/openai/chat_with_tools.json", `{"model":"gpt-4o-mini","tool_choice":"required",` + weather + `,"messages":[{"role":"user","content":"Paris?"}]}`},
		{"vercel-ai/openai/openai-text.json", plainBody},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			_, body := post(t, Start(t), c.body)
			if got, want := skeleton(t, body), skeleton(t, recorded(t, c.recording)); got != want {
				t.Errorf("members\n got %s\nwant %s", got, want)
			}
		})
	}
}

// So do streams, chunk by chunk.
func TestStreamsLookLikeOpenAIs(t *testing.T) {
	t.Parallel()
	user := `"messages":[{"role":"user","content":"Hi"}]}`
	for _, c := range []struct {
		recording, script, body string
		choices                 bool // compare the choices alone: the recording is older than other members
	}{
		{"gomodel/openai/chat_completion_stream.txt", "text=Hello; World!", `{"model":"gpt-4o-mini","stream":true,` + user, false},
		{"openai-python/refusal_logprobs.txt", "refusal=I'm very sorry but I can't assist with that.", `{"model":"gpt-4o","stream":true,"logprobs":true,` + user, true},
		{"openai-python/content_logprobs.txt", "text=Foo!", `{"model":"gpt-4o","stream":true,"logprobs":true,` + user, true},
		{"openai-python/refusal.txt", "refusal=I'm sorry I can't assist with that request.", `{"model":"gpt-4o","stream":true,` + user, true},
		{
			"openai-python/tool_call.txt", "id=1", `{"model":"gpt-4o","stream":true,"tool_choice":"required",` + weather + `,` + user, true,
		},
	} {
		t.Run(c.recording, func(t *testing.T) {
			t.Parallel()
			up := Start(t)
			up.EnqueueText(t, c.script)
			_, body := post(t, up, c.body)
			if got, want := shapes(t, body, c.choices), shapes(t, recorded(t, c.recording), c.choices); !slices.Equal(got, want) {
				t.Errorf("chunks\n got %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
			}
		})
	}
}

// shapes are the different skeletons of a stream's chunks, in the order in which
// they first come; chunks without choices left out.
func shapes(t *testing.T, body string, choices bool) []string {
	t.Helper()
	var out []string
	for _, data := range dataOf(body) {
		if data == done {
			return append(out, done)
		}
		if choices {
			var chunk struct{ Choices []json.RawMessage }
			if err := json.Unmarshal([]byte(data), &chunk); err != nil {
				t.Fatal(err)
			}
			if len(chunk.Choices) == 0 {
				continue
			}
			data = string(chunk.Choices[0])
		}
		if s := skeleton(t, data); !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func TestUsageIsStreamedWhenAskedFor(t *testing.T) {
	t.Parallel()
	up := Start(t)
	with := strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`, 1)
	_, body := post(t, up, with)
	events := dataOf(body)
	for _, e := range events[:len(events)-2] {
		if !strings.Contains(e, `"usage":null,"obfuscation":"`) {
			t.Errorf("a chunk without \"usage\":null: %s", e)
		}
	}
	if last := events[len(events)-2]; !strings.Contains(last, `"choices":[],"usage":{"prompt_tokens":`) {
		t.Errorf("the last chunk has no usage: %s", last)
	}
	_, body = post(t, up, streamBody)
	if strings.Contains(body, `"usage"`) {
		t.Errorf("usage that nobody asked for: %s", body)
	}
	_, body = post(t, up, strings.Replace(streamBody, `"stream":true`, `"stream":true,"stream_options":{"include_obfuscation":false}`, 1))
	if strings.Contains(body, `"obfuscation"`) {
		t.Errorf("padding that was declined: %s", body)
	}
}

// What a reply says follows from the request alone.
func TestRepliesFollowTheRequest(t *testing.T) {
	t.Parallel()
	up := Start(t)
	message := func(more string) string {
		return `{"model":"gpt-4o-mini",` + more + `"messages":[{"role":"user","content":"one two three, use get_weather in json"}]}`
	}
	schema := `{"type":"object","properties":{"kind":{"enum":["b","a"]},"n":{"type":"integer","minimum":5},"list":{"type":"array","items":{"$ref":"#/$defs/x"}},` +
		`"maybe":{"anyOf":[{"type":"null"},{"type":"string"}]}},"required":["kind","n","list","maybe"],"additionalProperties":false,` +
		`"$defs":{"x":{"type":"object","properties":{"on":{"type":"boolean"}},"required":["on"],"additionalProperties":false}}}`
	for _, c := range []struct{ name, body, want string }{
		{"text", message(``), `"content": "You said: one two three, use get_weather in json"`},
		{"limit", message(`"max_completion_tokens":3,`), `"finish_reason": "length"`},
		{"limited text", message(`"max_tokens":3,`), `"content": "You said:"`},
		{"stop", message(`"stop":["two"],`), `"content": "You said: one "`},
		{"choices", message(`"n":2,`), `(choice 2)"`},
		{"tool by name in the text", message(weather + `,`), `"arguments": "{\"location\":\"text\"}"`},
		{"no tool", message(`"tool_choice":"none",` + weather + `,`), `"content": "You said`},
		{"named tool", message(`"tool_choice":{"type":"function","function":{"name":"get_weather"}},` + weather + `,`), `"finish_reason": "stop"`},
		{"function", message(`"functions":[{"name":"get_weather"}],`), `"function_call": {`},
		{"json object", message(`"response_format":{"type":"json_object"},`), `"content": "{\"reply\":\"one two`},
		{
			"json schema", message(`"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":` + schema + `}},`),
			`"content": "{\"kind\":\"b\",\"n\":5,\"list\":[{\"on\":true}],\"maybe\":null}"`,
		},
		{"logprobs", message(`"logprobs":true,"top_logprobs":2,`), `"top_logprobs": [`},
	} {
		_, body := post(t, up, c.body)
		if !strings.Contains(body, c.want) {
			t.Errorf("%s: want %s in %s", c.name, c.want, body)
		}
		if _, again := post(t, up, c.body); again != body {
			t.Errorf("%s: the same request got another reply", c.name)
		}
	}
}

func TestSpokenReplies(t *testing.T) {
	t.Parallel()
	up := Start(t)
	body := `{"model":"gpt-4o-audio-preview","modalities":["text","audio"],"audio":{"voice":"alloy","format":"pcm16"},%s"messages":[{"role":"user","content":"Hi"}]}`
	if _, got := post(t, up, fmt.Sprintf(body, "")); !strings.Contains(got, `"transcript": "You said: Hi"`) {
		t.Errorf("no audio in %s", got)
	}
	if _, got := post(t, up, fmt.Sprintf(body, `"stream":true,`)); !strings.Contains(got, `"delta":{"audio":{"data":"WW91","transcript":"You"}}`) {
		t.Errorf("no audio in %s", got)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.Models = []string{"a", "vendor/b"} })
	get := func(path string) (int, string) {
		req := request(t, up, "")
		req.Method, req.Body, req.ContentLength = "GET", nil, 0
		u, err := req.URL.Parse(up.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		req.URL = u
		resp, body := do(t, req)
		return resp.StatusCode, body
	}
	for _, c := range []struct {
		path   string
		status int
		want   string
	}{
		{"/models", 200, `"object": "list"`},
		{"/models/a", 200, `"id": "a"`},
		{"/models/vendor%2Fb", 200, `"id": "vendor/b"`},
		{"/models/c", 404, `"code": "model_not_found"`},
		{"/nowhere", 404, `"type": "invalid_request_error"`},
		{"/embeddings", 405, `"type": "invalid_request_error"`},
	} {
		if status, body := get(c.path); status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("GET %s: %d %s", c.path, status, body)
		}
	}
	up.EnqueueModels(Script{Name: "fail", Status: 503})
	if status, _ := get("/models"); status != 503 {
		t.Errorf("a scripted list: %d", status)
	}
}
