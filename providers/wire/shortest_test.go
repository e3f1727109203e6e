package wire

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestShortestIsStrconvs holds the short way to strconv's text, for floats of all sizes
// and, above all, for those around it that are hard: short ones, powers, and their
// neighbours.
func TestShortestIsStrconvs(t *testing.T) {
	t.Parallel()
	same := func(v float32) {
		if got, want := string(appendFloat(nil, v)), string(appendNumber(nil, float64(v), 32)); got != want {
			t.Fatalf("%x is %s, not %s", math.Float32bits(v), got, want)
		}
	}
	around := func(v float32) {
		for bits := math.Float32bits(v) - 3; bits != math.Float32bits(v)+4; bits++ {
			same(math.Float32frombits(bits))
			same(-math.Float32frombits(bits))
		}
	}
	for _, v := range []float32{0, 1, 10, 0.1, 0.5, 1e-6, 1e7, 9.999999e-7, 9999999, 0.99999994, 16777216, math.MaxFloat32, math.SmallestNonzeroFloat32, float32(math.Inf(1)), float32(math.NaN())} {
		around(v)
	}
	for exponent := -30; exponent < 30; exponent++ {
		around(float32(math.Pow(2, float64(exponent))))
		around(float32(math.Pow(10, float64(exponent))))
	}
	for i := range 100_000 { // decimals of up to five digits
		around(float32(i) / 100_000)
	}
	r := rand.New(rand.NewPCG(1, 2))
	short, tries := 0, 3_000_000
	for range tries {
		same(math.Float32frombits(r.Uint32()))
		v := r.Float32()*2 - 1
		same(v)
		if _, ok := shorten(float32(math.Abs(float64(v)))); ok {
			short++
		}
	}
	if short < tries*99/100 {
		t.Errorf("of %d numbers only %d go the short way", tries, short)
	}
}

func BenchmarkAppendFloats(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	vector := make([]float32, 1536)
	for i := range vector {
		vector[i] = (r.Float32()*2 - 1) / 20
	}
	var out []byte
	for b.Loop() {
		out = AppendFloats(out[:0], vector, Reply)
	}
}
