package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/grpc"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// chat are chat completions.
type chat struct{}

// chatCases are those of chat, small and large.
func chatCases() []bench {
	var all []bench
	for _, form := range []string{unary, streamed, paced} {
		for _, b := range []bench{{size: "small", bytes: 300}, {size: "32KiB", bytes: 32 << 10}, {size: "1MiB", bytes: 1 << 20}} {
			if form == paced && b.bytes > 300 {
				continue
			}
			b.work, b.form = chat{}, form
			all = append(all, b)
		}
	}
	return all
}

func (chat) path() string { return "/v1/chat/completions" }

func (chat) ways(bench) []way { return pick(viaREST, viaTwin, viaTyped) }

// message is a chat message as OpenAI has it.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// prose is text as people and programs write it, with line ends and quotes: 4 KiB.
func prose() string {
	const paragraph = "The train may enter when the section ahead is clear, the points are set and locked, and the signal shows \"proceed\".\n" +
		"if section.Clear() && points.Locked(route) {\n\tsignal.Show(\"proceed\") // and write it down\n}\n"
	return strings.Repeat(paragraph, 4096/len(paragraph))
}

// conversation is one that fills a request of the case's size, in messages of 4 KiB at
// most.
func (c chat) conversation(b bench, w way) []message {
	text := prose()
	messages := []message{{Role: "system", Content: "You work a signal box."}}
	for size := len(encode(c.request(b, w, messages))); size < b.bytes; {
		next := message{Role: "user"}
		if len(messages)%2 == 0 {
			next.Role = "assistant"
		}
		frame := len(encode(next)) + len(",")
		next.Content = text[:min(len(text), max(1, b.bytes-size-frame))]
		messages = append(messages, next)
		size += len(encode(next)) + len(",")
	}
	return messages
}

func (chat) request(b bench, w way, messages []message) map[string]any {
	body := map[string]any{"model": b.model(w), "messages": messages, "temperature": 0.7, "max_completion_tokens": 512}
	if b.streams() {
		body["stream"] = true
	}
	return body
}

func (c chat) body(b bench, w way) []byte { return encode(c.request(b, w, c.conversation(b, w))) }

func (chat) check(b bench, reply []byte, chunks int) error {
	if !b.streams() {
		return wholeObject(reply, `"finish_reason":`)
	}
	if !bytes.HasSuffix(reply, []byte("data: [DONE]\n\n")) {
		return fmt.Errorf("the stream has no end: …%s", reply[max(0, len(reply)-500):])
	}
	return counted(bytes.Count(reply, []byte(`"delta":`)), chunks)
}

// params is the request for gRPC: with the conversation as JSON text, or typed.
func (c chat) params(b bench, w way) *chatv1.ChatCompletionParams {
	temperature, most, messages := 0.7, int32(512), c.conversation(b, w)
	params := &chatv1.ChatCompletionParams{Model: b.model(w), Temperature: &temperature, MaxCompletionTokens: &most}
	if !w.typed {
		params.MessagesJson = string(encode(messages))
		return params
	}
	for _, m := range messages {
		params.Messages = append(params.Messages, &chatv1.ChatMessage{Role: m.Role, Content: &m.Content})
	}
	return params
}

func (c chat) rpc(b bench, w way, chunks int) rpc {
	params := c.params(b, w)
	if !b.streams() {
		return func(ctx context.Context, channel *grpc.ClientConn) (time.Time, error) {
			reply, err := chatv1.NewChatServiceClient(channel).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params})
			first := time.Now()
			if err != nil {
				return first, err
			}
			if choices := reply.GetCompletion().GetChoices(); len(choices) == 0 || choices[0].GetFinishReason() == "" {
				return first, fmt.Errorf("not a whole completion: %v", reply)
			}
			return first, nil
		}
	}
	return func(ctx context.Context, channel *grpc.ClientConn) (time.Time, error) {
		stream, err := chatv1.NewChatServiceClient(channel).StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params})
		if err != nil {
			return time.Time{}, err
		}
		return receive(stream, chunks, func(reply *chatv1.StreamChatCompletionResponse) bool { return len(reply.GetChunk().GetChoices()) > 0 })
	}
}
