package providertest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// EmbedderFactory makes the adapter under test, as ChatterFactory does.
type EmbedderFactory func(t testing.TB, base, key string, up *configv1.Upstream) providers.Embedder

// RunEmbedder is what every adapter passes that speaks OpenAI's dialect of
// embeddings: vectors are those of the texts, whatever form they travel in, and
// each misbehaviour of the upstream gives the one failure that is meant for it.
func RunEmbedder(t *testing.T, factory EmbedderFactory) {
	s := &embedderSuite{factory: factory}
	k := trial{endpoint: EndpointEmbeddings, model: embeddingModel, make: s.try}
	t.Run("inputs", s.testInputs)
	t.Run("request", s.testRequest)
	t.Run("order", s.testOrder)
	t.Run("failures", func(t *testing.T) { k.faults(t, wholeFaults()) })
	t.Run("leaving", k.leaving)
}

// embedderSuite is what all its tests share.
type embedderSuite struct{ factory EmbedderFactory }

// embeddingModel is the model that is asked for vectors.
const embeddingModel = "text-embedding-3-small"

// embedCall is a call with these params.
func embedCall(params *embeddingsv1.EmbeddingParams) *providers.EmbedCall {
	params.Model = "alias-of-the-client"
	return aimed(params, embeddingModel)
}

// embed makes a call with a new adapter.
func (s *embedderSuite) embed(ctx context.Context, t testing.TB, at site, c *providers.EmbedCall) (*embeddingsv1.EmbeddingList, error) {
	t.Helper()
	return s.factory(t, at.base, at.key, at.bounds).Embed(ctx, c)
}

// try is a call that is made for its failure.
func (s *embedderSuite) try(ctx context.Context, t testing.TB, at site, x *providers.Exchange) (int, error) {
	c := embedCall(&embeddingsv1.EmbeddingParams{Input: proto.String("x y")})
	c.Exchange = x
	_, err := s.embed(ctx, t, at, c)
	return 0, err
}

// embedInput is an input, how it travels, and the texts that it is.
type embedInput struct {
	params *embeddingsv1.EmbeddingParams
	sent   string
	texts  []string
}

// embedInputs are all forms of an input.
func embedInputs() map[string]embedInput {
	return map[string]embedInput{
		"text":        {&embeddingsv1.EmbeddingParams{Input: proto.String("é \"")}, `"é \""`, []string{"é \""}},
		"texts":       {&embeddingsv1.EmbeddingParams{Inputs: []string{"b", "a", "b"}}, `["b","a","b"]`, []string{"b", "a", "b"}},
		"one of many": {&embeddingsv1.EmbeddingParams{Inputs: []string{"a"}}, `["a"]`, []string{"a"}},
		"tokens":      {&embeddingsv1.EmbeddingParams{InputTokens: []int32{1, 2}}, `[1,2]`, []string{"[1,2]"}},
		"token lists": {&embeddingsv1.EmbeddingParams{InputTokenLists: []*embeddingsv1.TokenList{{Tokens: []int32{1, 2}}, {Tokens: []int32{3}}}}, `[[1,2],[3]]`, []string{"[1,2]", "[3]"}},
		"JSON":        {&embeddingsv1.EmbeddingParams{InputJson: `[ "\u00e9", "a" ]`}, `[ "\u00e9", "a" ]`, []string{"é", "a"}},
	}
}

// testInputs has all forms of input give their vectors, from upstreams that know
// base64 and from those that do not.
func (s *embedderSuite) testInputs(t *testing.T) {
	t.Parallel()
	for name, in := range embedInputs() {
		for _, floats := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				up := Start(t, func(p *Params) { p.FloatsOnly = floats })
				c := embedCall(proto.CloneOf(in.params))
				if !floats {
					c.Params.Dimensions = proto.Int32(7)
				}
				before := proto.Clone(c.Params)
				got, err := s.embed(t.Context(), t, siteOf(up, longWait), c)
				if err != nil {
					t.Fatal(err)
				}
				size := 1536
				if !floats {
					size = 7
				}
				checkVectors(t, got, in.texts, size)
				if body := string(up.Requests()[0].Body); !strings.Contains(body, in.sent) {
					t.Errorf("sent %s, which lacks %s", body, in.sent)
				}
				if !proto.Equal(before, c.Params) {
					t.Errorf("the adapter changed the request to %v", c.Params)
				}
				checkAttempt(t, up, c.Exchange, embeddingModel)
				if got.GetUsage().GetTotalTokens() == 0 || !strings.Contains(c.Exchange.UsageJSON, `"total_tokens"`) || got.GetModel() != embeddingModel {
					t.Errorf("the usage is %v, %q, of %s", got.GetUsage(), c.Exchange.UsageJSON, got.GetModel())
				}
			})
		}
	}
}

// checkVectors judges that a list has the vectors of texts, in their order.
func checkVectors(t testing.TB, got *embeddingsv1.EmbeddingList, texts []string, size int) {
	t.Helper()
	if len(got.GetData()) != len(texts) {
		t.Fatalf("%d vectors for %d texts", len(got.GetData()), len(texts))
	}
	for i, text := range texts {
		if e := got.GetData()[i]; int(e.GetIndex()) != i || !slices.Equal(e.GetVector(), Vector(text, size)) {
			t.Errorf("the vector %d, of index %d, is not that of %q", i, e.GetIndex(), text)
		}
	}
}

// testRequest judges what the provider is sent: what was asked, and the form that
// the adapter likes.
func (s *embedderSuite) testRequest(t *testing.T) {
	t.Parallel()
	up := Start(t, func(p *Params) { p.AcceptUnknown = true })
	for _, c := range []struct {
		params *embeddingsv1.EmbeddingParams
		want   string
	}{
		{&embeddingsv1.EmbeddingParams{Input: proto.String("a")}, `{"model":"text-embedding-3-small","input":"a"}`},
		{&embeddingsv1.EmbeddingParams{Input: proto.String("a"), EncodingFormat: proto.String("float")}, `{"model":"text-embedding-3-small","input":"a"}`},
		{
			&embeddingsv1.EmbeddingParams{Input: proto.String("a"), Dimensions: proto.Int32(3), User: proto.String("u"), ExtraJson: `{"truncate":"END","z":1.0}`},
			`{"model":"text-embedding-3-small","input":"a","dimensions":3,"user":"u","truncate":"END","z":1.0}`,
		},
	} {
		if _, err := s.embed(t.Context(), t, siteOf(up, longWait), embedCall(c.params)); err != nil {
			t.Fatal(err)
		}
		all := up.Requests()
		body, _, err := parse(all[len(all)-1].Body)
		if err != nil {
			t.Fatal(err)
		}
		if sent := string(body.without("encoding_format").compact()); !equalJSON(t, sent, c.want) {
			t.Errorf("sent %s, want %s", sent, c.want)
		}
	}
}

// testOrder has vectors that come in another order, or not for all texts.
func (s *embedderSuite) testOrder(t *testing.T) {
	t.Parallel()
	up := Start(t)
	vector := func(i int, text string) *node {
		return obj("object", "embedding", "index", i, "embedding", packed(Vector(text, 3)))
	}
	reply := func(data ...*node) Script {
		return Script{Body: obj("object", "list", "data", data, "model", embeddingModel, "usage", obj("prompt_tokens", 2, "total_tokens", 2)).compact()}
	}
	up.EnqueueAt(EndpointEmbeddings, reply(vector(1, "b"), vector(0, "a")))
	both := &embeddingsv1.EmbeddingParams{Inputs: []string{"a", "b"}}
	got, err := s.embed(t.Context(), t, siteOf(up, longWait), embedCall(both))
	if err != nil {
		t.Fatal(err)
	}
	checkVectors(t, got, []string{"a", "b"}, 3)
	short := reply(vector(0, "a"))
	short.Times = -1
	up.EnqueueAt(EndpointEmbeddings, short)
	if got, err := s.embed(t.Context(), t, siteOf(up, longWait), embedCall(both)); failure.As(err) == nil || failure.As(err).Reason != invalidReply {
		t.Errorf("one vector for two texts: %v, %v", got, err)
	}
}
