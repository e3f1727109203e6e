package objects_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

const conversations = "/v1/conversations"

// items are the items of a conversation, oldest first.
func (w *world) items(t *testing.T, conversation string) []object {
	t.Helper()
	return w.must(t, http.MethodGet, conversations+"/"+conversation+"/items?order=asc&limit=100", "").list("data")
}

// belonging is the member that names a conversation.
func belonging(id string) string { return `"conversation":"` + id + `"` }

// A conversation of the gateway goes on with every provider, and has each turn once:
// what was said, then what was answered.
func TestAConversationGoesOverProviders(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	id := w.must(t, http.MethodPost, conversations, `{"items":[{"role":"developer","content":"Be kind."}]}`).text("id")
	want := []string{"developer: Be kind."}
	for i, model := range []string{emulated, native, stored, thinking, native, emulated} {
		question, more := fmt.Sprint("Question ", i), belonging(id)
		if i%2 == 1 {
			more = `"conversation":{"id":"` + id + `"},"stream":true`
		}
		reply := w.ask(http.MethodPost, "/v1/responses", responseBody(model, question, more))
		var response object
		if i%2 == 1 {
			response = endOf(t, reply)
		} else {
			response = parse(t, reply.Body)
		}
		conversation, _ := response["conversation"].(map[string]any)
		if reply.Status != http.StatusOK || object(conversation).text("id") != id {
			t.Fatalf("%s: %d %v", model, reply.Status, response)
		}
		want = append(want, "user: "+question)
		provider, _, _ := strings.Cut(model, "/")
		var sent []string
		if endpoint := providertest.EndpointChat; model == emulated || model == thinking {
			sent = words(last(t, w.sent(provider, endpoint)).list("messages"))
		} else {
			sent = words(last(t, w.sent(provider, providertest.EndpointResponses)).list("input"))
		}
		for j := range sent { // some providers know no developers
			sent[j] = strings.Replace(sent[j], "system: ", "developer: ", 1)
		}
		equal(t, fmt.Sprint("turn ", i, " of ", model), sent, want)
		want = append(want, "assistant: "+said(response))
		equal(t, fmt.Sprint("items after turn ", i), words(w.items(t, id)), want)
	}
	got := w.must(t, http.MethodGet, conversations+"/"+id, "")
	if got.text("object") != "conversation" || got.text("id") != id {
		t.Errorf("the conversation is %v", got)
	}
}

// What is not stored by itself is in its conversation all the same, and can be
// referred to.
func TestItemsOfAConversationCanBeReferredTo(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, more := range []string{`"store":true`, `"store":false`} {
		for _, model := range []string{emulated, native} {
			id := w.must(t, http.MethodPost, conversations, "{}").text("id")
			response := w.respond(t, model, "One", belonging(id), more)
			items := w.items(t, id)
			if len(items) != 2 {
				t.Fatalf("%s %s: the items are %v", model, more, items)
			}
			for _, item := range items {
				got := w.must(t, http.MethodGet, conversations+"/"+id+"/items/"+item.text("id"), "")
				if got.text("id") != item.text("id") || !slices.Equal(words([]object{got}), words([]object{item})) {
					t.Errorf("%s %s: the item %v is %v by itself", model, more, item, got)
				}
			}
			body := fmt.Sprintf(`{"model":%q,"store":false,%s,"input":[{"type":"item_reference","id":%q},{"type":"item_reference","id":%q}]}`,
				thinking, belonging(id), items[0].text("id"), items[1].text("id"))
			for range 2 { // the same reference may come again
				w.must(t, http.MethodPost, "/v1/responses", body)
			}
			turn := []string{"user: One", "assistant: " + said(response)}
			all := words(w.items(t, id))
			if len(all) != 8 || !slices.Equal(all[:4], slices.Concat(turn, turn)) || !slices.Equal(all[5:7], turn) {
				t.Errorf("%s %s: the conversation is %q", model, more, all)
			}
		}
	}
}

// Pages of a conversation come in both orders, one behind the other.
func TestPagesOfAConversation(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, query := range []string{"", "?provider=openai"} {
		id := w.must(t, http.MethodPost, conversations+query, "{}").text("id")
		var want []string
		for batch := range 13 { // 130 items, ten at once
			var items []string
			for n := range 10 {
				items = append(items, fmt.Sprintf(`{"role":"user","content":"%d"}`, batch*10+n))
				want = append(want, fmt.Sprint("user: ", batch*10+n))
			}
			added := w.must(t, http.MethodPost, conversations+"/"+id+"/items", `{"items":[`+strings.Join(items, ",")+`]}`)
			if len(added.list("data")) != 10 || added.text("first_id") != idsOf(added.list("data"))[0] || added.text("last_id") != idsOf(added.list("data"))[9] {
				t.Fatalf("added was %v", added)
			}
		}
		for _, page := range []struct {
			query string
			sizes []int
		}{
			{"?order=asc&limit=50", []int{50, 50, 30}},
			{"?limit=100", []int{100, 30}},
			{"?order=desc&limit=1000", []int{100, 30}},
			{"?order=asc", []int{20, 20, 20, 20, 20, 20, 10}},
		} {
			var got []string
			after := ""
			for i, size := range page.sizes {
				list := w.must(t, http.MethodGet, conversations+"/"+id+"/items"+page.query+after, "")
				ids := idsOf(list.list("data"))
				if len(ids) != size || list["has_more"] != (i < len(page.sizes)-1) || list.text("first_id") != ids[0] || list.text("last_id") != ids[size-1] {
					t.Fatalf("%s: page %d has %d items, more %v, %s to %s", page.query, i, len(ids), list["has_more"], list.text("first_id"), list.text("last_id"))
				}
				got = append(got, words(list.list("data"))...)
				after = "&after=" + list.text("last_id")
			}
			if !strings.Contains(page.query, "asc") {
				slices.Reverse(got)
			}
			equal(t, page.query, got, want)
		}
		for _, bad := range []string{"?order=up", "?limit=0", "?limit=x"} {
			if reply := w.ask(http.MethodGet, conversations+"/"+id+"/items"+bad, ""); reply.Status != http.StatusBadRequest {
				t.Errorf("%s: %d %s", bad, reply.Status, reply.Body)
			}
		}
	}
}

// A conversation is changed and deleted, with its items, and item by item.
func TestConversationsChange(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, query := range []string{"", "?provider=openai"} {
		made := w.must(t, http.MethodPost, conversations+query, `{"metadata":{"a":"1"},"items":[{"role":"user","content":"One"},{"role":"user","content":"Two"}]}`)
		path := conversations + "/" + made.text("id")
		changed := w.must(t, http.MethodPost, path, `{"metadata":{"b":"2"}}`)
		for what, got := range map[string]object{"made": made, "changed": changed, "read": w.must(t, http.MethodGet, path, "")} {
			want := "map[b:2]"
			if what == "made" {
				want = "map[a:1]"
			}
			if fmt.Sprint(got["metadata"]) != want || got.text("id") != made.text("id") || got["created_at"] != made["created_at"] {
				t.Errorf("%s: %v", what, got)
			}
		}
		items := w.items(t, made.text("id"))
		left := w.must(t, http.MethodDelete, path+"/items/"+items[0].text("id"), "")
		if left.text("id") != made.text("id") || left.text("object") != "conversation" {
			t.Errorf("left is %v", left)
		}
		w.fails(t, http.StatusNotFound, "not_found", http.MethodGet, path+"/items/"+items[0].text("id"), "")
		w.fails(t, http.StatusNotFound, "not_found", http.MethodDelete, path+"/items/"+items[0].text("id"), "")
		equal(t, "left", words(w.items(t, made.text("id"))), []string{"user: Two"})
		gone := w.must(t, http.MethodDelete, path, "")
		if gone.text("id") != made.text("id") || gone["deleted"] != true || gone.text("object") != "conversation.deleted" {
			t.Errorf("deleted is %v", gone)
		}
		for _, method := range []string{http.MethodGet, http.MethodDelete} {
			w.fails(t, http.StatusNotFound, "not_found", method, path, "")
		}
		w.fails(t, http.StatusNotFound, "not_found", http.MethodGet, path+"/items/"+items[1].text("id"), "")
	}
}

// A conversation takes items alone, and labels as OpenAI bounds them.
func TestConversationsTakeItems(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	id := w.must(t, http.MethodPost, conversations, "{}").text("id")
	item := w.must(t, http.MethodPost, conversations+"/"+id+"/items", `{"items":[{"role":"user","content":"One"}]}`).list("data")[0].text("id")
	reference := `{"items":[{"type":"item_reference","id":"` + item + `"}]}`
	many := `{"items":[` + strings.Repeat(`{"role":"user","content":"One"},`, 20) + `{"role":"user","content":"One"}]}`
	for _, path := range []string{conversations, conversations + "/" + id + "/items"} {
		for _, body := range []string{reference, many} {
			w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, path, body)
		}
	}
	w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, conversations+"/"+id+"/items", `{"items":[]}`)
	for _, nothing := range []string{"{}", `{"items":[],"metadata":{}}`, `{"items":null,"metadata":null}`} {
		w.must(t, http.MethodPost, conversations, nothing)
	}
	long := `{"metadata":{"` + strings.Repeat("n", 65) + `":"x"}}`
	w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, conversations, long)
	w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, conversations+"/"+id, long)
}

// Ids that a caller gives are not those of items, whoever keeps the conversation.
func TestItemsHaveIDsOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	twice := `{"items":[{"type":"message","id":"msg_1","role":"user","content":"A"},{"type":"message","id":"msg_1","role":"user","content":"B"}]}`
	for _, query := range []string{"", "?provider=openai"} {
		id := w.must(t, http.MethodPost, conversations+query, twice).text("id")
		w.must(t, http.MethodPost, conversations+"/"+id+"/items", twice)
		equal(t, "items", words(w.items(t, id)), []string{"user: A", "user: B", "user: A", "user: B"})
		ids := idsOf(w.items(t, id))
		slices.Sort(ids)
		if len(slices.Compact(ids)) != 4 {
			t.Errorf("the ids are %q", ids)
		}
	}
	for _, request := range w.ups["openai"].Requests() {
		if strings.Contains(string(request.Body), "msg_1") {
			t.Errorf("the provider was sent %s", request.Body)
		}
	}
}
