package wire

import "sync"

// Decoder reads one document. Its methods are for generated code, which fills
// one message in one pass and then asks Finish what went wrong: the first fault
// ends the reading of every object around it.
//
// A method that reads a value returns false, with nothing read, when the value
// is of another kind than the method takes.
type Decoder struct {
	src   string
	pos   int
	depth int // containers open around pos
	max   int
	mode  Mode
	room  int // bytes of memory that may still be filled
	fault *Error

	// extra and unknown are stacks: an object uses what lies above the height
	// that it found.
	extra   []byte   // text of the members that are kept
	unknown []string // names that no field has

	// strings and ints are room for optional fields, taken in pieces: a field is a
	// pointer, and one allocation serves several.
	strings []string
	ints    []int32
}

// Object is an object that is being read.
type Object struct {
	// Key is the name of the member whose value comes next.
	Key     string
	escaped bool // whether the name needs escapes to be written
	started bool
	begin   int // offset of its brace
	extra   int
	unknown int
	names   map[string]struct{} // in place of Decoder.unknown, when they are many
}

var decoders = sync.Pool{New: func() any { return new(Decoder) }}

const (
	// maxKept bounds the buffers that a decoder keeps for its next document.
	maxKept = 64 << 10
	// What a document may fill is in proportion to its length: [{},{},{}] is
	// short, and a hundred times as long as messages.
	roomBase   = 4 << 20
	roomFactor = 8
	// fewNames is how many unknown names are compared one by one.
	fewNames = 16
	// mapEntry is about what an entry of a map takes beside its value.
	mapEntry = 64
)

// Start begins a document, which must be an object.
func Start(src string, lim Limits, mode Mode) *Decoder { return startWith('{', src, lim, mode, 0) }

// StartArray begins a document, which must be an array.
func StartArray(src string, lim Limits, mode Mode) *Decoder { return startWith('[', src, lim, mode, 0) }

// startWith begins a document that must start with a bracket.
func startWith(bracket byte, src string, lim Limits, mode Mode, depth int) *Decoder {
	d := start(src, lim, mode, depth)
	if d.fault == nil && d.src[d.pos] != bracket {
		d.wrongRoot()
	}
	return d
}

// start begins a document of any kind that stands inside of depth containers.
func start(src string, lim Limits, mode Mode, depth int) *Decoder {
	d, _ := decoders.Get().(*Decoder)
	d.src, d.pos, d.depth, d.max, d.mode = src, 0, depth, lim.depth(), mode
	d.room = roomBase + roomFactor*len(src)
	if int64(len(src)) > lim.bytes() {
		d.fault = &Error{Kind: TooLarge, Offset: lim.bytes()}
		return d
	}
	if d.pos = skipSpace(src, 0); d.pos >= len(src) {
		d.fail(NotJSON, d.pos)
	}
	return d
}

// wrongRoot tells a document of the wrong kind from one that is not JSON.
func (d *Decoder) wrongRoot() {
	at := d.pos
	if end, kind := skip(d.src, d.pos, d.depth, d.max); kind != 0 {
		d.fail(kind, end)
		return
	}
	d.fail(WrongKind, at)
}

// Finish ends the document and gives the decoder back. It returns nil or an
// *Error.
func (d *Decoder) Finish() error { return d.finish().AsError() }

func (d *Decoder) finish() *Error {
	if d.fault == nil {
		if d.pos = skipSpace(d.src, d.pos); d.pos < len(d.src) {
			d.fault = &Error{Kind: TrailingData, Offset: int64(d.pos)}
		}
	}
	fault := d.fault
	keep, names := d.extra[:0], d.unknown[:cap(d.unknown)]
	clear(names) // they are pieces of the document
	names = names[:0]
	if cap(keep) > maxKept {
		keep = nil
	}
	if cap(names) > maxKept/16 {
		names = nil
	}
	*d = Decoder{extra: keep, unknown: names}
	decoders.Put(d)
	return fault
}

// fail records a fault at an offset, if it is the first one.
func (d *Decoder) fail(kind Kind, offset int) {
	if d.fault == nil {
		d.fault = faultAt(d.src, kind, offset)
	}
}

// Open begins the object at the current place; the caller knows that it is one.
func (d *Decoder) Open() Object {
	begin := d.pos
	if d.fault == nil {
		d.enter()
	}
	return Object{begin: begin, extra: len(d.extra), unknown: len(d.unknown)}
}

// enter steps into the container at the current place.
func (d *Decoder) enter() {
	if d.depth >= d.max {
		d.fail(TooDeep, d.pos)
		return
	}
	d.depth++
	d.pos++
}

// Next moves to the value of the next member. It returns false behind the last
// one, and after a fault.
func (d *Decoder) Next(o *Object) bool {
	if d.fault != nil {
		return false
	}
	s := d.src
	i := skipSpace(s, d.pos)
	if i < len(s) && s[i] == '}' {
		d.pos = i + 1
		d.depth--
		return false
	}
	if o.started {
		if i >= len(s) || s[i] != ',' {
			d.fail(NotJSON, i)
			return false
		}
		i = skipSpace(s, i+1)
	}
	o.started = true
	if i >= len(s) || s[i] != '"' {
		d.fail(NotJSON, i)
		return false
	}
	end, saved, kind := scanString(s, i+1)
	if kind != 0 {
		d.fail(kind, end)
		return false
	}
	o.Key, o.escaped = unquote(s[i+1:end], saved), saved != 0
	i = skipSpace(s, end+1)
	if i >= len(s) || s[i] != ':' {
		d.fail(NotJSON, i)
		return false
	}
	if i = skipSpace(s, i+1); i >= len(s) {
		d.fail(NotJSON, i)
		return false
	}
	d.pos = i
	return true
}

// take counts memory that a value will fill.
func (d *Decoder) take(size uintptr) bool {
	if d.room -= int(size); d.room < 0 {
		d.fail(TooMany, d.pos)
	}
	return d.fault == nil
}

// Keep keeps the member among those that no field can hold.
func (d *Decoder) Keep(o *Object) {
	end, ok := d.skipValue()
	if !ok {
		return
	}
	if len(d.extra) == o.extra {
		d.extra = append(d.extra, '{')
	} else {
		d.extra = append(d.extra, ',')
	}
	if o.escaped {
		d.extra = AppendString(d.extra, o.Key)
	} else {
		d.extra = append(d.extra, '"')
		d.extra = append(d.extra, o.Key...)
		d.extra = append(d.extra, '"')
	}
	d.extra = append(d.extra, ':')
	d.extra = append(d.extra, d.src[d.pos:end]...)
	d.pos = end
}

// Close ends an object that keeps what its fields cannot hold.
func (d *Decoder) Close(o *Object, extra *string) {
	if len(d.extra) > o.extra {
		d.extra = append(d.extra, '}')
		*extra = string(d.extra[o.extra:])
		d.extra = d.extra[:o.extra]
	}
	d.End(o)
}

// End ends an object.
func (d *Decoder) End(o *Object) { d.unknown = d.unknown[:o.unknown] }

// Unknown refuses a member that no field has.
func (d *Decoder) Unknown() { d.fail(UnknownMember, d.pos) }

// Mismatch refuses a value that its field cannot hold.
func (d *Decoder) Mismatch() {
	if d.fault != nil {
		return
	}
	if _, ok := d.skipValue(); ok {
		d.fail(WrongKind, d.pos)
	}
}

// skipValue finds the end of the value at the current place.
func (d *Decoder) skipValue() (end int, ok bool) {
	if d.fault != nil {
		return 0, false
	}
	end, kind := skip(d.src, d.pos, d.depth, d.max)
	if kind != 0 {
		d.fail(kind, end)
		return 0, false
	}
	return end, true
}
