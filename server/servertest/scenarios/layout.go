package scenarios

import (
	"bytes"
	"encoding/json"
	"strings"
)

// width is how long a line of JSON may be before its members get lines of their own.
const width = 128

// layout writes JSON so that people can read it, and equal JSON equally: order of
// members, spelling of numbers and escapes stay, whitespace alone changes. What is no
// JSON stays as it is.
func layout(text string) string {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil {
		return text
	}
	p := &printer{src: compact.String()}
	p.value(0)
	return p.out.String() + "\n"
}

// printer writes compact JSON again.
type printer struct {
	src string
	out strings.Builder
}

// value writes the next value, at a depth.
func (p *printer) value(depth int) {
	text := p.next()
	line := p.out.String()
	column := len(line) - strings.LastIndexByte(line, '\n') - 1
	if column+len(text) <= width || text[0] != '{' && text[0] != '[' {
		p.out.WriteString(spaced(text))
		p.src = p.src[len(text):]
		return
	}
	p.out.WriteByte(text[0])
	p.src = p.src[1:]
	for p.src[0] != '}' && p.src[0] != ']' {
		p.out.WriteString("\n" + strings.Repeat("  ", depth+1))
		if text[0] == '{' {
			key := p.next()
			p.out.WriteString(key + ": ")
			p.src = p.src[len(key)+1:]
		}
		p.value(depth + 1)
		if p.src[0] == ',' {
			p.out.WriteByte(',')
			p.src = p.src[1:]
		}
	}
	p.out.WriteString("\n" + strings.Repeat("  ", depth) + p.src[:1])
	p.src = p.src[1:]
}

// next is the text of the next value.
func (p *printer) next() string {
	depth, inside := 0, false
	for i := 0; i < len(p.src); i++ {
		switch ch := p.src[i]; {
		case inside && ch == '\\':
			i++
			continue
		case ch == '"':
			inside = !inside
		case inside:
			continue
		case ch == '{' || ch == '[':
			depth++
		case ch == '}' || ch == ']':
			depth--
		case ch == ',' || ch == ':':
			if depth == 0 {
				return p.src[:i]
			}
		}
		if depth < 0 {
			return p.src[:i]
		}
		if depth == 0 && !inside && strings.IndexByte(`"}]`, p.src[i]) >= 0 {
			return p.src[:i+1]
		}
	}
	return p.src
}

// spaced puts a space after each comma and colon outside of strings.
func spaced(text string) string {
	var b strings.Builder
	inside := false
	for i := 0; i < len(text); i++ {
		b.WriteByte(text[i])
		switch ch := text[i]; {
		case inside && ch == '\\':
			i++
			b.WriteByte(text[i])
		case ch == '"':
			inside = !inside
		case !inside && (ch == ',' || ch == ':'):
			b.WriteByte(' ')
		}
	}
	return b.String()
}
