package openai

import (
	"context"
	"errors"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/upstream"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// Embeddings is how a provider turns texts into vectors. The zero value is OpenAI's way.
type Embeddings struct {
	// Fields is what it takes of requests. The zero value: everything.
	Fields Fields
	// Vectors is how it is asked for vectors.
	Vectors Vectors
	// Words says that it takes texts alone: token ids mean nothing to its models. It is
	// its name, for people. Empty: it takes token ids.
	Words string
	// Path is where it does so, below the root. Nil: where OpenAI does, beside chat.
	Path []string
	// Read reads a reply. Nil: it is OpenAI's list.
	Read func(reply string) (*embeddingsv1.EmbeddingList, error)
}

// Vectors is how a provider is asked for vectors.
type Vectors uint8

const (
	// PackedVectors come in base64, whatever the caller gets: a quarter of the bytes, and
	// no decimals to read.
	PackedVectors Vectors = iota
	// AskedVectors come as the caller asks for them: not everybody knows base64.
	AskedVectors
	// PlainVectors come as numbers: the provider is not asked.
	PlainVectors
)

// embedder turns texts into vectors.
type embedder struct{ o *Provider }

var _ providers.Embedder = embedder{}

var (
	// errNoVectors says that a reply is an object, and no list of vectors.
	errNoVectors = errors.New("openai: embeddings without a vector")
	// errVectors says that a list is not one of the texts that were asked for.
	errVectors = errors.New("openai: not one vector for each text")
)

// Embed implements providers.Embedder.
func (e embedder) Embed(ctx context.Context, c *providers.EmbedCall) (*embeddingsv1.EmbeddingList, error) {
	s, err := e.request(c)
	if err != nil {
		return nil, err
	}
	defer s.release()
	read, want := e.o.quirks.Embeddings.Read, vectorsOf(c.Params)
	if read == nil {
		read = readVectors
	}
	var list *embeddingsv1.EmbeddingList
	err = e.o.client.Do(ctx, &s.call, func(reply string) (err error) {
		if list, err = read(reply); err != nil {
			return err
		}
		switch {
		case len(list.GetData()) == 0:
			return errNoVectors
		case want > 0 && len(list.GetData()) != want:
			return errVectors
		}
		inOrder(list.GetData())
		if list.Usage != nil {
			if c.Exchange.UsageJSON = usageOf(reply); c.Exchange.UsageJSON == "" { // it tells it in another way
				c.Exchange.UsageJSON = string(codec.AppendEmbeddingUsage(nil, list.GetUsage(), wire.Reply))
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// request makes what is sent of a call. The error is a *failure.Error: the provider
// cannot be asked that.
func (e embedder) request(c *providers.EmbedCall) (*sending, error) {
	by := e.o.quirks.Embeddings
	if refused := by.tokens(c.Params).refused; refused != nil {
		return nil, refused
	}
	p := codec.ShallowCopyEmbeddingParams(c.Params)
	p.Model = e.o.site.name(c.Target.GetModel())
	p.ExtraJson = without(p.ExtraJson, "model")
	switch by.Vectors {
	case PackedVectors:
		p.EncodingFormat = new("base64")
		p.ExtraJson = without(p.ExtraJson, encodingFormat)
	case PlainVectors:
		p.EncodingFormat = nil
		p.ExtraJson = without(p.ExtraJson, encodingFormat)
	}
	place := e.o.embeddings
	if e.o.site.byModel() {
		var err error
		if place, err = e.o.vectorsAt(p.Model); err != nil {
			return nil, err
		}
	}
	s := outgoing(e.o, c, place)
	return s, s.encodeBy(e.o.embedding.of(c.Target, c.Patch),
		func(b []byte) []byte { return codec.AppendEmbeddingParams(b, p, wire.Request) }, &p.InputJson)
}

const (
	encodingFormat = "encoding_format"
	inputPath      = "input"
)

// vectorsAt is where a model, as the provider names it, turns texts into vectors.
func (o *Provider) vectorsAt(model string) (upstream.Endpoint, error) {
	if path := o.quirks.Embeddings.Path; path != nil {
		return o.client.Endpoint(path...)
	}
	return o.endpoint(model, "embeddings")
}

// tokens refuses token ids where they are none to the provider.
func (e *Embeddings) tokens(p *embeddingsv1.EmbeddingParams) *rewriting {
	w := &rewriting{}
	if e.Words != "" && hasTokens(p) {
		w.refuse(inputPath, &Field{Why: e.Words + " takes texts, and no token ids: its models have tokenizers of their own."})
		w.refused.Reason = commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
	}
	return w
}

// hasTokens says whether any text of an input is given as token ids.
func hasTokens(p *embeddingsv1.EmbeddingParams) bool {
	if p.GetInputJson() == "" {
		return len(p.GetInputTokens())+len(p.GetInputTokenLists()) > 0
	}
	for text := range wire.Elements(p.GetInputJson()) {
		if c := text.Value[0]; c == '[' || c == '-' || c >= '0' && c <= '9' {
			return true
		}
	}
	return false
}

// vectorsOf is how many vectors an input comes to. 0: it cannot be said.
func vectorsOf(p *embeddingsv1.EmbeddingParams) int {
	switch {
	case p.Input != nil, len(p.GetInputTokens()) > 0:
		return 1
	case p.GetInputJson() == "":
		return len(p.GetInputs()) + len(p.GetInputTokenLists())
	}
	n := 0
	for text := range wire.Elements(p.GetInputJson()) {
		switch c := text.Value[0]; {
		case c == '"', c == '[', c == '{':
			n++
		case n == 0 && strings.IndexByte("-0123456789", c) >= 0: // one text as token ids
			return 1
		default:
			return 0
		}
	}
	return n
}

// readVectors reads OpenAI's list.
func readVectors(reply string) (*embeddingsv1.EmbeddingList, error) {
	list := new(embeddingsv1.EmbeddingList)
	return list, codec.DecodeEmbeddingList(reply, list, wire.Limits{})
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
