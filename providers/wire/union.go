package wire

import "unsafe"

// A union is told apart by its member `type`, which may stand anywhere in the
// object. The methods here look for it ahead of the reading, and do not move.

// Tag returns the text of the member `type` of the object at the current place.
// It returns false when the object has none, or a null. A `type` that is no
// string, and an object that is not JSON, have the tag "".
func (d *Decoder) Tag() (tag string, typed bool) {
	at, found, ok := d.find("type")
	switch {
	case !ok:
		return "", true
	case !found || d.src[at] == 'n':
		return "", false
	case d.src[at] != '"':
		return "", true
	}
	end, saved, kind := scanString(d.src, at+1)
	if kind != 0 {
		return "", true
	}
	return unquote(d.src[at+1:end], saved), true
}

// Has says whether the object at the current place has a member of this name.
func (d *Decoder) Has(name string) bool {
	_, found, _ := d.find(name)
	return found
}

// find returns where the value of a member starts. ok is false where the object
// is at fault; whoever reads it finds the same fault again.
func (d *Decoder) find(name string) (at int, found, ok bool) {
	if d.fault != nil {
		return 0, false, false
	}
	s := d.src
	for i := d.pos + 1; ; {
		i = skipSpace(s, i)
		switch {
		case i < len(s) && s[i] == '}':
			return 0, false, true
		case i < len(s) && s[i] == ',':
			i = skipSpace(s, i+1)
		}
		if i >= len(s) || s[i] != '"' {
			return 0, false, false
		}
		end, saved, kind := scanString(s, i+1)
		if kind != 0 {
			return 0, false, false
		}
		found = unquote(s[i+1:end], saved) == name
		if i = skipSpace(s, end+1); i >= len(s) || s[i] != ':' {
			return 0, false, false
		}
		if i = skipSpace(s, i+1); i >= len(s) || found {
			return i, found, i < len(s)
		}
		if i, kind = skip(s, i, d.depth+1, d.max); kind != 0 {
			return 0, false, false
		}
	}
}

// New makes what an arm of a union is read into.
func New[T any](d *Decoder) *T {
	v := new(T)
	d.take(unsafe.Sizeof(*v))
	return v
}

// Pass leaves out the member, which is kept with the text of its object.
func (d *Decoder) Pass() {
	if end, ok := d.skipValue(); ok {
		d.pos = end
	}
}

// Text ends an object that is kept as it came, and returns it.
func (d *Decoder) Text(o *Object) string {
	d.extra = d.extra[:o.extra]
	d.End(o)
	if d.fault != nil {
		return ""
	}
	return d.src[o.begin:d.pos]
}

// Other checks the field of a union that holds a whole object: one whose `type` has
// no field of its own, and is the message's where that has one. choose tells the
// field and the type of the object that a decoder stands at.
func (c Checker) Other(field, text, typ string, depth int, choose func(*Decoder) (int, string)) *Error {
	if text == "" {
		return nil
	}
	begin, fault := c.value(text, depth-1)
	if fault == nil && text[begin] != '{' {
		fault = &Error{Kind: WrongKind, Offset: int64(begin)}
	}
	if fault == nil {
		fault = c.unique(text, begin, depth, 0, func(string) uint64 { return 0 })
	}
	if fault != nil {
		return fault.At(field)
	}
	d := start(text, Limits{MaxDepth: c.depth, MaxBytes: c.bytes}, Request, depth-1)
	number, tag := choose(d)
	d.pos = len(text)
	if fault = d.finish(); fault != nil {
		return fault.At(field)
	}
	switch {
	case number != 0:
		return &Error{Kind: WrongType, Path: field}
	case typ != "" && typ != tag:
		return &Error{Kind: Conflict, Path: join(field, "type")}
	}
	return nil
}

// Beside checks the `extra_json` of an arm against the union's own members: those
// that are set, and `type`, which may be a null there and nothing else. Without a
// type the names of foreign may not stand there either: by them the object would be
// known as another arm. The text has passed Extra.
func (c Checker) Beside(extra, typ string, set uint64, bit func(string) uint64, foreign ...string) *Error {
	if extra == "" {
		return nil
	}
	conflict := held(extra, bit)&set != 0
	if value, ok := Member(extra, "type"); ok && value != "null" {
		conflict = true
	}
	for _, name := range foreign {
		if _, ok := Member(extra, name); ok && typ == "" {
			conflict = true
		}
	}
	if conflict {
		return &Error{Kind: Conflict, Path: "extra_json"}
	}
	return nil
}
