package providertest

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

//go:embed schema/responses.txt
var responsesSchema string

// shape is a type of a schema: what schema/README.md says of its text.
type shape struct {
	// op is what it is: "str", "int", "num", "bool", "ANY", "OPENMAP", "METADATA",
	// "null", "enum", "array", "map", "union", "object", "all", or "name".
	op string
	// words are an enum's values, or the name.
	words []string
	// parts are the types that it is made of.
	parts  []*shape
	fields []shapeField
	// limits are bounds, like maxLen.
	limits map[string]int64
}

// shapeField is a member of an object.
type shapeField struct {
	name     string
	required bool
	typ      *shape
}

// schema are types by name.
type schema map[string]*shape

// readSchema reads the text of a schema.
func readSchema(text string) (schema, error) {
	s := schema{}
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		name, body, ok := strings.Cut(block, " = ")
		if !ok {
			return nil, fmt.Errorf("read the schema: no type in %q", block)
		}
		p := &schemaParser{text: body}
		s[name] = p.all()
		if p.skip(); p.at < len(p.text) {
			return nil, fmt.Errorf("read the schema: %s at %q", name, p.text[p.at:])
		}
	}
	return s, nil
}

// schemaParser reads one type. What it does not know it leaves.
type schemaParser struct {
	text string
	at   int
}

// skip passes over spaces.
func (p *schemaParser) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take passes over a text, if it is next.
func (p *schemaParser) take(s string) bool {
	p.skip()
	if !strings.HasPrefix(p.text[p.at:], s) {
		return false
	}
	p.at += len(s)
	return true
}

// until returns what comes before a mark, and passes over both.
func (p *schemaParser) until(mark string) string {
	before, _, _ := strings.Cut(p.text[p.at:], mark)
	p.at = min(len(p.text), p.at+len(before)+len(mark))
	return before
}

// all reads "A & B & {…}".
func (p *schemaParser) all() *shape {
	for _, word := range []string{"oneOf(disc=type):", "oneOf:", "anyOf:"} {
		p.take(word)
	}
	out := &shape{op: "all", parts: []*shape{p.union()}}
	for p.take("&") {
		out.parts = append(out.parts, p.union())
	}
	if len(out.parts) == 1 {
		return out.parts[0]
	}
	return out
}

// union reads "A|B|null".
func (p *schemaParser) union() *shape {
	out := &shape{op: "union", parts: []*shape{p.one()}}
	for p.take("|") {
		out.parts = append(out.parts, p.one())
	}
	if len(out.parts) == 1 {
		return out.parts[0]
	}
	return out
}

// one reads a type with its bounds.
func (p *schemaParser) one() *shape {
	var out *shape
	switch {
	case p.take("("):
		out = p.union()
		p.take(")")
		return out
	case p.take("["):
		out = &shape{op: "array", parts: []*shape{p.union()}}
		p.take("]")
	case p.take("map<str,"):
		out = &shape{op: "map", parts: []*shape{p.union()}}
		p.take(">")
		return out
	case p.take("enum("):
		return &shape{op: "enum", words: strings.Fields(p.until(")"))}
	case p.take(`"`):
		return &shape{op: "enum", words: []string{p.until(`"`)}}
	case p.take("{"):
		return p.object()
	default:
		out = p.named()
	}
	if p.take("<") { // a format, which nobody checks
		p.until(">")
	}
	if p.at < len(p.text) && p.text[p.at] == '{' {
		p.at++
		out.limits = limitsOf(p.until("}"))
	}
	return out
}

// named reads a word: a type of JSON's, or of the schema's own.
func (p *schemaParser) named() *shape {
	p.skip()
	from := p.at
	for p.at < len(p.text) && (isWord(p.text[p.at])) {
		p.at++
	}
	word := p.text[from:p.at]
	switch word {
	case "str", "int", "num", "bool", "ANY", "OPENMAP", "METADATA", "null":
		return &shape{op: word}
	}
	return &shape{op: "name", words: []string{word}}
}

// isWord says whether a byte can be in a name.
func isWord(b byte) bool {
	return b == '-' || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z'
}

// object reads the members up to the brace that closes it.
func (p *schemaParser) object() *shape {
	out := &shape{op: "object"}
	for !p.take("}") && p.at < len(p.text) {
		name := strings.TrimSpace(p.until(":"))
		out.fields = append(out.fields, shapeField{
			name: strings.TrimRight(name, "!?"), required: strings.HasSuffix(name, "!"), typ: p.union(),
		})
	}
	return out
}

// limitsOf reads "min=0,max=20".
func limitsOf(text string) map[string]int64 {
	out := map[string]int64{}
	for _, pair := range strings.Split(text, ",") {
		name, value, _ := strings.Cut(pair, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err == nil {
			out[name] = n
		}
	}
	return out
}
