package server_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

const (
	// leavings is how often each client leaves.
	leavings = 50
	// leaveGoal is how soon the provider should see it, at p99; leaveLimit is how late
	// it may be on a machine that does other things too.
	leaveGoal  = 100 * time.Millisecond
	leaveLimit = time.Second
)

// upstreamRPC is an RPC that reaches a provider, as its clients call it.
type upstreamRPC struct {
	// path and body are its REST request.
	path, body string
	// endpoint is the one of the provider. Empty: that of chat completions.
	endpoint string
	// invoke calls it over gRPC, and tells each piece of the reply.
	invoke func(context.Context, *grpc.ClientConn, func()) error
	// moments are when its clients leave.
	moments []moment
}

// moment is a point of a call at which its client leaves.
type moment struct {
	name   string
	script string
	// bytes says that the provider has begun its reply, pieces that the client has
	// seen the beginning of it.
	bytes, pieces bool
}

// upstreamRPCs has a row for every RPC that reaches a provider.
func upstreamRPCs() map[string]upstreamRPC {
	messages := `[{"role":"user","content":"Hello"}]`
	response := &responsesv1.ResponseParams{Model: new(model), Input: new("Hello")}
	params := &chatv1.ChatCompletionParams{Model: model, MessagesJson: messages}
	unary := []moment{
		{name: "before the reply", script: "hang,times=1"},
		{name: "inside the reply", script: "hang-after=1,times=1", bytes: true},
	}
	stream := []moment{
		{name: "before the stream", script: "hang,times=1"},
		{name: "before its first event", script: "hang-in=1,times=1", bytes: true},
		{name: "inside the stream", script: "hang-after=3,times=1", bytes: true, pieces: true},
	}
	return map[string]upstreamRPC{
		"signalbox.chat.v1.ChatService/CreateChatCompletion": {
			path: chatPath, body: servertest.ChatBody(model, "Hello"), moments: unary,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
				_, err := chatv1.NewChatServiceClient(conn).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
				return err
			},
		},
		"signalbox.chat.v1.ChatService/StreamChatCompletion": {
			path: chatPath, body: servertest.ChatBody(model, "Hello", `"stream":true`), moments: stream,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, piece func()) error {
				stream, err := chatv1.NewChatServiceClient(conn).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params})
				for err == nil {
					if _, err = stream.Recv(); err == nil {
						piece()
					}
				}
				return err
			},
		},
		"signalbox.responses.v1.ResponsesService/CreateResponse": {
			path: responsesPath, body: wish{}.document(), endpoint: providertest.EndpointResponses, moments: unary,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
				_, err := responsesv1.NewResponsesServiceClient(conn).CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: response})
				return err
			},
		},
		"signalbox.responses.v1.ResponsesService/StreamResponse": {
			path: responsesPath, body: wish{stream: true}.document(), endpoint: providertest.EndpointResponses, moments: stream,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, piece func()) error {
				stream, err := responsesv1.NewResponsesServiceClient(conn).StreamResponse(ctx, &responsesv1.StreamResponseRequest{Params: response})
				for err == nil {
					if _, err = stream.Recv(); err == nil {
						piece()
					}
				}
				return err
			},
		},
		"signalbox.responses.v1.ResponsesService/CompactResponse": {
			path: responsesPath + "/compact", body: wish{}.document(), endpoint: providertest.EndpointCompact, moments: unary,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
				_, err := responsesv1.NewResponsesServiceClient(conn).CompactResponse(ctx, &responsesv1.CompactResponseRequest{Params: response})
				return err
			},
		},
		"signalbox.embeddings.v1.EmbeddingsService/CreateEmbeddings": {
			path: embeddingsPath, body: `{"model":"text-embedding-3-small","input":"Hello"}`, endpoint: providertest.EndpointEmbeddings, moments: unary,
			invoke: func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
				_, err := embeddingsv1.NewEmbeddingsServiceClient(conn).CreateEmbeddings(ctx, &embeddingsv1.CreateEmbeddingsRequest{
					Params: &embeddingsv1.EmbeddingParams{Model: "text-embedding-3-small", Input: new("Hello")},
				})
				return err
			},
		},
	}
}

// wires are the ways in which a client can leave: it closes its connection, or
// resets its stream of a connection that lives on.
var wires = []struct {
	name   string
	secure bool
	call   func(context.Context, *servertest.Gateway, upstreamRPC, string, func()) error
}{
	{name: "HTTP/1.1", call: leaveREST},
	{name: "HTTP/2", secure: true, call: leaveREST},
	{name: "gRPC", call: func(ctx context.Context, gw *servertest.Gateway, rpc upstreamRPC, id string, piece func()) error {
		return rpc.invoke(servertest.WithRequestID(ctx, id), gw.GRPC, piece)
	}},
}

func leaveREST(ctx context.Context, gw *servertest.Gateway, rpc upstreamRPC, id string, piece func()) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, gw.REST+rpc.path, strings.NewReader(rpc.body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Request-Id", id)
	reply, err := gw.Client.Do(request)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	if want := 1 + strings.Count(gw.REST, "https"); reply.ProtoMajor != want {
		return fmt.Errorf("%s, not HTTP/%d", reply.Proto, want)
	}
	piece()
	_, err = io.Copy(io.Discard, reply.Body)
	return err
}

// rpcsWith are the RPCs of the gateway whose policy has a feature, from their
// descriptors.
func rpcsWith(t *testing.T, feature policyv1.Feature) []string {
	t.Helper()
	var files []protoreflect.FileDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if strings.HasPrefix(string(file.Package()), "signalbox.") {
			files = append(files, file)
		}
		return true
	})
	policies, err := call.ReadPolicies(files...)
	if err != nil {
		t.Fatal(err)
	}
	var rpcs []string
	for rpc, policy := range policies {
		if slices.Contains(policy.GetFeatures(), feature) {
			rpcs = append(rpcs, rpc)
		}
	}
	slices.Sort(rpcs)
	return rpcs
}

// What a client no longer waits for is not paid for any longer.
func TestLeavingClientCancelsTheProvider(t *testing.T) {
	t.Parallel()
	rows := upstreamRPCs()
	cert := servertest.NewCertificate(t)
	reach := rpcsWith(t, policyv1.Feature_FEATURE_USAGE) // only what reaches a provider is metered
	if len(reach) != len(rows) {
		t.Errorf("%d rows for %d RPCs", len(rows), len(reach))
	}
	for _, name := range reach {
		rpc, ok := rows[name]
		if !ok {
			t.Errorf("%s reaches a provider, and has no row here", name)
			continue
		}
		for _, wire := range wires {
			t.Run(wire.name+" "+name[strings.LastIndexByte(name, '/')+1:], func(t *testing.T) {
				t.Parallel()
				up := providertest.Start(t)
				options := []servertest.Option{servertest.Upstream(up)}
				if wire.secure {
					options = append(options, servertest.File("server:\n  "+cert.Text()+"\n"), servertest.Believe(cert))
				}
				gw := servertest.Start(t, options...)
				for _, moment := range rpc.moments {
					l := leaving{gw: gw, up: up, moment: moment, endpoint: rpc.endpoint, call: func(ctx context.Context, id string, piece func()) error {
						return wire.call(ctx, gw, rpc, id, piece)
					}}
					l.run(t)
				}
			})
		}
	}
}

// A client that leaves while a stream is held back, or while the second target of a
// route is asked, is seen as soon.
func TestLeavingClientCancelsWhoeverIsAsked(t *testing.T) {
	t.Parallel()
	body := func(stream bool) string { return ask{model: "fast", stream: stream}.body() }
	params := &chatv1.ChatCompletionParams{Model: "fast", MessagesJson: `[{"role":"user","content":"Hello"}]`}
	whole, pieces := upstreamRPCs()["signalbox.chat.v1.ChatService/CreateChatCompletion"], upstreamRPCs()["signalbox.chat.v1.ChatService/StreamChatCompletion"]
	whole.body, pieces.body = body(false), body(true)
	whole.invoke = func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
		_, err := chatv1.NewChatServiceClient(conn).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
		return err
	}
	pieces.invoke = func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
		stream, err := chatv1.NewChatServiceClient(conn).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params})
		for err == nil {
			_, err = stream.Recv()
		}
		return err
	}
	for _, tt := range []struct {
		moment moment
		rpc    upstreamRPC
		first  string // what the first target does before the second is asked. Empty: it is the one that is asked
	}{
		{moment: moment{name: "before the reply of the second", script: "hang,times=1"}, rpc: whole, first: "status=503"},
		{moment: moment{name: "before the stream of the second", script: "hang,times=1"}, rpc: pieces, first: "hang-after=1"},
		{moment: moment{name: "while a stream is held by number", script: "hang-after=4,times=1", bytes: true}, rpc: pieces},
		{moment: moment{name: "while nothing has come of it", script: "hang-after=1,times=1", bytes: true}, rpc: pieces},
	} {
		for _, wire := range wires {
			if wire.secure {
				continue
			}
			t.Run(tt.moment.name+", "+wire.name, func(t *testing.T) {
				t.Parallel()
				route := hold + "hold: 1h, first_token_timeout: 1h, "
				if tt.first != "" {
					route = "first_token_timeout: 0.05s, "
				}
				p := startPair(t, "breaker_failure_percent: 100, ", route)
				l := leaving{gw: p.gw, up: p.first, moment: tt.moment, times: 10, call: func(ctx context.Context, id string, piece func()) error {
					return wire.call(ctx, p.gw, tt.rpc, id, piece)
				}}
				if tt.first != "" {
					l.up, l.attempts, l.before = p.second, 1, func() { p.first.EnqueueText(t, tt.first) }
				}
				l.run(t)
			})
		}
	}
}

// leaving is clients that leave at one moment.
type leaving struct {
	gw     *servertest.Gateway
	up     *providertest.Upstream
	moment moment
	// endpoint is the provider's. Empty: that of chat completions.
	endpoint string
	call     func(ctx context.Context, id string, piece func()) error
	// times is how many clients leave. 0: leavings.
	times int
	// before, if set, is called before each call.
	before func()
	// attempts are the upstream calls before the one that is cancelled.
	attempts int
}

func (l leaving) run(t *testing.T) {
	var took []time.Duration
	times := leavings
	if l.times > 0 {
		times = l.times
	}
	for n := range times {
		took = append(took, l.once(t, fmt.Sprintf("%s-%d", strings.ReplaceAll(l.moment.name, " ", "-"), n)))
	}
	slices.Sort(took)
	p99 := took[(len(took)*99+99)/100-1]
	t.Logf("%s: the provider sees it after p50 %v, p99 %v (goal %v)", l.moment.name, took[len(took)/2], p99, leaveGoal)
	if p99 > leaveLimit {
		t.Errorf("%s: p99 %v", l.moment.name, p99)
	}
}

// once lets one client leave, and returns how long the provider did not know.
func (l leaving) once(t *testing.T, id string) time.Duration {
	t.Helper()
	l.up.EnqueueTextAt(t, cmp.Or(l.endpoint, providertest.EndpointChat), l.moment.script)
	if l.before != nil {
		l.before()
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	seen, ended := make(chan struct{}, 64), make(chan error, 1)
	go func() {
		ended <- l.call(ctx, id, func() {
			select {
			case seen <- struct{}{}:
			default:
			}
		})
	}()
	_, err := l.up.Await(t.Context(), "the call "+id, func(all []providertest.Request) bool {
		return slices.ContainsFunc(all, func(r providertest.Request) bool {
			return r.ClientRequestID == id && r.Received && (r.Bytes > 0) == l.moment.bytes
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if l.moment.pieces {
		<-seen
	}
	left := time.Now()
	leave()
	if err := <-ended; err == nil || status.Code(err) != codes.Canceled && ctx.Err() == nil {
		t.Fatalf("%s: the call ended with %v", id, err)
	}
	took := l.aborted(t, id).Aborted.Sub(left)
	l.recorded(t, id)
	return took
}

// aborted waits until the provider has seen that the client of a call has left.
func (l leaving) aborted(t *testing.T, id string) providertest.Request {
	t.Helper()
	for {
		select {
		case request := <-l.up.Aborted():
			if request.ClientRequestID == id {
				return request
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: the provider still answers a client that has left", id)
		}
	}
}

// recorded sees that the record says what became of the call.
func (l leaving) recorded(t *testing.T, id string) {
	t.Helper()
	entry := l.gw.Record(id).GetEntry()
	want := commonv1.ErrorReason_ERROR_REASON_CANCELLED
	if entry.GetEnd() != commonv1.CallEnd_CALL_END_CANCELLED || entry.GetReason() != want ||
		len(entry.GetAttempts()) != l.attempts+1 || entry.GetAttempts()[l.attempts].GetReason() != want || entry.GetUsage() != nil {
		t.Errorf("%s: record %v", id, entry)
	}
}
