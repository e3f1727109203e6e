package providertest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// weatherTool is a tool as JSON text, its members in an order that is kept.
const weatherTool = `[{"type":"function","function":{"name":"get_weather","parameters":` +
	`{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}},"required":["z","a"]}}}]`

// testUnary has good replies that are not streams.
func (s *suite) testUnary(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	c := say("Hello.")
	got := r.run(t.Context(), c, false)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.text() != "You said: Hello." || got.finish() != "stop" || !strings.HasPrefix(got.reply.GetId(), "chatcmpl-") ||
		got.reply.GetModel() != "gpt-4o-mini-2024-07-18" || got.reply.GetUsage().GetTotalTokens() == 0 {
		t.Errorf("the reply is %v", got.reply)
	}
	checkExchange(t, r.up, c, 1)

	c = call(&chatv1.ChatCompletionParams{
		MessagesJson: `[{"role":"user","content":"Weather?"}]`, ToolsJson: weatherTool, ToolChoice: proto.String("required"),
	})
	got = r.run(t.Context(), c, false)
	if got.err != nil {
		t.Fatal(got.err)
	}
	calls := got.reply.GetChoices()[0].GetMessage().GetToolCalls()
	if len(calls) != 1 || calls[0].GetFunction().GetName() != "get_weather" ||
		calls[0].GetFunction().GetArguments() != `{"z":"text","a":1}` || got.finish() != "tool_calls" {
		t.Errorf("the calls are %v", calls)
	}

	c = say("Hello.")
	c.Params.N, c.Params.Logprobs, c.Params.TopLogprobs = proto.Int32(2), proto.Bool(true), proto.Int32(1)
	got = r.run(t.Context(), c, false)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if choices := got.reply.GetChoices(); len(choices) != 2 || choices[1].GetIndex() != 1 || len(choices[1].GetLogprobs().GetContent()) == 0 {
		t.Errorf("the choices are %v", choices)
	}

	r.up.EnqueueText(t, "refusal=I will not.")
	got = r.run(t.Context(), say("Do."), false)
	if got.err != nil || got.reply.GetChoices()[0].GetMessage().GetRefusal() != "I will not." {
		t.Errorf("the refusal is %v, %v", got.reply, got.err)
	}
}

// testStream has good streams.
func (s *suite) testStream(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	c := say("Hello.")
	got := r.run(t.Context(), c, true)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.text() != "You said: Hello." || got.finish() != "stop" || got.chunks[0].GetChoices()[0].GetDelta().GetRole() != "assistant" {
		t.Errorf("the stream is %v", got.chunks)
	}
	for _, chunk := range got.chunks {
		if chunk.GetId() != got.chunks[0].GetId() || chunk.GetModel() != "gpt-4o-mini-2024-07-18" {
			t.Errorf("a chunk of another stream: %v", chunk)
		}
		if chunk.GetUsage() != nil || len(chunk.GetChoices()) == 0 {
			t.Errorf("usage that the client did not ask for: %v", chunk)
		}
	}
	checkExchange(t, r.up, c, 1)

	c = say("Hello.")
	c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
	got = r.run(t.Context(), c, true)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if last := got.chunks[len(got.chunks)-1]; last.GetUsage().GetTotalTokens() == 0 || len(last.GetChoices()) != 0 {
		t.Errorf("the last chunk has no usage: %v", last)
	}

	c = call(&chatv1.ChatCompletionParams{
		MessagesJson: `[{"role":"user","content":"Weather?"}]`, ToolsJson: weatherTool, ToolChoice: proto.String("required"),
	})
	got = r.run(t.Context(), c, true)
	if got.err != nil {
		t.Fatal(got.err)
	}
	var name, arguments string
	for _, chunk := range got.chunks {
		for _, call := range chunk.GetChoices()[0].GetDelta().GetToolCalls() {
			name += call.GetFunction().GetName()
			arguments += call.GetFunction().GetArguments()
		}
	}
	if name != "get_weather" || arguments != `{"z":"text","a":1}` || got.finish() != "tool_calls" {
		t.Errorf("the call is %s(%s), %s", name, arguments, got.finish())
	}

	r.up.EnqueueText(t, "line=1048576")
	if got := r.run(t.Context(), say("Much."), true); got.err != nil || len(got.text()) < 1<<20 {
		t.Errorf("a line of a MiB: %d bytes, %v", len(got.text()), got.err)
	}
}

// checkExchange judges what the adapter told of a good call.
func checkExchange(t testing.TB, up *Upstream, c *providers.ChatCall, attempts int) {
	t.Helper()
	x := c.Exchange
	if len(x.Attempts) != attempts {
		t.Fatalf("%d attempts, want %d", len(x.Attempts), attempts)
	}
	last := x.Attempts[attempts-1]
	if last.HTTPStatus != 200 || last.Reason != 0 || last.Model != "gpt-4o-mini" || last.Start.IsZero() || last.Duration <= 0 {
		t.Errorf("the attempt is %+v", last)
	}
	if !strings.HasPrefix(x.UpstreamRequestID, "req_") || last.UpstreamRequestID != x.UpstreamRequestID {
		t.Errorf("the provider's request ids are %q and %q", x.UpstreamRequestID, last.UpstreamRequestID)
	}
	if x.Connected.Before(last.Start) {
		t.Errorf("connected at %v, before %v", x.Connected, last.Start)
	}
	for name, want := range map[string]bool{"X-Ratelimit-Remaining-Tokens": true, "Openai-Processing-Ms": true, "Set-Cookie": false, "Date": false} {
		if got := x.Header.Get(name) != ""; got != want {
			t.Errorf("the reply header %s is handed on: %t", name, got)
		}
	}
	var u usage
	if err := json.Unmarshal([]byte(x.UsageJSON), &u); err != nil || u.TotalTokens == 0 {
		t.Errorf("the usage is %q", x.UsageJSON)
	}
	all := up.Requests()
	if r := all[len(all)-1]; r.ClientRequestID != c.RequestID || r.Credential != up.Key() || strings.Contains(last.Credential, up.Key()) {
		t.Errorf("the request id %q, the credential %q, its label %q", r.ClientRequestID, r.Credential, last.Credential)
	}
}

// testRequest judges what the provider is sent.
func (s *suite) testRequest(t *testing.T) {
	t.Parallel()
	plain := `"messages":[{"role":"user","content":[{"text":"é \u00e9 ","type":"text"}]}]`
	for _, c := range []struct {
		name   string
		change func(*providers.ChatCall)
		stream bool
		want   string
	}{
		{"unary", func(*providers.ChatCall) {}, false, `{"model":"gpt-4o-mini",` + plain + `}`},
		{"stream", func(c *providers.ChatCall) { c.Meter = false }, true, `{"model":"gpt-4o-mini","stream":true,` + plain + `}`},
		{
			"metered stream", func(*providers.ChatCall) {}, true,
			`{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true},` + plain + `}`,
		},
		{
			"metered stream with options", func(c *providers.ChatCall) {
				c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeObfuscation: proto.Bool(false)}
			}, true,
			`{"model":"gpt-4o-mini","stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false},` + plain + `}`,
		},
		{"no patch", func(c *providers.ChatCall) { c.Patch = false }, true, `{"model":"gpt-4o-mini","stream":true,` + plain + `}`},
		{
			"a switch that contradicts", func(c *providers.ChatCall) { c.Params.Stream = proto.Bool(true) }, false,
			`{"model":"gpt-4o-mini",` + plain + `}`,
		},
		{
			"parameter rules", func(c *providers.ChatCall) {
				c.Params.MaxTokens = proto.Int32(9) //nolint:staticcheck // the deprecated field is the point
				c.Target.Model = "o3-mini"
				c.Target.ParameterRules = []modelsv1.ParameterRule{modelsv1.ParameterRule_PARAMETER_RULE_MAX_COMPLETION_TOKENS}
			}, false,
			`{"model":"o3-mini","max_completion_tokens":9,` + plain + `}`,
		},
		{
			"unknown members", func(c *providers.ChatCall) { c.Params.ExtraJson = `{"top_k":4,"thinking":{"b":1.0,"a":null}}` }, false,
			`{"model":"gpt-4o-mini","top_k":4,"thinking":{"b":1.0,"a":null},` + plain + `}`,
		},
		{
			"numbers", func(c *providers.ChatCall) {
				c.Params.Seed, c.Params.Temperature = proto.Int64(9007199254740993), proto.Float64(0.7)
			}, false,
			`{"model":"gpt-4o-mini","seed":9007199254740993,"temperature":0.7,` + plain + `}`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := s.rig(t, longWait, func(p *Params) { p.AcceptUnknown = true })
			cc := call(&chatv1.ChatCompletionParams{MessagesJson: strings.TrimPrefix(plain, `"messages":`)})
			c.change(cc)
			before := proto.Clone(cc.Params)
			if got := r.run(t.Context(), cc, c.stream); got.err != nil {
				t.Fatal(got.err)
			}
			if !proto.Equal(before, cc.Params) {
				t.Errorf("the adapter changed the request to %v", cc.Params)
			}
			body := string(r.up.Requests()[0].Body)
			if !equalJSON(t, body, c.want) || !strings.Contains(body, plain) {
				t.Errorf("sent %s, want %s", body, c.want)
			}
		})
	}
}

// equalJSON compares two JSON values, numbers by their spelling.
func equalJSON(t testing.TB, a, b string) bool {
	t.Helper()
	value := func(s string) (v any) {
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		if err := d.Decode(&v); err != nil {
			t.Fatalf("%v in %s", err, s)
		}
		return v
	}
	return reflect.DeepEqual(value(a), value(b))
}

// told is what a recording says, read by encoding/json.
type told struct {
	ID      string
	Choices []struct {
		Index          int
		Message, Delta struct{ Content, Refusal string }
		FinishReason   string `json:"finish_reason"`
	}
	Usage struct {
		TotalTokens int64 `json:"total_tokens"`
	}
}

// testRecordings has recorded traffic of several providers arrive whole.
func (s *suite) testRecordings(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	for _, name := range Recordings() {
		body, stream, err := Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "-error.json") || strings.HasSuffix(name, "models.json") || strings.Contains(name, "mistral") {
			continue
		}
		r.up.Enqueue(Script{Replay: name})
		c := say("Again.")
		c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
		if !stream {
			c.Params.StreamOptions = nil
		}
		got := r.run(t.Context(), c, stream)
		if got.err != nil {
			t.Errorf("%s: %v", name, got.err)
			continue
		}
		want := []told{{}}
		if !stream {
			mustUnmarshal(t, body, &want[0])
		} else {
			want = nil
			for _, data := range dataLines(string(body)) {
				var w told
				mustUnmarshal(t, []byte(data), &w)
				want = append(want, w)
			}
		}
		if diff := compareTold(got, want); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// mustUnmarshal reads a recording.
func mustUnmarshal(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
}

// dataLines is the data of a stream's events in OpenAI's framing, without [DONE].
func dataLines(body string) []string {
	var out []string
	for _, line := range strings.Split(body, "\n") {
		if data, ok := strings.CutPrefix(line, "data: "); ok && data != done {
			out = append(out, data)
		}
	}
	return out
}

// compareTold says where a result differs from what was recorded.
func compareTold(got result, want []told) string {
	var texts [2][]string
	add := func(side int, index int, parts ...string) {
		texts[side] = append(texts[side], fmt.Sprintf("%d %q", index, parts))
	}
	var tokens [2]int64
	for _, w := range want {
		for _, c := range w.Choices {
			add(1, c.Index, c.Message.Content+c.Delta.Content, c.Message.Refusal+c.Delta.Refusal, c.FinishReason)
		}
		tokens[1] = max(tokens[1], w.Usage.TotalTokens)
	}
	for _, c := range got.reply.GetChoices() {
		add(0, int(c.GetIndex()), c.GetMessage().GetContent(), c.GetMessage().GetRefusal(), c.GetFinishReason())
	}
	tokens[0] = int64(got.reply.GetUsage().GetTotalTokens())
	for _, chunk := range got.chunks {
		for _, c := range chunk.GetChoices() {
			add(0, int(c.GetIndex()), c.GetDelta().GetContent(), c.GetDelta().GetRefusal(), c.GetFinishReason())
		}
		tokens[0] = max(tokens[0], int64(chunk.GetUsage().GetTotalTokens()))
	}
	if !slices.Equal(texts[0], texts[1]) {
		return fmt.Sprintf("choices\n got %s\nwant %s", texts[0], texts[1])
	}
	if tokens[0] != tokens[1] {
		return fmt.Sprintf("%d tokens, want %d", tokens[0], tokens[1])
	}
	return ""
}

// testFramings has each spelling of a stream give the same chunks.
func (s *suite) testFramings(t *testing.T) {
	t.Parallel()
	r := s.rig(t, longWait)
	plain := r.run(t.Context(), say("Hello."), true)
	if plain.err != nil {
		t.Fatal(plain.err)
	}
	for _, script := range []string{
		"crlf", "cr", "bom", "comments", "no-space", "multi-line", "names", "padding=7", "no-last-blank", "one-byte",
		"crlf,bom,comments,multi-line,names,one-byte", "cr,no-space,multi-line,no-last-blank,one-byte", "per-chunk=2ms", "pace=200000",
		"duplicate-headers", "delay=20ms",
	} {
		r.up.EnqueueText(t, script)
		got := r.run(t.Context(), say("Hello."), true)
		if got.err != nil || !slices.EqualFunc(got.chunks, plain.chunks, func(a, b *chatv1.ChatCompletionChunk) bool { return proto.Equal(a, b) }) {
			t.Errorf("%s: %d chunks of %d, %v", script, len(got.chunks), len(plain.chunks), got.err)
		}
	}
}
