package describe

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Names that the protos are known by.
const (
	optionMessageShape = protoreflect.FullName("signalbox.wire.v1.message")
	optionFieldShape   = protoreflect.FullName("signalbox.wire.v1.field")
	optionPolicy       = protoreflect.FullName("signalbox.policy.v1.method")
	optionHTTP         = protoreflect.FullName("google.api.http")
	optionRules        = protoreflect.FullName("buf.validate.field")
	optionMessageRules = protoreflect.FullName("buf.validate.message")
	optionOneofRules   = protoreflect.FullName("buf.validate.oneof")

	fieldExtra = "extra_json"
	fieldOther = "other_json"
)

// messageShape is signalbox.wire.v1.MessageShape.
type messageShape struct {
	object      string
	union       bool
	transparent bool
}

// field is a proto field with all that says how it looks as JSON.
type field struct {
	*protogen.Field

	// key is the member's name.
	key       string
	raw       bool
	deferred  bool
	emitNull  bool
	emitEmpty bool
	emitTypes []string
	tags      []string
	derived   bool
	// untyped is the member that tells an arm of a union where there is no type.
	untyped string
	// rules is buf.validate.FieldRules.
	rules value
}

func (b *builder) messageShape(message *protogen.Message) (messageShape, error) {
	shape, err := b.options.of(message.Desc, optionMessageShape)
	if err != nil {
		return messageShape{}, err
	}
	return messageShape{
		object:      shape.text("object"),
		union:       shape.flag("union"),
		transparent: shape.flag("transparent"),
	}, nil
}

func (b *builder) field(plain *protogen.Field) (*field, error) {
	shape, err := b.options.of(plain.Desc, optionFieldShape)
	if err != nil {
		return nil, err
	}
	rules, err := b.options.of(plain.Desc, optionRules)
	if err != nil {
		return nil, err
	}
	f := &field{
		Field:     plain,
		key:       shape.text("key"),
		raw:       shape.flag("raw"),
		deferred:  shape.flag("deferred"),
		emitNull:  shape.flag("emit_null"),
		emitEmpty: shape.flag("emit_empty"),
		emitTypes: shape.texts("emit_types"),
		tags:      shape.texts("tags"),
		derived:   shape.flag("derived"),
		untyped:   shape.text("untyped"),
		rules:     rules,
	}
	name := string(plain.Desc.Name())
	if f.key == "" {
		f.key = name
		if f.raw || f.deferred {
			f.key = strings.TrimSuffix(name, "_json")
		}
	}
	if len(f.tags) == 0 {
		f.tags = []string{name}
	}
	return f, nil
}

// member is what one JSON member is made from: one field for each kind it can have.
type member struct {
	key    string
	fields []*field
	// always says that the member must be there.
	always bool
	// hidden are the fields of the message that have no member.
	hidden []string
}

// members returns the JSON members that the fields make, in order of their first fields.
// Fields without a member of their own are left out.
func (b *builder) members(fields []*protogen.Field) ([]*member, error) {
	var list []*member
	var hidden []string
	byKey := map[string]*member{}
	for _, plain := range fields {
		if plain.Desc.Name() == fieldExtra || plain.Desc.Name() == fieldOther {
			continue
		}
		f, err := b.field(plain)
		if err != nil {
			return nil, err
		}
		if f.derived {
			hidden = append(hidden, string(plain.Desc.Name()))
			continue
		}
		m, ok := byKey[f.key]
		if !ok {
			m = &member{key: f.key}
			byKey[f.key] = m
			list = append(list, m)
		}
		m.fields = append(m.fields, f)
	}
	for _, m := range list {
		m.hidden = hidden
	}
	return list, nil
}

// extra returns the field that holds the members without a field. Nil: there is none.
func extra(message *protogen.Message) *protogen.Field {
	for _, f := range message.Fields {
		if f.Desc.Name() == fieldExtra {
			return f
		}
	}
	return nil
}

// spell returns an enum value as JSON has it: without the enum's prefix, in lower
// case. The prefix is that of the zero value, which every enum has.
func spell(enum protoreflect.EnumDescriptor, name protoreflect.Name) string {
	prefix := strings.TrimSuffix(string(enum.Values().Get(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(name), prefix))
}
