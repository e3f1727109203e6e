package builtin_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// answering is a provider that gives these answers in turn, the last one for ever.
func answering(t *testing.T, mediaType string, bodies ...string) string {
	t.Helper()
	turn := make(chan string, len(bodies))
	for _, body := range bodies {
		turn <- body
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", mediaType)
		body := <-turn
		if len(turn) == 0 {
			turn <- body
		}
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// asked is a call for a model m1 that wants its usage.
func asked(stream bool) *providers.ChatCall {
	params := &chatv1.ChatCompletionParams{Model: "m1", MessagesJson: `[{"role":"user","content":"hi"}]`}
	if stream {
		params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
	}
	return &providers.ChatCall{
		Params: params, Target: &planv1.Target{Model: "m1"}, Patch: true, Meter: true, Exchange: new(providers.Exchange),
		Retry: &planv1.RetryPolicy{MaxAttempts: 1},
	}
}

// streamed makes a call and returns its chunks, with the error but for io.EOF.
func streamed(ctx context.Context, p providers.Chatter, c *providers.ChatCall) ([]*chatv1.ChatCompletionChunk, error) {
	s, err := p.StreamChatCompletion(ctx, c)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var all []*chatv1.ChatCompletionChunk
	for {
		chunk, err := s.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, chunk)
	}
}

// made are texts that differ each time: ids that are made here, and times of now.
func made(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, `"id":"c`)
		out.WriteString(before)
		if !found {
			return out.String()
		}
		id, rest, _ := strings.Cut(after, `"`)
		if prefix, random, _ := strings.Cut(id, "-"); len(random) == 26 {
			id = prefix + "-#"
		} else if prefix, random, _ := strings.Cut(id, "_"); len(random) == 26 {
			id = prefix + "_#"
		}
		out.WriteString(`"id":"c` + id + `"`)
		text = rest
	}
}

// TestReplies shows what becomes of the replies of providers.
func TestReplies(t *testing.T) {
	t.Parallel()
	const (
		begin = `{"id":"a","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,`
		hi    = `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[]},"finish_reason":"stop","logprobs":null}]`
	)
	for name, test := range map[string]struct{ types, given, want string }{
		"what is lacking": {"openai_compatible vllm", `{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"eos"}],"created":1769088912345.5}`,
			`{"id":"chatcmpl-#","object":"chat.completion","created":1769088912,"model":"m1","choices":[{"index":0,` + hi + `}`},
		"no role, null id, a finish that is a word of Anthropic's": {"openai_compatible", `{"id":null,"created":5.0,"model":"m","choices":[{"index":0,"message":{"role":null,"content":"hi"},"finish_reason":"end_turn"}]}`,
			`{"id":"chatcmpl-#","object":"chat.completion","created":5,"model":"m","choices":[{"index":0,` + hi + `}`},
		"ids that are not unique": {"ollama", begin + `"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}`,
			strings.Replace(begin, `"a"`, `"chatcmpl-#"`, 1) + hi + `}`},
		"an empty finish": {"groq", begin + `"message":{"role":"assistant","content":"hi"},"finish_reason":""}]}`, begin + hi + `}`},
		"calls without ids, with objects": {"openai_compatible", begin + `"message":{"role":"assistant","content":null,"tool_calls":[` +
			`{"function":{"name":"f","arguments":{"a": 1}}},{"id":null,"type":"function","function":{"name":"g","arguments":"{}"}},{"id":"c1","function":{"name":"h"}}]}}]}`,
			begin + `"message":{"role":"assistant","content":null,"tool_calls":[{"id":"call_#","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}},` +
				`{"id":"call_#","type":"function","function":{"name":"g","arguments":"{}"}},{"id":"c1","type":"function","function":{"name":"h","arguments":"{}"}}],"refusal":null,"annotations":[]},` +
				`"finish_reason":"tool_calls","logprobs":null}]}`},
		"an empty list of calls, and nulls": {"vllm", begin + `"message":{"role":"assistant","content":"hi","tool_calls":[],"function_call":null},"finish_reason":"stop","stop_reason":null}]}`,
			begin + `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[],"function_call":null},"finish_reason":"stop","logprobs":null,"stop_reason":null}]}`},
		"reasoning": {"groq vllm openrouter", begin + `"message":{"role":"assistant","content":"hi","reasoning":"r","reasoning_details":[{"type":"reasoning.encrypted","data":"x","new":1}]},"finish_reason":"stop"}]}`,
			begin + `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[],"reasoning_content":"r","reasoning":"r","reasoning_details":[{"type":"reasoning.encrypted","data":"x","new":1}]},"finish_reason":"stop","logprobs":null}]}`},
		"reasoning_content": {"xai deepseek", begin + `"message":{"role":"assistant","content":"hi","reasoning_content":"r"},"finish_reason":"stop"}]}`,
			begin + `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[],"reasoning_content":"r"},"finish_reason":"stop","logprobs":null}]}`},
		"thoughts among the content": {"mistral", begin + `"message":{"role":"assistant","content":[{"type":"thinking","thinking":[{"type":"text","text":"r"},{"type":"text","text":"s"}]},{"type":"text","text":"h"},{"type":"text","text":"i"}]},"finish_reason":"model_length"}]}`,
			begin + `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[],"reasoning_content":"rs"},"finish_reason":"length","logprobs":null}]}`},
		"parts that have no text": {"mistral", begin + `"message":{"role":"assistant","content":[{"type":"text","text":"hi"},{"type":"reference","reference_ids":[1]}]},"finish_reason":"stop"}]}`,
			begin + `"message":{"role":"assistant","content":"hi","refusal":null,"annotations":[],"content_parts":[{"type":"text","text":"hi"},{"type":"reference","reference_ids":[1]}]},"finish_reason":"stop","logprobs":null}]}`},
		"output without its reasoning": {"xai", begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":35,"total_tokens":420,"completion_tokens_details":{"reasoning_tokens":375},"num_sources_used":0}}`,
			begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":410,"total_tokens":420,"completion_tokens_details":{"reasoning_tokens":375},"num_sources_used":0}}`},
		"output with its reasoning": {"xai deepseek", begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":410,"total_tokens":420,"completion_tokens_details":{"reasoning_tokens":375}}}`,
			begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":410,"total_tokens":420,"completion_tokens_details":{"reasoning_tokens":375}}}`},
		"a cache by its own name": {"deepseek", begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}}`,
			begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11,"prompt_tokens_details":{"cached_tokens":8},"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":2}}`},
		"no total": {"openai_compatible", begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":1}}`,
			begin + hi + `,"usage":{"prompt_tokens":10,"completion_tokens":1,"total_tokens":11}}`},
		"usage in a place of Groq's": {"groq", begin + hi + `,"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"queue_time":0.5}}}`,
			begin + hi + `,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"queue_time":0.5},"x_groq":{"id":"r","usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"queue_time":0.5}}}`},
		"members of one's own": {"openrouter azure", begin + hi + `,"provider":"Acme","prompt_filter_results":[{"a":1.0}]}`, begin + hi + `,"provider":"Acme","prompt_filter_results":[{"a":1.0}]}`},
	} {
		for kind := range strings.FieldsSeq(test.types) {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				p := instance(t, typeOf(t, kind), &configv1.Provider{BaseUrl: answering(t, "application/json", test.given)})
				c := asked(false)
				m, err := p.ChatCompletion(t.Context(), c)
				if err != nil {
					t.Fatal(err)
				}
				if got := made(string(codec.AppendChatCompletion(nil, m, wire.Reply))); !same(got, test.want) {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				if usage, has := wire.Member(test.given, "usage"); has && c.Exchange.UsageJSON != usage || !proto.Equal(c.Exchange.Usage, m.GetUsage()) {
					t.Errorf("usage %s, %v", c.Exchange.UsageJSON, c.Exchange.Usage)
				}
			})
		}
	}
}

// data frames events as OpenAI does.
func data(events ...string) string {
	return "data: " + strings.Join(events, "\n\ndata: ") + "\n\n"
}

// chunk is an event with one delta.
func chunk(delta string) string {
	return `{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{` + delta + `}}]}`
}

const (
	stop = `{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
	done = "[DONE]"
)

// TestStreams shows what becomes of the streams of providers, in short: the chunks'
// choices, of which the deltas are shown, and what else is there.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		types string
		given []string
		want  string
	}{
		"the role again and again": {"ollama openrouter groq", []string{chunk(`"role":"assistant","content":"h"`), chunk(`"role":"assistant","content":"i"`), stop, done},
			`{"role":"assistant","content":"h"} {"content":"i"} {}stop`},
		"no role": {"xai openai_compatible", []string{chunk(`"content":"h"`), chunk(`"role":null,"content":"i"`), stop, done},
			`{"role":"assistant","content":"h"} {"content":"i","role":null} {}stop`},
		"a call in pieces, all of them with everything": {"mistral openai_compatible", []string{
			chunk(`"tool_calls":[{"id":"x","type":"function","index":0,"function":{"name":"f","arguments":""}}]`),
			chunk(`"tool_calls":[{"id":"x","type":"function","index":0,"function":{"name":"","arguments":"{}"}}]`), stop, done},
			`{"role":"assistant","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]} {"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]} {}stop`},
		"calls from 1": {"openai_compatible", []string{
			chunk(`"tool_calls":[{"index":1,"id":"x","type":"function","function":{"name":"f","arguments":""}}]`), chunk(`"tool_calls":[{"index":1,"function":{"arguments":"1"}}]`),
			chunk(`"tool_calls":[{"index":3,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}]`), stop, done},
			`{"role":"assistant","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":""}}]} {"tool_calls":[{"index":0,"function":{"arguments":"1"}}]}` +
				` {"tool_calls":[{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}]} {}stop`},
		"whole calls, without indexes or ids": {"mistral openai_compatible vllm", []string{
			chunk(`"tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},{"id":null,"function":{"name":"g","arguments":"{}"}}]`), stop, done},
			`{"role":"assistant","tool_calls":[{"index":0,"id":"call_#","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"index":1,"id":"call_#","type":"function","function":{"name":"g","arguments":"{}"}}]} {}stop`},
		"pieces without indexes": {"openai_compatible", []string{
			chunk(`"tool_calls":[{"id":"x","function":{"name":"f"}}]`), chunk(`"tool_calls":[{"function":{"arguments":"1"}}]`), chunk(`"tool_calls":[{"id":"y","function":{"name":"g","arguments":"2"}}]`),
			chunk(`"tool_calls":[{"id":"x","function":{"arguments":"3"}}]`), stop, done},
			`{"role":"assistant","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f"}}]} {"tool_calls":[{"index":0,"function":{"arguments":"1"}}]}` +
				` {"tool_calls":[{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}]} {"tool_calls":[{"index":0,"function":{"arguments":"3"}}]} {}stop`},
		"several calls under one index": {"openai_compatible ollama", []string{
			chunk(`"tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"1"}},{"index":0,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}]`), stop, done},
			`{"role":"assistant","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"1"}},{"index":1,"id":"y","type":"function","function":{"name":"g","arguments":"2"}}]} {}stop`},
		"no calls": {"vllm", []string{chunk(`"content":"h","tool_calls":[]`), stop, done}, `{"role":"assistant","content":"h"} {}stop`},
		"reasoning": {"groq ollama openrouter vllm", []string{chunk(`"content":"","reasoning":"r"`), stop, done},
			`{"role":"assistant","content":"","reasoning_content":"r","reasoning":"r"} {}stop`},
		"either of two": {"deepseek", []string{chunk(`"content":null,"reasoning_content":"r"`), chunk(`"content":"h","reasoning_content":null`), stop, done},
			`{"role":"assistant","reasoning_content":"r","content":null} {"content":"h","reasoning_content":null} {}stop`},
		"thoughts among the content": {"mistral", []string{chunk(`"content":[{"type":"thinking","thinking":[{"type":"text","text":"r"}]}]`), chunk(`"content":[{"type":"text","text":"h"}]`), stop, done},
			`{"role":"assistant","reasoning_content":"r"} {"content":"h"} {}stop`},
		"finish reasons that are empty": {"openai_compatible", []string{`{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{"content":"h"},"finish_reason":""}]}`, done},
			`{"role":"assistant","content":"h"} {}stop`},
		"finish reasons of others": {"openai_compatible", []string{`{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{"content":"h"},"finish_reason":"eos"}]}`, done},
			`{"role":"assistant","content":"h"}stop`},
		"usage with the last choice": {"groq deepseek mistral", []string{chunk(`"content":"h"`), strings.TrimSuffix(stop, "}") + `,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`, done},
			`{"role":"assistant","content":"h"} {}stop usage 1+2=3`},
		"usage in a place of Groq's": {"groq", []string{chunk(`"content":"h"`), strings.TrimSuffix(stop, "}") + `,"x_groq":{"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}}`, done},
			`{"role":"assistant","content":"h"} {}stop[x_groq] usage 1+2=3`},
		"usage by itself": {"xai azure openrouter", []string{chunk(`"content":"h"`), stop, `{"id":"a","created":9,"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":7,"completion_tokens_details":{"reasoning_tokens":4}}}`, done},
			`{"role":"assistant","content":"h"} {}stop usage 1+6=7`},
		"usage with every chunk": {"vllm", []string{strings.TrimSuffix(chunk(`"content":"h"`), "}") + `,"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}`, strings.TrimSuffix(stop, "}") + `,"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}`, done},
			`{"role":"assistant","content":"h"} usage 1+1=2 {}stop usage 1+2=3`},
		"a verdict before the first": {"azure", []string{`{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"a":1}]}`, chunk(`"content":"h"`), stop, done},
			`{"role":"assistant","content":"h"}[prompt_filter_results] {}stop`},
		"chunks without choices": {"xai azure vllm", []string{chunk(`"content":"h"`), `{"id":"a","created":5,"model":"m","choices":[],"a":1}`, stop, `{"id":"a","choices":[],"citations":["u"],"b":2}`, `{"id":"a","choices":[],"citations":["v"]}`, done},
			`{"role":"assistant","content":"h"} {}stop[a] [citations][b]`},
		"two choices without a finish": {"openai_compatible", []string{`{"id":"a","created":5,"model":"m","choices":[{"index":1,"delta":{"content":"h"},"finish_reason":""},{"index":0,"delta":{"tool_calls":[{"id":"x","function":{"name":"f","arguments":"1"}}]},"finish_reason":""}]}`, done},
			`{"role":"assistant","content":"h"}{"role":"assistant","tool_calls":[{"index":0,"id":"x","type":"function","function":{"name":"f","arguments":"1"}}]} {}tool_calls {}stop`},
		"another time, id and model": {"xai", []string{chunk(`"content":"h"`), `{"id":"b","created":6,"model":"n","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`, done},
			`{"role":"assistant","content":"h"} {}stop`},
		"two choices": {"vllm", []string{`{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"h"}},{"index":1,"delta":{"role":"assistant","content":"i"}}]}`,
			`{"id":"a","created":5,"model":"m","choices":[{"index":1,"delta":{"role":"assistant"},"finish_reason":"stop"},{"index":0,"delta":{"role":"assistant"},"finish_reason":"length"}]}`, done},
			`{"role":"assistant","content":"h"}{"role":"assistant","content":"i"} {}stop{}length`},
		"comments": {"openrouter deepseek", []string{chunk(`"content":"h"`) + "\n\n: OPENROUTER PROCESSING\n\n: keep-alive", stop, done}, `{"role":"assistant","content":"h"} {}stop`},
	} {
		for kind := range strings.FieldsSeq(test.types) {
			t.Run(kind+" "+name, func(t *testing.T) {
				t.Parallel()
				p := instance(t, typeOf(t, kind), &configv1.Provider{BaseUrl: answering(t, "text/event-stream", data(test.given...))})
				chunks, err := streamed(t.Context(), p, asked(true))
				if err != nil {
					t.Fatal(err)
				}
				if got := made(inShort(t, chunks)); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
			})
		}
	}
}

// inShort shows chunks, and checks what all of them must have.
func inShort(t *testing.T, chunks []*chatv1.ChatCompletionChunk) string {
	t.Helper()
	var out []string
	for _, c := range chunks {
		if first := chunks[0]; c.GetId() == "" || c.GetId() != first.GetId() || c.GetCreated() != 5 || c.GetModel() != "m" {
			t.Errorf("id %q, created %d, model %q; the first one has %q", c.GetId(), c.GetCreated(), c.GetModel(), first.GetId())
		}
		var text strings.Builder
		for _, choice := range c.GetChoices() {
			text.Write(codec.AppendChatDelta(nil, choice.GetDelta(), wire.Reply))
			text.WriteString(choice.GetFinishReason())
		}
		for p := range wire.Members(c.GetExtraJson()) {
			text.WriteString("[" + p.Key + "]")
		}
		if text.Len() > 0 {
			out = append(out, text.String())
		}
		if u := c.GetUsage(); u != nil {
			out = append(out, fmt.Sprintf("usage %d+%d=%d", u.GetPromptTokens(), u.GetCompletionTokens(), u.GetTotalTokens()))
		}
	}
	return strings.Join(out, " ")
}

// Replies that say in a choice that they failed are failures: tried again while nothing
// was shown, an error after.
func TestFailuresInChoices(t *testing.T) {
	t.Parallel()
	const overloaded, failed = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED
	for _, test := range []struct {
		kind, choice string
		want         commonv1.ErrorReason
	}{
		{"deepseek", `"finish_reason":"insufficient_system_resource"`, overloaded},
		{"mistral", `"finish_reason":"error"`, failed},
		{"groq", `"finish_reason":null}],"x_groq":{"id":"r","error":"over capacity"},"x":[{"a":1`, failed},
		{"openrouter", `"finish_reason":"error"`, failed},
		{"openrouter", `"error":{"code":503,"message":"busy","metadata":{"provider_name":"acme"}},"finish_reason":"error"`, overloaded},
	} {
		t.Run(test.kind+" "+test.choice, func(t *testing.T) {
			t.Parallel()
			whole := `{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"insufficient_system_resource \"error\""},"finish_reason":"stop"}]}`
			bad := `{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"h"},` + test.choice + `}]}`
			last := `{"id":"a","created":5,"model":"m","choices":[{"index":0,"delta":{},` + test.choice + `}]}`
			ask := func(stream bool, attempts int32, bodies ...string) (int, *providers.Exchange, error) {
				media := "application/json"
				if stream {
					media = "text/event-stream"
				}
				p := instance(t, typeOf(t, test.kind), &configv1.Provider{BaseUrl: answering(t, media, bodies...)})
				c := asked(stream)
				c.Retry.MaxAttempts = attempts
				if stream {
					chunks, err := streamed(t.Context(), p, c)
					return len(chunks), c.Exchange, err
				}
				_, err := p.ChatCompletion(t.Context(), c)
				return 0, c.Exchange, err
			}
			for name, one := range map[string]struct {
				stream bool
				bodies []string
				chunks int
				saved  bool
			}{
				"whole":             {false, []string{bad}, 0, false},
				"whole, then well":  {false, []string{bad, whole}, 0, true},
				"at once":           {true, []string{data(last, done)}, 0, false},
				"at once, then not": {true, []string{data(last, done), data(chunk(`"content":"h"`), stop, done)}, 2, true},
				"too late":          {true, []string{data(chunk(`"content":"h"`), last, done), data(chunk(`"content":"h"`), stop, done)}, 1, false},
			} {
				chunks, x, err := ask(one.stream, 2, one.bodies...)
				e := failure.As(err)
				if chunks != one.chunks || one.saved != (err == nil) || !one.saved && (e == nil || e.Reason != test.want || e.Message == "") {
					t.Errorf("%s: %d chunks, %v", name, chunks, err)
				}
				if wanted := 2; name != "too late" && len(x.Attempts) != wanted {
					t.Errorf("%s: %d attempts", name, len(x.Attempts))
				}
			}
		})
	}
}

// Streams that end without a finish reason are cut, whatever the provider.
func TestStreamsWithoutFinish(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields("azure groq xai openrouter deepseek mistral vllm ollama openai_compatible") {
		for how, body := range map[string]string{
			"an empty chunk": data(chunk(`"content":"h"`), chunk(`"role":"assistant","content":""`)),
			"[DONE]":         data(chunk(`"content":"h"`), done),
			"half an event":  data(chunk(`"content":"h"`)) + "data: {\"id\":",
		} {
			t.Run(name+" "+how, func(t *testing.T) {
				t.Parallel()
				p := instance(t, typeOf(t, name), &configv1.Provider{BaseUrl: answering(t, "text/event-stream", body)})
				_, err := streamed(t.Context(), p, asked(true))
				if e := failure.As(err); e == nil || e.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// A client that did not ask for a stream's usage does not see it; it is counted all the
// same, by OpenAI's arithmetic, and the provider's own text is kept.
func TestUsageForUsAlone(t *testing.T) {
	t.Parallel()
	const usage = `{"prompt_tokens":1,"completion_tokens":2,"total_tokens":7, "completion_tokens_details":{"reasoning_tokens":4}}`
	const citing = `{"role":"assistant","content":"h"} {}stop [citations]`
	p := instance(t, typeOf(t, "xai"), &configv1.Provider{BaseUrl: answering(t, "text/event-stream",
		data(chunk(`"content":"h"`), stop, `{"id":"a","choices":[],"citations":["u"],"usage":`+usage+`}`, done))})
	if chunks, err := streamed(t.Context(), p, asked(false)); err != nil || inShort(t, chunks) != citing {
		t.Errorf("%s, %v", inShort(t, chunks), err)
	}
	for kind, body := range map[string]string{
		"xai": data(chunk(`"content":"h"`), stop, `{"id":"a","choices":[],"usage":`+usage+`}`, done),
		"openrouter": data(
			chunk(`"content":"h"`), strings.TrimSuffix(stop, "}")+`,"provider":"OpenAI"}`,
			`{"id":"a","provider":"OpenAI","choices":[],"usage":`+usage+`}`, done,
		),
		"groq": data(chunk(`"content":"h"`), strings.TrimSuffix(stop, "}")+`,"usage":`+usage+`}`, done),
	} {
		p := instance(t, typeOf(t, kind), &configv1.Provider{BaseUrl: answering(t, "text/event-stream", body)})
		c := asked(false)
		chunks, err := streamed(t.Context(), p, c)
		if got := inShort(t, chunks); err != nil || strings.TrimSuffix(got, "[provider]") != `{"role":"assistant","content":"h"} {}stop` {
			t.Errorf("%s: %s, %v", kind, got, err)
		}
		if c.Exchange.UsageJSON != usage || c.Exchange.Usage.GetCompletionTokens() != 6 {
			t.Errorf("%s: %s, %v", kind, c.Exchange.UsageJSON, c.Exchange.Usage)
		}
	}
}
