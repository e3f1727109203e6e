package providertest

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// weatherFlatTools is a tool of a response as JSON text, its members in an order
// that is kept.
const weatherFlatTools = `[{"type":"function","name":"get_weather","parameters":` +
	`{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"integer"}},"required":["z","a"]}}]`

// testUnary has good responses that are not streams.
func (s *responderSuite) testUnary(t *testing.T) {
	t.Parallel()
	up := Start(t)
	c := greet()
	got := s.run(t.Context(), t, siteOf(up, longWait), c, false)
	if got.err != nil {
		t.Fatal(got.err)
	}
	r := got.whole
	if got.text() != "You said: Hello." || r.GetStatus() != "completed" || !strings.HasPrefix(r.GetId(), "resp_") ||
		r.GetModel() != "gpt-4o-mini-2024-07-18" || r.GetUsage().GetTotalTokens() == 0 || !r.GetStore() {
		t.Errorf("the response is %v", r)
	}
	checkAttempt(t, up, c.Exchange, "gpt-4o-mini")
	if !strings.Contains(c.Exchange.UsageJSON, `"input_tokens"`) {
		t.Errorf("the usage is %q", c.Exchange.UsageJSON)
	}
	next := responseCall(&responsesv1.ResponseParams{Input: proto.String("And?"), PreviousResponseId: proto.String(r.GetId())}, "gpt-4o-mini")
	if got := s.run(t.Context(), t, siteOf(up, longWait), next, false); got.err != nil || got.whole.GetPreviousResponseId() != r.GetId() {
		t.Errorf("the next response is %v, %v", got.whole, got.err)
	}
	lost := responseCall(&responsesv1.ResponseParams{Input: proto.String("And?"), PreviousResponseId: proto.String("resp_lost")}, "gpt-4o-mini")
	if e := failure.As(s.run(t.Context(), t, siteOf(up, longWait), lost, false).err); e == nil || e.Code != "previous_response_not_found" {
		t.Errorf("a past that is lost: %v", e)
	}
	up.EnqueueTextAt(t, EndpointResponses, "finish=length")
	if got := s.run(t.Context(), t, siteOf(up, longWait), greet(), false); got.err != nil || got.whole.GetStatus() != "incomplete" ||
		got.whole.GetIncompleteDetails().GetReason() != "max_output_tokens" {
		t.Errorf("an incomplete response is %v, %v", got.whole, got.err)
	}
}

// testStream has good streams: events in order, without gaps, which add up.
func (s *responderSuite) testStream(t *testing.T) {
	t.Parallel()
	up := Start(t)
	c := greet()
	got := s.run(t.Context(), t, siteOf(up, longWait), c, true)
	if got.err != nil {
		t.Fatal(got.err)
	}
	for i, e := range got.events {
		if int(e.GetSequenceNumber()) != i {
			t.Errorf("the event %d has the number %d", i, e.GetSequenceNumber())
		}
	}
	want := []string{
		"response.created", "response.in_progress", "response.output_item.added", "response.content_part.added",
		"response.output_text.delta", "response.output_text.done", "response.content_part.done", "response.output_item.done", "response.completed",
	}
	if types := slices.Compact(typesOf(got.events)); !slices.Equal(types, want) {
		t.Errorf("the events are %q", types)
	}
	first, last := got.events[0].GetLifecycle().GetResponse(), got.final()
	if got.text() != "You said: Hello." || first.GetId() != last.GetId() || first.GetStatus() != "in_progress" ||
		last.GetStatus() != "completed" || last.GetUsage().GetTotalTokens() == 0 || len(last.GetOutput()) != 1 {
		t.Errorf("the stream ends with %v", last)
	}
	checkAttempt(t, up, c.Exchange, "gpt-4o-mini")
	if !strings.Contains(c.Exchange.UsageJSON, `"input_tokens"`) {
		t.Errorf("the usage is %q", c.Exchange.UsageJSON)
	}
	up.EnqueueTextAt(t, EndpointResponses, "finish=length", "line=1048576")
	if got := s.run(t.Context(), t, siteOf(up, longWait), greet(), true); got.err != nil || got.final().GetStatus() != "incomplete" {
		t.Errorf("an incomplete stream ends with %v, %v", got.final(), got.err)
	}
	if got := s.run(t.Context(), t, siteOf(up, longWait), greet(), true); got.err != nil || len(got.text()) < 1<<20 {
		t.Errorf("a line of a MiB: %d bytes, %v", len(got.text()), got.err)
	}
}

// typesOf are the events' types.
func typesOf(events []*responsesv1.StreamEvent) []string {
	out := make([]string, len(events))
	for i, e := range events {
		out[i] = e.GetType()
	}
	return out
}

// testCalls has calls of tools, refusals, and what was thought.
func (s *responderSuite) testCalls(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T, stream bool) {
		up := Start(t)
		at := siteOf(up, longWait)
		call := responseCall(&responsesv1.ResponseParams{
			InputJson: `[{"role":"user","content":"Weather?"}]`, ToolsJson: weatherFlatTools, ToolChoice: proto.String("required"),
		}, "gpt-4o-mini")
		got := s.run(t.Context(), t, at, call, stream)
		if got.err != nil {
			t.Fatal(got.err)
		}
		f := got.final().GetOutput()[0].GetFunctionCall()
		if f.GetName() != "get_weather" || f.GetArguments() != `{"z":"text","a":1}` || f.GetCallId() == "" || f.GetStatus() != "completed" {
			t.Errorf("the call is %v", f)
		}
		arguments := ""
		for _, e := range got.events {
			if e.GetType() == "response.function_call_arguments.delta" {
				arguments += e.GetDelta().GetDelta()
			}
		}
		if stream && arguments != f.GetArguments() {
			t.Errorf("the arguments are %s", arguments)
		}
		up.EnqueueTextAt(t, EndpointResponses, "refusal=I will not.")
		got = s.run(t.Context(), t, at, greet(), stream)
		if got.err != nil || got.final().GetOutput()[0].GetMessage().GetContentParts()[0].GetRefusal() != "I will not." {
			t.Errorf("the refusal is %v, %v", got.final(), got.err)
		}
		s.testThought(t, at, stream)
	})
}

// testThought has what was thought come back to the provider, sealed.
func (s *responderSuite) testThought(t *testing.T, at site, stream bool) {
	t.Helper()
	params := func(items ...*responsesv1.Item) *responsesv1.ResponseParams {
		hello := &responsesv1.Item{Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", Content: proto.String("Hello.")}}}
		return &responsesv1.ResponseParams{
			InputItems: append(items, hello), Store: proto.Bool(false), Include: []string{"reasoning.encrypted_content"},
			Reasoning: &responsesv1.ReasoningConfig{Summary: proto.String("auto")},
		}
	}
	got := s.run(t.Context(), t, at, responseCall(params(), "o4-mini"), stream)
	if got.err != nil {
		t.Fatal(got.err)
	}
	output := got.final().GetOutput()
	thought := output[0].GetReasoning()
	if len(output) != 2 || thought.GetEncryptedContent() == "" || len(thought.GetSummary()) != 1 || thought.GetSummary()[0].GetText() == "" {
		t.Fatalf("what was thought is %v", output)
	}
	if got := s.run(t.Context(), t, at, responseCall(params(output...), "o4-mini"), stream); got.err != nil {
		t.Errorf("what was thought does not come back: %v", got.err)
	}
}
