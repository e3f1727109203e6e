package call_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// journal is what happened, in order.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) add(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, fmt.Sprintf(format, args...))
}

// step writes down each of its functions; at is where it goes wrong, and how.
func (j *journal) step(name, at string) call.Step {
	fault := func(place string) error {
		switch at {
		case place + " refuses":
			return failure.New(commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, name)
		case place + " panics":
			panic(name) //nolint:forbidigo // the fault that is tested
		}
		return nil
	}
	return call.Step{
		Name: name,
		Open: func(context.Context, *call.Call) error { j.add("%s.open", name); return fault("open") },
		Request: func(context.Context, *call.Call, proto.Message) error {
			j.add("%s.request", name)
			return fault("request")
		},
		Reply: func(context.Context, *call.Call, proto.Message) error { j.add("%s.reply", name); return fault("reply") },
		Done: func(_ context.Context, c *call.Call, failed *failure.Error) {
			reason := "ok"
			if failed != nil {
				reason = failed.Reason.String()
			}
			j.add("%s.done %s %s", name, reason, c.Outcome.End)
			_ = fault("done")
		},
	}
}

var errDriver = errors.New("driver: secret")

func code(_ *call.Call, err error) *failure.Error {
	if typed := failure.As(err); typed != nil {
		return typed
	}
	return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INTERNAL, "The gateway failed.", err)
}

// chatService answers, fails or panics.
type chatService struct {
	chatv1.UnimplementedChatServiceServer
	journal *journal
	fault   string
}

func (s *chatService) handle() error {
	s.journal.add("handler")
	switch s.fault {
	case "fails":
		return errDriver
	case "panics":
		panic("handler") //nolint:forbidigo // the fault that is tested
	}
	return nil
}

func (s *chatService) CreateChatCompletion(context.Context, *chatv1.CreateChatCompletionRequest) (*chatv1.CreateChatCompletionResponse, error) {
	return &chatv1.CreateChatCompletionResponse{}, s.handle()
}

func (s *chatService) StreamChatCompletion(_ *chatv1.StreamChatCompletionRequest, out grpc.ServerStreamingServer[chatv1.StreamChatCompletionResponse]) error {
	if err := s.handle(); err != nil {
		return err
	}
	return out.Send(&chatv1.StreamChatCompletionResponse{})
}

// run makes one call through a server with the steps, and returns the journal and
// the status that the client saw.
func run(t *testing.T, fault, handler string, stream bool) ([]string, error) {
	t.Helper()
	j := &journal{}
	policies, err := call.ReadPolicies(chatv1.File_signalbox_chat_v1_chat_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	chain := &call.Chain{
		Steps: []call.Step{j.step("a", ""), j.step("b", fault), j.step("c", "")},
		Code:  code,
		Log:   slog.New(slog.DiscardHandler),
	}
	edge := &call.GRPC{Chain: chain, Policies: policies}
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer(grpc.StatsHandler(edge), grpc.StreamInterceptor(edge.Stream))
	server.RegisterService(call.Streams(&chatv1.ChatService_ServiceDesc), &chatService{journal: j, fault: handler})
	var served sync.WaitGroup
	served.Go(func() { _ = server.Serve(listener) })
	conn, err := grpc.NewClient("passthrough:///pipe", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	client := chatv1.NewChatServiceClient(conn)
	if stream {
		var replies grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse]
		replies, err = client.StreamChatCompletion(t.Context(), &chatv1.StreamChatCompletionRequest{})
		for err == nil {
			_, err = replies.Recv()
		}
		if errors.Is(err, io.EOF) {
			err = nil
		}
	} else {
		_, err = client.CreateChatCompletion(t.Context(), &chatv1.CreateChatCompletionRequest{})
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	server.GracefulStop()
	served.Wait()
	return j.lines, err
}

func TestUnaryAndStreamPassTheSameSteps(t *testing.T) {
	t.Parallel()
	whole := "a.open b.open c.open a.request b.request c.request handler c.reply b.reply a.reply"
	for _, tt := range []struct {
		name, fault, handler string
		want                 string
		code                 codes.Code
	}{
		{name: "ok", want: whole, code: codes.OK},
		{name: "refused at the door", fault: "open refuses", want: "a.open b.open", code: codes.PermissionDenied},
		{name: "refused by its request", fault: "request refuses", want: "a.open b.open c.open a.request b.request", code: codes.PermissionDenied},
		{name: "refused by its reply", fault: "reply refuses", want: "a.open b.open c.open a.request b.request c.request handler c.reply b.reply", code: codes.PermissionDenied},
		{name: "a step panics at the door", fault: "open panics", want: "a.open b.open", code: codes.Internal},
		{name: "a step panics on the request", fault: "request panics", want: "a.open b.open c.open a.request b.request", code: codes.Internal},
		{name: "a step panics on the reply", fault: "reply panics", want: "a.open b.open c.open a.request b.request c.request handler c.reply b.reply", code: codes.Internal},
		{name: "a step panics at the end", fault: "done panics", want: whole, code: codes.OK},
		{name: "the handler fails", handler: "fails", want: "a.open b.open c.open a.request b.request c.request handler", code: codes.Internal},
		{name: "the handler panics", handler: "panics", want: "a.open b.open c.open a.request b.request c.request handler", code: codes.Internal},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			unary, unaryErr := run(t, tt.fault, tt.handler, false)
			stream, streamErr := run(t, tt.fault, tt.handler, true)
			if !slices.Equal(unary, stream) {
				t.Errorf("unary  %v\nstream %v", unary, stream)
			}
			for _, err := range []error{unaryErr, streamErr} {
				if status.Code(err) != tt.code {
					t.Errorf("code %v, want %v (%v)", status.Code(err), tt.code, err)
				}
				if strings.Contains(status.Convert(err).Message(), "secret") {
					t.Errorf("the client saw %q", err)
				}
			}
			i := slices.IndexFunc(unary, func(line string) bool { return strings.Contains(line, ".done") })
			if got := strings.Join(unary[:i], " "); got != tt.want {
				t.Errorf("passed %s\nwant   %s", got, tt.want)
			}
			opened := strings.Count(tt.want, ".open")
			if done := unary[i:]; len(done) != opened || !strings.HasPrefix(done[len(done)-1], "a.done") {
				t.Errorf("%d steps were opened, done: %v", opened, done)
			}
		})
	}
}

func TestDoneCountsOnce(t *testing.T) {
	t.Parallel()
	j := &journal{}
	chain := &call.Chain{Steps: []call.Step{j.step("a", "")}, Code: code, Log: slog.New(slog.DiscardHandler)}
	c := &call.Call{}
	if err := chain.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	chain.Done(t.Context(), c, nil)
	chain.Done(t.Context(), c, errDriver)
	want := []string{"a.open", "a.done ok CALL_END_COMPLETED"}
	if !slices.Equal(j.lines, want) {
		t.Errorf("got %v, want %v", j.lines, want)
	}
}
