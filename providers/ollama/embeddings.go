package ollama

import (
	"bytes"
	"encoding/json"
	"fmt"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// embeddings are those of Ollama's native API, whose requests are OpenAI's but for a few
// members. It counts its tokens and can shorten vectors.
var embeddings = openai.Embeddings{ //nolint:gochecknoglobals // a table
	Fields: openai.Fields{
		Title: "Ollama",
		Only:  map[string]string{"": "model input dimensions truncate options keep_alive"},
		Rows:  openai.Without("user"),
	},
	Vectors: openai.PlainVectors,
	Words:   "Ollama",
	Path:    []string{"api", "embed"},
	Read:    read,
}

// reply is what /api/embed answers. The vectors are read by the codec of OpenAI's lists.
type reply struct {
	Model      string            `json:"model"`
	Embeddings []json.RawMessage `json:"embeddings"`
	Tokens     int32             `json:"prompt_eval_count"`
}

// read reads a reply as OpenAI's list.
func read(text string) (*embeddingsv1.EmbeddingList, error) {
	var r reply
	if err := json.NewDecoder(bytes.NewReader([]byte(text))).Decode(&r); err != nil {
		return nil, fmt.Errorf("ollama: read a reply: %w", err)
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
