package wire

import (
	"encoding/binary"
	"math/bits"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// The scanner: functions over a text and an offset, without state. A function
// that fails returns the offset of the fault and a Kind other than 0.

const (
	ones  = 0x0101010101010101
	highs = 0x80 * ones
)

// load returns eight bytes of s as a little-endian word. Its callers' loops run
// while i+8 <= len(s), which is the check that is left out here: it is a fifth of
// the time of everything that scans text.
func load(s string, i int) uint64 {
	p := unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), i)
	return binary.LittleEndian.Uint64((*[8]byte)(p)[:])
}

// special marks, by its high bit, the first byte of a word at which a string
// ends or needs care: a quote, a backslash, a control character. Marks above the
// lowest one may be false.
func special(w uint64) uint64 {
	return ((w - ' '*ones) | ((w ^ '"'*ones) - ones) | ((w ^ '\\'*ones) - ones)) & ^w & highs
}

// scanString reads the string whose first byte after the quote is at i. It
// returns the offset of the closing quote and how many bytes shorter the string
// is without its escapes; 0 means that it has none.
func scanString(s string, i int) (end, saved int, kind Kind) {
	start := i
	var high uint64
	for i+8 <= len(s) {
		w := load(s, i)
		high |= w
		if m := special(w); m != 0 {
			i += bits.TrailingZeros64(m) >> 3
			if s[i] == '"' && high&highs == 0 {
				return i, 0, 0
			}
			break
		}
		i += 8
	}
	return scanRest(s, start, i, high)
}

// scanRest goes on with a string that has escapes, is not ASCII, or stands near
// the end of the text. high has the bytes from start to i.
func scanRest(s string, start, i int, high uint64) (end, saved int, kind Kind) {
	for {
		i, saved, high = scanText(s, i, saved, high)
		if i >= len(s) {
			return len(s), 0, NotJSON
		}
		switch s[i] {
		case '"':
			if high&highs != 0 {
				if at := invalidUTF8(s[start:i]); at >= 0 {
					return start + at, 0, InvalidUTF8
				}
			}
			return i, saved, 0
		case '\\':
			n, shorter, kind := scanEscape(s, i)
			if kind != 0 {
				return n, 0, kind
			}
			i, saved = n, saved+shorter
		default:
			return i, 0, NotJSON
		}
	}
}

// scanText passes over plain text and over escapes of two characters, which code and
// prose are full of. It returns the offset of what it does not pass, or the length of
// s. high gathers the bytes that it saw, for their high bits.
func scanText(s string, i, saved int, high uint64) (at, shorter int, seen uint64) {
	for i+16 <= len(s) {
		a, b := load(s, i), load(s, i+8)
		high |= a | b
		first, second := special(a), special(b)
		switch {
		case first != 0:
			i += bits.TrailingZeros64(first) >> 3
		case second != 0:
			i += 8 + bits.TrailingZeros64(second)>>3
		default:
			i += 16
			continue
		}
		if s[i] != '\\' || i+1 >= len(s) || !short(s[i+1]) {
			return i, saved, high
		}
		i, saved = i+2, saved+1
	}
	i, high = scanRun(s, i, high)
	return i, saved, high
}

// scanRun returns the offset of the next special byte, or the length of s. high
// gathers the bytes passed, for their high bits.
func scanRun(s string, i int, high uint64) (int, uint64) {
	for i+8 <= len(s) {
		w := load(s, i)
		high |= w
		if m := special(w); m != 0 {
			return i + bits.TrailingZeros64(m)>>3, high
		}
		i += 8
	}
	for i < len(s) {
		c := s[i]
		if c == '"' || c == '\\' || c < ' ' {
			break
		}
		high |= uint64(c)
		i++
	}
	return i, high
}

// short says whether a backslash and c are an escape of two characters.
func short(c byte) bool {
	const (
		low  = 1<<'"' | 1<<'/'
		high = 1<<('\\'-64) | 1<<('b'-64) | 1<<('f'-64) | 1<<('n'-64) | 1<<('r'-64) | 1<<('t'-64)
	)
	if c < 64 {
		return uint64(low)>>c&1 != 0
	}
	return c < 128 && uint64(high)>>(c-64)&1 != 0
}

// scanEscape reads the escape whose backslash is at i. It returns the offset
// behind it and how much shorter the character is in UTF-8.
func scanEscape(s string, i int) (end, shorter int, kind Kind) {
	if i+1 >= len(s) {
		return len(s), 0, NotJSON
	}
	switch s[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2, 1, 0
	case 'u':
		r := hex4(s, i+2)
		switch {
		case r < 0:
			return i, 0, NotJSON
		case r < 0xD800 || r > 0xDFFF:
			return i + 6, 6 - utf8.RuneLen(r), 0
		case r < 0xDC00 && i+7 < len(s) && s[i+6] == '\\' && s[i+7] == 'u':
			if low := hex4(s, i+8); low >= 0xDC00 && low <= 0xDFFF {
				return i + 12, 12 - 4, 0
			}
		}
		return i, 0, LoneSurrogate
	}
	return i, 0, NotJSON
}

// hex4 returns the number that four hexadecimal digits at i say, or -1.
func hex4(s string, i int) rune {
	if i+4 > len(s) {
		return -1
	}
	var r rune
	for _, c := range []byte(s[i : i+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unquote returns what a string says. raw was read by scanString, which told
// saved; without escapes it is returned as it is.
func unquote(raw string, saved int) string {
	if saved == 0 {
		return raw
	}
	out := make([]byte, 0, len(raw)-saved)
	for {
		run := strings.IndexByte(raw, '\\')
		if run < 0 {
			out = append(out, raw...)
			return unsafe.String(unsafe.SliceData(out), len(out))
		}
		out = append(out, raw[:run]...)
		if raw = raw[run+1:]; raw[0] != 'u' {
			out = append(out, unescape(raw[0]))
			raw = raw[1:]
			continue
		}
		r := hex4(raw, 1)
		raw = raw[5:]
		if r >= 0xD800 && r <= 0xDFFF {
			r = (r-0xD800)<<10 | (hex4(raw, 2) - 0xDC00) + 0x10000
			raw = raw[6:]
		}
		out = utf8.AppendRune(out, r)
	}
}

// unescape returns the character that a letter means behind a backslash.
func unescape(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// scanNumber reads the number that starts at i and returns the offset behind it.
func scanNumber(s string, i int) (end int, kind Kind) {
	if i < len(s) && s[i] == '-' {
		i++
	}
	switch {
	case i >= len(s):
		return i, NotJSON
	case s[i] == '0':
		i++
	case s[i] >= '1' && s[i] <= '9':
		i = scanDigits(s, i)
	default:
		return i, NotJSON
	}
	if i < len(s) && s[i] == '.' {
		from := i + 1
		if i = scanDigits(s, from); i == from {
			return i, NotJSON
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		from := i
		if i = scanDigits(s, from); i == from {
			return i, NotJSON
		}
	}
	return i, 0
}

func scanDigits(s string, i int) int {
	for i < len(s) && s[i]-'0' <= 9 {
		i++
	}
	return i
}

// scanLiteral reads true, false or null at i.
func scanLiteral(s string, i int) (end int, kind Kind) {
	word := "null"
	switch s[i] {
	case 't':
		word = "true"
	case 'f':
		word = "false"
	}
	if len(s)-i < len(word) || s[i:i+len(word)] != word {
		return i, NotJSON
	}
	return i + len(word), 0
}

// skipSpace returns the offset of the next byte that is not white space.
func skipSpace(s string, i int) int {
	for i < len(s) && s[i] <= ' ' && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}
