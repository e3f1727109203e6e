package builtin_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// recorded are the recordings of chat completions of the compatible providers, by the
// type that they are of.
func recorded(t *testing.T) map[string]string {
	t.Helper()
	types := map[string]string{"gomodel/groq": "groq", "gomodel/xai": "xai", "vercel-ai/groq": "groq", "vercel-ai/xai": "xai", "vercel-ai/azure": "azure",
		"vercel-ai/deepseek": "deepseek", "vercel-ai/mistral": "mistral", "vercel-ai/openai-compatible": "openai_compatible"}
	all := map[string]string{}
	for _, name := range providertest.Recordings() {
		if kind := types[name[:strings.LastIndexByte(name, '/')]]; kind != "" && !strings.HasSuffix(name, "models.json") {
			all[name] = kind
		}
	}
	if len(all) < 30 {
		t.Fatalf("only %d recordings", len(all))
	}
	return all
}

// message is what an accumulator makes of a choice.
type message struct {
	content, reasoning, finish string
	calls                      []string
}

// accumulate puts chunks together as SDKs do, and complains of what they stumble over.
func accumulate(t *testing.T, chunks []*chatv1.ChatCompletionChunk) map[int32]*message {
	t.Helper()
	all := map[int32]*message{}
	for i, c := range chunks {
		first := chunks[0]
		if c.GetId() == "" || c.GetId() != first.GetId() || c.GetCreated() == 0 || c.GetCreated() != first.GetCreated() || c.GetModel() != first.GetModel() {
			t.Errorf("chunk %d has another id, time or model", i)
		}
		if len(c.GetChoices()) == 0 && c.Usage == nil {
			t.Errorf("chunk %d has nothing", i)
		}
		for _, choice := range c.GetChoices() {
			m, d := all[choice.GetIndex()], choice.GetDelta()
			if (m == nil) != (d.Role != nil) || m == nil && d.GetRole() != "assistant" {
				t.Errorf("chunk %d has the role %q", i, d.GetRole())
			}
			if m == nil {
				m = new(message)
				all[choice.GetIndex()] = m
			}
			m.content += d.GetContent()
			m.reasoning += d.GetReasoningContent()
			m.finish += choice.GetFinishReason()
			for _, call := range d.GetToolCalls() {
				m.add(t, call)
			}
		}
	}
	return all
}

func (m *message) add(t *testing.T, call *chatv1.ToolCall) {
	t.Helper()
	at := int(call.GetIndex())
	begins := call.Id != nil && call.Type != nil && call.GetFunction().Name != nil
	if call.Index == nil || at > len(m.calls) || begins != (at == len(m.calls)) {
		t.Errorf("a piece of call %d of %d: %v", at, len(m.calls), call)
		return
	}
	if begins {
		m.calls = append(m.calls, call.GetType()+" "+call.GetFunction().GetName()+" ")
	}
	m.calls[at] += call.GetFunction().GetArguments()
}

// whole is the same of a reply.
func whole(m *chatv1.ChatCompletion) map[int32]*message {
	all := map[int32]*message{}
	for _, c := range m.GetChoices() {
		one := &message{content: c.GetMessage().GetContent(), reasoning: c.GetMessage().GetReasoningContent(), finish: c.GetFinishReason()}
		for _, call := range c.GetMessage().GetToolCalls() {
			one.calls = append(one.calls, call.GetType()+" "+call.GetFunction().GetName()+" "+call.GetFunction().GetArguments())
		}
		all[c.GetIndex()] = one
	}
	return all
}

// raw is what a recording says, read by encoding/json.
type raw struct {
	Choices []struct {
		Index          int32
		Message, Delta struct {
			Content   any
			Reasoning string
			Thoughts  string `json:"reasoning_content"`
			ToolCalls []struct {
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
		Finish string `json:"finish_reason"`
	}
	Usage struct {
		Prompt     int `json:"prompt_tokens"`
		Completion int `json:"completion_tokens"`
		Total      int `json:"total_tokens"`
		Details    struct {
			Reasoning int `json:"reasoning_tokens"`
		} `json:"completion_tokens_details"`
	}
}

// said is all that a recording says, in one text.
func said(t *testing.T, documents ...string) string {
	t.Helper()
	content, reasoning, calls, finish := "", "", "", ""
	for _, document := range documents {
		var r raw
		if err := json.Unmarshal([]byte(document), &r); err != nil {
			t.Fatal(err)
		}
		for _, c := range r.Choices {
			for _, side := range []any{c.Message.Content, c.Delta.Content} {
				switch side := side.(type) {
				case string:
					content += side
				case []any:
					for _, part := range side {
						part := part.(map[string]any)
						text, _ := part["text"].(string)
						content += text
						if thoughts, _ := part["thinking"].([]any); thoughts != nil {
							reasoning += thoughts[0].(map[string]any)["text"].(string)
						}
					}
				}
			}
			reasoning += c.Message.Reasoning + c.Delta.Reasoning + c.Message.Thoughts + c.Delta.Thoughts
			for _, call := range append(c.Message.ToolCalls, c.Delta.ToolCalls...) {
				calls += call.Function.Name + call.Function.Arguments
			}
			finish += c.Finish
		}
	}
	return fmt.Sprintf("%q %q %q %q", content, reasoning, calls, finish)
}

// inOne is the same of what came out.
func inOne(all map[int32]*message) string {
	m := all[0]
	calls := ""
	for _, call := range m.calls {
		_, call, _ = strings.Cut(call, " ")
		name, arguments, _ := strings.Cut(call, " ")
		calls += name + arguments
	}
	return fmt.Sprintf("%q %q %q %q", m.content, m.reasoning, calls, m.finish)
}

// Recorded replies arrive whole; streams as SDKs want them, and put together as the
// reply that they are the stream of.
func TestRecordings(t *testing.T) {
	t.Parallel()
	results := map[string]map[int32]*message{}
	for name, kind := range recorded(t) {
		body, stream, err := providertest.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		media, documents := "application/json", []string{string(body)}
		if stream {
			media, documents = "text/event-stream", events(string(body))
		}
		p := instance(t, typeOf(t, kind), &configv1.Provider{BaseUrl: answering(t, media, string(body))})
		c := asked(stream)
		var usage *chatv1.CompletionUsage
		if stream {
			chunks, err := streamed(t.Context(), p, c)
			if err != nil || len(chunks) == 0 {
				t.Errorf("%s: %v", name, err)
				continue
			}
			results[name] = accumulate(t, chunks)
			last := chunks[len(chunks)-1]
			if usage = last.GetUsage(); usage != nil && len(last.GetChoices()) > 0 {
				t.Errorf("%s: usage comes with choices", name)
			}
		} else {
			m, err := p.ChatCompletion(t.Context(), c)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			results[name], usage = whole(m), m.GetUsage()
		}
		if got, want := inOne(results[name]), said(t, documents...); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
		sums(t, name, documents, usage)
		if !proto.Equal(usage, c.Exchange.Usage) || (usage != nil) != (c.Exchange.UsageJSON != "") {
			t.Errorf("%s: %v and %s are not the usage %v", name, c.Exchange.Usage, c.Exchange.UsageJSON, usage)
		}
	}
	alike(t, results)
}

// events are the data of a stream.
func events(body string) []string {
	var out []string
	for line := range strings.Lines(body) {
		if data, ok := strings.CutPrefix(strings.TrimSpace(line), "data: "); ok && data != done {
			out = append(out, data)
		}
	}
	return out
}

// sums checks that a usage has the recorded total, and OpenAI's arithmetic.
func sums(t *testing.T, name string, documents []string, u *chatv1.CompletionUsage) {
	t.Helper()
	total, reasoning := 0, 0
	for _, document := range documents {
		var r raw
		_ = json.Unmarshal([]byte(document), &r)
		if r.Usage.Total > 0 {
			total, reasoning = r.Usage.Total, r.Usage.Details.Reasoning
		}
	}
	if int(u.GetTotalTokens()) != total || u.GetPromptTokens()+u.GetCompletionTokens() != u.GetTotalTokens() ||
		int(u.GetCompletionTokensDetails().GetReasoningTokens()) != reasoning || u.GetCompletionTokens() < u.GetCompletionTokensDetails().GetReasoningTokens() {
		t.Errorf("%s: usage %v, recorded are %d in all and %d of reasoning", name, u, total, reasoning)
	}
}

// alike compares each stream with the reply of the same name: the same parts, and the
// same tools with the same arguments.
func alike(t *testing.T, results map[string]map[int32]*message) {
	t.Helper()
	pairs := 0
	for name, stream := range results {
		reply := results[strings.TrimSuffix(name, ".chunks.txt")+".json"]
		if reply == nil || strings.HasSuffix(name, ".json") {
			continue
		}
		pairs++
		a, b := stream[0], reply[0]
		if (a.content == "") != (b.content == "") || (a.reasoning == "") != (b.reasoning == "") || a.finish != b.finish || !slices.EqualFunc(a.calls, b.calls, sameCall) {
			t.Errorf("%s:\nstreamed %+v\nwhole    %+v", name, a, b)
		}
		if name == "vercel-ai/mistral/mistral-reasoning.chunks.txt" && (a.content != b.content || a.reasoning != b.reasoning) {
			t.Errorf("%s: streamed %+v, whole %+v", name, a, b)
		}
	}
	if pairs < 7 {
		t.Errorf("only %d pairs", pairs)
	}
}

// sameCall compares calls, but for the spaces that models put into arguments.
func sameCall(a, b string) bool {
	return strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", "")
}

// A recorded stream that is cut anywhere never looks complete, unless all is there.
func TestCutRecordings(t *testing.T) {
	t.Parallel()
	for name, kind := range recorded(t) {
		body, stream, err := providertest.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if !stream {
			continue
		}
		text := string(body)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := 1 + strings.Count(text, "\n\n")/40
			at := 0
			for i := 0; ; i++ {
				next := strings.Index(text[at:], "\n\n")
				if next < 0 {
					break
				}
				next += at + 2
				if i%step == 0 || len(text)-next < 2000 {
					cut(t, kind, text[:at])
					cut(t, kind, text[:at+(next-at)/2])
				}
				at = next
			}
			cut(t, kind, text)
		})
	}
}

// cut asks a provider whose stream ends in order after a part of it. What is complete
// has [DONE], or, where that may be missing, its finish reason.
func cut(t *testing.T, kind, part string) {
	t.Helper()
	complete := strings.Contains(part, "data: [DONE]") ||
		kind == "openai_compatible" && strings.Contains(part, `"finish_reason":"tool_calls"`) && strings.HasSuffix(part, "\n\n")
	p := instance(t, typeOf(t, kind), &configv1.Provider{BaseUrl: answering(t, "text/event-stream", part)})
	_, err := streamed(t.Context(), p, asked(true))
	e := failure.As(err)
	if complete == (err != nil) || !complete && e.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED &&
		(part != "" && strings.Contains(part, "\n\n") || e.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY) {
		t.Errorf("complete is %t after %q: %v", complete, part[max(0, len(part)-80):], err)
	}
}
