package openai_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// upstream is one that takes any model and member.
func upstream(t *testing.T) *providertest.Upstream {
	t.Helper()
	return providertest.Start(t, func(p *providertest.Params) {
		p.Models, p.AcceptUnknown = []string{"m1"}, true
		p.Always = providertest.Script{Times: -1, Replay: "gomodel/openai/chat_completion.json"}
	})
}

// TestWhatIsSent shows, for a call, the body that the provider gets.
func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	rule := func(c *providers.ChatCall) {
		c.Target.ParameterRules = []modelsv1.ParameterRule{modelsv1.ParameterRule_PARAMETER_RULE_MAX_COMPLETION_TOKENS}
	}
	plain := func(c *providers.ChatCall) { c.Patch = false }
	unmetered := func(c *providers.ChatCall) { c.Meter = false }
	usage := &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
	const hi = `"messages":[{"role":"user","content":"hi"}]`
	const asked = `"stream":true,"stream_options":{"include_usage":true}`
	for name, test := range map[string]struct {
		params *chatv1.ChatCompletionParams
		change []func(*providers.ChatCall)
		stream bool
		want   string
	}{
		"the target's model": {params: &chatv1.ChatCompletionParams{}, want: `{"model":"m1",` + hi + `}`},
		"the RPC decides on streaming": {params: &chatv1.ChatCompletionParams{Stream: proto.Bool(true)},
			want: `{"model":"m1",` + hi + `}`},
		"a stream that is none": {params: &chatv1.ChatCompletionParams{Stream: proto.Bool(false)},
			want: `{"model":"m1",` + hi + `,"stream":false}`},
		"usage is asked for": {params: &chatv1.ChatCompletionParams{}, stream: true,
			want: `{"model":"m1",` + hi + `,` + asked + `}`},
		"usage was asked for": {params: &chatv1.ChatCompletionParams{StreamOptions: usage}, stream: true, change: []func(*providers.ChatCall){plain},
			want: `{"model":"m1",` + hi + `,` + asked + `}`},
		"usage was declined": {params: &chatv1.ChatCompletionParams{StreamOptions: &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(false)}}, stream: true,
			want: `{"model":"m1",` + hi + `,` + asked + `}`},
		"other options stay": {params: &chatv1.ChatCompletionParams{StreamOptions: &chatv1.ChatStreamOptions{IncludeObfuscation: proto.Bool(false), ExtraJson: `{"x":1}`}}, stream: true,
			want: `{"model":"m1",` + hi + `,"stream":true,"stream_options":{"include_usage":true,"include_obfuscation":false,"x":1}}`},
		"options that are null": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"a":1,"stream_options":null,"b":2}`}, stream: true,
			want: `{"model":"m1",` + hi + `,` + asked + `,"a":1,"b":2}`},
		"an option that is null": {params: &chatv1.ChatCompletionParams{StreamOptions: &chatv1.ChatStreamOptions{ExtraJson: `{"include_usage":null}`}}, stream: true,
			want: `{"model":"m1",` + hi + `,` + asked + `}`},
		"options that make no sense are the provider's to refuse": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"stream_options":7}`}, stream: true,
			want: `{"model":"m1",` + hi + `,"stream":true,"stream_options":7}`},
		"an option that makes no sense": {params: &chatv1.ChatCompletionParams{StreamOptions: &chatv1.ChatStreamOptions{ExtraJson: `{"include_usage":"yes"}`}}, stream: true,
			want: `{"model":"m1",` + hi + `,"stream":true,"stream_options":{"include_usage":"yes"}}`},
		"nothing is patched": {params: &chatv1.ChatCompletionParams{MaxTokens: proto.Int32(9)}, stream: true, change: []func(*providers.ChatCall){rule, plain},
			want: `{"model":"m1",` + hi + `,"max_tokens":9,"stream":true}`},
		"nobody meters": {params: &chatv1.ChatCompletionParams{}, stream: true, change: []func(*providers.ChatCall){unmetered},
			want: `{"model":"m1",` + hi + `,"stream":true}`},
		"max_tokens by its newer name": {params: &chatv1.ChatCompletionParams{MaxTokens: proto.Int32(9)}, change: []func(*providers.ChatCall){rule},
			want: `{"model":"m1",` + hi + `,"max_completion_tokens":9}`},
		"max_tokens without a rule": {params: &chatv1.ChatCompletionParams{MaxTokens: proto.Int32(9)},
			want: `{"model":"m1",` + hi + `,"max_tokens":9}`},
		"both": {params: &chatv1.ChatCompletionParams{MaxTokens: proto.Int32(9), MaxCompletionTokens: proto.Int32(5)}, change: []func(*providers.ChatCall){rule},
			want: `{"model":"m1",` + hi + `,"max_completion_tokens":5}`},
		"the newer one null": {params: &chatv1.ChatCompletionParams{MaxTokens: proto.Int32(9), ExtraJson: `{"max_completion_tokens":null}`}, change: []func(*providers.ChatCall){rule},
			want: `{"model":"m1",` + hi + `,"max_completion_tokens":null}`},
		"the older one null": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"max_tokens":null}`}, change: []func(*providers.ChatCall){rule},
			want: `{"model":"m1",` + hi + `,"max_tokens":null}`},
		"unknown members": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"top_k":5,"thinking":{"type":"enabled"}}`},
			want: `{"model":"m1",` + hi + `,"top_k":5,"thinking":{"type":"enabled"}}`},
		"no second model": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"model":"dear","top_k":5}`},
			want: `{"model":"m1",` + hi + `,"top_k":5}`},
		"no second stream": {params: &chatv1.ChatCompletionParams{ExtraJson: `{"stream":null}`}, stream: true, change: []func(*providers.ChatCall){unmetered},
			want: `{"model":"m1",` + hi + `,"stream":true}`},
		"typed messages": {params: &chatv1.ChatCompletionParams{Messages: []*chatv1.ChatMessage{{Role: "user", Content: proto.String("hi")}}},
			want: `{"model":"m1",` + hi + `}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := upstream(t)
			c := call(test.params)
			for _, f := range test.change {
				f(c)
			}
			before := proto.Clone(c.Params)
			p := provider(t, openai.Type, up.URL())
			if test.stream {
				_, _ = collect(t.Context(), p, c) // what comes back is of no matter here
			} else if _, err := p.ChatCompletion(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			if got := string(up.Chats()[0].Body); !sameJSON(t, got, test.want) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !proto.Equal(before, c.Params) {
				t.Errorf("the request was changed: %v", c.Params)
			}
			_ = up.TakeViolations()
		})
	}
}

// sameJSON compares values, and that no name stands twice.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	var x, y map[string]any
	if err := json.Unmarshal([]byte(a), &x); err != nil {
		t.Fatalf("%s: %v", a, err)
	}
	if err := json.Unmarshal([]byte(b), &y); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return reflect.DeepEqual(x, y) && len(a) == len(b)
}

// Messages and tools as JSON text go through byte for byte, however large.
func TestVerbatimTexts(t *testing.T) {
	t.Parallel()
	small := `[ {"role":"user", "content":"h\u0069 \u2028 <b>"} ]`
	large := `[ {"role":"user", "content":"` + strings.Repeat("x", 1<<20) + `"} ]`
	tool := `[ {"type":"function","function":{"name":"f","parameters":{"type":"object", "properties":{"b":{"minimum":2.50},"a":{}}}}} ]`
	tools := strings.Replace(tool, "]", strings.Repeat(" ", 20<<10)+"]", 1)
	for name, test := range map[string]*chatv1.ChatCompletionParams{
		"small":                 {MessagesJson: small, ToolsJson: tool},
		"large messages":        {MessagesJson: large, ToolsJson: tool, Temperature: proto.Float64(0.5)},
		"large tools":           {MessagesJson: small, ToolsJson: tools, ExtraJson: `{"a":1}`},
		"both":                  {MessagesJson: large, ToolsJson: tools, User: proto.String("\x00")},
		"messages, no tools":    {MessagesJson: large},
		"typed messages, tools": {Messages: []*chatv1.ChatMessage{{Role: "user", Content: proto.String("\x00")}}, ToolsJson: tools},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := upstream(t)
			p := provider(t, openai.Type, up.URL())
			for range 2 {
				if _, err := p.ChatCompletion(t.Context(), call(proto.CloneOf(test))); err != nil {
					t.Fatal(err)
				}
			}
			for _, r := range up.Chats() {
				for _, text := range []string{test.MessagesJson, test.ToolsJson} {
					if !strings.Contains(string(r.Body), text) {
						t.Error("a text was changed")
					}
				}
				if !json.Valid(r.Body) {
					t.Error("the body is not JSON")
				}
			}
			_ = up.TakeViolations()
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		id     string
		change func(*providers.Params)
		want   map[string]string
	}{
		"usual": {"call-1", func(*providers.Params) {}, map[string]string{
			"Authorization": "Bearer " + key, "X-Client-Request-Id": "call-1", "User-Agent": "signalbox/1.2.3",
			"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity",
			"Openai-Organization": "", "Openai-Project": "",
		}},
		"organization and project": {"call-1", func(p *providers.Params) {
			p.Config.Organization, p.Config.Project = "org-1", "proj-1"
		}, map[string]string{"Openai-Organization": "org-1", "Openai-Project": "proj-1", "X-Client-Request-Id": "call-1"}},
		"no id":          {"", func(*providers.Params) {}, map[string]string{"X-Client-Request-Id": ""}},
		"an odd id":      {"käfer", func(*providers.Params) {}, map[string]string{"X-Client-Request-Id": ""}},
		"a wicked id":    {"a\r\nb: c", func(*providers.Params) {}, map[string]string{"X-Client-Request-Id": ""}},
		"an endless id":  {strings.Repeat("x", 513), func(*providers.Params) {}, map[string]string{"X-Client-Request-Id": ""}},
		"the longest id": {strings.Repeat("x", 512), func(*providers.Params) {}, map[string]string{"X-Client-Request-Id": strings.Repeat("x", 512)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := upstream(t)
			c := call(&chatv1.ChatCompletionParams{})
			c.RequestID = test.id
			if _, err := provider(t, openai.Type, up.URL(), test.change).ChatCompletion(t.Context(), c); err != nil {
				t.Fatal(err)
			}
			for header, want := range test.want {
				if got := up.Chats()[0].Header.Get(header); got != want {
					t.Errorf("%s is %q, want %q", header, got, want)
				}
			}
		})
	}
}

// A compatible provider is a row of data.
func TestQuirks(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t, func(p *providertest.Params) {
		p.Models, p.AcceptUnknown, p.AllowHeaders = []string{"m1"}, true, []string{"*"}
	})
	kind := openai.Compatible(openai.Quirks{Name: "acme", Keyless: true, KeyHeader: "api-key", NoStreamUsage: true})
	if kind.Name != "acme" || !kind.Keyless || kind.Dialect != providers.DialectOpenAI {
		t.Errorf("got %+v", kind)
	}
	_, _ = collect(t.Context(), provider(t, kind, up.URL()), call(&chatv1.ChatCompletionParams{}))
	_, _ = collect(t.Context(), provider(t, kind, up.URL(), func(p *providers.Params) { p.APIKey = "" }), call(&chatv1.ChatCompletionParams{}))
	_ = up.TakeViolations()
	keyed, keyless := up.Chats()[0], up.Chats()[1]
	if keyed.Header.Get("Api-Key") != key || keyed.Header.Get("Authorization") != "" {
		t.Errorf("with a key: %v", keyed.Header)
	}
	if _, has := keyless.Header[http.CanonicalHeaderKey("api-key")]; has {
		t.Errorf("without a key: %v", keyless.Header)
	}
	if strings.Contains(string(keyed.Body), "stream_options") {
		t.Errorf("usage was asked for: %s", keyed.Body)
	}
	off := provider(t, openai.Type, up.URL(), func(p *providers.Params) { p.Config.StreamUsage = proto.Bool(false) })
	_, _ = collect(t.Context(), off, call(&chatv1.ChatCompletionParams{}))
	if body := string(up.Chats()[2].Body); strings.Contains(body, "stream_options") {
		t.Errorf("usage was asked for in spite of the configuration: %s", body)
	}
}
