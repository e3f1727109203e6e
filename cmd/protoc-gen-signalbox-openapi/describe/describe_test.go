package describe

import (
	"encoding/json"
	"strings"
	"testing"

	validate "buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
)

// compile makes a plugin that is asked for one file, given as the text of its
// descriptor. It may use everything that our protos import.
func compile(t *testing.T, text string) *protogen.Plugin {
	t.Helper()
	file := &descriptorpb.FileDescriptorProto{}
	if err := prototext.Unmarshal([]byte(text), file); err != nil {
		t.Fatal(err)
	}
	file.Name, file.Package, file.Syntax = proto.String("test.proto"), proto.String("test"), proto.String("proto3")
	file.Options = &descriptorpb.FileOptions{GoPackage: proto.String("example.com/test")}
	request := &pluginpb.CodeGeneratorRequest{FileToGenerate: []string{"test.proto"}}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(known protoreflect.FileDescriptor) {
		if seen[known.Path()] {
			return
		}
		seen[known.Path()] = true
		for i := range known.Imports().Len() {
			add(known.Imports().Get(i).FileDescriptor)
		}
		request.ProtoFile = append(request.ProtoFile, protodesc.ToFileDescriptorProto(known))
	}
	for _, known := range []protoreflect.FileDescriptor{
		wirev1.File_signalbox_wire_v1_wire_proto, policyv1.File_signalbox_policy_v1_policy_proto,
		validate.File_buf_validate_validate_proto, annotations.File_google_api_annotations_proto,
	} {
		add(known)
		file.Dependency = append(file.Dependency, known.Path())
	}
	request.ProtoFile = append(request.ProtoFile, file)
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	return plugin
}

// schemaOf returns the schema of the file's first message, as JSON.
func schemaOf(t *testing.T, text string, d direction) string {
	t.Helper()
	b := newTestBuilder(t, compile(t, text))
	message := b.plugin.FilesByPath["test.proto"].Messages[0]
	ref, err := b.message(message, d)
	if err != nil {
		t.Fatal(err)
	}
	schema := ref
	if ref.Ref != "" {
		schema = b.schemas[ref.Ref]
	}
	raw, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func newTestBuilder(t *testing.T, plugin *protogen.Plugin) *builder {
	t.Helper()
	b, err := newBuilder(plugin)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	const text = `type: TYPE_STRING label: LABEL_OPTIONAL`
	for _, tc := range []struct {
		name, file string
		direction  direction
		want       string
	}{
		{
			name: "scalars are always answered",
			file: `message_type {name: "M"
				field {name: "text" number: 1 ` + text + `}
				field {name: "count" number: 2 type: TYPE_INT64 label: LABEL_OPTIONAL}
				field {name: "big" number: 3 type: TYPE_UINT64 label: LABEL_OPTIONAL}}`,
			direction: reply,
			want: `{"type":"object","properties":{"text":{"type":"string"},"count":{"type":"integer","format":"int64"},` +
				`"big":{"type":"integer","minimum":0}},"required":["text","count","big"]}`,
		},
		{
			name: "requests need what their rules demand, and take no other members",
			file: `message_type {name: "M"
				field {name: "text" number: 1 ` + text + ` options {[buf.validate.field] {string {min_len: 2 max_len: 9 pattern: "^a"}}}}
				field {name: "list" number: 2 type: TYPE_INT32 label: LABEL_REPEATED options {[buf.validate.field] {repeated {max_items: 3 items {int32 {gt: 0 lte: 5}}}}}}}`,
			direction: request,
			want: `{"type":"object","properties":{"text":{"type":"string","pattern":"^a","minLength":2,"maxLength":9},` +
				`"list":{"type":["array","null"],"maxItems":3,"items":{"type":"integer","format":"int32","exclusiveMinimum":0,"maximum":5}}},` +
				`"required":["text"],"additionalProperties":false}`,
		},
		{
			name: "one member of several kinds, the raw one taking the rest",
			file: `message_type {name: "M"
				field {name: "stop" number: 1 ` + text + `}
				field {name: "stops" number: 2 type: TYPE_STRING label: LABEL_REPEATED options {[signalbox.wire.v1.field] {key: "stop"}}}
				field {name: "stop_json" number: 3 ` + text + ` options {[signalbox.wire.v1.field] {raw: true}}}}`,
			direction: reply,
			want: `{"type":"object","properties":{"stop":{"oneOf":[{"type":"string"},{"type":"array","items":{"type":"string"}},` +
				`{"type":["object","number","boolean"]}]}},"required":["stop"]}`,
		},
		{
			name: "a deferred twin adds nothing",
			file: `message_type {name: "M"
				field {name: "tools" number: 1 type: TYPE_STRING label: LABEL_REPEATED}
				field {name: "tools_json" number: 2 ` + text + ` options {[signalbox.wire.v1.field] {deferred: true}}}}`,
			direction: reply,
			want:      `{"type":"object","properties":{"tools":{"type":"array","items":{"type":"string"}}}}`,
		},
		{
			name: "nulls and empty lists that are always answered, and those of some types",
			file: `message_type {name: "M"
				field {name: "a" number: 1 ` + text + ` proto3_optional: true oneof_index: 0 options {[signalbox.wire.v1.field] {emit_null: true}}}
				field {name: "b" number: 2 type: TYPE_STRING label: LABEL_REPEATED options {[signalbox.wire.v1.field] {emit_empty: true}}}
				field {name: "c" number: 3 ` + text + ` proto3_optional: true oneof_index: 1 options {[signalbox.wire.v1.field] {emit_null: true emit_types: "x"}}}
				oneof_decl {name: "_a"} oneof_decl {name: "_c"}}`,
			direction: reply,
			want: `{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"type":"array","items":{"type":"string"}},` +
				`"c":{"type":["string","null"]}},"required":["a","b"]}`,
		},
		{
			name: "packed floats are numbers or base64",
			file: `message_type {name: "M" field {name: "embedding" number: 1 type: TYPE_FLOAT label: LABEL_REPEATED}}`, direction: reply,
			want: `{"type":"object","properties":{"embedding":{"oneOf":[{"type":"array","items":{"type":"number","format":"float"}},` +
				`{"type":"string","description":"Little-endian 32-bit floats.","contentEncoding":"base64"}]}}}`,
		},
		{
			name: "a transparent message is its only field",
			file: `message_type {name: "M" options {[signalbox.wire.v1.message] {transparent: true}}
				field {name: "items" number: 1 type: TYPE_INT32 label: LABEL_REPEATED}}`, direction: request,
			want: `{"type":"array","items":{"type":"integer","format":"int32"}}`,
		},
		{
			name: "a union has an alternative for each arm, and one for the unknown",
			file: `message_type {name: "M" options {[signalbox.wire.v1.message] {union: true}}
				field {name: "type" number: 1 ` + text + `}
				field {name: "text" number: 2 type: TYPE_MESSAGE type_name: ".test.T" label: LABEL_OPTIONAL oneof_index: 0 options {[signalbox.wire.v1.field] {tags: ["text", "old_text"]}}}
				field {name: "other_json" number: 14 ` + text + ` oneof_index: 0}
				oneof_decl {name: "arm"}}
				message_type {name: "T" field {name: "words" number: 1 ` + text + `} field {name: "extra_json" number: 15 ` + text + `}}`,
			direction: reply,
			want: `{"oneOf":[{"type":"object","properties":{"type":{"type":"string","enum":["text","old_text"]},"words":{"type":"string"}},` +
				`"required":["type","words"],"additionalProperties":true},` +
				`{"type":"object","description":"Any other type.","properties":{"type":{"type":"string","not":{"enum":["text","old_text"]}}},` +
				`"required":["type"],"additionalProperties":true}]}`,
		},
		{
			name: "the members beside the arms of a union stand in each alternative, and some arms need no type in a request",
			file: `message_type {name: "M" options {[signalbox.wire.v1.message] {union: true}}
				field {name: "type" number: 1 ` + text + `}
				field {name: "place" number: 3 type: TYPE_INT32 label: LABEL_OPTIONAL options {[buf.validate.field] {required: true}}}
				field {name: "text" number: 2 type: TYPE_MESSAGE type_name: ".test.T" label: LABEL_OPTIONAL oneof_index: 0 options {[signalbox.wire.v1.field] {untyped: "words"}}}
				field {name: "other_json" number: 14 ` + text + ` oneof_index: 0}
				oneof_decl {name: "arm"}}
				message_type {name: "T" field {name: "words" number: 1 ` + text + `} field {name: "extra_json" number: 15 ` + text + `}}`,
			direction: request,
			want: `{"anyOf":[{"type":"object","properties":{"type":{"type":"string","enum":["text"]},"place":{"type":"integer","format":"int32"},` +
				`"words":{"type":["string","null"]}},"required":["place"],"additionalProperties":true},` +
				`{"type":"object","description":"Any other type.","properties":{"type":{"type":"string","not":{"enum":["text"]}}},` +
				`"required":["type"],"additionalProperties":true}]}`,
		},
		{
			name: "one member of several lists: an empty one is of all kinds",
			file: `message_type {name: "M"
				field {name: "input" number: 1 type: TYPE_STRING label: LABEL_REPEATED}
				field {name: "tokens" number: 2 type: TYPE_INT32 label: LABEL_REPEATED options {[signalbox.wire.v1.field] {key: "input"}}}}`,
			direction: reply,
			want: `{"type":"object","properties":{"input":{"anyOf":[{"type":"array","items":{"type":"string"}},` +
				`{"type":"array","items":{"type":"integer","format":"int32"}}]}}}`,
		},
		{
			name: "exactly one of some members",
			file: `message_type {name: "M" options {[buf.validate.message] {oneof {fields: ["a", "b"] required: true}}}
				field {name: "a" number: 1 ` + text + `} field {name: "b" number: 2 ` + text + `}}`,
			direction: request,
			want: `{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"type":["string","null"]}},"additionalProperties":false,` +
				`"oneOf":[{"required":["a"]},{"required":["b"]}]}`,
		},
		{
			name: "at most one of some members",
			file: `message_type {name: "M" options {[buf.validate.message] {oneof {fields: ["a", "b"]}}}
				field {name: "a" number: 1 ` + text + `} field {name: "b" number: 2 ` + text + `}}`,
			direction: request,
			want: `{"type":"object","properties":{"a":{"type":["string","null"]},"b":{"type":["string","null"]}},"additionalProperties":false,` +
				`"not":{"anyOf":[{"required":["a","b"]}]}}`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := schemaOf(t, tc.file, tc.direction); got != tc.want {
				t.Errorf("the schema is\n%s\nwant\n%s", got, tc.want)
			}
		})
	}
}

func TestWhatCannotBeDescribedIsRefused(t *testing.T) {
	t.Parallel()
	const messages = `message_type {name: "In" field {name: "id" number: 1 type: TYPE_STRING label: LABEL_OPTIONAL}
		field {name: "in" number: 2 type: TYPE_MESSAGE type_name: ".test.In" label: LABEL_OPTIONAL}} message_type {name: "Out"}`
	const policy = `[signalbox.policy.v1.method] {scope: SCOPE_ANY}`
	method := func(extra, options string) string {
		return messages + ` service {name: "S" method {name: "Do" input_type: ".test.In" output_type: ".test.Out" ` + extra + ` options {` + options + `}}}`
	}
	for _, tc := range []struct{ name, file, want string }{
		{"no scope", method("", `[google.api.http] {get: "/a"}`), "no scope"},
		{"a stream alone", method("server_streaming: true", policy+`[google.api.http] {post: "/a:stream"}`), "no unary RPC"},
		{"a client stream", method("client_streaming: true", policy+`[google.api.http] {post: "/a"}`), "client stream"},
		{"a body without an example", method("", policy+`[google.api.http] {post: "/a" body: "*"}`), "no example"},
		{"a path variable that is no field", method("", policy+`[google.api.http] {get: "/a/{other}"}`), "which the request has not"},
		{"a query parameter that is a message", method("", policy+`[google.api.http] {get: "/a"}`), "two query parameters"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newTestBuilder(t, compile(t, tc.file))
			if err := b.services(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it says %v, want %q", err, tc.want)
			}
		})
	}
}

func TestCommentsReadAsMarkdown(t *testing.T) {
	t.Parallel()
	comment := protogen.Comments(" One sentence\n of two lines. Another.\n\n What follows:\n\n - a point\n   and more of it\n - another\n")
	want := "One sentence of two lines. Another.\n\nWhat follows:\n\n- a point and more of it\n- another"
	if got := prose(comment); got != want {
		t.Errorf("it reads\n%s", got)
	}
	if got := summary(want); got != "One sentence of two lines" {
		t.Errorf("the summary is %q", got)
	}
}
