// Package wire is the runtime of the JSON codec: OpenAI's JSON in and out of our
// messages, without reflection. Package codec is generated on top of it from the
// options of signalbox.wire.v1, whose proto says how a message looks as JSON.
//
// A document is one string. What is read out of it are substrings of it, so a
// string without escapes, and every piece of verbatim JSON, costs no copy; it
// keeps the document alive as long as it lives itself.
//
// Decoding is total over valid JSON: what no field can hold is kept as text. It
// is also stricter than JSON: a name twice in an object that is read, a lone
// surrogate, and nesting beyond a limit are errors.
package wire

// Mode says which side of a call a message is on, and how it is written where
// OpenAI has two ways.
type Mode uint8

const (
	// Request is what a client sends.
	Request Mode = 0
	// Reply is what a provider sends: members that OpenAI always sends are
	// written even when nothing is known, as `emit_null` and `emit_empty` say.
	Reply Mode = 1
	// Base64Vectors is added to either: lists of floats are then written as base64
	// of their bytes, and not as arrays of numbers. Both are read in every mode.
	Base64Vectors Mode = 2
)

// Replies says whether the mode is that of a reply.
func (m Mode) Replies() bool { return m&Reply != 0 }

// Limits bound what a document may be. A member that is zero has its default.
type Limits struct {
	// MaxDepth is how many arrays and objects may stand in each other: 100
	// by default, 1024 at most.
	MaxDepth int
	// MaxBytes is how long a document may be: 128 MiB by default.
	MaxBytes int64
}

const (
	defaultDepth = 100
	maxDepth     = 1024
	defaultBytes = 128 << 20
)

func (l Limits) depth() int {
	if l.MaxDepth <= 0 {
		return defaultDepth
	}
	return min(l.MaxDepth, maxDepth)
}

func (l Limits) bytes() int64 {
	if l.MaxBytes <= 0 {
		return defaultBytes
	}
	return l.MaxBytes
}
