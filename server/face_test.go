package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// ask is a chat completion that a test makes.
type ask struct {
	id     string
	stream bool
	// model is the selector. Empty: a model that the test upstream has.
	model string
	// strict is whether losses are refused. Nil: it is not said.
	strict *bool
	// header has further headers for REST, name and value in turn.
	header []string
	// content is the user's words. Empty: "Hello".
	content string
	// change, if set, changes the request.
	change func(*chatv1.ChatCompletionParams)
}

// seen is what a client saw of its call, whichever way it came in.
type seen struct {
	// status is the HTTP status, of gRPC 200 for OK, else that of ApiError.
	status int
	// code is the gRPC code. OK for REST.
	code codes.Code
	// header has the reply's headers, or the header metadata.
	header http.Header
	// chunks is how many pieces of a reply came before its end or failure.
	chunks int
	// content is the text of the reply.
	content string
	// whole says that the client knows the reply to be complete: a whole body, [DONE],
	// or the status OK.
	whole bool
	// failed is the error object. Nil: there was none.
	failed *commonv1.ApiError
	// info is what gRPC says of the call in its last message. Nil for REST.
	info *commonv1.CallInfo
	// parting says that the client was asked to close its connection.
	parting bool
	// raw is everything that REST sent, or gRPC's status.
	raw string
}

// entrance is a way into the gateway.
type entrance struct {
	name string
	make func(ctx context.Context, t *testing.T, gw *servertest.Gateway, a ask) seen
}

var entrances = []entrance{{"REST", overREST}, {"gRPC", overGRPC}}

func (a ask) params() *chatv1.ChatCompletionParams {
	content := a.content
	if content == "" {
		content = "Hello"
	}
	selector := a.model
	if selector == "" {
		selector = model
	}
	params := &chatv1.ChatCompletionParams{Model: selector, Messages: []*chatv1.ChatMessage{{Role: "user", Content: &content}}}
	if a.change != nil {
		a.change(params)
	}
	return params
}

// options are what gRPC has beside the parameters.
func (a ask) options() *commonv1.CallOptions {
	if a.strict == nil {
		return nil
	}
	return &commonv1.CallOptions{Strict: a.strict}
}

// body is the request as REST has it.
func (a ask) body() string {
	params := a.params()
	if a.stream {
		params.Stream = &a.stream
	}
	return string(codec.AppendChatCompletionParams(nil, params, wire.Request))
}

func overREST(ctx context.Context, t *testing.T, gw *servertest.Gateway, a ask) seen {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, gw.REST+chatPath, strings.NewReader(a.body()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", a.id)
	if a.strict != nil {
		request.Header.Set("X-Signalbox-Strict", fmt.Sprint(*a.strict))
	}
	for i := 0; i < len(a.header); i += 2 {
		request.Header.Set(a.header[i], a.header[i+1])
	}
	reply, err := gw.Client.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", a.id, err)
	}
	defer reply.Body.Close()
	s := seen{status: reply.StatusCode, header: reply.Header, parting: reply.Close}
	if reply.Header.Get("Content-Type") == "text/event-stream; charset=utf-8" {
		s.readEvents(t, reply.Body)
		return s
	}
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatalf("%s: read the reply: %v", a.id, err)
	}
	s.raw = string(text)
	if s.status != http.StatusOK {
		s.failed = errorOf(t, s.raw)
		return s
	}
	s.content, s.chunks, s.whole = contentOf(t, s.raw), 1, true
	return s
}

// readEvents reads a stream to its end, and holds it to its form: events of one line,
// nothing after an error, nothing after [DONE].
func (s *seen) readEvents(t *testing.T, body io.Reader) {
	t.Helper()
	var raw, text strings.Builder
	lines := bufio.NewReader(io.TeeReader(body, &raw))
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err != nil {
			t.Fatalf("the stream broke inside %q: %v", line, err)
		}
		if strings.HasPrefix(line, ":") || line == "\n" {
			continue
		}
		data, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "data: ")
		switch {
		case !ok:
			t.Fatalf("no data in %q", line)
		case s.whole || s.failed != nil:
			t.Fatalf("after the end: %q", line)
		case data == "[DONE]":
			s.whole = true
		case strings.HasPrefix(data, `{"error"`):
			s.failed = errorOf(t, data)
		default:
			s.chunks++
			text.WriteString(content(t, []string{data}))
		}
	}
	s.raw, s.content = raw.String(), text.String()
}

// contentOf is the text of a completion that REST sent.
func contentOf(t *testing.T, text string) string {
	t.Helper()
	var reply struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
			} `json:"message"`
		} `json:"choices"`
	}
	if err := json.Unmarshal([]byte(text), &reply); err != nil || len(reply.Choices) == 0 {
		t.Fatalf("no completion in %.200q: %v", text, err)
	}
	return reply.Choices[0].Message.Content
}

// errorOf reads REST's error object, which must have its four members.
func errorOf(t *testing.T, text string) *commonv1.ApiError {
	t.Helper()
	failed := servertest.Reply{Body: text}.Failure(t)
	return &commonv1.ApiError{Message: failed.Message, Type: failed.Type, Param: failed.Param, Code: failed.Code}
}

func overGRPC(ctx context.Context, t *testing.T, gw *servertest.Gateway, a ask) seen {
	t.Helper()
	client := chatv1.NewChatServiceClient(gw.GRPC)
	ctx = servertest.WithRequestID(ctx, a.id)
	s := seen{status: http.StatusOK}
	var header metadata.MD
	var err error
	if a.stream {
		header, err = s.receive(ctx, t, client, a)
	} else {
		var reply *chatv1.CreateChatCompletionResponse
		reply, err = client.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: a.params(), Options: a.options()}, grpc.Header(&header))
		if err == nil {
			s.content, s.chunks, s.info = reply.GetCompletion().GetChoices()[0].GetMessage().GetContent(), 1, reply.GetInfo()
		}
	}
	s.header = http.Header{}
	for name, values := range header {
		s.header[http.CanonicalHeaderKey(name)] = values
	}
	s.whole = err == nil
	s.code = status.Code(err)
	if err == nil {
		return s
	}
	s.raw = status.Convert(err).String()
	for _, detail := range status.Convert(err).Details() {
		if failed, ok := detail.(*commonv1.ApiError); ok {
			s.failed, s.status = failed, int(failed.GetHttpStatus())
		}
	}
	if s.failed == nil {
		t.Fatalf("%s: the status has no ApiError: %v", a.id, err)
	}
	return s
}

// receive takes a gRPC stream to its end.
func (s *seen) receive(ctx context.Context, t *testing.T, client chatv1.ChatServiceClient, a ask) (metadata.MD, error) {
	t.Helper()
	stream, err := client.StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: a.params(), Options: a.options()})
	if err != nil {
		return nil, err
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			header, _ := stream.Header()
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return header, err
		}
		if s.info.GetEnd() != commonv1.CallEnd_CALL_END_UNSPECIFIED {
			t.Errorf("%s: a message after the last: %v", a.id, message)
		}
		s.info = proto.CloneOf(message.GetInfo())
		if message.GetChunk() == nil {
			continue
		}
		s.chunks++
		for _, choice := range message.GetChunk().GetChoices() {
			s.content += choice.GetDelta().GetContent()
		}
	}
}
