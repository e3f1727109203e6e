package providertest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// plainMessages are sent byte for byte, whatever else changes.
const plainMessages = `[{"role":"user","content":[{"text":"é \u00e9 ","type":"text"}]}]`

// sent is a call and what the provider is sent for it.
type sent struct {
	name   string
	change func(*providers.ChatCall)
	stream bool
	want   string
}

// sents are calls whose requests are judged.
func sents() []sent {
	const plain = `"messages":` + plainMessages
	return []sent{
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
	}
}

// testRequest judges what the provider is sent.
func (s *suite) testRequest(t *testing.T) {
	t.Parallel()
	for _, c := range sents() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := s.rig(t, longWait, func(p *Params) { p.AcceptUnknown = true })
			cc := call(&chatv1.ChatCompletionParams{MessagesJson: plainMessages})
			c.change(cc)
			before := proto.Clone(cc.Params)
			if got := r.run(t.Context(), cc, c.stream); got.err != nil {
				t.Fatal(got.err)
			}
			if !proto.Equal(before, cc.Params) {
				t.Errorf("the adapter changed the request to %v", cc.Params)
			}
			body := string(r.up.Requests()[0].Body)
			if !equalJSON(t, body, c.want) || !strings.Contains(body, plainMessages) {
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
