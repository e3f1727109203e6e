package openai

import (
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// mender makes the chunks of one stream OpenAI's. All of them have the id, the time and
// the model of the first.
type mender struct {
	replies Replies
	asked   string // the model that was asked
	begun   bool
	id      string
	created int64
	model   string
	held    string // members of chunks without choices, which are sent with the next
	told    string // members of the last chunk with a choice
	usage   *chatv1.CompletionUsage
	choices map[int32]*mending
}

// mending is where a choice has come to.
type mending struct {
	begun    bool // its role was sent
	finished bool
	blank    bool // its last finish reason was an empty text
	calls    []*calling
}

// calling is a tool call whose pieces come.
type calling struct {
	id    string // the provider's
	place int32  // the provider's index; -1: it gives none
	typed bool
	named bool
}

// chunk makes a chunk OpenAI's; false: it is not to be sent.
func (m *mender) chunk(c *chatv1.ChatCompletionChunk) bool {
	c.ExtraJson = without(c.GetExtraJson(), "object")
	if len(c.GetChoices()) == 0 && c.Usage == nil { // such as Azure's verdict on the prompt, which has no id yet
		m.hold(c)
		return false
	}
	m.settle(c)
	for _, choice := range c.GetChoices() {
		m.choice(choice)
	}
	if c.Usage == nil {
		c.Usage = usageElsewhere(c.GetExtraJson())
	}
	mendUsage(c.GetUsage())
	return true
}

// settle gives a chunk what all of them have.
func (m *mender) settle(c *chatv1.ChatCompletionChunk) {
	if !m.begun {
		m.begun, m.id, m.created, m.model = true, c.GetId(), c.GetCreated(), c.GetModel()
		if m.id == "" || m.replies.NewIDs {
			m.id = newID("chatcmpl-")
		}
		m.created = createdOf(m.created, c.GetExtraJson())
		if m.model == "" {
			m.model = m.asked
		}
	}
	c.Id, c.Created, c.Model = m.id, m.created, m.model
	c.ExtraJson, m.held = joined(c.GetExtraJson(), m.held), ""
	if len(c.GetChoices()) > 0 {
		m.told = c.GetExtraJson()
	}
}

// hold keeps the members of a chunk that is not sent, as far as they say anything that
// the chunk before did not.
func (m *mender) hold(c *chatv1.ChatCompletionChunk) {
	telling := ""
	for p := range wire.Members(c.GetExtraJson()) {
		if said, _ := wire.Member(m.told, p.Key); p.Value != null && p.Value != said {
			telling = wire.AddMember(telling, p.Key, p.Value)
		}
	}
	m.held = joined(telling, m.held)
}

// joined are the members of two objects; those of the first stand above.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	for p := range wire.Members(b) {
		if _, there := wire.Member(a, p.Key); !there {
			a = wire.AddMember(a, p.Key, p.Value)
		}
	}
	return a
}

// choice makes a choice OpenAI's.
func (m *mender) choice(c *chatv1.ChunkChoice) {
	s := m.choices[c.GetIndex()]
	if s == nil {
		s = new(mending)
		if m.choices == nil {
			m.choices = map[int32]*mending{}
		}
		m.choices[c.GetIndex()] = s
	}
	if c.Delta == nil {
		c.Delta = new(chatv1.ChatDelta)
	}
	s.delta(c.GetDelta())
	if c.FinishReason == nil {
		s.blank = false
		return
	}
	s.blank = c.GetFinishReason() == ""
	if s.blank {
		c.FinishReason = nil
		return
	}
	s.finished = true
	c.FinishReason = proto.String(mendFinish(c.GetFinishReason()))
}

// delta makes a delta OpenAI's.
func (s *mending) delta(d *chatv1.ChatDelta) {
	d.Role = nil
	if !s.begun {
		s.begun = true
		d.Role = proto.String("assistant")
	}
	if text, there := wire.Member(d.GetExtraJson(), "content"); there && text != "" && text[0] == '[' {
		d.ExtraJson = without(d.GetExtraJson(), "content")
		var parts chatv1.ChatMessage
		if codec.DecodeChatMessage(`{"content":`+text+`}`, &parts, wire.Limits{}) == nil {
			d.Content, d.ReasoningContent = textsOf(parts.GetContentParts(), d.ReasoningContent)
			if !plain(parts.GetContentParts()) {
				d.ExtraJson = wire.AddMember(without(d.GetExtraJson(), "content_parts"), "content_parts", text)
			}
		}
	}
	if d.ReasoningContent == nil {
		d.ReasoningContent = d.Reasoning
	}
	d.ExtraJson = withoutEmptyCalls(d.GetExtraJson())
	for _, call := range d.GetToolCalls() {
		s.call(call)
	}
}

// call numbers a piece of a tool call from 0, and lets its id, its type and its name be
// sent once.
func (s *mending) call(c *chatv1.ToolCall) {
	i := s.find(c)
	if i < 0 {
		i = len(s.calls)
		place := int32(-1)
		if c.Index != nil {
			place = c.GetIndex()
		}
		s.calls = append(s.calls, &calling{id: c.GetId(), place: place})
		if c.GetId() == "" {
			c.Id = proto.String(newID("call_"))
		}
	} else {
		c.Id = nil
	}
	known := s.calls[i]
	c.Index = proto.Int32(int32(i)) //nolint:gosec // a stream has no such number of calls
	if known.typed {
		c.Type = nil
	} else {
		known.typed = true
		mendCall(c)
	}
	mendArguments(c.GetFunction())
	if f := c.GetFunction(); f != nil {
		if known.named || f.GetName() == "" {
			f.Name = nil
		}
		known.named = known.named || f.Name != nil
	}
}

// find returns the place of the call that a piece belongs to; -1: a new one. Pieces are
// told apart by their index; where there is none, or calls share one, by their id; and
// one that has neither goes on with the last.
func (s *mending) find(c *chatv1.ToolCall) int {
	fresh := func(known *calling) bool {
		return c.GetId() != "" && c.GetId() != known.id && (c.GetFunction().GetName() != "" || c.GetCustom().GetName() != "")
	}
	if c.Index != nil {
		for i, known := range slices.Backward(s.calls) {
			if known.place != c.GetIndex() {
				continue
			}
			if fresh(known) {
				return -1
			}
			return i
		}
		return -1
	}
	for i, known := range slices.Backward(s.calls) {
		if c.GetId() != "" && known.id == c.GetId() {
			return i
		}
	}
	if c.GetId() != "" || c.GetFunction().GetName() != "" || c.GetCustom().GetName() != "" {
		return -1
	}
	return len(s.calls) - 1
}

// lacking says that a finish reason will be among the tail.
func (m *mender) lacking() bool {
	for _, s := range m.choices {
		if !s.finished && s.blank {
			return true
		}
	}
	return false
}

// tail are the chunks that a stream still lacks at its proper end: finish reasons that
// were empty texts, and what was held.
func (m *mender) tail() []*chatv1.ChatCompletionChunk {
	var out []*chatv1.ChatCompletionChunk
	add := func() *chatv1.ChatCompletionChunk {
		c := &chatv1.ChatCompletionChunk{Id: m.id, Created: m.created, Model: m.model}
		out = append(out, c)
		return c
	}
	for _, index := range slices.Sorted(maps.Keys(m.choices)) {
		s := m.choices[index]
		if s.finished || !s.blank {
			continue
		}
		s.finished = true
		reason := "stop"
		if len(s.calls) > 0 {
			reason = "tool_calls"
		}
		add().Choices = []*chatv1.ChunkChoice{{Index: index, Delta: new(chatv1.ChatDelta), FinishReason: &reason}}
	}
	if m.usage != nil || m.held != "" && m.begun {
		last := add()
		last.Usage, last.ExtraJson = m.usage, m.held
		m.usage, m.held = nil, ""
	}
	return out
}
