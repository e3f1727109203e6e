package responses

import chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"

// What clients carry from one turn to the next, for tests that play them.
var (
	DecodeReasoning  = decodeReasoning
	EncodeCompaction = encodeCompaction
	DecodeCompaction = decodeCompaction
)

// EncodeReasoning is the reasoning of a message as clients carry it. Empty: it has none.
func EncodeReasoning(message *chatv1.ChatMessage) string {
	t := thoughts{whole: true}
	t.add(message)
	return t.encode()
}

// Ended says whether a stream came to its own end.
func (a *Accumulator) Ended() bool { return a.ended }
