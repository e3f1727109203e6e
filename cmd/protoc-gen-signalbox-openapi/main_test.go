package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/compiler/protogen"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/pluginpb"
)

// committed is where buf puts what this plugin writes.
const committed = "../../server/rest/apidoc/generated"

// request is what buf would ask for, read back from the committed set.
func request(t *testing.T) *pluginpb.CodeGeneratorRequest {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(committed, "signalbox.binpb"))
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(raw, set); err != nil {
		t.Fatal(err)
	}
	request := &pluginpb.CodeGeneratorRequest{ProtoFile: set.GetFile()}
	for _, file := range set.GetFile() {
		file.ProtoReflect().SetUnknown(nil)
		if strings.HasPrefix(file.GetName(), "signalbox/") {
			request.FileToGenerate = append(request.FileToGenerate, file.GetName())
		}
	}
	return request
}

func run(t *testing.T, request *pluginpb.CodeGeneratorRequest) map[string]string {
	t.Helper()
	plugin, err := protogen.Options{}.New(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := generate(plugin); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, file := range plugin.Response().GetFile() {
		files[file.GetName()] = file.GetContent()
	}
	return files
}

func TestCommittedFilesAreWhatThePluginWrites(t *testing.T) {
	t.Parallel()
	files := run(t, request(t))
	if len(files) != 3 {
		t.Errorf("it writes %d files", len(files))
	}
	for name, content := range files {
		have, err := os.ReadFile(filepath.Join(committed, name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, []byte(content)) {
			t.Errorf("%s differs: run `make generate`", name)
		}
	}
}

func TestTheSameRequestGivesTheSameBytes(t *testing.T) {
	t.Parallel()
	first := run(t, request(t))
	for range 3 {
		for name, content := range run(t, request(t)) {
			if first[name] != content {
				t.Errorf("%s differs from one run to the next", name)
			}
		}
	}
}

func TestAFileWithoutGoPackageIsRefused(t *testing.T) {
	t.Parallel()
	r := request(t)
	plugin, err := protogen.Options{}.New(r)
	if err != nil {
		t.Fatal(err)
	}
	r.GetProtoFile()[0].Options.GoPackage = nil
	if err := generate(plugin); err == nil || !strings.Contains(err.Error(), "go_package") {
		t.Errorf("it says %v", err)
	}
}
