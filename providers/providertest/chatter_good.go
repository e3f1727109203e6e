package providertest

import (
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
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
	var u struct {
		Total int `json:"total_tokens"`
	}
	if err := json.Unmarshal([]byte(x.UsageJSON), &u); err != nil || u.Total == 0 {
		t.Errorf("the usage is %q", x.UsageJSON)
	}
	all := up.Requests()
	if r := all[len(all)-1]; r.ClientRequestID != c.RequestID || r.Credential != up.Key() || strings.Contains(last.Credential, up.Key()) {
		t.Errorf("the request id %q, the credential %q, its label %q", r.ClientRequestID, r.Credential, last.Credential)
	}
}
