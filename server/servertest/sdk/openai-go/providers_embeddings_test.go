//go:build sdk

package openaigo

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"net/http"
	"slices"
	"testing"

	"github.com/openai/openai-go/v3"
)

// numbers are those of a vector, whatever its format.
func numbers(t *testing.T, e openai.Embedding) []float32 {
	t.Helper()
	var list []float32
	raw := []byte(e.JSON.Embedding.Raw())
	if raw[0] != '"' {
		if err := json.Unmarshal(raw, &list); err != nil {
			t.Fatal(err)
		}
		return list
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		t.Fatal(err)
	}
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(packed) >= 4; packed = packed[4:] {
		list = append(list, math.Float32frombits(binary.LittleEndian.Uint32(packed)))
	}
	return list
}

func TestProvidersEmbed(t *testing.T) {
	each(t, providers, func(t *testing.T, p provider) {
		c := once(t)
		request := openai.EmbeddingNewParams{Model: p.selector(p.embedder), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfStrings: []string{"Hello", "Grüße, 世界"}}}
		if p.embedder == "" {
			request.Model = p.selector(p.model)
			_, err := c.Embeddings.New(t.Context(), request)
			refused(t, err, http.StatusBadRequest)
			return
		}
		var before []float32
		for format, start := range map[openai.EmbeddingNewParamsEncodingFormat]byte{"": '[', "float": '[', "base64": '"'} {
			request.EncodingFormat = format
			list, err := c.Embeddings.New(t.Context(), request)
			if err != nil || len(list.Data) != 2 || list.Usage.PromptTokens == 0 {
				t.Fatalf("%q: %+v, %v", format, list, err)
			}
			for i, one := range list.Data {
				if one.Index != int64(i) || one.Object != "embedding" || one.JSON.Embedding.Raw()[0] != start || len(numbers(t, one)) != p.size {
					t.Errorf("%q: vector %d has %d numbers", format, i, len(numbers(t, one)))
				}
			}
			first := numbers(t, list.Data[0])
			if before != nil && !slices.Equal(first, before) {
				t.Errorf("%q: other numbers", format)
			}
			before = first
		}
	})
}

func TestProvidersEmbedTokens(t *testing.T) {
	rows := slices.DeleteFunc(slices.Clone(providers), func(p provider) bool { return p.embedder == "" })
	each(t, rows, func(t *testing.T, p provider) {
		c := once(t)
		list, err := c.Embeddings.New(t.Context(), openai.EmbeddingNewParams{
			Model: p.selector(p.embedder), Input: openai.EmbeddingNewParamsInputUnion{OfArrayOfTokens: []int64{9906, 11}},
		})
		switch {
		case p.tokenless:
			refused(t, err, http.StatusBadRequest)
		case err != nil || len(list.Data[0].Embedding) != p.size:
			t.Errorf("%+v, %v", list, err)
		}
	})
}
