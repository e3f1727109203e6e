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
