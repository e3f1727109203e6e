package wire

import "math"

// How many optional fields, and how many messages of a list, share an allocation.
const (
	slabStrings  = 4
	slabInts     = 8
	slabMessages = 8
)

// Replies says whether the document is a reply.
func (d *Decoder) Replies() bool { return d.mode.Replies() }

func (d *Decoder) isObject() bool { return d.fault == nil && d.src[d.pos] == '{' }

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
	if ok && v >= math.MinInt32 && v <= math.MaxInt32 {
		*dst, d.pos = int32(v), end
		return true
	}
	return d.fault != nil
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
