package providertest

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// instance is a value that a JSON schema accepts, as JSON with the schema's own
// order of members. It knows what structured outputs know: types, properties,
// items, enums, constants, anyOf, references into the schema, and bounds.
func instance(schema *node) string {
	if schema == nil {
		return "{}"
	}
	g := &generator{root: schema}
	g.value(schema, 0)
	return g.out.String()
}

// generator writes an instance.
type generator struct {
	root *node
	out  bytes.Buffer
}

// maxDepth ends schemas that refer to themselves.
const maxDepth = 32

// value writes one value.
func (g *generator) value(s *node, depth int) {
	s = g.resolve(s)
	if depth > maxDepth {
		g.out.WriteString(null)
		return
	}
	if c := s.get("const"); c != nil {
		c.write(&g.out)
		return
	}
	if e := s.get("enum").items(); len(e) > 0 {
		e[0].write(&g.out)
		return
	}
	for _, union := range []string{"anyOf", "oneOf", "allOf"} {
		if branches := s.get(union).items(); len(branches) > 0 {
			g.value(g.shallow(branches, depth), depth+1)
			return
		}
	}
	switch typeOf(s) {
	case "string":
		g.out.Write(quoted(g.text(s)))
	case "integer", "number":
		g.out.WriteString(number(s))
	case "boolean":
		g.out.WriteString("true")
	case "array":
		g.array(s, depth)
	case "object":
		g.object(s, depth)
	default:
		g.out.WriteString(null)
	}
}

// shallow picks a branch: the first one, and deep down the one that ends.
func (g *generator) shallow(branches []*node, depth int) *node {
	if depth < 4 {
		return branches[0]
	}
	for _, b := range branches {
		if t := typeOf(g.resolve(b)); t != "object" && t != "array" {
			return b
		}
	}
	return branches[0]
}

// resolve follows references of the form "#/a/b".
func (g *generator) resolve(s *node) *node {
	for range maxDepth {
		ref := s.get("$ref").str()
		if ref == "" {
			return s
		}
		s = g.root
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#"), "/") {
			if step != "" {
				s = s.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
			}
		}
	}
	return s
}

// typeOf returns the type: of several, the first one.
func typeOf(s *node) string {
	t := s.get("type")
	if list := t.items(); len(list) > 0 {
		t = list[0]
	}
	if t.str() == "" && s.get("properties") != nil {
		return "object"
	}
	return t.str()
}

// array writes as many items as are demanded, and one where none is.
func (g *generator) array(s *node, depth int) {
	n := int64(1)
	if least, ok := s.get("minItems").integer(); ok {
		n = least
	}
	if depth > 4 && s.get("minItems") == nil {
		n = 0
	}
	g.out.WriteByte('[')
	for i := range n {
		if i > 0 {
			g.out.WriteByte(',')
		}
		g.value(s.get("items"), depth+1)
	}
	g.out.WriteByte(']')
}

// object writes all properties that are required, and all if none is named so.
func (g *generator) object(s *node, depth int) {
	required := map[string]bool{}
	for _, r := range s.get("required").items() {
		required[r.str()] = true
	}
	g.out.WriteByte('{')
	wrote := false
	if properties := s.get("properties"); properties != nil {
		for _, p := range properties.members {
			if len(required) > 0 && !required[p.name] {
				continue
			}
			if wrote {
				g.out.WriteByte(',')
			}
			wrote = true
			g.out.Write(quoted(p.name))
			g.out.WriteByte(':')
			g.value(p.value, depth+1)
		}
	}
	g.out.WriteByte('}')
}

// text is a string of the format and length that is demanded.
func (g *generator) text(s *node) string {
	text := "text"
	switch s.get("format").str() {
	case "date-time":
		text = "2026-01-22T14:39:24Z"
	case "date":
		text = "2026-01-22"
	case "time":
		text = "14:39:24Z"
	case "email":
		text = "someone@example.com"
	case "uri":
		text = "https://example.com/"
	case "uuid":
		text = "0198c0de-0000-7000-8000-000000000000"
	case "ipv4":
		text = "192.0.2.1"
	}
	if least, ok := s.get("minLength").integer(); ok && int64(len(text)) < least {
		text += strings.Repeat("x", int(least)-len(text))
	}
	if most, ok := s.get("maxLength").integer(); ok && int64(len(text)) > most {
		text = text[:most]
	}
	return text
}

// number is the smallest that is allowed, and 1 where nothing is said.
func number(s *node) string {
	n := 1.0
	if least, ok := s.get("minimum").float(); ok {
		n = least
	}
	if least, ok := s.get("exclusiveMinimum").float(); ok {
		n = math.Floor(least) + 1
	}
	if most, ok := s.get("maximum").float(); ok && n > most {
		n = most
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}
