package wire_test

import (
	"encoding/json"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// measure runs one way of doing something.
func measure(b *testing.B, name string, size int, do func() error) {
	b.Helper()
	b.Run(name, func(b *testing.B) {
		b.SetBytes(int64(size))
		b.ReportAllocs()
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkResponses reads and writes recorded responses and events. protojson knows
// no unions, so it reads and writes the same messages in its own form.
func BenchmarkResponses(b *testing.B) {
	for _, c := range []struct {
		name, body string
		kind       proto.Message
	}{
		{"delta", payload(b, "gomodel/openai/responses/responses_stream.txt", 5), new(responsesv1.StreamEvent)},
		{"delta_xai", payload(b, "gomodel/xai/responses/responses_stream.txt", 5), new(responsesv1.StreamEvent)},
		{"response", compact(b, "vercel-ai/openai/responses/openai-tool-search.1.json"), new(responsesv1.Response)},
		{"response_tools", compact(b, "vercel-ai/openai/responses/openai-mcp-tool.1.json"), new(responsesv1.Response)},
	} {
		m := c.kind.ProtoReflect().New().Interface()
		decode(b, c.body, m)
		form, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
		if err != nil {
			b.Fatal(err)
		}
		var out []byte
		fresh := func() proto.Message { return c.kind.ProtoReflect().New().Interface() }
		measure(b, c.name+"/decode/codec", len(c.body), func() error { return codec.Decode(c.body, fresh(), wire.Limits{}) })
		measure(b, c.name+"/decode/protojson", len(form), func() error { return protojson.Unmarshal(form, fresh()) })
		measure(b, c.name+"/encode/codec", len(c.body), func() (err error) {
			out, err = codec.Append(out[:0], m, wire.Reply)
			return err
		})
		measure(b, c.name+"/encode/protojson", len(form), func() (err error) {
			out, err = protojson.MarshalOptions{UseProtoNames: true}.MarshalAppend(out[:0], m)
			return err
		})
	}
}

// BenchmarkEmbeddings reads and writes 16 vectors of 1,536 floats in both forms, and as
// encoding/json does it with plain structs.
func BenchmarkEmbeddings(b *testing.B) {
	r := rand.New(rand.NewPCG(5, 6))
	m := &embeddingsv1.EmbeddingList{Model: "text-embedding-3-small", Usage: new(embeddingsv1.EmbeddingUsage)}
	for i := range 16 {
		v := make([]float32, 1536)
		for j := range v {
			v[j] = float32(r.NormFloat64() * 0.025)
		}
		m.Data = append(m.Data, &embeddingsv1.Embedding{Index: int32(i), Vector: v})
	}
	type list[T any] struct {
		Data []struct {
			Index     int `json:"index"`
			Embedding T   `json:"embedding"`
		} `json:"data"`
	}
	var out []byte
	for _, mode := range []wire.Mode{wire.Reply, wire.Reply | wire.Base64Vectors} {
		name := map[bool]string{false: "floats", true: "base64"}[mode&wire.Base64Vectors != 0]
		body := encode(b, m, mode)
		measure(b, name+"/decode/codec", len(body), func() error {
			return codec.DecodeEmbeddingList(body, new(embeddingsv1.EmbeddingList), wire.Limits{})
		})
		measure(b, name+"/encode/codec", len(body), func() error {
			out = codec.AppendEmbeddingList(out[:0], m, mode)
			return nil
		})
		var plain any = new(list[[]float32])
		if mode&wire.Base64Vectors != 0 {
			plain = new(list[[]byte])
		}
		if err := json.Unmarshal([]byte(body), plain); err != nil {
			b.Fatal(err)
		}
		measure(b, name+"/decode/encoding_json", len(body), func() error {
			if mode&wire.Base64Vectors != 0 {
				return json.Unmarshal([]byte(body), new(list[[]byte]))
			}
			return json.Unmarshal([]byte(body), new(list[[]float32]))
		})
		measure(b, name+"/encode/encoding_json", len(body), func() (err error) {
			out, err = json.Marshal(plain)
			return err
		})
	}
}
