package server_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// grpcFields are those of a gRPC call.
func grpcFields(path string) []string {
	return []string{
		":method", "POST", ":scheme", "http", ":authority", "x", ":path", path,
		"te", "trailers", "content-type", "application/grpc", "authorization", "Bearer " + servertest.MasterKey,
	}
}

// message is a gRPC message on the wire.
func message(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(b))), b...)
}

const (
	chatRPC   = "/signalbox.chat.v1.ChatService/CreateChatCompletion"
	streamRPC = "/signalbox.chat.v1.ChatService/StreamChatCompletion"
)

// What no honest gRPC client sends gets an answer by the rules of gRPC, and no
// provider hears of it.
func TestOddCallsOverGRPC(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	good := message(t, &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"x"}]`}})
	change := func(name, value string) []string {
		fields := grpcFields(chatRPC)
		for i := 0; i < len(fields); i += 2 {
			if fields[i] == name {
				fields[i+1] = value
			}
		}
		return fields
	}
	grpcStatus := func(code codes.Code) string { return fmt.Sprintf("grpc %d", code) }
	for _, tt := range []struct {
		name   string
		fields []string
		body   []byte
		want   string
	}{
		{"a good call", grpcFields(chatRPC), good, grpcStatus(codes.OK)},
		{"no slash before the service", change(":path", chatRPC[1:]), good, grpcStatus(codes.Unimplemented)},
		{"no slash at all", change(":path", "x"), good, grpcStatus(codes.Unimplemented)},
		{"two slashes before the service", change(":path", "/"+chatRPC), good, grpcStatus(codes.Unimplemented)},
		{"a slash behind the method", change(":path", chatRPC+"/"), good, grpcStatus(codes.Unimplemented)},
		{"another case", change(":path", strings.ToLower(chatRPC)), good, grpcStatus(codes.Unimplemented)},
		{"an encoded slash", change(":path", strings.ReplaceAll(chatRPC, "/", "%2f")), good, grpcStatus(codes.Unimplemented)},
		{"an unknown method", change(":path", "/signalbox.chat.v1.ChatService/Nothing"), good, grpcStatus(codes.Unimplemented)},
		{"an unknown service", change(":path", "/signalbox.chat.v2.ChatService/CreateChatCompletion"), good, grpcStatus(codes.Unimplemented)},
		{"an unknown method of health", change(":path", "/grpc.health.v1.Health/Nothing"), good, grpcStatus(codes.Unimplemented)},
		{"an unknown service beside health", change(":path", "/grpc.health.v1.Other/Check"), good, grpcStatus(codes.Unimplemented)},
		{"an unknown service of reflection", change(":path", "/grpc.reflection.v9.ServerReflection/ServerReflectionInfo"), good, grpcStatus(codes.Unimplemented)},
		{"another content type", change("content-type", "application/json"), good, "http 415"},
		{"another content type that begins alike", change("content-type", "application/grpcx"), good, "http 415"},
		{"an unknown codec is ours", change("content-type", "application/grpc+json"), good, grpcStatus(codes.OK)},
		{"another HTTP method", change(":method", "GET"), good, "http 405"},
		{"an unknown compression", append(grpcFields(chatRPC), "grpc-encoding", "snappy"), append([]byte{1}, good[1:]...), grpcStatus(codes.Unimplemented)},
		{"compressed, and by nobody", grpcFields(chatRPC), append([]byte{1}, good[1:]...), grpcStatus(codes.Internal)},
		{"compressed, but not", append(grpcFields(chatRPC), "grpc-encoding", "gzip"), append([]byte{1}, good[1:]...), grpcStatus(codes.Internal)},
		{"a message of 4 GiB", grpcFields(chatRPC), []byte{0, 255, 255, 255, 255, 1, 2, 3}, grpcStatus(codes.ResourceExhausted)},
		{"half a message", grpcFields(chatRPC), good[:len(good)-3], grpcStatus(codes.Internal)},
		{"no message", grpcFields(chatRPC), nil, grpcStatus(codes.Internal)},
		{"two messages", grpcFields(chatRPC), append(bytes.Clone(good), good...), grpcStatus(codes.Internal)},
		{"no protobuf", grpcFields(chatRPC), []byte{0, 0, 0, 0, 3, 255, 255, 255}, grpcStatus(codes.Internal)},
		{"two credentials", append(grpcFields(chatRPC), "authorization", "Bearer other"), good, grpcStatus(codes.Unauthenticated)},
		{"the wrong scheme", change("authorization", "Basic "+servertest.MasterKey), good, grpcStatus(codes.Unauthenticated)},
		{"a deadline of nothing", append(grpcFields(chatRPC), "grpc-timeout", "0n"), good, grpcStatus(codes.DeadlineExceeded)},
		{"a deadline of nonsense", append(grpcFields(chatRPC), "grpc-timeout", "9x"), good, "http 400"},
		{"a binary header that is none", append(grpcFields(chatRPC), "x-bin", "!!!"), good, "http 400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := speakGRPC(t, gw)
			f.must(f.open(1, false, tt.fields...))
			f.must(f.WriteData(1, true, tt.body))
			fields, ended := f.answer(1)
			got := ended
			switch {
			case fields[":status"] != "" && fields[":status"] != "200":
				got = "http " + fields[":status"]
			case fields["grpc-status"] != "":
				got = "grpc " + fields["grpc-status"]
			}
			if got != tt.want {
				t.Errorf("got %s, want %s: %v", got, tt.want, fields)
			}
		})
	}
}

// Health needs no key. Reflection tells its protos on this machine alone, unless it is
// configured otherwise.
func TestOpenServices(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	for _, tt := range []struct {
		name, address, config string
		reflects              bool
	}{
		{"loopback", "127.0.0.1:0", "", true},
		{"loopback, off", "127.0.0.1:0", "server:\n  reflection: false\n", false},
		{"beyond loopback", "0.0.0.0:0", "server:\n  drain_lag: 0s\n", false},
		{"beyond loopback, on", "0.0.0.0:0", "server:\n  drain_lag: 0s\n  reflection: true\n", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gw := servertest.Start(t, servertest.Upstream(up), servertest.Env("SIGNALBOX_GRPC_ADDR", tt.address), servertest.File(tt.config))
			stranger := gw.Dial("")
			if health, err := healthv1.NewHealthClient(stranger).Check(t.Context(), &healthv1.HealthCheckRequest{}); health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
				t.Errorf("health: %v, %v", health, err)
			}
			stream, err := reflectionv1.NewServerReflectionClient(stranger).ServerReflectionInfo(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil && !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			told, err := stream.Recv()
			if tt.reflects && len(told.GetListServicesResponse().GetService()) == 0 || !tt.reflects && status.Code(err) != codes.Unimplemented {
				t.Errorf("reflection: %v, %v", told, err)
			}
			err = stranger.Invoke(t.Context(), chatRPC, &chatv1.CreateChatCompletionRequest{}, &emptypb.Empty{})
			if status.Code(err) != codes.Unauthenticated || len(status.Convert(err).Details()) == 0 {
				t.Errorf("a call without a key: %v", err)
			}
			if api, ok := status.Convert(err).Details()[0].(*commonv1.ApiError); !ok || api.GetReason() != commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING {
				t.Errorf("a call without a key: %v", status.Convert(err).Details())
			}
		})
	}
}
