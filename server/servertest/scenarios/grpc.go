package scenarios

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// askGRPC makes the same call as a client of the protos would, and spells what it gets
// as REST does.
func askGRPC(ctx context.Context, gw *servertest.Gateway, id string, ask message, typed bool) (answer, error) {
	method, target, _ := strings.Cut(ask.start, " ")
	path, _, _ := strings.Cut(target, "?")
	r, variables, err := findRPC(method, path)
	if err != nil {
		return answer{}, err
	}
	request, err := r.request(ask, variables, typed)
	if err != nil {
		return answer{}, err
	}
	if body := r.rule.GetBody(); body != "" {
		m := request.ProtoReflect()
		params := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(body))).Message().Interface()
		stream, err := r.streaming(params)
		if err != nil {
			return answer{}, err
		}
		if stream != nil {
			r = stream
			if request, err = r.request(ask, variables, typed); err != nil {
				return answer{}, err
			}
		}
	}
	ctx = servertest.WithRequestID(ctx, id)
	if r.method.IsStreamingServer() {
		return r.stream(ctx, gw.GRPC, request)
	}
	return r.unary(ctx, gw.GRPC, request)
}

// expand reads the heavy members of params into their fields.
func expand(params proto.Message) error {
	switch m := params.(type) {
	case *chatv1.ChatCompletionParams:
		return codec.ExpandChatCompletionParams(m, wire.Limits{})
	case *responsesv1.ResponseParams:
		return codec.ExpandResponseParams(m, wire.Limits{})
	case *embeddingsv1.EmbeddingParams:
		return codec.ExpandEmbeddingParams(m, wire.Limits{})
	default:
		return nil
	}
}

// name is the RPC's name on the wire.
func (r *rpc) name() string {
	return "/" + string(r.method.Parent().FullName()) + "/" + string(r.method.Name())
}

// response is a new message of the RPC's.
func (r *rpc) response() (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(r.method.Output().FullName())
	if err != nil {
		return nil, fmt.Errorf("find the reply of %s: %w", r.method.Name(), err)
	}
	return kind.New().Interface(), nil
}

// body is what REST shows of a response. Nil: nothing.
func (r *rpc) body(response proto.Message) proto.Message {
	name := r.rule.GetResponseBody()
	if name == "" {
		return response
	}
	m := response.ProtoReflect()
	field := m.Descriptor().Fields().ByName(protoreflect.Name(name))
	if !m.Has(field) {
		return nil
	}
	return m.Get(field).Message().Interface()
}

// unary makes a call with one reply.
func (r *rpc) unary(ctx context.Context, conn *grpc.ClientConn, request proto.Message) (answer, error) {
	response, err := r.response()
	if err != nil {
		return answer{}, err
	}
	var header metadata.MD
	if err := conn.Invoke(ctx, r.name(), request, response, grpc.Header(&header)); err != nil {
		return refused(err, header)
	}
	mode := wire.Reply
	if asked, ok := request.(*embeddingsv1.CreateEmbeddingsRequest); ok && asked.GetParams().GetEncodingFormat() == "base64" {
		mode |= wire.Base64Vectors
	}
	text, err := codec.Append(nil, r.body(response), mode)
	if err != nil {
		return answer{}, fmt.Errorf("encode the reply: %w", err)
	}
	return spelled(http.StatusOK, header, "application/json", string(text)), nil
}

// stream makes a call with a reply in pieces.
func (r *rpc) stream(ctx context.Context, conn *grpc.ClientConn, request proto.Message) (answer, error) {
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, r.name())
	if err != nil {
		return answer{}, fmt.Errorf("call: %w", err)
	}
	if err := errors.Join(stream.SendMsg(request), stream.CloseSend()); err != nil {
		return answer{}, fmt.Errorf("send: %w", err)
	}
	var events eventText
	for {
		response, err := r.response()
		if err != nil {
			return answer{}, err
		}
		err = stream.RecvMsg(response)
		header, _ := stream.Header() // its error is RecvMsg's
		switch {
		case errors.Is(err, io.EOF):
			events.done()
			return spelled(http.StatusOK, header, "text/event-stream; charset=utf-8", events.text.String()), nil
		case err != nil && events.text.Len() == 0:
			return refused(err, header)
		case err != nil:
			if err := events.fail(err); err != nil {
				return answer{}, err
			}
			return spelled(http.StatusOK, header, "text/event-stream; charset=utf-8", events.text.String()), nil
		}
		if piece := r.body(response); piece != nil {
			if err := events.event(piece); err != nil {
				return answer{}, err
			}
		}
	}
}

// spelled is an answer as REST has it.
func spelled(code int, header metadata.MD, contentType, body string) answer {
	m := message{start: statusLine(code), header: http.Header{}, body: body}
	for name, values := range header {
		m.header[http.CanonicalHeaderKey(name)] = values
	}
	m.header = told(m.header)
	m.header.Set("Content-Type", contentType)
	return answer{message: m, grpc: true}
}

// refused is a status as REST has it.
func refused(err error, header metadata.MD) (answer, error) {
	failed, err := apiError(err)
	if err != nil {
		return answer{}, err
	}
	body := append(codec.AppendApiError([]byte(`{"error":`), failed, wire.Reply), '}')
	return spelled(int(failed.GetHttpStatus()), header, "application/json", string(body)), nil
}

// apiError is the detail that every status of the gateway's has, and its code must be
// that of the reason.
func apiError(err error) (*commonv1.ApiError, error) {
	st := status.Convert(err)
	for _, detail := range st.Details() {
		failed, ok := detail.(*commonv1.ApiError)
		if !ok {
			continue
		}
		if want := (&failure.Error{Reason: failed.GetReason()}).GRPCCode(); st.Code() != want {
			return nil, fmt.Errorf("%v has the code %v, want %v", failed.GetReason(), st.Code(), want)
		}
		return failed, nil
	}
	return nil, fmt.Errorf("a status without ApiError: %w", err)
}
