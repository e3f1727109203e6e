package responses_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/responses/eventtest"
)

// apart are events that say nothing of those before them: items may be open together.
var apart = []string{"response.output_item.added", "response.reasoning_summary_part.added", "response.output_text.annotation.added"}

// TestTheRulesSeeEveryFault leaves out, repeats and swaps each event of a good stream,
// with right numbers: the rules must see it.
func TestTheRulesSeeEveryFault(t *testing.T) {
	t.Parallel()
	chunks := deltas(t, "tool_calls", `{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"h"}]}`, `{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"m"}]}`,
		`{"reasoning_details":[{"type":"reasoning.summary","index":1,"summary":"s"}]}`, `{"content":"He"}`, `{"content":"l"}`,
		`{"annotations":[{"type":"url_citation","url_citation":{"url":"a","title":"","start_index":0,"end_index":1}}]}`, `{"refusal":"no"}`,
		`{"tool_calls":[{"index":0,"id":"1",`+named+`"f","arguments":"{"}}]}`, `{"tool_calls":[{"index":0,"function":{"arguments":"}"}}]}`,
		`{"tool_calls":[{"index":1,"id":"2","type":"custom","custom":{"name":"c","input":"a"}}]}`, `{"tool_calls":[{"index":1,"custom":{"input":"b"}}]}`)
	good, err := stream(t, &chatter{chunks: chunks}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, event := range good {
		kind := event.GetType()
		left := numbered(slices.Delete(slices.Clone(good), i, i+1))
		if err := eventtest.Check(left); (err == nil) != (kind == "response.in_progress") {
			t.Errorf("without event %d, %s: %v", i, kind, err)
		}
		if err := eventtest.Check(numbered(slices.Insert(slices.Clone(good), i, event))); err == nil && kind != "response.in_progress" {
			t.Errorf("event %d, %s, comes twice", i, kind)
		}
		if i > 0 {
			swapped := slices.Clone(good)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			if err := eventtest.Check(numbered(swapped)); err == nil && !slices.Contains(apart, kind) {
				t.Errorf("event %d, %s, comes too early", i, kind)
			}
		}
		late := cloned(good)
		late[i].SequenceNumber++
		if eventtest.Check(late) == nil {
			t.Errorf("event %d has another's number", i)
		}
	}
}

func TestTheRulesSeeWrongResponses(t *testing.T) {
	t.Parallel()
	good, err := stream(t, &chatter{chunks: deltas(t, "stop", `{"content":"x"}`)}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	last := len(good) - 1
	for name, spoil := range map[string]func([]*responsesv1.StreamEvent){
		"another id":     func(e []*responsesv1.StreamEvent) { e[last].GetLifecycle().GetResponse().Id = "resp_2" },
		"no id":          func(e []*responsesv1.StreamEvent) { e[0].GetLifecycle().GetResponse().Id = "" },
		"another status": func(e []*responsesv1.StreamEvent) { e[last].GetLifecycle().GetResponse().Status = new("in_progress") },
		"no output":      func(e []*responsesv1.StreamEvent) { e[last].GetLifecycle().GetResponse().Output = nil },
		"another output": func(e []*responsesv1.StreamEvent) {
			e[last].GetLifecycle().GetResponse().GetOutput()[0].GetMessage().Role = "user"
		},
		"an error": func(e []*responsesv1.StreamEvent) {
			e[last].GetLifecycle().GetResponse().Error = &responsesv1.ResponseError{}
		},
		"an early time": func(e []*responsesv1.StreamEvent) { e[1].GetLifecycle().GetResponse().CompletedAt = new(int64(1)) },
		"usage too early": func(e []*responsesv1.StreamEvent) {
			e[1].GetLifecycle().GetResponse().Usage = &responsesv1.ResponseUsage{}
		},
		"another item":  func(e []*responsesv1.StreamEvent) { e[4].GetDelta().ItemId = new("msg_2") },
		"another place": func(e []*responsesv1.StreamEvent) { e[4].GetDelta().OutputIndex = new(int32(1)) },
		"no place":      func(e []*responsesv1.StreamEvent) { e[4].GetDelta().ContentIndex = nil },
		"another kind":  func(e []*responsesv1.StreamEvent) { e[4].Type = "response.refusal.delta" },
		"nothing new":   func(e []*responsesv1.StreamEvent) { e[4].GetDelta().Delta = "" },
		"a full item":   func(e []*responsesv1.StreamEvent) { e[2].GetOutputItem().Item = e[7].GetOutputItem().GetItem() },
		"a full part":   func(e []*responsesv1.StreamEvent) { e[3].GetContentPart().Part = e[6].GetContentPart().GetPart() },
		"an open error": func(e []*responsesv1.StreamEvent) {
			e[last] = &responsesv1.StreamEvent{Type: "error", SequenceNumber: int32(last), Event: &responsesv1.StreamEvent_Error{Error: &responsesv1.ErrorEvent{Message: new("x")}}}
		},
	} {
		bad := cloned(good)
		spoil(bad)
		if eventtest.Check(bad) == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := eventtest.Check(nil); err == nil {
		t.Error("no events pass")
	}
}

// odd are the recorded streams that break the rules, and how.
var odd = map[string]string{
	"gomodel/xai/responses/responses_stream.txt":                         "no part 0 was added",  // xAI's omission, which Node's helper cannot stand
	"openai-openapi/responses/streaming.txt":                             "sequence_number is 0", // the documentation's example
	"vercel-ai/open-responses/responses/lmstudio-tool-call.1.chunks.txt": `"" came`,              // LM Studio's calls have no deltas
	"vercel-ai/open-responses/responses/lmstudio-tool-call.2.chunks.txt": `"" came`,
	"vercel-ai/openai/responses/github-copilot-id-rotation.1.chunks.txt": `was "capture-id-1"`,    // Copilot's
	"vercel-ai/openai/responses/openai-custom-tool.1.chunks.txt":         "sequence_number is 0",  // written by hand
	"vercel-ai/openai/responses/openai-phase.1.chunks.txt":               "sequence_number is 41", // shortened by hand
	"vercel-ai/openai/responses/openai-shell-container.1.chunks.txt":     "came",                  // shortened by hand
	"vercel-ai/openai/responses/programmatic-tool-calling.1.chunks.txt":  "the item is in_progress",
	"vercel-ai/openai/responses/programmatic-tool-calling.2.chunks.txt":  "the item is in_progress",
}

// TestTheRulesAreOpenAIs says that what OpenAI really sent keeps them.
func TestTheRulesAreOpenAIs(t *testing.T) {
	t.Parallel()
	for name, all := range native(t) {
		for _, events := range all {
			err := eventtest.Check(events)
			if fault := odd[name]; (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
				t.Errorf("%s: %.300v", name, err)
			}
		}
	}
}

func cloned(events []*responsesv1.StreamEvent) []*responsesv1.StreamEvent {
	out := make([]*responsesv1.StreamEvent, 0, len(events))
	for _, event := range events {
		out = append(out, proto.CloneOf(event))
	}
	return out
}

func numbered(events []*responsesv1.StreamEvent) []*responsesv1.StreamEvent {
	out := cloned(events)
	for i, event := range out {
		event.SequenceNumber = int32(i)
	}
	return out
}
