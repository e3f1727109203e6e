package wire

// Expand reads the text of a deferred member into its typed form; without text
// it returns the typed form that is there. Unlike a member of a document, which
// keeps what no field can hold, every element must be an object: what would be
// left aside here, nobody would look at before it is sent. An empty array goes to
// extra, since the typed form cannot tell it from absence. For generated code.
func Expand[T any](
	key, text string, typed []*T, extra *string, lim Limits, read func(*Decoder, *T),
) ([]*T, *Error) {
	switch {
	case text == "":
		return typed, nil
	case len(typed) > 0:
		return nil, &Error{Kind: Conflict, Path: key}
	}
	out, fault := elements(text, lim, read)
	if fault != nil {
		return nil, fault.At(key)
	}
	if len(out) == 0 {
		*extra = AddMember(*extra, key, "[]")
	}
	return out, nil
}

// elements reads an array of objects that is a member of a document.
func elements[T any](text string, lim Limits, read func(*Decoder, *T)) ([]*T, *Error) {
	d := start(text, lim, Request, 1)
	if d.fault == nil && d.src[d.pos] != '[' {
		d.wrongRoot()
	}
	var out []*T
	if d.fault == nil && !Messages(d, &out, true, read) {
		d.misfit()
	}
	return out, d.finish()
}

// misfit refuses an array that has another element than an object.
func (d *Decoder) misfit() {
	n := 0
	for d.enter(); d.element(n); n++ {
		if d.src[d.pos] != '{' {
			d.Mismatch()
			return
		}
		d.pos, _ = d.skipValue()
	}
}
