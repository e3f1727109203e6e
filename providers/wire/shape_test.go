package wire_test

import (
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
)

func messageShape(m protoreflect.MessageDescriptor) *wirev1.MessageShape {
	shape, _ := proto.GetExtension(m.Options(), wirev1.E_Message).(*wirev1.MessageShape)
	return shape
}

func fieldShape(f protoreflect.FieldDescriptor) *wirev1.FieldShape {
	shape, _ := proto.GetExtension(f.Options(), wirev1.E_Field).(*wirev1.FieldShape)
	return shape
}

// keyOf is the name of a field's member.
func keyOf(f protoreflect.FieldDescriptor) string {
	shape := fieldShape(f)
	switch {
	case shape.GetKey() != "":
		return shape.GetKey()
	case shape.GetRaw() || shape.GetDeferred():
		return strings.TrimSuffix(string(f.Name()), "_json")
	default:
		return string(f.Name())
	}
}
