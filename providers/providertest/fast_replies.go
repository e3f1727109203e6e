package providertest

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
)

// fastEndpoint is what a fast upstream is asked for.
type fastEndpoint int

const (
	fastChat fastEndpoint = iota // the default
	fastResponses
	fastEmbeddings
	fastModels
)

// fastEndpointOf reads the first line of a request.
func fastEndpointOf(line []byte) fastEndpoint {
	switch {
	case bytes.HasPrefix(line, []byte(http.MethodGet+" ")):
		return fastModels
	case bytes.Contains(line, []byte("/responses ")):
		return fastResponses
	case bytes.Contains(line, []byte("/embeddings ")):
		return fastEmbeddings
	default:
		return fastChat
	}
}

// The vectors of a fast upstream.
const (
	fastVectors    = 16
	fastDimensions = 1536
)

// fastReplies are the bytes of all replies, with their headers.
type fastReplies struct {
	chat, response, models, floats, base64 []byte

	streams [fastResponses + 1]fastStream
}

// fastStream is a stream, event by event, each in a chunk of HTTP/1.1.
type fastStream struct {
	events [][]byte
	usage  []byte // only for those who ask; nil: it is in another event
	last   []byte
}

// fastHead is the head of each stream.
var fastHead = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nX-Request-Id: req_bench\r\nTransfer-Encoding: chunked\r\n\r\n")

// unary is a reply that is not streamed.
func (f *fastReplies) unary(req fastRequest) []byte {
	switch req.endpoint {
	case fastModels:
		return f.models
	case fastResponses:
		return f.response
	case fastEmbeddings:
		if req.base64 {
			return f.base64
		}
		return f.floats
	default:
		return f.chat
	}
}

// prepareFast makes all replies.
func prepareFast(chunks, chunkBytes, replyBytes int) fastReplies {
	x := &exchange{
		up: &Upstream{
			params: Params{Chunks: chunks, ChunkBytes: chunkBytes, ReplyBytes: replyBytes}, profile: openAIProfile(), store: newStore(),
		},
		rec: &Request{},
	}
	f := fastReplies{
		models: whole(indented(x.up.profile.list([]string{"bench-chat"}))),
		floats: x.fastEmbeddings("float"),
		base64: x.fastEmbeddings("base64"),
	}
	x.fastChat(&f)
	x.fastResponses(&f)
	return f
}

// fastChat makes the replies with chat completions.
func (x *exchange) fastChat(f *fastReplies) {
	request := []byte(`{"model":"bench-chat","messages":[{"role":"user","content":"x"}]}`)
	streamed := []byte(`{"model":"bench-chat","messages":[{"role":"user","content":"x"}],"stream":true,"stream_options":{"include_usage":true}}`)
	root, _, _ := parse(request) // these two are valid
	a := newAsk(root, request, "bench-chat")
	f.chat = whole(indented(x.reply(a, x.compose(a))))

	root, _, _ = parse(streamed)
	a = newAsk(root, streamed, "bench-chat")
	framed := frame(x.chunks(x.events(a, x.compose(a))).events, Framing{})
	last := len(framed) - 1
	f.streams[fastChat] = newFastStream(framed[:last-1], framed[last])
	f.streams[fastChat].usage = chunked(framed[last-1])
}

// fastResponses makes the replies with responses.
func (x *exchange) fastResponses(f *fastReplies) {
	made := func(body string) *keptResponse {
		root, _, _ := parse([]byte(body)) // these two are valid, too
		t, _ := x.newTurn(root, []byte(body), "bench-chat")
		return x.played(t)
	}
	f.response = whole(indented(made(`{"model":"bench-chat","input":"x"}`).view(x.up.profile.responding)))
	framed := frame(named(made(`{"model":"bench-chat","input":"x","stream":true}`).events), Framing{})
	last := len(framed) - 1
	f.streams[fastResponses] = newFastStream(framed[:last], framed[last])
}

// newFastStream is a stream with its last event.
func newFastStream(events [][]byte, last []byte) fastStream {
	s := fastStream{last: append(chunked(last), "0\r\n\r\n"...)}
	for _, event := range events {
		s.events = append(s.events, chunked(event))
	}
	return s
}

// fastEmbeddings is the reply with vectors in a format.
func (x *exchange) fastEmbeddings(format string) []byte {
	by := x.up.profile.embedding
	root, data := obj("encoding_format", format), list()
	for i := range fastVectors {
		data.elems = append(data.elems, obj(
			"object", "embedding", "index", i, "embedding", x.vector(root, strconv.Itoa(i), fastDimensions),
		).laid(by.entry))
	}
	reply := obj("object", "list", "data", data, "model", "bench-chat", "usage", by.usage(fastVectors)).laid(by.reply)
	return whole(reply.compact())
}

// whole is a JSON reply with its headers.
func whole(body []byte) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_bench\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

// chunked is data as one chunk of HTTP/1.1.
func chunked(data []byte) []byte { return fmt.Appendf(nil, "%x\r\n%s\r\n", len(data), data) }
