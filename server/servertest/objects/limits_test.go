package objects_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/servertest"
)

// What is kept is there for as long as it is said, and then it is as if it had never
// been; what goes on lives for longer.
func TestTimePasses(t *testing.T) {
	t.Parallel()
	w := start(t, "objects: {retention: 0.5s, conversation_retention: 0.5s}")
	first := w.respond(t, emulated, "One")
	conversation := w.must(t, http.MethodPost, conversations, "{}").text("id")
	completion := w.must(t, http.MethodPost, "/v1/chat/completions", servertest.ChatBody(emulated, "Hello", `"store":true`)).text("id")
	for _, path := range []string{"/v1/responses/" + first.text("id"), conversations + "/" + conversation, "/v1/chat/completions/" + completion} {
		until(t, path+" is over", func() bool { return w.ask(http.MethodGet, path, "").Status != http.StatusOK })
		w.fails(t, http.StatusNotFound, "not_found", http.MethodGet, path, "")
		w.fails(t, http.StatusNotFound, "not_found", http.MethodDelete, path, "")
	}
	w.fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", responseBody(emulated, "Two", previous(first)))
	w.fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", responseBody(emulated, "Two", belonging(conversation)))
	if list := w.must(t, http.MethodGet, "/v1/chat/completions", "").list("data"); len(list) != 0 {
		t.Errorf("listed is %v", list)
	}
}

// Every turn keeps a conversation for longer.
func TestTurnsKeepAConversation(t *testing.T) {
	t.Parallel()
	w := start(t, "objects: {retention: 0.4s, conversation_retention: 3s}")
	id := w.must(t, http.MethodPost, conversations, "{}").text("id")
	for n := range 9 { // longer than it is kept without them
		response := w.respond(t, emulated, fmt.Sprint("Turn ", n), belonging(id)).text("id")
		until(t, "the response is over", func() bool { return w.ask(http.MethodGet, "/v1/responses/"+response, "").Status == http.StatusNotFound })
	}
	until(t, "its first time is over", func() bool { return w.ask(http.MethodGet, conversations+"/"+id, "").Status == http.StatusNotFound })
}

// What is larger than is kept is refused with one clear error, and nothing of it is
// there.
func TestWhatIsTooLargeIsNotKept(t *testing.T) {
	t.Parallel()
	w := start(t, "objects: {max_bytes: 4096, max_owner_bytes: 65536}")
	large := strings.Repeat("word ", 1500)
	for _, streamed := range []string{"", `,"stream":true`} {
		id := w.must(t, http.MethodPost, conversations, "{}").text("id")
		// Asked for in so many words, it must be kept; else it is answered all the same.
		reply := w.ask(http.MethodPost, "/v1/responses", responseBody(emulated, large, `"store":true`+streamed))
		if streamed == "" {
			if failed := reply.Failure(t); reply.Status != http.StatusRequestEntityTooLarge || !strings.Contains(failed.Message, "larger than the gateway keeps") {
				t.Errorf("%d %s", reply.Status, reply.Body)
			}
		} else if events := eventsOf(t, reply); events[len(events)-1].text("type") != "response.failed" || !strings.Contains(reply.Body, "larger than the gateway keeps") {
			t.Errorf("the stream ends with %v", events[len(events)-1])
		}
		reply = w.ask(http.MethodPost, "/v1/responses", responseBody(emulated, large, `"metadata":{}`+streamed))
		if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"store":false`) {
			t.Errorf("%d %.300s", reply.Status, reply.Body)
		}
		reply = w.ask(http.MethodPost, "/v1/responses", responseBody(emulated, large, belonging(id)+streamed))
		if streamed == "" && reply.Status != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %s", reply.Status, reply.Body)
		}
		if items := w.items(t, id); len(items) != 0 {
			t.Errorf("the conversation has %v", items)
		}
		w.must(t, http.MethodDelete, conversations+"/"+id, "")
	}
	item := fmt.Sprintf(`{"role":"user","content":%q}`, large)
	w.fails(t, http.StatusRequestEntityTooLarge, "request_too_large", http.MethodPost, conversations, `{"items":[{"role":"user","content":"One"},`+item+`]}`)
	id := w.must(t, http.MethodPost, conversations, "{}").text("id")
	w.fails(t, http.StatusRequestEntityTooLarge, "request_too_large", http.MethodPost, conversations+"/"+id+"/items", `{"items":[{"role":"user","content":"One"},`+item+`]}`)
	if items := w.items(t, id); len(items) != 0 {
		t.Errorf("the conversation has %v", items)
	}
	w.fails(t, http.StatusRequestEntityTooLarge, "request_too_large", http.MethodPost, "/v1/chat/completions", servertest.ChatBody(emulated, large, `"store":true`))
	if list := w.must(t, http.MethodGet, "/v1/chat/completions", "").list("data"); len(list) != 0 {
		t.Errorf("listed is %v", list)
	}
}

// An owner whose room is full is told so, and others are not; what it deletes makes
// room.
func TestAnOwnersRoomIsFull(t *testing.T) {
	t.Parallel()
	w := start(t, "objects: {max_owner_bytes: 16384}")
	a := w.as("a")
	text := strings.Repeat("word ", 800)
	var kept []string
	for {
		reply := a.ask(http.MethodPost, conversations, fmt.Sprintf(`{"items":[{"role":"user","content":%q}]}`, text))
		if reply.Status != http.StatusOK {
			if failed := reply.Failure(t); reply.Status != http.StatusRequestEntityTooLarge || !strings.Contains(failed.Message, "room") {
				t.Fatalf("%d %s", reply.Status, reply.Body)
			}
			break
		}
		kept = append(kept, parse(t, reply.Body).text("id"))
	}
	if len(kept) != 3 {
		t.Fatalf("kept were %d", len(kept))
	}
	// A turn that has no room leaves neither a response nor a part of itself.
	reply := a.ask(http.MethodPost, "/v1/responses", responseBody(emulated, text, belonging(kept[0])))
	if reply.Status != http.StatusRequestEntityTooLarge {
		t.Errorf("%d %s", reply.Status, reply.Body)
	}
	if items := a.items(t, kept[0]); len(items) != 1 {
		t.Errorf("the conversation has %d items", len(items))
	}
	w.as("b").must(t, http.MethodPost, conversations, fmt.Sprintf(`{"items":[{"role":"user","content":%q}]}`, text))
	for _, id := range kept {
		a.must(t, http.MethodDelete, conversations+"/"+id, "")
	}
	a.respond(t, emulated, text, `"store":true`)
}

// Without its store the gateway answers what it can: what providers keep is where it
// was, and what would have to be kept here says that it is not.
func TestTheStoreIsDown(t *testing.T) {
	t.Parallel()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	w := start(t, "", servertest.Env("SIGNALBOX_DATABASE_URL", "postgres://nobody@"+address+"/none?sslmode=disable"), servertest.Unready())
	w.withoutStore(t)
}

// withoutStore sees what is served while the store is down.
func (w *world) withoutStore(t *testing.T) {
	t.Helper()
	for _, more := range [][]string{nil, {`"stream":true`}} {
		reply := w.ask(http.MethodPost, "/v1/responses", responseBody(emulated, "One", more...))
		if reply.Status != http.StatusOK || !strings.Contains(reply.Body, `"store":false`) || strings.Contains(reply.Body, `"store":true`) && len(more) == 0 {
			t.Errorf("%d %s", reply.Status, reply.Body)
		}
	}
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodPost, "/v1/responses", responseBody(emulated, "One", `"store":true`))
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodPost, "/v1/responses", responseBody(emulated, "One", `"background":true`))
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodPost, conversations, "{}")
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodGet, "/v1/chat/completions", "")
	w.fails(t, http.StatusServiceUnavailable, "store_unavailable", http.MethodPost, "/v1/chat/completions", servertest.ChatBody(emulated, "One", `"store":true`))
	first := w.respond(t, native, "One")
	second := w.respond(t, native, "Two", previous(first))
	w.must(t, http.MethodGet, "/v1/responses/"+second.text("id"), "")
	w.must(t, http.MethodGet, "/v1/responses/"+second.text("id")+"/input_items", "")
	conversation := w.must(t, http.MethodPost, conversations+"?provider=openai", "{}").text("id")
	w.respond(t, native, "Three", belonging(conversation))
	if items := w.items(t, conversation); len(items) != 2 {
		t.Errorf("the conversation has %v", items)
	}
	w.must(t, http.MethodDelete, conversations+"/"+conversation, "")
	w.must(t, http.MethodDelete, "/v1/responses/"+second.text("id"), "")
}
