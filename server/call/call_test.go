package call_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

func TestRequestIDIsTheClientsIfWellFormed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, id string
		adopted  bool
	}{
		{"plain", "req-1", true},
		{"longest", strings.Repeat("a", 128), true},
		{"all visible characters", "!~{}[]\"'", true},
		{"none", "", false},
		{"too long", strings.Repeat("a", 129), false},
		{"a space", "req 1", false},
		{"a control character", "req\n1", false},
		{"not ASCII", "réq", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := call.New(auditv1.Entrance_ENTRANCE_REST, tt.id)
			want := c.ID
			if tt.adopted {
				want = tt.id
			}
			if c.RequestID != want || c.ID == "" || c.ID == tt.id {
				t.Errorf("id %q, request id %q", c.ID, c.RequestID)
			}
		})
	}
}

func TestEveryRPCNeedsAPolicy(t *testing.T) {
	t.Parallel()
	if _, err := call.ReadPolicies(chatv1.File_signalbox_chat_v1_chat_service_proto); err != nil {
		t.Errorf("chat: %v", err)
	}
	bare := &descriptorpb.FileDescriptorProto{
		Name:        proto.String("bare.proto"),
		Package:     proto.String("bare"),
		Syntax:      proto.String("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: proto.String("M")}},
		Service: []*descriptorpb.ServiceDescriptorProto{{
			Name:   proto.String("S"),
			Method: []*descriptorpb.MethodDescriptorProto{{Name: proto.String("Do"), InputType: proto.String(".bare.M"), OutputType: proto.String(".bare.M")}},
		}},
	}
	file, err := protodesc.NewFile(bare, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := call.ReadPolicies(file); err == nil || !strings.Contains(err.Error(), "bare.S/Do") {
		t.Errorf("an RPC without a policy gives %v", err)
	}
}

func TestStatusDetailsStaySmall(t *testing.T) {
	t.Parallel()
	c := call.New(auditv1.Entrance_ENTRANCE_GRPC, strings.Repeat("r", 128))
	long := strings.Repeat("ä", 4000)
	st := c.Status(&failure.Error{
		Reason: commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, Message: long, Param: long, Code: long,
		Provider: "openai", Status: 422, UpstreamBody: long, ExtraJSON: long,
	})
	if size := proto.Size(st.Proto()); size > 4<<10 {
		t.Errorf("the status has %d bytes, more than 4 KiB", size)
	}
	api, ok := st.Details()[0].(*commonv1.ApiError)
	if !ok || api.GetHttpStatus() != 422 || len(api.GetMessage()) > 512 || api.GetInfo().GetRequestId() != c.RequestID {
		t.Errorf("details %v", st.Details())
	}
}
