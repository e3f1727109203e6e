package providertest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"math/rand/v2"
)

// Vector is the embedding that an upstream answers for a text: equal texts, equal
// vectors, of length 1. Token ids are embedded as their JSON, "[1,2]".
func Vector(text string, dimensions int) []float32 {
	r := rand.New(rand.NewChaCha8(sha256.Sum256([]byte(text))))
	out := make([]float32, dimensions)
	var sum float64
	for i := range out {
		out[i] = float32(r.Float64()*2 - 1)
		sum += float64(out[i]) * float64(out[i])
	}
	for i := range out {
		out[i] = float32(float64(out[i]) / math.Sqrt(sum))
	}
	return out
}

// floats is a vector as an array: each number as short as a float32 allows.
func floats(v []float32) *node {
	out := list()
	for _, f := range v {
		out.elems = append(out.elems, valueOf(f))
	}
	return out
}

// packed is a vector as base64 of its float32, little end first.
func packed(v []float32) *node {
	b := make([]byte, 0, 4*len(v))
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return valueOf(base64.StdEncoding.EncodeToString(b))
}
