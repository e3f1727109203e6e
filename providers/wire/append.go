package wire

import (
	"maps"
	"math"
	"slices"
	"strconv"
)

// Close ends an object whose members were written from offset n on, each with a
// comma before it, and adds the members that no field holds.
func Close(b []byte, n int, extra string) []byte {
	if extra != "" {
		if inner := members(extra); inner != "" {
			b = append(b, ',')
			b = append(b, inner...)
		}
	}
	if len(b) == n {
		return append(b, '{', '}')
	}
	b[n] = '{'
	return append(b, '}')
}

// members returns the text between the braces of an object.
func members(extra string) string {
	i := skipSpace(extra, 0)
	j := len(extra)
	for j > i && extra[j-1] <= ' ' {
		j--
	}
	if j-i < 2 || extra[i] != '{' || extra[j-1] != '}' {
		return ""
	}
	if i = skipSpace(extra, i+1); i >= j-1 {
		return ""
	}
	return extra[i : j-1]
}

// AppendString writes a string with the escapes that JSON demands, and no
// others. What is not UTF-8 becomes U+FFFD, so that the text is JSON whatever
// the string is.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	checked := false
	for from := 0; ; {
		i, high := scanRun(s, from, 0)
		if high&highs != 0 && !checked {
			checked = true
			if invalidUTF8(s[from:]) >= 0 {
				s = s[:from] + string([]rune(s[from:]))
				continue
			}
		}
		b = append(b, s[from:i]...)
		if i == len(s) {
			return append(b, '"')
		}
		b = appendEscape(b, s[i])
		from = i + 1
	}
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// AppendInt writes a whole number.
func AppendInt[T ~int32 | ~int64](b []byte, v T) []byte {
	return strconv.AppendInt(b, int64(v), 10)
}

// AppendDouble writes the shortest text that is read back as the same number. A
// number that JSON cannot write becomes null.
func AppendDouble(b []byte, v float64) []byte { return appendNumber(b, v, 64) }

func appendNumber(b []byte, v float64, bits int) []byte {
	abs := math.Abs(v)
	if abs > math.MaxFloat64 || v != v {
		return append(b, "null"...)
	}
	if abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, v, 'f', -1, bits)
	}
	b = strconv.AppendFloat(b, v, 'e', -1, bits)
	if n := len(b); b[n-4] == 'e' && b[n-3] == '-' && b[n-2] == '0' { // 1e-09 is 1e-9
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b
}

// AppendDecimal is AppendDouble with a decimal point for whole numbers, "1.0".
func AppendDecimal(b []byte, v float64) []byte {
	n := len(b)
	b = AppendDouble(b, v)
	for _, c := range b[n:] {
		if c != '-' && c-'0' > 9 {
			return b
		}
	}
	return append(b, '.', '0')
}

// AppendBool writes a boolean.
func AppendBool(b []byte, v bool) []byte { return strconv.AppendBool(b, v) }

// Keys returns the keys of a map in their order.
func Keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
