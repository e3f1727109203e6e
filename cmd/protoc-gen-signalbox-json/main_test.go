package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"

	_ "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
)

// request is what a compiler would send for these files; what they import comes
// first.
func request(files ...*descriptorpb.FileDescriptorProto) *pluginpb.CodeGeneratorRequest {
	req := new(pluginpb.CodeGeneratorRequest)
	seen := make(map[string]bool)
	var add func(*descriptorpb.FileDescriptorProto)
	add = func(f *descriptorpb.FileDescriptorProto) {
		if seen[f.GetName()] {
			return
		}
		seen[f.GetName()] = true
		for _, name := range f.GetDependency() {
			if fd, err := protoregistry.GlobalFiles.FindFileByPath(name); err == nil {
				add(protodesc.ToFileDescriptorProto(fd))
			}
		}
		req.ProtoFile = append(req.ProtoFile, f)
	}
	for _, f := range files {
		add(f)
		req.FileToGenerate = append(req.FileToGenerate, f.GetName())
	}
	return req
}

// generated runs the plugin and returns its files.
func generated(t *testing.T, req *pluginpb.CodeGeneratorRequest) (map[string]string, error) {
	t.Helper()
	plugin, err := protogen.Options{}.New(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := generate(plugin); err != nil {
		return nil, err
	}
	response := plugin.Response()
	if response.Error != nil {
		t.Fatal(response.GetError())
	}
	out := make(map[string]string)
	for _, f := range response.GetFile() {
		out[f.GetName()] = f.GetContent()
	}
	return out, nil
}

// TestCodecIsUpToDate says that the committed codec is what the generator makes
// of the compiled protos.
func TestCodecIsUpToDate(t *testing.T) {
	t.Parallel()
	var files []*descriptorpb.FileDescriptorProto
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(f.Path(), "signalbox/") {
			files = append(files, protodesc.ToFileDescriptorProto(f))
		}
		return true
	})
	slices.SortFunc(files, func(a, b *descriptorpb.FileDescriptorProto) int { return strings.Compare(a.GetName(), b.GetName()) })
	got, err := generated(t, request(files...))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("..", "..", "providers", "wire", "codec")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(got) {
		t.Errorf("%d files are there, %d are generated", len(entries), len(got))
	}
	for name, content := range got {
		committed, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(committed) != content {
			t.Errorf("%s is not what the generator makes: run `make generate` (%v)", name, err)
		}
	}
}

// custom is a file with a message `Custom`, and with what tests need beside it.
func custom(message *wirev1.MessageShape, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.FileDescriptorProto {
	m := &descriptorpb.DescriptorProto{Name: proto.String("Custom"), Field: fields, Options: new(descriptorpb.MessageOptions)}
	proto.SetExtension(m.Options, wirev1.E_Message, message)
	if slices.ContainsFunc(fields, func(f *descriptorpb.FieldDescriptorProto) bool { return f.OneofIndex != nil }) {
		m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String("arm")})
	}
	for i, f := range fields {
		if f.Number == nil {
			f.Number = proto.Int32(int32(i) + 20)
		}
		if f.GetProto3Optional() {
			f.OneofIndex = proto.Int32(int32(len(m.GetOneofDecl())))
			m.OneofDecl = append(m.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String("_" + f.GetName())})
		}
	}
	return &descriptorpb.FileDescriptorProto{
		Name: proto.String("signalbox/custom/v1/custom.proto"), Package: proto.String("signalbox.custom.v1"), Syntax: proto.String("proto3"),
		Dependency:  []string{"signalbox/wire/v1/wire.proto", "signalbox/chat/v1/chat.proto", "google/protobuf/timestamp.proto", "google/protobuf/struct.proto"},
		MessageType: []*descriptorpb.DescriptorProto{m, payload("Payload", extra()), payload("Closed")},
		Options:     &descriptorpb.FileOptions{GoPackage: proto.String("github.com/signalbox-ai/signalbox/gen/signalbox/custom/v1;customv1")},
	}
}

// of makes a field. typ is the name of a message or enum, or empty.
func of(name string, kind descriptorpb.FieldDescriptorProto_Type, typ string, shape *wirev1.FieldShape) *descriptorpb.FieldDescriptorProto {
	f := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Type: kind.Enum(), Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(), Options: new(descriptorpb.FieldOptions),
	}
	if typ != "" {
		f.TypeName = proto.String(typ)
	}
	if shape != nil {
		proto.SetExtension(f.Options, wirev1.E_Field, shape)
	}
	return f
}

func list(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	return f
}

// ofUnion is a file with one union, whose other_json is added.
func ofUnion(fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.FileDescriptorProto {
	return custom(&wirev1.MessageShape{Union: true}, append(fields, other())...)
}

// inOneof puts a field into the one oneof of the message.
func inOneof(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.OneofIndex = proto.Int32(0)
	return f
}

func toolArm(shape *wirev1.FieldShape) *descriptorpb.FieldDescriptorProto {
	return inOneof(of("tool", object, ".signalbox.custom.v1.Payload", shape))
}

// payload is a message with a member `name`, and with other fields.
func payload(name string, fields ...*descriptorpb.FieldDescriptorProto) *descriptorpb.DescriptorProto {
	f := of("name", str, "", nil)
	f.Number = proto.Int32(1)
	return &descriptorpb.DescriptorProto{Name: proto.String(name), Field: append(fields, f)}
}

func other() *descriptorpb.FieldDescriptorProto {
	f := inOneof(of("other_json", str, "", &wirev1.FieldShape{Raw: true}))
	f.Number = proto.Int32(14)
	return f
}

func extra() *descriptorpb.FieldDescriptorProto {
	f := of("extra_json", str, "", nil)
	f.Number = proto.Int32(15)
	return f
}

func optional(f *descriptorpb.FieldDescriptorProto) *descriptorpb.FieldDescriptorProto {
	f.Proto3Optional = proto.Bool(true)
	return f
}

const (
	str    = descriptorpb.FieldDescriptorProto_TYPE_STRING
	i32    = descriptorpb.FieldDescriptorProto_TYPE_INT32
	double = descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	float  = descriptorpb.FieldDescriptorProto_TYPE_FLOAT
	bytesT = descriptorpb.FieldDescriptorProto_TYPE_BYTES
	object = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	enum   = descriptorpb.FieldDescriptorProto_TYPE_ENUM
)

// TestRefusals says which shapes the generator refuses: what it does not know how
// to write must not become JSON that is nearly right.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		file *descriptorpb.FileDescriptorProto
		want string
	}{
		{"a union without a type", ofUnion(toolArm(nil)), "is `string type`"},
		{"a union with an optional type", ofUnion(optional(of("type", str, "", nil)), toolArm(nil)), "is `string type`"},
		{"a union without arms", ofUnion(of("type", str, "", nil)), "one oneof of arms"},
		{"a union without other_json", custom(&wirev1.MessageShape{Union: true}, of("type", str, "", nil), toolArm(nil)), "has `string other_json = 14`"},
		{"a union with a list of its own", ofUnion(of("type", str, "", nil), list(of("a", str, "", nil)), toolArm(nil)), "plain scalars"},
		{"a union with extra_json", ofUnion(of("type", str, "", nil), extra(), toolArm(nil)), "neither extra_json"},
		{"a union with an object", custom(&wirev1.MessageShape{Union: true, Object: "x"}, of("type", str, "", nil), toolArm(nil), other()), "neither extra_json"},
		{"a type twice", ofUnion(of("type", str, "", nil), toolArm(&wirev1.FieldShape{Tags: []string{"x", "x"}})), "not its alone"},
		{"an arm without extra_json", ofUnion(of("type", str, "", nil), inOneof(of("a", object, ".signalbox.custom.v1.Closed", nil))), "with extra_json"},
		{"an arm with the union's member", ofUnion(of("type", str, "", nil), of("name", str, "", nil), toolArm(nil)), `a member "name" too`},
		{"a scalar arm", ofUnion(of("type", str, "", nil), inOneof(of("a", str, "", nil))), "arms of a oneof are messages"},
		{"tags outside of a union", custom(nil, of("a", object, ".signalbox.chat.v1.ToolName", &wirev1.FieldShape{Tags: []string{"x"}})), "arms of a union"},
		{"untyped outside of a union", custom(nil, of("a", object, ".signalbox.chat.v1.ToolName", &wirev1.FieldShape{Untyped: "x"})), "arms of a union"},
		{"emit_types without a type", custom(nil, optional(of("a", str, "", &wirev1.FieldShape{EmitNull: true, EmitTypes: []string{"x"}}))), "needs a `type`"},
		{"emit_types of nothing", custom(nil, of("type", str, "", nil), optional(of("a", str, "", &wirev1.FieldShape{EmitTypes: []string{"x"}}))), "goes with emit_null"},
		{"emit_in_requests of nothing", custom(nil, optional(of("a", str, "", &wirev1.FieldShape{EmitInRequests: true}))), "goes with emit_null"},
		{"a transparent message without a field", custom(&wirev1.MessageShape{Transparent: true}), "a list of scalars"},
		{"a transparent scalar", custom(&wirev1.MessageShape{Transparent: true}, of("a", str, "", nil)), "a list of scalars"},
		{"a transparent list of messages", custom(&wirev1.MessageShape{Transparent: true}, list(of("a", object, ".signalbox.chat.v1.ToolName", nil))), "a list of scalars"},
		{"a float", custom(nil, of("a", float, "", nil)), "float is for lists"},
		{"two lists of one kind", custom(nil, list(of("a", i32, "", nil)), list(of("b", double, "", &wirev1.FieldShape{Key: "a"}))), "cannot be told apart"},
		{"bytes", custom(nil, of("a", bytesT, "", nil)), "the type bytes is not supported"},
		{"a Struct", custom(nil, of("a", object, ".google.protobuf.Struct", nil)), "google.protobuf.Struct is not ours"},
		{"a list of times", custom(nil, list(of("a", object, ".google.protobuf.Timestamp", nil))), "lists of times"},
		{"an optional enum", custom(nil, optional(of("a", enum, ".google.protobuf.NullValue", nil))), "optional enums"},
		{"raw and deferred", custom(nil, of("a_json", str, "", &wirev1.FieldShape{Raw: true, Deferred: true})), "exclude each other"},
		{"raw without its suffix", custom(nil, of("a", str, "", &wirev1.FieldShape{Raw: true})), "ends in _json"},
		{"raw that is no string", custom(nil, of("a_json", i32, "", &wirev1.FieldShape{Raw: true})), "ends in _json"},
		{"optional raw", custom(nil, optional(of("a_json", str, "", &wirev1.FieldShape{Raw: true}))), "ends in _json"},
		{"decimal_point of a string", custom(nil, of("a", str, "", &wirev1.FieldShape{DecimalPoint: true})), "decimal_point is for doubles"},
		{"a twin of nothing", custom(nil, of("a_json", str, "", &wirev1.FieldShape{Deferred: true})), "needs a list with the same key"},
		{"extra_json with another number", custom(nil, of("extra_json", str, "", nil)), "string extra_json = 15"},
		{"a plain field beside another", custom(nil, of("a", str, "", nil), optional(of("b", i32, "", &wirev1.FieldShape{Key: "a"}))), "cannot be told apart"},
		{"two fields of one kind", custom(nil, optional(of("a", double, "", nil)), optional(of("b", i32, "", &wirev1.FieldShape{Key: "a"}))), "cannot be told apart"},
		{"a member with the constant's name", custom(&wirev1.MessageShape{Object: "x"}, of("object", str, "", nil)), "cannot be told apart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if _, err := generated(t, request(c.file)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// TestDecimalPoint says that the option reaches the generated code, which is Go.
func TestDecimalPoint(t *testing.T) {
	t.Parallel()
	files, err := generated(t, request(custom(nil, optional(of("a", double, "", &wirev1.FieldShape{DecimalPoint: true})))))
	if err != nil {
		t.Fatal(err)
	}
	code := files["custom.go"]
	if !strings.Contains(code, "wire.AppendDecimal(b, *m.A)") {
		t.Errorf("no decimal point in %s", code)
	}
	for name, code := range files {
		if _, err := parser.ParseFile(token.NewFileSet(), name, code, 0); err != nil {
			t.Error(err)
		}
	}
}

// TestFileNames says how generated files are called.
func TestFileNames(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"signalbox/chat/v1/chat.proto": "chat.go", "signalbox/chat/v1/chat_service.proto": "chat_service.go",
		"signalbox/common/v1/errors.proto": "common_errors.go", "a.proto": "a.go",
	} {
		if got := fileName(source); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}
