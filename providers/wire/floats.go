package wire

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"
)

// Vectors: lists of 32-bit floats, as an array of numbers or as base64 of their
// little-endian bytes. A number is rounded to the nearest float, as every reader
// of a vector does.

const (
	floatBytes = 4
	// A chunk is whole floats and whole groups of base64.
	chunkFloats = 192
	chunkText   = chunkFloats * floatBytes / 3 * 4
)

// Floats reads an array of numbers, or base64. empty says whether the field may
// stay unset for an empty list.
func (d *Decoder) Floats(dst *[]float32, empty bool) bool {
	switch d.src[d.pos] {
	case '[':
		return d.floatArray(dst, empty)
	case '"':
		return d.floatText(dst, empty)
	}
	return false
}

func (d *Decoder) floatArray(dst *[]float32, empty bool) bool {
	begin, depth := d.pos, d.depth
	var out []float32
	for d.enter(); d.element(len(out)); {
		if out == nil {
			out = make([]float32, 0, d.countElements())
		}
		v, end, ok := parseFloat(d.src, d.pos)
		if !ok {
			if end, ok = d.number(); ok {
				v, ok = roundFloat(d.src[d.pos:end])
			}
			if !ok {
				return d.back(begin, depth)
			}
		}
		out, d.pos = append(out, v), end
	}
	if len(out) == 0 && !empty {
		return d.back(begin, depth)
	}
	*dst = out
	return true
}

// countElements returns how many elements the flat array has whose first one is
// the current place. The text of one takes two bytes at least, so the list is at
// most twice as long as its text.
func (d *Decoder) countElements() int {
	rest := d.src[d.pos:]
	end := strings.IndexByte(rest, ']')
	if c := rest[0]; end < 0 || c != '-' && c-'0' > 9 {
		return 1
	}
	return 1 + strings.Count(rest[:end], ",")
}

// powers are the powers of ten that a float64 has exactly.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// parseFloat reads the number at i, if it is an ordinary one: without an exponent, and
// with up to 19 digits. It returns false for any other text, with nothing said of it.
//
// The digits, as a whole number, and the power of ten are float64s; so is their
// quotient, wrong by less than two units of its last place. Rounding it to a float32
// gives the nearest one, unless it is that close to the middle between two.
func parseFloat(s string, i int) (v float32, end int, ok bool) {
	negative := s[i] == '-'
	if negative {
		i++
	}
	begin := i
	digits, i := addDigits(s, i, 0)
	n, scale := i-begin, 0
	if n == 0 || s[begin] == '0' && n > 1 {
		return 0, 0, false
	}
	if i < len(s) && s[i] == '.' {
		from := i + 1
		if digits, i = addDigits(s, from, digits); i == from {
			return 0, 0, false
		}
		scale = i - from
	}
	if n+scale > 19 {
		n -= zeros(s[begin:])
	}
	if n+scale > 19 || scale >= len(powers) || i >= len(s) || s[i]|0x20 == 'e' {
		return 0, 0, false
	}
	q := float64(digits) / powers[scale]
	if middle := math.Float64bits(q) & (1<<29 - 1); digits != 0 && (q < 0x1p-126 || middle-(1<<28-4) <= 8) {
		return 0, 0, false
	}
	if v = float32(q); negative {
		v = -v
	}
	return v, i, true
}

// addDigits goes on with a whole number, whose digits go on at i.
func addDigits(s string, i int, v uint64) (uint64, int) {
	for i < len(s) && s[i]-'0' <= 9 {
		v = v*10 + uint64(s[i]-'0')
		i++
	}
	return v, i
}

// zeros counts the zeros that a number starts with, before and behind its point.
func zeros(s string) int {
	n := 0
	for ; n < len(s) && (s[n] == '0' || s[n] == '.'); n++ {
	}
	return n - strings.Count(s[:n], ".")
}

// roundFloat returns the float nearest to a JSON number, if there is a finite one.
func roundFloat(s string) (float32, bool) {
	v, err := strconv.ParseFloat(s, 32)
	return float32(v), err == nil
}

func (d *Decoder) floatText(dst *[]float32, empty bool) bool {
	end, saved, kind := scanString(d.src, d.pos+1)
	if kind != 0 {
		d.fail(kind, end)
		return true
	}
	out, ok := unpackFloats(unquote(d.src[d.pos+1:end], saved))
	if !ok || len(out) == 0 && !empty {
		return false
	}
	*dst, d.pos = out, end+1
	return true
}

// unpackFloats returns the floats whose bytes a text encodes.
func unpackFloats(text string) ([]float32, bool) {
	size := len(text) / 4 * 3
	size -= len(text) - len(strings.TrimRight(text, "="))
	if len(text)%4 != 0 || size%floatBytes != 0 {
		return nil, false
	}
	if size == 0 {
		return nil, text == ""
	}
	out := make([]float32, 0, size/floatBytes)
	var buf [chunkFloats * floatBytes]byte
	for src := unsafe.Slice(unsafe.StringData(text), len(text)); len(src) > 0; {
		part := src[:min(len(src), chunkText)]
		src = src[len(part):]
		n, err := base64.StdEncoding.Decode(buf[:], part)
		if err != nil || n < len(buf) && len(src) > 0 {
			return nil, false
		}
		for i := 0; i+floatBytes <= n; i += floatBytes {
			out = append(out, math.Float32frombits(binary.LittleEndian.Uint32(buf[i:])))
		}
	}
	return out, len(out)*floatBytes == size // line breaks, which the decoder passes over, are missing
}

// AppendFloats writes a vector as the mode says.
func AppendFloats(b []byte, v []float32, mode Mode) []byte {
	if mode&Base64Vectors != 0 {
		return appendPacked(b, v)
	}
	b = append(b, '[')
	for i, x := range v {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendFloat(b, x)
	}
	return append(b, ']')
}

func appendPacked(b []byte, v []float32) []byte {
	b = append(slices.Grow(b, base64.StdEncoding.EncodedLen(len(v)*floatBytes)+2), '"')
	var buf [chunkFloats * floatBytes]byte
	for len(v) > 0 {
		n := min(len(v), chunkFloats)
		for i, x := range v[:n] {
			binary.LittleEndian.PutUint32(buf[i*floatBytes:], math.Float32bits(x))
		}
		b = base64.StdEncoding.AppendEncode(b, buf[:n*floatBytes])
		v = v[n:]
	}
	return append(b, '"')
}
