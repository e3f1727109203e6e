package wire

import "strings"

// member is one member of an `extra_json`.
type member struct {
	key   string
	value string // its text
	begin int    // offset of the name's quote
	place int    // offset of the value
}

// nextMember reads the member at i of an object's text; i is 1 behind the
// object's brace, or behind a member. It returns the offset behind the member;
// 0 behind the last one. depth is how many containers are open around a value.
func nextMember(text string, i, depth, limit int) (m member, end int, kind Kind) {
	i = skipSpace(text, i)
	if i < len(text) && text[i] == '}' {
		return m, 0, 0
	}
	if i < len(text) && text[i] == ',' {
		i = skipSpace(text, i+1)
	}
	if i >= len(text) || text[i] != '"' {
		return m, i, NotJSON
	}
	from := i + 1
	m.begin = i
	if i, kind = skipKey(text, i); kind != 0 {
		return m, i, kind
	}
	quote, saved, _ := scanString(text, from)
	m.key, m.place = unquote(text[from:quote], saved), i
	if i, kind = skip(text, i, depth, limit); kind != 0 {
		return m, i, kind
	}
	m.value = text[m.place:i]
	return m, i, 0
}

// Held returns the bits of the fields whose members stand in extra. For
// generated code.
func Held(extra string, bit func(string) uint64) uint64 {
	if extra == "" {
		return 0
	}
	return held(extra, bit)
}

func held(extra string, bit func(string) uint64) uint64 {
	var bits uint64
	for i := skipSpace(extra, 0) + 1; ; {
		m, end, kind := nextMember(extra, i, 0, maxDepth)
		if kind != 0 || end == 0 {
			return bits
		}
		bits |= bit(m.key)
		i = end
	}
}

// Without returns extra without the members that have these bits: a field that
// is set stands above the text that was kept for it. For generated code.
func Without(extra string, bits uint64, bit func(string) uint64) string {
	if bits == 0 {
		return extra
	}
	out := make([]byte, 0, len(extra))
	for i := skipSpace(extra, 0) + 1; ; {
		m, end, kind := nextMember(extra, i, 0, maxDepth)
		switch {
		case kind != 0 || end == 0:
			if len(out) == 0 {
				return ""
			}
			return string(append(out, '}'))
		case bit(m.key)&bits != 0:
		case len(out) == 0:
			out = append(append(out, '{'), extra[m.begin:end]...)
		default:
			out = append(append(out, ','), extra[m.begin:end]...)
		}
		i = end
	}
}

// Member returns the text of a member of an `extra_json`, and whether it is
// there.
func Member(extra, key string) (value string, ok bool) {
	if extra == "" {
		return "", false
	}
	for i := skipSpace(extra, 0) + 1; ; {
		m, end, kind := nextMember(extra, i, 0, maxDepth)
		if kind != 0 || end == 0 {
			return "", false
		}
		if m.key == key {
			return m.value, true
		}
		i = end
	}
}

// LastMember is Member where the member is likely the last one of a large object, the
// text of valid JSON. key needs no escapes.
func LastMember(object, key string) (value string, ok bool) {
	name := `"` + key + `"`
	// Unless a backslash stands before it, the first quote begins a string; if only the
	// object's end follows its value, the string is a name in this very object.
	at := strings.LastIndex(object, name)
	if at < 1 || object[at-1] == '\\' {
		return Member(object, key)
	}
	colon := skipSpace(object, at+len(name))
	if colon >= len(object) || object[colon] != ':' {
		return Member(object, key)
	}
	begin := skipSpace(object, colon+1)
	end, kind := skip(object, begin, 0, maxDepth)
	if kind != 0 {
		return Member(object, key)
	}
	last := skipSpace(object, end)
	if last >= len(object) || object[last] != '}' || skipSpace(object, last+1) < len(object) {
		return Member(object, key)
	}
	return object[begin:end], true
}

// AddMember returns an `extra_json` with one more member. value is JSON text; the
// member must not be there yet.
func AddMember(extra, key, value string) string {
	b := make([]byte, 0, len(extra)+len(key)+len(value)+6)
	if inner := members(extra); inner != "" {
		b = append(b, '{')
		b = append(b, inner...)
		b = append(b, ',')
	} else {
		b = append(b, '{')
	}
	b = AppendString(b, key)
	b = append(b, ':')
	b = append(b, value...)
	return string(append(b, '}'))
}
