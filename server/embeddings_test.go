package server_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

const embeddingsPath = "/v1/embeddings"

// embedders are models that turn texts into vectors, by the provider that the test
// upstream plays.
var embedders = map[string]string{
	providertest.ProfileOpenAI: "text-embedding-3-small", providertest.ProfileAzure: "text-embedding-3-small", providertest.ProfileMistral: "mistral-embed",
	providertest.ProfileVLLM: "intfloat/e5-mistral-7b-instruct", providertest.ProfileOllama: "nomic-embed-text",
	providertest.ProfileOpenRouter: "openai/text-embedding-3-small", providertest.ProfileCompatible: "local-embed",
}

// embedding is a gateway before one provider that turns texts into vectors.
func embedding(t *testing.T, profile string, options ...providertest.Option) (*servertest.Gateway, *providertest.Upstream) {
	t.Helper()
	up := providertest.Start(t, append(options, providertest.Playing(profile))...)
	return servertest.Start(t, servertest.File(fmt.Sprintf("upstream: {max_attempts: 1, breaker_failure_percent: 100}\nproviders:\n"+
		"  - {name: p, type: %s, base_url: %q, api_key: %s, discover: false, models: [%q]}\n", profile, up.URL(), up.Key(), embedders[profile]))), up
}

// vectors are what a client read.
type vectors struct {
	list   *embeddingsv1.EmbeddingList
	failed *commonv1.ApiError
	status int
	header http.Header
	raw    string
}

// embeddings are the ways to ask for vectors; the members of the request are JSON.
var embeddings = []struct {
	name string
	make func(t *testing.T, gw *servertest.Gateway, id, model, members string) vectors
}{{"REST", embedREST}, {"gRPC", embedGRPC}}

func embedREST(t *testing.T, gw *servertest.Gateway, id, model, members string) vectors {
	t.Helper()
	reply := gw.Post(embeddingsPath, fmt.Sprintf(`{"model":%q,%s}`, model, members), "X-Request-Id", id)
	got := vectors{status: reply.Status, header: reply.Header, raw: reply.Body}
	if reply.Status != http.StatusOK {
		got.failed = errorOf(t, reply.Body)
		return got
	}
	var read struct {
		Object string
		Model  string
		Data   []struct {
			Object    string
			Index     int32
			Embedding any
		}
		Usage struct {
			Prompt int32 `json:"prompt_tokens"`
			Total  int32 `json:"total_tokens"`
		}
	}
	if err := json.Unmarshal([]byte(reply.Body), &read); err != nil || read.Object != "list" {
		t.Fatalf("%v in %.300s", err, reply.Body)
	}
	got.list = &embeddingsv1.EmbeddingList{Model: read.Model, Usage: &embeddingsv1.EmbeddingUsage{PromptTokens: read.Usage.Prompt, TotalTokens: read.Usage.Total}}
	for _, one := range read.Data {
		if _, packed := one.Embedding.(string); packed != strings.Contains(members, `"base64"`) || one.Object != "embedding" {
			t.Errorf("asked with %s, got %.200s", members, reply.Body)
		}
		got.list.Data = append(got.list.Data, &embeddingsv1.Embedding{Index: one.Index, Vector: numbers(t, one.Embedding)})
	}
	return got
}

// numbers are a vector in either form, read as SDKs do.
func numbers(t *testing.T, vector any) []float32 {
	t.Helper()
	var out []float32
	switch vector := vector.(type) {
	case string:
		b, err := base64.StdEncoding.DecodeString(vector)
		if err != nil || len(b)%4 != 0 {
			t.Fatalf("%d bytes, %v", len(b), err)
		}
		for ; len(b) > 0; b = b[4:] {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(b)))
		}
	case []any:
		for _, number := range vector {
			out = append(out, float32(number.(float64)))
		}
	}
	return out
}

func embedGRPC(t *testing.T, gw *servertest.Gateway, id, model, members string) vectors {
	t.Helper()
	params := new(embeddingsv1.EmbeddingParams)
	if err := codec.DecodeEmbeddingParams(fmt.Sprintf(`{"model":%q,%s}`, model, members), params, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	var header metadata.MD
	reply, err := embeddingsv1.NewEmbeddingsServiceClient(gw.GRPC).CreateEmbeddings(servertest.WithRequestID(t.Context(), id),
		&embeddingsv1.CreateEmbeddingsRequest{Params: params}, grpc.Header(&header))
	got := vectors{list: reply.GetEmbeddings(), status: http.StatusOK, header: http.Header{}}
	for name, values := range header {
		got.header[http.CanonicalHeaderKey(name)] = values
	}
	if err != nil {
		got.failed = apiErrorOf(t, err)
		got.status = int(got.failed.GetHttpStatus())
	}
	return got
}

// check compares vectors with those of texts, in their order.
func (v vectors) check(t *testing.T, what string, texts ...string) {
	t.Helper()
	if v.failed != nil || len(v.list.GetData()) != len(texts) {
		t.Fatalf("%s: %d vectors, %d %v", what, len(v.list.GetData()), v.status, v.failed)
	}
	for i, text := range texts {
		one := v.list.GetData()[i]
		if int(one.GetIndex()) != i || len(one.GetVector()) == 0 || !slices.Equal(one.GetVector(), providertest.Vector(text, len(one.GetVector()))) {
			t.Errorf("%s: the vector %d, of index %d, is not that of %q", what, i, one.GetIndex(), text)
		}
	}
	if v.list.GetUsage().GetTotalTokens() == 0 || v.list.GetModel() == "" {
		t.Errorf("%s: the usage is %v, the model %q", what, v.list.GetUsage(), v.list.GetModel())
	}
}

// Vectors are the same numbers, to the bit, in whatever form the client asks for them and
// the provider has them, over REST and over gRPC.
func TestVectorsInEveryForm(t *testing.T) {
	t.Parallel()
	for _, floats := range []bool{false, true} {
		for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileCompatible} {
			t.Run(fmt.Sprintf("%s, floats only %t", profile, floats), func(t *testing.T) {
				t.Parallel()
				gw, _ := embedding(t, profile, func(p *providertest.Params) { p.FloatsOnly = floats })
				for _, way := range embeddings {
					for form, member := range map[string]string{"unset": "", "null": `,"encoding_format":null`, "float": `,"encoding_format":"float"`, "base64": `,"encoding_format":"base64"`} {
						id := way.name + "-" + form
						way.make(t, gw, id, embedders[profile], `"input":["a","é"]`+member).check(t, id, "a", "é")
						entry := gw.Record(id).GetEntry()
						if entry.GetUsage().GetInput() == 0 || entry.GetUsage().Output != nil || entry.GetUsageJson() == "" || len(entry.GetAttempts()) != 1 || entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
							t.Errorf("%s: record %v", id, entry)
						}
					}
				}
			})
		}
	}
}

// All forms of an input give their vectors, at each provider that has them.
func TestInputsOfEmbeddings(t *testing.T) {
	t.Parallel()
	many := make([]string, 2048)
	for i := range many {
		many[i] = fmt.Sprint("text ", i)
	}
	list, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for profile, model := range embedders {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			gw, up := embedding(t, profile)
			for _, way := range embeddings {
				way.make(t, gw, way.name+"-text", model, `"input":"a \"b\""`).check(t, "a text", `a "b"`)
				way.make(t, gw, way.name+"-texts", model, `"input":["b","a","b"]`).check(t, "texts", "b", "a", "b")
				if profile == providertest.ProfileOpenAI {
					way.make(t, gw, way.name+"-many", model, `"dimensions":2,"input":`+string(list)).check(t, "2,048 texts", many...)
				}
				ids := profile != providertest.ProfileOllama && profile != providertest.ProfileMistral
				if profile == providertest.ProfileOpenRouter {
					continue // it may pass them on to who knows them
				}
				for _, tokens := range []struct {
					input string
					texts []string
				}{{`[1,2]`, []string{"[1,2]"}}, {`[[1,2],[3]]`, []string{"[1,2]", "[3]"}}} {
					calls := up.Calls()
					got := way.make(t, gw, way.name+"-"+tokens.input, model, `"input":`+tokens.input)
					if ids {
						got.check(t, tokens.input, tokens.texts...)
						continue
					}
					if got.status != http.StatusBadRequest || got.failed.GetParam() != "input" || up.Calls() != calls {
						t.Errorf("%s: %d %v", tokens.input, got.status, got.failed)
					}
				}
			}
		})
	}
}

// What cannot be embedded is refused as OpenAI refuses it, and what the provider sends
// that is no answer is none.
func TestEmbeddingsFail(t *testing.T) {
	t.Parallel()
	gw, up := embedding(t, providertest.ProfileOpenAI)
	model := embedders[providertest.ProfileOpenAI]
	for _, way := range embeddings {
		for _, tt := range []struct {
			name, members, script string
			status                int
			code                  string
		}{
			{"an empty text", `"input":""`, "", 400, ""},
			{"an empty text among others", `"input":["a",""]`, "", 400, ""},
			{"too long a vector", `"input":"a","dimensions":99999`, "", 400, ""},
			{"limited", `"input":"a"`, "status=429", 429, "upstream_rate_limited"},
			{"failed", `"input":"a"`, "status=500", 502, "upstream_failed"},
			{"cut", `"input":"a"`, "truncate-after=1", 502, "upstream_invalid_reply"},
			{"one vector for two texts", `"input":["a","b"]`, `body={"object":"list"%2C"data":[{"index":0%2C"embedding":[1]}]%2C"model":"m"},content-type=application/json`, 502, "upstream_invalid_reply"},
			{"no vector", `"input":["a","b"]`, `body={"object":"list"%2C"data":[]%2C"model":"m"},content-type=application/json`, 502, "upstream_invalid_reply"},
		} {
			if tt.script != "" {
				up.EnqueueTextAt(t, providertest.EndpointEmbeddings, tt.script)
			}
			got := way.make(t, gw, strings.ReplaceAll(way.name+" "+tt.name, " ", "-"), model, tt.members)
			up.ClearScripts()
			if got.status != tt.status || got.failed == nil || tt.code != "" && got.failed.GetCode() != tt.code && !strings.HasPrefix(got.failed.GetCode(), "rate_limit") {
				t.Errorf("%s, %s: %d %v", way.name, tt.name, got.status, got.failed)
			}
		}
	}
	up.EnqueueAt(providertest.EndpointEmbeddings, providertest.Script{Body: []byte(`{"object":"list","model":"m","usage":{"prompt_tokens":2,"total_tokens":2},"data":[` +
		`{"object":"embedding","index":2,"embedding":[3]},{"object":"embedding","index":0,"embedding":[1]},{"object":"embedding","index":1,"embedding":[2]}]}`)})
	got := embedREST(t, gw, "order", model, `"input":["a","b","c"]`)
	for i, one := range got.list.GetData() {
		if int(one.GetIndex()) != i || one.GetVector()[0] != float32(i+1) {
			t.Errorf("the vector %d is %v", i, one)
		}
	}
	if got.failed != nil || len(got.list.GetData()) != 3 {
		t.Errorf("got %d %s", got.status, got.raw)
	}
}

// Embeddings over REST and over gRPC, as text and as fields, are one call.
func TestEmbeddingsAreOneCall(t *testing.T) {
	t.Parallel()
	gw, up := embedding(t, providertest.ProfileOpenAI)
	model := embedders[providertest.ProfileOpenAI]
	embedREST(t, gw, "REST", model, `"input":[ "a", "\u00e9" ],"dimensions":3,"user":"u"`).check(t, "REST", "a", "é")
	embedGRPC(t, gw, "text", model, `"input":[ "a", "\u00e9" ],"dimensions":3,"user":"u"`).check(t, "text", "a", "é")
	_, err := embeddingsv1.NewEmbeddingsServiceClient(gw.GRPC).CreateEmbeddings(servertest.WithRequestID(t.Context(), "fields"), &embeddingsv1.CreateEmbeddingsRequest{
		Params: &embeddingsv1.EmbeddingParams{Model: model, Inputs: []string{"a", "é"}, Dimensions: new(int32(3)), User: new("u")},
	})
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{}
	for _, request := range up.Requests() {
		bodies[request.ClientRequestID] = request.Body
	}
	if string(bodies["text"]) != string(bodies["REST"]) || !strings.Contains(string(bodies["REST"]), `[ "a", "\u00e9" ]`) || !equalJSON(t, bodies["fields"], bodies["REST"]) {
		t.Errorf("sent were\nREST   %s\ntext   %s\nfields %s", bodies["REST"], bodies["text"], bodies["fields"])
	}
	rest := normalised(gw.Record("REST").GetEntry())
	for _, id := range []string{"text", "fields"} {
		if entry := normalised(gw.Record(id).GetEntry()); !proto.Equal(entry, rest) {
			t.Errorf("records differ:\nREST %v\n%s %v", rest, id, entry)
		}
	}
	explained, err := planv1.NewPlanServiceClient(gw.GRPC).Explain(t.Context(), &planv1.ExplainRequest{
		Call: &planv1.ExplainRequest_Embeddings{Embeddings: &embeddingsv1.EmbeddingParams{Model: model, Inputs: []string{"a", "é"}, Dimensions: new(int32(3)), User: new("u")}},
	})
	if err != nil || explained.GetPlan().GetDigest() != rest.GetPlanDigest() || len(up.Requests()) != 3 {
		t.Errorf("explained %v, %v", explained, err)
	}
}

// What a provider cannot take of a request for vectors is told, and refused where it must
// not be lost.
func TestLossesOfEmbeddings(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ profile, members, loss, param string }{
		{providertest.ProfileOllama, `"input":"a","user":"u"`, `user;kind=dropped;why="Ollama does not take it."`, "user"},
		{providertest.ProfileMistral, `"input":"a","user":"u"`, `user;kind=dropped;why="Mistral does not take it."`, "user"},
		{providertest.ProfileOllama, `"input":"a","encoding_format":"base64"`, "", ""},
		{providertest.ProfileOpenAI, `"input":"a","user":"u"`, "", ""},
	} {
		gw, up := embedding(t, tt.profile)
		model := embedders[tt.profile]
		if got := embedREST(t, gw, "lax", model, tt.members); got.status != http.StatusOK || got.header.Get("X-Signalbox-Loss") != tt.loss {
			t.Errorf("%s, %s: %d, told %q: %.300s", tt.profile, tt.members, got.status, got.header.Get("X-Signalbox-Loss"), got.raw)
		}
		calls := up.Calls()
		reply := gw.Post(embeddingsPath, fmt.Sprintf(`{"model":%q,%s}`, model, tt.members), "X-Signalbox-Strict", "true")
		if tt.param == "" {
			if reply.Status != http.StatusOK {
				t.Errorf("%s, strict: %d %s", tt.profile, reply.Status, reply.Body)
			}
		} else if failed := reply.Failure(t); reply.Status != http.StatusBadRequest || failed.Param == nil || *failed.Param != tt.param || up.Calls() != calls {
			t.Errorf("%s, strict: %d %s", tt.profile, reply.Status, reply.Body)
		}
	}
}

// Where the first target of a route fails, the second turns the texts into vectors.
func TestEmbeddingsFailOver(t *testing.T) {
	t.Parallel()
	first, second := providertest.Start(t), providertest.Start(t, providertest.Playing(providertest.ProfileOllama))
	gw := servertest.Start(t, servertest.File(fmt.Sprintf(`upstream: {max_attempts: 1, breaker_failure_percent: 100}
providers:
  - {name: first, type: openai, base_url: %q, api_key: %s, discover: false, models: [text-embedding-3-small]}
  - {name: second, type: ollama, base_url: %q, discover: false, models: [nomic-embed-text]}
routes:
  - {name: fast, targets: [{model: first/text-embedding-3-small}, {model: second/nomic-embed-text}]}
`, first.URL(), first.Key(), second.URL())))
	for _, way := range embeddings {
		first.EnqueueTextAt(t, providertest.EndpointEmbeddings, "status=503")
		got := way.make(t, gw, way.name, "fast", `"input":["a","b"]`)
		got.check(t, way.name, "a", "b")
		entry := gw.Record(way.name).GetEntry()
		if got.header.Get("X-Signalbox-Provider") != "second" || len(entry.GetAttempts()) != 2 || entry.GetResolvedModel() != "nomic-embed-text" {
			t.Errorf("%s: %v", way.name, entry)
		}
	}
}
