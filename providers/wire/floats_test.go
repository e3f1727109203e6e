package wire_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// vector reads a member `embedding` and returns what the field holds, and what was
// kept beside it.
func vector(tb testing.TB, text string) ([]float32, string) {
	tb.Helper()
	var m embeddingsv1.Embedding
	decode(tb, `{"object":"embedding","index":0,"embedding":`+text+`}`, &m)
	return m.GetVector(), m.GetExtraJson()
}

// numbers are spellings that a float is read from, near the borders of the types and
// of the fast path.
func numbers() []string {
	out := []string{
		"0", "-0", "0.0", "-0.0", "1", "-1", "0.5", "1e0", "1E+2", "1e-2", "0.1", "-0.0069292834", "0.018512068", "16777216", "16777217", "16777218", "16777219",
		"1.00000005960464477539062", "1.000000059604644775390625", "1.00000005960464477539063", // the middle between two floats
		"0.100000001490116119384765625", "0.1000000052154064178466796875", "123456789012345678", "1234567890123456789", "12345678901234567890",
		"18446744073709551615", "18446744073709551616", "99999999999999999999", "0.00000000000000000001", "0.12345678901234567890", "0.01234567890123456789",
		"0.000000000000000000000012345", "0.0000000000000000000000012345", "00", "1.", // the last two are no numbers
		"3.4028234663852886e38", "3.4028235e38", "3.40282356e38", "3.4028236e38", "1e39", "-1e39", "1.1754943508222875e-38", "1.1754942e-38", "1.4e-45", "7e-46", "1e-400",
		"340282346638528859811704183484516925440", "0.000000000000000000000000000000000000011754943508222875",
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		f := math.Float32frombits(r.Uint32())
		if f != f || math.IsInf(float64(f), 0) {
			continue
		}
		v := float64(f)
		next := float64(math.Nextafter32(f, 2*f))
		for _, x := range []float64{v, (v + next) / 2, math.Nextafter((v+next)/2, 0), math.Nextafter((v+next)/2, next)} {
			out = append(out, strconv.FormatFloat(x, 'f', -1, 64), strconv.FormatFloat(x, 'e', -1, 64))
		}
		unit := r.Float64()*2 - 1
		out = append(out, strconv.FormatFloat(unit, 'f', r.IntN(20), 64), strconv.FormatFloat(float64(float32(unit)), 'g', -1, 32))
	}
	return out
}

// TestFloats says that a number is read as strconv reads it, and that one that is too
// large for a float is kept.
func TestFloats(t *testing.T) {
	t.Parallel()
	for _, text := range numbers() {
		if !json.Valid([]byte(text)) {
			continue
		}
		want, err := strconv.ParseFloat(text, 32)
		got, extra := vector(t, "["+text+"]")
		switch {
		case err != nil && extra != `{"embedding":[`+text+`]}`:
			t.Errorf("%s: read as %v, kept %q", text, got, extra)
		case err == nil && (len(got) != 1 || math.Float32bits(got[0]) != math.Float32bits(float32(want))):
			t.Errorf("%s: read as %v, want %v", text, got, float32(want))
		}
	}
}

// TestFloatsAreWrittenShort says that a float is written with as few digits as tell it
// from its neighbours.
func TestFloatsAreWrittenShort(t *testing.T) {
	t.Parallel()
	for v, want := range map[float32]string{
		0: "0", float32(math.Copysign(0, -1)): "-0", 1: "1", 0.0057293195: "0.0057293195", 0.1: "0.1", 1e-7: "1e-7", 1.5e-10: "1.5e-10",
		16777216: "16777216", math.MaxFloat32: "3.4028235e+38", math.SmallestNonzeroFloat32: "1e-45",
		float32(math.Inf(1)): "null", float32(math.NaN()): "null",
	} {
		if got := string(wire.AppendFloats(nil, []float32{v}, wire.Reply)); got != "["+want+"]" {
			t.Errorf("%v: got %s, want %s", v, got, want)
		}
	}
}

// TestVectorForms says which values of the member are vectors, and that every other is
// kept.
func TestVectorForms(t *testing.T) {
	t.Parallel()
	packed := func(v ...float32) string {
		var b []byte
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, c := range []struct {
		text string
		want []float32 // nil: the value is kept
	}{
		{`[1,2.5, -3 ]`, []float32{1, 2.5, -3}},
		{`[]`, []float32{}},
		{`""`, []float32{}},
		{`"` + packed(1) + `"`, []float32{1}},
		{`"` + packed(1, 2.5) + `"`, []float32{1, 2.5}},
		{`"` + packed(1, 2.5, -3) + `"`, []float32{1, 2.5, -3}},
		{`"` + strings.ReplaceAll(packed(-1e-30), "/", `\/`) + `"`, []float32{-1e-30}},
		{`"\u0041ACAPw=="`, []float32{1}},
		{`"AACAPw"`, nil}, // without its padding
		{`"AACAPw=="  `, []float32{1}},
		{`"AACAPwA="`, nil},         // five bytes
		{`"AACA Pw="`, nil},         // a space
		{`"AACAPw==AACAPw=="`, nil}, // padding in the middle
		{`"\nAACAPw=\n"`, nil},
		{`"AAC\n\n\n\nAPw=="`, nil},
		{`"===="`, nil},
		{`"A==="`, nil},
		{`"-_-_"`, nil},
		{`[1,"2"]`, nil},
		{`[1,null]`, nil},
		{`[[1]]`, nil},
		{`[1,1e39]`, nil},
		{`null`, nil},
		{`{"a":1}`, nil},
		{`1`, nil},
	} {
		got, extra := vector(t, c.text)
		switch {
		case c.want == nil && extra != `{"embedding":`+strings.TrimSpace(c.text)+`}`:
			t.Errorf("%s: read as %v, kept %s", c.text, got, extra)
		case c.want != nil && (!slices.Equal(got, c.want) || extra != ""):
			t.Errorf("%s: read as %v, kept %s, want %v", c.text, got, extra, c.want)
		}
	}
}

// TestVectorFaults says what an array that is not JSON is told.
func TestVectorFaults(t *testing.T) {
	t.Parallel()
	for text, path := range map[string]string{
		`[1`: "[0]", `[1,`: "[1]", `[1,]`: "[1]", `[,1]`: "[0]", `[1 2]`: "[0]", `[01]`: "[0]", `[1.]`: "[0]", `[-]`: "[0]", `[1e]`: "[0]", `[.5]`: "[0]", `[1.5.5]`: "[0]",
		`"AACA`: "", "\"AA\nCA\"": "", `[NaN]`: "[0]", `[1,0x1]`: "[1]",
	} {
		err := fault(codec.DecodeEmbedding(`{"embedding":`+text, new(embeddingsv1.Embedding), wire.Limits{}))
		if err.Kind != wire.NotJSON || err.Path != "embedding"+path {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestVectorModes says that the one who writes chooses the form, and that neither
// loses a bit of a float.
func TestVectorModes(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 2, 3, 191, 192, 193, 1536, 3072} {
		in := make([]float32, n)
		for i := range in {
			for in[i] = math.Float32frombits(r.Uint32()); in[i]-in[i] != 0; in[i] = math.Float32frombits(r.Uint32()) {
			}
		}
		m := &embeddingsv1.EmbeddingList{Data: []*embeddingsv1.Embedding{{Vector: in}}, Model: "m"}
		for mode, want := range map[wire.Mode]byte{wire.Reply: '[', wire.Request: '[', wire.Reply | wire.Base64Vectors: '"', wire.Base64Vectors: '"'} {
			out := encode(t, m, mode)
			_, value, found := strings.Cut(out, `"embedding":`)
			if found != (n > 0 || mode.Replies()) || found && value[0] != want {
				t.Errorf("%d floats, mode %d: %.60s", n, mode, value)
			}
			var again embeddingsv1.EmbeddingList
			decode(t, out, &again)
			if got := again.GetData()[0].GetVector(); !slices.EqualFunc(in, got, func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }) {
				t.Errorf("%d floats, mode %d: read back differently", n, mode)
			}
		}
	}
}

// FuzzFloats says that the numbers of a vector are those that strconv reads, and its
// base64 that of encoding/base64.
func FuzzFloats(f *testing.F) {
	for _, text := range numbers()[:100] {
		f.Add(text)
	}
	f.Add("AACAPw==")
	f.Fuzz(func(t *testing.T, text string) {
		if want, err := strconv.ParseFloat(text, 32); err == nil && json.Valid([]byte(text)) && strings.Trim(text, " \t\r\n") == text {
			if got, _ := vector(t, "[0,"+text+"]"); len(got) != 2 || math.Float32bits(got[1]) != math.Float32bits(float32(want)) {
				t.Fatalf("%s: read as %v, want %v", text, got, float32(want))
			}
		}
		quoted := string(wire.AppendString(nil, text))
		got, extra := vector(t, quoted)
		want, err := base64.StdEncoding.DecodeString(text)
		if valid := err == nil && len(want)%4 == 0 && !strings.ContainsAny(text, "\r\n"); valid != (extra == "") || valid && len(got) != len(want)/4 {
			t.Fatalf("%q: %d floats, kept %q; want %x, %v", text, len(got), extra, want, err)
		}
		for i, v := range got {
			if math.Float32bits(v) != binary.LittleEndian.Uint32(want[4*i:]) {
				t.Fatalf("%q: float %d is %v", text, i, v)
			}
		}
	})
}
