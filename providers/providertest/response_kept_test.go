package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// ids are the ids of a list's objects.
func ids(page *node) []string {
	out := []string{}
	for _, item := range page.get("data").items() {
		out = append(out, item.get("id").str())
	}
	return out
}

// get asks for what is kept, and returns the status and the reply.
func get(t *testing.T, up *Upstream, path string) (int, *node) {
	t.Helper()
	resp, body := send(t, up, http.MethodGet, path, "")
	return resp.StatusCode, parsed(t, body)
}

// said is the text of a response's last message.
func said(r *node) string {
	items := r.get("output").items()
	if len(items) == 0 {
		return ""
	}
	return items[len(items)-1].get("content").items()[0].get("text").str()
}

// A response can be asked for, continued, listed by its input, and deleted; one
// that was not stored cannot.
func TestStoredResponses(t *testing.T) {
	t.Parallel()
	up := Start(t)
	first := respondTo(t, up, responds("o4-mini", `"My name is Ada."`, ``))
	id := first.get("id").str()
	if status, got := get(t, up, "/responses/"+id); status != 200 || string(got.compact()) != string(first.compact()) {
		t.Errorf("%d %s, want %s", status, got.compact(), first.compact())
	}
	second := respondTo(t, up, responds("o4-mini", `"Who am I?"`, `,"previous_response_id":"`+id+`"`))
	if second.get("previous_response_id").str() != id || said(second) != "You said: Who am I?" {
		t.Errorf("the second is %s", second.compact())
	}
	before, _ := asInt(first.get("usage").get("input_tokens"))
	after, _ := asInt(second.get("usage").get("input_tokens"))
	if after <= before {
		t.Errorf("%d tokens after %d", after, before)
	}
	reference := first.get("output").items()[1].get("id").str()
	if r := respondTo(t, up, responds("o4-mini", `[{"id":"`+reference+`"},{"role":"user","content":"And?"}]`, `,"store":false`)); said(r) != "You said: And?" {
		t.Errorf("a reference: %s", r.compact())
	} else if status, _ := get(t, up, "/responses/"+r.get("id").str()); status != 404 {
		t.Errorf("one that was not stored: %d", status)
	}
	if status, page := get(t, up, "/responses/"+second.get("id").str()+"/input_items"); status != 200 || len(ids(page)) != 1 ||
		!strings.HasPrefix(ids(page)[0], "msg_") || page.get("has_more").is() || page.get("first_id").str() != ids(page)[0] {
		t.Errorf("the input is %d %s", status, page.compact())
	}
	for path, want := range map[string]int{
		"/responses/other": 400, "/responses/resp_other": 404, "/responses/" + id + "?mood=1": 400, "/responses/" + id + "?include[]=reasoning.encrypted_content": 200,
		"/responses/" + id + "?stream=true": 400, "/responses/" + id + "/input_items?limit=0": 400, "/responses/" + id + "/input_items?after=x": 404,
	} {
		if status, got := get(t, up, path); status != want {
			t.Errorf("%s: %d %s", path, status, got.compact())
		}
	}
	if resp, body := send(t, up, http.MethodPost, "/responses/"+id+"/cancel", ""); resp.StatusCode != 400 {
		t.Errorf("cancel: %d %s", resp.StatusCode, body)
	}
	if _, body := send(t, up, http.MethodDelete, "/responses/"+id, ""); !strings.Contains(body, `"deleted": true`) {
		t.Errorf("delete: %s", body)
	}
	if resp, _ := send(t, up, http.MethodDelete, "/responses/"+id, ""); resp.StatusCode != 404 {
		t.Errorf("delete again: %d", resp.StatusCode)
	}
}

// What one key has made, no other one sees.
func TestShelvesAreByKey(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.Keys = []string{"sk-a", "sk-b"} })
	id := respondTo(t, up, responds("gpt-4o", `"x"`, ``)).get("id").str()
	req := request(t, up, "")
	req.Method, req.URL.Path = http.MethodGet, "/v1/responses/"+id
	req.Header.Set("Authorization", "Bearer sk-b")
	if resp, body := do(t, req); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
}

// Events are streamed again from any one on, for responses that were streamed.
func TestResume(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueTextAt(t, EndpointResponses, "drop-after=5")
	req := request(t, up, responds("gpt-4o", `"x"`, `,"stream":true`))
	req.URL.Path = "/v1/responses"
	resp, err := http.DefaultTransport.(*http.Transport).Clone().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := up.AwaitEnded(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	var id string
	up.store.locked(up.Key(), func(s *shelf) {
		for id = range s.responses {
			break
		}
	})
	_, whole := send(t, up, http.MethodGet, "/responses/"+id+"?stream=true", "")
	events := eventsOf(t, whole)
	for n := range len(events) - 1 {
		_, rest := send(t, up, http.MethodGet, "/responses/"+id+"?stream=true&starting_after="+valueOf(n).text, "")
		if !strings.HasSuffix(whole, rest) || strings.Count(rest, "\n\n") != len(events)-1-n {
			t.Errorf("after %d: %s", n, rest)
		}
	}
	if _, plain := send(t, up, http.MethodGet, "/responses/"+id+"?stream=true&include_obfuscation=false", ""); strings.Contains(plain, "obfuscation") {
		t.Errorf("obfuscated: %s", plain)
	}
	if resp, _ := send(t, up, http.MethodGet, "/responses/"+id+"?stream=true&starting_after=99", ""); resp.StatusCode != 400 {
		t.Errorf("after the end: %d", resp.StatusCode)
	}
}

// Background responses wait, go on when they are asked for, or when the test says
// so, and can be cancelled.
func TestBackground(t *testing.T) {
	t.Parallel()
	up := Start(t)
	start := func(up *Upstream) string {
		r := respondTo(t, up, responds("gpt-4o", `"x"`, `,"background":true`))
		if r.get("status").str() != "queued" || len(r.get("output").items()) != 0 || r.get("usage").set() {
			t.Errorf("it begins as %s", r.compact())
		}
		return "/responses/" + r.get("id").str()
	}
	path := start(up)
	for _, want := range []string{"in_progress", "completed", "completed"} {
		if _, r := get(t, up, path); r.get("status").str() != want || (said(r) == "You said: x") != (want == "completed") {
			t.Errorf("%s, want %s", r.compact(), want)
		}
	}
	waiting := Start(t, func(p *Params) { p.BackgroundPolls = -1 })
	path = start(waiting)
	for range 5 {
		if _, r := get(t, waiting, path); r.get("status").str() != "in_progress" {
			t.Errorf("it did not wait: %s", r.compact())
		}
	}
	other := start(waiting)
	for range 2 {
		if _, body := send(t, waiting, http.MethodPost, other+"/cancel", ""); parsed(t, body).get("status").str() != "cancelled" {
			t.Errorf("cancel: %s", body)
		}
	}
	waiting.FinishBackground()
	for p, want := range map[string]string{path: "completed", other: "cancelled"} {
		if _, r := get(t, waiting, p); r.get("status").str() != want {
			t.Errorf("%s is %s", p, r.compact())
		}
	}
	_, body := send(t, up, http.MethodPost, "/responses", responds("gpt-4o", `"y"`, `,"background":true,"stream":true`))
	if events := eventsOf(t, body); events[1].get("type").str() != "response.queued" {
		t.Errorf("a stream of one: %s", body)
	}
}

// A conversation has the items of its responses, and those that are put into it.
func TestConversations(t *testing.T) {
	t.Parallel()
	up := Start(t)
	_, body := send(t, up, http.MethodPost, "/conversations", `{"metadata":{"a":"b"},"items":[{"role":"system","content":"Be brief."}]}`)
	c := parsed(t, body)
	id := c.get("id").str()
	path := "/conversations/" + id
	r := respondTo(t, up, responds("gpt-4o", `"Hi"`, `,"conversation":{"id":"`+id+`"}`))
	if r.get("conversation").get("id").str() != id {
		t.Errorf("the response is %s", r.compact())
	}
	_, body = send(t, up, http.MethodPost, path+"/items", `{"items":[{"role":"user","content":"More"},{"role":"user","content":"And more"}]}`)
	added := ids(parsed(t, body))
	_, page := get(t, up, path+"/items?order=asc")
	all := ids(page)
	if len(all) != 5 || !slices.Equal(all[3:], added) || all[2] != r.get("output").items()[0].get("id").str() {
		t.Errorf("the items are %q", all)
	}
	var walked []string
	for after, more := "", true; more; {
		_, page := get(t, up, path+"/items?limit=2"+after)
		walked = append(walked, ids(page)...)
		more, after = page.get("has_more").is(), "&after="+page.get("last_id").str()
	}
	slices.Reverse(walked)
	if !slices.Equal(walked, all) {
		t.Errorf("page by page: %q", walked)
	}
	if status, item := get(t, up, path+"/items/"+all[0]); status != 200 || item.get("role").str() != "system" {
		t.Errorf("an item: %d %s", status, item.compact())
	}
	if _, body := send(t, up, http.MethodDelete, path+"/items/"+all[0], ""); parsed(t, body).get("object").str() != "conversation" {
		t.Errorf("delete an item: %s", body)
	}
	if status, _ := get(t, up, path+"/items/"+all[0]); status != 404 {
		t.Errorf("a deleted item: %d", status)
	}
	if _, body := send(t, up, http.MethodPost, path, `{"metadata":{"c":"d"}}`); string(parsed(t, body).get("metadata").compact()) != `{"c":"d"}` {
		t.Errorf("update: %s", body)
	}
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{http.MethodPost, path, `{}`, 400},
		{http.MethodPost, path + "/items", `{"items":[` + strings.Repeat(`{"role":"user","content":"x"},`, 20) + `{"role":"user","content":"x"}]}`, 400},
		{http.MethodPost, path + "/items", `{"items":[{"role":"user","text":"x"}]}`, 400},
		{http.MethodPost, "/conversations", `{"model":"x"}`, 400},
		{http.MethodPost, "/conversations", ``, 200},
		{http.MethodGet, "/conversations/other", ``, 400},
		{http.MethodGet, "/conversations/conv_other", ``, 404},
		{http.MethodDelete, path, ``, 200},
		{http.MethodDelete, path, ``, 404},
	} {
		if resp, body := send(t, up, c.method, c.path, c.body); resp.StatusCode != c.status {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.path, c.body, resp.StatusCode, body)
		}
	}
}

// Secrets of this provider come back, tokens are counted, contexts compacted.
func TestSealedContentAndTokens(t *testing.T) {
	t.Parallel()
	up := Start(t)
	r := respondTo(t, up, responds("o4-mini", `"x"`, `,"store":false,"include":["reasoning.encrypted_content"]`))
	items := string(list(append(r.get("output").items(), parsed(t, `{"role":"user","content":"y"}`))...).compact())
	if again := respondTo(t, up, responds("o4-mini", items, `,"store":false`)); said(again) != "You said: y" {
		t.Errorf("with what was sealed: %s", again.compact())
	}
	if resp, body := send(t, playing(t, ProfileAzure), http.MethodPost, "/responses", responds("o4-mini", items, ``)); resp.StatusCode != 400 || !strings.Contains(body, "invalid_encrypted_content") {
		t.Errorf("at another provider: %d %s", resp.StatusCode, body)
	}
	_, body := send(t, up, http.MethodPost, "/responses/input_tokens", responds("gpt-4o", `"one two three"`, `,"instructions":"Be brief."`))
	if n, ok := asInt(parsed(t, body).get("input_tokens")); !ok || n < 8 {
		t.Errorf("the tokens are %s", body)
	}
	_, body = send(t, up, http.MethodPost, "/responses/compact", responds("gpt-4o", `[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]`, ``))
	c := parsed(t, body)
	if c.get("object").str() != "response.compaction" || len(c.get("output").items()) != 2 {
		t.Errorf("compacted: %s", body)
	}
	if again := respondTo(t, up, responds("gpt-4o", string(c.get("output").compact()), ``)); again.get("status").str() != "completed" {
		t.Errorf("with what was compacted: %s", again.compact())
	}
	for _, path := range []string{"/responses/compact", "/responses/input_tokens"} {
		if resp, body := send(t, up, http.MethodPost, path, responds("gpt-4o", `"a"`, `,"stream":true`)); resp.StatusCode != 400 {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
}

// Completions with `store` are kept, listed and changed.
func TestStoredCompletions(t *testing.T) {
	t.Parallel()
	up := Start(t)
	var made []string
	for _, who := range []string{"a", "b", "a"} {
		_, body := post(t, up, with(`"store":true,"metadata":{"who":"`+who+`"}`))
		made = append(made, parsed(t, body).get("id").str())
	}
	post(t, up, plainBody)
	for query, want := range map[string][]string{
		"": made, "?order=desc&limit=1": made[2:], "?after=" + made[0]: made[1:], "?metadata[who]=a": {made[0], made[2]}, "?model=gpt-4o-mini": made, "?model=o3": {},
	} {
		if status, page := get(t, up, "/chat/completions"+query); status != 200 || !slices.Equal(ids(page), want) {
			t.Errorf("%s: %d %q, want %q", query, status, ids(page), want)
		}
	}
	path := "/chat/completions/" + made[1]
	if _, body := send(t, up, http.MethodPost, path, `{"metadata":{"who":"c"}}`); parsed(t, body).get("metadata").get("who").str() != "c" {
		t.Errorf("update: %s", body)
	}
	if status, page := get(t, up, path+"/messages"); status != 200 || page.get("data").items()[0].get("content").str() != "Hi, json." {
		t.Errorf("the messages: %d %s", status, page.compact())
	}
	if _, body := send(t, up, http.MethodDelete, path, ""); !strings.Contains(body, `"object": "chat.completion.deleted"`) {
		t.Errorf("delete: %s", body)
	}
	if status, _ := get(t, up, path); status != 404 {
		t.Errorf("a deleted one: %d", status)
	}
	if status, c := get(t, up, "/chat/completions/"+made[0]); status != 200 || c.get("object").str() != "chat.completion" {
		t.Errorf("another one: %d %s", status, c.compact())
	}
	if resp, _ := send(t, up, http.MethodPost, "/chat/completions/"+made[0], `{}`); resp.StatusCode != 400 {
		t.Errorf("an update of nothing: %d", resp.StatusCode)
	}
}

// Other providers keep less, or nothing, and say so.
func TestResponsesOfProviders(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		profile, body string
		status        int
	}{
		{ProfileGroq, responds("qwen/qwen3-32b", `"x"`, ``), 200},
		{ProfileGroq, responds("qwen/qwen3-32b", `"x"`, `,"store":false`), 200},
		{ProfileGroq, responds("qwen/qwen3-32b", `"x"`, `,"store":true`), 400},
		{ProfileGroq, responds("qwen/qwen3-32b", `"x"`, `,"previous_response_id":"resp_1"`), 400},
		{ProfileOpenRouter, responds("openrouter/auto", `"x"`, `,"background":true`), 400},
		{ProfileOllama, responds("llama3.2", `"x"`, `,"mood":1`), 200},
		{ProfileXAI, responds("grok-3", `"x"`, `,"conversation":"conv_1"`), 400},
		{ProfileVLLM, responds("Qwen/Qwen3-8B", `"x"`, ``), 200},
		{ProfileAzure, responds("gpt-4o", `"x"`, `,"conversation":"conv_1"`), 400},
		{ProfileDeepSeek, responds("deepseek-chat", `"x"`, ``), 404},
		{ProfileMistral, responds("mistral-small-latest", `"x"`, ``), 404},
		{ProfileCompatible, responds("local-model", `"x"`, ``), 404},
	} {
		up := playing(t, c.profile)
		resp, body := send(t, up, http.MethodPost, "/responses", c.body)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s: %d %s", c.profile, c.body, resp.StatusCode, body)
			continue
		}
		if c.status != 200 {
			continue
		}
		keeps := up.profile.responding.keeps
		if status, _ := get(t, up, "/responses/"+parsed(t, body).get("id").str()); (status == 200) != keeps {
			t.Errorf("%s keeps: %d", c.profile, status)
		}
	}
	azure := playing(t, ProfileAzure)
	for version, want := range map[string]int{"2024-10-21": 404, "2025-03-01-preview": 200} {
		if resp, body := send(t, azure, http.MethodPost, "/openai/responses?api-version="+version, responds("gpt-4o", `"x"`, ``)); resp.StatusCode != want {
			t.Errorf("%s: %d %s", version, resp.StatusCode, body)
		}
	}
}

// Scripts play for responses as they do for completions.
func TestResponseScripts(t *testing.T) {
	t.Parallel()
	up := Start(t)
	streamed := responds("gpt-4o", `"x"`, `,"stream":true`)
	up.EnqueueTextAt(t, EndpointResponses, "error-at=3,code=insufficient_quota,type=insufficient_quota", "no-finish", "truncate-after=4", "status=429", "no-usage",
		"replay=vercel-ai/openai/responses/openai-error.1.chunks.txt", "finish=content_filter", "no-done")
	_, body := send(t, up, http.MethodPost, "/responses", streamed)
	if events := eventsOf(t, body); len(events) != 4 || events[2].get("error").get("code").str() != "insufficient_quota" ||
		events[3].get("type").str() != "response.failed" || events[3].get("response").get("status").str() != "failed" {
		t.Errorf("a failure: %s", body)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); strings.Contains(body, "response.completed") {
		t.Errorf("no end: %s", body)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); strings.Count(body, "\n\n") != 4 {
		t.Errorf("cut: %s", body)
	}
	if resp, _ := send(t, up, http.MethodPost, "/responses", streamed); resp.StatusCode != 429 {
		t.Errorf("refused: %d", resp.StatusCode)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); !strings.Contains(body, "response.completed") || strings.Contains(body, "total_tokens") {
		t.Errorf("no usage: %s", body)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); !strings.HasPrefix(body, "event: response.created\ndata: ") || len(eventsOf(t, body)) != 4 {
		t.Errorf("a replay: %s", body)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); !strings.Contains(body, `"incomplete_details":{"reason":"content_filter"}`) {
		t.Errorf("filtered: %s", body)
	}
	if _, body := send(t, up, http.MethodPost, "/responses", streamed); !strings.Contains(body, "response.completed") {
		t.Errorf("without [DONE], as ever: %s", body)
	}
}
