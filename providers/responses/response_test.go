package responses_test

import (
	"regexp"
	"strings"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/demo"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// TestAResponseHasAllThatOpenAIWrites compares whole documents; ids and times are left
// out after a look at their form.
func TestAResponseHasAllThatOpenAIWrites(t *testing.T) {
	t.Parallel()
	const reply = `{"id":"c","model":"m-1-2026","service_tier":"flex","citations":["u"],"status":"ok","output":[1],"error":null,"choices":[{"index":1,"message":{"role":"assistant","content":"no"},"finish_reason":"stop"},{"index":0,"finish_reason":"tool_calls",` +
		`"logprobs":{"content":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[{"token":"x","logprob":-0.5,"bytes":null}]}]},` +
		`"message":{"role":"assistant","content":"x","reasoning_content":"hm","annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}}],` +
		`"tool_calls":[{"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"b\": 1.0 }"},"status":"x","extra_content":{"s":1}}]}}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"input_tokens":9}}`
	const output = `"output":[{"type":"reasoning","id":"rs_","summary":[],"content":[{"type":"reasoning_text","text":"hm"}],"encrypted_content":"signalbox.reasoning.1.UgJobQ","status":"completed"},` +
		`{"type":"message","id":"msg_","role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":1}],` +
		`"logprobs":[{"token":"x","logprob":-0.5,"bytes":[120],"top_logprobs":[{"token":"x","logprob":-0.5,"bytes":null}]}]}],"status":"completed"},` +
		`{"type":"function_call","id":"fc_","call_id":"call_1","name":"f","arguments":"{\"b\": 1.0 }","status":"completed","extra_content":{"s":1}}],` +
		`"usage":{"input_tokens":1,"input_tokens_details":{"cached_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":3},`
	for _, test := range []struct{ name, body, want string }{
		{"by default", `{"input":"Hi"}`, `{"id":"resp_","object":"response","created_at":0,"model":"m-1-2026","status":"completed",` + output +
			`"error":null,"incomplete_details":null,"completed_at":0,"previous_response_id":null,"instructions":null,"metadata":{},"background":false,"max_output_tokens":null,"max_tool_calls":null,` +
			`"parallel_tool_calls":true,"reasoning":{"effort":null,"summary":null},"store":true,"temperature":null,"top_p":null,"top_logprobs":0,"text":{"format":{"type":"text"}},"tool_choice":"auto","tools":[],` +
			`"truncation":"disabled","service_tier":"flex","user":null,"safety_identifier":null,"prompt_cache_key":null,"frequency_penalty":0.0,"presence_penalty":0.0,"citations":["u"]}`},
		{"as asked", `{"input":"Hi","instructions":"Be brief.","previous_response_id":"resp_0","metadata":{"a":"b"},"max_output_tokens":99,"max_tool_calls":3,"parallel_tool_calls":false,"reasoning":{"effort":"low"},"store":false,` +
			`"temperature":1,"top_p":0.5,"top_logprobs":2,"text":{"verbosity":"low"},"tools":[{"type":"function","name":"f","parameters":{"z":1},"strict":true},{"type":"mcp","server_label":"s","headers":{"x":"secret"},"authorization":"secret"}],"tool_choice":{"type":"function","name":"f"},"truncation":"auto",` +
			`"user":"u","safety_identifier":"s","prompt_cache_key":"k","frequency_penalty":0.5,"conversation":"conv_1","background":true}`, `{"id":"resp_","object":"response","created_at":0,"model":"m-1-2026","status":"completed",` + output +
			`"error":null,"incomplete_details":null,"completed_at":0,"previous_response_id":"resp_0","conversation":{"id":"conv_1"},"instructions":"Be brief.","metadata":{"a":"b"},"background":true,"max_output_tokens":99,"max_tool_calls":3,` +
			`"parallel_tool_calls":false,"reasoning":{"effort":"low","summary":null},"store":false,"temperature":1.0,"top_p":0.5,"top_logprobs":2,"text":{"format":{"type":"text"},"verbosity":"low"},` +
			`"tool_choice":{"type":"function","name":"f"},"tools":[{"type":"function","name":"f","parameters":{"z":1},"strict":true},{"type":"mcp","server_label":"s"}],` +
			`"truncation":"auto","service_tier":"flex","user":"u","safety_identifier":"s","prompt_cache_key":"k","frequency_penalty":0.5,"presence_penalty":0.0,"citations":["u"]}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			response, err := responses.Over(&chatter{completion: decode(t, reply, &chatv1.ChatCompletion{})}).CreateResponse(t.Context(), ask(t, test.body))
			if err != nil {
				t.Fatal(err)
			}
			text := encode(t, response, wire.Reply)
			ids := regexp.MustCompile(`"id":"(resp_|rs_|msg_|fc_)[0-9a-f]{48}"`)
			if found := ids.FindAllString(text, -1); len(found) != 4 {
				t.Errorf("ids %v", found)
			}
			text = ids.ReplaceAllString(text, `"id":"$1"`)
			text = regexp.MustCompile(`_at":1[0-9]{9},`).ReplaceAllString(text, `_at":0,`)
			if text != test.want {
				t.Errorf("got  %s\nwant %s", text, test.want)
			}
		})
	}
}

func TestRepliesThatAreNone(t *testing.T) {
	t.Parallel()
	broken := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, "Slower.")
	for _, test := range []struct {
		reply  string
		err    error
		reason commonv1.ErrorReason
	}{
		{`{"choices":[]}`, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY},
		{`{"choices":[{"index":1,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}]}`, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY},
		{`{"choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"error"}]}`, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED},
		{`{"choices":[{"index":0,"message":{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"arguments":"{}"}}]},"finish_reason":"stop"}]}`, nil, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY},
		{`{}`, broken, broken.Reason},
	} {
		fake := &chatter{completion: decode(t, test.reply, &chatv1.ChatCompletion{}), end: test.err}
		response, err := responses.Over(fake).CreateResponse(t.Context(), ask(t, `{"input":"Hi"}`))
		if failed := failure.As(err); response != nil || failed == nil || failed.Reason != test.reason {
			t.Errorf("%s: %v, %v", test.reply, response, err)
		}
	}
}

// TestOverARealChatter asks the demonstration: tools are called and answered.
func TestOverARealChatter(t *testing.T) {
	t.Parallel()
	provider, err := demo.Type.New(providers.Params{Config: &configv1.Provider{Name: "show", Type: "demo"}, APIKey: "", Keys: nil, Upstream: nil, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	over := provider.(providers.Chatter)
	const tools = `"tools":[{"type":"function","name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string","enum":["Bern"]}}},"strict":true},{"type":"custom","name":"draw"}]`
	const question = `{"role":"user","content":"call get_weather, call draw"}`
	call := ask(t, `{"input":[`+question+`],`+tools+`}`)
	whole, err := responses.Over(over).CreateResponse(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	events, err := stream(t, over, ask(t, `{"input":[`+question+`],`+tools+`}`))
	if err != nil {
		t.Fatal(err)
	}
	same(t, accumulate(events).Response(), whole)
	if got := outline(whole); !strings.Contains(got, `get_weather({"city":"Bern"})`) || !strings.Contains(got, "draw(demonstration)") || whole.GetUsage().GetTotalTokens() == 0 {
		t.Error(got)
	}
	items, answers := []string{question}, []string{}
	for _, item := range whole.GetOutput() {
		items = append(items, encode(t, item, wire.Request))
		if id := item.GetCustomToolCall().GetCallId(); id != "" {
			answers = append(answers, `{"type":"custom_tool_call_output","call_id":"`+id+`","output":"a circle"}`)
		}
		if id := item.GetFunctionCall().GetCallId(); id != "" {
			answers = append(answers, `{"type":"function_call_output","call_id":"`+id+`","output":"rain"}`)
		}
	}
	second, err := responses.Over(over).CreateResponse(t.Context(), ask(t, `{"input":[`+strings.Join(append(items, answers...), ",")+`],`+tools+`}`))
	if err != nil || !strings.Contains(outline(second), "The tool answered: a circle") {
		t.Errorf("%s, %v", outline(second), err)
	}
}

func TestWhatWasNotAskedForIsHidden(t *testing.T) {
	t.Parallel()
	events, err := stream(t, &chatter{chunks: deltas(t, "stop", `{"reasoning":"hm"}`, `{"content":"x"}`)}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	const mark = "signalbox.reasoning.1."
	count := func() (carried int) {
		for _, event := range events {
			carried += strings.Count(encode(t, event, wire.Reply), mark)
		}
		return carried
	}
	if count() != 2 {
		t.Fatalf("%d events carry reasoning", count())
	}
	for _, event := range events {
		responses.Hide(responses.Items(event), []string{"reasoning.encrypted_content"})
	}
	if count() != 2 {
		t.Error("what was asked for is hidden")
	}
	for _, event := range events {
		responses.Hide(responses.Items(event), nil)
	}
	if count() != 0 {
		t.Error("what was not asked for is shown")
	}
	compaction := &responsesv1.Item{Item: &responsesv1.Item_Compaction{Compaction: &responsesv1.CompactionItem{EncryptedContent: "x"}}}
	responses.Hide([]*responsesv1.Item{compaction}, nil)
	if got := compaction.GetCompaction().GetEncryptedContent(); got != "x" {
		t.Errorf("a compaction is %q", got)
	}
}

func TestOpaqueTexts(t *testing.T) {
	t.Parallel()
	if text := responses.EncodeReasoning(&chatv1.ChatMessage{Content: new("x"), ReasoningContent: new("")}); text != "" {
		t.Errorf("no reasoning is %q", text)
	}
	for _, text := range []string{"", "gAAAA", "signalbox.reasoning.2.AA", "signalbox.reasoning.1.!", "signalbox.reasoning.1._w", responses.EncodeCompaction("x")} {
		if message, ok := responses.DecodeReasoning(text); ok {
			t.Errorf("%q is %v", text, message)
		}
	}
	if summary, ok := responses.DecodeCompaction(responses.EncodeCompaction("ünd")); !ok || summary != "ünd" {
		t.Errorf("%q, %v", summary, ok)
	}
	if _, ok := responses.DecodeCompaction(responses.EncodeReasoning(&chatv1.ChatMessage{Reasoning: new("x")})); ok {
		t.Error("reasoning is a compaction")
	}
}
