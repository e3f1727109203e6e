package wire

import "iter"

// Piece is a member of an object, or an element of an array.
type Piece struct {
	// Key is the name, unescaped.
	Key string
	// Value is the text of the value.
	Value string
	// Begin and End are the offsets of the member's text: name, colon and value.
	Begin, End int
}

// Members yields the members of an object, the text of valid JSON, in order.
// Whatever is wrong in it ends them.
func Members(object string) iter.Seq[Piece] {
	return func(yield func(Piece) bool) {
		start := skipSpace(object, 0)
		if start >= len(object) || object[start] != '{' {
			return
		}
		for i := start + 1; ; {
			m, end, kind := nextMember(object, i, 0, maxDepth)
			if kind != 0 || end == 0 || !yield(Piece{Key: m.key, Value: m.value, Begin: m.begin, End: end}) {
				return
			}
			i = end
		}
	}
}

// Elements yields the elements of an array, the text of valid JSON, in order: Value,
// Begin and End. Whatever is wrong in it ends them.
func Elements(array string) iter.Seq[Piece] {
	return func(yield func(Piece) bool) {
		i := skipSpace(array, 0)
		if i >= len(array) || array[i] != '[' {
			return
		}
		for i++; ; {
			i = skipSpace(array, i)
			if i < len(array) && array[i] == ',' {
				i = skipSpace(array, i+1)
			}
			if i >= len(array) || array[i] == ']' {
				return
			}
			end, kind := skip(array, i, 0, maxDepth)
			if kind != 0 || !yield(Piece{Value: array[i:end], Begin: i, End: end}) {
				return
			}
			i = end
		}
	}
}
