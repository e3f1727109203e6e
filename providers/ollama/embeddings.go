package ollama

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/upstream"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// embedder turns texts into vectors by Ollama's native API, which counts its tokens and
// can shorten vectors.
type embedder struct {
	client *upstream.Client
	embed  upstream.Endpoint
}

func embeddings(o *openai.Provider) (providers.Embedder, error) {
	embed, err := o.Upstream().Endpoint("api", "embed")
	return embedder{client: o.Upstream(), embed: embed}, err
}

// request is what /api/embed takes.
type request struct {
	Model      string   `json:"model"`
	Input      []string `json:"input"`
	Dimensions *int32   `json:"dimensions,omitempty"`
	Truncate   *bool    `json:"truncate,omitempty"`
}

// reply is what it answers. The vectors are read by the codec of OpenAI's lists.
type reply struct {
	Model      string            `json:"model"`
	Embeddings []json.RawMessage `json:"embeddings"`
	Tokens     int32             `json:"prompt_eval_count"`
}

var errVectors = errors.New("ollama: not one vector for each text")

// Embed implements providers.Embedder.
func (e embedder) Embed(ctx context.Context, c *providers.EmbedCall) (*embeddingsv1.EmbeddingList, error) {
	texts, err := textsOf(c.Params)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(request{Model: c.Target.GetModel(), Input: texts, Dimensions: c.Params.Dimensions})
	if err != nil {
		return nil, fmt.Errorf("ollama: write a request: %w", err)
	}
	var list *embeddingsv1.EmbeddingList
	err = e.client.Do(ctx, &upstream.Call{
		Method: http.MethodPost, Endpoint: e.embed, Body: [][]byte{body},
		Model: c.Target.GetModel(), Retry: c.Retry, Exchange: c.Exchange,
	}, func(text string) (err error) {
		list, err = listOf(text, len(texts))
		return err
	})
	if err != nil {
		return nil, err
	}
	usage := fmt.Sprintf(`{"prompt_tokens":%d,"total_tokens":%d}`, list.GetUsage().GetPromptTokens(), list.GetUsage().GetTotalTokens())
	c.Exchange.UsageJSON = usage
	return list, nil
}

// textsOf are the texts of a request. Token ids mean nothing to another tokenizer.
func textsOf(params *embeddingsv1.EmbeddingParams) ([]string, error) {
	p := codec.ShallowCopyEmbeddingParams(params)
	if err := codec.ExpandEmbeddingParams(p, wire.Limits{}); err != nil {
		return nil, &failure.Error{
			Reason: commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION, Message: "Ollama takes texts alone.", Param: "input", Cause: err,
		}
	}
	switch {
	case p.Input != nil:
		return []string{p.GetInput()}, nil
	case len(p.GetInputs()) > 0:
		return p.GetInputs(), nil
	default:
		return nil, &failure.Error{
			Reason: commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION, Message: "Ollama takes texts, and no token ids: its models have tokenizers of their own.", Param: "input",
		}
	}
}

// listOf is a reply as OpenAI's list.
func listOf(text string, want int) (*embeddingsv1.EmbeddingList, error) {
	var r reply
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&r); err != nil {
		return nil, fmt.Errorf("ollama: read a reply: %w", err)
	}
	if len(r.Embeddings) != want {
		return nil, errVectors
	}
	list := &embeddingsv1.EmbeddingList{
		Model: r.Model,
		Usage: &embeddingsv1.EmbeddingUsage{PromptTokens: r.Tokens, TotalTokens: r.Tokens},
	}
	for i, vector := range r.Embeddings {
		one := &embeddingsv1.Embedding{}
		if err := codec.DecodeEmbedding(`{"embedding":`+string(vector)+`}`, one, wire.Limits{}); err != nil {
			return nil, fmt.Errorf("ollama: read a vector: %w", err)
		}
		one.Index = int32(i)
		list.Data = append(list.Data, one)
	}
	return list, nil
}
