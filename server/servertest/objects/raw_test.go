package objects_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// direct asks a provider itself, with the gateway's key for it.
func direct(t *testing.T, up *providertest.Upstream, method, path, body string) object {
	t.Helper()
	w := &world{Gateway: &servertest.Gateway{REST: strings.TrimSuffix(up.URL(), "/v1"), Client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}}
	w = w.in(t)
	return w.must(t, method, "/v1"+path, body, "Authorization", "Bearer "+up.Key())
}

// twins are a gateway with two providers that keep objects, and one that does not, in
// this order: groq, first, second.
func twins(t *testing.T) (w *world, first, second *providertest.Upstream) {
	t.Helper()
	w = providersOf(t)
	lenient := func(p *providertest.Params) { p.AllowHeaders = []string{"*"} }
	first, second = providertest.Start(t, lenient), providertest.Start(t, lenient)
	text := w.text("")
	at := strings.Index(text, "  - {name: openai,")
	const provider = "  - {name: %s, type: %s, base_url: %q, api_key: %s, discover: false, models: [%s]}\n"
	text = text[:at] + fmt.Sprintf(provider, "groq", "groq", w.ups["groq"].URL(), w.ups["groq"].Key(), modelOf["groq"]) +
		fmt.Sprintf(provider, "first", "openai", first.URL(), first.Key(), modelOf["openai"]) +
		fmt.Sprintf(provider, "second", "openai", second.URL(), second.Key(), modelOf["openai"])
	w.ups = map[string]*providertest.Upstream{"first": first, "second": second, "groq": w.ups["groq"]}
	w.Gateway = servertest.Start(t, servertest.File(text))
	return w, first, second
}

// Who may use raw ids finds an object wherever it is, and the record says where.
func TestRawIDs(t *testing.T) {
	t.Parallel()
	w, _, second := twins(t)
	response := direct(t, second, http.MethodPost, "/responses", responseBody("gpt-4o-mini", "Directly", `"stream":false`)).text("id")
	conversation := direct(t, second, http.MethodPost, "/conversations", `{"items":[{"role":"user","content":"Hi"}]}`).text("id")
	completion := direct(t, second, http.MethodPost, "/chat/completions", servertest.ChatBody("gpt-4o-mini", "Directly", `"store":true`)).text("id")
	for i, path := range []string{"/v1/responses/" + response, "/v1/conversations/" + conversation, "/v1/chat/completions/" + completion} {
		for _, key := range []string{"raw", "master"} {
			id := fmt.Sprintf("raw-%d-%s", i, key)
			got := w.as(key).must(t, http.MethodGet, path, "", "X-Request-Id", id)
			if sealed := got.text("id"); !strings.Contains(sealed, "_xsb1_") && !strings.Contains(sealed, "-xsb1_") {
				t.Errorf("%s is shown as %s", path, sealed)
			} else {
				again := path[:strings.LastIndexByte(path, '/')+1] + sealed
				w.as(key).must(t, http.MethodGet, again, "")
				w.as("a").fails(t, http.StatusNotFound, "not_found", http.MethodGet, again, "")
			}
			entry := w.Record(id).GetEntry()
			if entry.GetProvider() != "second" || len(entry.GetAttempts()) != 2 || entry.GetAttempts()[0].GetProvider() != "first" {
				t.Errorf("%s: the record says %v", path, entry)
			}
		}
		named := fmt.Sprintf("named-%d", i)
		w.as("raw").must(t, http.MethodGet, path+"?provider=second", "", "X-Request-Id", named)
		if entry := w.Record(named).GetEntry(); entry.GetProvider() != "second" || len(entry.GetAttempts()) != 1 {
			t.Errorf("%s: the record says %v", path, entry)
		}
		w.as("raw").fails(t, http.StatusNotFound, "not_found", http.MethodGet, path+"?provider=first", "")
		w.as("raw").fails(t, http.StatusNotFound, "provider_not_found", http.MethodGet, path+"?provider=nowhere", "")
		if reply := w.as("raw").ask(http.MethodGet, path+"?provider=groq", ""); reply.Status != http.StatusBadRequest {
			t.Errorf("%s at a provider that keeps nothing: %d %s", path, reply.Status, reply.Body)
		}
		w.as("a").fails(t, http.StatusNotFound, "not_found", http.MethodGet, path+"?provider=second", "")
		w.as("raw").fails(t, http.StatusNotFound, "not_found", http.MethodGet, path+"0", "")
	}
}

// What a request goes on from may be named by a raw id, of those who may.
func TestRawIDsInRequests(t *testing.T) {
	t.Parallel()
	w, _, second := twins(t)
	first := direct(t, second, http.MethodPost, "/responses", responseBody("gpt-4o-mini", "Directly"))
	id, item := first.text("id"), first.list("output")[0].text("id")
	goOn := `"previous_response_id":"` + id + `"`
	refer := `{"model":"second/gpt-4o-mini","input":[{"type":"item_reference","id":"` + item + `"},{"role":"user","content":"Hi"}]}`
	w.as("raw").respond(t, "second/gpt-4o-mini", "And then?", goOn)
	w.as("raw").must(t, http.MethodPost, "/v1/responses", refer)
	before := w.asked()
	w.as("b").fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", responseBody("second/gpt-4o-mini", "And then?", goOn))
	w.as("b").fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", refer)
	for _, spelled := range []string{`"\u0069d"`, `"i\u0064"`} {
		w.as("b").fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", strings.Replace(refer, `"id"`, spelled, 1))
	}
	w.as("b").fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", strings.Replace(refer, `"type":"item_reference",`, "", 1))
	// Not where nobody could have it.
	w.as("raw").fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", strings.Replace(refer, "second/gpt-4o-mini", emulated, 1))
	if after := w.asked(); after != before {
		t.Errorf("a provider was asked %d times", after-before)
	}
}

// A sealed id in an input goes to its provider as that provider's own, however it is
// spelled, and to no other one; in texts it stays what it is.
func TestSealedIDsInInputs(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	for _, key := range []string{"a", "master"} {
		w := w.as(key)
		first := w.respond(t, native, "Hello "+key)
		item := first.list("output")[0].text("id")
		spelled := strings.Replace(item, "x", `\u0078`, 1)
		for _, id := range []string{item, spelled} {
			body := `{"model":"` + native + `","input":[{"role":"user","content":"` + id + `"},{"type":"item_reference","id":"` + id + `"}]}`
			w.must(t, http.MethodPost, "/v1/responses", body)
			input := last(t, w.sent("openai", providertest.EndpointResponses)).list("input")
			if len(input) != 2 || !strings.HasPrefix(input[1].text("id"), "msg_") || strings.Contains(input[1].text("id"), "xsb1_") {
				t.Errorf("%s: the provider was sent %v", key, input)
			}
			if got := words(input[:1]); len(got) != 1 || got[0] != "user: "+item {
				t.Errorf("%s: the provider was sent %v", key, input)
			}
		}
		body := `{"model":"` + stored + `","input":[{"type":"item_reference","id":"` + item + `"}]}`
		w.fails(t, http.StatusBadRequest, "selector_conflict", http.MethodPost, "/v1/responses", body)
	}
}

// A completion that is gone at its provider is not there, and when it is deleted here,
// too, it is not listed any more.
func TestACompletionThatIsGoneAtItsProvider(t *testing.T) {
	t.Parallel()
	w, first, _ := twins(t)
	a := w.as("a")
	id := a.must(t, http.MethodPost, "/v1/chat/completions", servertest.ChatBody("first/gpt-4o-mini", "Hi", `"store":true`)).text("id")
	listed := func() []string { return idsOf(a.must(t, http.MethodGet, "/v1/chat/completions", "").list("data")) }
	equal(t, "the list", listed(), []string{id})
	for _, one := range direct(t, first, http.MethodGet, "/chat/completions", "").list("data") {
		direct(t, first, http.MethodDelete, "/chat/completions/"+one.text("id"), "")
	}
	a.fails(t, http.StatusNotFound, "not_found", http.MethodDelete, "/v1/chat/completions/"+id, "")
	equal(t, "the list afterwards", listed(), []string{})
}
