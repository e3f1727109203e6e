package objects_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

const background = `"background":true`

// cancelLimit is how late a provider may see that nobody wants its answer any more, on a
// machine that does other things too; see the goal of 100 ms in the log.
const cancelLimit = time.Second

// state is the status of a response.
func (w *world) state(t *testing.T, id string) string {
	t.Helper()
	return w.must(t, http.MethodGet, "/v1/responses/"+id, "").text("status")
}

// ends waits until a response has ended, and returns it.
func (w *world) ends(t *testing.T, id string) (response object) {
	t.Helper()
	until(t, "the end of "+id, func() bool {
		response = w.must(t, http.MethodGet, "/v1/responses/"+id, "")
		return response.text("status") != "queued" && response.text("status") != "in_progress"
	})
	return response
}

// hangs queues a response whose provider says a little and then nothing, and waits until
// it has begun.
func (w *world) hangs(t *testing.T, input string, more ...string) object {
	t.Helper()
	up := w.ups["groq"]
	calls := len(up.Requests())
	up.EnqueueText(t, "hang-after=3,times=1")
	response := w.respond(t, emulated, input, append(more, background)...)
	if _, err := up.Await(t.Context(), "the beginning of an answer", func(all []providertest.Request) bool {
		return len(all) > calls && all[calls].Events >= 3
	}); err != nil {
		t.Fatal(err)
	}
	until(t, "its events", func() bool { return w.state(t, response.text("id")) == "in_progress" })
	return response
}

// records are the complete records of a request id: of its own call, and those of the
// background.
func (w *world) records(t *testing.T, requestID string, want int) (own *auditv1.AuditEntry, made []*auditv1.AuditEntry) {
	t.Helper()
	client := auditv1.NewAuditServiceClient(w.GRPC)
	until(t, fmt.Sprint(want, " records of ", requestID), func() bool {
		own, made = nil, nil
		list, err := client.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{RequestId: requestID}})
		if err != nil {
			t.Fatal(err)
		}
		whole := 0
		for _, entry := range list.GetEntries() {
			if entry.GetEnd() != commonv1.CallEnd_CALL_END_UNSPECIFIED || entry.GetInterrupted() {
				whole++
			}
			if entry.GetEntrance() == auditv1.Entrance_ENTRANCE_BACKGROUND {
				made = append(made, entry)
			} else {
				own = entry
			}
		}
		if len(list.GetEntries()) > want {
			t.Fatalf("%s has the records %v", requestID, list.GetEntries())
		}
		return whole == want
	})
	return own, made
}

// A response in the background is queued, worked on and complete, and its record says
// for whom.
func TestABackgroundResponse(t *testing.T) {
	t.Parallel()
	w := start(t, "", servertest.Hurry()).as("a")
	w.ups["groq"].EnqueueText(t, "per-chunk=20ms")
	response := w.must(t, http.MethodPost, "/v1/responses", responseBody(emulated, "Hello", background, `"metadata":{"x":"y"}`), "X-Request-Id", "bg-1")
	if response.text("status") != "queued" || response["background"] != true || len(response.list("output")) != 0 {
		t.Errorf("it begins as %v", response)
	}
	id, states := response.text("id"), []string{"queued"}
	until(t, "the end", func() bool {
		states = append(states, w.state(t, id))
		return states[len(states)-1] == "completed"
	})
	equal(t, "its states", slices.Compact(states), []string{"queued", "in_progress", "completed"})
	got := w.must(t, http.MethodGet, "/v1/responses/"+id, "")
	if said(got) != "You said: Hello" || got["background"] != true || fmt.Sprint(got["metadata"]) != "map[x:y]" || got["usage"] == nil || got["created_at"] != response["created_at"] {
		t.Errorf("it is %v", got)
	}
	if second := w.respond(t, emulated, "And?", previous(got)); said(second) == "" {
		t.Errorf("nothing goes on from it: %v", second)
	}
	own, made := w.records(t, "bg-1", 2)
	if len(own.GetAttempts()) != 0 || len(made) != 1 || len(made[0].GetAttempts()) != 1 || made[0].GetUsage().GetOutput() == 0 {
		t.Errorf("the records are %v and %v", own, made)
	}
	if entry := made[0]; entry.GetKeyId() != "a" || entry.GetOwner() != "/team/a" || entry.GetProvider() != "groq" || entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
		t.Errorf("the record is %v", entry)
	}
	w.as("b").fails(t, http.StatusNotFound, "not_found", http.MethodGet, "/v1/responses/"+id, "")
	w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, "/v1/responses", responseBody(emulated, "Hello", background, `"store":false`))
}

// What a response used is told once, however often it is read: to read it costs nothing.
func TestReadingIsNoUse(t *testing.T) {
	t.Parallel()
	w := start(t, "", servertest.Hurry())
	streamed := eventsOf(t, w.ask(http.MethodPost, "/v1/responses", responseBody(native, "Hello", background, `"stream":true`)))
	end, _ := streamed[len(streamed)-1]["response"].(map[string]any)
	id := object(end).text("id")
	for name, read := range map[string][2]string{
		"read": {http.MethodGet, ""}, "resumed": {http.MethodGet, "?stream=true"}, "cancelled": {http.MethodPost, "/cancel"},
	} {
		reply := w.ask(read[0], "/v1/responses/"+id+read[1], "", "X-Request-Id", name)
		if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"total_tokens"`) {
			t.Errorf("%s: %d %s", name, reply.Status, reply.Body)
		}
		if own, _ := w.records(t, name, 1); own.GetUsageJson() != "" || own.GetUsage() != nil {
			t.Errorf("%s: its record has the usage %s %v", name, own.GetUsageJson(), own.GetUsage())
		}
	}
}

// Its events can be followed from the start, and from anywhere, while it is made and
// after.
func TestEventsOfABackgroundResponse(t *testing.T) {
	t.Parallel()
	w := start(t, "", servertest.Hurry())
	w.ups["groq"].EnqueueText(t, "per-chunk=50ms")
	response := w.respond(t, emulated, "One two three four", background)
	path := "/v1/responses/" + response.text("id") + "?stream=true"
	behind := make(chan servertest.Reply, 1)
	go func() { behind <- w.ask(http.MethodGet, path+"&starting_after=2", "") }()
	all := eventsOf(t, w.ask(http.MethodGet, path, ""))
	for i, event := range all {
		if event["sequence_number"] != float64(i) {
			t.Errorf("event %d is %v", i, event)
		}
	}
	if len(all) < 8 || all[0].text("type") != "response.created" || all[1].text("type") != "response.queued" || all[len(all)-1].text("type") != "response.completed" {
		t.Fatalf("the events are %v", all)
	}
	for name, got := range map[string][]object{
		"while it was made": eventsOf(t, <-behind),
		"after":             eventsOf(t, w.ask(http.MethodGet, path+"&starting_after=2", "")),
	} {
		if fmt.Sprint(got) != fmt.Sprint(all[3:]) {
			t.Errorf("%s: %v, want %v", name, got, all[3:])
		}
	}
	streamed := eventsOf(t, w.ask(http.MethodPost, "/v1/responses", responseBody(emulated, "Hello", background, `"stream":true`)))
	end, _ := streamed[len(streamed)-1]["response"].(map[string]any)
	again := eventsOf(t, w.ask(http.MethodGet, "/v1/responses/"+object(end).text("id")+"?stream=true", ""))
	if fmt.Sprint(types(streamed)) != fmt.Sprint(types(again)) || said(end) != "You said: Hello" {
		t.Errorf("streamed was %q, then %q", types(streamed), types(again))
	}
}

func types(events []object) []string {
	all := make([]string, 0, len(events))
	for _, event := range events {
		all = append(all, event.text("type"))
	}
	return all
}

// What is cancelled ends at once, at its provider too, and stays so.
func TestCancelABackgroundResponse(t *testing.T) {
	t.Parallel()
	w := start(t, "objects: {max_background: 1}", servertest.Hurry())
	running := w.hangs(t, "One")
	waiting := w.respond(t, emulated, "Two", background).text("id")
	id := running.text("id")
	followed := make(chan servertest.Reply, 1)
	go func() { followed <- w.ask(http.MethodGet, "/v1/responses/"+id+"?stream=true", "") }()
	if got := w.must(t, http.MethodPost, "/v1/responses/"+waiting+"/cancel", ""); got.text("status") != "cancelled" {
		t.Errorf("the one that waits is %v", got)
	}
	left := time.Now()
	first := w.must(t, http.MethodPost, "/v1/responses/"+id+"/cancel", "")
	aborted, err := w.ups["groq"].AwaitAborted(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	took := aborted[0].Aborted.Sub(left)
	t.Logf("the provider sees it after %v (goal 100 ms)", took)
	if took > cancelLimit {
		t.Errorf("the provider sees it after %v", took)
	}
	second := w.must(t, http.MethodPost, "/v1/responses/"+id+"/cancel", "")
	if first.text("status") != "cancelled" || fmt.Sprint(first) != fmt.Sprint(second) || w.state(t, id) != "cancelled" {
		t.Errorf("it is %v, then %v", first, second)
	}
	events := eventsOf(t, <-followed)
	end, _ := events[len(events)-1]["response"].(map[string]any)
	if object(end).text("status") != "cancelled" {
		t.Errorf("its events end with %v", events[len(events)-1])
	}
	// The next one has its turn, and nobody was asked for the second.
	done := w.ends(t, w.respond(t, emulated, "Three", background).text("id"))
	if done.text("status") != "completed" || len(w.ups["groq"].Chats()) != 2 || w.state(t, waiting) != "cancelled" {
		t.Errorf("the next is %v after %d calls", done, len(w.ups["groq"].Chats()))
	}
	again := w.must(t, http.MethodPost, "/v1/responses/"+done.text("id")+"/cancel", "")
	if again.text("status") != "completed" || said(again) == "" {
		t.Errorf("one that has ended is %v", again)
	}
	foreground := w.respond(t, emulated, "Four")
	w.fails(t, http.StatusConflict, "state_conflict", http.MethodPost, "/v1/responses/"+foreground.text("id")+"/cancel", "")
}

// What is deleted while it is made is gone, at its provider too.
func TestDeleteABackgroundResponse(t *testing.T) {
	t.Parallel()
	w := start(t, "", servertest.Hurry())
	conversation := w.must(t, http.MethodPost, conversations, "{}").text("id")
	id := w.hangs(t, "One", belonging(conversation)).text("id")
	w.must(t, http.MethodDelete, "/v1/responses/"+id, "")
	if _, err := w.ups["groq"].AwaitAborted(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	w.fails(t, http.StatusNotFound, "not_found", http.MethodGet, "/v1/responses/"+id, "")
	done := w.ends(t, w.respond(t, emulated, "Two", background, belonging(conversation)).text("id"))
	equal(t, "the conversation", words(w.items(t, conversation)), []string{"user: Two", "assistant: " + said(done)})
	if calls := len(w.ups["groq"].Chats()); calls != 2 {
		t.Errorf("the provider was asked %d times", calls)
	}
}

// A provider's failure ends a response with what was wrong, and nothing of it is in the
// conversation.
func TestABackgroundResponseFails(t *testing.T) {
	t.Parallel()
	w := start(t, "", servertest.Hurry())
	conversation := w.must(t, http.MethodPost, conversations, "{}").text("id")
	for script, code := range map[string]string{
		"status=400,code=bad_thing,message=No%2C not so": "bad_thing", "truncate-after=3": "", "error-at=4": "",
	} {
		w.ups["groq"].EnqueueText(t, script)
		response := w.ends(t, w.respond(t, emulated, "Hello", background, belonging(conversation)).text("id"))
		failed, _ := response["error"].(map[string]any)
		if response.text("status") != "failed" || object(failed).text("message") == "" || code != "" && object(failed).text("code") != code {
			t.Errorf("%s: it is %v", script, response)
		}
		events := eventsOf(t, w.ask(http.MethodGet, "/v1/responses/"+response.text("id")+"?stream=true", ""))
		end, _ := events[len(events)-1]["response"].(map[string]any)
		if events[len(events)-1].text("type") != "response.failed" || fmt.Sprint(end["error"]) != fmt.Sprint(response["error"]) {
			t.Errorf("%s: its events end with %v", script, events[len(events)-1])
		}
		for i, event := range events {
			if event["sequence_number"] != float64(i) {
				t.Errorf("%s: event %d is %v", script, i, event)
			}
		}
	}
	if items := w.items(t, conversation); len(items) != 0 {
		t.Errorf("the conversation has %v", items)
	}
}
