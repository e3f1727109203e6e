package openapi

import (
	"bytes"
	"encoding/json"
)

// object is a JSON object whose members keep the order in which they were added.
type object struct {
	members []member
}

type member struct {
	name  string
	value any
}

// add appends a member.
func (o *object) add(name string, value any) {
	o.members = append(o.members, member{name, value})
}

// text appends a member unless it is empty.
func (o *object) text(name, value string) {
	if value != "" {
		o.add(name, value)
	}
}

// flag appends a member that is true, or nothing.
func (o *object) flag(name string, value bool) {
	if value {
		o.add(name, true)
	}
}

// MarshalJSON writes the members in their order.
func (o *object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := encode(m.name)
		if err != nil {
			return nil, err
		}
		value, err := encode(m.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// encode is json.Marshal without the escaping of <, > and &, which is for HTML.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}
