package wire

import "unsafe"

// Into reads an object into a new message.
func Into[T any](d *Decoder, dst **T, read func(*Decoder, *T)) bool {
	if !d.isObject() {
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
	if !d.isObject() {
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
