package openai

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// rewriting applies rules to a request's JSON. What no rule changes keeps its bytes,
// and without any change nothing is copied.
type rewriting struct {
	*rules
	text    string // what is read now, as a whole
	losses  []*commonv1.Loss
	refused *failure.Error
}

// rewrite applies rules to a whole request.
func rewrite(text string, all []*rules) *rewriting {
	w := &rewriting{text: text}
	for _, rules := range all {
		w.rules = rules
		text = w.top(text, rules.root)
	}
	w.text = text
	return w
}

// top applies the rules of a node to a whole text.
func (w *rewriting) top(text string, n *node) string {
	w.text = text
	return w.value(text, n)
}

// value applies the rules of a node to a value of any kind.
func (w *rewriting) value(text string, n *node) string {
	switch {
	case n.members == nil && !n.only || text == "":
		return text
	case text[0] == '{':
		return edit(text, wire.Members(text), func(p wire.Piece) (string, bool) { return w.piece(text, p, n) })
	case text[0] == '[':
		return edit(text, wire.Elements(text), func(p wire.Piece) (string, bool) { return w.value(p.Value, n), true })
	default:
		return text
	}
}

// edit writes an object or array anew, with what change makes of each piece of it; false
// leaves one out. Without a change the text itself is returned.
func edit(text string, pieces func(func(wire.Piece) bool), change func(wire.Piece) (string, bool)) string {
	var out []byte
	end, empty := 1, true // behind the last piece that is kept
	for p := range pieces {
		now, keep := change(p)
		if out == nil {
			if keep && now == text[p.Begin:p.End] {
				end, empty = p.End, false
				continue
			}
			out = append(make([]byte, 0, len(text)), text[:end]...)
		}
		if !keep {
			continue
		}
		if !empty {
			out = append(out, ',')
		}
		out, empty = append(out, now...), false
	}
	if out == nil {
		return text
	}
	return string(append(out, text[len(text)-1]))
}

// piece says what is sent of a member of an object: its text, or nothing.
func (w *rewriting) piece(object string, p wire.Piece, parent *node) (string, bool) {
	whole := object[p.Begin:p.End]
	n := parent.members[p.Key]
	if n == nil {
		if parent.only {
			w.drop(strings.TrimPrefix(parent.path+"."+p.Key, "."), p.Value, &Field{})
		}
		return whole, !parent.only
	}
	f := n.field
	if f == nil || f.Prefix != "" && !strings.HasPrefix(p.Value, `"`+f.Prefix) {
		return rename(whole, p, p.Key, w.value(p.Value, n)), true
	}
	switch {
	case f.Moot, slices.Contains(f.Same, p.Value):
		return "", false
	case f.Refuse && !saysNothing(p.Value):
		w.refuse(n.path, f)
		return "", false
	case f.Drop && (f.Unless == "" || !strings.Contains(w.text, `"`+f.Unless+`"`)):
		w.drop(n.path, p.Value, f)
		return "", false
	}
	name, value, sent := w.spell(p, n)
	if !sent || name != p.Key && w.superseded(object, name, value, n) {
		return "", false
	}
	return rename(whole, p, name, w.value(value, n)), true
}

// spell returns the name and the value that a member is sent with.
func (w *rewriting) spell(p wire.Piece, n *node) (name, value string, sent bool) {
	f := n.field
	name, value = cmp.Or(f.As, p.Key), p.Value
	for _, v := range f.Values {
		if v.From != value {
			continue
		}
		if v.Near {
			w.lose(n.path, commonv1.LossKind_LOSS_KIND_APPROXIMATED,
				cmp.Or(f.Why, fmt.Sprintf("%s has no %s; the nearest is %s.", w.title, v.From, v.To)))
		}
		return cmp.Or(v.As, name), v.To, true
	}
	if len(f.Takes) > 0 && value != null && !slices.Contains(f.Takes, value) {
		w.drop(n.path, value, f)
		return "", "", false
	}
	if f.Spell != nil && value[0] == '"' {
		value = respell(value, f.Spell)
	}
	return name, value, true
}

// superseded says whether a member is there already by the name that another one would
// be sent by.
func (w *rewriting) superseded(object, name, value string, n *node) bool {
	other, there := wire.Member(object, name)
	if !there || other == null {
		return false
	}
	if other != value {
		w.drop(n.path, value, &Field{Why: fmt.Sprintf("%s knows it as `%s`, which is there already.", w.title, name)})
	}
	return true
}

// null is JSON's.
const null = "null"

// saysNothing says whether a value is as good as none.
func saysNothing(value string) bool {
	return value == null || value == `""` || value == "[]" || value == "{}"
}

// drop notes that a value is not sent, unless it says nothing.
func (w *rewriting) drop(path, value string, f *Field) {
	if saysNothing(value) {
		return
	}
	w.lose(path, cmp.Or(f.Kind, commonv1.LossKind_LOSS_KIND_DROPPED), cmp.Or(f.Why, w.title+" does not take it."))
}

// refuse notes that the call cannot be made as it is.
func (w *rewriting) refuse(path string, f *Field) {
	w.lose(path, commonv1.LossKind_LOSS_KIND_DROPPED, f.Why)
	if w.refused == nil {
		w.refused = failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD, f.Why)
		w.refused.Param = path
	}
}

// lose notes a loss, once for each field.
func (w *rewriting) lose(path string, kind commonv1.LossKind, why string) {
	if !slices.ContainsFunc(w.losses, func(l *commonv1.Loss) bool { return l.GetField() == path }) {
		w.losses = append(w.losses, &commonv1.Loss{Field: strings.Clone(path), Kind: kind, Detail: why})
	}
}

// rename is the text of a member with a name and a value.
func rename(whole string, p wire.Piece, name, value string) string {
	if name == p.Key && value == p.Value {
		return whole
	}
	return string(append(wire.AppendString(nil, name), ":"+value...))
}

// respell changes a JSON string.
func respell(value string, spell func(string) string) string {
	inner := value[1 : len(value)-1]
	if strings.Contains(inner, `\`) {
		return value // no word of ours has escapes
	}
	if now := spell(inner); now != inner {
		return string(wire.AppendString(nil, now))
	}
	return value
}
