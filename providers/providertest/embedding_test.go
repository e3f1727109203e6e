package providertest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// embeds is a request for embeddings.
func embeds(model, input, more string) string {
	return `{"model":"` + model + `","input":` + input + more + `}`
}

// vectorsOf reads a reply's vectors, of either format, in the order of their index.
func vectorsOf(t *testing.T, body string) [][]float32 {
	t.Helper()
	var reply struct {
		Data []struct {
			Index     int
			Embedding json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	var out [][]float32
	for i, d := range reply.Data {
		if d.Index != i {
			t.Errorf("the vector %d is at %d", d.Index, i)
		}
		var v []float32
		if err := json.Unmarshal(d.Embedding, &v); err != nil {
			v = unpacked(t, d.Embedding)
		}
		out = append(out, v)
	}
	return out
}

// unpacked reads base64 of float32.
func unpacked(t *testing.T, raw json.RawMessage) (v []float32) {
	t.Helper()
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatal(err)
	}
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(b)%4 != 0 {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	for ; len(b) > 0; b = b[4:] {
		v = append(v, math.Float32frombits(binary.LittleEndian.Uint32(b)))
	}
	return v
}

// All forms of input are embedded in their order, in both formats alike.
func TestEmbeddings(t *testing.T) {
	t.Parallel()
	up := Start(t)
	for input, texts := range map[string][]string{
		`"a"`: {"a"}, `["a","b","a"]`: {"a", "b", "a"}, `[1,2]`: {"[1,2]"}, `[[1,2],[3]]`: {"[1,2]", "[3]"},
	} {
		for _, more := range []string{``, `,"encoding_format":"float"`, `,"encoding_format":"base64"`, `,"dimensions":5`} {
			resp, body := send(t, up, http.MethodPost, "/embeddings", embeds("text-embedding-3-small", input, more))
			if resp.StatusCode != 200 || strings.Contains(body, `"embedding": "`) != strings.Contains(more, "base64") {
				t.Errorf("%s%s: %d %s", input, more, resp.StatusCode, body)
			}
			size := 1536
			if strings.Contains(more, "dimensions") {
				size = 5
			}
			got := vectorsOf(t, body)
			if len(got) != len(texts) {
				t.Fatalf("%s: %d vectors", input, len(got))
			}
			for i, text := range texts {
				if !slices.Equal(got[i], Vector(text, size)) {
					t.Errorf("%s%s: the vector %d differs", input, more, i)
				}
			}
		}
	}
	_, body := send(t, up, http.MethodPost, "/embeddings", embeds("text-embedding-3-small", `["a","b"]`, `,"dimensions":5`))
	if got, want := skeleton(t, body), skeleton(t, recorded(t, "vercel-ai/openai/embeddings/openai-embedding.json")); got != want {
		t.Errorf("members\n got %s\nwant %s", got, want)
	}
}

// Other providers embed in their own form, and some give numbers whatever is asked.
func TestEmbeddingsOfProviders(t *testing.T) {
	t.Parallel()
	models := map[string]string{
		ProfileAzure: "text-embedding-3-small", ProfileOpenRouter: "openai/text-embedding-3-small", ProfileMistral: "mistral-embed",
		ProfileVLLM: "intfloat/e5-mistral-7b-instruct", ProfileOllama: "nomic-embed-text", ProfileCompatible: "local-embed",
	}
	for profile, model := range models {
		for _, floats := range []bool{false, true} {
			up := playing(t, profile, func(p *Params) { p.FloatsOnly = floats })
			resp, body := send(t, up, http.MethodPost, "/embeddings", embeds(model, `["a","b"]`, `,"encoding_format":"base64"`))
			if resp.StatusCode != 200 || strings.Contains(body, `"embedding":"`) == floats {
				t.Errorf("%s: %d %s", profile, resp.StatusCode, body)
				continue
			}
			if v := vectorsOf(t, body); len(v) != 2 || !slices.Equal(v[1], Vector("b", up.profile.embedding.sizes[model])) {
				t.Errorf("%s: the vectors are %v", profile, v)
			}
		}
	}
	for _, profile := range []string{ProfileGroq, ProfileXAI, ProfileDeepSeek} {
		if resp, body := send(t, playing(t, profile), http.MethodPost, "/embeddings", embeds("x", `"a"`, ``)); resp.StatusCode != 404 {
			t.Errorf("%s embeds: %d %s", profile, resp.StatusCode, body)
		}
	}
	resp, body := send(t, playing(t, ProfileAzure), http.MethodPost, "/openai/deployments/text-embedding-3-small/embeddings?api-version=2024-10-21", `{"input":"a"}`)
	if resp.StatusCode != 200 {
		t.Errorf("a deployment: %d %s", resp.StatusCode, body)
	}
}

func TestEmbeddingRefusals(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`"a",`, 2048) + `"a"`
	for _, c := range []struct {
		profile, body string
		status        int
		want          string
	}{
		{ProfileOpenAI, embeds("text-embedding-3-small", `""`, ``), 400, `"param": "input"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `["a",""]`, ``), 400, `"param": "input[1]"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `[]`, ``), 400, `"empty_array"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `[`+many+`]`, ``), 400, `"array_above_max_length"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `["a",1]`, ``), 400, `"invalid_type"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `[1,"a"]`, ``), 400, `"invalid_type"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `"a"`, `,"truncate":true`), 400, `"unknown_parameter"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `"a"`, `,"encoding_format":"hex"`), 400, `"invalid_value"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `"a"`, `,"dimensions":0`), 400, `"integer_below_min_value"`},
		{ProfileOpenAI, embeds("text-embedding-3-small", `"a"`, `,"dimensions":1537`), 400, `"code": null`},
		{ProfileOpenAI, embeds("text-embedding-ada-002", `"a"`, `,"dimensions":5`), 400, `"param": "dimensions"`},
		{ProfileOpenAI, embeds("gpt-4o", `"a"`, ``), 403, `embeddings`},
		{ProfileOpenAI, embeds("nobody", `"a"`, ``), 404, `"model_not_found"`},
		{ProfileMistral, embeds("mistral-embed", `"a"`, `,"dimensions":5`), 422, `"extra_forbidden"`},
		{ProfileOllama, embeds("nomic-embed-text", `[1,2]`, ``), 400, `"invalid_request_error"`},
		{ProfileVLLM, embeds("intfloat/e5-mistral-7b-instruct", `[1,2]`, `,"mood":1`), 200, ``},
	} {
		if resp, body := send(t, playing(t, c.profile), http.MethodPost, "/embeddings", c.body); resp.StatusCode != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s %.80s: %d %.300s", c.profile, c.body, resp.StatusCode, body)
		}
	}
	if resp, body := post(t, Start(t), asks("text-embedding-3-small", "")); resp.StatusCode != 404 {
		t.Errorf("a chat with a model that embeds: %d %s", resp.StatusCode, body)
	}
}

// Ollama's own API has vectors alone, and errors without an envelope.
func TestEmbedNative(t *testing.T) {
	t.Parallel()
	up := playing(t, ProfileOllama)
	_, body := send(t, up, http.MethodPost, "/api/embed", `{"model":"nomic-embed-text","input":["a"],"truncate":true,"options":{"num_ctx":9},"dimensions":4,"mood":1}`)
	var reply struct {
		Embeddings [][]float32
		Count      int `json:"prompt_eval_count"`
	}
	if err := json.Unmarshal([]byte(body), &reply); err != nil || len(reply.Embeddings) != 1 || !slices.Equal(reply.Embeddings[0], Vector("a", 4)) || reply.Count != 1 {
		t.Errorf("%v %s", err, body)
	}
	if resp, body := send(t, up, http.MethodPost, "/api/embed", `{"model":"nobody","input":"a"}`); resp.StatusCode != 404 || !strings.HasPrefix(body, `{"error":"`) {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	if resp, _ := send(t, playing(t, ProfileVLLM), http.MethodPost, "/api/embed", `{}`); resp.StatusCode != 404 {
		t.Errorf("vLLM: %d", resp.StatusCode)
	}
}

// Scripts play for embeddings, too.
func TestEmbeddingScripts(t *testing.T) {
	t.Parallel()
	up := Start(t)
	up.EnqueueTextAt(t, EndpointEmbeddings, "status=429,retry-after=1", "replay=vercel-ai/openai/embeddings/openai-embedding.json", "malformed=1")
	for _, want := range []string{`"rate_limit_exceeded"`, `0.0057293195`, `"object";`} {
		if _, body := send(t, up, http.MethodPost, "/embeddings", embeds("text-embedding-3-small", `"a"`, ``)); !strings.Contains(body, want) {
			t.Errorf("%s lacks %s", body, want)
		}
	}
	if resp, _ := send(t, up, http.MethodPost, "/embeddings", embeds("fault/status=503", `"a"`, ``)); resp.StatusCode != 503 {
		t.Errorf("a marker: %d", resp.StatusCode)
	}
	if resp, _ := send(t, up, http.MethodPost, "/embeddings", embeds("text-embedding-3-small", `"a"`, `,"user":"fault/status=500"`)); resp.StatusCode != 500 {
		t.Errorf("a user's marker: %d", resp.StatusCode)
	}
}
