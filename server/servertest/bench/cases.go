package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

const key = "bench-key"

// The forms of a reply.
const (
	unary = "unary"
	// streamed comes as fast as it can be taken: what stands between may take many
	// chunks at once.
	streamed = "stream"
	// paced comes as models write: each chunk alone.
	paced = "paced"
)

// bench is one case: a request, the form of its reply, and how many call at once.
type bench struct {
	size        string
	bytes       int
	form        string
	connections int
}

// name names the case on the command line and in the report.
func (b bench) name() string { return fmt.Sprintf("%s %s c=%d", b.size, b.form, b.connections) }

func (b bench) streams() bool { return b.form != unary }

// model is what the case asks for; it decides which upstream answers.
func (b bench) model() string { return modelOf(b.form == paced) }

func modelOf(paced bool) string {
	if paced {
		return "bench-paced"
	}
	return "bench-fast"
}

// cases are the cases that the settings ask for: each at many connections, for the
// cost, and at one, for the latency.
func cases(s *settings) []bench {
	sizes := []bench{{size: "small", bytes: 300}, {size: "32KiB", bytes: 32 << 10}, {size: "1MiB", bytes: 1 << 20}}
	var all []bench
	for _, connections := range slices.Compact([]int{s.connections, 1}) {
		for _, form := range []string{unary, streamed, paced} {
			for _, b := range sizes {
				b.form, b.connections = form, connections
				long := b.bytes > 300
				switch {
				case form == paced && (long || connections == 1):
				case s.quick && long && (form != unary || connections == 1):
				case s.only.MatchString(b.name()):
					all = append(all, b)
				}
			}
		}
	}
	return all
}

// message is a chat message as OpenAI has it.
type message struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// conversation is one that fills a request of the case's size: text as people and
// programs write it, with line ends and quotes, in messages of 4 KiB at most.
func (b bench) conversation() []message {
	const paragraph = "The train may enter when the section ahead is clear, the points are set and locked, and the signal shows \"proceed\".\n" +
		"if section.Clear() && points.Locked(route) {\n\tsignal.Show(\"proceed\") // and write it down\n}\n"
	text := strings.Repeat(paragraph, 4096/len(paragraph))
	messages := []message{{Role: "system", Content: "You work a signal box."}}
	for size := len(encode(b.request(messages))); size < b.bytes; {
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

// request is the JSON body of the case.
func (b bench) request(messages []message) map[string]any {
	body := map[string]any{"model": b.model(), "messages": messages, "temperature": 0.7, "max_completion_tokens": 512}
	if b.streams() {
		body["stream"] = true
	}
	return body
}

// params is the same request for gRPC: with the conversation as JSON text, or typed.
func (b bench) params(messages []message, typed bool) *chatv1.ChatCompletionParams {
	temperature, most := 0.7, int32(512)
	params := &chatv1.ChatCompletionParams{Model: b.model(), Temperature: &temperature, MaxCompletionTokens: &most}
	if !typed {
		params.MessagesJson = string(encode(messages))
		return params
	}
	for _, m := range messages {
		params.Messages = append(params.Messages, &chatv1.ChatMessage{Role: m.Role, Content: &m.Content})
	}
	return params
}

// encode is v as JSON. What is encoded here always can be.
func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return text
}
