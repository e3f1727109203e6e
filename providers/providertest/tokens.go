package providertest

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// tokens cuts a text into pieces of a word with the space before it, or of one
// mark: about what a tokenizer does, and joined they are the text again.
func tokens(text string) []string {
	var out []string
	var word strings.Builder
	cut := func() {
		if word.Len() > 0 {
			out = append(out, word.String())
			word.Reset()
		}
	}
	for _, r := range text {
		switch {
		case r == ' ' || r == '\n' || r == '\t':
			cut()
			word.WriteRune(r)
		case strings.ContainsRune(`.,;:!?"'{}[]()`, r):
			cut()
			word.WriteRune(r)
			cut()
		default:
			word.WriteRune(r)
		}
	}
	cut()
	return out
}

// pieces cuts a text into n pieces of about equal size, for arguments and the
// like; none is empty.
func pieces(text string, size int) []string {
	var out []string
	rest := []rune(text)
	for len(rest) > 0 {
		n := min(size, len(rest))
		out = append(out, string(rest[:n]))
		rest = rest[n:]
	}
	return out
}

// digest is a name made from texts: equal texts, equal name.
func digest(texts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\x00")))
	return hex.EncodeToString(sum[:])[:29]
}

// padding is the random text that obfuscates the size of a chunk, only that it is
// the same for the same chunk.
func padding(id string, n int) string {
	d := digest(id, "padding", strings.Repeat("i", n%31))
	return d[:1+int(d[28]%12)]
}
