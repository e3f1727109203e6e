package wire

import (
	"math"
	"strconv"
	"unsafe"
)

// Replies says whether the document is a reply.
func (d *Decoder) Replies() bool { return d.mode == Reply }

// IsObject says whether an object comes next.
func (d *Decoder) IsObject() bool { return d.fault == nil && d.src[d.pos] == '{' }

// Null reads a null.
func (d *Decoder) Null() bool {
	if d.src[d.pos] != 'n' {
		return false
	}
	d.literal()
	return true
}

func (d *Decoder) literal() {
	end, kind := scanLiteral(d.src, d.pos)
	if kind != 0 {
		d.fail(kind, end)
		return
	}
	d.pos = end
}

// text reads the string that comes next.
func (d *Decoder) text() string {
	end, saved, kind := scanString(d.src, d.pos+1)
	if kind != 0 {
		d.fail(kind, end)
		return ""
	}
	s := unquote(d.src[d.pos+1:end], saved)
	d.pos = end + 1
	return s
}

// String reads a string.
func (d *Decoder) String(dst *string) bool {
	if d.src[d.pos] != '"' {
		return false
	}
	*dst = d.text()
	return true
}

// OptString reads a string into an optional field.
func (d *Decoder) OptString(dst **string) bool {
	if d.src[d.pos] != '"' {
		return false
	}
	if len(d.strings) == 0 {
		d.strings = make([]string, slabStrings)
	}
	*dst = &d.strings[0]
	d.strings = d.strings[1:]
	**dst = d.text()
	return true
}

// How many optional fields share an allocation.
const (
	slabStrings  = 4
	slabInts     = 8
	slabMessages = 8
)

// Constant reads a string if it is this one.
func (d *Decoder) Constant(want string) bool {
	if d.src[d.pos] != '"' {
		return false
	}
	end, saved, kind := scanString(d.src, d.pos+1)
	if kind != 0 {
		d.fail(kind, end)
		return true
	}
	if unquote(d.src[d.pos+1:end], saved) != want {
		return false
	}
	d.pos = end + 1
	return true
}

// Bool reads a boolean.
func (d *Decoder) Bool(dst *bool) bool {
	c := d.src[d.pos]
	if c != 't' && c != 'f' {
		return false
	}
	d.literal()
	*dst = c == 't'
	return true
}

// OptBool reads a boolean into an optional field.
func (d *Decoder) OptBool(dst **bool) bool { return optional(d, dst, (*Decoder).Bool) }

// Int64 reads a whole number that fits, however it is spelled.
func (d *Decoder) Int64(dst *int64) bool {
	v, end, ok := d.whole()
	if ok {
		*dst, d.pos = v, end
	}
	return ok || d.fault != nil
}

// OptInt64 reads a whole number into an optional field.
func (d *Decoder) OptInt64(dst **int64) bool { return optional(d, dst, (*Decoder).Int64) }

// Int32 reads a whole number that fits, however it is spelled.
func (d *Decoder) Int32(dst *int32) bool {
	v, end, ok := d.whole()
	if ok = ok && v == int64(int32(v)); ok {
		*dst, d.pos = int32(v), end
	}
	return ok || d.fault != nil
}

// OptInt32 reads a whole number into an optional field.
func (d *Decoder) OptInt32(dst **int32) bool {
	var v int32
	if !d.Int32(&v) {
		return false
	}
	if len(d.ints) == 0 {
		d.ints = make([]int32, slabInts)
	}
	*dst = &d.ints[0]
	d.ints = d.ints[1:]
	**dst = v
	return true
}

// whole returns the whole number that comes next, and where it ends.
func (d *Decoder) whole() (v int64, end int, ok bool) {
	s, i := d.src, d.pos
	negative := s[i] == '-'
	if negative {
		i++
	}
	from := i
	for i < len(s) && s[i]-'0' <= 9 && i-from < 18 {
		v = v*10 + int64(s[i]-'0')
		i++
	}
	plain := i > from && (s[from] != '0' || i == from+1) && i < len(s) && (s[i] == ',' || s[i] == '}' || s[i] == ']' || s[i] <= ' ')
	switch {
	case !plain:
		if end, ok = d.number(); ok {
			v, ok = parseInt(s[d.pos:end])
		}
		return v, end, ok
	case negative:
		v = -v
	}
	return v, i, true
}

// Double reads a number that a float64 can hold.
func (d *Decoder) Double(dst *float64) bool {
	end, ok := d.number()
	if !ok {
		return d.fault != nil
	}
	v, ok := parseDouble(d.src[d.pos:end])
	if ok {
		*dst, d.pos = v, end
	}
	return ok
}

// OptDouble reads a number into an optional field.
func (d *Decoder) OptDouble(dst **float64) bool { return optional(d, dst, (*Decoder).Double) }

// number finds the end of the number that comes next.
func (d *Decoder) number() (end int, ok bool) {
	if c := d.src[d.pos]; c != '-' && c-'0' > 9 {
		return 0, false
	}
	end, kind := scanNumber(d.src, d.pos)
	if kind != 0 {
		d.fail(kind, end)
		return 0, false
	}
	return end, true
}

func optional[T any](d *Decoder, dst **T, read func(*Decoder, *T) bool) bool {
	var v T
	if !read(d, &v) {
		return false
	}
	*dst = &v
	return true
}

// Raw reads a value of any kind as its text.
func (d *Decoder) Raw(dst *string) bool {
	end, ok := d.skipValue()
	if ok {
		*dst, d.pos = d.src[d.pos:end], end
	}
	return true
}

// Deferred reads an array as its text.
func (d *Decoder) Deferred(dst *string) bool {
	return d.src[d.pos] == '[' && d.Raw(dst)
}

// Into reads an object into a new message.
func Into[T any](d *Decoder, dst **T, read func(*Decoder, *T)) bool {
	if !d.IsObject() {
		return false
	}
	if v := new(T); d.take(unsafe.Sizeof(*v)) {
		*dst = v
		read(d, v)
	}
	return true
}

// Messages reads an array of objects. empty says whether the field may stay
// unset for an empty array.
func Messages[T any](d *Decoder, dst *[]*T, empty bool, read func(*Decoder, *T)) bool {
	if d.src[d.pos] != '[' {
		return false
	}
	begin, depth := d.pos, d.depth
	var out []*T
	var slab []T
	for d.enter(); d.element(len(out)); {
		if d.src[d.pos] != '{' {
			return d.back(begin, depth)
		}
		if len(slab) == 0 {
			slab = make([]T, min(max(len(out), 1), slabMessages))
		}
		if d.take(unsafe.Sizeof(slab[0])) {
			read(d, &slab[0])
		}
		out = append(out, &slab[0])
		slab = slab[1:]
	}
	if len(out) == 0 && !empty {
		return d.back(begin, depth)
	}
	*dst = out
	return true
}

// Values reads an array of scalars. empty is as for Messages.
func Values[T any](d *Decoder, dst *[]T, empty bool, read func(*Decoder, *T) bool) bool {
	if d.src[d.pos] != '[' {
		return false
	}
	begin, depth := d.pos, d.depth
	var out []T
	for d.enter(); d.element(len(out)); {
		if out == nil {
			out = make([]T, 0, 4)
		}
		var zero T
		out = append(out, zero)
		if !d.take(unsafe.Sizeof(zero)) || !read(d, &out[len(out)-1]) {
			return d.back(begin, depth)
		}
	}
	if len(out) == 0 && !empty {
		return d.back(begin, depth)
	}
	*dst = out
	return true
}

// back returns to a value that turned out to be of the wrong kind.
func (d *Decoder) back(begin, depth int) bool {
	if d.fault != nil {
		return true
	}
	d.pos, d.depth = begin, depth
	return false
}

// element moves to the next element of an array of which n were read. It returns
// false behind the last one.
func (d *Decoder) element(n int) bool {
	if d.fault != nil {
		return false
	}
	s := d.src
	i := skipSpace(s, d.pos)
	switch {
	case i < len(s) && s[i] == ']':
		d.pos = i + 1
		d.depth--
		return false
	case n == 0:
	case i < len(s) && s[i] == ',':
		i = skipSpace(s, i+1)
	default:
		d.fail(NotJSON, i)
		return false
	}
	d.pos = i
	if i >= len(s) || s[i] == ']' {
		d.fail(NotJSON, i)
		return false
	}
	return true
}

// Map reads an object whose values are all of one kind. empty is as for Messages.
func Map[V any](d *Decoder, dst *map[string]V, empty bool, read func(*Decoder, *V) bool) bool {
	if !d.IsObject() {
		return false
	}
	begin, depth := d.pos, d.depth
	out := make(map[string]V)
	v := new(V)
	for o := d.Open(); d.Next(&o); {
		if _, twice := out[o.Key]; twice {
			d.duplicate()
			return true
		}
		if !d.take(mapEntry+unsafe.Sizeof(*v)) || !read(d, v) {
			return d.back(begin, depth)
		}
		out[o.Key] = *v
	}
	if len(out) == 0 {
		return empty || d.back(begin, depth)
	}
	*dst = out
	return true
}

// Enum reads the name of a value, or its number where the value has no name.
func Enum[T ~int32](d *Decoder, dst *T, value func(string) (T, bool)) bool {
	if d.src[d.pos] != '"' {
		var n int32
		if !d.Int32(&n) {
			return false
		}
		*dst = T(n)
		return true
	}
	begin := d.pos
	v, ok := value(d.text())
	if !ok && d.fault == nil {
		d.pos = begin
		return false
	}
	*dst = v
	return true
}

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
