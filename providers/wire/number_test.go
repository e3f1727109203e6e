package wire_test

import (
	"encoding/json"
	"math"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// TestNumbers is the table of what number fields hold, and how it is written. A
// number that a field cannot hold is kept as it is spelled.
func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ member, text, want string }{ // want: "" means kept
		{"n", "0", "0"},
		{"n", "-0", "0"},
		{"n", "2147483647", "2147483647"},
		{"n", "-2147483648", "-2147483648"},
		{"n", "2147483648", ""},
		{"n", "-2147483649", ""},
		{"n", "1.0", "1"},
		{"n", "10e-1", "1"},
		{"n", "1e3", "1000"},
		{"n", "0e9", "0"},
		{"n", "0.0", "0"},
		{"n", "1.5", ""},
		{"n", "1e10", ""},
		{"n", "1e400", ""},
		{"seed", "9223372036854775807", "9223372036854775807"},
		{"seed", "-9223372036854775808", "-9223372036854775808"},
		{"seed", "9223372036854775808", ""},
		{"seed", "12345678901234567890123", ""},
		{"seed", "9.223372036854775807e18", "9223372036854775807"},
		{"seed", "1e18", "1000000000000000000"},
		{"seed", "1e19", ""},
		{"seed", "1e99999999999999999999", ""},
		{"seed", "1e-99999999999999999999", ""},
		{"temperature", "1", "1"},
		{"temperature", "1.0", "1"},
		{"temperature", "0.7", "0.7"},
		{"temperature", "-0.0", "-0"},
		{"temperature", "0.699999988079071", "0.699999988079071"},
		{"temperature", "1e-7", "1e-7"},
		{"temperature", "1E+2", "100"},
		{"temperature", "1e21", "1e+21"},
		{"temperature", "9007199254740991", "9007199254740991"},
		{"temperature", "9007199254740992", "9007199254740992"},
		{"temperature", "9007199254740993", ""},
		{"temperature", "9007199254740993.0", ""},
		{"temperature", "12345678901234567890", ""},
		{"temperature", "1.7976931348623157e308", "1.7976931348623157e+308"},
		{"temperature", "1e309", ""},
		{"temperature", "-1e309", ""},
		{"temperature", "5e-324", "5e-324"},
		{"temperature", "1e-400", ""},
		{"temperature", "0e-400", "0"},
	} {
		m := params(t, `{"`+c.member+`":`+c.text+`}`)
		held, kept := wire.Member(m.GetExtraJson(), c.member)
		if kept != (c.want == "") || kept && held != c.text {
			t.Errorf("%s %s: kept %v as %s", c.member, c.text, kept, held)
			continue
		}
		members, _ := value(t, encode(t, m, wire.Request)).(map[string]any)
		got, _ := members[c.member].(json.Number)
		if want := c.want; want != "" && string(got) != want {
			t.Errorf("%s %s: got %s, want %s", c.member, c.text, got, want)
		}
	}
}

// TestNumbersThatJSONCannotWrite says that they become null, and are found by
// Check before.
func TestNumbersThatJSONCannotWrite(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for path, m := range map[string]proto.Message{
			"temperature":  &chatv1.ChatCompletionParams{Temperature: &v},
			"logit_bias.1": &chatv1.ChatCompletionParams{LogitBias: map[string]float64{"1": v}},
			"choices[0].logprobs.content[1].logprob": &chatv1.ChatCompletion{Choices: []*chatv1.Choice{{
				Logprobs: &chatv1.ChoiceLogprobs{Content: []*chatv1.TokenLogprob{{}, {Logprob: v}}},
			}}},
		} {
			if err := fault(codec.Check(m, wire.Limits{})); err.Kind != wire.NotFinite || err.Path != path {
				t.Errorf("%v: %v", v, err)
			}
			value(t, encode(t, m, wire.Request))
		}
	}
}

// TestAppendDouble says that a number is written as encoding/json writes it, and
// that a decimal has its point.
func TestAppendDouble(t *testing.T) {
	t.Parallel()
	for _, v := range []float64{
		0, 1, -1, 0.1, 1.5, 1e-6, 9.99e-7, 1e20, 1e21, 1.25e-9, 1e100, 1e-100, math.MaxFloat64, math.SmallestNonzeroFloat64, 123456789.125,
	} {
		want, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if got := wire.AppendDouble(nil, v); string(got) != string(want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for v, want := range map[float64]string{1: "1.0", -2: "-2.0", 0.5: "0.5", 1e21: "1e+21", 0: "0.0"} {
		if got := wire.AppendDecimal(nil, v); string(got) != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
