package objects_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// previous is the member that names the response to go on from.
func previous(response object) string {
	return `"previous_response_id":"` + response.text("id") + `"`
}

// A chain of responses that the gateway keeps goes over every provider, and each one is
// sent all that was said.
func TestChainsOverProviders(t *testing.T) {
	t.Parallel()
	for _, streamed := range []bool{false, true} {
		w := start(t, "")
		first := w.respond(t, emulated, "One")
		second := w.respond(t, emulated, "Two", previous(first))
		third := w.respond(t, thinking, "Three", previous(second))
		fourth := w.respond(t, emulated, "Four", previous(third), `"instructions":"Be brief."`)
		want := []string{
			"user: One", "assistant: " + said(first), "user: Two", "assistant: " + said(second),
			"user: Three", "assistant: " + said(third), "user: Four",
		}
		sent := last(t, w.sent("groq", providertest.EndpointChat)).list("messages")
		equal(t, "the fourth turn", words(sent), append([]string{"system: Be brief."}, want...))
		goOn := previous(fourth)
		if streamed {
			goOn += `,"stream":true`
		}
		reply := w.ask(http.MethodPost, "/v1/responses", responseBody(stored, "Five", goOn))
		if reply.Status != http.StatusOK {
			t.Fatalf("%d %s", reply.Status, reply.Body)
		}
		// Instructions are of one turn alone.
		input := last(t, w.sent("xai", providertest.EndpointResponses)).list("input")
		equal(t, "the fifth turn", words(input), append(want, "assistant: "+said(fourth), "user: Five"))
		got := w.must(t, http.MethodGet, "/v1/responses/"+fourth.text("id"), "")
		if got.text("previous_response_id") != third.text("id") || said(got) != said(fourth) || got["store"] != true {
			t.Errorf("the stored response is %v", got)
		}
		items := w.must(t, http.MethodGet, "/v1/responses/"+fourth.text("id")+"/input_items?order=asc", "").list("data")
		equal(t, "the input of the fourth turn", words(items), []string{"user: Four"})
	}
}

// What a provider keeps is gone on from at that provider alone.
func TestChainsAtAProvider(t *testing.T) {
	t.Parallel()
	w := start(t, "routes:\n  - {name: any, targets: [{model: "+emulated+"}, {model: "+native+"}, {model: "+stored+"}]}\n")
	first := w.respond(t, native, "One")
	second := w.respond(t, native, "Two", previous(first))
	body := last(t, w.sent("openai", providertest.EndpointResponses))
	if !strings.HasPrefix(body.text("previous_response_id"), "resp_") || strings.Contains(body.text("previous_response_id"), "xsb1_") || body.text("input") != "Two" {
		t.Errorf("the provider was sent %v", body)
	}
	if second.text("previous_response_id") != first.text("id") {
		t.Errorf("the response goes on from %q", second.text("previous_response_id"))
	}
	if got := w.must(t, http.MethodGet, "/v1/responses/"+second.text("id"), ""); got.text("previous_response_id") != first.text("id") {
		t.Errorf("the stored response goes on from %q", got.text("previous_response_id"))
	}
	for _, model := range []string{emulated, stored, thinking} {
		failed := w.fails(t, http.StatusBadRequest, "selector_conflict", http.MethodPost, "/v1/responses", responseBody(model, "Three", previous(second)))
		if failed.Param == nil || *failed.Param != "previous_response_id" {
			t.Errorf("%s: %v", model, failed)
		}
	}
	// A route goes to the target that has it.
	third := w.ask(http.MethodPost, "/v1/responses", responseBody("any", "Three", previous(second)))
	if third.Status != http.StatusOK || third.Header.Get("X-Signalbox-Provider") != "openai" {
		t.Errorf("%d %v %s", third.Status, third.Header, third.Body)
	}
}

// What was not stored cannot be gone on from, nor what was deleted; the chain behind it
// is there no longer either.
func TestChainsThatBreak(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	loose := w.respond(t, emulated, "One", `"store":false`)
	if loose["store"] != false {
		t.Errorf("it says that it is stored: %v", loose)
	}
	w.fails(t, http.StatusNotFound, "not_found", http.MethodGet, "/v1/responses/"+loose.text("id"), "")
	w.fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", responseBody(emulated, "Two", previous(loose)))
	first := w.respond(t, emulated, "One")
	second := w.respond(t, emulated, "Two", previous(first))
	w.must(t, http.MethodDelete, "/v1/responses/"+first.text("id"), "")
	failed := w.fails(t, http.StatusNotFound, "not_found", http.MethodPost, "/v1/responses", responseBody(emulated, "Three", previous(second)))
	if failed.Param == nil || *failed.Param != "previous_response_id" {
		t.Errorf("the failure is about %v", failed)
	}
	w.fails(t, http.StatusBadRequest, "invalid_value", http.MethodPost, "/v1/responses", responseBody(emulated, "Three", previous(second), `"conversation":"conv_x"`))
}

// References to items of the store are what they mean, for whoever is asked; those of
// input items, too.
func TestReferencesToStoredItems(t *testing.T) {
	t.Parallel()
	w := start(t, "")
	first := w.respond(t, emulated, "One")
	asked := w.must(t, http.MethodGet, "/v1/responses/"+first.text("id")+"/input_items", "").list("data")
	for model, sent := range map[string]func() []object{
		emulated: func() []object { return last(t, w.sent("groq", providertest.EndpointChat)).list("messages") },
		native:   func() []object { return last(t, w.sent("openai", providertest.EndpointResponses)).list("input") },
		stored:   func() []object { return last(t, w.sent("xai", providertest.EndpointResponses)).list("input") },
	} {
		body := `{"model":"` + model + `","input":[{"type":"item_reference","id":"` + asked[0].text("id") + `"},{"id":"` +
			first.list("output")[0].text("id") + `"},{"role":"user","content":"Two"}]}`
		second := w.must(t, http.MethodPost, "/v1/responses", body)
		want := []string{"user: One", "assistant: " + said(first), "user: Two"}
		equal(t, model, words(sent()), want)
		if model == stored {
			continue // xAI does not list inputs
		}
		items := w.must(t, http.MethodGet, "/v1/responses/"+second.text("id")+"/input_items?order=asc", "").list("data")
		equal(t, model+", its input", words(items), want)
	}
}

// The reasoning of a provider without responses of its own is kept whole, shown only to
// who asks for it, and comes back as that provider wants it.
func TestReasoningIsKeptForTheNextTurn(t *testing.T) {
	t.Parallel()
	const include = `"include":["reasoning.encrypted_content"]`
	tool := `"tools":[{"type":"function","name":"weather","parameters":{"type":"object","properties":{}}}]`
	encrypted := func(items []object) []string {
		var found []string
		for _, item := range items {
			if item.text("type") == "reasoning" {
				found = append(found, item.text("encrypted_content"))
			}
		}
		return found
	}
	for _, native := range []string{"", "xai"} { // as it is, and xAI by its chat completions
		w := providersOf(t)
		text := w.text("")
		model, provider := thinking, "deepseek"
		if native != "" {
			text = strings.Replace(text, "{name: xai,", "{name: xai, native_responses: false,", 1)
			model, provider = stored, "xai"
		}
		w.Gateway = startText(t, text)
		for _, asked := range []bool{false, true} {
			more := []string{tool}
			if asked {
				more = append(more, include)
			}
			first := w.respond(t, model, "What is the weather?", more...)
			shown := encrypted(first.list("output"))
			if len(shown) != 1 || (shown[0] != "") != asked {
				t.Fatalf("%s: asked %t, shown is %q of %v", model, asked, shown, first)
			}
			got := w.must(t, http.MethodGet, "/v1/responses/"+first.text("id"), "")
			if shown := encrypted(got.list("output")); len(shown) != 1 || shown[0] != "" {
				t.Errorf("%s: shown is %q", model, shown)
			}
			got = w.must(t, http.MethodGet, "/v1/responses/"+first.text("id")+"?include[]=reasoning.encrypted_content", "")
			if shown := encrypted(got.list("output")); len(shown) != 1 || shown[0] == "" {
				t.Errorf("%s: shown is %q", model, shown)
			}
			callID := ""
			for _, item := range first.list("output") {
				if item.text("type") == "function_call" {
					callID = item.text("call_id")
				}
			}
			if callID == "" {
				t.Fatalf("%s: no call in %v", model, first)
			}
			body := `{"model":"` + model + `",` + previous(first) + `,"input":[{"type":"function_call_output","call_id":"` + callID + `","output":"Rain"}],` + tool + `}`
			w.must(t, http.MethodPost, "/v1/responses", body)
			messages := last(t, w.sent(provider, providertest.EndpointChat)).list("messages")
			at := slices.IndexFunc(messages, func(m object) bool { return m.text("role") == "assistant" })
			if at < 0 || messages[at].text("reasoning_content") == "" {
				t.Errorf("%s: the provider was sent %v", model, messages)
			}
		}
	}
}
