package describe

import (
	"fmt"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
)

// options reads the custom options of descriptors. Their types come from the request
// itself, never from generated code: else a generation that failed would take away
// what this plugin is built from.
type options struct {
	types *protoregistry.Types
}

func newOptions(files []*protogen.File) (*options, error) {
	types := &protoregistry.Types{}
	for _, file := range files {
		for _, extension := range file.Extensions {
			if err := types.RegisterExtension(dynamicpb.NewExtensionType(extension.Desc)); err != nil {
				return nil, fmt.Errorf("read the option %s: %w", extension.Desc.FullName(), err)
			}
		}
	}
	return &options{types: types}, nil
}

// of returns the option of this name in a descriptor's options; an empty value when it is not set.
func (o *options) of(descriptor protoreflect.Descriptor, name protoreflect.FullName) (value, error) {
	plain := descriptor.Options()
	raw, err := proto.Marshal(plain)
	if err != nil {
		return value{}, fmt.Errorf("read the options of %s: %w", descriptor.FullName(), err)
	}
	typed := plain.ProtoReflect().New().Interface()
	if err := (proto.UnmarshalOptions{Resolver: o.types}).Unmarshal(raw, typed); err != nil {
		return value{}, fmt.Errorf("read the options of %s: %w", descriptor.FullName(), err)
	}
	found := value{}
	typed.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if field.FullName() == name {
			found = value{v.Message()}
			return false
		}
		return true
	})
	return found, nil
}

// value is an option's message, read by the names of its fields. Reading an empty
// one gives zero values.
type value struct {
	message protoreflect.Message
}

// get returns a field that is set.
func (v value) get(name protoreflect.Name) (protoreflect.Value, bool) {
	if v.message == nil {
		return protoreflect.Value{}, false
	}
	field := v.message.Descriptor().Fields().ByName(name)
	if field == nil || !v.message.Has(field) {
		return protoreflect.Value{}, false
	}
	return v.message.Get(field), true
}

func (v value) text(name protoreflect.Name) string {
	got, ok := v.get(name)
	if !ok {
		return ""
	}
	return got.String()
}

func (v value) flag(name protoreflect.Name) bool {
	got, ok := v.get(name)
	return ok && got.Bool()
}

// texts returns a list of strings, or of enum values by name.
func (v value) texts(name protoreflect.Name) []string {
	got, ok := v.get(name)
	if !ok {
		return nil
	}
	enum := v.message.Descriptor().Fields().ByName(name).Enum()
	texts := make([]string, 0, got.List().Len())
	for i := range got.List().Len() {
		item := got.List().Get(i)
		if enum != nil {
			texts = append(texts, string(enum.Values().ByNumber(item.Enum()).Name()))
			continue
		}
		texts = append(texts, item.String())
	}
	return texts
}

// enum returns the name of an enum's value. Empty: not set.
func (v value) enum(name protoreflect.Name) string {
	got, ok := v.get(name)
	if !ok {
		return ""
	}
	return string(v.message.Descriptor().Fields().ByName(name).Enum().Values().ByNumber(got.Enum()).Name())
}

// child returns a message field.
func (v value) child(name protoreflect.Name) value {
	got, ok := v.get(name)
	if !ok {
		return value{}
	}
	return value{got.Message()}
}

// children returns a list of messages.
func (v value) children(name protoreflect.Name) []value {
	got, ok := v.get(name)
	if !ok {
		return nil
	}
	list := make([]value, 0, got.List().Len())
	for i := range got.List().Len() {
		list = append(list, value{got.List().Get(i).Message()})
	}
	return list
}

// number returns a numeric field as it is written in JSON.
func (v value) number(name protoreflect.Name) (any, bool) {
	got, ok := v.get(name)
	if !ok {
		return nil, false
	}
	return got.Interface(), true
}
