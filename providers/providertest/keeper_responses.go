package providertest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testResponses asks for responses and deletes them.
func (s *keeperSuite) testResponses(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ResponseKeeper](t, s)
	made := r.up.made(t, "/responses", responseBody)
	id := made.get("id").str()
	c := aimed(&responsesv1.GetResponseRequest{ResponseId: id, Include: []string{"reasoning.encrypted_content", "message.output_text.logprobs"}}, "")
	got, err := r.adapter.GetResponse(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	checkRecorded(t, "a stored one", made, got)
	all := r.up.Of(EndpointResponse)
	if q := all[len(all)-1].Query; strings.Count(q, "include") != 2 || !strings.Contains(q, "reasoning.encrypted_content") {
		t.Errorf("the query is %q", q)
	}
	if len(all[0].Body) > 0 || all[0].Header.Get("Content-Type") != "" {
		t.Errorf("a GET came with %s", all[0].Body)
	}
	if err := r.adapter.DeleteResponse(t.Context(), aimed(&responsesv1.DeleteResponseRequest{ResponseId: id}, "")); err != nil {
		t.Fatal(err)
	}
	_, err = r.adapter.GetResponse(t.Context(), aimed(&responsesv1.GetResponseRequest{ResponseId: id}, ""))
	notFound(t, "a deleted one", err)
	notFound(t, "deleted twice", r.adapter.DeleteResponse(t.Context(), aimed(&responsesv1.DeleteResponseRequest{ResponseId: id}, "")))
	_, err = r.adapter.CancelResponse(t.Context(), aimed(&responsesv1.CancelResponseRequest{ResponseId: "resp_other"}, ""))
	notFound(t, "another one, cancelled", err)
	_, err = r.adapter.ListInputItems(t.Context(), aimed(&responsesv1.ListInputItemsRequest{ResponseId: "resp_other"}, ""))
	notFound(t, "the input of another one", err)
	_, err = r.adapter.ResumeResponse(t.Context(), aimed(&responsesv1.ResumeResponseRequest{ResponseId: "resp_other"}, ""))
	notFound(t, "another one, resumed", err)
}

// responseBody asks for a response, and streamedResponse for one that is streamed.
const (
	responseBody     = `{"model":"gpt-4o-mini","input":"Hello."}`
	streamedResponse = `{"model":"gpt-4o-mini","input":"Hello.","stream":true}`
)

// testResume has stored responses streamed again, from any event on.
func (s *keeperSuite) testResume(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ResponseKeeper](t, s)
	id := r.up.made(t, "/responses", streamedResponse).get("id").str()
	var whole []*responsesv1.StreamEvent
	for _, after := range []int32{-1, 0, 3, 11} {
		req := &responsesv1.ResumeResponseRequest{ResponseId: id, IncludeObfuscation: proto.Bool(false)}
		if after >= 0 {
			req.StartingAfter = proto.Int32(after)
		}
		events, err := r.adapter.ResumeResponse(t.Context(), aimed(req, ""))
		if err != nil {
			t.Fatal(err)
		}
		got := drained(t, events)
		if got.err != nil || got.events[0].GetSequenceNumber() != after+1 || got.final().GetStatus() != "completed" {
			t.Errorf("after %d: %v, %v", after, got.events, got.err)
		}
		if after < 0 {
			whole = got.events
		}
		if want := typesOf(whole)[after+1:]; !slices.Equal(typesOf(got.events), want) {
			t.Errorf("after %d: %q, want %q", after, typesOf(got.events), want)
		}
		for _, e := range got.events {
			if e.GetDelta().GetObfuscation() != "" {
				t.Errorf("obfuscation that nobody asked for: %v", e)
			}
		}
	}
	r.up.EnqueueTextAt(t, EndpointResponse, "truncate-after=2")
	events, err := r.adapter.ResumeResponse(t.Context(), aimed(&responsesv1.ResumeResponseRequest{ResponseId: id}, ""))
	if err != nil {
		t.Fatal(err)
	}
	if got := drained(t, events); len(got.events) != 2 || failure.As(got.err) == nil || failure.As(got.err).Reason != truncated {
		t.Errorf("cut after two events: %d, %v", len(got.events), got.err)
	}
}

// testBackground waits for background responses, and cancels them.
func (s *keeperSuite) testBackground(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ResponseKeeper](t, s, func(p *Params) { p.BackgroundPolls = -1 })
	made := func(word string) string {
		return r.up.made(t, "/responses", `{"model":"gpt-4o-mini","background":true,"input":"`+word+`"}`).get("id").str()
	}
	get := func(id string) *responsesv1.Response {
		got, err := r.adapter.GetResponse(t.Context(), aimed(&responsesv1.GetResponseRequest{ResponseId: id}, ""))
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	kept, cancelled := made("a"), made("b")
	if got := get(kept); got.GetStatus() != "in_progress" || len(got.GetOutput()) != 0 {
		t.Errorf("under way: %v", got)
	}
	got, err := r.adapter.CancelResponse(t.Context(), aimed(&responsesv1.CancelResponseRequest{ResponseId: cancelled}, ""))
	if err != nil || got.GetStatus() != "cancelled" {
		t.Errorf("cancelled: %v, %v", got, err)
	}
	r.up.FinishBackground()
	if got := get(kept); got.GetStatus() != "completed" || len(got.GetOutput()) != 1 {
		t.Errorf("done: %v", got)
	}
	if got := get(cancelled); got.GetStatus() != "cancelled" {
		t.Errorf("cancelled, and later: %v", got)
	}
	plain := r.up.made(t, "/responses", responseBody).get("id").str()
	_, err = r.adapter.CancelResponse(t.Context(), aimed(&responsesv1.CancelResponseRequest{ResponseId: plain}, ""))
	if e := failure.As(err); e == nil || e.Reason != rejected {
		t.Errorf("one that is no background response, cancelled: %v", err)
	}
}

// testInputItems lists what responses were made from.
func (s *keeperSuite) testInputItems(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.ResponseKeeper](t, s)
	body := `{"model":"gpt-4o-mini","input":[{"role":"system","content":"a"},{"role":"user","content":"b"},` +
		`{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"x"},{"role":"user","content":"d"}]}`
	id := r.up.made(t, "/responses", body).get("id").str()
	var types []string
	list := func(ctx context.Context, after *string) (page, error) {
		got, err := r.adapter.ListInputItems(ctx, aimed(&responsesv1.ListInputItemsRequest{
			ResponseId: id, After: after, Limit: proto.Int32(2), Order: proto.String("asc"),
		}, ""))
		p := page{first: got.GetFirstId(), last: got.GetLastId(), more: got.GetHasMore()}
		for _, item := range got.GetData() {
			types = append(types, item.GetType())
			p.ids = append(p.ids, itemIDOf(item))
		}
		return p, err
	}
	ids := walk(t.Context(), t, list)
	if want := []string{"message", "message", "function_call", "function_call_output", "message"}; !slices.Equal(types, want) || len(ids) != 5 {
		t.Errorf("the input is %q, %q", ids, types)
	}
	got, err := r.adapter.ListInputItems(t.Context(), aimed(&responsesv1.ListInputItemsRequest{ResponseId: id}, ""))
	if err != nil || len(got.GetData()) != 5 || itemIDOf(got.GetData()[0]) != ids[4] {
		t.Errorf("the newest first: %v, %v", got, err)
	}
}

// itemIDOf is the id of an item of some types.
func itemIDOf(item *responsesv1.Item) string {
	switch {
	case item.GetMessage() != nil:
		return item.GetMessage().GetId()
	case item.GetFunctionCall() != nil:
		return item.GetFunctionCall().GetId()
	default:
		return item.GetToolOutput().GetId()
	}
}

// testResponseFailures has misbehaviours give their failures where nothing is made.
func (s *keeperSuite) testResponseFailures(t *testing.T) {
	k := trial{endpoint: EndpointResponse, make: func(ctx context.Context, t testing.TB, at site, x *providers.Exchange) (int, error) {
		keeper, _ := s.factory(t, at.base, at.key, at.bounds).(providers.ResponseKeeper)
		c := aimed(&responsesv1.GetResponseRequest{ResponseId: "resp_kept"}, "")
		c.Exchange = x
		_, err := keeper.GetResponse(ctx, c)
		return 0, err
	}}
	k.prepare = func(up *Upstream) {
		up.store.locked(up.Key(), func(s *shelf) {
			t := turn{root: obj("input", "x"), id: "resp_kept", model: "gpt-4o-mini", kept: true}
			s.responses[t.id] = &keptResponse{final: t.object(list(), nil, "completed")}
		})
	}
	k.faults(t, slices.DeleteFunc(wholeFaults(), func(f fault) bool { return strings.Contains(f.script, "status=404") }))
}

// testTokens counts the tokens of an input.
func (s *keeperSuite) testTokens(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.TokenCounter](t, s)
	c := responseCall(&responsesv1.ResponseParams{Input: proto.String("one two three"), Instructions: proto.String("Be brief.")}, "gpt-4o-mini")
	got, err := r.adapter.CountInputTokens(t.Context(), c)
	if err != nil || got.GetInputTokens() < 6 {
		t.Errorf("the tokens are %v, %v", got, err)
	}
	body := string(r.up.Of(EndpointInputTokens)[0].Body)
	if want := `{"model":"gpt-4o-mini","input":"one two three","instructions":"Be brief."}`; !equalJSON(t, body, want) {
		t.Errorf("sent %s, want %s", body, want)
	}
}

// testCompaction compacts a context, which then can be gone on from.
func (s *keeperSuite) testCompaction(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.Compactor](t, s)
	c := responseCall(&responsesv1.ResponseParams{InputJson: `[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]`}, "gpt-4o-mini")
	got, err := r.adapter.CompactResponse(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	output := got.GetOutput()
	if len(output) != 2 || output[1].GetCompaction().GetEncryptedContent() == "" || got.GetUsage().GetTotalTokens() == 0 {
		t.Errorf("compacted: %v", got)
	}
	if !strings.Contains(c.Exchange.UsageJSON, `"input_tokens"`) {
		t.Errorf("the usage is %q", c.Exchange.UsageJSON)
	}
}
