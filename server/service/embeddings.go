package service

import (
	"context"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/server/call"
)

// EmbeddingsDeps is what embeddings need. All members are required.
type EmbeddingsDeps struct {
	// Embedders are the provider instances, by name.
	Embedders map[string]providers.Embedder
	// Meter tells the usage of the last upstream call apart into classes. Nil: it is not
	// known.
	Meter func(*providers.Exchange) *usagev1.TokenUsage
}

// Embeddings is the EmbeddingsService.
type Embeddings struct {
	embeddingsv1.UnimplementedEmbeddingsServiceServer
	deps EmbeddingsDeps
}

// NewEmbeddings returns the EmbeddingsService.
func NewEmbeddings(deps EmbeddingsDeps) *Embeddings { return &Embeddings{deps: deps} }

// CreateEmbeddings turns texts into vectors.
func (s *Embeddings) CreateEmbeddings(ctx context.Context, req *embeddingsv1.CreateEmbeddingsRequest) (*embeddingsv1.CreateEmbeddingsResponse, error) {
	c := call.From(ctx)
	w := newWalk(c, req.GetParams(), s.deps.Meter)
	list, err := answer(ctx, w, s.deps.Embedders, providers.Embedder.Embed, noVectors)
	if err != nil {
		return nil, err
	}
	return &embeddingsv1.CreateEmbeddingsResponse{Embeddings: list, Info: ended(c)}, nil
}

// noVectors says that a reply has no vector.
func noVectors(list *embeddingsv1.EmbeddingList) bool { return len(list.GetData()) == 0 }
