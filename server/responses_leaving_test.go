package server_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"google.golang.org/grpc"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// A client that leaves a response is seen as soon where the provider is asked for a chat
// completion in its stead.
func TestLeavingClientCancelsTheChatOfAResponse(t *testing.T) {
	t.Parallel()
	by := responders[providertest.ProfileVLLM]
	params := wish{model: by.model}.params(t)
	rows := upstreamRPCs()
	whole, stream := rows["signalbox.responses.v1.ResponsesService/CreateResponse"], rows["signalbox.responses.v1.ResponsesService/StreamResponse"]
	whole.body, stream.body = wish{model: by.model}.document(), wish{model: by.model, stream: true}.document()
	whole.invoke = func(ctx context.Context, conn *grpc.ClientConn, _ func()) error {
		_, err := responsesv1.NewResponsesServiceClient(conn).CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: params})
		return err
	}
	stream.invoke = func(ctx context.Context, conn *grpc.ClientConn, piece func()) error {
		stream, err := responsesv1.NewResponsesServiceClient(conn).StreamResponse(ctx, &responsesv1.StreamResponseRequest{Params: params})
		for err == nil {
			if _, err = stream.Recv(); err == nil {
				piece()
			}
		}
		return err
	}
	for name, rpc := range map[string]upstreamRPC{"whole": whole, "stream": stream} {
		for _, wire := range wires {
			if wire.secure {
				continue
			}
			t.Run(wire.name+" "+name, func(t *testing.T) {
				t.Parallel()
				gw, up := before(t, providertest.ProfileVLLM)
				for _, moment := range rpc.moments {
					l := leaving{gw: gw, up: up, moment: moment, times: 10, call: func(ctx context.Context, id string, piece func()) error {
						return wire.call(ctx, gw, rpc, id, piece)
					}}
					l.run(t)
				}
			})
		}
	}
}

// So is one that follows a response which the provider keeps.
func TestLeavingClientEndsAResumption(t *testing.T) {
	t.Parallel()
	gw, up := before(t, providertest.ProfileOpenAI)
	begun := respondREST(t.Context(), t, gw, wish{id: "begun", stream: true, body: `"input":"Hello","background":true`})
	if !begun.whole {
		t.Fatalf("%d %s", begun.status, begun.raw)
	}
	id := begun.response.GetId()
	for name, resume := range map[string]func(context.Context, string) error{
		"REST": func(ctx context.Context, request string) error {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, gw.REST+responsesPath+"/"+id+"?stream=true", http.NoBody)
			if err != nil {
				return err
			}
			r.Header.Set("Authorization", "Bearer "+servertest.MasterKey)
			r.Header.Set("X-Request-Id", request)
			reply, err := gw.Client.Do(r)
			if err != nil {
				return err
			}
			defer reply.Body.Close()
			_, err = io.Copy(io.Discard, reply.Body)
			return err
		},
		"gRPC": func(ctx context.Context, request string) error {
			stream, err := responsesv1.NewResponsesServiceClient(gw.GRPC).ResumeResponse(servertest.WithRequestID(ctx, request), &responsesv1.ResumeResponseRequest{ResponseId: id})
			for err == nil {
				_, err = stream.Recv()
			}
			return err
		},
	} {
		for n, script := range []string{"hang,times=1", "hang-after=2,times=1"} {
			up.EnqueueTextAt(t, providertest.EndpointResponse, script)
			request := fmt.Sprintf("%s-%d", name, n)
			ctx, leave := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- resume(ctx, request) }()
			if _, err := up.Await(t.Context(), request, func(all []providertest.Request) bool {
				last := all[len(all)-1]
				return last.ClientRequestID == request && last.Received && (last.Bytes > 0) == (n == 1)
			}); err != nil {
				t.Fatal(err)
			}
			leave()
			if err := <-ended; err == nil {
				t.Errorf("%s: the call ended in order", request)
			}
			leaving{gw: gw, up: up}.aborted(t, request)
		}
	}
}
