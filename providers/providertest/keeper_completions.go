package providertest

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// keptBody asks for a completion that is stored.
func keptBody(who string) string {
	return `{"model":"gpt-4o-mini","store":true,"metadata":{"who":"` + who + `"},"messages":[` +
		`{"role":"system","content":"Be brief."},{"role":"user","content":[{"type":"text","text":"Hello."}]},{"role":"user","content":"Now."}]}`
}

// testCompletions asks for stored completions, changes and deletes them.
func (s *keeperSuite) testCompletions(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.CompletionKeeper](t, s)
	ctx := t.Context()
	id := r.up.made(t, "/chat/completions", keptBody("a")).get("id").str()
	got, err := r.adapter.GetChatCompletion(ctx, aimed(&chatv1.GetChatCompletionRequest{CompletionId: id}, ""))
	if err != nil || got.GetId() != id || got.GetChoices()[0].GetMessage().GetContent() != "You said: Now." || got.GetUsage().GetTotalTokens() == 0 {
		t.Errorf("a stored one: %v, %v", got, err)
	}
	for _, labels := range []map[string]string{{"who": "b"}, nil} {
		_, err := r.adapter.UpdateChatCompletion(ctx, aimed(&chatv1.UpdateChatCompletionRequest{
			CompletionId: id, Params: &chatv1.UpdateChatCompletionParams{Metadata: labels},
		}, ""))
		if err != nil {
			t.Fatal(err)
		}
		found, err := r.adapter.ListChatCompletions(ctx, aimed(&chatv1.ListChatCompletionsRequest{Metadata: labels}, ""))
		if err != nil || len(found.GetData()) != 1 {
			t.Errorf("with the labels %v: %v, %v", labels, found, err)
		}
	}
	if err := r.adapter.DeleteChatCompletion(ctx, aimed(&chatv1.DeleteChatCompletionRequest{CompletionId: id}, "")); err != nil {
		t.Fatal(err)
	}
	_, err = r.adapter.GetChatCompletion(ctx, aimed(&chatv1.GetChatCompletionRequest{CompletionId: id}, ""))
	notFound(t, "a deleted one", err)
	notFound(t, "deleted twice", r.adapter.DeleteChatCompletion(ctx, aimed(&chatv1.DeleteChatCompletionRequest{CompletionId: id}, "")))
	_, err = r.adapter.UpdateChatCompletion(ctx, aimed(&chatv1.UpdateChatCompletionRequest{
		CompletionId: id, Params: &chatv1.UpdateChatCompletionParams{Metadata: map[string]string{"a": "b"}},
	}, ""))
	notFound(t, "a deleted one, changed", err)
	_, err = r.adapter.ListChatCompletionMessages(ctx, aimed(&chatv1.ListChatCompletionMessagesRequest{CompletionId: id}, ""))
	notFound(t, "the messages of a deleted one", err)
}

// testCompletionLists lists stored completions, and their messages.
func (s *keeperSuite) testCompletionLists(t *testing.T) {
	t.Parallel()
	r := newKeeperRig[providers.CompletionKeeper](t, s)
	ctx := t.Context()
	var made []string
	for _, who := range []string{"a", "b", "a", "b", "b"} {
		made = append(made, r.up.made(t, "/chat/completions", keptBody(who)).get("id").str())
	}
	list := func(change func(*chatv1.ListChatCompletionsRequest)) func(context.Context, *string) (page, error) {
		return func(ctx context.Context, after *string) (page, error) {
			req := &chatv1.ListChatCompletionsRequest{After: after, Limit: proto.Int32(2)}
			change(req)
			got, err := r.adapter.ListChatCompletions(ctx, aimed(req, ""))
			p := page{first: got.GetFirstId(), last: got.GetLastId(), more: got.GetHasMore()}
			for _, c := range got.GetData() {
				p.ids = append(p.ids, c.GetId())
			}
			return p, err
		}
	}
	backwards := slices.Clone(made)
	slices.Reverse(backwards)
	for name, c := range map[string]struct {
		change func(*chatv1.ListChatCompletionsRequest)
		want   []string
	}{
		"all":      {func(*chatv1.ListChatCompletionsRequest) {}, made},
		"newest":   {func(r *chatv1.ListChatCompletionsRequest) { r.Order = proto.String("desc") }, backwards},
		"by label": {func(r *chatv1.ListChatCompletionsRequest) { r.Metadata = map[string]string{"who": "b"} }, []string{made[1], made[3], made[4]}},
		"by model": {func(r *chatv1.ListChatCompletionsRequest) { r.Model = proto.String("gpt-4o-mini") }, made},
		"none":     {func(r *chatv1.ListChatCompletionsRequest) { r.Model = proto.String("o3") }, nil},
	} {
		if got := walk(ctx, t, list(c.change)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	var said []string
	ids := walk(ctx, t, func(ctx context.Context, after *string) (page, error) {
		got, err := r.adapter.ListChatCompletionMessages(ctx, aimed(&chatv1.ListChatCompletionMessagesRequest{
			CompletionId: made[0], After: after, Limit: proto.Int32(2), Order: proto.String("asc"),
		}, ""))
		p := page{first: got.GetFirstId(), last: got.GetLastId(), more: got.GetHasMore()}
		for range got.GetData() {
			p.ids = append(p.ids, "")
		}
		if n := len(p.ids); n > 0 { // the messages have no field for their ids
			p.ids[0], p.ids[n-1] = p.first, p.last
		}
		for _, m := range got.GetData() {
			said = append(said, m.GetRole()+" "+m.GetContent())
		}
		return p, err
	})
	if len(ids) != 3 || said[0] != "system Be brief." || said[2] != "user Now." {
		t.Errorf("the messages are %q", said)
	}
}
