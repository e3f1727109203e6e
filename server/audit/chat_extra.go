package audit

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// mergeObjects is the JSON object that has the members of both, in the order in
// which they came first. Of a member that both have, the second value is kept;
// objects are merged in turn.
func mergeObjects(first, second string) string {
	return combine(first, second, func(_ string, _, value json.RawMessage) json.RawMessage { return value })
}

// appendObjects is mergeObjects for what a delta adds: texts and lists go on where
// they ended, as they do in the members that have fields.
func appendObjects(first, second string) string {
	return combine(first, second, appendValue)
}

func appendValue(name string, old, value json.RawMessage) json.RawMessage {
	switch name {
	case "type", "id", "name", "object", "role":
		return value
	}
	switch {
	case bytes.HasPrefix(old, []byte("[")) && bytes.HasPrefix(value, []byte("[")):
		var before, more []json.RawMessage
		if json.Unmarshal(old, &before) == nil && json.Unmarshal(value, &more) == nil {
			return encoded(append(before, more...), value)
		}
	case bytes.HasPrefix(old, []byte(`"`)) && bytes.HasPrefix(value, []byte(`"`)):
		var before, more string
		if json.Unmarshal(old, &before) == nil && json.Unmarshal(value, &more) == nil {
			return encoded(before+more, value)
		}
	}
	return value
}

// encoded is v as JSON, or instead where that fails.
func encoded(v any, instead json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return instead
	}
	return bytes.TrimSpace(b.Bytes())
}

// combine makes one object of two. What is no object gives way to the second.
func combine(first, second string, both func(name string, old, value json.RawMessage) json.RawMessage) string {
	if first == "" || first == second && first == "{}" {
		return second
	}
	if second == "" {
		return first
	}
	members, ok := membersOf(first)
	more, moreOK := membersOf(second)
	if !ok || !moreOK {
		return second
	}
	for _, m := range more {
		at := slices.IndexFunc(members, func(had member) bool { return had.name == m.name })
		switch {
		case at < 0:
			members = append(members, m)
		case bytes.HasPrefix(members[at].value, []byte("{")) && bytes.HasPrefix(m.value, []byte("{")):
			members[at].value = json.RawMessage(combine(string(members[at].value), string(m.value), both))
		default:
			members[at].value = both(m.name, members[at].value, m.value)
		}
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(encoded(m.name, []byte(`""`)))
		b.WriteByte(':')
		b.Write(m.value)
	}
	b.WriteByte('}')
	return b.String()
}

// member is a member of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// membersOf are the members of an object, in its order.
func membersOf(object string) ([]member, bool) {
	decoder := json.NewDecoder(strings.NewReader(object))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, false
	}
	var members []member
	for decoder.More() {
		token, err := decoder.Token()
		if err != nil {
			return nil, false
		}
		name, ok := token.(string)
		if !ok {
			return nil, false
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, false
		}
		members = append(members, member{name: name, value: value})
	}
	return members, true
}

func hasMember(object, name string) bool {
	members, _ := membersOf(object)
	return slices.ContainsFunc(members, func(m member) bool { return m.name == name })
}
