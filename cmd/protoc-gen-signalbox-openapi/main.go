// Command protoc-gen-signalbox-openapi is a protoc plugin. It writes what a
// gateway tells of its own API: the OpenAPI document of the REST surface, the page
// that shows it, and the compiled set of the protos.
//
// It needs all files in one request (`strategy: all`), with comments and with
// `go_package` filled.
package main

import (
	"fmt"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/types/pluginpb"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/describe"
	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/descriptorset"
	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/page"
)

func main() {
	protogen.Options{}.Run(func(plugin *protogen.Plugin) error {
		plugin.SupportedFeatures = uint64(pluginpb.CodeGeneratorResponse_FEATURE_PROTO3_OPTIONAL)
		return generate(plugin)
	})
}

func generate(plugin *protogen.Plugin) error {
	document, err := describe.Document(plugin)
	if err != nil {
		return err
	}
	text, err := document.JSON()
	if err != nil {
		return err
	}
	if err := write(plugin, "openapi.json", text); err != nil {
		return err
	}
	html, err := page.Render(document)
	if err != nil {
		return err
	}
	if err := write(plugin, "docs.html", html); err != nil {
		return err
	}
	set, err := descriptorset.Marshal(plugin.Request)
	if err != nil {
		return err
	}
	return write(plugin, "signalbox.binpb", set)
}

func write(plugin *protogen.Plugin, name string, content []byte) error {
	if _, err := plugin.NewGeneratedFile(name, "").Write(content); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
