package describe

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// direction is whose JSON a schema describes: what is sent and what is answered
// differ in which members must be there.
type direction string

const (
	request direction = "request"
	reply   direction = "reply"
)

// message returns a reference to the message's schema, which it makes if it is new.
func (b *builder) message(message *protogen.Message, d direction) (*openapi.Schema, error) {
	switch message.Desc.FullName() {
	case "google.protobuf.Timestamp":
		return &openapi.Schema{Types: []string{"string"}, Format: "date-time"}, nil
	case "google.protobuf.Duration":
		return &openapi.Schema{Types: []string{"string"}, Pattern: `^-?[0-9]+(\.[0-9]+)?s$`}, nil
	}
	if message.Desc.ParentFile().Package() == "google.protobuf" {
		return nil, fmt.Errorf("%s has no JSON form here", message.Desc.FullName())
	}
	shape, err := b.messageShape(message)
	if err != nil {
		return nil, err
	}
	if shape.transparent {
		only, err := b.field(message.Fields[0])
		if err != nil {
			return nil, err
		}
		return b.value(only, d)
	}
	name := provisional(message.Desc.FullName(), d)
	if _, ok := b.schemas[name]; !ok {
		schema := &openapi.Schema{}
		b.schemas[name] = schema // before its members: a message may hold itself
		if err := b.describe(schema, message, shape, d); err != nil {
			return nil, fmt.Errorf("%s: %w", message.Desc.FullName(), err)
		}
	}
	return &openapi.Schema{Ref: name}, nil
}

// describe fills the schema of a message.
func (b *builder) describe(schema *openapi.Schema, message *protogen.Message, shape messageShape, d direction) error {
	if shape.union {
		return b.union(schema, message, d)
	}
	schema.Types = []string{"object"}
	schema.Description = prose(message.Comments.Leading)
	if err := b.object(schema, message, message.Fields, d); err != nil {
		return err
	}
	if shape.object != "" {
		constant := &openapi.Schema{Types: []string{"string"}, Const: shape.object, Description: "Always this value."}
		schema.Properties = slices.Insert(schema.Properties, 0, openapi.Property{Name: "object", Schema: constant})
		if d == reply {
			schema.Required = slices.Insert(schema.Required, 0, "object")
		}
	}
	return nil
}

// object adds the members that some fields of a message make to its schema.
func (b *builder) object(schema *openapi.Schema, message *protogen.Message, fields []*protogen.Field, d direction) error {
	members, err := b.members(fields)
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, m := range members {
		for _, f := range m.fields {
			keys[string(f.Desc.Name())] = m.key
		}
	}
	var rules []choice
	if d == request {
		if rules, err = b.choices(message, keys); err != nil {
			return err
		}
	}
	open := extra(message)
	for _, m := range members {
		m.always = m.required(d) || slices.ContainsFunc(rules, func(c choice) bool { return c.demands(m.key) })
		property, err := b.property(m, keys, open != nil || d == request, d)
		if err != nil {
			return fmt.Errorf("%s: %w", m.key, err)
		}
		schema.Properties = append(schema.Properties, openapi.Property{Name: m.key, Schema: property})
		if m.always {
			schema.Required = append(schema.Required, m.key)
		}
	}
	for _, c := range rules {
		c.apply(schema)
	}
	if open != nil {
		schema.Open = true
		schema.Further = asJSON(prose(open.Comments.Leading))
	}
	schema.Closed = open == nil && d == request
	return nil
}

// property returns the schema of one member. nulls says that null is read as an absent
// member, or kept as something that no field can hold.
func (b *builder) property(m *member, keys map[string]string, nulls bool, d direction) (*openapi.Schema, error) {
	kinds, err := b.kinds(m, keys, d)
	if err != nil {
		return nil, err
	}
	schema := kinds[0]
	if len(kinds) > 1 {
		schema = &openapi.Schema{Description: kinds[0].Description, OneOf: kinds}
		if m.ambiguous() {
			schema.OneOf, schema.AnyOf = nil, kinds
		}
		kinds[0].Description = ""
	}
	schema.Deprecated = !slices.ContainsFunc(m.fields, func(f *field) bool { return !deprecated(f) })
	return m.orNull(schema, nulls, d), nil
}

// kinds returns one schema for each JSON kind that the member may have.
func (b *builder) kinds(m *member, keys map[string]string, d direction) ([]*openapi.Schema, error) {
	var list []*openapi.Schema
	left := []string{"object", "array", "string", "number", "boolean"}
	for _, f := range m.fields {
		if (f.raw || f.deferred) && len(m.fields) > 1 {
			continue // what it holds are the kinds of the others, or what they leave
		}
		schema, err := b.value(f, d)
		if err != nil {
			return nil, err
		}
		schema.Description = m.said(f, keys)
		list = append(list, schema)
		left = slices.DeleteFunc(left, func(kind string) bool { return kind == jsonKind(f) })
	}
	for _, f := range m.fields {
		if f.raw && len(m.fields) > 1 {
			list = append(list, &openapi.Schema{Types: left, Description: m.said(f, keys)})
		}
	}
	return list, nil
}

// ambiguous says whether a value, the empty list, may be of several of the kinds.
func (m *member) ambiguous() bool {
	lists := 0
	for _, f := range m.fields {
		if f.Desc.IsList() {
			lists++
		}
	}
	return lists > 1
}

// orNull lets a property be null where null is written or taken.
func (m *member) orNull(schema *openapi.Schema, nulls bool, d direction) *openapi.Schema {
	written := d == reply && slices.ContainsFunc(m.fields, func(f *field) bool { return f.emitNull })
	taken := nulls && !m.always
	if !written && !taken {
		return schema
	}
	schema = schema.OrNull()
	schema.Tolerated = !written
	return schema
}

// required says whether the member is always there.
func (m *member) required(d direction) bool {
	if d == request {
		return slices.ContainsFunc(m.fields, demanded)
	}
	return slices.ContainsFunc(m.fields, func(f *field) bool {
		if f.emitNull || f.emitEmpty {
			return len(f.emitTypes) == 0
		}
		return !f.Desc.HasPresence() && !f.Desc.IsList() && !f.Desc.IsMap() && !f.raw && !f.deferred
	})
}

// value returns the schema of a field's value.
func (b *builder) value(f *field, d direction) (*openapi.Schema, error) {
	if f.raw || f.deferred {
		return &openapi.Schema{}, nil
	}
	var schema *openapi.Schema
	switch {
	case f.Desc.IsMap():
		values, err := b.one(f.Message.Fields[1], d)
		if err != nil {
			return nil, err
		}
		schema = &openapi.Schema{Types: []string{"object"}, Values: values}
	case f.Desc.IsList():
		items, err := b.one(f.Field, d)
		if err != nil {
			return nil, err
		}
		schema = &openapi.Schema{Types: []string{"array"}, Items: items}
	default:
		one, err := b.one(f.Field, d)
		if err != nil {
			return nil, err
		}
		schema = one
	}
	if d == request {
		constrain(schema, f.Field, f.rules)
	}
	if f.Desc.IsList() && f.Desc.Kind() == protoreflect.FloatKind {
		packed := &openapi.Schema{Types: []string{"string"}, Encoding: "base64", Description: "Little-endian 32-bit floats."}
		return &openapi.Schema{OneOf: []*openapi.Schema{schema, packed}}, nil
	}
	return schema, nil
}

// one returns the schema of one value of the field's kind.
func (b *builder) one(f *protogen.Field, d direction) (*openapi.Schema, error) {
	switch f.Desc.Kind() {
	case protoreflect.StringKind:
		return &openapi.Schema{Types: []string{"string"}}, nil
	case protoreflect.BoolKind:
		return &openapi.Schema{Types: []string{"boolean"}}, nil
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &openapi.Schema{Types: []string{"integer"}, Format: "int32"}, nil
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return &openapi.Schema{Types: []string{"integer"}, Format: "int64"}, nil
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &openapi.Schema{Types: []string{"integer"}, Bounds: []openapi.Bound{{Keyword: "minimum", Value: 0}}}, nil
	case protoreflect.FloatKind:
		return &openapi.Schema{Types: []string{"number"}, Format: "float"}, nil
	case protoreflect.DoubleKind:
		return &openapi.Schema{Types: []string{"number"}, Format: "double"}, nil
	case protoreflect.EnumKind:
		return b.enum(f.Enum), nil
	case protoreflect.MessageKind:
		return b.message(f.Message, d)
	default:
		return nil, fmt.Errorf("%s has no JSON form here", f.Desc.Kind())
	}
}

// enum returns a reference to the enum's schema, which it makes if it is new.
func (b *builder) enum(enum *protogen.Enum) *openapi.Schema {
	name := provisional(enum.Desc.FullName(), reply)
	if _, ok := b.schemas[name]; !ok {
		schema := &openapi.Schema{Types: []string{"string"}, Description: prose(enum.Comments.Leading)}
		for _, v := range enum.Values {
			schema.Enum = append(schema.Enum, spell(enum.Desc, v.Desc.Name()))
			schema.EnumDescriptions = append(schema.EnumDescriptions, prose(v.Comments.Leading))
		}
		b.schemas[name] = schema
	}
	return &openapi.Schema{Ref: name}
}
