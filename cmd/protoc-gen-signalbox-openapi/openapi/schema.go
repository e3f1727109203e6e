package openapi

// Schema is a JSON Schema of the 2020-12 draft, as far as the documents need it.
// The zero value takes anything.
type Schema struct {
	// Ref is the name of a schema of the document's components.
	Ref string
	// Types are the JSON kinds that are taken. Empty: any.
	Types []string
	// Description is for people, in Markdown.
	Description string
	// Format, Pattern, Encoding and the bounds are those of JSON Schema.
	Format   string
	Pattern  string
	Encoding string
	// Const is the one value that is taken.
	Const string
	// Enum are the values that are taken; EnumDescriptions has one text for each.
	Enum             []string
	EnumDescriptions []string
	// Bounds are limits by keyword, "minLength" and others, in the order given.
	Bounds []Bound
	// Properties are the members of an object, in the order of the protos.
	Properties []Property
	// Required are the members that must be there.
	Required []string
	// Open says that further members are taken, and passed on.
	Open bool
	// Closed says that further members are refused.
	Closed bool
	// Further says what further members are for. Only with Open.
	Further string
	// Values is the schema of the values of an object used as a map.
	Values *Schema
	// Items is the schema of an array's items.
	Items *Schema
	// OneOf are alternatives, of which exactly one must hold; AnyOf, at least one.
	OneOf []*Schema
	AnyOf []*Schema
	// Not is what must not hold.
	Not *Schema
	// Deprecated says that there is something better.
	Deprecated bool
	// Tolerated says that null is taken and passed on, though it says nothing. The
	// page does not mention it.
	Tolerated bool
}

// Bound is a limit of JSON Schema: a keyword and its number or truth.
type Bound struct {
	Keyword string
	Value   any
}

// Property is a member of an object.
type Property struct {
	Name   string
	Schema *Schema
}

// MarshalJSON writes the schema in the usual order of keywords.
func (s *Schema) MarshalJSON() ([]byte, error) {
	o := &object{}
	if s.Ref != "" {
		o.add("$ref", "#/components/schemas/"+s.Ref)
	}
	switch len(s.Types) {
	case 0:
	case 1:
		o.add("type", s.Types[0])
	default:
		o.add("type", s.Types)
	}
	o.text("description", s.Description)
	o.text("format", s.Format)
	o.text("pattern", s.Pattern)
	o.text("contentEncoding", s.Encoding)
	o.text("const", s.Const)
	if len(s.Enum) > 0 {
		o.add("enum", s.Enum)
	}
	if len(s.EnumDescriptions) > 0 {
		o.add("x-enum-descriptions", s.EnumDescriptions)
	}
	for _, b := range s.Bounds {
		o.add(b.Keyword, b.Value)
	}
	s.addMembers(o)
	s.addAlternatives(o)
	o.flag("deprecated", s.Deprecated)
	return o.MarshalJSON()
}

func (s *Schema) addMembers(o *object) {
	if len(s.Properties) > 0 {
		properties := &object{}
		for _, p := range s.Properties {
			properties.add(p.Name, p.Schema)
		}
		o.add("properties", properties)
	}
	if len(s.Required) > 0 {
		o.add("required", s.Required)
	}
	switch {
	case s.Values != nil:
		o.add("additionalProperties", s.Values)
	case s.Open:
		o.add("additionalProperties", true)
		o.text("x-signalbox-further-members", s.Further)
	case s.Closed:
		o.add("additionalProperties", false)
	}
	if s.Items != nil {
		o.add("items", s.Items)
	}
}

func (s *Schema) addAlternatives(o *object) {
	if len(s.OneOf) > 0 {
		o.add("oneOf", s.OneOf)
	}
	if len(s.AnyOf) > 0 {
		o.add("anyOf", s.AnyOf)
	}
	if s.Not != nil {
		o.add("not", s.Not)
	}
}

// OrNull returns a schema that takes null beside what s takes. It may change s.
func (s *Schema) OrNull() *Schema {
	null := &Schema{Types: []string{"null"}}
	switch {
	case s.Ref != "" || s.Const != "" || len(s.Enum) > 0:
		inner := *s
		inner.Description, inner.Deprecated = "", false
		return &Schema{Description: s.Description, Deprecated: s.Deprecated, OneOf: []*Schema{&inner, null}}
	case len(s.OneOf) > 0:
		s.OneOf = append(s.OneOf, null)
	case len(s.AnyOf) > 0:
		s.AnyOf = append(s.AnyOf, null)
	case len(s.Types) > 0:
		s.Types = append(s.Types, "null")
	}
	return s
}
