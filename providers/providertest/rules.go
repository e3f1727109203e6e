package providertest

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// judge is what rules know beside the value.
type judge struct {
	// lenient takes members that are not known.
	lenient bool
	// roles puts the role of a message into the paths of what is in it.
	roles bool
}

// rule judges a value at a path. Nil: it is good.
type rule func(j *judge, path string, n *node) *APIError

// field is a member of an object.
type field struct {
	rule     rule
	required bool
}

// must is a field that has to be there.
func must(r rule) field { return field{rule: r, required: true} }

// may is a field that can be left out.
func may(r rule) field { return field{rule: r} }

// wrongType is the error for a value of another kind.
func wrongType(path, wanted string, n *node) *APIError {
	return refuse(path, "invalid_type", "Invalid type for '%s': expected %s, but got %s instead.", path, wanted, n.kind)
}

// nullable takes null, too.
func nullable(r rule) rule {
	return func(j *judge, path string, n *node) *APIError {
		if n.kind == kindNull {
			return nil
		}
		return r(j, path, n)
	}
}

// boolean takes true and false.
func boolean(_ *judge, path string, n *node) *APIError {
	if n.kind != kindBool {
		return wrongType(path, "a boolean", n)
	}
	return nil
}

// text takes strings of any length.
func text(_ *judge, path string, n *node) *APIError {
	if n.kind != kindString {
		return wrongType(path, "a string", n)
	}
	return nil
}

// textUpTo takes strings of at most so many characters.
func textUpTo(most int) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := text(j, path, n); e != nil {
			return e
		}
		if got := utf8.RuneCountInString(n.text); got > most {
			return refuse(path, "string_above_max_length", "Invalid '%s': string too long, %d characters of at most %d.", path, got, most)
		}
		return nil
	}
}

// name takes what names a function, a tool or a schema.
func name(j *judge, path string, n *node) *APIError {
	if e := textUpTo(64)(j, path, n); e != nil {
		return e
	}
	if n.text == "" {
		return refuse(path, "empty_string", "Invalid '%s': the string is empty.", path)
	}
	for _, r := range n.text {
		if r != '_' && r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return refuse(path, "invalid_value", "Invalid '%s': only letters, digits, '_' and '-' may be in it.", path)
		}
	}
	return nil
}

// oneOf takes some strings.
func oneOf(values ...string) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := text(j, path, n); e != nil {
			return e
		}
		if !slices.Contains(values, n.text) {
			return refuse(path, "invalid_value", "Invalid value: '%s'. Supported values are: '%s'.", n.text, strings.Join(values, "', '"))
		}
		return nil
	}
}

// integer takes whole numbers between two, both included.
func integer(least, most int64) rule {
	return func(_ *judge, path string, n *node) *APIError {
		if n.kind != kindNumber {
			return wrongType(path, "an integer", n)
		}
		i, ok := n.integer()
		switch {
		case !ok:
			return refuse(path, "invalid_type", "Invalid type for '%s': expected an integer, but got %s instead.", path, n.text)
		case i < least:
			return refuse(path, "integer_below_min_value", "Invalid '%s': %d is below the minimum of %d.", path, i, least)
		case i > most:
			return refuse(path, "integer_above_max_value", "Invalid '%s': %d is above the maximum of %d.", path, i, most)
		}
		return nil
	}
}

// decimal takes numbers between two, both included.
func decimal(least, most float64) rule {
	return func(_ *judge, path string, n *node) *APIError {
		f, ok := n.float()
		switch {
		case n.kind != kindNumber || !ok:
			return wrongType(path, "a decimal", n)
		case f < least:
			return refuse(path, "decimal_below_min_value", "Invalid '%s': %s is below the minimum of %g.", path, n.text, least)
		case f > most:
			return refuse(path, "decimal_above_max_value", "Invalid '%s': %s is above the maximum of %g.", path, n.text, most)
		}
		return nil
	}
}

// array takes arrays of so many elements, each by a rule.
func array(least, most int, each rule) rule {
	return func(j *judge, path string, n *node) *APIError {
		if n.kind != kindArray {
			return wrongType(path, "an array", n)
		}
		if len(n.elems) < least {
			return refuse(path, "empty_array", "Invalid '%s': the array is empty.", path)
		}
		if len(n.elems) > most {
			return refuse(path, "array_above_max_length", "Invalid '%s': %d elements of at most %d.", path, len(n.elems), most)
		}
		for i, e := range n.elems {
			if err := each(j, path+"["+strconv.Itoa(i)+"]", e); err != nil {
				return err
			}
		}
		return nil
	}
}

// anyObject takes objects of any members.
func anyObject(_ *judge, path string, n *node) *APIError {
	if n.kind != kindObject {
		return wrongType(path, "an object", n)
	}
	return nil
}

// object takes objects of these members alone.
func object(fields map[string]field) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := anyObject(j, path, n); e != nil {
			return e
		}
		for _, m := range n.members {
			at := under(path, m.name)
			f, ok := fields[m.name]
			switch {
			case !ok && j.lenient:
			case !ok:
				return refuse(at, "unknown_parameter", "Unknown parameter: '%s'.", at)
			default:
				if e := f.rule(j, at, m.value); e != nil {
					return e
				}
			}
		}
		var missing []string
		for name, f := range fields {
			if f.required && n.get(name) == nil {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			at := under(path, slices.Min(missing))
			return refuse(at, "missing_required_parameter", "Missing required parameter: '%s'.", at)
		}
		return nil
	}
}

// tagged takes objects whose member `tag` says which rule is theirs.
func tagged(tag string, rules map[string]rule) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := anyObject(j, path, n); e != nil {
			return e
		}
		at := under(path, tag)
		t := n.get(tag)
		if t == nil {
			return refuse(at, "missing_required_parameter", "Missing required parameter: '%s'.", at)
		}
		if e := text(j, at, t); e != nil {
			return e
		}
		r, ok := rules[t.text]
		if !ok {
			values := make([]string, 0, len(rules))
			for v := range rules {
				values = append(values, v)
			}
			slices.Sort(values)
			return oneOf(values...)(j, at, t)
		}
		if tag == "role" && j.roles {
			path = under(path, t.text)
		}
		return r(j, path, n)
	}
}

// either takes strings by one rule and everything else by another.
func either(str, other rule) rule {
	return func(j *judge, path string, n *node) *APIError {
		if n.kind == kindString {
			return str(j, path, n)
		}
		return other(j, path, n)
	}
}

// textMap takes objects of strings, bounded in all ways.
func textMap(most, key, value int) rule {
	return func(j *judge, path string, n *node) *APIError {
		if e := anyObject(j, path, n); e != nil {
			return e
		}
		if len(n.members) > most {
			return refuse(path, "object_above_max_properties", "Invalid '%s': %d properties of at most %d.", path, len(n.members), most)
		}
		for _, m := range n.members {
			at := under(path, m.name)
			if len(m.name) > key {
				return refuse(path, "property_name_above_max_length", "Invalid '%s': a property's name is longer than %d.", path, key)
			}
			if e := textUpTo(value)(j, at, m.value); e != nil {
				return e
			}
		}
		return nil
	}
}
