package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
	"github.com/signalbox-ai/signalbox/server/call"
)

// marshaler writes replies as OpenAI's JSON, and streams as server-sent events. It
// reads nothing: the front has decoded the body already.
type marshaler struct{}

// Marshal writes a reply, or a stream's error; for a stream's pieces see rewrite.
func (m *marshaler) Marshal(v any) ([]byte, error) {
	switch v := v.(type) {
	case *embeddingsv1.EmbeddingList:
		return codec.Append(roomFor(v, 13), v, wire.Reply) // "-0.012345678,"
	case packed:
		return codec.Append(roomFor(v.list, 6), v.list, wire.Reply|wire.Base64Vectors)
	case proto.Message:
		return codec.Append(nil, v, wire.Reply)
	case map[string]proto.Message:
		return errorEvent(v["error"])
	default:
		return nil, fmt.Errorf("marshal %T", v)
	}
}

// roomFor is a buffer for vectors whose numbers take so many bytes each, about. Grown step
// by step it would be copied as often as it is doubled.
func roomFor(list *embeddingsv1.EmbeddingList, each int) []byte {
	const around, frame = 256, 80 // the list, and a vector, without numbers
	size := around
	for _, embedding := range list.GetData() {
		size += frame + len(embedding.GetVector())*each
	}
	return make([]byte, 0, size)
}

// rewrite writes a stream's message as an event right behind those that wait to be sent,
// and leaves grpc-gateway, which would make a map and a buffer for each, nothing to
// marshal. Other replies go their way.
func rewrite(ctx context.Context, message proto.Message) (any, error) {
	reply, ok := call.From(ctx).Edge.(*reply)
	inner, wrapped := message.(interface{ XXX_ResponseBody() any })
	if ok && reply.base64 && wrapped {
		if list, is := inner.XXX_ResponseBody().(*embeddingsv1.EmbeddingList); is {
			return packed{list}, nil
		}
	}
	if !ok || !reply.stream {
		return message, nil
	}
	if !wrapped {
		return nil, fmt.Errorf("no body in %T", message)
	}
	return reply.nothing, reply.event(inner.XXX_ResponseBody())
}

// packed are vectors for a client that asked for base64.
type packed struct{ list *embeddingsv1.EmbeddingList }

// event writes one server-sent event. The message that ends a stream has no chunk, and
// no event.
func (p *reply) event(result any) error {
	message, ok := result.(proto.Message)
	if !ok {
		return fmt.Errorf("marshal %T", result)
	}
	if reflect.ValueOf(message).IsNil() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.events
	if event, ok := message.(*responsesv1.StreamEvent); ok {
		p.named, p.broken, p.sequence = true, p.broken || event.GetType() == "error", event.GetSequenceNumber()
		b = append(b, "event: "...)
		start := len(b)
		b = append(b, event.GetType()...)
		oneLine(b[start:])
		b = append(b, '\n')
	}
	start := len(b)
	b, err := codec.Append(append(b, "data: "...), message, wire.Reply)
	if err != nil {
		return err
	}
	if chunk, ok := message.(*chatv1.ChatCompletionChunk); ok && p.usage && chunk.GetUsage() == nil && !has(chunk.GetExtraJson(), "usage") {
		b = append(b[:len(b)-1], `,"usage":null}`...)
	}
	oneLine(b[start:])
	p.events = append(b, "\n\n"...)
	return nil
}

// oneLine keeps an event's field in its line. JSON that is carried verbatim may have line
// ends between its tokens, where a space means the same.
func oneLine(b []byte) {
	for _, end := range []byte("\r\n") {
		for rest := b; ; {
			i := bytes.IndexByte(rest, end)
			if i < 0 {
				break
			}
			rest[i] = ' '
			rest = rest[i+1:]
		}
	}
}

// has says whether a JSON object has a member.
func has(object, name string) bool {
	_, there := wire.Member(object, name)
	return there
}

// errorEvent is the event that ends a broken stream.
func errorEvent(message proto.Message) ([]byte, error) {
	st, _ := message.(*spb.Status)
	for _, detail := range st.GetDetails() {
		failed := &commonv1.ApiError{}
		if detail.MessageIs(failed) {
			if err := detail.UnmarshalTo(failed); err != nil {
				return nil, fmt.Errorf("read error: %w", err)
			}
			return append(appendEnvelope([]byte("data: "), failed), "\n\n"...), nil
		}
	}
	return nil, errors.New("the status has no ApiError")
}

// appendEnvelope is the error body that every failure has.
func appendEnvelope(b []byte, failed *commonv1.ApiError) []byte {
	b = append(b, `{"error":`...)
	b = codec.AppendApiError(b, failed, wire.Reply)
	return append(b, '}')
}

// Unmarshal is not used: the front decodes.
func (m *marshaler) Unmarshal([]byte, any) error { return errors.New("the front decodes bodies") }

// NewDecoder takes the message out of the body that the front made.
func (m *marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		b, ok := r.(*body)
		if !ok {
			return fmt.Errorf("a body of type %T", r)
		}
		if b.message == nil {
			return nil
		}
		target := reflect.ValueOf(v).Elem()
		if target.Kind() == reflect.Pointer {
			target.Set(reflect.ValueOf(b.message))
			return nil
		}
		target.Set(reflect.ValueOf(b.message).Elem())
		return nil
	})
}

// NewEncoder is not used by the generated handlers.
func (m *marshaler) NewEncoder(w io.Writer) runtime.Encoder {
	return runtime.EncoderFunc(func(v any) error {
		b, err := m.Marshal(v)
		if err != nil {
			return err
		}
		_, err = w.Write(b)
		return err
	})
}

// ContentType is that of every reply that is not a stream.
func (m *marshaler) ContentType(any) string { return "application/json" }

// StreamContentType is that of streams.
func (m *marshaler) StreamContentType(any) string { return "text/event-stream; charset=utf-8" }

// Delimiter is empty: an event brings its own end, so that it is one write.
func (m *marshaler) Delimiter() []byte { return nil }
