// Package descriptorset makes the compiled set of protos that a gateway serves, so
// that `buf generate` or protoc can make a client from a running one.
package descriptorset

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// Where buf keeps what it knows of a file beyond its descriptor: field 8042 of the
// file, whose field 1 says that the file is an import only. buf generates nothing
// for imports; everyone else passes over the unknown field.
const (
	bufExtension = 8042
	bufIsImport  = 1
)

// internal is the package of what the gateway keeps, which no client sees.
const internal = "signalbox.objects.v1"

// Marshal returns the encoded set of all files of the request, imports first. The
// files to generate keep their comments; the imports are there only so that the set
// stands alone, so theirs are left out. Every file must have its `go_package`,
// which buf's managed mode fills in.
func Marshal(request *pluginpb.CodeGeneratorRequest) ([]byte, error) {
	set := &descriptorpb.FileDescriptorSet{}
	for _, file := range request.GetProtoFile() {
		if file.GetPackage() == internal {
			continue
		}
		if file.GetOptions().GetGoPackage() == "" {
			return nil, fmt.Errorf("%s has no go_package: is buf's managed mode off?", file.GetName())
		}
		file = proto.CloneOf(file)
		if !slices.Contains(request.GetFileToGenerate(), file.GetName()) {
			file.SourceCodeInfo = nil
			file.ProtoReflect().SetUnknown(append(file.ProtoReflect().GetUnknown(), importMark()...))
		}
		set.File = append(set.File, file)
	}
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encode the descriptor set: %w", err)
	}
	return raw, nil
}

// importMark is the encoded extension with `is_import: true`.
func importMark() []byte {
	inner := protowire.AppendTag(nil, bufIsImport, protowire.VarintType)
	inner = protowire.AppendVarint(inner, 1)
	mark := protowire.AppendTag(nil, bufExtension, protowire.BytesType)
	return protowire.AppendBytes(mark, inner)
}
