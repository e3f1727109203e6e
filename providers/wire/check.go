package wire

import (
	"math"
	"slices"
)

// Checker tells whether the JSON text in the fields of a message may stand in a
// document. It is for generated code.
type Checker struct {
	depth int
	bytes int64
}

// NewChecker returns a checker for a message that is a document of its own.
func NewChecker(lim Limits) Checker { return Checker{depth: lim.depth(), bytes: lim.bytes()} }

// Raw checks a field that holds a value of any kind, or nothing. depth is how
// many containers are open around the value.
func (c Checker) Raw(field, text string, depth int) *Error {
	if text == "" {
		return nil
	}
	if _, fault := c.value(text, depth); fault != nil {
		return fault.At(field)
	}
	return nil
}

// Deferred checks a field that holds an array, or nothing.
func (c Checker) Deferred(field, text string, depth int) *Error {
	if text == "" {
		return nil
	}
	begin, fault := c.value(text, depth)
	if fault == nil && text[begin] != '[' {
		fault = &Error{Kind: WrongKind, Offset: int64(begin)}
	}
	if fault != nil {
		return fault.At(field)
	}
	return nil
}

// value checks a text that is one value, and returns where it begins.
func (c Checker) value(text string, depth int) (begin int, fault *Error) {
	if int64(len(text)) > c.bytes {
		return 0, &Error{Kind: TooLarge, Offset: c.bytes}
	}
	begin = skipSpace(text, 0)
	end, kind := skip(text, begin, depth, c.depth)
	if kind != 0 {
		return 0, faultAt(text, kind, end)
	}
	if end = skipSpace(text, end); end < len(text) {
		return 0, &Error{Kind: TrailingData, Offset: int64(end)}
	}
	return begin, nil
}

func faultAt(text string, kind Kind, offset int) *Error {
	return &Error{Kind: kind, Offset: int64(offset), Path: pathAt(text, offset)}
}

// Extra checks a field `extra_json` that is not empty: an object without a name
// twice, and without a member whose field is set. bit tells a member's field,
// set has the bits of the fields that are set. depth is how many containers are
// open around the message's members, its own object included.
func (c Checker) Extra(text string, depth int, set uint64, bit func(string) uint64) *Error {
	const field = "extra_json"
	begin, fault := c.value(text, depth-1)
	if fault == nil && text[begin] != '{' {
		fault = &Error{Kind: WrongKind, Offset: int64(begin)}
	}
	if fault != nil {
		return fault.At(field)
	}
	if fault = c.unique(text, begin, depth, set, bit); fault != nil {
		return fault.At(field)
	}
	return nil
}

// unique checks that no name stands twice in an object, and none whose field is set.
func (c Checker) unique(text string, begin, depth int, set uint64, bit func(string) uint64) *Error {
	var seen names
	for i := begin + 1; ; {
		m, end, kind := nextMember(text, i, depth, c.depth)
		if kind != 0 {
			return faultAt(text, kind, end)
		}
		if end == 0 {
			return nil
		}
		kind = seen.add(m.key, len(text))
		if kind == 0 && bit(m.key)&set != 0 {
			kind = Conflict
		}
		if kind != 0 {
			return faultAt(text, kind, m.place)
		}
		i = end
	}
}

// Finite checks a number.
func (c Checker) Finite(field string, v float64) *Error {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return &Error{Kind: NotFinite, Path: field}
	}
	return nil
}

// names are the names of one object's members.
type names struct {
	few  []string
	many map[string]struct{}
}

// add notes a name. It fails for one that was noted before, and for more names
// than a text of this length warrants.
func (n *names) add(name string, length int) Kind {
	if n.many == nil && len(n.few) < fewNames {
		if slices.Contains(n.few, name) {
			return DuplicateKey
		}
		n.few = append(n.few, name)
		return 0
	}
	if n.many == nil {
		n.many = make(map[string]struct{}, 4*fewNames)
		for _, few := range n.few {
			n.many[few] = struct{}{}
		}
	}
	if _, twice := n.many[name]; twice {
		return DuplicateKey
	}
	n.many[name] = struct{}{}
	if len(n.many)*mapEntry > roomBase+roomFactor*length {
		return TooMany
	}
	return 0
}
