package wire

import (
	"math"
	"strconv"
)

// parseInt returns the whole number that a JSON number says, if an int64 can
// hold it. "1.0" and "1e3" are whole numbers.
func parseInt(s string) (int64, bool) {
	if v, err := strconv.ParseInt(s, 10, 64); err == nil {
		return v, true
	}
	n := decimalOf(s)
	if n.digits == "" || n.exp < 0 || n.exp > 18 {
		return 0, n.digits == ""
	}
	text := n.digits
	if n.negative {
		text = "-" + text
	}
	for range n.exp {
		text += "0"
	}
	v, err := strconv.ParseInt(text, 10, 64)
	return v, err == nil
}

// parseDouble returns the number that a JSON number says, if a float64 can hold
// it: neither too large nor too small, and a whole number exactly.
func parseDouble(s string) (float64, bool) {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, false
	}
	if math.Abs(v) < 1<<53 && v != 0 {
		return v, true
	}
	want, got := decimalOf(s), decimalOf(strconv.FormatFloat(v, 'e', -1, 64))
	return v, want.exp == got.exp && want.digits == got.digits
}

// decimal is a number as digits without zeros at either end, times a power of
// ten.
type decimal struct {
	negative bool
	digits   string
	exp      int
}

// decimalOf takes a JSON number apart. Zero has no digits. Exponents too large
// for a number of any type come out as far too large.
func decimalOf(s string) decimal {
	var n decimal
	if s[0] == '-' {
		n.negative = true
		s = s[1:]
	}
	digits := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c|0x20 == 'e':
			exp, err := strconv.Atoi(s[i+1:])
			if err != nil || exp > 1<<30 || exp < -1<<30 {
				exp = 1 << 30
			}
			n.exp += exp
			i = len(s)
		case c == '.':
			n.exp -= fraction(s[i+1:])
		default:
			digits = append(digits, c)
		}
	}
	for len(digits) > 0 && digits[0] == '0' {
		digits = digits[1:]
	}
	for len(digits) > 0 && digits[len(digits)-1] == '0' {
		digits = digits[:len(digits)-1]
		n.exp++
	}
	n.digits = string(digits)
	if n.digits == "" {
		n.exp = 0
	}
	return n
}

// fraction counts the digits before the exponent.
func fraction(s string) int { return scanDigits(s, 0) }
