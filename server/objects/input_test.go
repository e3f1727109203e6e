package objects

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const owner = "/a"

// keeper is one over a database of its own.
func keeper(t *testing.T) *Keeper {
	t.Helper()
	db, err := sqldb.Open(t.Context(), sqldb.Params{Config: &configv1.Storage{DataDir: t.TempDir()}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	ids, err := objectid.New([]string{"a key of at least thirty-two characters"})
	if err != nil {
		t.Fatal(err)
	}
	day := durationpb.New(24 * time.Hour)
	return New(Params{Store: db.Objects(storage.ObjectLimits{}), IDs: ids, Config: &configv1.Objects{Retention: day, ConversationRetention: day}, Now: time.Now})
}

func reasonOf(err error) commonv1.ErrorReason {
	if failed := failure.As(err); failed != nil {
		return failed.Reason
	}
	return commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
}

// What a target is sent of an input that names objects.
func TestInputIsFittedToItsTarget(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	own := k.Naming("openai", owner).Items
	item := &responsesv1.Item{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Id: new("msg_upstream"), Role: "assistant"}}}
	own([]*responsesv1.Item{item})
	id := item.GetMessage().GetId()
	escaped := strings.ReplaceAll(id, "xsb", `\u0078s\u0062`)
	foreign := k.Naming("openai", "/b").item("msg_upstream")
	openai, xai, groq := &planv1.Target{Provider: "openai"}, &planv1.Target{Provider: "xai"}, &planv1.Target{Provider: "groq", Emulated: true}
	const missing, conflict = commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND, commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT
	const invalid = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD
	reference := func(id string) string { return `[{"type":"item_reference","id":"` + id + `"}]` }
	approval := func(id string) string {
		return `[{"type":"mcp_approval_response","approve":true,"approval_request_id":"` + id + `"}]`
	}
	message := func(id string) string {
		return `[{"type":"message","role":"assistant","id":"` + id + `","content":"x"}]`
	}
	for _, tt := range []struct {
		name, input string
		raw         bool
		target      *planv1.Target
		want        string // the first item's id
		reason      commonv1.ErrorReason
	}{
		{name: "a reference", input: reference(id), target: openai, want: "msg_upstream"},
		{name: "a reference, escaped", input: reference(escaped), target: openai, want: "msg_upstream"},
		{name: "a reference of who may use raw ids, escaped", input: reference(escaped), raw: true, target: openai, want: "msg_upstream"},
		{name: "a reference elsewhere", input: reference(id), target: xai, reason: conflict},
		{name: "a reference for the gateway itself", input: reference(id), target: groq, reason: conflict},
		{name: "a foreign reference", input: reference(foreign), target: openai, reason: missing},
		{name: "a foreign reference of who may use raw ids", input: reference(foreign), raw: true, target: openai, reason: missing},
		{name: "a raw reference", input: reference("msg_upstream"), target: openai, reason: missing},
		{name: "a raw reference of who may use them", input: reference("msg_upstream"), raw: true, target: openai, want: "msg_upstream"},
		{name: "a raw reference for the gateway itself", input: reference("msg_upstream"), raw: true, target: groq, reason: missing},
		{name: "its member is escaped", input: `[{"type":"item_reference","\u0069\u0064":"msg_upstream"}]`, target: openai, reason: missing},
		{name: "it has no type", input: `[{"id":"msg_upstream"}]`, target: openai, reason: missing},
		{name: "an item", input: message(id), target: openai, want: "msg_upstream"},
		{name: "an item elsewhere", input: message(id), target: xai, want: ""},
		{name: "a foreign item is what it says, without its id", input: message(foreign), target: openai, want: ""},
		{name: "an approval of what somebody else asked", input: approval(foreign), target: openai, reason: missing},
		{name: "an approval of what a provider asked", input: approval("mcpr_upstream"), target: openai, reason: missing},
		{name: "an approval of who may use raw ids", input: approval("mcpr_upstream"), raw: true, target: openai, want: "mcpr_upstream"},
		{name: "reasoning that is an id alone", input: `[{"type":"reasoning","summary":[],"id":"` + foreign + `"}]`, target: openai, reason: missing},
		{name: "an item without a type", input: `[{"type":"","id":"` + foreign + `"}]`, target: openai, reason: invalid},
		{name: "a reference in capitals", input: strings.Replace(reference(foreign), "item_r", "Item_R", 1), target: openai, reason: invalid},
		{name: "a raw item", input: message("msg_upstream"), target: openai, want: ""},
		{name: "a raw item of who may use them", input: message("msg_upstream"), raw: true, target: openai, want: "msg_upstream"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in, err := k.Input(t.Context(), &responsesv1.ResponseParams{InputJson: tt.input}, owner, tt.raw)
			if err != nil {
				t.Fatal(err)
			}
			p, err := in.For(t.Context(), tt.target, wire.Limits{})
			if reasonOf(err) != tt.reason || (err != nil) != (tt.reason != 0) {
				t.Fatalf("got %v, want %v", err, tt.reason)
			}
			if err != nil || p.GetInputJson() == tt.input && strings.Contains(tt.input, `"`+tt.want+`"`) {
				return // as it came
			}
			got := ""
			eachID(p.GetInputItems()[0], func(id *string) *string {
				if id != nil {
					got = *id
				}
				return id
			})
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// A context that was compacted here is a message to a provider of responses.
func TestOwnCompactionsAreUnpacked(t *testing.T) {
	t.Parallel()
	body, err := proto.Marshal(&chatv1.ChatMessage{Content: new("They met.")})
	if err != nil {
		t.Fatal(err)
	}
	input := `[{"type":"compaction","encrypted_content":"` + responses.CompactionMark + base64.RawURLEncoding.EncodeToString(body) + `"}]`
	for _, raw := range []bool{false, true} {
		in, err := keeper(t).Input(t.Context(), &responsesv1.ResponseParams{InputJson: input}, owner, raw)
		if err != nil {
			t.Fatal(err)
		}
		p, err := in.For(t.Context(), &planv1.Target{Provider: "openai"}, wire.Limits{})
		if err != nil || len(p.GetInputItems()) != 1 || !strings.HasSuffix(p.GetInputItems()[0].GetMessage().GetContent(), "They met.") {
			t.Errorf("got %v, %v", p, err)
		}
	}
}

// What a request goes on from is read as far as memory is given to it.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	var items []*responsesv1.Item
	for range 20 {
		items = append(items, said(strings.Repeat("a", 1000)))
	}
	made, err := k.CreateConversation(t.Context(), owner, &conversationsv1.ConversationParams{Items: items})
	if err != nil {
		t.Fatal(err)
	}
	for left, want := range map[memory]commonv1.ErrorReason{
		19_000: commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, 40_000: commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED,
	} {
		all, err := k.conversationItems(t.Context(), owner, made.GetId(), &left)
		if reasonOf(err) != want || (err == nil) != (len(all) == 20) {
			t.Errorf("%d items, %v", len(all), err)
		}
	}
}

// Texts keep their bytes, whatever they look like.
func TestTextsOfAnInputStay(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	id := k.Naming("openai", owner).ResponseID("resp_upstream")
	for _, text := range []string{id, `{\"id\":\"` + id + `\"}`, `\"id\": \"msg_upstream\"`} {
		for _, raw := range []bool{false, true} {
			in, err := k.Input(t.Context(), &responsesv1.ResponseParams{InputJson: `[{"role":"user","content":"` + text + `"}]`}, owner, raw)
			if err != nil {
				t.Fatal(err)
			}
			p, err := in.For(t.Context(), &planv1.Target{Provider: "openai"}, wire.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if len(p.GetInputItems()) == 0 {
				continue // as it came
			}
			if got, want := p.GetInputItems()[0].GetMessage().GetContent(), strings.ReplaceAll(text, `\"`, `"`); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
	}
}

// Thousands of items are kept and come back, in order.
func TestThousandsOfItems(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	const many = 3000
	var b strings.Builder
	for n := range many {
		fmt.Fprintf(&b, `,{"role":"user","content":"%d"}`, n)
	}
	in, err := k.Input(t.Context(), &responsesv1.ResponseParams{InputJson: "[" + b.String()[1:] + "]"}, owner, false)
	if err != nil {
		t.Fatal(err)
	}
	response := &responsesv1.Response{Id: newID(KindResponse), Status: new("completed")}
	if err := k.KeepResponse(t.Context(), in, response); err != nil {
		t.Fatal(err)
	}
	next, err := k.Input(t.Context(), &responsesv1.ResponseParams{Input: new("last"), PreviousResponseId: new(k.Naming("", owner).ResponseID(response.GetId()))}, owner, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := next.For(t.Context(), &planv1.Target{Provider: "groq", Emulated: true}, wire.Limits{})
	if err != nil || len(p.GetInputItems()) != many+1 {
		t.Fatalf("%d items, %v", len(p.GetInputItems()), err)
	}
	for n, item := range p.GetInputItems()[:many] {
		if item.GetMessage().GetContentParts()[0].GetText() != fmt.Sprint(n) {
			t.Fatalf("the item %d is %v", n, item)
		}
	}
}

// Items of a type that this version does not know are kept, listed and paged as others.
func TestUnknownItemsHavePages(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	conversation, err := k.CreateConversation(t.Context(), owner, &conversationsv1.ConversationParams{})
	if err != nil {
		t.Fatal(err)
	}
	var items []*responsesv1.Item
	for n := range 5 {
		items = append(items, &responsesv1.Item{Item: &responsesv1.Item_OtherJson{OtherJson: fmt.Sprintf(`{"type":"new","n":%d}`, n)}})
	}
	if _, err := k.AddItems(t.Context(), owner, conversation.GetId(), items); err != nil {
		t.Fatal(err)
	}
	got, page := "", Page{Limit: 2}
	for more := true; more; {
		list, err := k.ConversationItems(t.Context(), owner, conversation.GetId(), page)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range list.GetData() {
			got += item.GetOtherJson()
		}
		more, page.After = list.GetHasMore(), list.GetLastId()
	}
	if want := `{"type":"new","n":0}{"type":"new","n":1}{"type":"new","n":2}{"type":"new","n":3}{"type":"new","n":4}`; got != want {
		t.Errorf("got %s", got)
	}
}

// A turn that an earlier try added, before its process died, is there once.
func TestATurnBeginsAnew(t *testing.T) {
	t.Parallel()
	k := keeper(t)
	conversation, err := k.CreateConversation(t.Context(), owner, &conversationsv1.ConversationParams{})
	if err != nil {
		t.Fatal(err)
	}
	request := &responsesv1.StreamResponseRequest{Params: &responsesv1.ResponseParams{
		Input: new("Hello"), Conversation: new(k.Naming("", owner).id(KindConversation, conversation.GetId())),
	}}
	in, err := k.Input(t.Context(), request.GetParams(), owner, false)
	if err != nil {
		t.Fatal(err)
	}
	queued, err := k.Queue(t.Context(), in, request, "key", "request")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		try(t.Context(), t, k, queued.GetId(), request)
	}
	list, err := k.ConversationItems(t.Context(), owner, conversation.GetId(), Page{})
	if err != nil || len(list.GetData()) != 2 {
		t.Errorf("the conversation has %v, %v", list.GetData(), err)
	}
	pending, err := k.Pending(t.Context(), owner, queued.GetId())
	if err != nil {
		t.Fatal(err)
	}
	if err := pending.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err = k.ConversationItems(t.Context(), owner, conversation.GetId(), Page{}); err != nil || len(list.GetData()) != 0 {
		t.Errorf("the conversation has %v, %v", list.GetData(), err)
	}
}

// try makes a response up to the point between its turn and its end.
func try(ctx context.Context, t *testing.T, k *Keeper, id string, request *responsesv1.StreamResponseRequest) {
	t.Helper()
	pending, err := k.Pending(ctx, owner, id)
	if err != nil {
		t.Fatal(err)
	}
	if err := pending.Begin(ctx); err != nil {
		t.Fatal(err)
	}
	in, err := k.Input(ctx, request.GetParams(), owner, false)
	if err != nil {
		t.Fatal(err)
	}
	output := []*responsesv1.Item{{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Id: new(newID("msg_")), Role: "assistant"}}}}
	if err := errors.Join(in.Queued(ctx, id), in.AddTurn(ctx, id, output, true)); err != nil {
		t.Fatal(err)
	}
}
