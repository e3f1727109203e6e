//go:build sdk

// Package openaigo calls a gateway with OpenAI's own SDK for Go.
package openaigo

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/packages/ssestream"
	"go.uber.org/goleak"

	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answer is what the provider says to "Hello".
const answer = "You said: Hello"

// client is made as any user makes it: from OPENAI_BASE_URL and OPENAI_API_KEY. It
// keeps no connection beyond the test.
func client(t *testing.T, options ...option.RequestOption) openai.Client {
	t.Helper()
	stack.Find(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return openai.NewClient(append([]option.RequestOption{
		option.WithHTTPClient(&http.Client{Transport: transport, Timeout: stack.Patience}),
	}, options...)...)
}

// once is a client that never tries again, so that a test sees the first answer.
func once(t *testing.T) openai.Client {
	t.Helper()
	return client(t, option.WithMaxRetries(0))
}

// named sends a request id.
func named(id string) option.RequestOption { return option.WithHeader("X-Request-Id", id) }

// say is a request of one user message.
func say(text string) openai.ChatCompletionNewParams {
	return openai.ChatCompletionNewParams{
		Model:    "gpt-4o-mini",
		Messages: []openai.ChatCompletionMessageParamUnion{openai.UserMessage(text)},
	}
}

// faulty is say("Hello") that the provider answers by a script.
func faulty(script string) openai.ChatCompletionNewParams {
	request := say("Hello")
	request.User = openai.String(stack.Fault(script))
	return request
}

// create fails the test when there is no reply.
func create(t *testing.T, request openai.ChatCompletionNewParams, options ...option.RequestOption) *openai.ChatCompletion {
	t.Helper()
	c := client(t)
	reply, err := c.Chat.Completions.New(t.Context(), request, options...)
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// drain reads a stream to its end through the SDK's accumulator.
func drain(t *testing.T, stream *ssestream.Stream[openai.ChatCompletionChunk]) ([]openai.ChatCompletionChunk, *openai.ChatCompletionAccumulator, error) {
	t.Helper()
	var chunks []openai.ChatCompletionChunk
	whole := &openai.ChatCompletionAccumulator{}
	for stream.Next() {
		chunk := stream.Current()
		if !whole.AddChunk(chunk) {
			t.Errorf("the accumulator does not take %s", chunk.RawJSON())
		}
		chunks = append(chunks, chunk)
	}
	return chunks, whole, stream.Err()
}

// apiError asserts that an error is the API's, with these facts and the call's
// request id.
func apiError(t *testing.T, err error, id string, status int, code, param string) {
	t.Helper()
	var failed *openai.Error
	if !errors.As(err, &failed) {
		t.Fatalf("%T is not an API error: %v", err, err)
	}
	if failed.StatusCode != status || failed.Code != code || failed.Param != param || failed.Type == "" || failed.Message == "" {
		t.Errorf("status %d, %s; want %d, code %q, param %q", failed.StatusCode, failed.RawJSON(), status, code, param)
	}
	if got := failed.Response.Header.Get("X-Request-Id"); got != id {
		t.Errorf("the request id is %q, want %q", got, id)
	}
}

// cancelled asserts that a call ended because its context did.
func cancelled(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the call ended with %v", err)
	}
}

// odd has everything that a JSON writer or an event stream could break.
var odd = "Grüße, 世界 👩‍👩‍👧 e\u0301 \"\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&\n\ndata: [DONE]\n\n" + strings.Repeat("\u05d0", 3)
