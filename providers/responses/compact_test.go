package responses_test

import (
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

func TestCompaction(t *testing.T) {
	t.Parallel()
	reply := said("They met in Bern.")
	reply.Usage = &chatv1.CompletionUsage{PromptTokens: 90, CompletionTokens: 5, TotalTokens: 95}
	fake := &chatter{completion: reply}
	call := ask(t, `{"model":"x","instructions":"Be brief.","prompt_cache_key":"k","input":[{"type":"compaction","encrypted_content":"`+responses.EncodeCompaction("Before.")+`"},`+
		`{"role":"user","content":[{"type":"input_text","text":"See"},{"type":"input_image","image_url":"https://x/y.png"},{"type":"input_text","text":"this"}]},`+
		`{"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},{"role":"assistant","content":"I look."},{"type":"function_call","call_id":"1","name":"f","arguments":"{\"a\":1}"},`+
		`{"type":"custom_tool_call","call_id":"2","name":"c","input":"x"},{"type":"function_call_output","call_id":"1","output":"rain"},{"type":"custom_tool_call_output","call_id":"2","output":"y"}]}`)
	compaction, err := responses.Over(fake).CompactResponse(t.Context(), call)
	if err != nil {
		t.Fatal(err)
	}
	params := fake.asked.Params
	if len(params.GetMessages()) != 2 || params.GetMessages()[0].GetRole() != "system" || params.GetPromptCacheKey() != "k" || len(params.GetTools()) != 0 {
		t.Errorf("asked %v", params)
	}
	want := `{"role":"user","content":[{"type":"text","text":"[system]\nBe brief.\n[user]\nSummary of the conversation so far:\n\nBefore.\n[user]\nSee\n"},` +
		`{"type":"image_url","image_url":{"url":"https://x/y.png"}},` +
		`{"type":"text","text":"this\n[assistant]\nI look.\n[call 1 of f]\n{\"a\":1}\n[call 2 of c]\nx\n[tool, result of call 1]\nrain\n[tool, result of call 2]\ny\n"}]}`
	if got := encode(t, params.GetMessages()[1], wire.Request); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if compaction.GetUsage().GetTotalTokens() != 95 || compaction.GetCreatedAt() == 0 || compaction.GetId() == "" || len(compaction.GetOutput()) != 1 {
		t.Errorf("compaction %v", compaction)
	}
	messages := next(t, `{"role":"user","content":"And?"}`, compaction.GetOutput(), "")
	if got := messages[len(messages)-1].GetContent(); got != "Summary of the conversation so far:\n\nThey met in Bern." {
		t.Errorf("later it is %q", got)
	}
}

func TestCompactionsThatFail(t *testing.T) {
	t.Parallel()
	broken := failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "Gone.")
	for body, fake := range map[string]*chatter{
		`{}`:             {completion: said("x")},
		`{"input":"Hi"}`: {completion: said("x"), end: broken},
		`{"input":"Ho"}`: {completion: &chatv1.ChatCompletion{}},
	} {
		if compaction, err := responses.Over(fake).CompactResponse(t.Context(), ask(t, body)); compaction != nil || failure.As(err) == nil {
			t.Errorf("%s: %v, %v", body, compaction, err)
		}
	}
}

func TestASummaryThatIsNone(t *testing.T) {
	t.Parallel()
	cut := said("They met")
	cut.GetChoices()[0].FinishReason = new("length")
	for _, completion := range []*chatv1.ChatCompletion{cut, said(""), said(" \n")} {
		compaction, err := responses.Over(&chatter{completion: completion}).CompactResponse(t.Context(), ask(t, `{"input":"Hi"}`))
		if failed := failure.As(err); compaction != nil || failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY {
			t.Errorf("%v: %v", compaction, err)
		}
	}
}
