//go:build sdk

package grpcgo

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	unknown, extra, empty, odd := say("Hello"), say("Hello"), say("Hello"), say("Hello")
	unknown.Model, extra.ExtraJson, empty.Messages, odd.Model = "no-such-model", `{"frobnicate":1}`, nil, ""
	for name, test := range map[string]struct {
		params  *chatv1.ChatCompletionParams
		options *commonv1.CallOptions
		want    want
	}{
		"unknown model":     {unknown, nil, want{codes.NotFound, commonv1.ErrorReason_ERROR_REASON_MODEL_NOT_FOUND, 404, "model"}},
		"unknown provider":  {say("Hello"), &commonv1.CallOptions{Provider: "nobody"}, want{codes.NotFound, commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND, 404, "provider"}},
		"unknown parameter": {extra, nil, want{codes.InvalidArgument, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 400, "frobnicate"}},
		"no messages":       {empty, nil, want{codes.InvalidArgument, commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, 400, "messages"}},
		"no model":          {odd, nil, want{codes.InvalidArgument, commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, 400, "model"}},
		"conflict":          {faulty("status=409"), nil, want{codes.Aborted, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_REJECTED, 409, ""}},
		"rate limit":        {faulty("status=429,retry-after=20"), nil, want{codes.ResourceExhausted, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_RATE_LIMITED, 429, ""}},
		"quota":             {faulty("status=429,code=insufficient_quota"), nil, want{codes.ResourceExhausted, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_QUOTA_EXHAUSTED, 429, ""}},
		"server error":      {faulty("status=500"), nil, want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 502, ""}},
		"overload":          {faulty("status=503"), nil, want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_OVERLOADED, 503, ""}},
		"malformed reply":   {faulty("malformed=1"), nil, want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 502, ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, id := named(t)
			_, err := chat(t).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: test.params, Options: test.options})
			failed, retry := failure(t, err, id, test.want)
			if name == "rate limit" && (retry.GetRetryDelay().AsDuration() != 20*time.Second || failed.GetRetryAfter().AsDuration() != 20*time.Second || !failed.GetRetryable()) {
				t.Errorf("the delay is %v, %v", retry, failed)
			}

			ctx, id = named(t)
			stream, err := chat(t).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: test.params, Options: test.options})
			if err != nil {
				t.Fatal(err)
			}
			messages, err := drain(stream)
			failure(t, err, id, test.want)
			if len(messages) != 0 {
				t.Errorf("a refused stream has %v", messages)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for key, reason := range map[string]commonv1.ErrorReason{
		"":             commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING,
		"sk-of-nobody": commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID,
	} {
		ctx, id := named(t)
		conn := dial(t, key)
		_, err := chatv1.NewChatServiceClient(conn).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: say("Hello")})
		failure(t, err, id, want{codes.Unauthenticated, reason, 401, ""})
	}
	ctx, id := named(t)
	err := dial(t, stack.Find(t).Key).Invoke(ctx, "/signalbox.chat.v1.ChatService/NoSuchMethod", &chatv1.CreateChatCompletionRequest{}, &chatv1.CreateChatCompletionResponse{})
	failure(t, err, id, want{codes.Unimplemented, commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, 404, ""})
}

// A stream that breaks ends with its facts, then with the status.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	truncated := want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, 502, ""}
	for script, test := range map[string]struct {
		want want
		end  commonv1.CallEnd
	}{
		"truncate-after=3": {truncated, commonv1.CallEnd_CALL_END_TRUNCATED},
		"drop-after=3":     {truncated, commonv1.CallEnd_CALL_END_TRUNCATED},
		"reset-after=3":    {truncated, commonv1.CallEnd_CALL_END_TRUNCATED},
		"no-done":          {truncated, commonv1.CallEnd_CALL_END_TRUNCATED},
		"error-at=4":       {want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, 502, ""}, commonv1.CallEnd_CALL_END_FAILED},
		"malformed=4":      {want{codes.Unavailable, commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY, 502, ""}, commonv1.CallEnd_CALL_END_FAILED},
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			ctx, id := named(t)
			messages, err := drain(open(ctx, t, faulty(script)))
			failure(t, err, id, test.want)
			if len(messages) < 4 {
				t.Fatalf("%d messages came before the end", len(messages))
			}
			if last := messages[len(messages)-1]; last.GetChunk() != nil || last.GetInfo().GetEnd() != test.end {
				t.Errorf("the last message is %v", last)
			}
		})
	}
}

func TestGatewayRetries(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"status=503,times=2", "status=500,times=2", "status=429,retry-after-ms=20,times=2"} {
		if reply := create(t, faulty(script)); reply.GetInfo().GetAttempts() != 3 || reply.GetCompletion().GetChoices()[0].GetMessage().GetContent() != answer {
			t.Errorf("%s: %v", script, reply)
		}
	}
	ctx, _ := named(t)
	messages, err := drain(open(ctx, t, faulty("error-at=1,times=1")))
	if err != nil || textOf(messages) != answer || messages[len(messages)-1].GetInfo().GetAttempts() != 2 {
		t.Errorf("%v, %v", messages, err)
	}
}

func TestLeavingEndsTheCallAtTheProvider(t *testing.T) {
	t.Parallel()
	s := stack.Find(t)
	t.Run("a call that is cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, id := named(t)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		client, ended := chat(t), make(chan error, 1)
		go func() {
			_, err := client.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: faulty("hang")})
			ended <- err
		}()
		s.Await(t, id, stack.Arrived)
		cancel()
		if err := <-ended; status.Code(err) != codes.Canceled {
			t.Errorf("the call ended with %v", err)
		}
		s.AwaitAborted(t, id)
	})
	t.Run("a call whose deadline passes", func(t *testing.T) {
		t.Parallel()
		ctx, id := named(t)
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := chat(t).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: faulty("hang")})
		if status.Code(err) != codes.DeadlineExceeded {
			t.Errorf("the call ended with %v", err)
		}
		s.AwaitAborted(t, id)
	})
	for name, test := range map[string]struct {
		leave func(cancel context.CancelFunc)
		limit time.Duration
		code  codes.Code
	}{
		"a stream that is cancelled":     {func(cancel context.CancelFunc) { cancel() }, stack.Patience, codes.Canceled},
		"a stream whose deadline passes": {func(context.CancelFunc) {}, 2 * time.Second, codes.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, id := named(t)
			ctx, cancel := context.WithTimeout(ctx, test.limit)
			defer cancel()
			stream := open(ctx, t, faulty("hang-after=3"))
			for range 3 {
				if _, err := stream.Recv(); err != nil {
					t.Fatal(err)
				}
			}
			test.leave(cancel)
			if _, err := drain(stream); status.Code(err) != test.code {
				t.Errorf("the stream ended with %v", err)
			}
			s.AwaitAborted(t, id)
		})
	}
}
