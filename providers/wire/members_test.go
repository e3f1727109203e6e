package wire_test

import (
	"testing"

	"github.com/signalbox-ai/signalbox/providers/wire"
)

func TestMembers(t *testing.T) {
	t.Parallel()
	for extra, want := range map[string]string{
		``:   "",
		`{}`: "",
		` { "z" : [1, {"a":2}] , "\u0061b":"x","c":null}`: `z=[1, {"a":2}];ab="x";c=null;`,
		`{"a":1,"b"`: "a=1;",
	} {
		got := ""
		for name, value := range wire.Members(extra) {
			got += name + "=" + value + ";"
		}
		if got != want {
			t.Errorf("%s: %s", extra, got)
		}
	}
	for name := range wire.Members(`{"a":1,"b":2}`) {
		if name != "a" {
			t.Error("it goes on when nobody asks")
		}
		break
	}
}
