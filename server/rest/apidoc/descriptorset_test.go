package apidoc

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	_ "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/objects/v1"
)

func readSet(t *testing.T) *descriptorpb.FileDescriptorSet {
	t.Helper()
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(descriptorSet, set); err != nil {
		t.Fatal(err)
	}
	return set
}

func TestTheSetStandsAlone(t *testing.T) {
	t.Parallel()
	files, err := protodesc.NewFiles(readSet(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []protoreflect.FullName{
		"signalbox.chat.v1.ChatService", "google.api.http", "buf.validate.field", "google.protobuf.Duration",
	} {
		if _, err := files.FindDescriptorByName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEveryFileOfTheSetNamesItsGoPackage(t *testing.T) {
	t.Parallel()
	for _, file := range readSet(t).GetFile() {
		if file.GetOptions().GetGoPackage() == "" {
			t.Errorf("%s has none", file.GetName())
		}
	}
}

func TestOurFilesHaveCommentsAndTheOthersAreImports(t *testing.T) {
	t.Parallel()
	for _, file := range readSet(t).GetFile() {
		ours := strings.HasPrefix(file.GetName(), "signalbox/")
		if commented := len(file.GetSourceCodeInfo().GetLocation()) > 0; commented != ours {
			t.Errorf("%s: has comments: %v", file.GetName(), commented)
		}
		if imported := len(file.ProtoReflect().GetUnknown()) > 0; imported == ours {
			t.Errorf("%s: is marked as an import: %v", file.GetName(), imported)
		}
	}
}

// The set is of the protos that the gateway itself is compiled from.
func TestTheSetIsWhatTheGatewaySpeaks(t *testing.T) {
	t.Parallel()
	inSet := map[string]*descriptorpb.FileDescriptorProto{}
	for _, file := range readSet(t).GetFile() {
		file.SourceCodeInfo = nil
		inSet[file.GetName()] = file
	}
	compared := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(file.Path(), "signalbox/") || file.Package() == "signalbox.objects.v1" { // no client sees it
			return true
		}
		compared++
		if !proto.Equal(protodesc.ToFileDescriptorProto(file), inSet[file.Path()]) {
			t.Errorf("%s differs: run `make generate`", file.Path())
		}
		delete(inSet, file.Path())
		return true
	})
	for path := range inSet {
		if strings.HasPrefix(path, "signalbox/") {
			t.Errorf("%s is not compiled in", path)
		}
	}
	if compared == 0 {
		t.Error("no file was compared")
	}
}
