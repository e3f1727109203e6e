// Package describe makes the OpenAPI document of Signalbox's REST surface from its
// protos: paths from google.api.http, shapes from signalbox.wire.v1, scopes from
// signalbox.policy.v1, limits from buf.validate, words from the comments.
package describe

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

const (
	title   = "Signalbox"
	version = "v1"
	license = "Apache-2.0"

	errorReason = protoreflect.FullName("signalbox.common.v1.ErrorReason")
	apiError    = protoreflect.FullName("signalbox.common.v1.ApiError")
)

// about is the document's own description.
const about = "An AI gateway: OpenAI's API in front of any model provider. Every call here is also an RPC, with " +
	"typed messages; each operation names its own. The protos are served at `/proto/signalbox.binpb`.\n\n" +
	"- **Credentials.** Send `Authorization: Bearer <key>`. Each operation names the scope that the key must hold; " +
	"`any` is any live key. A gateway without keys serves loopback and needs none.\n" +
	"- **Request id.** Send `x-request-id`, 1 to 128 visible ASCII characters, or let the gateway make one. It comes " +
	"back in the reply's header and names the call in logs and audit records.\n" +
	"- **Errors.** Whatever goes wrong, the body is one object `error` with `message`, `type`, `param` and `code`.\n" +
	"- **Unknown members.** Objects that take further members pass them on to the provider, and what it answers back " +
	"to you. A null stands for an absent member.\n" +
	"- **Provider's limits.** Replies carry the provider's own `x-ratelimit-*` headers where it sends them."

// builder collects the document.
type builder struct {
	plugin  *protogen.Plugin
	options *options
	// schemas are the components made so far, by provisional name.
	schemas map[string]*openapi.Schema
	doc     *openapi.Document
}

func newBuilder(plugin *protogen.Plugin) (*builder, error) {
	options, err := newOptions(plugin.Files)
	if err != nil {
		return nil, err
	}
	return &builder{
		plugin:  plugin,
		options: options,
		schemas: map[string]*openapi.Schema{},
		doc: &openapi.Document{
			Title: title, Version: version, Description: about, License: license, Server: "/", Headers: headers(),
		},
	}, nil
}

// Document describes the REST surface of the plugin's files.
func Document(plugin *protogen.Plugin) (*openapi.Document, error) {
	b, err := newBuilder(plugin)
	if err != nil {
		return nil, err
	}
	if err := b.failures(); err != nil {
		return nil, err
	}
	if err := b.services(); err != nil {
		return nil, err
	}
	b.gatewayRoutes()
	if err := b.settle(); err != nil {
		return nil, err
	}
	return b.doc, nil
}

// provisional names a schema until it is known whether both directions have the
// same one.
func provisional(name protoreflect.FullName, d direction) string {
	return string(name) + "<" + string(d) + ">"
}

var provisionalName = regexp.MustCompile(`([A-Za-z0-9_.]+)<(request|reply)>`)

// settle gives the components their final names. A message that is both sent and
// answered has one schema when the two are the same; else the one for requests gets
// "Input" behind its name.
func (b *builder) settle() error {
	shared, err := b.shared()
	if err != nil {
		return err
	}
	final := map[string]string{}
	takers := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(b.schemas)) {
		full, d := split(name)
		short := full[strings.LastIndexByte(full, '.')+1:]
		if _, both := b.schemas[full+"<reply>"]; both && d == request && !shared[full] {
			short += "Input"
		}
		if taker, ok := takers[short]; ok && taker != full {
			return fmt.Errorf("%s and %s would both be the schema %s", taker, full, short)
		}
		takers[short] = full
		final[name] = short
	}
	for _, op := range b.doc.Operations {
		for _, schema := range schemasOf(op) {
			rename(schema, final)
		}
	}
	for i := range b.doc.Failures {
		rename(b.doc.Failures[i].Schema, final)
	}
	byName := map[string]*openapi.Schema{}
	for name, schema := range b.schemas {
		rename(schema, final)
		byName[final[name]] = schema
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		b.doc.Schemas = append(b.doc.Schemas, openapi.Property{Name: name, Schema: byName[name]})
	}
	return nil
}

// shared returns the messages whose schemas are the same in both directions, all
// that they refer to included.
func (b *builder) shared() (map[string]bool, error) {
	texts := map[string]string{}
	shared := map[string]bool{}
	for name, schema := range b.schemas {
		raw, err := schema.MarshalJSON()
		if err != nil {
			return nil, fmt.Errorf("write the schema %s: %w", name, err)
		}
		texts[name] = string(raw)
		full, _ := split(name)
		_, sent := b.schemas[full+"<request>"]
		_, answered := b.schemas[full+"<reply>"]
		shared[full] = sent && answered
	}
	merge := func(text string) string {
		return provisionalName.ReplaceAllStringFunc(text, func(name string) string {
			if full, _ := split(name); shared[full] {
				return full
			}
			return name
		})
	}
	for changed := true; changed; {
		changed = false
		for _, full := range slices.Sorted(maps.Keys(shared)) {
			if shared[full] && merge(texts[full+"<request>"]) != merge(texts[full+"<reply>"]) {
				shared[full] = false
				changed = true
			}
		}
	}
	return shared, nil
}

// split takes a provisional name apart.
func split(name string) (full string, d direction) {
	full, rest, _ := strings.Cut(name, "<")
	return full, direction(strings.TrimSuffix(rest, ">"))
}

// rename puts the final names in a schema's references.
func rename(schema *openapi.Schema, final map[string]string) {
	if schema == nil {
		return
	}
	if name, ok := final[schema.Ref]; ok {
		schema.Ref = name
	}
	rename(schema.Items, final)
	rename(schema.Values, final)
	rename(schema.Not, final)
	for _, p := range schema.Properties {
		rename(p.Schema, final)
	}
	for _, s := range slices.Concat(schema.OneOf, schema.AnyOf) {
		rename(s, final)
	}
}

// schemasOf returns all schemas that stand in an operation itself.
func schemasOf(op *openapi.Operation) []*openapi.Schema {
	var list []*openapi.Schema
	for _, p := range op.Parameters {
		list = append(list, p.Schema)
	}
	if op.Body != nil {
		list = append(list, op.Body.Schema)
	}
	for _, r := range op.Replies {
		for _, c := range r.Content {
			list = append(list, c.Schema)
		}
	}
	return list
}
