package wire

// skip reads the value that starts at i, without meaning: grammar, UTF-8,
// surrogates and depth. depth is how many containers are open around it. It
// returns the offset behind the value.
//
// It does not recurse. What it must remember of a container is one bit: whether
// it is an object.
func skip(s string, i, depth, maxDepth int) (end int, kind Kind) {
	var objects [maxDepthWords]uint64
	level := 0
	for {
		// A value starts at i.
		if i >= len(s) {
			return i, NotJSON
		}
		switch c := s[i]; {
		case c == '"':
			if i, _, kind = scanString(s, i+1); kind != 0 {
				return i, kind
			}
			i++
		case c == '{' || c == '[':
			if depth+level >= maxDepth {
				return i, TooDeep
			}
			bit := uint64(1) << (level & 63)
			objects[level>>6] &^= bit
			if c == '{' {
				objects[level>>6] |= bit
			}
			level++
			i = skipSpace(s, i+1)
			if i < len(s) && s[i] == c+2 { // '}' and ']' stand two behind '{' and '['
				level--
				i++
				break
			}
			if c == '{' {
				if i, kind = skipKey(s, i); kind != 0 {
					return i, kind
				}
			}
			continue
		case c == '-' || c-'0' <= 9:
			if i, kind = scanNumber(s, i); kind != 0 {
				return i, kind
			}
		case c == 't' || c == 'f' || c == 'n':
			if i, kind = scanLiteral(s, i); kind != 0 {
				return i, kind
			}
		default:
			return i, NotJSON
		}
		if i, level, kind = skipTail(s, i, level, &objects); kind != 0 || level == 0 {
			return i, kind
		}
	}
}

const maxDepthWords = maxDepth / 64

// skipTail closes the containers that end behind a value, and moves to the next
// value.
func skipTail(s string, i, level int, objects *[maxDepthWords]uint64) (int, int, Kind) {
	for level > 0 {
		i = skipSpace(s, i)
		if i >= len(s) {
			return i, level, NotJSON
		}
		object := objects[(level-1)>>6]>>((level-1)&63)&1 != 0
		switch c := s[i]; {
		case c == ',':
			i = skipSpace(s, i+1)
			if !object {
				return i, level, 0
			}
			i, kind := skipKey(s, i)
			return i, level, kind
		case object && c == '}', !object && c == ']':
			level--
			i++
		default:
			return i, level, NotJSON
		}
	}
	return i, 0, 0
}

// skipKey reads a member's name and its colon, and moves to its value.
func skipKey(s string, i int) (int, Kind) {
	if i >= len(s) || s[i] != '"' {
		return i, NotJSON
	}
	i, _, kind := scanString(s, i+1)
	if kind != 0 {
		return i, kind
	}
	i = skipSpace(s, i+1)
	if i >= len(s) || s[i] != ':' {
		return i, NotJSON
	}
	return skipSpace(s, i+1), 0
}
