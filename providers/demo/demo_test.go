package demo_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/demo"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

const notice = "[Demonstration by Signalbox: no model answered, and each word counts as a token.] "

func chatter(t *testing.T) providers.Chatter {
	t.Helper()
	provider, err := demo.Type.New(providers.Params{Config: &configv1.Provider{Name: "show", Type: "demo"}, APIKey: "", Upstream: nil, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	if provider.Name() != "show" || provider.Type() != "demo" || provider.Close() != nil {
		t.Errorf("provider %q of type %q", provider.Name(), provider.Type())
	}
	return provider.(providers.Chatter)
}

// callOf is a call with a body of OpenAI's; without messages, one that says "Hello
// there".
func callOf(t *testing.T, body string) *providers.ChatCall {
	t.Helper()
	params := &chatv1.ChatCompletionParams{}
	if err := codec.DecodeChatCompletionParams(body, params, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	if params.GetMessagesJson() == "" && !strings.Contains(body, `"messages"`) {
		params.MessagesJson = `[{"role":"user","content":"Hello there"}]`
	}
	return &providers.ChatCall{
		Params:    params,
		Target:    &planv1.Target{Provider: "show", Model: "demo-echo"},
		RequestID: "request-1",
		Exchange:  &providers.Exchange{},
	}
}

func complete(t *testing.T, body string) *chatv1.ChatCompletion {
	t.Helper()
	completion, err := chatter(t).ChatCompletion(t.Context(), callOf(t, body))
	if err != nil {
		t.Fatal(err)
	}
	return completion
}

// collect assembles a stream as a client does, and returns its chunks.
func collect(t *testing.T, call *providers.ChatCall) (*chatv1.ChatCompletion, []*chatv1.ChatCompletionChunk) {
	t.Helper()
	stream, err := chatter(t).StreamChatCompletion(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	var chunks []*chatv1.ChatCompletionChunk
	whole := &chatv1.ChatCompletion{}
	for {
		chunk, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, chunk)
		whole.Id, whole.Created, whole.Model = chunk.GetId(), chunk.GetCreated(), chunk.GetModel()
		whole.SystemFingerprint = chunk.SystemFingerprint
		if chunk.GetUsage() != nil {
			whole.Usage = chunk.GetUsage()
		}
		for _, piece := range chunk.GetChoices() {
			if int(piece.GetIndex()) == len(whole.GetChoices()) {
				whole.Choices = append(whole.Choices, &chatv1.Choice{Index: piece.GetIndex(), Message: &chatv1.ChatMessage{}})
			}
			join(whole.GetChoices()[piece.GetIndex()], piece)
		}
	}
	return whole, chunks
}

func join(choice *chatv1.Choice, piece *chatv1.ChunkChoice) {
	if piece.FinishReason != nil {
		choice.FinishReason = piece.FinishReason
	}
	message, delta := choice.GetMessage(), piece.GetDelta()
	if delta.Role != nil {
		message.Role = delta.GetRole()
	}
	if delta.Content != nil {
		message.Content = new(message.GetContent() + delta.GetContent())
	}
	for _, call := range delta.GetToolCalls() {
		if int(call.GetIndex()) == len(message.GetToolCalls()) {
			first := proto.CloneOf(call)
			first.Index = nil
			message.ToolCalls = append(message.ToolCalls, first)
			continue
		}
		at := message.GetToolCalls()[call.GetIndex()]
		if at.GetFunction() != nil {
			at.Function.Arguments = new(at.GetFunction().GetArguments() + call.GetFunction().GetArguments())
		} else {
			at.Custom.Input = new(at.GetCustom().GetInput() + call.GetCustom().GetInput())
		}
	}
}

// said is what the first choice says and calls, and why it stopped.
func said(completion *chatv1.ChatCompletion) string {
	choice := completion.GetChoices()[0]
	text := strings.ReplaceAll(choice.GetMessage().GetContent(), notice, "NOTICE ")
	for _, call := range choice.GetMessage().GetToolCalls() {
		text += fmt.Sprintf(" | %s %s%s(%s%s)", call.GetType(), call.GetFunction().GetName(), call.GetCustom().GetName(),
			call.GetFunction().GetArguments(), call.GetCustom().GetInput())
	}
	return text + " | " + choice.GetFinishReason()
}

const tools = `"tools":[
	{"type":"function","function":{"name":"get","parameters":{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}}}}},
	{"type":"function","function":{"name":"get_weather","parameters":{"type":"object","properties":{"city":{"type":"string","enum":["Bern","Oslo"]}},"required":["city"]}}},
	{"type":"custom","custom":{"name":"draw"}},
	{"type":"function","function":{"name":"ping"}}]`

func TestReplies(t *testing.T) {
	t.Parallel()
	user := func(text string) string { return `"messages":[{"role":"user","content":"` + text + `"}]` }
	for _, test := range []struct{ name, body, want string }{
		{"an echo", `{}`, "NOTICE You said: Hello there | stop"},
		{
			"of the last message", `{"messages":[{"role":"system","content":"x"},{"role":"user","content":"a"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}`,
			"NOTICE You said: c | stop",
		},
		{
			"of its text", `{"messages":[{"role":"user","content":[{"type":"text","text":"See"},{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"text","text":"this"}]}]}`,
			"NOTICE You said: See\nthis (and sent 1 parts that are no text) | stop",
		},
		{"of a tool's answer", `{"messages":[{"role":"user","content":"call get"},{"role":"assistant","tool_calls":[]},{"role":"tool","tool_call_id":"x","content":"42"}],` + tools + `}`, "NOTICE The tool answered: 42 | stop"},
		{"cut when long", `{` + user(strings.Repeat("é", 1500)) + `}`, "NOTICE You said: " + strings.Repeat("é", 1000) + "… | stop"},

		{"within a limit", `{"max_completion_tokens":14}`, "NOTICE You  | length"},
		{"within the older limit", `{"max_tokens":13}`, "NOTICE  | length"},
		{"within the newer of two limits", `{"max_tokens":13,"max_completion_tokens":14}`, "NOTICE You  | length"},
		{"at the limit", `{"max_tokens":17}`, "NOTICE You said: Hello there | stop"},
		{"up to a stop", `{"stop":"said"}`, "NOTICE You  | stop"},
		{"up to the first of several", `{"stop":["there","lo"]}`, "NOTICE You said: Hel | stop"},

		{"a call that was asked for", `{` + user("please call get_weather now") + `,` + tools + `}`, `NOTICE Calling get_weather. | function get_weather({"city":"Bern"}) | tool_calls`},
		{"several", `{` + user("call get, call ping and call draw") + `,` + tools + `}`, `NOTICE Calling get and draw and ping. | function get({"z":"demonstration","a":1}) | custom draw(demonstration) | function ping({}) | tool_calls`},
		{"several, one at a time", `{` + user("call get, call ping") + `,"parallel_tool_calls":false,` + tools + `}`, `NOTICE Calling get. | function get({"z":"demonstration","a":1}) | tool_calls`},
		{"none when told so", `{` + user("call get") + `,"tool_choice":"none",` + tools + `}`, "NOTICE You said: call get | stop"},
		{"none of that name", `{` + user("call getter") + `,` + tools + `}`, "NOTICE You said: call getter | stop"},
		{"some when required", `{"tool_choice":"required",` + tools + `}`, `NOTICE Calling get. | function get({"z":"demonstration","a":1}) | tool_calls`},
		{"the one that was asked for when required", `{` + user("call ping") + `,"tool_choice":"required",` + tools + `}`, `NOTICE Calling ping. | function ping({}) | tool_calls`},
		{"the one that is chosen", `{"tool_choice":{"type":"function","function":{"name":"ping"}},` + tools + `}`, `NOTICE Calling ping. | function ping({}) | tool_calls`},
		{"the custom one that is chosen", `{"tool_choice":{"type":"custom","custom":{"name":"draw"}},` + tools + `}`, `NOTICE Calling draw. | custom draw(demonstration) | tool_calls`},
		{"cut within arguments", `{"tool_choice":"required","max_tokens":16,` + tools + `}`, `NOTICE Calling get. | function get({"z":"demonstration") | length`},
		{"cut before them", `{"tool_choice":"required","max_tokens":15,` + tools + `}`, `NOTICE Calling get. | length`},

		{"JSON", `{"response_format":{"type":"json_object"}}`, `{"demonstration":true,"echo":"Hello there"} | stop`},
		{"JSON by a schema", `{"response_format":{"type":"json_schema","json_schema":{"name":"x","schema":{"type":"object","properties":{"b":{"type":"boolean"},"a":{"type":"array","items":{"type":"number"}}}}}}}`, `{"b":true,"a":[1]} | stop`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			whole := complete(t, test.body)
			if got := said(whole); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			streamed, _ := collect(t, callOf(t, test.body))
			streamed.Created, streamed.Usage = whole.GetCreated(), whole.GetUsage()
			if !proto.Equal(streamed, whole) {
				t.Errorf("the stream differs:\n%v\n%v", streamed, whole)
			}
			if again := complete(t, test.body); said(again) != said(whole) || again.GetId() != whole.GetId() {
				t.Error("the same request has another reply")
			}
		})
	}
}

func TestEveryReplyIsNamedADemonstration(t *testing.T) {
	t.Parallel()
	whole := complete(t, `{"n":2}`)
	if whole.GetModel() != "demo-echo" || whole.GetSystemFingerprint() != "fp_signalbox_demonstration" || !strings.HasPrefix(whole.GetId(), "chatcmpl-demonstration-") {
		t.Errorf("%s %s %s", whole.GetModel(), whole.GetSystemFingerprint(), whole.GetId())
	}
	for _, choice := range whole.GetChoices() {
		if !strings.HasPrefix(choice.GetMessage().GetContent(), notice) || choice.GetMessage().GetRole() != "assistant" {
			t.Errorf("choice %v", choice)
		}
	}
	if time.Since(time.Unix(whole.GetCreated(), 0)) > time.Minute {
		t.Errorf("created %d", whole.GetCreated())
	}
}

func TestUsageCountsWords(t *testing.T) {
	t.Parallel()
	call := callOf(t, `{"n":3,"max_tokens":5,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"one two three"},{"type":"file","file":{"file_id":"x"}}]}]}`)
	whole, err := chatter(t).ChatCompletion(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	usage := whole.GetUsage()
	if len(whole.GetChoices()) != 3 || usage.GetPromptTokens() != 6 || usage.GetCompletionTokens() != 15 || usage.GetTotalTokens() != 21 {
		t.Errorf("choices %d, usage %v", len(whole.GetChoices()), usage)
	}
	var told struct {
		PromptTokens int `json:"prompt_tokens"`
	}
	if err := json.Unmarshal([]byte(call.Exchange.UsageJSON), &told); err != nil || told.PromptTokens != 6 {
		t.Errorf("usage %s", call.Exchange.UsageJSON)
	}
}

func TestAStreamHasSeveralChunks_AndUsageWhenTheClientAsksForIt(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		`{}`: false,
		`{"stream_options":{"include_usage":true}}`:  true,
		`{"stream_options":{"include_usage":false}}`: false,
	} {
		call := callOf(t, body)
		call.Patch, call.Meter = true, true
		_, chunks := collect(t, call)
		if len(chunks) < 15 {
			t.Fatalf("chunks %d", len(chunks))
		}
		last := chunks[len(chunks)-1]
		if (last.GetUsage() != nil) != want || want && len(last.GetChoices()) != 0 {
			t.Errorf("%s: last chunk %v", body, last)
		}
		if first := chunks[0].GetChoices()[0]; first.GetDelta().GetRole() != "assistant" || first.FinishReason != nil {
			t.Errorf("first chunk %v", chunks[0])
		}
		if !strings.Contains(call.Exchange.UsageJSON, `"prompt_tokens":2`) {
			t.Errorf("%s: usage %q", body, call.Exchange.UsageJSON)
		}
	}
}

func TestAStreamThatIsLeftTellsNoUsage(t *testing.T) {
	t.Parallel()
	call := callOf(t, `{}`)
	stream, err := chatter(t).StreamChatCompletion(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(); err != nil || call.Exchange.UsageJSON != "" || len(call.Exchange.Attempts) != 1 {
		t.Errorf("error %v, usage %q", err, call.Exchange.UsageJSON)
	}
	if _, err := stream.Recv(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestRequestsThatOpenAIWouldRefuse(t *testing.T) {
	t.Parallel()
	const field, text = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, commonv1.ErrorReason_ERROR_REASON_INVALID_JSON
	for _, test := range []struct {
		body   string
		param  string
		reason commonv1.ErrorReason
	}{
		{`{"messages":[]}`, "messages", field},
		{`{"messages":[{"content":"x"}]}`, "messages[0].role", field},
		{`{"messages":[{"role":"wizard","content":"x"}]}`, "messages[0].role", field},
		{`{"messages":[{"role":"user"}]}`, "messages[0].content", field},
		{`{"messages":[{"role":"user","content":"x"},{"role":"user","content":5}]}`, "messages[1].content", field},
		{`{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "messages[0].content[0]", field},
		{`{"messages":[{"role":"tool","content":"x"}]}`, "messages[0].tool_call_id", field},
		{`{"messages":[{"role":"tool","tool_call_id":"x"}]}`, "messages[0].content", field},
		{`{"messages":[{"role":"user","content":"x"},5]}`, "messages[1]", field},
		{`{"messages":[{"role":"user","role":"user","content":"x"}]}`, "messages[0].role", text},
		{`{"n":0}`, "n", field},
		{`{"n":129}`, "n", field},
		{`{"max_tokens":0}`, "max_tokens", field},
		{`{"max_completion_tokens":-1}`, "max_completion_tokens", field},
		{`{"logprobs":true}`, "logprobs", field},
		{`{"modalities":["text","audio"]}`, "modalities", field},
		{`{"tools":[{"type":"function"}]}`, "tools[0]", field},
		{`{"tool_choice":"required"}`, "tool_choice", field},
		{`{"tool_choice":"sometimes"}`, "tool_choice", field},
		{`{"tool_choice":{"type":"function","function":{"name":"x"}},` + tools + `}`, "tool_choice", field},
		{`{"response_format":{"type":"json_schema"}}`, "response_format.json_schema", field},
		{`{"response_format":{"type":"json_schema","json_schema":{"name":"x"}}}`, "response_format.json_schema", field},
	} {
		call := callOf(t, test.body)
		_, err := chatter(t).ChatCompletion(t.Context(), call)
		failed := failure.As(err)
		if failed == nil || failed.Reason != test.reason || failed.Param != test.param {
			t.Errorf("%s: %v", test.body, err)
			continue
		}
		if attempts := call.Exchange.Attempts; len(attempts) != 1 || attempts[0].HTTPStatus != 400 || attempts[0].Reason != test.reason {
			t.Errorf("%s: attempts %+v", test.body, attempts)
		}
		if _, err := chatter(t).StreamChatCompletion(t.Context(), callOf(t, test.body)); failure.As(err) == nil {
			t.Errorf("%s: the stream begins: %v", test.body, err)
		}
	}
}

func TestTheExchangeTellsOfOneAttempt(t *testing.T) {
	t.Parallel()
	call := callOf(t, `{}`)
	before := proto.CloneOf(call.Params)
	if _, err := chatter(t).ChatCompletion(t.Context(), call); err != nil {
		t.Fatal(err)
	}
	attempts := call.Exchange.Attempts
	if len(attempts) != 1 || attempts[0].Model != "demo-echo" || attempts[0].HTTPStatus != 200 || attempts[0].Start.IsZero() ||
		attempts[0].UpstreamRequestID == "" || call.Exchange.UpstreamRequestID != attempts[0].UpstreamRequestID || call.Exchange.Connected.IsZero() {
		t.Errorf("attempts %+v", attempts)
	}
	if !proto.Equal(before, call.Params) {
		t.Error("the request has changed")
	}
}

func TestTheSlowModelTakesItsTime_AndStopsWhenItsCallerDoes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		call := callOf(t, `{}`)
		call.Target.Model = "demo-echo-slow"
		began := time.Now()
		stream, err := chatter(t).StreamChatCompletion(ctx, call)
		if err != nil {
			t.Fatal(err)
		}
		for range 11 {
			if _, err := stream.Recv(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 500*time.Millisecond {
			t.Errorf("ten tokens took %v", took)
		}
		cancel()
		if _, err := stream.Recv(); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		if err := errors.Join(stream.Close(), stream.Close()); err != nil {
			t.Error(err)
		}
		attempt := call.Exchange.Attempts[0]
		if attempt.Duration != 500*time.Millisecond || attempt.Reason != commonv1.ErrorReason_ERROR_REASON_CANCELLED {
			t.Errorf("attempt %+v", attempt)
		}

		ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		call = callOf(t, `{}`)
		call.Target.Model = "demo-echo-slow"
		_, err = chatter(t).ChatCompletion(ctx, call)
		if attempt := call.Exchange.Attempts[0]; !errors.Is(err, context.DeadlineExceeded) ||
			attempt.Reason != commonv1.ErrorReason_ERROR_REASON_DEADLINE_EXCEEDED || attempt.HTTPStatus != 0 {
			t.Errorf("error %v, attempt %+v", err, attempt)
		}
	})
}

func TestACallerThatHasLeftGetsNothing(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	call := callOf(t, `{}`)
	if _, err := chatter(t).ChatCompletion(ctx, call); !errors.Is(err, context.Canceled) || len(call.Exchange.Attempts) != 0 {
		t.Errorf("error %v", err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	models, err := chatter(t).(providers.Lister).ListModels(t.Context())
	if err != nil || len(models) != 2 || models[0].GetId() != "demo-echo" || models[1].GetId() != "demo-echo-slow" {
		t.Errorf("models %v, error %v", models, err)
	}
}
