package main

import (
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
)

const (
	timestamp = "google.protobuf.Timestamp"
	duration  = "google.protobuf.Duration"
)

// key is the member's name.
func (f *field) key() string {
	switch name := string(f.Desc.Name()); {
	case f.shape.GetKey() != "":
		return f.shape.GetKey()
	case f.raw() || f.deferred():
		return strings.TrimSuffix(name, "_json")
	default:
		return name
	}
}

func (f *field) raw() bool      { return f.shape.GetRaw() }
func (f *field) deferred() bool { return f.shape.GetDeferred() }

func (f *field) list() bool { return f.Desc.IsList() && !f.single }

// floats says whether the field is a vector.
func (f *field) floats() bool { return f.list() && f.Desc.Kind() == protoreflect.FloatKind }

// double says whether the field, an element or a value of it is a number that
// may be infinite.
func (f *field) double() bool {
	return f.floats() || f.element().Desc.Kind() == protoreflect.DoubleKind
}

// kind is the JSON kind that the field takes, as a word of its own.
func (f *field) kind() string {
	switch {
	case f.raw():
		return "any"
	case f.deferred():
		return "text of an array"
	case f.list():
		return "array of " + (&field{Field: f.Field, single: true}).kind()
	case f.transparent():
		return "array"
	case f.Desc.IsMap(), f.object():
		return "object"
	case f.Desc.Kind() == protoreflect.BoolKind:
		return "boolean"
	case f.Desc.Kind() == protoreflect.StringKind, f.Desc.Kind() == protoreflect.EnumKind, f.wellKnown() != "":
		return "string"
	default:
		return "number"
	}
}

// element is the field itself, or the value of a map.
func (f *field) element() *protogen.Field {
	if f.Desc.IsMap() {
		return f.Message.Fields[1]
	}
	return f.Field
}

// wellKnown is the name of the Google message that is written as text, or empty.
func (f *field) wellKnown() string {
	if f.Message == nil {
		return ""
	}
	switch f.Message.Desc.FullName() {
	case timestamp:
		return "Timestamp"
	case duration:
		return "Duration"
	}
	return ""
}

// object says whether the field, or each element, is one of our messages.
func (f *field) object() bool {
	return f.Message != nil && !f.Desc.IsMap() && f.wellKnown() == ""
}

// transparent says whether the field, or each element, is a bare value.
func (f *field) transparent() bool {
	if !f.object() {
		return false
	}
	shape, _ := proto.GetExtension(f.Message.Desc.Options(), wirev1.E_Message).(*wirev1.MessageShape)
	return shape.GetTransparent()
}

func (f *field) checkedMessage(m *model) bool {
	return f.object() && m.messages[f.Message.Desc.FullName()].checks()
}

func (m *message) checks() bool { return m != nil && m.checked }

// arm is the oneof that the field is an arm of, or nil.
func (f *field) arm() *protogen.Oneof {
	if f.Oneof == nil || f.Oneof.Desc.IsSynthetic() {
		return nil
	}
	return f.Oneof
}

// presence says whether unset differs from zero for a scalar.
func (f *field) presence() bool { return f.Desc.HasPresence() }

// scalars are the kinds that the runtime has a reader for.
var scalars = map[protoreflect.Kind]string{
	protoreflect.StringKind: "String",
	protoreflect.BoolKind:   "Bool",
	protoreflect.Int32Kind:  "Int32",
	protoreflect.Int64Kind:  "Int64",
	protoreflect.DoubleKind: "Double",
}

// supported says what keeps a field from having a JSON form.
func (f *field) supported() error {
	kind := f.element().Desc.Kind()
	_, scalar := scalars[kind]
	switch {
	case f.raw() && f.deferred():
		return errors.New("raw and deferred exclude each other")
	case (f.raw() || f.deferred()) && (kind != protoreflect.StringKind || f.list() || f.presence() && f.arm() == nil ||
		!strings.HasSuffix(string(f.Desc.Name()), "_json")):
		return errors.New("a field of JSON text is a plain string whose name ends in _json")
	case f.shape.GetEmitInRequests() && !f.shape.GetEmitNull() && !f.shape.GetEmitEmpty():
		return errors.New("emit_in_requests goes with emit_null or emit_empty")
	case len(f.shape.GetEmitTypes()) > 0 && !f.shape.GetEmitNull() && !f.shape.GetEmitEmpty():
		return errors.New("emit_types goes with emit_null or emit_empty")
	case f.shape.GetDecimalPoint() && kind != protoreflect.DoubleKind:
		return errors.New("decimal_point is for doubles")
	case f.Desc.IsMap() && (!scalar || f.Desc.MapKey().Kind() != protoreflect.StringKind):
		return errors.New("maps are from strings to scalars")
	case f.arm() != nil && !f.object() && f.Desc.Name() != otherField:
		return errors.New("the arms of a oneof are messages")
	case f.wellKnown() != "" && f.list():
		return errors.New("lists of times are not supported")
	case kind == protoreflect.EnumKind && f.presence():
		return errors.New("optional enums are not supported")
	case kind == protoreflect.FloatKind && f.list():
		return nil
	case kind == protoreflect.FloatKind:
		return errors.New("float is for lists")
	case !scalar && kind != protoreflect.EnumKind && kind != protoreflect.MessageKind:
		return errors.New("the type " + kind.String() + " is not supported")
	}
	if f.object() && !strings.HasPrefix(string(f.Message.Desc.FullName()), "signalbox.") {
		return errors.New("the message " + string(f.Message.Desc.FullName()) + " is not ours")
	}
	return nil
}

// text is the raw field of the member, or nil.
func (m *member) text() *field {
	return m.find((*field).raw)
}

// twin is the deferred field of the member, or nil.
func (m *member) twin() *field {
	return m.find((*field).deferred)
}

func (m *member) emitNull() *field {
	return m.find(func(f *field) bool { return f.shape.GetEmitNull() })
}

func (m *member) emitEmpty() *field {
	return m.find(func(f *field) bool { return f.shape.GetEmitEmpty() })
}

func (m *member) find(is func(*field) bool) *field {
	if i := slices.IndexFunc(m.fields, is); i >= 0 {
		return m.fields[i]
	}
	return nil
}

// twins are the members that have a deferred field.
func (m *message) twins() []*member {
	var out []*member
	for _, mem := range m.members {
		if mem.twin() != nil {
			out = append(out, mem)
		}
	}
	return out
}
