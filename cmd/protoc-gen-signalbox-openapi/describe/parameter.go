package describe

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/compiler/protogen"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// parameters describes what the RPC takes in its path and its query. What is neither
// in the path nor in the body is a query parameter; the fields of a message there
// are parameters under their own names, or headers.
func (b *builder) parameters(r *rpc) ([]*openapi.Parameter, error) {
	var inPath, inQuery []*openapi.Parameter
	for _, m := range pathVariable.FindAllStringSubmatch(r.path, -1) {
		plain := fieldNamed(r.method.Input, m[1])
		if plain == nil {
			return nil, fmt.Errorf("its path names %q, which the request has not", m[1])
		}
		p, err := b.parameter(plain, "path")
		if err != nil {
			return nil, err
		}
		p.Required = true
		p.Example = pathExamples[m[1]]
		if slices.Contains(r.slashes, m[1]) {
			p.Description += " Slashes may be written as they are or as `%2F`."
		}
		inPath = append(inPath, p)
	}
	if r.body == "*" {
		return inPath, nil
	}
	for _, plain := range r.method.Input.Fields {
		name := string(plain.Desc.Name())
		if name == r.body || slices.ContainsFunc(inPath, func(p *openapi.Parameter) bool { return p.Name == name }) {
			continue
		}
		fields := []*protogen.Field{plain}
		if plain.Message != nil && !plain.Desc.IsMap() && plain.Message.Desc.ParentFile().Package() != "google.protobuf" {
			fields = plain.Message.Fields
		}
		for _, f := range fields {
			p, err := b.parameter(f, "query")
			if err != nil {
				return nil, err
			}
			if header := optionHeaders[p.Name]; header != "" && name == "options" {
				p.In, p.Name = "header", header
			}
			if slices.ContainsFunc(inQuery, func(q *openapi.Parameter) bool { return q.Name == p.Name }) {
				return nil, fmt.Errorf("two query parameters would be named %q", p.Name)
			}
			inQuery = append(inQuery, p)
		}
	}
	return append(inPath, inQuery...), nil
}

// parameter describes one field as a parameter.
func (b *builder) parameter(plain *protogen.Field, in string) (*openapi.Parameter, error) {
	f, err := b.field(plain)
	if err != nil {
		return nil, err
	}
	if !plain.Desc.IsMap() && plain.Message != nil && plain.Message.Desc.ParentFile().Package() != "google.protobuf" {
		return nil, fmt.Errorf("%s cannot be a parameter: it is a message", plain.Desc.FullName())
	}
	schema, err := b.value(f, request)
	if err != nil {
		return nil, err
	}
	return &openapi.Parameter{
		Name:        string(plain.Desc.Name()),
		In:          in,
		Description: keep(prose(plain.Comments.Leading), saysMore),
		Required:    demanded(f),
		Deprecated:  deprecated(f),
		Deep:        plain.Desc.IsMap(),
		Schema:      schema,
	}, nil
}
