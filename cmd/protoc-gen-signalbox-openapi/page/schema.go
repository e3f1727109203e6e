package page

import (
	"fmt"
	"html/template"
	"slices"
	"strings"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// drawer turns schemas into rows.
type drawer struct {
	doc *openapi.Document
	// always marks the members that must be there: "required" of a request, "always"
	// of a reply.
	always string
	// homes are the places of schemas that are the whole of a body or a reply; others
	// point there.
	homes map[string]home
}

type home struct {
	Anchor string
	Text   string
}

// value is a schema on the page: its kind in words, and its members if it has some.
type value struct {
	Kind  string
	Text  template.HTML
	Rows  []row
	Open  bool
	About template.HTML // what further members are for
	// Variants are the alternatives of a union of objects.
	Variants []variant
}

type variant struct {
	Name  string
	Value *value
}

// row is a parameter or a member.
type row struct {
	Name       string
	Kind       string
	Mark       string // whether it must be there. Empty: it need not
	Deprecated bool
	Text       template.HTML
	// Limits are bounds in words.
	Limits []string
	// Enum are the values that are taken, with what they mean.
	Enum []enumValue
	// Alternatives are what the kinds of a member with several mean.
	Alternatives []alternative
	// Children are the objects below, folded.
	Children []child
}

type enumValue struct {
	Name string
	Text template.HTML
}

type alternative struct {
	Kind string
	Text template.HTML
}

// child is an object below a member: its own members, or where they stand.
type child struct {
	Name  string
	Value *value
	Home  *home
}

func newDrawer(doc *openapi.Document) *drawer {
	d := &drawer{doc: doc, homes: map[string]home{
		"ErrorReason": {Anchor: "errors", Text: "the reasons below, in lower case and without their prefix"},
	}}
	for _, op := range doc.Operations {
		if op.Body != nil && op.Body.Schema.Ref != "" {
			d.settle(op.Body.Schema.Ref, home{Anchor: op.ID + "-body", Text: "the request of " + op.Path})
		}
		for _, r := range op.Replies {
			for i, c := range r.Content {
				if c.Schema.Ref != "" {
					d.settle(c.Schema.Ref, home{Anchor: replyAnchor(op, r, i), Text: "the reply of " + op.Path})
				}
			}
		}
	}
	return d
}

func (d *drawer) settle(name string, h home) {
	if _, ok := d.homes[name]; !ok {
		d.homes[name] = h
	}
}

// replyAnchor names the place of a reply's content; of the first reply's first, in
// short.
func replyAnchor(op *openapi.Operation, r *openapi.Reply, content int) string {
	switch {
	case content > 0:
		return fmt.Sprintf("%s-reply-%s-%d", op.ID, r.Status, content+1)
	case r != op.Replies[0]:
		return op.ID + "-reply-" + r.Status
	default:
		return op.ID + "-reply"
	}
}

// value draws a schema with its members. above are the objects it stands in.
func (d *drawer) value(schema *openapi.Schema, above []string) *value {
	name := schema.Ref
	v := &value{Kind: kind(schema, true)}
	if name != "" {
		schema = d.doc.Schema(name)
		above = append(slices.Clone(above), name)
		v.Text = markdown(schema.Description)
	}
	for _, p := range schema.Properties {
		v.Rows = append(v.Rows, d.row(p.Name, p.Schema, slices.Contains(schema.Required, p.Name), above))
	}
	v.Open = schema.Open
	v.About = markdown(schema.Further)
	for i, one := range slices.Concat(schema.OneOf, schema.AnyOf) {
		if one.Ref == "" && len(one.Properties) == 0 {
			continue
		}
		title := one.Ref
		if title == "" {
			title = form(one, i)
		}
		v.Variants = append(v.Variants, variant{Name: title, Value: d.value(one, above)})
	}
	return v
}

// form names an alternative: by the types that choose it, or by its place.
func form(schema *openapi.Schema, place int) string {
	for _, p := range schema.Properties {
		switch types := p.Schema.Enum; {
		case p.Name != "type":
		case len(types) == 0:
			return "Any other type"
		case len(types) > 1:
			return fmt.Sprintf("%s and %d more", types[0], len(types)-1)
		default:
			return types[0]
		}
	}
	return fmt.Sprintf("Form %d", place+1)
}

// row draws one member.
func (d *drawer) row(name string, schema *openapi.Schema, required bool, above []string) row {
	r := row{
		Name:       name,
		Kind:       kind(schema, !schema.Tolerated),
		Deprecated: schema.Deprecated,
		Text:       markdown(schema.Description),
	}
	if required {
		r.Mark = d.always
	}
	for _, one := range parts(schema) {
		if one != schema && one.Description != "" {
			r.Alternatives = append(r.Alternatives, alternative{Kind: kind(one, true), Text: markdown(one.Description)})
		}
		r.Limits = append(r.Limits, limits(one)...)
		d.below(&r, one, above)
	}
	return r
}

// below adds what a schema refers to: values of an enum, or objects.
func (d *drawer) below(r *row, schema *openapi.Schema, above []string) {
	for _, inner := range []*openapi.Schema{schema.Items, schema.Values} {
		if inner != nil {
			r.Limits = append(r.Limits, limits(inner)...)
			d.below(r, inner, above)
		}
	}
	if schema.Ref == "" {
		return
	}
	h, elsewhere := d.homes[schema.Ref]
	target := d.doc.Schema(schema.Ref)
	if len(target.Enum) > 0 && !elsewhere {
		for i, name := range target.Enum {
			r.Enum = append(r.Enum, enumValue{Name: name, Text: markdown(target.EnumDescriptions[i])})
		}
		return
	}
	c := child{Name: schema.Ref}
	switch {
	case slices.Contains(above, schema.Ref):
		c.Home = &home{Text: "as above"}
	case elsewhere:
		c.Home = &h
	default:
		c.Value = d.value(schema, above)
	}
	r.Children = append(r.Children, c)
}

// parts are the alternatives of a schema, or itself.
func parts(schema *openapi.Schema) []*openapi.Schema {
	if alternatives := slices.Concat(schema.OneOf, schema.AnyOf); len(alternatives) > 0 {
		return alternatives
	}
	return []*openapi.Schema{schema}
}

// kind says in words what JSON a schema takes.
func kind(schema *openapi.Schema, withNull bool) string {
	switch {
	case schema.Ref != "":
		return schema.Ref
	case schema.Const != "":
		return fmt.Sprintf("%q", schema.Const)
	case len(schema.OneOf) > 0 || len(schema.AnyOf) > 0:
		var kinds []string
		for _, one := range slices.Concat(schema.OneOf, schema.AnyOf) {
			if k := kind(one, withNull); k != "" {
				kinds = append(kinds, k)
			}
		}
		return strings.Join(kinds, " or ")
	case len(schema.Types) == 0:
		return "any JSON"
	}
	var kinds []string
	for _, t := range schema.Types {
		switch {
		case t == "null" && !withNull:
		case t == "array" && schema.Items != nil:
			kinds = append(kinds, "array of "+kind(schema.Items, true))
		case t == "object" && schema.Values != nil:
			kinds = append(kinds, "map of "+kind(schema.Values, true))
		case schema.Format == "int64" || schema.Format == "date-time":
			kinds = append(kinds, t+" ("+schema.Format+")")
		default:
			kinds = append(kinds, t)
		}
	}
	return strings.Join(kinds, " or ")
}

// limits says bounds in words.
func limits(schema *openapi.Schema) []string {
	var list []string
	words := map[string]string{
		"minLength": "at least %v characters", "maxLength": "at most %v characters",
		"minimum": "at least %v", "maximum": "at most %v", "exclusiveMinimum": "more than %v", "exclusiveMaximum": "less than %v",
		"minItems": "at least %v items", "maxItems": "at most %v items",
		"minProperties": "at least %v entries", "maxProperties": "at most %v entries",
	}
	for _, b := range schema.Bounds {
		if b.Keyword == "minLength" && fmt.Sprint(b.Value) == "1" {
			list = append(list, "not empty")
			continue
		}
		if phrase, ok := words[b.Keyword]; ok {
			list = append(list, fmt.Sprintf(phrase, b.Value))
		}
	}
	if schema.Pattern != "" {
		list = append(list, "pattern "+schema.Pattern)
	}
	if len(schema.Enum) > 0 {
		list = append(list, "one of "+strings.Join(schema.Enum, ", "))
	}
	return list
}
