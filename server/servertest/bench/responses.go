package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// responses are responses: a provider's own, or made by the gateway of chat
// completions. What they are compared with passes on the provider's own.
type responses struct{}

// responseSize names their cases.
const responseSize = "responses"

func responseCases() []bench {
	var all []bench
	for _, form := range []string{unary, streamed, paced} {
		all = append(all, bench{work: responses{}, size: responseSize, bytes: 300, form: form})
	}
	return all
}

func (responses) path() string { return "/v1/responses" }

func (responses) ways(b bench) []way {
	if b.form == paced {
		return pick(viaREST, viaTwin, viaRESTEmulated, viaGRPCEmulated)
	}
	return pick(viaREST, viaTwin, viaTyped, viaRESTEmulated, viaGRPCEmulated, viaRESTStored)
}

// input is one that fills the request.
func (r responses) input(b bench, w way) []message {
	empty := []message{{Role: "user"}}
	empty[0].Content = prose()[:b.bytes-len(encode(r.request(b, w, empty)))]
	return empty
}

// request is the JSON body. It is not to be stored, unless that is what is measured.
func (responses) request(b bench, w way, input []message) map[string]any {
	body := map[string]any{
		"model": b.model(w), "instructions": "You work a signal box.", "input": input, "temperature": 0.7, "max_output_tokens": 512, "store": w.stored,
	}
	if b.streams() {
		body["stream"] = true
	}
	return body
}

func (r responses) body(b bench, w way) []byte { return encode(r.request(b, w, r.input(b, w))) }

func (responses) check(b bench, reply []byte, chunks int) error {
	if !b.streams() {
		return wholeObject(reply, `"output_text"`)
	}
	last := reply[max(0, bytes.LastIndex(bytes.TrimSpace(reply), []byte("\n\n"))):]
	if !bytes.Contains(last, []byte(`"type":"response.completed"`)) || !bytes.HasSuffix(reply, []byte("}\n\n")) {
		return fmt.Errorf("the stream has no end: …%s", reply[max(0, len(reply)-500):])
	}
	return counted(bytes.Count(reply, []byte("event: response.output_text.delta\n")), chunks)
}

// params is the request for gRPC: with the input as JSON text, or typed.
func (r responses) params(b bench, w way) *responsesv1.ResponseParams {
	input := r.input(b, w)
	params := &responsesv1.ResponseParams{
		Model: new(b.model(w)), Instructions: new("You work a signal box."), Temperature: new(0.7), MaxOutputTokens: new(int32(512)), Store: &w.stored,
	}
	if !w.typed {
		params.InputJson = string(encode(input))
		return params
	}
	for _, m := range input {
		params.InputItems = append(params.InputItems, &responsesv1.Item{
			Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: m.Role, Content: &m.Content}},
		})
	}
	return params
}

func (r responses) rpc(b bench, w way, chunks int) rpc {
	params := r.params(b, w)
	if !b.streams() {
		return func(ctx context.Context, channel *grpc.ClientConn) (time.Time, error) {
			reply, err := responsesv1.NewResponsesServiceClient(channel).CreateResponse(ctx, &responsesv1.CreateResponseRequest{Params: params})
			first := time.Now()
			if err != nil {
				return first, err
			}
			if response := reply.GetResponse(); response.GetStatus() != "completed" || len(response.GetOutput()) == 0 {
				return first, fmt.Errorf("not a whole response: %v", reply)
			}
			return first, nil
		}
	}
	return func(ctx context.Context, channel *grpc.ClientConn) (time.Time, error) {
		stream, err := responsesv1.NewResponsesServiceClient(channel).StreamResponse(ctx, &responsesv1.StreamResponseRequest{Params: params})
		if err != nil {
			return time.Time{}, err
		}
		return receive(stream, chunks, func(reply *responsesv1.StreamResponseResponse) bool { return reply.GetEvent().GetDelta() != nil })
	}
}
