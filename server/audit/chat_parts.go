package audit

import (
	"cmp"
	"encoding/base64"
	"slices"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// chatTool is a tool call as far as it has come.
type chatTool struct {
	index    *int32
	id, kind *string
	function *chatFunction
	custom   *chatCustom
	extra    string
}

func (t *chatTool) add(piece *chatv1.ToolCall) {
	latest(&t.id, piece.Id)
	latest(&t.kind, piece.Type)
	t.extra = mergeObjects(t.extra, piece.GetExtraJson())
	if piece.GetFunction() != nil {
		if t.function == nil {
			t.function = &chatFunction{}
		}
		t.function.add(piece.GetFunction())
	}
	if piece.GetCustom() != nil {
		if t.custom == nil {
			t.custom = &chatCustom{}
		}
		t.custom.add(piece.GetCustom())
	}
}

// whole is the call as messages have it, which have no index.
func (t *chatTool) whole() *chatv1.ToolCall {
	call := &chatv1.ToolCall{Id: t.id, Type: t.kind, ExtraJson: t.extra}
	if t.function != nil {
		call.Function = t.function.whole()
	}
	if t.custom != nil {
		call.Custom = t.custom.whole()
	}
	return call
}

// byIndex orders calls by their index. One without an index stays where it came.
func byIndex(a, b *chatTool) int {
	if a.index == nil || b.index == nil {
		return 0
	}
	return cmp.Compare(*a.index, *b.index)
}

// chatFunction is a function call as far as it has come. Its name comes whole.
type chatFunction struct {
	name      *string
	arguments text
	extra     string
}

func (f *chatFunction) add(piece *chatv1.FunctionCall) {
	if piece.GetName() != "" {
		latest(&f.name, piece.Name)
	}
	f.arguments.add(piece.Arguments)
	f.extra = mergeObjects(f.extra, piece.GetExtraJson())
}

func (f *chatFunction) whole() *chatv1.FunctionCall {
	return &chatv1.FunctionCall{Name: f.name, Arguments: f.arguments.whole(), ExtraJson: f.extra}
}

// chatCustom is a call of a custom tool as far as it has come.
type chatCustom struct {
	name  *string
	input text
	extra string
}

func (c *chatCustom) add(piece *chatv1.CustomCall) {
	if piece.GetName() != "" {
		latest(&c.name, piece.Name)
	}
	c.input.add(piece.Input)
	c.extra = mergeObjects(c.extra, piece.GetExtraJson())
}

func (c *chatCustom) whole() *chatv1.CustomCall {
	return &chatv1.CustomCall{Name: c.name, Input: c.input.whole(), ExtraJson: c.extra}
}

// chatAudio is spoken output as far as it has come.
type chatAudio struct {
	id         *string
	expires    *int64
	pieces     []string
	transcript text
	extra      string
}

func (a *chatAudio) add(piece *chatv1.Audio) {
	latest(&a.id, piece.Id)
	a.expires = cmp.Or(copied(piece.ExpiresAt), a.expires)
	if piece.Data != nil {
		a.pieces = append(a.pieces, piece.GetData())
	}
	a.transcript.add(piece.Transcript)
	a.extra = mergeObjects(a.extra, piece.GetExtraJson())
}

func (a *chatAudio) whole() *chatv1.Audio {
	audio := &chatv1.Audio{Id: a.id, ExpiresAt: a.expires, Transcript: a.transcript.whole(), ExtraJson: a.extra}
	if a.pieces != nil {
		audio.Data = new(joinBase64(a.pieces))
	}
	return audio
}

// joinBase64 joins pieces of base64 text. Some providers cut one text into pieces,
// others encode each piece for itself; only the latter have padding inside.
func joinBase64(pieces []string) string {
	padded := slices.ContainsFunc(pieces[:len(pieces)-1], func(piece string) bool { return strings.HasSuffix(piece, "=") })
	if !padded {
		return strings.Join(pieces, "")
	}
	var sound []byte
	for _, piece := range pieces {
		var err error
		if sound, err = base64.StdEncoding.AppendDecode(sound, []byte(piece)); err != nil {
			return strings.Join(pieces, "")
		}
	}
	return base64.StdEncoding.EncodeToString(sound)
}

// chatDetail is a piece of reasoning as far as it has come.
type chatDetail struct {
	whole                    chatv1.ReasoningDetail
	text, summary, data, sig text
}

func (d *chatDetail) add(piece *chatv1.ReasoningDetail) {
	d.whole.Type = cmp.Or(d.whole.GetType(), piece.GetType())
	latest(&d.whole.Id, piece.Id)
	latest(&d.whole.Format, piece.Format)
	d.whole.Index = cmp.Or(d.whole.Index, copied(piece.Index))
	d.whole.ExtraJson = mergeObjects(d.whole.GetExtraJson(), piece.GetExtraJson())
	d.text.add(piece.Text)
	d.summary.add(piece.Summary)
	d.data.add(piece.Data)
	d.sig.add(piece.Signature)
}

func (d *chatDetail) finished() *chatv1.ReasoningDetail {
	return &chatv1.ReasoningDetail{
		Type: d.whole.GetType(), Id: d.whole.Id, Format: d.whole.Format, Index: d.whole.Index,
		Text: d.text.whole(), Summary: d.summary.whole(), Data: d.data.whole(), Signature: d.sig.whole(),
		ExtraJson: d.whole.GetExtraJson(),
	}
}
