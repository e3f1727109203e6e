package wire

import "strconv"

// maxPath bounds what an error says of the place: names are the sender's.
const maxPath = 256

// frame is one container around the place that pathAt looks for.
type frame struct {
	array bool
	index int
	key   string
	named bool
}

// pathAt names the place of an offset, "messages[2].content". It reads the text
// before the offset a second time, so that decoding need not keep a path. The
// text before the offset is well-formed, and not deeper than the limit.
func pathAt(src string, offset int) string {
	var stack []frame
	expectKey := false
	for i := 0; i < offset && i < len(src); {
		switch c := src[i]; c {
		case '{', '[':
			stack = append(stack, frame{array: c == '['})
			expectKey = c == '{'
		case '}', ']':
			stack = stack[:max(len(stack)-1, 0)]
			expectKey = false
		case ',':
			if len(stack) > 0 {
				top := &stack[len(stack)-1]
				top.index++
				top.named = false
				expectKey = !top.array
			}
		case '"':
			end, saved, kind := scanString(src, i+1)
			if kind != 0 || end >= offset {
				return render(stack)
			}
			if expectKey && len(stack) > 0 {
				top := &stack[len(stack)-1]
				top.key, top.named = unquote(src[i+1:end], saved), true
				expectKey = false
			}
			i = end
		}
		i++
	}
	return render(stack)
}

func render(stack []frame) string {
	var b []byte
	for _, f := range stack {
		switch {
		case f.array:
			b = append(b, '[')
			b = strconv.AppendInt(b, int64(f.index), 10)
			b = append(b, ']')
		case !f.named:
		case plainName(f.key):
			if len(b) > 0 {
				b = append(b, '.')
			}
			b = append(b, f.key...)
		default:
			b = append(b, '[')
			b = AppendString(b, f.key[:min(len(f.key), maxPath)])
			b = append(b, ']')
		}
		if len(b) > maxPath {
			return string(b[:maxPath]) + "..."
		}
	}
	return string(b)
}

// plainName says whether a name needs no quotes in a path.
func plainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return name != ""
}
