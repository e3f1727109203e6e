package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

const responsesPath = "/v1/responses"

// wish is a response that a test asks for.
type wish struct {
	id     string
	stream bool
	// model is the selector. Empty: a model that the test upstream has.
	model string
	// body are the members of the request beside the model. Empty: a word of a user.
	body string
	// strict is whether losses are refused. Nil: it is not said.
	strict *bool
	// loose says that the provider's events are numbered as they are.
	loose bool
}

// told is what a client saw of a response, whichever way it came in.
type told struct {
	// status is the HTTP status, of gRPC 200 for OK, else that of ApiError.
	status int
	// code is the gRPC code. OK for REST.
	code   codes.Code
	header http.Header
	// events are those of a stream, whole and in order. A failure's are not among them.
	events []*responsesv1.StreamEvent
	// response is the reply, or that of a stream's last event which has one.
	response *responsesv1.Response
	// whole says that the client knows the response to have come to its own end.
	whole bool
	// failed is the error object, of the reply or of the event. Nil: there was none.
	failed *commonv1.ApiError
	// info is what gRPC says of the call in its last message. Nil for REST.
	info *commonv1.CallInfo
	// raw is everything that REST sent, or gRPC's status.
	raw   string
	loose bool
}

// respondings are the ways to ask for a response.
var respondings = []struct {
	name string
	make func(context.Context, *testing.T, *servertest.Gateway, wish) told
}{{"REST", respondREST}, {"gRPC", respondGRPC}}

// document is the request as REST has it.
func (w wish) document() string {
	selector, body := w.model, w.body
	if selector == "" {
		selector = model
	}
	if body == "" {
		body = `"input":"Hello"`
	}
	if w.stream {
		body += `,"stream":true`
	}
	return fmt.Sprintf(`{"model":%q,%s}`, selector, body)
}

// params is the same as gRPC has it.
func (w wish) params(t *testing.T) *responsesv1.ResponseParams {
	t.Helper()
	w.stream = false
	params := new(responsesv1.ResponseParams)
	if err := codec.DecodeResponseParams(w.document(), params, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return params
}

func (w wish) options() *commonv1.CallOptions {
	if w.strict == nil {
		return nil
	}
	return &commonv1.CallOptions{Strict: w.strict}
}

func respondREST(ctx context.Context, t *testing.T, gw *servertest.Gateway, w wish) told {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, gw.REST+responsesPath, strings.NewReader(w.document()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", w.id)
	if w.strict != nil {
		request.Header.Set("X-Signalbox-Strict", fmt.Sprint(*w.strict))
	}
	reply, err := gw.Client.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", w.id, err)
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatalf("%s: read the reply: %v", w.id, err)
	}
	got := told{status: reply.StatusCode, header: reply.Header, raw: string(text), loose: w.loose}
	switch {
	case got.status != http.StatusOK:
		got.failed = errorOf(t, got.raw)
	case strings.HasPrefix(reply.Header.Get("Content-Type"), "text/event-stream"):
		got.read(t)
	default:
		got.response = new(responsesv1.Response)
		if err := codec.DecodeResponse(got.raw, got.response, wire.Limits{}); err != nil {
			t.Fatalf("%s: %v in %s", w.id, err, got.raw)
		}
		got.whole = true
	}
	return got
}

// read reads events, and holds them to OpenAI's form: named, of one line, numbered from
// 0 without gaps, no [DONE], nothing after the end.
func (g *told) read(t *testing.T) {
	t.Helper()
	for block := range strings.SplitSeq(strings.TrimSuffix(g.raw, "\n\n"), "\n\n") {
		if strings.HasPrefix(block, ":") {
			continue
		}
		first, data, ok := strings.Cut(block, "\n")
		name, named := strings.CutPrefix(first, "event: ")
		data, has := strings.CutPrefix(data, "data: ")
		if !ok || !named || !has || strings.Contains(data, "\n") {
			t.Fatalf("not an event: %q", block)
		}
		event := new(responsesv1.StreamEvent)
		if err := codec.DecodeStreamEvent(data, event, wire.Limits{}); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		if event.GetType() != name {
			t.Errorf("the event %q is named %q", event.GetType(), name)
		}
		g.add(t, event)
	}
	if !strings.HasSuffix(g.raw, "\n\n") || strings.Contains(g.raw, "[DONE]") {
		t.Errorf("the stream ends with %q", g.raw[max(0, len(g.raw)-40):])
	}
}

// add takes the next event of a stream.
func (g *told) add(t *testing.T, event *responsesv1.StreamEvent) {
	t.Helper()
	number := len(g.events)
	if g.failed != nil {
		number++ // its event is before it
	}
	if !g.loose && int(event.GetSequenceNumber()) != number {
		t.Errorf("the event %d, %s, has the number %d", number, event.GetType(), event.GetSequenceNumber())
	}
	ended := slices.Contains([]string{"completed", "incomplete", "failed"}, g.response.GetStatus())
	if ended && len(g.events) > 0 {
		t.Errorf("after the end: %v", event)
	}
	if response := event.GetLifecycle().GetResponse(); response != nil {
		g.response = response
	}
	if event.GetType() == "error" {
		g.failed = errorOf(t, `{"error":`+event.GetError().GetErrorJson()+`}`)
		return
	}
	if g.failed != nil && event.GetType() != "response.failed" {
		t.Errorf("after the error: %v", event)
	}
	g.events = append(g.events, event)
	g.whole = event.GetType() == "response.completed" || event.GetType() == "response.incomplete"
}

func respondGRPC(ctx context.Context, t *testing.T, gw *servertest.Gateway, w wish) told {
	t.Helper()
	client := responsesv1.NewResponsesServiceClient(gw.GRPC)
	ctx = servertest.WithRequestID(ctx, w.id)
	got := told{status: http.StatusOK, loose: w.loose}
	var header metadata.MD
	var err error
	if w.stream {
		header, err = got.receive(ctx, t, client, w)
	} else {
		var reply *responsesv1.CreateResponseResponse
		reply, err = client.CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: w.params(t), Options: w.options()}, grpc.Header(&header))
		got.response, got.info, got.whole = reply.GetResponse(), reply.GetInfo(), err == nil
	}
	got.header = http.Header{}
	for name, values := range header {
		got.header[http.CanonicalHeaderKey(name)] = values
	}
	if err == nil {
		return got
	}
	got.whole = false
	got.code, got.raw = status.Code(err), status.Convert(err).String()
	got.failed = apiErrorOf(t, err)
	got.status = int(got.failed.GetHttpStatus())
	return got
}

// receive takes a gRPC stream to its end.
func (g *told) receive(ctx context.Context, t *testing.T, client responsesv1.ResponsesServiceClient, w wish) (metadata.MD, error) {
	t.Helper()
	stream, err := client.StreamResponse(ctx, &responsesv1.StreamResponseRequest{Params: w.params(t), Options: w.options()})
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
		if g.info.GetEnd() != commonv1.CallEnd_CALL_END_UNSPECIFIED {
			t.Errorf("%s: a message after the last: %v", w.id, message)
		}
		if message.GetInfo() != nil {
			g.info = proto.CloneOf(message.GetInfo())
		}
		if message.GetEvent() != nil {
			g.add(t, message.GetEvent())
		}
	}
}

// words are all that the messages of a response say.
func words(r *responsesv1.Response) string {
	out := ""
	for _, item := range r.GetOutput() {
		out += item.GetMessage().GetContent()
		for _, part := range item.GetMessage().GetContentParts() {
			out += part.GetText() + part.GetRefusal()
		}
	}
	return out
}

// spoken are all that a stream's deltas say.
func (g *told) spoken() string {
	out := ""
	for _, event := range g.events {
		if event.GetType() == "response.output_text.delta" || event.GetType() == "response.refusal.delta" {
			out += event.GetDelta().GetDelta()
		}
	}
	return out
}

// apiErrorOf is the error object of a gRPC status.
func apiErrorOf(t *testing.T, err error) *commonv1.ApiError {
	t.Helper()
	for _, detail := range status.Convert(err).Details() {
		if failed, ok := detail.(*commonv1.ApiError); ok {
			return failed
		}
	}
	t.Fatalf("the status has no ApiError: %v", err)
	return nil
}
