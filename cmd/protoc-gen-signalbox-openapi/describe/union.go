package describe

import (
	"slices"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// union fills the schema of a message that is told apart by `type`: one alternative
// for each arm, and one for types that this version does not know. The members that
// stand beside the oneof stand in every one of them.
func (b *builder) union(schema *openapi.Schema, message *protogen.Message, d direction) error {
	schema.Description = prose(message.Comments.Leading)
	own := &openapi.Schema{}
	if err := b.object(own, message, beside(message), d); err != nil {
		return err
	}
	var known []string
	alike := false
	for _, plain := range message.Fields {
		if plain.Oneof == nil || plain.Oneof.Desc.IsSynthetic() || plain.Desc.Name() == fieldOther {
			continue
		}
		arm, err := b.field(plain)
		if err != nil {
			return err
		}
		alternative := &openapi.Schema{Types: []string{"object"}, Description: prose(plain.Comments.Leading)}
		if err := b.object(alternative, plain.Message, plain.Message.Fields, d); err != nil {
			return err
		}
		typed := []string{"type"}
		kind := &openapi.Schema{Types: []string{"string"}, Enum: arm.tags}
		if arm.untyped != "" && d == request {
			typed, alike = nil, true
		}
		alternative.Properties = slices.Concat([]openapi.Property{{Name: "type", Schema: kind}}, own.Properties, alternative.Properties)
		alternative.Required = slices.Concat(typed, own.Required, alternative.Required)
		schema.OneOf = append(schema.OneOf, alternative)
		known = append(known, arm.tags...)
	}
	schema.OneOf = append(schema.OneOf, &openapi.Schema{
		Types:       []string{"object"},
		Description: "Any other type.",
		Properties: []openapi.Property{{Name: "type", Schema: &openapi.Schema{
			Types: []string{"string"}, Not: &openapi.Schema{Enum: known},
		}}},
		Required: []string{"type"},
		Open:     true,
	})
	if alike { // an object without `type` may fit several
		schema.OneOf, schema.AnyOf = nil, schema.OneOf
	}
	return nil
}

// beside are the fields of a union that are no arms, without its `type`.
func beside(message *protogen.Message) []*protogen.Field {
	return slices.DeleteFunc(slices.Clone(message.Fields), func(f *protogen.Field) bool {
		return f.Oneof != nil && !f.Oneof.Desc.IsSynthetic() || f.Desc.Name() == "type"
	})
}

// isUnion says whether a message, which may be nil, is told apart by `type`.
func (b *builder) isUnion(message *protogen.Message) (bool, error) {
	if message == nil {
		return false, nil
	}
	shape, err := b.messageShape(message)
	return shape.union, err
}

// jsonKind is the JSON kind of the field's value.
func jsonKind(f *field) string {
	switch {
	case f.Desc.IsList():
		return "array"
	case f.Desc.IsMap():
		return "object"
	}
	switch f.Desc.Kind() {
	case protoreflect.StringKind, protoreflect.EnumKind, protoreflect.BytesKind:
		return "string"
	case protoreflect.BoolKind:
		return "boolean"
	case protoreflect.MessageKind:
		if f.Message.Desc.ParentFile().Package() == "google.protobuf" {
			return "string"
		}
		return "object"
	default:
		return "number"
	}
}

// deprecated says whether a field is marked so.
func deprecated(f *field) bool {
	options, ok := f.Desc.Options().(*descriptorpb.FieldOptions)
	return ok && options.GetDeprecated()
}
