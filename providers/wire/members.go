package wire

import "iter"

// Members iterates over the members of an `extra_json` in their order: each one's
// name and the text of its value.
func Members(extra string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if extra == "" {
			return
		}
		for i := skipSpace(extra, 0) + 1; ; {
			m, end, kind := nextMember(extra, i, 0, maxDepth)
			if kind != 0 || end == 0 || !yield(m.key, m.value) {
				return
			}
			i = end
		}
	}
}
