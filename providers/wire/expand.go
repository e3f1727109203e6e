package wire

import "strings"

// Expand reads the text of a deferred member into one of its typed forms, by the
// first of the attempts that takes all of it. Unlike a member of a document, which
// keeps what no field can hold, every element must fit: what would be left aside
// here, nobody would look at before it is sent. An empty array goes to extra, since
// no typed form can tell it from absence. brackets has the first character of each
// kind of element that there is an attempt for. set says that a typed form is there
// already. For generated code.
func Expand(key, text string, set bool, extra *string, lim Limits, brackets string, attempts ...func(*Decoder) bool) *Error {
	switch {
	case text == "":
		return nil
	case set:
		return &Error{Kind: Conflict, Path: key}
	}
	d := startWith('[', text, lim, Request, 1)
	if d.fault == nil {
		if i := skipSpace(text, d.pos+1); i < len(text) && text[i] == ']' {
			*extra = AddMember(*extra, key, "[]")
		}
		d.attempt(attempts, brackets)
	}
	if fault := d.finish(); fault != nil {
		return fault.At(key)
	}
	return nil
}

func (d *Decoder) attempt(attempts []func(*Decoder) bool, brackets string) {
	for _, read := range attempts {
		if read(d) {
			return
		}
	}
	d.misfit(brackets)
}

// misfit refuses an array that has an element of another kind than the first one,
// or of a kind that nothing takes.
func (d *Decoder) misfit(brackets string) {
	begin := d.pos
	var first byte
	n := 0
	for d.enter(); d.element(n); n++ {
		kind := bracket(d.src[d.pos])
		if n == 0 {
			first = kind
		}
		if kind != first || strings.IndexByte(brackets, kind) < 0 {
			d.Mismatch()
			return
		}
		if end, ok := d.skipValue(); ok {
			d.pos = end
		}
	}
	d.fail(WrongKind, begin)
}

// bracket is the first character of a value; numbers have '0'.
func bracket(c byte) byte {
	if c == '-' || c-'0' <= 9 {
		return '0'
	}
	return c
}
