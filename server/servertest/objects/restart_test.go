package objects_test

import (
	"net/http"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

// A response whose gateway ends while it is made is made by the next one: with one
// record for each call of the provider, and once in its conversation.
func TestTheNextGatewayMakesIt(t *testing.T) {
	t.Parallel()
	w := providersOf(t)
	dir := servertest.Env("SIGNALBOX_DATA_DIR", filepath.Join(t.TempDir(), "data"))
	text := w.text("server: {drain_timeout: 0.2s, drain_lag: 0s}")
	w.Gateway = startText(t, text, dir, servertest.Hurry())
	left := w.leaveUnfinished(t)
	w.Gateway.Stop()
	w.Gateway = startText(t, text, dir, servertest.Hurry())
	w.finish(t, left)
}

func TestTheNextGatewayMakesItAfterAKill(t *testing.T) {
	t.Parallel()
	w := providersOf(t)
	dir := servertest.Env("SIGNALBOX_DATA_DIR", filepath.Join(t.TempDir(), "data"))
	text := w.text("")
	process := servertest.Launch(t, servertest.Build(t), servertest.File(text), dir)
	w.Gateway = process.Connect(t)
	left := w.leaveUnfinished(t)
	process.Signal(syscall.SIGKILL)
	if err := process.Wait(); err == nil {
		t.Fatal("the gateway ended in order")
	}
	w.Gateway = startText(t, text, dir, servertest.Hurry())
	w.finish(t, left)
}

// unfinished is a response in a conversation that is being made.
type unfinished struct{ response, conversation, requestID string }

// leaveUnfinished begins one.
func (w *world) leaveUnfinished(t *testing.T) unfinished {
	t.Helper()
	u := unfinished{conversation: w.must(t, http.MethodPost, conversations, "{}").text("id"), requestID: "unfinished"}
	u.response = w.hangs(t, "Hello", belonging(u.conversation)).text("id")
	for _, request := range w.ups["groq"].Chats() {
		u.requestID = request.ClientRequestID
	}
	return u
}

// finish sees that another gateway finishes it.
func (w *world) finish(t *testing.T, u unfinished) {
	t.Helper()
	response := w.ends(t, u.response)
	if response.text("status") != "completed" || said(response) != "You said: Hello" {
		t.Errorf("it is %v", response)
	}
	equal(t, "the conversation", words(w.items(t, u.conversation)), []string{"user: Hello", "assistant: You said: Hello"})
	events := eventsOf(t, w.ask(http.MethodGet, "/v1/responses/"+u.response+"?stream=true", ""))
	for i, event := range events {
		if event["sequence_number"] != float64(i) {
			t.Errorf("event %d is %v", i, event)
		}
	}
	if events[len(events)-1].text("type") != "response.completed" {
		t.Errorf("its events are %q", types(events))
	}
	chats := w.ups["groq"].Chats()
	own, made := w.records(t, u.requestID, 1+len(chats))
	if own == nil || len(chats) != 2 || len(made) != 2 {
		t.Errorf("%d calls of the provider, the records %v and %v", len(chats), own, made)
	}
	for _, entry := range made {
		if entry.GetOwner() != "/" || entry.GetKeyId() != "master" {
			t.Errorf("the record is %v", entry)
		}
	}
}
