package providertest

import (
	"math"
	"slices"
	"strings"
)

// rule is the rule for a type of a schema.
func (s schema) rule(name string) rule { return s.compile(s[name]) }

// compile makes a rule of a type. Names are looked up when something is judged, so
// that types may name each other.
func (s schema) compile(t *shape) rule {
	switch t.op {
	case "name":
		return func(j *judge, path string, n *node) *APIError { return s.rule(t.words[0])(j, path, n) }
	case "str":
		return textBetween(t.limit("minLen", 0), t.limit("maxLen", math.MaxInt32))
	case "int":
		return integer(t.limit("min", math.MinInt64), t.limit("max", math.MaxInt64))
	case "num":
		return decimal(float64(t.limit("min", math.MinInt64)), float64(t.limit("max", math.MaxInt64)))
	case "bool":
		return boolean
	case "ANY":
		return anything
	case "OPENMAP":
		return anyObject
	case "METADATA":
		return textMap(16, 64, 512)
	case "enum":
		return oneOf(t.words...)
	case "array":
		return array(int(t.limit("minItems", 0)), int(t.limit("maxItems", math.MaxInt32)), s.compile(t.parts[0]))
	case "map":
		return mapOf(s.compile(t.parts[0]))
	case "object", "all":
		return object(s.fields(t))
	default:
		return s.union(t)
	}
}

// limit is a bound, or what holds without one.
func (t *shape) limit(name string, otherwise int64) int64 {
	if n, ok := t.limits[name]; ok {
		return n
	}
	return otherwise
}

// textBetween takes strings of so many characters.
func textBetween(least, most int64) rule {
	upTo := textUpTo(int(most))
	return func(j *judge, path string, n *node) *APIError {
		if e := upTo(j, path, n); e != nil {
			return e
		}
		if int64(len(n.text)) < least {
			return refuse(path, "string_below_min_length", "Invalid '%s': string too short.", path)
		}
		return nil
	}
}

// mapOf takes objects of any names and values of a rule.
func mapOf(each rule) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := anyObject(j, path, n); e != nil {
			return e
		}
		for _, m := range n.members {
			if e := each(j, under(path, m.name), m.value); e != nil {
				return e
			}
		}
		return nil
	}
}

// fields are the members of an object, or of all that one is made of.
func (s schema) fields(t *shape) map[string]field {
	out := map[string]field{}
	for _, part := range t.parts {
		for name, f := range s.fields(s.named(part)) {
			out[name] = f
		}
	}
	for _, f := range t.fields {
		out[f.name] = field{rule: s.compile(f.typ), required: f.required}
	}
	return out
}

// named is the type behind a name.
func (s schema) named(t *shape) *shape {
	for t.op == "name" {
		t = s[t.words[0]]
	}
	return t
}

// branches are the types of a union, those of unions in it as well.
func (s schema) branches(t *shape) []*shape {
	t = s.named(t)
	if t.op != "union" {
		return []*shape{t}
	}
	var out []*shape
	for _, part := range t.parts {
		out = append(out, s.branches(part)...)
	}
	return out
}

// kinds are the kinds of JSON that a type can be.
func (t *shape) kinds() []kind {
	switch t.op {
	case "str", "enum":
		return []kind{kindString}
	case "int", "num":
		return []kind{kindNumber}
	case "bool":
		return []kind{kindBool}
	case "null":
		return []kind{kindNull}
	case "array":
		return []kind{kindArray}
	case "ANY":
		return []kind{kindNull, kindString, kindNumber, kindBool, kindArray, kindObject}
	default:
		return []kind{kindObject}
	}
}

// union takes what one of the branches takes. Objects go to those whose `type` is
// theirs; of several, the first one says what is wrong.
func (s schema) union(t *shape) rule {
	return func(j *judge, path string, n *node) *APIError {
		var fitting []*shape
		all := s.branches(t)
		for _, b := range all {
			if slices.Contains(b.kinds(), n.kind) {
				fitting = append(fitting, b)
			}
		}
		if n.kind == kindNull && len(fitting) > 0 {
			return nil
		}
		if n.kind == kindObject && len(fitting) > 1 {
			typed, e := s.typed(fitting, path, n)
			if e != nil {
				return e
			}
			fitting = typed
		}
		if len(fitting) == 0 {
			return wrongType(path, wanted(all), n)
		}
		var first *APIError
		for _, b := range fitting {
			e := s.compile(b)(j, path, n)
			if e == nil {
				return nil
			}
			if first == nil {
				first = e
			}
		}
		return first
	}
}

// typed are the branches that an object's `type` allows.
func (s schema) typed(branches []*shape, path string, n *node) ([]*shape, *APIError) {
	own := n.get("type")
	var out []*shape
	var known []string
	for _, b := range branches {
		values, required := s.types(b)
		known = append(known, values...)
		switch {
		case own.set() && slices.Contains(values, own.str()), !own.set() && !required && s.closest(b, n):
			out = append(out, b)
		}
	}
	if len(out) > 0 {
		return out, nil
	}
	at := under(path, "type")
	if !own.set() {
		return nil, refuse(at, "missing_required_parameter", "Missing required parameter: '%s'.", at)
	}
	slices.Sort(known)
	return nil, oneOf(slices.Compact(known)...)(nil, at, own)
}

// closest says whether an object without a type has all that a branch requires.
func (s schema) closest(b *shape, n *node) bool {
	for name, f := range s.fields(b) {
		if f.required && !n.has(name) {
			return false
		}
	}
	return true
}

// types are the values of `type` that a branch has, and whether it needs one.
func (s schema) types(b *shape) (values []string, required bool) {
	for _, part := range b.parts {
		values, required = s.types(s.named(part))
	}
	for _, f := range b.fields {
		if f.name == "type" {
			for _, branch := range s.branches(f.typ) {
				values = append(values, branch.words...)
			}
			required = f.required
		}
	}
	return values, required
}

// wanted are the kinds that branches take, in words.
func wanted(branches []*shape) string {
	var kinds []string
	for _, b := range branches {
		for _, k := range b.kinds() {
			kinds = append(kinds, string(k))
		}
	}
	slices.Sort(kinds)
	return "one of " + strings.Join(slices.Compact(kinds), ", ")
}
