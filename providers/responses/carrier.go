package responses

import (
	"encoding/base64"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// What `encrypted_content` begins with when it is ours, with its version. The text
// behind it is a chat message in base64: opaque, not secret, and no proof of its
// origin. Who shows it to clients seals it.
const (
	reasoningMark  = "signalbox.reasoning.1."
	compactionMark = "signalbox.compaction.1."
)

// EncodeReasoning returns an `encrypted_content` that carries the reasoning of a chat
// message: its `reasoning_content`, `reasoning` and `reasoning_details`, and the parts
// of its content that are thoughts. Empty: it has none.
func EncodeReasoning(message *chatv1.ChatMessage) string {
	t := thoughts{whole: true}
	t.add(message)
	return t.encode()
}

// DecodeReasoning returns the reasoning that EncodeReasoning put into a text, and
// whether the text is such a one.
func DecodeReasoning(text string) (*chatv1.ChatMessage, bool) { return decode(reasoningMark, text) }

// EncodeCompaction returns an `encrypted_content` that carries a summary.
func EncodeCompaction(summary string) string {
	return encode(compactionMark, &chatv1.ChatMessage{Content: &summary})
}

// DecodeCompaction returns the summary that EncodeCompaction put into a text, and
// whether the text is such a one.
func DecodeCompaction(text string) (summary string, ok bool) {
	message, ok := decode(compactionMark, text)
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
