package wire

import (
	"strconv"
	"strings"
)

// Kind is what is wrong with a document.
type Kind uint8

const (
	// NotJSON is text that the grammar of JSON does not allow.
	NotJSON Kind = iota + 1
	// InvalidUTF8 is a string that is not UTF-8.
	InvalidUTF8
	// LoneSurrogate is an escape that names half of a character.
	LoneSurrogate
	// TooDeep is nesting beyond Limits.MaxDepth.
	TooDeep
	// DuplicateKey is a name that stands twice in one object.
	DuplicateKey
	// TooLarge is a document beyond Limits.MaxBytes.
	TooLarge
	// TooMany is a document of more values than its length warrants: what is read
	// of it would take a multiple of its own memory.
	TooMany
	// TrailingData is text behind the document's end.
	TrailingData
	// UnknownMember is a member that the message has no field for and no place to
	// keep.
	UnknownMember
	// WrongKind is a value of another kind than the field takes, where the message
	// has no place to keep it.
	WrongKind
	// Conflict is a member that is given twice: by its field and as JSON text.
	Conflict
	// NotFinite is a number that JSON cannot write: an infinity, or none.
	NotFinite
	// WrongType is a member of a union that another `type` belongs to than the one
	// that is given, or JSON text whose `type` has a field of its own.
	WrongType
)

var kindTexts = [...]string{
	NotJSON:       "the text is not JSON",
	InvalidUTF8:   "the string is not UTF-8",
	LoneSurrogate: "the string has an escape for half of a surrogate pair",
	TooDeep:       "the value is nested too deep",
	DuplicateKey:  "the member stands twice in its object",
	TooLarge:      "the text is longer than allowed",
	TooMany:       "there are too many values",
	TrailingData:  "there is text behind the end of the value",
	UnknownMember: "there is no such member",
	WrongKind:     "the value is of the wrong kind",
	Conflict:      "the member is given twice, by a field and as JSON text",
	NotFinite:     "the number is not finite",
	WrongType:     "the type belongs to another field than the one that is set",
}

// String is the sentence that Error says, without the place.
func (k Kind) String() string {
	if int(k) < len(kindTexts) && kindTexts[k] != "" {
		return kindTexts[k]
	}
	return "kind " + strconv.Itoa(int(k))
}

// Error says what is wrong with a document, and where.
type Error struct {
	// Kind is what is wrong.
	Kind Kind
	// Offset is where: bytes from the start of the text. Zero for a fault that
	// stands in no text.
	Offset int64
	// Path is the value at fault, "messages[2].content". Empty: the document
	// itself.
	Path string
}

// Error is one sentence.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Path != "" {
		b.WriteString(e.Path)
		b.WriteString(": ")
	}
	b.WriteString(e.Kind.String())
	if e.Offset > 0 {
		b.WriteString(" (byte ")
		b.WriteString(strconv.FormatInt(e.Offset, 10))
		b.WriteByte(')')
	}
	return b.String()
}

// At returns the error with its path inside the named member. For generated
// code.
func (e *Error) At(member string) *Error {
	out := *e
	out.Path = join(member, e.Path)
	return &out
}

// AtIndex returns the error with its path inside an element of the named list.
// For generated code.
func (e *Error) AtIndex(list string, index int) *Error {
	return e.At(list + "[" + strconv.Itoa(index) + "]")
}

// AsError turns nil into a nil error. For generated code.
func (e *Error) AsError() error {
	if e == nil {
		return nil
	}
	return e
}

func join(outer, inner string) string {
	if inner == "" || inner[0] == '[' {
		return outer + inner
	}
	return outer + "." + inner
}
