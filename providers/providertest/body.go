package providertest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// kind is a JSON kind.
type kind string

const (
	kindNull   kind = "null"
	kindBool   kind = "boolean"
	kindNumber kind = "number"
	kindString kind = "string"
	kindArray  kind = "array"
	kindObject kind = "object"
)

// node is a JSON value with its members in order.
type node struct {
	kind    kind
	text    string // of a string, or the spelling of a number
	yes     bool
	elems   []*node
	members []member
}

// member is a name and its value.
type member struct {
	name  string
	value *node
}

// errNotJSON is any reason why a body cannot be read.
var errNotJSON = errors.New("the body is not valid JSON")

// parse reads a body. Names that stand twice in one object are returned as paths.
func parse(body []byte) (*node, []string, error) {
	if !utf8.Valid(body) {
		return nil, nil, fmt.Errorf("%w: invalid UTF-8", errNotJSON)
	}
	p := &parser{dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	n, err := p.value("")
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("%w: data after the value", errNotJSON)
	}
	return n, p.twice, nil
}

// parser reads tokens.
type parser struct {
	dec   *json.Decoder
	twice []string
}

// value reads one value at a path.
func (p *parser) value(path string) (*node, error) {
	tok, err := p.dec.Token()
	if err != nil {
		return nil, err
	}
	switch t := tok.(type) {
	case nil:
		return &node{kind: kindNull}, nil
	case bool:
		return &node{kind: kindBool, yes: t}, nil
	case json.Number:
		return &node{kind: kindNumber, text: t.String()}, nil
	case string:
		return &node{kind: kindString, text: t}, nil
	case json.Delim:
		if t == '[' {
			return p.array(path)
		}
		return p.object(path)
	default:
		return nil, fmt.Errorf("unexpected token %v", tok)
	}
}

// array reads what follows a bracket.
func (p *parser) array(path string) (*node, error) {
	n := &node{kind: kindArray}
	for p.dec.More() {
		v, err := p.value(path + "[" + strconv.Itoa(len(n.elems)) + "]")
		if err != nil {
			return nil, err
		}
		n.elems = append(n.elems, v)
	}
	_, err := p.dec.Token()
	return n, err
}

// object reads what follows a brace.
func (p *parser) object(path string) (*node, error) {
	n := &node{kind: kindObject}
	seen := map[string]bool{}
	for p.dec.More() {
		tok, err := p.dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := tok.(string)
		if !ok {
			return nil, fmt.Errorf("unexpected token %v", tok)
		}
		at := under(path, name)
		if seen[name] {
			p.twice = append(p.twice, at)
		}
		seen[name] = true
		v, err := p.value(at)
		if err != nil {
			return nil, err
		}
		n.members = append(n.members, member{name, v})
	}
	_, err := p.dec.Token()
	return n, err
}

// under is the path of a member.
func under(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// get returns a member, or nil. A nil or other node has none.
func (n *node) get(name string) *node {
	if n == nil || n.kind != kindObject {
		return nil
	}
	for i := len(n.members) - 1; i >= 0; i-- { // the last one counts, as in most parsers
		if n.members[i].name == name {
			return n.members[i].value
		}
	}
	return nil
}

// set says whether there is a value other than null.
func (n *node) set() bool { return n != nil && n.kind != kindNull }

// str returns the text of a string, else "".
func (n *node) str() string {
	if n == nil || n.kind != kindString {
		return ""
	}
	return n.text
}

// is says whether a node is true.
func (n *node) is() bool { return n != nil && n.kind == kindBool && n.yes }

// integer returns a whole number.
func (n *node) integer() (int64, bool) {
	if n == nil || n.kind != kindNumber {
		return 0, false
	}
	i, err := strconv.ParseInt(n.text, 10, 64)
	return i, err == nil
}

// float returns a number.
func (n *node) float() (float64, bool) {
	if n == nil || n.kind != kindNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(n.text, 64)
	return f, err == nil
}

// items returns the elements of an array, else none.
func (n *node) items() []*node {
	if n == nil || n.kind != kindArray {
		return nil
	}
	return n.elems
}
