//go:build sdk

// Package grpcgo calls a gateway over gRPC with the generated Go client.
package grpcgo

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what the provider says to "Hello".
const answer = "You said: Hello"

// bearer sends a key with each call. Empty: none.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	if b == "" {
		return map[string]string{}, nil
	}
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// dial connects with a key.
func dial(t *testing.T, key string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(stack.Find(t).GRPC,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithPerRPCCredentials(bearer(key)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close the connection: %v", err)
		}
	})
	return conn
}

// chat is a client with the master key.
func chat(t *testing.T) chatv1.ChatServiceClient {
	t.Helper()
	return chatv1.NewChatServiceClient(dial(t, stack.Find(t).Key))
}

// named returns a bounded context that sends a request id of its own.
func named(t *testing.T) (ctx context.Context, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), stack.Patience)
	t.Cleanup(cancel)
	id = stack.NewID()
	return metadata.AppendToOutgoingContext(ctx, "x-request-id", id), id
}

// say are the parameters of one user message.
func say(text string) *chatv1.ChatCompletionParams {
	return &chatv1.ChatCompletionParams{Model: "gpt-4o-mini", Messages: []*chatv1.ChatMessage{{Role: "user", Content: &text}}}
}

// faulty is say("Hello") that the provider answers by a script.
func faulty(script string) *chatv1.ChatCompletionParams {
	params, marker := say("Hello"), stack.Fault(script)
	params.User = &marker
	return params
}

// create fails the test when there is no reply.
func create(t *testing.T, params *chatv1.ChatCompletionParams) *chatv1.CreateChatCompletionResponse {
	t.Helper()
	ctx, _ := named(t)
	reply, err := chat(t).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// open begins a stream.
func open(ctx context.Context, t *testing.T, params *chatv1.ChatCompletionParams) grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse] {
	t.Helper()
	stream, err := chat(t).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

// drain reads a stream to its end.
func drain(stream grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse]) ([]*chatv1.StreamChatCompletionResponse, error) {
	var messages []*chatv1.StreamChatCompletionResponse
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return messages, nil
		}
		if err != nil {
			return messages, err
		}
		messages = append(messages, message)
	}
}

// textOf is what a stream says.
func textOf(messages []*chatv1.StreamChatCompletionResponse) string {
	text := ""
	for _, m := range messages {
		for _, choice := range m.GetChunk().GetChoices() {
			text += choice.GetDelta().GetContent()
		}
	}
	return text
}

// want is what is asserted of a failure.
type want struct {
	code   codes.Code
	reason commonv1.ErrorReason
	status int32
	param  string
}

// failure asserts the status of a call with its details, and returns them.
func failure(t *testing.T, err error, id string, want want) (*commonv1.ApiError, *errdetails.RetryInfo) {
	t.Helper()
	st := status.Convert(err)
	var (
		failed *commonv1.ApiError
		info   *errdetails.ErrorInfo
		retry  *errdetails.RetryInfo
	)
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *commonv1.ApiError:
			failed = d
		case *errdetails.ErrorInfo:
			info = d
		case *errdetails.RetryInfo:
			retry = d
		}
	}
	if st.Code() != want.code || failed.GetReason() != want.reason || failed.GetHttpStatus() != want.status || failed.GetParam() != want.param {
		t.Errorf("%v, %v; want %+v", st, failed, want)
	}
	if st.Message() == "" || st.Message() != failed.GetMessage() || failed.GetType() == "" {
		t.Errorf("the status says %q, its detail %v", st.Message(), failed)
	}
	if info.GetDomain() != "signalbox" || info.GetReason() != want.reason.String() || info.GetMetadata()["request_id"] != id {
		t.Errorf("the error info is %v", info)
	}
	if failed.GetInfo().GetRequestId() != id {
		t.Errorf("the error's facts are %v", failed.GetInfo())
	}
	return failed, retry
}

// headers asserts that header metadata agrees with the facts of a call.
func headers(t *testing.T, header metadata.MD, info *commonv1.CallInfo) {
	t.Helper()
	for name, value := range map[string]string{
		"x-request-id": info.GetRequestId(), "x-signalbox-plan": info.GetPlanDigest(),
		"x-signalbox-provider": info.GetProvider(), "x-signalbox-model": info.GetModel(),
		"x-ratelimit-remaining-requests": "9999",
	} {
		if got := header.Get(name); value == "" || !slices.Equal(got, []string{value}) {
			t.Errorf("%s is %v, want %q, in %v", name, got, value, slices.Sorted(maps.Keys(header)))
		}
	}
}
