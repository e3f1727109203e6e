package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestExamplesFollowTheirSchemas(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ schema, want string }{
		{`{}`, `"demonstration"`},
		{`{"type":"string"}`, `"demonstration"`},
		{`{"type":"string","format":"date-time"}`, `"2026-01-31T12:00:00Z"`},
		{`{"type":"string","maxLength":4}`, `"demo"`},
		{`{"type":"string","minLength":15}`, `"demonstrationxx"`},
		{`{"type":"string","minLength":1e99,"maxLength":3}`, `"dem"`},
		{`{"type":"integer"}`, `1`},
		{`{"type":"integer","minimum":18}`, `18`},
		{`{"type":"integer","maximum":-3}`, `-3`},
		{`{"type":"integer","exclusiveMinimum":1}`, `2`},
		{`{"type":"integer","exclusiveMaximum":1}`, `0`},
		{`{"type":"number","minimum":2.5}`, `2.5`},
		{`{"type":"boolean"}`, `true`},
		{`{"type":"null"}`, `null`},
		{`{"type":["null","integer"]}`, `1`},
		{`{"type":["null"]}`, `null`},
		{`{"enum":["a","b"]}`, `"a"`},
		{`{"const":{"x" : 1.0}}`, `{"x" : 1.0}`},
		{`{"type":"integer","default":7}`, `7`},
		{`{"type":"integer","examples":[8]}`, `8`},
		{`{"type":"object"}`, `{}`},
		{`{"properties":{"b":{"type":"null"},"a":{"const":1}}}`, `{"b":null,"a":1}`},
		{`{"type":"object","properties":{"q\"":{"type":"object","properties":{"x":{"type":"integer"}}}}}`, `{"q\"":{"x":1}}`},
		{`{"type":"array","items":{"type":"integer"}}`, `[1]`},
		{`{"type":"array","items":{"type":"integer"},"minItems":3}`, `[1,1,1]`},
		{`{"type":"array","items":{"type":"integer"},"maxItems":0}`, `[]`},
		{`{"type":"array","minItems":1000000000,"items":{"type":"null"}}`, `[null,null,null,null,null,null,null,null]`},
		{`{"type":"array","minItems":-1e99}`, `[]`},
		{`{"items":{"const":"x"}}`, `["x"]`},
		{`{"anyOf":[{"type":"integer"},{"type":"null"}]}`, `1`},
		{`{"allOf":[{"$ref":"#/$defs/x"}],"$defs":{"x":{"const":"deep"}}}`, `"deep"`},
		{`{"$ref":"#/definitions/a~1b","definitions":{"a/b":{"const":1}}}`, `1`},
		{`{"$ref":"https://elsewhere/x"}`, `"demonstration"`},
		{`{"$ref":"#/nowhere"}`, `"demonstration"`},
		{`{"type":5,"properties":7,"enum":"x","minimum":"y","required":{}}`, `{}`},
		{`true`, `{}`},
		{``, `{}`},
		{`{`, `{}`},
	} {
		if got := example(test.schema); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.schema, got, test.want)
		}
	}
}

func TestExamplesOfSchemasThatNeverEndAreSmall(t *testing.T) {
	t.Parallel()
	wide := make([]string, 50)
	for i := range wide {
		wide[i] = fmt.Sprintf(`"p%d":{"$ref":"#"}`, i)
	}
	for _, schema := range []string{
		`{"$ref":"#"}`,
		`{"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]}`,
		`{"type":"object","properties":{"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["next"]}`,
		`{"type":"array","items":{"$ref":"#"},"minItems":8}`,
		`{"anyOf":[{"$ref":"#"}]}`,
		`{"type":"object","properties":{` + strings.Join(wide, ",") + `}}`,
		strings.Repeat(`{"type":"array","items":`, 90) + `{}` + strings.Repeat(`}`, 90),
		`{"type":"object","properties":{"x":` + strings.Repeat(" ", maxSchema) + `{}}}`,
	} {
		got := example(schema)
		if !json.Valid([]byte(got)) || len(got) > 20_000 {
			t.Errorf("%.80s: %d bytes: %.200s", schema, len(got), got)
		}
	}
}

func TestWordsAreTheText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":           nil,
		"one":        {"one"},
		"one two":    {"one ", "two"},
		" one  two ": {" ", "one  ", "two "},
		"a\n\nb":     {"a\n\n", "b"},
		"十二文字以上の長い文章です":            {"十二文字以上の長い文章です"},
		strings.Repeat("é", 45):    {strings.Repeat("é", 20), strings.Repeat("é", 20), strings.Repeat("é", 5)},
		"\xff\xfe broken \xf0\x9f": {"\xff\xfe ", "broken ", "\xf0\x9f"},
	} {
		if got := slices.Collect(words(text)); !slices.Equal(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzExample(f *testing.F) {
	f.Add(`{"type":"object","properties":{"a":{"$ref":"#/$defs/x"}},"$defs":{"x":{"enum":[1]}}}`)
	f.Add(`{"anyOf":[{"type":["null","string"]}],"minLength":3}`)
	f.Fuzz(func(t *testing.T, schema string) {
		if got := example(schema); json.Valid([]byte(schema)) && !json.Valid([]byte(got)) {
			t.Errorf("%q: %q", schema, got)
		}
	})
}
