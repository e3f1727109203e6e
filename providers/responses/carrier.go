package responses

import (
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// What `encrypted_content` begins with when it is ours, with its version. The text
// behind it is a chat message in base64: opaque, not secret, and no proof of its
// origin. Who changes it changes what the model is told that it thought, as whoever
// writes the messages of a chat completion can.
const (
	reasoningMark = "signalbox.reasoning.1."
	// CompactionMark begins a context that was compacted here; see Unpacked.
	CompactionMark = "signalbox.compaction.1."
)

// decodeReasoning returns the reasoning that thoughts.encode put into a text, and
// whether the text is such a one.
func decodeReasoning(text string) (*chatv1.ChatMessage, bool) { return decode(reasoningMark, text) }

// encodeCompaction returns an `encrypted_content` that carries a summary.
func encodeCompaction(summary string) string {
	return encode(CompactionMark, &chatv1.ChatMessage{Content: &summary})
}

// decodeCompaction returns the summary that encodeCompaction put into a text, and
// whether the text is such a one.
func decodeCompaction(text string) (summary string, ok bool) {
	message, ok := decode(CompactionMark, text)
	return message.GetContent(), ok
}

func encode(mark string, message *chatv1.ChatMessage) string {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil || len(data) == 0 { // what is not UTF-8 has no form
		return ""
	}
	return mark + base64.RawURLEncoding.EncodeToString(data)
}

func decode(mark, text string) (*chatv1.ChatMessage, bool) {
	text, ok := strings.CutPrefix(text, mark)
	if !ok {
		return nil, false
	}
	data, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	message := &chatv1.ChatMessage{}
	if err := proto.Unmarshal(data, message); err != nil {
		return nil, false
	}
	return message, true
}
