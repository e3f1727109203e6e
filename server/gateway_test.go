package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) // it tells of clients that left
	goleak.VerifyTestMain(m)
}

const chatPath = "/v1/chat/completions"

// model is one that the test upstream has.
const model = "gpt-4o-mini"

// events are the data of a body of server-sent events.
func events(t *testing.T, body string) []string {
	t.Helper()
	var data []string
	for _, block := range strings.Split(strings.TrimSuffix(body, "\n\n"), "\n\n") {
		text, ok := strings.CutPrefix(block, "data: ")
		if !ok || strings.Contains(text, "\n") {
			t.Fatalf("not an event of one line: %q", block)
		}
		data = append(data, text)
	}
	return data
}

// content puts a stream's pieces together.
func content(t *testing.T, chunks []string) string {
	t.Helper()
	var b strings.Builder
	for _, text := range chunks {
		var chunk struct {
			Choices []struct {
				Delta struct {
					Content string `json:"content"`
				} `json:"delta"`
			} `json:"choices"`
		}
		if err := json.Unmarshal([]byte(text), &chunk); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, choice := range chunk.Choices {
			b.WriteString(choice.Delta.Content)
		}
	}
	return b.String()
}

func equalJSON(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestCompletionOverREST(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	reply := gw.Post(chatPath, servertest.ChatBody(model, "Hello"), "X-Request-Id", "rest-1")
	if reply.Status != 200 || !strings.Contains(reply.Body, `"object":"chat.completion"`) {
		t.Fatalf("got %d %s", reply.Status, reply.Body)
	}
	for name, want := range map[string]string{
		"X-Request-Id": "rest-1", "X-Signalbox-Provider": "openai", "X-Signalbox-Model": model, "Content-Type": "application/json",
	} {
		if got := reply.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	sent := up.Chats()[0]
	if sent.ClientRequestID != "rest-1" {
		t.Errorf("the provider was told the request id %q", sent.ClientRequestID)
	}
	record := gw.Record("rest-1")
	entry := record.GetEntry()
	if entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || entry.GetStatusCode() != 200 || entry.GetPlanDigest() != reply.Header.Get("X-Signalbox-Plan") {
		t.Errorf("record %v", entry)
	}
	if entry.GetUsage().GetInput() == 0 || len(entry.GetAttempts()) != 1 || record.GetPlan().GetTarget().GetModel() != model {
		t.Errorf("record %v", record)
	}
}

func TestStreamOverREST(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, member string
		usage        bool
	}{
		{"the client did not ask for usage", `"stream":true`, false},
		{"the client asked for usage", `"stream":true,"stream_options":{"include_usage":true}`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			up := providertest.Start(t)
			gw := servertest.Start(t, servertest.Upstream(up))
			reply := gw.Post(chatPath, servertest.ChatBody(model, "Hello", tt.member), "X-Request-Id", "s")
			if reply.Status != 200 || reply.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
				t.Fatalf("got %d %v %s", reply.Status, reply.Header, reply.Body)
			}
			data := events(t, reply.Body)
			last := len(data) - 1
			if data[last] != "[DONE]" || content(t, data[:last]) == "" {
				t.Errorf("got %q", data)
			}
			if !strings.Contains(string(up.Chats()[0].Body), `"include_usage":true`) {
				t.Errorf("the provider was not asked for usage: %s", up.Chats()[0].Body)
			}
			for i, chunk := range data[:last] {
				switch {
				case strings.Contains(chunk, `"usage"`) != tt.usage:
					t.Errorf("chunk %d: %s", i, chunk)
				case tt.usage && strings.Contains(chunk, `"usage":null`) != (i < last-1):
					t.Errorf("chunk %d of %d: %s", i, last, chunk)
				case strings.Count(chunk, `"usage"`) > 1:
					t.Errorf("chunk %d has usage twice: %s", i, chunk)
				}
			}
			entry := gw.Record("s").GetEntry()
			if !entry.GetStream() || entry.GetUsage().GetOutput() == 0 || entry.GetUsageJson() == "" || entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED {
				t.Errorf("record %v", entry)
			}
		})
	}
}

// receive takes a gRPC stream to its end.
func receive(t *testing.T, stream grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse]) (messages []*chatv1.StreamChatCompletionResponse, err error) {
	t.Helper()
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

func TestCompletionAndStreamOverGRPC(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	client := chatv1.NewChatServiceClient(gw.GRPC)
	params := &chatv1.ChatCompletionParams{Model: model, Messages: []*chatv1.ChatMessage{{Role: "user", Content: proto.String("Hello")}}}

	var header metadata.MD
	reply, err := client.CreateChatCompletion(servertest.WithRequestID(t.Context(), "g1"),
		&chatv1.CreateChatCompletionRequest{Params: params}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	info := reply.GetInfo()
	if reply.GetCompletion().GetChoices()[0].GetMessage().GetContent() == "" || info.GetRequestId() != "g1" ||
		info.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || info.GetUsage() == nil || info.GetAttempts() != 1 {
		t.Errorf("got %v", reply)
	}
	if got := header.Get("x-signalbox-plan"); len(got) != 1 || got[0] != info.GetPlanDigest() {
		t.Errorf("header %v", header)
	}

	stream, err := client.StreamChatCompletion(servertest.WithRequestID(t.Context(), "g2"), &chatv1.StreamChatCompletionRequest{Params: params})
	if err != nil {
		t.Fatal(err)
	}
	messages, err := receive(t, stream)
	if err != nil {
		t.Fatal(err)
	}
	first, last := messages[0], messages[len(messages)-1]
	if first.GetInfo().GetRequestId() != "g2" || first.GetInfo().GetEnd() != 0 || first.GetChunk() == nil {
		t.Errorf("first %v", first)
	}
	if last.GetChunk() != nil || last.GetInfo().GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || last.GetInfo().GetUsage().GetOutput() == 0 {
		t.Errorf("last %v", last)
	}
	for _, message := range messages[1 : len(messages)-1] {
		if message.GetInfo() != nil || message.GetChunk().GetUsage() != nil || strings.Contains(message.GetChunk().GetExtraJson(), "usage") {
			t.Errorf("between %v", message)
		}
	}
}

func TestGRPCAndRESTAreOneCall(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	messages := `[{"role":"system","content":"Be brief."}, {"role":"user","content":[{"type":"text","text":"Hi \u00e9"}],"name":"bob"}]`
	tools := `[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"b":{"type":"number"},"a":{"type":"string"}}}}}]`
	body := `{"model":"` + model + `","messages":` + messages + `,"tools":` + tools + `,"temperature":0.5,"seed":7}`
	if reply := gw.Post(chatPath, body, "X-Request-Id", "rest"); reply.Status != 200 {
		t.Fatalf("REST: %d %s", reply.Status, reply.Body)
	}
	client := chatv1.NewChatServiceClient(gw.GRPC)
	twins := &chatv1.ChatCompletionParams{Model: model, MessagesJson: messages, ToolsJson: tools, Temperature: proto.Float64(0.5), Seed: proto.Int64(7)}
	typed := &chatv1.ChatCompletionParams{
		Model: model, Temperature: proto.Float64(0.5), Seed: proto.Int64(7),
		Messages: []*chatv1.ChatMessage{
			{Role: "system", Content: proto.String("Be brief.")},
			{Role: "user", Name: proto.String("bob"), ContentParts: []*chatv1.ChatContentPart{{Type: "text", Text: proto.String("Hi é")}}},
		},
		Tools: []*chatv1.ChatTool{{Type: "function", Function: &chatv1.FunctionDefinition{
			Name: "f", ParametersJson: `{"type":"object","properties":{"b":{"type":"number"},"a":{"type":"string"}}}`,
		}}},
	}
	for id, params := range map[string]*chatv1.ChatCompletionParams{"twins": twins, "typed": typed} {
		if _, err := client.CreateChatCompletion(servertest.WithRequestID(t.Context(), id), &chatv1.CreateChatCompletionRequest{Params: params}); err != nil {
			t.Fatalf("gRPC, %s: %v", id, err)
		}
	}
	bodies := map[string][]byte{}
	for _, request := range up.Chats() {
		bodies[request.ClientRequestID] = request.Body
	}
	if string(bodies["twins"]) != string(bodies["rest"]) {
		t.Errorf("the verbatim twins were not sent byte for byte:\nREST %s\ngRPC %s", bodies["rest"], bodies["twins"])
	}
	if !equalJSON(t, bodies["typed"], bodies["rest"]) {
		t.Errorf("upstream bodies differ:\nREST %s\ngRPC %s", bodies["rest"], bodies["typed"])
	}
	rest := normalised(gw.Record("rest").GetEntry())
	for _, id := range []string{"twins", "typed"} {
		if entry := normalised(gw.Record(id).GetEntry()); !proto.Equal(entry, rest) {
			t.Errorf("records differ:\nREST %v\ngRPC %v", rest, entry)
		}
	}
}

// normalised is a record without ids, transport, method, path, client and timings.
func normalised(entry *auditv1.AuditEntry) *auditv1.AuditEntry {
	entry.Id, entry.RequestId, entry.StartTime, entry.Duration, entry.Timings = "", "", nil, nil, nil
	entry.Entrance, entry.Method, entry.Path, entry.Client = 0, "", "", nil
	for _, attempt := range entry.GetAttempts() {
		attempt.Start, attempt.Duration, attempt.UpstreamRequestId = nil, nil, ""
	}
	return entry
}

func TestRESTRepliesAreTypedMessagesOnTheirWay(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	alter := call.Step{Name: "alter", Reply: func(_ context.Context, _ *call.Call, message proto.Message) error {
		switch reply := message.(type) {
		case *chatv1.CreateChatCompletionResponse:
			reply.GetCompletion().GetChoices()[0].GetMessage().Content = proto.String("altered")
		case *chatv1.StreamChatCompletionResponse:
			for _, choice := range reply.GetChunk().GetChoices() {
				if choice.GetDelta().GetContent() != "" {
					choice.Delta.Content = proto.String("x")
				}
			}
		}
		return nil
	}}
	gw := servertest.Start(t, servertest.Upstream(up), servertest.Steps(alter))
	if reply := gw.Post(chatPath, servertest.ChatBody(model, "Hello")); !strings.Contains(reply.Body, `"content":"altered"`) {
		t.Errorf("got %s", reply.Body)
	}
	reply := gw.Post(chatPath, servertest.ChatBody(model, "Hello", `"stream":true`))
	data := events(t, reply.Body)
	if got := content(t, data[:len(data)-1]); strings.Trim(got, "x") != "" || got == "" {
		t.Errorf("got %q", got)
	}
}
