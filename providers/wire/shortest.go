package wire

import (
	"math"
	"slices"
)

// Floats as text, as short as they can be read back: strconv's work, for the numbers
// that vectors are made of, in half of its time.

// appendFloat writes a float.
func appendFloat(b []byte, v float32) []byte {
	if short, ok := shorten(math.Float32frombits(math.Float32bits(v) &^ (1 << 31))); ok {
		if v < 0 {
			b = append(b, '-')
		}
		return short.append(b)
	}
	return appendNumber(b, float64(v), 32)
}

// shortest is what a number is written with: nine digits, as a whole number between 1e8
// and 1e9, of which zeros at the end are left out, and the exponent of the first one.
type shortest struct {
	digits   uint32
	exponent int
}

// doubt is more than what rounding may have added to, or taken from, nine digits.
const doubt = 1e-6

// shorten returns the shortest text that reads back as v, which is not negative. It
// returns false, with nothing said of v, for one below 1e-6 or from 1e7 on, for powers
// of two, whose neighbours are not equally far, and for one in doubt.
//
// What reads back as v lies less than half a step from it. Scaled to nine digits v is a
// float64 that is wrong by far less than doubt, and half a step is between 2.9 and 60,
// so of multiples of 1000 at most one lies there. If none does the nearest one of 100 is
// tried, then of 10. A whole number always does.
func shorten(v float32) (shortest, bool) {
	bits := math.Float32bits(v)
	d := float64(v)
	if bits&(1<<23-1) == 0 || !(d >= 1e-6 && d < 1e7) {
		return shortest{}, false
	}
	binary := int(bits>>23) - 127
	k := binary * 1233 >> 12 // the logarithm to base 10, or one less
	s := d * powers[8-k]
	if s >= 1e9 {
		k++
		s = d * powers[8-k]
	}
	half := math.Float64frombits(uint64(binary-24+1023)<<52) * powers[8-k]
	whole := uint32(s)
	// The divisions are by constants, which makes them multiplications.
	near, step := (whole+500)/1000*1000, 1000.0
	off := math.Abs(float64(near) - s)
	if off > half+doubt {
		near, step = (whole+50)/100*100, 100
		off = math.Abs(float64(near) - s)
	}
	if off > half+doubt {
		near, step = (whole+5)/10*10, 10
		off = math.Abs(float64(near) - s)
	}
	if off > half+doubt {
		near, step = uint32(s+0.5), 1
		off = math.Abs(float64(near) - s)
	}
	if off > half-doubt || math.Abs(off-step/2) < doubt {
		return shortest{}, false
	}
	if near >= 1e9 {
		near, k = near/10, k+1
	}
	return shortest{near, k}, true
}

// pairs are the numbers below 100.
const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

// append writes the number without an exponent.
func (n shortest) append(b []byte) []byte {
	var text [9]byte
	rest := n.digits
	for i := 7; i >= 1; i -= 2 {
		pair := rest % 100 * 2
		rest /= 100
		text[i], text[i+1] = pairs[pair], pairs[pair+1]
	}
	text[0] = byte('0' + rest) //nolint:gosec // one digit is left
	last := len(text)
	for text[last-1] == '0' {
		last--
	}
	if n.exponent < 0 {
		const most = len("0.00000") + len(text)
		begin := len(b)
		b = slices.Grow(b, most)[:begin+most]
		room := (*[most]byte)(b[begin:]) // copies of fixed sizes are a few instructions
		*(*[7]byte)(room[:]) = [7]byte{'0', '.', '0', '0', '0', '0', '0'}
		*(*[len(text)]byte)(room[1-n.exponent:]) = text
		return b[:begin+1-n.exponent+last]
	}
	point := n.exponent + 1
	if last <= point {
		return append(b, text[:point]...)
	}
	b = append(b, text[:point]...)
	return append(append(b, '.'), text[point:last]...)
}
