package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
)

// embeddings are vectors of 1536 numbers for 16 texts. The gateway asks for base64
// where the provider knows it, whatever the client asks for.
type embeddings struct{}

// embeddingSize names their cases.
const embeddingSize = "embeddings"

const (
	vectors    = 16
	dimensions = 1536
)

func embeddingCases() []bench {
	return []bench{
		{work: embeddings{}, size: embeddingSize, bytes: 2 << 10, form: packed},
		{work: embeddings{}, size: embeddingSize, bytes: 2 << 10, form: numbers},
	}
}

func (embeddings) path() string { return "/v1/embeddings" }

// ways: gRPC's vectors are the same in both forms, so it is there once.
func (embeddings) ways(b bench) []way {
	if b.form == packed {
		return pick(viaREST, viaTyped)
	}
	return pick(viaREST, viaRESTFloats, viaGRPCFloats)
}

func (embeddings) texts(b bench) []string {
	texts, text := make([]string, vectors), prose()
	for i := range texts {
		texts[i] = text[i : i+b.bytes/vectors]
	}
	return texts
}

func (embeddings) format(b bench) string {
	if b.form == packed {
		return "base64"
	}
	return "float"
}

func (e embeddings) body(b bench, w way) []byte {
	return encode(map[string]any{"model": b.model(w), "input": e.texts(b), "encoding_format": e.format(b)})
}

func (embeddings) check(b bench, reply []byte, _ int) error {
	least := dimensions * 4 * 4 / 3
	if b.form == numbers {
		least = dimensions * len("0.01,")
	}
	if found := bytes.Count(reply, []byte(`"embedding":`)); found != vectors || len(reply) < vectors*least {
		return fmt.Errorf("%d vectors in %d bytes: %.500s", found, len(reply), reply)
	}
	return wholeObject(reply, `"usage":`)
}

func (e embeddings) rpc(b bench, w way, _ int) rpc {
	params := &embeddingsv1.EmbeddingParams{Model: b.model(w), Inputs: e.texts(b), EncodingFormat: new(e.format(b))}
	return func(ctx context.Context, channel *grpc.ClientConn) (time.Time, error) {
		reply, err := embeddingsv1.NewEmbeddingsServiceClient(channel).CreateEmbeddings(ctx, &embeddingsv1.CreateEmbeddingsRequest{Params: params})
		first := time.Now()
		if err != nil {
			return first, err
		}
		data := reply.GetEmbeddings().GetData()
		if len(data) != vectors || len(data[vectors-1].GetVector()) != dimensions {
			return first, fmt.Errorf("%d vectors", len(data))
		}
		return first, nil
	}
}
