package describe

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

// rpc is a method with what its options say.
type rpc struct {
	method *protogen.Method
	verb   string
	path   string
	// slashes are the path parameters that may hold slashes.
	slashes      []string
	body         string
	responseBody string
	policy       value
}

// services adds the operations of all services, a tag for each.
func (b *builder) services() error {
	for _, file := range b.plugin.Files {
		if !file.Generate {
			continue
		}
		for _, service := range file.Services {
			tag := strings.TrimSuffix(service.GoName, "Service")
			b.doc.Tags = append(b.doc.Tags, openapi.Tag{Name: tag, Description: prose(service.Comments.Leading)})
			if err := b.service(service, tag); err != nil {
				return err
			}
		}
	}
	b.arrange()
	return nil
}

// arrange puts the operations of administration, and their tags, behind the others.
func (b *builder) arrange() {
	administers := func(op *openapi.Operation) int {
		if strings.HasPrefix(op.Path, "/admin/") {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(b.doc.Operations, func(a, c *openapi.Operation) int { return administers(a) - administers(c) })
	first := func(tag openapi.Tag) int {
		return slices.IndexFunc(b.doc.Operations, func(op *openapi.Operation) bool { return op.Tag == tag.Name })
	}
	slices.SortStableFunc(b.doc.Tags, func(a, c openapi.Tag) int { return first(a) - first(c) })
}

func (b *builder) service(service *protogen.Service, tag string) error {
	byRoute := map[string]*openapi.Operation{}
	var streams []*rpc
	for _, method := range service.Methods {
		r, err := b.rpc(method)
		if err != nil {
			return fmt.Errorf("%s: %w", method.Desc.FullName(), err)
		}
		switch {
		case r == nil:
		case method.Desc.IsStreamingServer():
			streams = append(streams, r)
		default:
			op, err := b.operation(r, tag)
			if err != nil {
				return fmt.Errorf("%s: %w", method.Desc.FullName(), err)
			}
			byRoute[r.verb+" "+r.path] = op
			b.doc.Operations = append(b.doc.Operations, op)
		}
	}
	for _, r := range streams {
		op, ok := byRoute[r.verb+" "+strings.TrimSuffix(r.path, streamSuffix)]
		if !ok {
			return fmt.Errorf("%s: no unary RPC at its path without %q", r.method.Desc.FullName(), streamSuffix)
		}
		if err := b.mergeStream(op, r); err != nil {
			return fmt.Errorf("%s: %w", r.method.Desc.FullName(), err)
		}
	}
	return nil
}

var pathVariable = regexp.MustCompile(`\{([a-z_]+)(=[^}]*)?\}`)

// rpc reads the options of a method. Nil: REST does not have it.
func (b *builder) rpc(method *protogen.Method) (*rpc, error) {
	http, err := b.options.of(method.Desc, optionHTTP)
	if err != nil {
		return nil, err
	}
	policy, err := b.options.of(method.Desc, optionPolicy)
	if err != nil {
		return nil, err
	}
	r := &rpc{method: method, body: http.text("body"), responseBody: http.text("response_body"), policy: policy}
	for _, verb := range []protoreflect.Name{"get", "put", "post", "delete", "patch"} {
		if path := http.text(verb); path != "" {
			r.verb, r.path = string(verb), path
		}
	}
	switch {
	case r.verb == "":
		return nil, nil //nolint:nilnil // an RPC without a route is no error, and there is nothing to say of it
	case method.Desc.IsStreamingClient():
		return nil, fmt.Errorf("a client stream has no REST form here")
	case len(http.children("additional_bindings")) > 0:
		return nil, fmt.Errorf("additional_bindings are not described")
	}
	for _, m := range pathVariable.FindAllStringSubmatch(r.path, -1) {
		if strings.Contains(m[2], "**") {
			r.slashes = append(r.slashes, m[1])
		}
	}
	r.path = pathVariable.ReplaceAllString(r.path, "{$1}")
	return r, nil
}

// upstream says whether the call goes on to a provider: those RPCs have features.
func (r *rpc) upstream() bool { return len(r.policy.texts("features")) > 0 }

// name is how gRPC names the method.
func (r *rpc) name() string {
	return string(r.method.Desc.Parent().FullName()) + "/" + string(r.method.Desc.Name())
}

// operation describes a unary RPC.
func (b *builder) operation(r *rpc, tag string) (*openapi.Operation, error) {
	text := prose(r.method.Comments.Leading)
	methodOptions, _ := r.method.Desc.Options().(*descriptorpb.MethodOptions)
	op := &openapi.Operation{
		Method:      r.verb,
		Path:        r.path,
		ID:          strings.ToLower(r.method.GoName[:1]) + r.method.GoName[1:],
		Summary:     summary(text),
		Description: text,
		Tag:         tag,
		Deprecated:  methodOptions.GetDeprecated(),
		Scope:       strings.ToLower(strings.TrimPrefix(r.policy.enum("scope"), "SCOPE_")),
		RPC:         r.name(),
	}
	if op.Scope == "" {
		return nil, fmt.Errorf("no scope in its policy")
	}
	var err error
	if op.Parameters, err = b.parameters(r); err != nil {
		return nil, err
	}
	op.Parameters = append(op.Parameters, timeout())
	if op.Body, err = b.body(r, op.ID); err != nil {
		return nil, err
	}
	schema, err := b.payload(r.method.Output, r.responseBody, reply)
	if err != nil {
		return nil, err
	}
	op.Replies = []*openapi.Reply{{
		Status:      "200",
		Description: b.replyText(r),
		Headers:     replyHeaders(r),
		Content:     []openapi.Content{{MediaType: "application/json", Schema: schema, Example: examples[op.ID].reply}},
	}}
	op.Failures = failuresOf(op, r)
	return op, nil
}

// body describes what the RPC takes as a body. Nil: nothing.
func (b *builder) body(r *rpc, id string) (*openapi.Body, error) {
	if r.body == "" {
		return nil, nil //nolint:nilnil // most reads have no body
	}
	example, ok := examples[id]
	if !ok {
		return nil, fmt.Errorf("there is no example of its body: add one to describe/examples.go")
	}
	field := r.body
	if field == "*" {
		field = ""
		if pathVariable.MatchString(r.path) {
			return nil, fmt.Errorf(`a body of "*" beside path parameters is not described`)
		}
	}
	schema, err := b.payload(r.method.Input, field, request)
	if err != nil {
		return nil, err
	}
	return &openapi.Body{Schema: schema, Example: example.body}, nil
}

// payload is the schema of a message, or of one of its fields.
func (b *builder) payload(message *protogen.Message, name string, d direction) (*openapi.Schema, error) {
	if name == "" {
		return b.message(message, d)
	}
	plain := fieldNamed(message, name)
	if plain == nil {
		return nil, fmt.Errorf("%s has no field %q", message.Desc.FullName(), name)
	}
	f, err := b.field(plain)
	if err != nil {
		return nil, err
	}
	return b.value(f, d)
}

// replyText is what the comment of the reply says.
func (b *builder) replyText(r *rpc) string {
	if f := fieldNamed(r.method.Output, r.responseBody); f != nil {
		if f.Message != nil && f.Message.Comments.Leading != "" {
			return prose(f.Message.Comments.Leading)
		}
		return prose(f.Comments.Leading)
	}
	for _, f := range r.method.Output.Fields {
		return prose(f.Comments.Leading)
	}
	return "Nothing but success."
}

func fieldNamed(message *protogen.Message, name string) *protogen.Field {
	i := slices.IndexFunc(message.Fields, func(f *protogen.Field) bool { return string(f.Desc.Name()) == name })
	if i < 0 {
		return nil
	}
	return message.Fields[i]
}
