package server_test

import (
	"context"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestRefusalsAreOpenAIShapedAndRecorded(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File("server:\n  max_body_bytes: 65536\n"))
	long := strings.Repeat("x", 70_000)
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		reason, param            string
	}{
		{name: "no such route", method: "GET", path: "/v1/nothing", status: 404, reason: "ROUTE_NOT_FOUND"},
		{name: "wrong method", method: "DELETE", path: chatPath, status: 405, reason: "METHOD_NOT_ALLOWED"},
		{name: "a path with two meanings", method: "GET", path: "/v1/models/%2e%2e/%2e%2e/admin", status: 400, reason: "PATH_REFUSED"},
		{name: "no credentials", method: "POST", path: chatPath, body: `{}`, header: []string{"Authorization", ""}, status: 401, reason: "CREDENTIALS_MISSING"},
		{name: "wrong credentials", method: "POST", path: chatPath, body: `{}`, header: []string{"Authorization", "Bearer wrong"}, status: 401, reason: "CREDENTIALS_INVALID"},
		{name: "no JSON by its type", method: "POST", path: chatPath, body: `{}`, header: []string{"Content-Type", "text/plain"}, status: 415, reason: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "compressed", method: "POST", path: chatPath, body: `{}`, header: []string{"Content-Encoding", "gzip"}, status: 415, reason: "UNSUPPORTED_MEDIA_TYPE"},
		{name: "too large", method: "POST", path: chatPath, body: servertest.ChatBody(model, long), status: 413, reason: "REQUEST_TOO_LARGE"},
		{name: "not JSON", method: "POST", path: chatPath, body: `{"model":`, status: 400, reason: "INVALID_JSON"},
		{name: "two values", method: "POST", path: chatPath, body: `{} {}`, status: 400, reason: "INVALID_JSON"},
		{name: "a member twice", method: "POST", path: chatPath, body: `{"model":"a","model":"b","messages":[]}`, status: 400, reason: "INVALID_JSON", param: "model"},
		{name: "no model", method: "POST", path: chatPath, body: `{"messages":[{"role":"user","content":"x"}]}`, status: 400, reason: "INVALID_FIELD", param: "model"},
		{name: "a model that is a number", method: "POST", path: chatPath, body: `{"model":1,"messages":[{"role":"user","content":"x"}]}`, status: 400, reason: "INVALID_FIELD", param: "model"},
		{name: "messages that are an object", method: "POST", path: chatPath, body: `{"model":"gpt-4o-mini","messages":{}}`, status: 400, reason: "INVALID_FIELD", param: "messages"},
		{name: "a query beside a whole body", method: "POST", path: "/v1/plan:explain?stream=true", body: `{"chat_completion":{"model":"gpt-4o-mini","messages":[]}}`, status: 400, reason: "INVALID_FIELD", param: "stream"},
		{name: "no messages", method: "POST", path: chatPath, body: `{"model":"gpt-4o-mini"}`, status: 400, reason: "INVALID_FIELD", param: "messages"},
		{name: "an unknown model", method: "POST", path: chatPath, body: servertest.ChatBody("gpt-99", "x"), status: 404, reason: "MODEL_NOT_FOUND", param: "model"},
		{name: "an unknown provider", method: "POST", path: chatPath + "?provider=nobody", body: servertest.ChatBody(model, "x"), status: 404, reason: "PROVIDER_NOT_FOUND", param: "provider"},
		{name: "an unknown query parameter", method: "GET", path: "/admin/api/v1/audit/log?limitt=1", status: 400, reason: "INVALID_FIELD", param: "limitt"},
		{name: "no such record", method: "GET", path: "/admin/api/v1/audit/log/none", status: 404, reason: "OBJECT_NOT_FOUND"},
		{name: "no such model", method: "GET", path: "/v1/models/openai%2Fgpt-99", status: 404, reason: "MODEL_NOT_FOUND"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gw := gw.In(t)
			id := "refused-" + strings.ReplaceAll(tt.name, " ", "-")
			reply := gw.Do(tt.method, tt.path, tt.body, append([]string{"X-Request-Id", id}, tt.header...)...)
			failed := reply.Failure(t)
			if reply.Status != tt.status || reply.Header.Get("Content-Type") != "application/json" || reply.Header.Get("X-Request-Id") != id {
				t.Errorf("got %d %v %s", reply.Status, reply.Header, reply.Body)
			}
			if got := ""; tt.param != "" {
				if failed.Param != nil {
					got = *failed.Param
				}
				if got != tt.param {
					t.Errorf("param %q, want %q: %s", got, tt.param, reply.Body)
				}
			}
			entry := gw.Record(id).GetEntry()
			want := commonv1.ErrorReason(commonv1.ErrorReason_value["ERROR_REASON_"+tt.reason])
			if entry.GetReason() != want || int(entry.GetStatusCode()) != tt.status || entry.GetErrorMessage() != failed.Message || entry.GetErrorType() != failed.Type {
				t.Errorf("record %v", entry)
			}
		})
	}
	if calls := up.Chats(); len(calls) != 0 {
		t.Errorf("%d calls went upstream", len(calls))
	}
}

func TestUnknownModelNamesWhatWasAsked(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	gw.Post(chatPath, servertest.ChatBody("gpt-99", "x"), "X-Request-Id", "unknown")
	record := gw.Record("unknown")
	if record.GetEntry().GetRequestedModel() != "gpt-99" || record.GetPlan().GetIncomplete() != commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND ||
		record.GetPlan().GetRequested().GetModel() != "gpt-99" || record.GetEntry().GetPlanDigest() == "" {
		t.Errorf("record %v", record)
	}
}

func TestRefusalsOverGRPC(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	client := chatv1.NewChatServiceClient(gw.GRPC)
	request := func(params *chatv1.ChatCompletionParams) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
			return err
		}
	}
	stranger := chatv1.NewChatServiceClient(gw.Dial("wrong"))
	for _, tt := range []struct {
		name   string
		call   func(context.Context) error
		code   codes.Code
		reason string
		param  string
	}{
		{"no such RPC", func(ctx context.Context) error {
			return gw.GRPC.Invoke(ctx, "/signalbox.chat.v1.ChatService/Nothing", &emptypb.Empty{}, &emptypb.Empty{})
		}, codes.Unimplemented, "ROUTE_NOT_FOUND", ""},
		{"wrong credentials", func(ctx context.Context) error {
			_, err := stranger.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{})
			return err
		}, codes.Unauthenticated, "CREDENTIALS_INVALID", ""},
		{"no params", request(nil), codes.InvalidArgument, "INVALID_FIELD", "params"},
		{"no model", request(&chatv1.ChatCompletionParams{MessagesJson: "[]"}), codes.InvalidArgument, "INVALID_FIELD", "model"},
		{"messages twice", request(&chatv1.ChatCompletionParams{Model: model, MessagesJson: "[]", Messages: []*chatv1.ChatMessage{{Role: "user"}}}),
			codes.InvalidArgument, "INVALID_FIELD", "messages"},
		{"a twin that is not JSON", request(&chatv1.ChatCompletionParams{Model: model, MessagesJson: "[{]"}), codes.InvalidArgument, "INVALID_JSON", ""},
		{"a twin of another shape", request(&chatv1.ChatCompletionParams{Model: model, MessagesJson: "{}"}), codes.InvalidArgument, "INVALID_FIELD", ""},
		{"a stream by the wrong RPC", request(&chatv1.ChatCompletionParams{Model: model, MessagesJson: `[{"role":"user","content":"x"}]`, Stream: new(true)}),
			codes.InvalidArgument, "INVALID_FIELD", "stream"},
		{"an unknown model", request(&chatv1.ChatCompletionParams{Model: "gpt-99", MessagesJson: "[]"}), codes.NotFound, "MODEL_NOT_FOUND", "model"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gw := gw.In(t)
			id := "grpc-" + strings.ReplaceAll(tt.name, " ", "-")
			st := status.Convert(tt.call(servertest.WithRequestID(t.Context(), id)))
			if st.Code() != tt.code {
				t.Fatalf("got %v: %v", st.Code(), st.Message())
			}
			api, ok := st.Details()[0].(*commonv1.ApiError)
			if !ok || api.GetReason().String() != "ERROR_REASON_"+tt.reason || api.GetInfo().GetRequestId() != id {
				t.Errorf("details %v", st.Details())
			}
			if tt.param != "" && api.GetParam() != tt.param {
				t.Errorf("param %q, want %q: %v", api.GetParam(), tt.param, api)
			}
			if entry := gw.Record(id).GetEntry(); entry.GetReason() != api.GetReason() {
				t.Errorf("record %v", entry)
			}
		})
	}
}

func TestLargeMessagesOverGRPC(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.File("server:\n  max_body_bytes: 65536\n"))
	large := &chatv1.ChatCompletionParams{Model: model, MessagesJson: strings.Repeat(" ", 70_000)}
	stranger := gw.Dial("wrong")
	for _, tt := range []struct {
		name   string
		conn   *grpc.ClientConn
		stream bool
		code   codes.Code
		reason commonv1.ErrorReason
		key    string
	}{
		{"unary", gw.GRPC, false, codes.ResourceExhausted, commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "master"},
		{"a stream", gw.GRPC, true, codes.ResourceExhausted, commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "master"},
		{"a stranger's is not read", stranger, false, codes.Unauthenticated, commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, ""},
		{"nor a stranger's stream", stranger, true, codes.Unauthenticated, commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gw := gw.In(t)
			id := "large-" + strings.ReplaceAll(tt.name, " ", "-")
			ctx := servertest.WithRequestID(t.Context(), id)
			client := chatv1.NewChatServiceClient(tt.conn)
			_, err := client.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: large})
			if tt.stream {
				id += "-2"
				var stream grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse]
				if stream, err = client.StreamChatCompletion(servertest.WithRequestID(t.Context(), id), &chatv1.StreamChatCompletionRequest{Params: large}); err == nil {
					_, err = stream.Recv()
				}
			}
			if status.Code(err) != tt.code {
				t.Errorf("got %v", err)
			}
			if entry := gw.Record(id).GetEntry(); entry.GetReason() != tt.reason || entry.GetKeyId() != tt.key {
				t.Errorf("record %v", entry)
			}
		})
	}
}

func TestPanicsCostOneCall(t *testing.T) {
	t.Parallel()
	broken := call.Step{Name: "broken", Request: func(_ context.Context, c *call.Call, _ proto.Message) error {
		if c.RequestID == "panic" {
			panic("a fault of ours") //nolint:forbidigo // the fault that is tested
		}
		return nil
	}}
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)), servertest.Steps(broken))
	reply := gw.Post(chatPath, servertest.ChatBody(model, "x"), "X-Request-Id", "panic")
	if failed := reply.Failure(t); reply.Status != 500 || failed.Message != "The gateway failed." {
		t.Errorf("got %d %s", reply.Status, reply.Body)
	}
	if entry := gw.Record("panic").GetEntry(); entry.GetReason() != commonv1.ErrorReason_ERROR_REASON_INTERNAL {
		t.Errorf("record %v", entry)
	}
	if reply := gw.Post(chatPath, servertest.ChatBody(model, "x")); reply.Status != 200 {
		t.Errorf("the next call: %d %s", reply.Status, reply.Body)
	}
}
