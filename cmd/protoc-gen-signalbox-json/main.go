// Command protoc-gen-signalbox-json is a protoc plugin that writes the JSON codec
// of our messages: encoders and decoders without reflection, from the options of
// signalbox.wire.v1.
//
// It needs all files in one run, for one function chooses among all messages.
package main

import (
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"
)

func main() {
	protogen.Options{}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		return generate(plugin)
	})
}

// generate writes one file for each proto file that has messages, one for the
// enums, and one that chooses among all messages.
func generate(plugin *protogen.Plugin) error {
	model, err := newModel(plugin)
	if err != nil {
		return err
	}
	for _, source := range model.files {
		f := newFile(model, source.name)
		for _, m := range source.messages {
			f.message(m)
		}
		f.writeTo(plugin)
	}
	enums := newFile(model, "enums.go")
	enums.enums()
	enums.writeTo(plugin)
	codec := newFile(model, "codec.go")
	codec.dispatch()
	codec.writeTo(plugin)
	return nil
}

// fileName is the generated file's name for a proto file:
// "signalbox/chat/v1/chat_service.proto" is chat_service.go, and
// "signalbox/common/v1/errors.proto" is common_errors.go.
func fileName(proto string) string {
	parts := strings.Split(strings.TrimSuffix(proto, ".proto"), "/")
	base := parts[len(parts)-1]
	if len(parts) < 3 {
		return base + ".go"
	}
	if area := parts[len(parts)-3]; base != area && !strings.HasPrefix(base, area+"_") {
		base = area + "_" + base
	}
	return base + ".go"
}
