package audit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// recorded returns the chunks of the recorded streams, by file, as JSON.
func recorded(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("testdata/streams/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded streams: %v", err)
	}
	streams := map[string][]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(content)) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "data:"))
			if strings.HasPrefix(line, "{") {
				streams[file] = append(streams[file], line)
			}
		}
	}
	return streams
}

func decodeChunk(t *testing.T, text string) *chatv1.ChatCompletionChunk {
	t.Helper()
	chunk := &chatv1.ChatCompletionChunk{}
	if err := codec.DecodeChatCompletionChunk(text, chunk, wire.Limits{}); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return chunk
}

// assemble is the completion of chunks, as JSON.
func assemble(t *testing.T, chunks []string) map[string]any {
	t.Helper()
	chat := NewChat(1 << 20)
	for _, text := range chunks {
		chunk := decodeChunk(t, text)
		before := proto.CloneOf(chunk)
		chat.Add(chunk)
		if !proto.Equal(chunk, before) {
			t.Errorf("Add changed a chunk into %v", chunk)
		}
		proto.Reset(chunk) // it belongs to the caller, who may use it again
	}
	return decodeCompletion(t, chat.Completion())
}

func decodeCompletion(t *testing.T, completion *chatv1.ChatCompletion) map[string]any {
	t.Helper()
	text, err := codec.Append(nil, completion, wire.Reply)
	if err != nil {
		t.Fatal(err)
	}
	var decoded map[string]any
	if err := json.Unmarshal(text, &decoded); err != nil {
		t.Fatalf("the completion is no JSON: %v\n%s", err, text)
	}
	return decoded
}

// at looks into decoded JSON: names of members and places in lists.
func at(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

func str(value any) string {
	s, _ := value.(string)
	return s
}

// pieces joins what the deltas of a choice have at a path. It is the other way to
// the same words: by plain JSON, without our messages.
func pieces(t *testing.T, chunks []string, choice float64, path ...any) string {
	t.Helper()
	var b strings.Builder
	for _, chunk := range chunks {
		var decoded map[string]any
		if err := json.Unmarshal([]byte(chunk), &decoded); err != nil {
			t.Fatal(err)
		}
		choices, _ := decoded["choices"].([]any)
		for _, c := range choices {
			if at(c, "index") == choice {
				b.WriteString(str(at(c, append([]any{"delta"}, path...)...)))
			}
		}
	}
	return b.String()
}

func TestRecordedStreamsAreAssembled(t *testing.T) {
	t.Parallel()
	for file, chunks := range recorded(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			got := assemble(t, chunks)
			if got["object"] != "chat.completion" || str(got["id"]) == "" || str(got["model"]) == "" {
				t.Errorf("the completion has id %v, model %v, object %v", got["id"], got["model"], got["object"])
			}
			choices, _ := got["choices"].([]any)
			if len(choices) == 0 {
				t.Fatal("the completion has no choices")
			}
			for n, choice := range choices {
				index, _ := at(choice, "index").(float64)
				if index != float64(n) {
					t.Errorf("choice %d has index %v", n, index)
				}
				for _, name := range []string{"content", "refusal", "reasoning_content", "reasoning"} {
					want := pieces(t, chunks, index, name)
					if got := str(at(choice, "message", name)); got != want {
						t.Errorf("choice %d: %s is %q, want %q", n, name, got, want)
					}
				}
				if at(choice, "message", "role") != "assistant" || str(at(choice, "finish_reason")) == "" {
					t.Errorf("choice %d has role %v, finish reason %v", n, at(choice, "message", "role"), at(choice, "finish_reason"))
				}
			}
		})
	}
}

func TestToolCallsAreMergedByIndex(t *testing.T) {
	t.Parallel()
	for file, want := range map[string][]struct{ choice, id, name, arguments string }{
		"openai-python-parallel-tools.txt": {
			{"0", "call_JMW1whyEaYG438VE1OIflxA2", "GetWeatherArgs", `{"city": "Edinburgh", "country": "GB", "units": "c"}`},
			{"0", "call_DNYTawLBoN8fj3KN6qU9N1Ou", "get_stock_price", `{"ticker": "AAPL", "exchange": "NASDAQ"}`},
		},
		"vercel-ai-mistral-tool-call.txt":   {{"0", "chatcmpl-tool-9f149c74c42f265b", "webSearchTool", `{"query": "current Berlin weather"}`}},
		"vercel-ai-groq-tool-call.txt":      {{"0", "tk85n1k4m", "weather", `{}`}},
		"vercel-ai-anthropic-tool-call.txt": {{"0", "toolu_sanitized", "read_file", `{"path": "a.txt"}`}},
		"vercel-ai-deepseek-tool-call.txt":  {{"0", "call_00_ioIn7yN9p1ZOMNpDLwd4MgAF", "weather", `{"location": "San Francisco"}`}},
	} {
		got := assemble(t, recorded(t)[filepath.Join("testdata", "streams", file)])
		calls, _ := at(got, "choices", 0, "message", "tool_calls").([]any)
		if len(calls) != len(want) {
			t.Errorf("%s: %d tool calls, want %d: %v", file, len(calls), len(want), calls)
			continue
		}
		for n, want := range want {
			call := calls[n]
			if at(call, "id") != want.id || at(call, "type") != "function" || at(call, "function", "name") != want.name || at(call, "function", "arguments") != want.arguments {
				t.Errorf("%s: call %d is %v, want %v", file, n, call, want)
			}
			if _, has := call.(map[string]any)["index"]; has {
				t.Errorf("%s: a whole call has an index", file)
			}
		}
	}
}

func TestOtherMembersOfRecordedStreams(t *testing.T) {
	t.Parallel()
	streams := recorded(t)
	stream := func(name string) map[string]any { return assemble(t, streams["testdata/streams/"+name]) }

	groq := stream("vercel-ai-groq-tool-call.txt")
	if at(groq, "x_groq", "id") == nil || at(groq, "x_groq", "seed") == nil || at(groq, "x_groq", "usage", "total_tokens") != 225.0 {
		t.Errorf("unknown members of chunks were not merged: %v", groq["x_groq"])
	}
	if at(groq, "usage", "total_tokens") != 225.0 {
		t.Errorf("usage is %v", groq["usage"])
	}
	logprobs := stream("openai-python-refusal-logprobs.txt")
	tokens, _ := at(logprobs, "choices", 0, "logprobs", "refusal").([]any)
	var said strings.Builder
	for _, token := range tokens {
		said.WriteString(str(at(token, "token")))
	}
	if refusal := str(at(logprobs, "choices", 0, "message", "refusal")); said.String() != refusal || refusal == "" {
		t.Errorf("the log probabilities say %q, the refusal %q", said.String(), refusal)
	}
	if choices, _ := stream("openai-python-three-choices.txt")["choices"].([]any); len(choices) != 3 {
		t.Errorf("%d choices, want 3", len(choices))
	}
	parts, _ := at(stream("vercel-ai-mistral-reasoning.txt"), "choices", 0, "message", "content").([]any)
	if len(parts) != 3 || at(parts, 2, "text") != "2 + 2 = 4" || at(parts, 0, "thinking", 0, "text") != "The user is asking" {
		t.Errorf("content in parts was assembled to %v", parts)
	}
}

func TestChunksThatNoRecordingHas(t *testing.T) {
	t.Parallel()
	delta := func(texts ...string) []string {
		for i := range texts {
			texts[i] = `{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":` + texts[i] + `}]}`
		}
		return texts
	}
	for _, test := range []struct {
		name   string
		chunks []string
		path   []any
		want   string
	}{
		{"tool calls without an index are told apart by id",
			delta(`{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"1"}}]}`, `{"tool_calls":[{"id":"b","function":{"name":"g","arguments":"2"}}]}`, `{"tool_calls":[{"function":{"arguments":"3"}}]}`),
			[]any{"tool_calls"}, `[{"id":"a","function":{"name":"f","arguments":"1"}},{"id":"b","function":{"name":"g","arguments":"23"}}]`},
		{"tool calls that come in any order",
			delta(`{"tool_calls":[{"index":1,"id":"b","custom":{"name":"g","input":"x"}}]}`, `{"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}`, `{"tool_calls":[{"index":1,"custom":{"input":"y"}},{"index":0,"function":{"arguments":"{}"}}]}`),
			[]any{"tool_calls"}, `[{"id":"a","function":{"name":"f","arguments":"{}"}},{"id":"b","custom":{"name":"g","input":"xy"}}]`},
		{"reasoning with its signature",
			delta(`{"reasoning_details":[{"type":"reasoning.text","text":"Let ","index":0}]}`, `{"reasoning_details":[{"type":"reasoning.text","text":"me","index":0}]}`, `{"reasoning_details":[{"type":"reasoning.text","signature":"sig","index":0}]}`, `{"reasoning_details":[{"type":"reasoning.encrypted","data":"xyz","id":"e","index":1}]}`),
			[]any{"reasoning_details"}, `[{"type":"reasoning.text","index":0,"text":"Let me","signature":"sig"},{"type":"reasoning.encrypted","id":"e","index":1,"data":"xyz"}]`},
		{"sound in one text that was cut",
			delta(`{"audio":{"id":"s","data":"aGVs","transcript":"hel"}}`, `{"audio":{"data":"bG8=","transcript":"lo"}}`, `{"audio":{"expires_at":5}}`),
			[]any{"audio"}, `{"id":"s","expires_at":5,"data":"aGVsbG8=","transcript":"hello"}`},
		{"sound in texts of their own",
			delta(`{"audio":{"data":"aGU="}}`, `{"audio":{"data":"bGxv"}}`),
			[]any{"audio"}, `{"data":"aGVsbG8="}`},
		{"the deprecated function call",
			delta(`{"function_call":{"name":"f","arguments":""}}`, `{"function_call":{"arguments":"{}"}}`),
			[]any{"function_call"}, `{"name":"f","arguments":"{}"}`},
		{"citations", delta(`{"annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}]}`, `{"annotations":[{"type":"x"}]}`),
			[]any{"annotations"}, `[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}},{"type":"x"}]`},
		{"unknown texts of deltas go on", delta(`{"thought":"a"}`, `{"thought":"b"}`), []any{"thought"}, `"ab"`},
		{"empty content is not absent", delta(`{"content":""}`), []any{"content"}, `""`},
		{"content in parts and as text", delta(`{"content":[{"type":"thinking"}]}`, `{"content":"yes"}`), []any{"content"}, `[{"type":"thinking"},{"type":"text","text":"yes"}]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := at(assemble(t, test.chunks), append([]any{"choices", 0, "message"}, test.path...)...)
			var want any
			if err := json.Unmarshal([]byte(test.want), &want); err != nil {
				t.Fatal(err)
			}
			gotText, _ := json.Marshal(got)   //nolint:errchkjson // it came from JSON
			wantText, _ := json.Marshal(want) //nolint:errchkjson // it came from JSON
			if string(gotText) != string(wantText) {
				t.Errorf("got  %s\nwant %s", gotText, wantText)
			}
		})
	}
}

func TestAStreamLargerThanTheLimitIsGivenUp(t *testing.T) {
	t.Parallel()
	chat := NewChat(1000)
	chunk := decodeChunk(t, `{"id":"c","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"0123456789"}}]}`)
	for n := 0; chat.Completion() != nil; n++ {
		if n > 100 {
			t.Fatal("a stream of 1000 bytes of text stays below a limit of 1000")
		}
		chat.Add(chunk)
	}
	chat.Add(chunk)
	if chat.Completion() != nil {
		t.Error("a stream that was given up came back")
	}
}
