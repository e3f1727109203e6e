package builtin_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// vectorModels are models that turn texts into vectors, by type.
var vectorModels = map[string]string{
	"openai": "text-embedding-3-small", "azure": "text-embedding-3-small", "mistral": "mistral-embed", "vllm": "intfloat/e5-mistral-7b-instruct",
	"ollama": "nomic-embed-text", "openrouter": "openai/text-embedding-3-small", "openai_compatible": "local-embed",
}

// patient bounds upstream calls that are made once.
func patient() *configv1.Upstream {
	wait := durationpb.New(20 * time.Second)
	return &configv1.Upstream{
		MaxAttempts: proto.Int32(1), MaxBackoff: durationpb.New(time.Second), ConnectTimeout: wait, HeaderTimeout: wait, FirstEventTimeout: wait, IdleTimeout: wait,
		MaxEventBytes: proto.Int64(4 << 20), RetryBudgetPercent: proto.Int32(100), BreakerFailurePercent: proto.Int32(100), BreakerRest: durationpb.New(time.Second),
	}
}

// embedded is a call for vectors of a model.
func embedded(t testing.TB, document, model string) *providers.EmbedCall {
	params := new(embeddingsv1.EmbeddingParams)
	t.Helper()
	if err := codec.DecodeEmbeddingParams(document, params, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return &providers.EmbedCall{
		Params: params, Target: &planv1.Target{Model: model}, Patch: true, Meter: true, RequestID: "call-1",
		Exchange: new(providers.Exchange), Retry: &planv1.RetryPolicy{MaxAttempts: 1},
	}
}

// lostOf are the losses of a request in short: D dropped, A approximated.
func lostOf(p providers.Provider, params proto.Message, target *planv1.Target) string {
	var out []string
	for _, l := range p.(providers.Lossy).Losses(params, target) {
		out = append(out, l.GetField()+" "+strings.TrimPrefix(l.GetKind().String(), "LOSS_KIND_")[:1])
	}
	return strings.Join(out, ", ")
}

// TestEmbeddingRequests shows what providers are sent, and what is told to be lost.
func TestEmbeddingRequests(t *testing.T) {
	t.Parallel()
	const in = `"input":[ "\u0061" ,"b"]`
	for _, test := range []struct {
		types, given, want, lost string
	}{
		{"openai azure vllm openrouter", in, in + `,"encoding_format":"base64"`, ""},
		{"openai azure vllm openrouter", in + `,"encoding_format":"float"`, in + `,"encoding_format":"base64"`, ""},
		{"openai azure vllm openrouter", in + `,"encoding_format":null`, in + `,"encoding_format":"base64"`, ""},
		{"openai azure vllm openrouter", in + `,"dimensions":7,"user":"u","input_type":"query","x":[1.0]`,
			in + `,"dimensions":7,"encoding_format":"base64","user":"u","input_type":"query","x":[1.0]`, ""},
		{"openai_compatible", in, in, ""},
		{"openai_compatible", in + `,"encoding_format":"float"`, in + `,"encoding_format":"float"`, ""},
		{"openai_compatible", in + `,"encoding_format":"base64"`, in + `,"encoding_format":"base64"`, ""},
		{"mistral ollama", in + `,"encoding_format":"base64"`, in, ""},
		{"mistral", in + `,"dimensions":7,"user":"u"`, in + `,"output_dimension":7`, "user D"},
		{"mistral", in + `,"output_dtype":"int8","metadata":{"a":"b"},"truncate":true`, in + `,"output_dtype":"int8","metadata":{"a":"b"}`, "truncate D"},
		{"ollama", in + `,"dimensions":7,"user":"u"`, in + `,"dimensions":7`, "user D"},
		{"ollama", in + `,"truncate":false,"options":{"num_ctx":9},"keep_alive":"5m","input_type":"query"`,
			in + `,"truncate":false,"options":{"num_ctx":9},"keep_alive":"5m"`, "input_type D"},
		{"mistral ollama", in + `,"user":null`, in, ""},
		{"openai azure vllm openrouter", `"input":[ 1,2 ]`, `"input":[ 1,2 ],"encoding_format":"base64"`, ""},
	} {
		for name := range strings.FieldsSeq(test.types) {
			t.Run(name+" "+test.given, func(t *testing.T) {
				t.Parallel()
				up := listen(t)
				p := tried(name)(t, up.url, "key-1", patient())
				c := embedded(t, `{"model":"theirs",`+test.given+`}`, "m1")
				before := proto.Clone(c.Params)
				if got := lostOf(p, c.Params, c.Target); got != test.lost {
					t.Errorf("lost %q, want %q", got, test.lost)
				}
				_, err := p.(providers.Embedder).Embed(t.Context(), c)
				if e := failure.As(err); e == nil || e.UpstreamStatus != 200 {
					t.Errorf("the answer is no list: %v", err)
				}
				given, _, _ := strings.Cut(test.given, `,"`)
				if body := up.take(); !same(body, `{"model":"m1",`+test.want+`}`) || !strings.Contains(body, given) {
					t.Errorf("sent %s\nwant %s", body, test.want)
				}
				if !proto.Equal(before, c.Params) {
					t.Errorf("the request was changed to %v", c.Params)
				}
			})
		}
	}
}

// Token ids are of one tokenizer: they are refused before any call where it is not the
// provider's, in all forms, and told to be lost.
func TestTokenIDsAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"ollama", "mistral"} {
		for _, document := range []string{`{"input":[1,2]}`, `{"input":[[1],[2]]}`, `{"input":["a",[1]]}`} {
			for _, typed := range []bool{false, true} {
				c := embedded(t, document, "m1")
				if typed && codec.ExpandEmbeddingParams(c.Params, wire.Limits{}) != nil {
					continue // no client can send it so
				}
				up := listen(t)
				p := tried(name)(t, up.url, "key-1", patient())
				_, err := p.(providers.Embedder).Embed(t.Context(), c)
				if e := failure.As(err); e == nil || e.HTTPStatus() != 400 || e.Param != "input" || up.take() != "" {
					t.Errorf("%s, %s, typed %t: %v", name, document, typed, err)
				}
				if got := lostOf(p, c.Params, c.Target); got != "input D" {
					t.Errorf("%s, %s, typed %t: told %q", name, document, typed, got)
				}
			}
		}
	}
}

// TestVectors has all forms of texts give their vectors at each provider, with its usage
// by OpenAI's arithmetic.
func TestVectors(t *testing.T) {
	t.Parallel()
	for kind, model := range vectorModels {
		for document, texts := range map[string][]string{
			`{"input":"é \""}`: {`é "`}, `{"input":["b","a","b"]}`: {"b", "a", "b"}, `{"input":["a"]}`: {"a"},
		} {
			t.Run(kind+" "+document, func(t *testing.T) {
				t.Parallel()
				up := providertest.Start(t, providertest.Playing(kind))
				c := embedded(t, document, model)
				list, err := tried(kind)(t, up.URL(), up.Key(), patient()).(providers.Embedder).Embed(t.Context(), c)
				if err != nil || len(list.GetData()) != len(texts) {
					t.Fatalf("%v, %v", list, err)
				}
				for i, text := range texts {
					one := list.GetData()[i]
					if want := providertest.Vector(text, len(one.GetVector())); int(one.GetIndex()) != i || fmt.Sprint(one.GetVector()) != fmt.Sprint(want) {
						t.Errorf("the vector %d is not that of %q", i, text)
					}
				}
				usage := new(embeddingsv1.EmbeddingUsage)
				if err := codec.DecodeEmbeddingUsage(c.Exchange.UsageJSON, usage, wire.Limits{}); err != nil || !proto.Equal(usage, list.GetUsage()) || usage.GetTotalTokens() == 0 {
					t.Errorf("the usage is %v, %s", list.GetUsage(), c.Exchange.UsageJSON)
				}
				if sent := up.Requests()[0]; sent.ClientRequestID != "call-1" {
					t.Errorf("the provider was told the request id %q", sent.ClientRequestID)
				}
			})
		}
	}
}
