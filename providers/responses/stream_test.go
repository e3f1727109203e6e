package responses_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/responses/eventtest"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// deltas are chunks with these deltas, each a JSON object, and a finish reason.
func deltas(t *testing.T, finish string, texts ...string) []*chatv1.ChatCompletionChunk {
	t.Helper()
	var out []*chatv1.ChatCompletionChunk
	for _, text := range texts {
		out = append(out, decode(t, `{"id":"c","model":"m-1","choices":[{"index":0,"delta":`+text+`}]}`, &chatv1.ChatCompletionChunk{}))
	}
	if finish != "" {
		out = append(out, decode(t, `{"choices":[{"index":0,"delta":{},"finish_reason":"`+finish+`"}]}`, &chatv1.ChatCompletionChunk{}))
	}
	return out
}

// outline is what a response has, in short.
func outline(r *responsesv1.Response) string {
	out := []string{r.GetStatus() + r.GetIncompleteDetails().GetReason() + r.GetError().GetCode()}
	for _, item := range r.GetOutput() {
		text := item.GetType()
		for _, part := range append(append(item.GetMessage().GetContentParts(), item.GetReasoning().GetContent()...), item.GetReasoning().GetSummary()...) {
			text += " " + part.GetType() + "=" + part.GetText() + part.GetRefusal()
			for _, source := range part.GetAnnotations() {
				text += "@" + source.GetUrl()
			}
		}
		if item.GetReasoning().GetEncryptedContent() != "" {
			text += " sealed"
		}
		if call := item.GetFunctionCall(); call != nil {
			text += " " + call.GetCallId() + " " + call.GetName() + "(" + call.GetArguments() + ")"
		}
		if call := item.GetCustomToolCall(); call != nil {
			text += " " + call.GetCallId() + " " + call.GetName() + "(" + call.GetInput() + ")"
		}
		if item.GetMessage().GetStatus()+item.GetFunctionCall().GetStatus()+item.GetCustomToolCall().GetStatus() == "incomplete" {
			text += " incomplete"
		}
		out = append(out, text)
	}
	return strings.Join(out, "; ")
}

const named = `"type":"function","function":{"name":`

func TestStreams(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, finish string
		deltas       []string
		want         string
	}{
		{"nothing at all", "stop", []string{`{"role":"assistant","content":""}`}, "completed; message output_text="},
		{"nothing within the limit", "length", []string{`{"role":"assistant","content":""}`}, "incompletemax_output_tokens"},
		{"cut at the limit", "length", []string{`{"content":"He"}`, `{"content":"l"}`}, "incompletemax_output_tokens; message output_text=Hel incomplete"},
		{"cut by Mistral's word", "model_length", []string{`{"content":"He"}`}, "incompletemax_output_tokens; message output_text=He incomplete"},
		{"filtered", "content_filter", []string{`{"content":"He"}`}, "incompletecontent_filter; message output_text=He incomplete"},
		{"cut within arguments", "length", []string{`{"content":"x"}`, `{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{\"a"}}]}`},
			`incompletemax_output_tokens; message output_text=x; function_call 1 f({"a) incomplete`},
		{"a refusal behind words", "stop", []string{`{"content":"x"}`, `{"refusal":"n"}`, `{"refusal":"o"}`}, "completed; message output_text=x refusal=no"},
		{"reasoning in two dialects at once is shown once", "stop", []string{`{"reasoning":"h","reasoning_details":[{"type":"reasoning.text","index":0,"text":"h"}]}`,
			`{"reasoning":"m","reasoning_details":[{"type":"reasoning.text","index":0,"text":"m"}]}`, `{"content":"x"}`}, "completed; reasoning reasoning_text=hm sealed; message output_text=x"},
		{"details have a part each", "stop", []string{`{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"a"}]}`, `{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"b","signature":"s"}]}`,
			`{"reasoning_details":[{"type":"reasoning.text","index":1,"text":"c"}]}`, `{"reasoning_details":[{"type":"reasoning.summary","index":2,"summary":"d"}]}`, `{"content":"x"}`},
			"completed; reasoning reasoning_text=ab reasoning_text=c summary_text=d sealed; message output_text=x"},
		{"pieces of details without a place", "stop", []string{`{"reasoning_details":[{"type":"reasoning.text","text":"a","id":"1"}]}`, `{"reasoning_details":[{"type":"reasoning.text","text":"b","id":"1"}]}`,
			`{"reasoning_details":[{"type":"reasoning.text","text":"c","id":"2"}]}`, `{"reasoning_details":[{"text":"d"}]}`, `{"reasoning_details":[{"type":"reasoning.summary","summary":"e"}]}`, `{"content":"x"}`},
			"completed; reasoning reasoning_text=ab reasoning_text=cd summary_text=e sealed; message output_text=x"},
		{"hidden reasoning before words", "stop", []string{`{"reasoning_details":[{"type":"reasoning.encrypted","data":"A"}]}`, `{"content":"x"}`}, "completed; reasoning sealed; message output_text=x"},
		{"hidden reasoning among words parts them not", "stop", []string{`{"content":"x"}`, `{"reasoning_details":[{"type":"reasoning.encrypted","data":"A"}]}`, `{"content":"y"}`}, "completed; message output_text=xy; reasoning sealed"},
		{"shown reasoning among words", "stop", []string{`{"content":"x"}`, `{"reasoning":"hm"}`, `{"content":"y"}`}, "completed; message output_text=x; reasoning reasoning_text=hm sealed; message output_text=y"},
		{"sources before and behind words", "stop", []string{`{"annotations":[{"type":"url_citation","url_citation":{"url":"a","title":"","start_index":0,"end_index":1}}]}`, `{"content":"x"}`,
			`{"annotations":[{"type":"url_citation","url_citation":{"url":"b","title":"","start_index":0,"end_index":1}}]}`}, "completed; message output_text=x@a@b"},
		{"calls one after the other", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":""}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`,
			`{"tool_calls":[{"index":1,"id":"2",` + named + `"g","arguments":"{}"}}]}`}, "completed; function_call 1 f({}); function_call 2 g({})"},
		{"calls across one another", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":""}},{"index":1,"id":"2",` + named + `"g","arguments":""}}]}`,
			`{"tool_calls":[{"index":1,"function":{"arguments":"{\"b\""}},{"index":0,"function":{"arguments":"{\"a\""}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":":1}"}},{"index":1,"function":{"arguments":":2}"}}]}`},
			`completed; function_call 1 f({"a":1}); function_call 2 g({"b":2})`},
		{"calls that begin at 1", "tool_calls", []string{`{"content":"x","tool_calls":[{"index":1,"id":"1",` + named + `"f","arguments":"{}"}}]}`, `{"tool_calls":[{"index":2,"id":"2",` + named + `"g","arguments":"{}"}}]}`},
			"completed; message output_text=x; function_call 1 f({}); function_call 2 g({})"},
		{"calls that all have the same place", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{}"}}]}`, `{"tool_calls":[{"index":0,"id":"2",` + named + `"f","arguments":"{}"}}]}`},
			"completed; function_call 1 f({}); function_call 2 f({})"},
		{"calls without a place", "tool_calls", []string{`{"tool_calls":[{"id":"1",` + named + `"f","arguments":"{}"}},{"id":"2",` + named + `"g","arguments":"{"}}]}`, `{"tool_calls":[{"function":{"arguments":"}"}}]}`},
			"completed; function_call 1 f({}); function_call 2 g({})"},
		{"a call whose id and name come again", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{"}}]}`, `{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"}"}}]}`},
			"completed; function_call 1 f({})"},
		{"a call whose name comes late", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"arguments":"{\"a\":"}}]}`, `{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"1}"}}]}`},
			`completed; function_call 1 f({"a":1})`},
		{"white space behind a call that is complete", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{}"}}]}`, `{"tool_calls":[{"index":1,"id":"2",` + named + `"g","arguments":"{}"}}]}`,
			`{"tool_calls":[{"index":0,"function":{"arguments":" \n"}}]}`}, "completed; function_call 1 f({}); function_call 2 g({})"},
		{"a custom call", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1","type":"custom","custom":{"name":"c","input":"a"}}]}`, `{"tool_calls":[{"index":0,"custom":{"input":"b"}}]}`}, "completed; custom_tool_call 1 c(ab)"},
		{"words behind a call", "stop", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{}"}}]}`, `{"content":""}`, `{"content":"x"}`}, "completed; function_call 1 f({}); message output_text=x"},
		{"Mistral's parts", "stop", []string{`{"content":[{"type":"thinking","thinking":[{"type":"text","text":"h"}]}]}`, `{"content":[{"type":"thinking","thinking":"m"},{"type":"text","text":"x"}]}`, `{"content":"y"}`},
			"completed; reasoning reasoning_text=hm sealed; message output_text=xy"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := &chatter{chunks: deltas(t, test.finish, test.deltas...)}
			events, err := stream(t, fake, ask(t, `{"input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(accumulate(events).Response()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if fake.closed != 1 {
				t.Errorf("closed %d times", fake.closed)
			}
		})
	}
}

func TestACallOfAFunctionThatStandsForACustomTool(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		`{\"input\":\"say \\\"x\\\"\"}`: `completed; custom_tool_call 1 c(say "x")`,
		`{\"input\":`:                   `completed; custom_tool_call 1 c({"input":)`,
		`{\"other\":1}`:                 `completed; custom_tool_call 1 c({"other":1})`,
		``:                              `completed; custom_tool_call 1 c()`,
	} {
		chunks := deltas(t, "tool_calls", `{"tool_calls":[{"index":0,"id":"1",`+named+`"c","arguments":""}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"`+arguments+`"}}]}`)
		body := `{"input":"Hi","tools":[{"type":"custom","name":"c"}]}`
		events, err := stream(t, &lossyChatter{&chatter{chunks: chunks}, []string{"tools.custom"}}, ask(t, body))
		if err != nil {
			t.Fatal(err)
		}
		if got := outline(accumulate(events).Response()); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		whole, err := responses.Over(&lossyChatter{&chatter{completion: join(chunks)}, []string{"tools.custom"}}).CreateResponse(t.Context(), ask(t, body))
		if err != nil || outline(whole) != want {
			t.Errorf("whole: %s, %v", outline(whole), err)
		}
	}
}

// TestStreamsThatBreakOff says that no stream that failed has a last event of its own,
// and that the accumulator gives it one.
func TestStreamsThatBreakOff(t *testing.T) {
	t.Parallel()
	broken := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_STALLED, `It "stalled".`)
	const call = `{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{}"}}]}`
	for _, test := range []struct {
		name, finish string
		deltas       []string
		end          error
		reason       commonv1.ErrorReason
		want         string
	}{
		{"within words", "", []string{`{"reasoning":"hm"}`, `{"content":"He"}`}, broken, broken.Reason, "failedupstream_stalled; reasoning reasoning_text=hm sealed; message output_text=He incomplete"},
		{"within reasoning", "", []string{`{"reasoning":"hm"}`}, broken, broken.Reason, "failedupstream_stalled; reasoning reasoning_text=hm"},
		{"within a call", "", []string{`{"tool_calls":[{"index":0,"id":"1",` + named + `"f","arguments":"{"}}]}`}, broken, broken.Reason, "failedupstream_stalled; function_call 1 f({) incomplete"},
		{"behind the finish reason", "stop", []string{`{"content":"x"}`}, broken, broken.Reason, "failedupstream_stalled; message output_text=x"},
		{"without a finish reason", "", []string{`{"content":"x"}`}, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "failedupstream_truncated; message output_text=x incomplete"},
		{"with the provider's word for it", "error", []string{`{"content":"x"}`}, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "failedupstream_failed; message output_text=x incomplete"},
		{"with DeepSeek's word for it", "insufficient_system_resource", []string{`{"content":"x"}`}, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, "failedupstream_overloaded; message output_text=x incomplete"},
		{"a call without a name", "tool_calls", []string{`{"tool_calls":[{"index":0,"id":"1","function":{"arguments":"{}"}}]}`}, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "failedupstream_invalid_reply"},
		{"a call that goes on when it was complete", "", []string{call, `{"tool_calls":[{"index":1,"id":"2",` + named + `"g","arguments":""}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}`}, nil,
			commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, "failedupstream_invalid_reply; function_call 1 f({}); function_call 2 g() incomplete"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			events, err := stream(t, &chatter{chunks: deltas(t, test.finish, test.deltas...), end: test.end}, ask(t, `{"input":"Hi"}`))
			failed := failure.As(err)
			if failed == nil || failed.Reason != test.reason {
				t.Fatalf("error %v", err)
			}
			a := accumulate(events)
			if a.Ended() {
				t.Error("it has ended")
			}
			last := a.Failed(err)
			events = append(events, last...)
			if err := eventtest.Check(events); err != nil {
				t.Error(err)
			}
			if got := outline(accumulate(events).Response()); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if more := accumulate(events).Failed(err); more != nil {
				t.Errorf("a stream with its end fails again: %v", more)
			}
		})
	}
}

// TestANativeStreamThatBreaksOff says that items of every kind are incomplete then.
func TestANativeStreamThatBreaksOff(t *testing.T) {
	t.Parallel()
	a := responses.NewAccumulator(0)
	for _, text := range []string{
		`{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","model":"m","output":[]}}`,
		`{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"mcp_call","id":"mcp_1","server_label":"l","name":"n","arguments":"","status":"in_progress"}}`,
		`{"type":"response.mcp_call_arguments.delta","sequence_number":2,"output_index":0,"item_id":"mcp_1","delta":"{\"a\""}`,
		`{"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"type":"code_interpreter_call","id":"ci_1","status":"in_progress","code":""}}`,
		`{"type":"response.code_interpreter_call_code.delta","sequence_number":4,"output_index":1,"item_id":"ci_1","delta":"print("}`,
		`{"type":"response.output_item.added","sequence_number":5,"output_index":2,"item":{"type":"custom_tool_call","id":"ctc_1","call_id":"1","name":"c","input":"","status":"in_progress"}}`,
		`{"type":"response.custom_tool_call_input.delta","sequence_number":6,"output_index":2,"item_id":"ctc_1","delta":"x"}`,
		`{"type":"response.output_item.added","sequence_number":7,"output_index":3,"item":{"type":"image_generation_call","id":"ig_1","status":"generating"}}`,
		`{"type":"response.output_item.added","sequence_number":8,"output_index":4,"item":{"type":"compaction","id":"cmp_1","encrypted_content":"x"}}`,
	} {
		a.Add(decode(t, text, &responsesv1.StreamEvent{}))
	}
	last := a.Failed(failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "Gone."))
	want := `"output":[{"type":"mcp_call","id":"mcp_1","server_label":"l","name":"n","arguments":"{\"a\"","status":"incomplete"},{"type":"code_interpreter_call","id":"ci_1","status":"incomplete","code":"print("},` +
		`{"type":"custom_tool_call","id":"ctc_1","call_id":"1","name":"c","input":"x","status":"incomplete"},{"type":"image_generation_call","id":"ig_1","status":"generating"},` +
		`{"type":"compaction","id":"cmp_1","encrypted_content":"x"}]`
	if len(last) != 2 || last[1].GetSequenceNumber() != 10 || !strings.Contains(encode(t, last[1], wire.Reply), want) {
		t.Errorf("got %v", last)
	}
}

func TestTheErrorEventIsNested(t *testing.T) {
	t.Parallel()
	a := accumulate(nil)
	event := a.Failed(&failure.Error{Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED, Message: `"No" money.`, Param: "model"})
	want := `{"type":"error","sequence_number":0,"error":{"type":"insufficient_quota","code":"insufficient_quota","message":"\"No\" money.","param":"model"}}`
	if len(event) != 1 || encode(t, event[0], wire.Reply) != want {
		t.Errorf("got %v", event)
	}
	event = accumulate(nil).Failed(errors.New("secret"))
	want = `{"type":"error","sequence_number":0,"error":{"type":"server_error","code":"internal_error","message":"The gateway failed.","param":null}}`
	if encode(t, event[0], wire.Reply) != want {
		t.Errorf("got %v", event)
	}
}

func TestStreamsThatDoNotBegin(t *testing.T) {
	t.Parallel()
	broken := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "Gone.")
	for _, test := range []struct {
		end  error
		want func(error) bool
	}{
		{nil, func(err error) bool {
			return failure.As(err).Reason == commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY
		}},
		{broken, func(err error) bool { return errors.Is(err, broken) }},
		{context.Canceled, func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		fake := &chatter{end: test.end}
		if _, err := stream(t, fake, ask(t, `{"input":"Hi"}`)); err == nil || errors.Is(err, io.EOF) || !test.want(err) {
			t.Errorf("%v: %v", test.end, err)
		}
		if fake.closed != 1 {
			t.Errorf("closed %d times", fake.closed)
		}
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	const openAI = `{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"completion_tokens_details":{"reasoning_tokens":3},"cost":1.5}`
	const renamed = `{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},"output_tokens":5,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":14,"cost":1.5}`
	for _, test := range []struct{ name, chunk, exchange, want string }{
		{"in a chunk", openAI, "", renamed},
		{"kept by the adapter", "", openAI, renamed},
		{"in both", `{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}`, openAI,
			`{"input_tokens":1,"input_tokens_details":{"cached_tokens":0},"output_tokens":1,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":2}`},
		{"reasoning beside the output", `{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,"completion_tokens_details":{"reasoning_tokens":100}}`, "",
			`{"input_tokens":10,"input_tokens_details":{"cached_tokens":0},"output_tokens":105,"output_tokens_details":{"reasoning_tokens":100},"total_tokens":115}`},
		{"no total", `{"prompt_tokens":1,"completion_tokens":2}`, "", `{"input_tokens":1,"input_tokens_details":{"cached_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":3}`},
		{"another dialect's", "", `{"input_tokens":9,"output_tokens":5}`, ""},
		{"none", "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			fake := &chatter{chunks: deltas(t, "stop", `{"content":"x"}`), usageJSON: test.exchange}
			if test.chunk != "" {
				fake.chunks = append(fake.chunks, decode(t, `{"choices":[],"usage":`+test.chunk+`}`, &chatv1.ChatCompletionChunk{}))
				fake.chunks[0].Usage = &chatv1.CompletionUsage{PromptTokens: 1} // some tell it in each
			}
			events, err := stream(t, fake, ask(t, `{"input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if usage := accumulate(events).Response().GetUsage(); usage != nil {
				got = encode(t, usage, wire.Reply)
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAStreamAsksForItsUsage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		body, want string
		lost       []string
	}{
		{`{"input":"Hi"}`, `{"include_usage":true}`, nil},
		{`{"input":"Hi","stream_options":{"include_obfuscation":false}}`, `{"include_usage":true,"include_obfuscation":false}`, nil},
		{`{"input":"Hi","stream_options":{"include_obfuscation":true}}`, `{"include_usage":true}`, nil},
		{`{"input":"Hi"}`, "", []string{"stream_options.include_usage"}},
	} {
		fake := &chatter{chunks: deltas(t, "stop", `{"content":"x"}`)}
		var over providers.Chatter = fake
		if test.lost != nil {
			over = &lossyChatter{fake, test.lost}
		}
		call := ask(t, test.body)
		call.Patch, call.Meter = true, true
		if _, err := stream(t, over, call); err != nil {
			t.Fatal(err)
		}
		got := ""
		if options := fake.asked.Params.GetStreamOptions(); options != nil {
			got = encode(t, options, wire.Request)
		}
		if got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
		if asked := fake.asked; !asked.Patch || !asked.Meter || asked.RequestID != "r-1" || asked.Exchange != call.Exchange || asked.Target != call.Target {
			t.Errorf("asked %+v", asked)
		}
	}
}
