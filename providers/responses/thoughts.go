package responses

import (
	"encoding/json"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// thoughts are the reasoning of a chat message, in all its dialects, as it comes.
type thoughts struct {
	content, reasoning, thinking text
	details                      []*detail
	whole                        bool // details come whole, but for a late signature
}

// add takes what a message, or a piece of one, has of reasoning.
func (t *thoughts) add(m *chatv1.ChatMessage) {
	t.content.add(m.ReasoningContent)
	t.reasoning.add(m.Reasoning)
	for _, piece := range m.GetReasoningDetails() {
		t.detail(piece)
	}
	for _, part := range m.GetContentParts() {
		if part.GetType() == thinking {
			t.thinking.add(new(thinkingText(part)))
		}
	}
}

// set gives a message the reasoning.
func (t *thoughts) set(m *chatv1.ChatMessage) {
	m.ReasoningContent, m.Reasoning = t.content.whole(), t.reasoning.whole()
	m.ReasoningDetails = nil
	for _, d := range t.details {
		m.ReasoningDetails = append(m.ReasoningDetails, d.whole())
	}
	if t.thinking.Len() > 0 {
		m.ContentParts = append([]*chatv1.ChatContentPart{thinkingPart(t.thinking.String())}, parts(m)...)
		m.Content, m.Refusal = nil, nil
	}
}

// empty says whether there is no reasoning.
func (t *thoughts) empty() bool {
	return t.content.Len()+t.reasoning.Len()+t.thinking.Len() == 0 && len(t.details) == 0
}

// take is encode, and forgets the reasoning.
func (t *thoughts) take() string {
	sealed := t.encode()
	*t = thoughts{whole: t.whole}
	return sealed
}

// encode is an `encrypted_content` with the reasoning. Empty: there is none.
func (t *thoughts) encode() string {
	if t.empty() {
		return ""
	}
	m := &chatv1.ChatMessage{}
	t.set(m)
	return encode(reasoningMark, m)
}

// detail adds a piece to the detail that it goes on with, else behind all of them.
func (t *thoughts) detail(piece *chatv1.ReasoningDetail) *detail {
	for _, d := range slices.Backward(t.details) {
		if d.goesOn(piece) && (!t.whole || proves(piece)) {
			d.add(piece)
			return d
		}
		if piece.Index == nil {
			break // without a place it can only be the last one
		}
	}
	d := &detail{fields: &chatv1.ReasoningDetail{Type: piece.GetType(), Index: piece.Index}}
	d.add(piece)
	t.details = append(t.details, d)
	return d
}

// detail is a piece of reasoning with its proof.
type detail struct {
	fields              *chatv1.ReasoningDetail // all but the texts
	text, summary, data text
}

// goesOn says whether a piece belongs to the detail. One that has its signature is
// whole.
func (d *detail) goesOn(piece *chatv1.ReasoningDetail) bool {
	if d.fields.Signature != nil || piece.GetType() != "" && piece.GetType() != d.fields.GetType() {
		return false
	}
	if piece.Index != nil {
		return d.fields.Index != nil && d.fields.GetIndex() == piece.GetIndex()
	}
	return piece.Id == nil || piece.GetId() == d.fields.GetId()
}

// proves says whether a piece is but the signature of what came before.
func proves(piece *chatv1.ReasoningDetail) bool {
	return piece.Signature != nil && piece.Text == nil && piece.Summary == nil && piece.Data == nil
}

func (d *detail) add(piece *chatv1.ReasoningDetail) {
	d.text.add(piece.Text)
	d.summary.add(piece.Summary)
	d.data.add(piece.Data)
	latest(&d.fields.Signature, piece.Signature)
	latest(&d.fields.Id, piece.Id)
	latest(&d.fields.Format, piece.Format)
	if piece.GetExtraJson() != "" {
		d.fields.ExtraJson = piece.GetExtraJson()
	}
}

func (d *detail) whole() *chatv1.ReasoningDetail {
	out := proto.CloneOf(d.fields)
	out.Text, out.Summary, out.Data = d.text.whole(), d.summary.whole(), d.data.whole()
	return out
}

// thinking is the type of Mistral's parts of content that are reasoning, and their
// member that has it.
const thinking = "thinking"

func thinkingPart(text string) *chatv1.ChatContentPart {
	return &chatv1.ChatContentPart{
		Type:      thinking,
		ExtraJson: wire.AddMember("", thinking, `[{"type":"text","text":`+quote(text)+"}]"),
	}
}

func thinkingText(part *chatv1.ChatContentPart) string {
	value, _ := wire.Member(part.GetExtraJson(), thinking)
	var pieces []struct{ Text string }
	if json.Unmarshal([]byte(value), &pieces) != nil {
		var whole string
		_ = json.Unmarshal([]byte(value), &whole) // neither: no text that we know of
		return whole
	}
	var all strings.Builder
	for _, piece := range pieces {
		all.WriteString(piece.Text)
	}
	return all.String()
}

// text is a text that comes in pieces. Absent and empty differ.
type text struct {
	set bool
	strings.Builder
}

func (t *text) add(piece *string) {
	if piece != nil {
		t.set = true
		t.WriteString(*piece)
	}
}

func (t *text) whole() *string {
	if !t.set {
		return nil
	}
	return new(t.String())
}

// latest keeps the value that came last, in memory of its own.
func latest(kept **string, piece *string) {
	if piece != nil {
		*kept = new(strings.Clone(*piece))
	}
}
