//go:build sdk

package openaigo

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	c := once(t)
	unknown := say("Hello")
	unknown.Model = "no-such-model"
	for name, test := range map[string]struct {
		request     openai.ChatCompletionNewParams
		option      option.RequestOption
		status      int
		code, param string
		attempts    int
	}{
		"unknown parameter":       {request: say("Hello"), option: option.WithJSONSet("frobnicate", 1), status: 400, code: "unknown_parameter", param: "frobnicate", attempts: 1},
		"wrong key":               {request: say("Hello"), option: option.WithAPIKey("sk-of-nobody"), status: 401, code: "invalid_api_key"},
		"unknown model":           {request: unknown, status: 404, code: "model_not_found", param: "model"},
		"conflict":                {request: faulty("status=409"), status: 409, attempts: 3},
		"unprocessable":           {request: faulty("status=422"), status: 422, attempts: 1},
		"rate limit":              {request: faulty("status=429,retry-after=20"), status: 429, code: "rate_limit_exceeded", attempts: 1},
		"server error":            {request: faulty("status=500"), status: 502, code: "upstream_failed", attempts: 3},
		"overload":                {request: faulty("status=503"), status: 503, code: "server_is_overloaded", attempts: 3},
		"the gateway's own key":   {request: faulty("status=401"), status: 502, code: "upstream_credentials_refused", attempts: 1},
		"a proxy's page":          {request: faulty("html"), status: 502, code: "upstream_failed", attempts: 3},
		"a reply that is no JSON": {request: faulty("malformed=1"), status: 502, code: "upstream_invalid_reply", attempts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := stack.NewID()
			options := []option.RequestOption{named(id)}
			if test.option != nil {
				options = append(options, test.option)
			}
			_, err := c.Chat.Completions.New(t.Context(), test.request, options...)
			apiError(t, err, id, test.status, test.code, test.param)
			if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != test.attempts {
				t.Errorf("the provider was called %d times, want %d", n, test.attempts)
			}
		})
	}
}

func TestUnknownRoute(t *testing.T) {
	t.Parallel()
	c := once(t)
	for path, want := range map[string]struct {
		status int
		code   string
	}{"no/such/route": {404, "route_not_found"}, "responses": {405, "method_not_allowed"}} {
		id := stack.NewID()
		apiError(t, c.Get(t.Context(), path, nil, nil, named(id)), id, want.status, want.code, "")
	}
}

// The gateway tries again, so that the SDK sees success.
func TestGatewayRetries(t *testing.T) {
	t.Parallel()
	c := once(t)
	for _, script := range []string{"status=503,times=2", "status=500,times=2", "reset,times=2", "status=429,retry-after-ms=20,times=2"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			id := stack.NewID()
			reply, err := c.Chat.Completions.New(t.Context(), faulty(script), named(id))
			if err != nil || reply.Choices[0].Message.Content != answer {
				t.Errorf("%+v, %v", reply, err)
			}
			if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 3 {
				t.Errorf("the provider was called %d times", n)
			}
		})
	}
}

func TestSDKWaitsAsLongAsTheProviderSays(t *testing.T) {
	t.Parallel()
	id := stack.NewID()
	create(t, faulty("status=429,retry-after-ms=700,times=1"), named(id))
	calls := stack.Find(t).Entries(t, id, stack.Arrived)
	if len(calls) != 2 || calls[1].At.Sub(calls[0].At) < 700*time.Millisecond {
		t.Errorf("the provider was called %+v", calls)
	}
}

func TestSDKDoesNotRetryWhatNoRetryMends(t *testing.T) {
	t.Parallel()
	c := client(t)
	id := stack.NewID()
	_, err := c.Chat.Completions.New(t.Context(), faulty("status=429,type=insufficient_quota,code=insufficient_quota"), named(id))
	apiError(t, err, id, 429, "insufficient_quota", "")
	var failed *openai.Error
	if errors.As(err, &failed) && failed.Response.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("the headers are %v", failed.Response.Header)
	}
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 1 {
		t.Errorf("the provider was called %d times", n)
	}
}

func TestLeavingEndsTheCallAtTheProvider(t *testing.T) {
	t.Parallel()
	c := once(t)
	s := stack.Find(t)
	t.Run("a call that is cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		id, ended := stack.NewID(), make(chan error, 1)
		go func() {
			_, err := c.Chat.Completions.New(ctx, faulty("hang"), named(id))
			ended <- err
		}()
		s.Await(t, id, stack.Arrived)
		cancel()
		cancelled(t, <-ended)
		s.AwaitAborted(t, id)
	})
	t.Run("a call that takes too long", func(t *testing.T) {
		t.Parallel()
		id := stack.NewID()
		_, err := c.Chat.Completions.New(t.Context(), faulty("hang"), named(id), option.WithRequestTimeout(time.Second))
		cancelled(t, err)
		s.AwaitAborted(t, id)
	})
	t.Run("a stream that is cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		id := stack.NewID()
		stream := c.Chat.Completions.NewStreaming(ctx, faulty("hang-after=3"), named(id))
		for range 3 {
			if !stream.Next() {
				t.Fatal(stream.Err())
			}
		}
		cancel()
		if stream.Next() {
			t.Errorf("more came: %s", stream.Current().RawJSON())
		}
		cancelled(t, stream.Err())
		s.AwaitAborted(t, id)
	})
	t.Run("a stream that is closed", func(t *testing.T) {
		t.Parallel()
		id := stack.NewID()
		stream := c.Chat.Completions.NewStreaming(t.Context(), faulty("hang-after=3"), named(id))
		if !stream.Next() {
			t.Fatal(stream.Err())
		}
		if err := stream.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		s.AwaitAborted(t, id)
	})
}
