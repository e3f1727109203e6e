package providertest

import (
	"strings"
	"testing"
)

// Every type that the schema names is there.
func TestSchemaIsWhole(t *testing.T) {
	t.Parallel()
	s, err := readSchema(responsesSchema)
	if err != nil {
		t.Fatal(err)
	}
	var walk func(name string, typ *shape)
	walk = func(name string, typ *shape) {
		if typ.op == "name" && s[typ.words[0]] == nil {
			t.Errorf("%s names %q, which is not there", name, typ.words[0])
		}
		for _, p := range typ.parts {
			walk(name, p)
		}
		for _, f := range typ.fields {
			walk(name+"."+f.name, f.typ)
		}
	}
	for name, typ := range s {
		walk(name, typ)
	}
	if len(s) < 150 || len(s["CreateResponse"].parts) != 3 || len(s.branches(s["InputItem"])) < 30 {
		t.Errorf("only %d types", len(s))
	}
	for _, text := range []string{"nothing", "A = {\n  a!: str\n} what"} {
		if _, err := readSchema(text); err == nil || !strings.Contains(err.Error(), "schema") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
