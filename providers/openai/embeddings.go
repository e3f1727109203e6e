package openai

import (
	"context"
	"errors"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// Vectors is how a provider is asked for vectors.
type Vectors uint8

const (
	// PackedVectors come in base64, whatever the caller gets: a quarter of the bytes, and
	// no decimals to read.
	PackedVectors Vectors = iota
	// AskedVectors come as the caller asks for them: not everybody knows base64.
	AskedVectors
	// PlainVectors come as numbers: the provider refuses to be asked.
	PlainVectors
)

// Embeddings are those of OpenAI's dialect.
func Embeddings(o *Provider) (providers.Embedder, error) { return embedder{o}, nil }

// embedder turns texts into vectors.
type embedder struct{ o *Provider }

var _ providers.Embedder = embedder{}

// errNoVectors says that a reply is an object, and no list of vectors.
var errNoVectors = errors.New("openai: embeddings without a vector")

// Embed implements providers.Embedder.
func (e embedder) Embed(ctx context.Context, c *providers.EmbedCall) (*embeddingsv1.EmbeddingList, error) {
	p := codec.ShallowCopyEmbeddingParams(c.Params)
	p.Model = e.o.site.name(c.Target.GetModel())
	p.ExtraJson = without(p.ExtraJson, "model")
	switch e.o.quirks.Vectors {
	case PackedVectors:
		p.EncodingFormat = new("base64")
	case PlainVectors:
		p.EncodingFormat = nil
	}
	place := e.o.embeddings
	if e.o.site.byModel() {
		var err error
		if place, err = e.o.endpoint(p.Model, "embeddings"); err != nil {
			return nil, err
		}
	}
	s := outgoing(e.o, c, place)
	defer s.release()
	s.encode(func(b []byte) []byte { return codec.AppendEmbeddingParams(b, p, wire.Request) }, &p.InputJson)
	var list *embeddingsv1.EmbeddingList
	err := e.o.client.Do(ctx, &s.call, func(reply string) error {
		list = new(embeddingsv1.EmbeddingList)
		if err := codec.DecodeEmbeddingList(reply, list, wire.Limits{}); err != nil {
			return err
		}
		if len(list.GetData()) == 0 {
			return errNoVectors
		}
		inOrder(list.GetData())
		if list.Usage != nil {
			c.Exchange.UsageJSON = usageOf(reply)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// inOrder puts vectors into the order of the input, where a provider did not: clients
// do not look at the index.
func inOrder(list []*embeddingsv1.Embedding) {
	for i := range list {
		for at := list[i].GetIndex(); int(at) != i && at >= 0 && int(at) < len(list) && list[at].GetIndex() != at; at = list[i].GetIndex() {
			list[i], list[at] = list[at], list[i]
		}
	}
}
