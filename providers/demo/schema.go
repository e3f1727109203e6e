package demo

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/go-faster/jx"
)

// What an example may grow to: schemas are large at times, and refer to themselves.
const (
	maxSchema = 256 << 10 // bytes
	maxDepth  = 8
	maxValues = 500
	maxItems  = 8
	maxLength = 200
)

// formats are examples of texts of a format.
var formats = map[string]string{
	"date":      "2026-01-31",
	"date-time": "2026-01-31T12:00:00Z",
	"email":     "demonstration@example.com",
	"hostname":  "example.com",
	"ipv4":      "192.0.2.1",
	"time":      "12:00:00Z",
	"uri":       "https://example.com/",
	"uuid":      "00000000-0000-4000-8000-000000000000",
}

// example is a JSON value that follows a JSON schema: types, properties in their
// order, enumerations, bounds and references. What else a schema may say, such as
// patterns and conditions, it does not follow.
func example(schema string) string {
	if len(schema) > maxSchema {
		return "{}"
	}
	root, ok := level(schema)
	if !ok {
		return "{}"
	}
	e := &exemplar{root: root}
	e.value(root, 0)
	return e.out.String()
}

// exemplar writes an example.
type exemplar struct {
	root   object
	out    strings.Builder
	values int
}

// object is a JSON object, one level of it: its members as they stand.
type object struct {
	keys []string
	raw  map[string]string
}

// level reads one level of a JSON object.
func level(text string) (object, bool) {
	o := object{raw: map[string]string{}}
	err := jx.DecodeStr(text).ObjBytes(func(d *jx.Decoder, key []byte) error {
		raw, err := d.Raw()
		o.keys = append(o.keys, string(key))
		o.raw[string(key)] = string(raw)
		return err
	})
	return o, err == nil
}

// value writes a value that follows a schema.
func (e *exemplar) value(s object, depth int) {
	if e.values++; e.values > maxValues || depth > 2*maxDepth {
		e.out.WriteString("null")
		return
	}
	if ref, ok := s.text("$ref"); ok {
		e.value(e.resolve(ref), depth+1)
		return
	}
	if raw, ok := s.given(); ok {
		e.out.WriteString(raw)
		return
	}
	if options := s.options(); len(options) > 0 {
		option := options[0]
		if depth > maxDepth { // null ends what refers to itself
			if at := slices.IndexFunc(options, func(o object) bool { return o.kind() == "null" }); at >= 0 {
				option = options[at]
			}
		}
		e.value(option, depth+1)
		return
	}
	switch s.kind() {
	case "object":
		e.object(s, depth)
	case "array":
		e.array(s, depth)
	case "integer", "number":
		e.out.WriteString(s.number())
	case "boolean":
		e.out.WriteString("true")
	case "null":
		e.out.WriteString("null")
	default:
		e.out.WriteString(quote(s.sample()))
	}
}

// object writes all properties; deep down only those that must be.
func (e *exemplar) object(s object, depth int) {
	properties, _ := level(s.raw["properties"])
	required := texts(s.raw["required"])
	e.out.WriteByte('{')
	first := true
	for _, key := range properties.keys {
		if depth > maxDepth && !slices.Contains(required, key) || e.values > maxValues {
			continue
		}
		if !first {
			e.out.WriteByte(',')
		}
		first = false
		e.out.WriteString(quote(key))
		e.out.WriteByte(':')
		property, _ := level(properties.raw[key])
		e.value(property, depth+1)
	}
	e.out.WriteByte('}')
}

// array writes the least number of items; if none is said, one, and deep down none.
func (e *exemplar) array(s object, depth int) {
	items, _ := level(s.raw["items"])
	least, said := s.float("minItems")
	if !said && depth <= maxDepth {
		least = 1
	}
	if most, ok := s.float("maxItems"); ok {
		least = min(least, most)
	}
	e.out.WriteByte('[')
	for i := range int(max(0, min(least, maxItems))) {
		if i > 0 {
			e.out.WriteByte(',')
		}
		e.value(items, depth+1)
	}
	e.out.WriteByte(']')
}

// resolve follows a reference inside the schema, "#/$defs/node".
func (e *exemplar) resolve(ref string) object {
	path, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return object{}
	}
	at := e.root
	for step := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		at, _ = level(at.raw[step])
	}
	return at
}

// given is a value that the schema itself has, as it stands.
func (s object) given() (string, bool) {
	for _, key := range []string{"const", "default"} {
		if raw, ok := s.raw[key]; ok {
			return raw, true
		}
	}
	for _, key := range []string{"enum", "examples"} {
		if all := elements(s.raw[key]); len(all) > 0 {
			return all[0], true
		}
	}
	return "", false
}

// options are the schemas of which the value may follow the first one.
func (s object) options() []object {
	var list []object
	for _, key := range []string{"anyOf", "oneOf", "allOf"} {
		for _, raw := range elements(s.raw[key]) {
			if option, ok := level(raw); ok {
				list = append(list, option)
			}
		}
	}
	return list
}

// kind is the type of the values; of several, the first one that is not null.
func (s object) kind() string {
	if kind, ok := s.text("type"); ok {
		return kind
	}
	kinds := texts(s.raw["type"])
	for _, kind := range kinds {
		if kind != "null" {
			return kind
		}
	}
	switch {
	case len(kinds) > 0:
		return "null"
	case s.raw["properties"] != "":
		return "object"
	case s.raw["items"] != "":
		return "array"
	default:
		return "string"
	}
}

// number is the least number within the bounds; 1 if that is within them.
func (s object) number() string {
	number := 1.0
	if most, ok := s.float("maximum"); ok {
		number = min(number, most)
	}
	if most, ok := s.float("exclusiveMaximum"); ok && number >= most {
		number = most - 1
	}
	if least, ok := s.float("minimum"); ok {
		number = max(number, least)
	}
	if least, ok := s.float("exclusiveMinimum"); ok && number <= least {
		number = least + 1
	}
	return strconv.FormatFloat(number, 'f', -1, 64)
}

// sample is a text of the format and the length.
func (s object) sample() string {
	format, _ := s.text("format")
	text := formats[format]
	if text == "" {
		text = "demonstration"
	}
	if least, ok := s.float("minLength"); ok {
		missing := int(min(least, maxLength)) - len(text)
		text += strings.Repeat("x", max(0, missing))
	}
	if most, ok := s.float("maxLength"); ok && most >= 0 && most < float64(len(text)) {
		text = text[:int(most)]
	}
	return text
}

func (s object) text(key string) (string, bool) {
	var text string
	err := json.Unmarshal([]byte(s.raw[key]), &text)
	return text, err == nil && s.raw[key] != "null"
}

func (s object) float(key string) (float64, bool) {
	var number float64
	err := json.Unmarshal([]byte(s.raw[key]), &number)
	return number, err == nil
}

// elements are the elements of a JSON array, as they stand. Nothing else has any.
func elements(text string) []string {
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	all := make([]string, 0, len(list))
	for _, raw := range list {
		all = append(all, string(raw))
	}
	return all
}

// texts are the texts of a JSON array. Nothing else has any.
func texts(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return nil
	}
	return list
}

// quote is a text as JSON.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		return `""` // a text always has a form
	}
	return string(quoted)
}
