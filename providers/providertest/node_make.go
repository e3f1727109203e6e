package providertest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// obj makes an object of names and their values, in this order.
func obj(pairs ...any) *node {
	n := &node{kind: kindObject}
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		n.members = append(n.members, member{name, valueOf(pairs[i+1])})
	}
	return n
}

// list makes an array.
func list(elems ...*node) *node { return &node{kind: kindArray, elems: elems} }

// spelled makes a number as it is spelled, "1.0".
func spelled(number string) *node { return &node{kind: kindNumber, text: number} }

// valueOf makes a node of a Go value; of what it does not know, null.
func valueOf(v any) *node {
	switch v := v.(type) {
	case *node:
		if v == nil {
			return &node{kind: kindNull}
		}
		return v
	case []*node:
		return list(v...)
	case string:
		return &node{kind: kindString, text: v}
	case bool:
		return &node{kind: kindBool, yes: v}
	case int:
		return spelled(strconv.Itoa(v))
	case int64:
		return spelled(strconv.FormatInt(v, 10))
	case float32:
		return spelled(strconv.FormatFloat(float64(v), 'g', -1, 32))
	case float64:
		return spelled(strconv.FormatFloat(v, 'g', -1, 64))
	default:
		return &node{kind: kindNull}
	}
}

// put sets a member, at the end if it is new.
func (n *node) put(name string, v any) {
	for i := range n.members {
		if n.members[i].name == name {
			n.members[i].value = valueOf(v)
			return
		}
	}
	n.members = append(n.members, member{name, valueOf(v)})
}

// has says whether an object has a member, null or not.
func (n *node) has(name string) bool { return n.get(name) != nil }

// without is an object without some members.
func (n *node) without(names ...string) *node {
	out := *n
	out.members = slices.DeleteFunc(slices.Clone(n.members), func(m member) bool { return slices.Contains(names, m.name) })
	return &out
}

// clone is a copy whose own members can be put anew.
func (n *node) clone() *node { return n.without() }

// laid is an object with the members that a layout names, in its order: names with
// spaces between them. Members that are not there are left out.
func (n *node) laid(layout string) *node {
	out := &node{kind: kindObject}
	for _, name := range strings.Fields(layout) {
		if v := n.get(name); v != nil {
			out.members = append(out.members, member{name, v})
		}
	}
	return out
}

// MarshalJSON writes a value with its members in order.
func (n *node) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes(), nil
}

// compact is the JSON of a value on one line.
func (n *node) compact() []byte {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

// write writes a value's JSON.
func (n *node) write(b *bytes.Buffer) {
	switch n.kind {
	case kindString:
		b.Write(quoted(n.text))
	case kindNumber:
		b.WriteString(n.text)
	case kindBool:
		b.WriteString(strconv.FormatBool(n.yes))
	case kindArray:
		b.WriteByte('[')
		for i, e := range n.elems {
			if i > 0 {
				b.WriteByte(',')
			}
			e.write(b)
		}
		b.WriteByte(']')
	case kindObject:
		b.WriteByte('{')
		for i, m := range n.members {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(quoted(m.name))
			b.WriteByte(':')
			m.value.write(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(null)
	}
}

// null is JSON's.
const null = "null"

// quoted is a text as JSON.
func quoted(s string) json.RawMessage {
	b, _ := marshal(s) // a string cannot fail
	return b
}
