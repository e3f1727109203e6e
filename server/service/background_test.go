package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/storage"
	"github.com/signalbox-ai/signalbox/server/storage/sqldb"
)

const someOwner = "/team/alpha"

// faulty is a store with faults.
type faulty struct {
	objects.Store
	put     error  // of Put; nil: none
	listed  func() // is called when events are asked for; nil: nothing is
	deletes func() // is called before events are deleted; nil: nothing is
}

func (f *faulty) Put(ctx context.Context, owner string, object *storage.Object, items ...storage.Item) (bool, error) {
	if f.put != nil && object.Key.Kind == storage.ObjectResponse {
		return false, f.put
	}
	return f.Store.Put(ctx, owner, object, items...)
}

func (f *faulty) ListEvents(ctx context.Context, owner string, parent storage.ObjectKey, after int64, limit int) ([]storage.Event, error) {
	if f.listed != nil {
		defer f.listed()
	}
	return f.Store.ListEvents(ctx, owner, parent, after, limit)
}

func (f *faulty) DeleteEvents(ctx context.Context, owner string, parent storage.ObjectKey, from int64) error {
	if f.deletes != nil {
		f.deletes()
	}
	return f.Store.DeleteEvents(ctx, owner, parent, from)
}

// keeperOf is a keeper over a database of its own, with faults or without.
func keeperOf(t *testing.T, faults *faulty) *objects.Keeper {
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
	ids, err := objectid.New([]string{"a key of more than thirty-two characters"})
	if err != nil {
		t.Fatal(err)
	}
	day := durationpb.New(24 * time.Hour)
	faults.Store = db.Objects(storage.ObjectLimits{})
	return objects.New(objects.Params{
		Store: faults, IDs: ids, Now: time.Now,
		Config: &configv1.Objects{Retention: day, ConversationRetention: day},
	})
}

// queued is a response that waits to be made.
func queued(t *testing.T, keeper *objects.Keeper, params *responsesv1.ResponseParams) string {
	t.Helper()
	in, err := keeper.Input(t.Context(), params, someOwner, false)
	if err != nil {
		t.Fatal(err)
	}
	response, err := keeper.Queue(t.Context(), in, &responsesv1.StreamResponseRequest{Params: params}, "key", "request")
	if err != nil {
		t.Fatal(err)
	}
	return response.GetId()
}

// conversation makes one, and says by which ids the store and its owner know it.
func conversation(t *testing.T, keeper *objects.Keeper) (kept, named string) {
	t.Helper()
	made, err := keeper.CreateConversation(t.Context(), someOwner, &conversationsv1.ConversationParams{})
	if err != nil {
		t.Fatal(err)
	}
	kept = made.GetId()
	keeper.Naming("", someOwner).Conversation(made)
	return kept, made.GetId()
}

// refusing is a background whose calls are refused at their beginning.
func refusing(keeper *objects.Keeper, reason commonv1.ErrorReason) *Background {
	b := NewBackground(BackgroundDeps{
		Objects: keeper, Share: 4,
		Principal: func(name string) (*call.Principal, bool) { return &call.Principal{Name: name, Owner: someOwner}, true },
	})
	b.Serve(nil, &call.Chain{
		Steps: []call.Step{{Name: "refuse", Open: func(context.Context, *call.Call) error {
			return &failure.Error{Reason: reason, Message: "No.", RetryAfter: time.Minute}
		}}},
		Code: func(_ *call.Call, err error) *failure.Error { return failure.As(err) },
		Log:  slog.New(slog.DiscardHandler),
	})
	return b
}

// A gateway that lets no call in now does not spoil a response: it is made later.
func TestResponsesThatAreNotLetInWait(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		reason commonv1.ErrorReason
		status string
	}{
		{commonv1.ErrorReason_ERROR_REASON_OVERLOADED, "in_progress"},
		{commonv1.ErrorReason_ERROR_REASON_SHUTTING_DOWN, "in_progress"},
		{commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, "failed"},
	} {
		t.Run(test.reason.String(), func(t *testing.T) {
			t.Parallel()
			keeper := keeperOf(t, &faulty{})
			id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
			err := refusing(keeper, test.reason).Work(t.Context(), someOwner, id, false)
			wait, later := Later(err)
			if later != (test.status == "in_progress") || later && wait != time.Minute {
				t.Errorf("got %v, %v, %v", err, wait, later)
			}
			response, err := keeper.Response(t.Context(), someOwner, id)
			if err != nil || response.GetStatus() != test.status {
				t.Errorf("it is %q, %v", response.GetStatus(), err)
			}
		})
	}
}

// A try that ends while it tidies up after the last one is no panic.
func TestABeginningThatIsBrokenOff(t *testing.T) {
	t.Parallel()
	faults := &faulty{}
	keeper := keeperOf(t, faults)
	_, named := conversation(t, keeper)
	id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi"), Conversation: &named})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 { // the second one has what the first one left
		pending, err := keeper.Pending(t.Context(), someOwner, id)
		if err != nil {
			t.Fatal(err)
		}
		if err = pending.Begin(ctx); faults.listed == nil {
			if err != nil {
				t.Fatal(err)
			}
		} else if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		faults.listed = cancel
	}
}

// A turn of a response that the store does not take belongs to its conversation alone.
func TestATurnWithoutItsResponse(t *testing.T) {
	t.Parallel()
	for _, put := range []error{nil, errors.New("down")} {
		keeper := keeperOf(t, &faulty{put: put})
		kept, named := conversation(t, keeper)
		params := &responsesv1.ResponseParams{Input: new("Hi"), Conversation: &named}
		in, err := keeper.Input(t.Context(), params, someOwner, false)
		if err != nil {
			t.Fatal(err)
		}
		target := &planv1.Target{Provider: "acme", Emulated: true}
		made := &turn{
			service: NewResponses(ResponsesDeps{Objects: keeper}), params: params, input: in, owner: someOwner,
			call: &call.Call{Plan: &planv1.ExecutionPlan{Target: target, Features: []policyv1.Feature{policyv1.Feature_FEATURE_STORAGE}}},
		}
		response := &responsesv1.Response{Id: "resp_1", Status: new("completed")}
		if err := made.keep(t.Context(), response); err != nil || response.GetStore() != (put == nil) {
			t.Errorf("store is %v, %v", response.GetStore(), err)
		}
		items, err := keeper.ConversationItems(t.Context(), someOwner, kept, objects.Page{})
		if err != nil || len(items.GetData()) != 1 {
			t.Fatalf("got %v, %v", items, err)
		}
		if id := items.GetData()[0].GetMessage().GetId(); strings.HasSuffix(id, "@rresp_1") != (put == nil) {
			t.Errorf("with %v its item is %s", put, id)
		}
	}
}

// Who has seen the end of a response is not told of it again; of one that was broken off
// the end is made up.
func TestTheEndIsShownOnce(t *testing.T) {
	t.Parallel()
	keeper := keeperOf(t, &faulty{})
	b := NewBackground(BackgroundDeps{Objects: keeper, Share: 4})
	made, cancelled := "", ""
	for _, id := range []*string{&made, &cancelled} {
		*id = queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
	}
	pending, err := keeper.Pending(t.Context(), someOwner, made)
	if err != nil {
		t.Fatal(err)
	}
	response := pending.Response()
	response.Status = new("completed")
	end := responses.Ended(response, objects.QueueEvents)
	if err := errors.Join(pending.End(t.Context(), response), keeper.AddEvents(t.Context(), someOwner, made, []*responsesv1.StreamEvent{end})); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Cancel(t.Context(), someOwner, cancelled); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		id    string
		after int32
		want  string
	}{
		{made, -1, "0 response.created, 1 response.queued, 2 response.completed"},
		{made, 1, "2 response.completed"},
		{made, 2, ""},
		{cancelled, 0, "1 response.queued, 2 response.failed"},
		{cancelled, 1, "2 response.failed"},
		{cancelled, math.MaxInt32, "2147483647 response.failed"},
	} {
		var got []string
		err := b.Follow(t.Context(), someOwner, test.id, test.after, func(event *responsesv1.StreamEvent, _ bool) error {
			got = append(got, fmt.Sprint(event.GetSequenceNumber(), " ", event.GetType()))
			return nil
		})
		if err != nil || strings.Join(got, ", ") != test.want {
			t.Errorf("behind %d: got %q, %v, want %q", test.after, got, err, test.want)
		}
	}
}

// Who has seen events of a try that broke off is told so, instead of being shown the
// rest of another one.
func TestAResponseThatIsBegunAnew(t *testing.T) {
	t.Parallel()
	faults := &faulty{}
	keeper := keeperOf(t, faults)
	b := NewBackground(BackgroundDeps{Objects: keeper, Share: 4})
	id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
	between := 0 // what who comes between the tries is shown
	faults.deletes = func() {
		response, _, err := keeper.Followed(t.Context(), someOwner, id)
		if err != nil {
			t.Error(err)
		}
		after := int32(-1)
		if _, err := b.show(t.Context(), someOwner, response, &after, func(*responsesv1.StreamEvent, bool) error { between++; return nil }); err != nil {
			t.Error(err)
		}
	}
	for _, status := range []string{"in_progress", "completed"} { // of the first try and the second
		pending, err := keeper.Pending(t.Context(), someOwner, id)
		if err != nil {
			t.Fatal(err)
		}
		if err := pending.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		response := pending.Response()
		response.Status = &status
		var events []*responsesv1.StreamEvent
		for number := range int32(2) {
			event := responses.Ended(response, objects.QueueEvents+number)
			if number == 0 || status == "in_progress" {
				event.Type = "response.in_progress"
			}
			events = append(events, event)
		}
		if status == "completed" {
			if err := pending.End(t.Context(), response); err != nil {
				t.Fatal(err)
			}
		}
		if err := keeper.AddEvents(t.Context(), someOwner, id, events); err != nil {
			t.Fatal(err)
		}
	}
	if between != objects.QueueEvents {
		t.Errorf("between the tries %d events are shown", between)
	}
	for after, want := range map[int32]int{-1: 4, 0: 3, 2: 0} {
		got := 0
		err := b.Follow(t.Context(), someOwner, id, after, func(*responsesv1.StreamEvent, bool) error { got++; return nil })
		failed := failure.As(err)
		if got != want || (err != nil) != (want == 0) || err != nil && failed.Reason != commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT {
			t.Errorf("behind %d: %d events, %v", after, got, err)
		}
	}
}

// A try that is stopped while the response is still open is tried again: who stopped it
// was another one.
func TestAStoppedTryLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	keeper := keeperOf(t, &faulty{})
	b := refusing(keeper, commonv1.ErrorReason_ERROR_REASON_CANCELLED)
	id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
	if err := b.settled(t.Context(), someOwner, id); err == nil {
		t.Error("an open response counts as settled")
	}
	if _, err := keeper.Cancel(t.Context(), someOwner, id); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{id, "resp_gone"} {
		if err := b.settled(t.Context(), someOwner, id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// A key that has another owner by now does not make the response of the one before.
func TestAKeyThatHasAnotherOwner(t *testing.T) {
	t.Parallel()
	keeper := keeperOf(t, &faulty{})
	b := refusing(keeper, commonv1.ErrorReason_ERROR_REASON_OVERLOADED) // were it let in, it would wait
	b.deps.Principal = func(string) (*call.Principal, bool) { return &call.Principal{Owner: "/team/beta"}, true }
	id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
	if err := b.Work(t.Context(), someOwner, id, false); err != nil {
		t.Error(err)
	}
	if response, err := keeper.Response(t.Context(), someOwner, id); err != nil || response.GetStatus() != "failed" {
		t.Errorf("it is %v, %v", response, err)
	}
}

// An owner whose responses are many waits for its own alone.
func TestOwnersHaveTheirShare(t *testing.T) {
	t.Parallel()
	keeper := keeperOf(t, &faulty{})
	b := refusing(keeper, commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING)
	for range b.deps.Share {
		b.enter("/team/beta")
		b.enter(someOwner)
	}
	id := queued(t, keeper, &responsesv1.ResponseParams{Input: new("Hi")})
	if wait, later := Later(b.Work(t.Context(), someOwner, id, false)); !later || wait <= 0 {
		t.Errorf("it waits %v, %v", wait, later)
	}
	b.leave(someOwner)
	if err := b.Work(t.Context(), someOwner, id, false); err != nil {
		t.Error(err)
	}
	if response, err := keeper.Response(t.Context(), someOwner, id); err != nil || response.GetStatus() != "failed" {
		t.Errorf("it is %v, %v", response, err)
	}
}

// A response that is cancelled while it ends adds nothing to its conversation.
func TestATurnThatIsCancelledWhileItEnds(t *testing.T) {
	t.Parallel()
	keeper := keeperOf(t, &faulty{})
	kept, named := conversation(t, keeper)
	params := &responsesv1.ResponseParams{Input: new("Hi"), Conversation: &named}
	id := queued(t, keeper, params)
	pending, err := keeper.Pending(t.Context(), someOwner, id)
	if err != nil {
		t.Fatal(err)
	}
	in, err := keeper.Input(t.Context(), params, someOwner, false)
	if err != nil {
		t.Fatal(err)
	}
	items := func() int {
		list, err := keeper.ConversationItems(t.Context(), someOwner, kept, objects.Page{})
		if err != nil {
			t.Fatal(err)
		}
		return len(list.GetData())
	}
	if err := errors.Join(in.Queued(t.Context(), id), in.AddTurn(t.Context(), id, nil, true)); err != nil || items() != 1 {
		t.Fatalf("%d items, %v", items(), err)
	}
	if _, err := keeper.Cancel(t.Context(), someOwner, id); err != nil {
		t.Fatal(err)
	}
	err = pending.End(t.Context(), pending.Response())
	if failed := failure.As(err); failed == nil || failed.Reason != commonv1.ErrorReason_ERROR_REASON_STATE_CONFLICT || items() != 0 {
		t.Errorf("%d items, %v", items(), err)
	}
}
