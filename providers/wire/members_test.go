package wire_test

import (
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/wire"
)

func TestMembersAndElements(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		``:                                      "",
		`{}`:                                    "",
		`[]`:                                    "",
		`7`:                                     "",
		`{"a":1}`:                               `a=1;`,
		" { \"a\" : {\"b\":[1]} , \"c\":\"}\"}": `a={"b":[1]};c="}";`,
		`{"\u0061":null}`:                       `a=null;`,
		`[1, "],", {"a":[2]} ]`:                 `=1;="],";={"a":[2]};`,
		`[[],[ ]]`:                              `=[];=[ ];`,
		`{"a":1,`:                               `a=1;`,
		`[1,{]`:                                 `=1;`,
	} {
		var got strings.Builder
		each := wire.Members
		if strings.HasPrefix(text, "[") {
			each = wire.Elements
		}
		for p := range each(text) {
			got.WriteString(p.Key + "=" + p.Value + ";")
			if !strings.HasSuffix(text[p.Begin:p.End], p.Value) || p.Key == "" && text[p.Begin:p.End] != p.Value {
				t.Errorf("%s: %q is at %d to %d", text, p.Value, p.Begin, p.End)
			}
		}
		if got.String() != want {
			t.Errorf("%s: got %s, want %s", text, got.String(), want)
		}
	}
}

// TestLastMember holds that looking from the end finds what looking from the beginning
// does.
func TestLastMember(t *testing.T) {
	t.Parallel()
	for _, object := range []string{
		`{}`, `{"a":1}`, `{"usage":{"a":1}}`, `{"x":[1,2],"usage" : {"a":"}"} } `, `{"usage":1,"x":2}`, `{"usage":null}`,
		`{"x":{"usage":1}}`, `{"usage":0,"x":{"usage":1}}`, `{"x":"usage"}`, `{"x":"\"usage\":1}"}`, `{"x\"usage":1}`, `{"\\\"usage":1}`,
		`{"usage":{"usage":1}}`, `{"x":["usage"]}`, `{"usage":"usage"}`, `{"us\u0061ge":1}`, `{"usage":{"a":1},"x":"\"usage"}`,
	} {
		want, have := wire.Member(object, "usage")
		if got, ok := wire.LastMember(object, "usage"); got != want || ok != have {
			t.Errorf("%s: %q %v, not %q %v", object, got, ok, want, have)
		}
	}
}
