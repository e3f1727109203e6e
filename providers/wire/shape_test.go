package wire_test

import (
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
