package providertest

import (
	"strconv"
	"strings"
)

// ladder are the events of a response: it begins, its items come one after the
// other, each part by part, and it ends.
type ladder struct {
	x *exchange
	a *ask
	// said is what the message says.
	said *spoken
	out  []*node
}

// ladder returns all events of a response.
func (x *exchange) ladder(t *turn, a *ask, final *node, said *spoken) []*node {
	l := &ladder{x: x, a: a, said: said}
	begun := asStatus(final.without("billing"), "in_progress")
	begun.put("service_tier", "auto")
	lay := func(r *node) *node { return r.laid(x.up.profile.responding.layout) }
	if t.background {
		queued := begun.clone()
		queued.put("status", "queued")
		l.add("response.created", "response", lay(queued))
		l.add("response.queued", "response", lay(queued))
	} else {
		l.add("response.created", "response", lay(begun))
	}
	l.add("response.in_progress", "response", lay(begun))
	for i, item := range final.get("output").items() {
		l.item(i, item)
	}
	l.add("response."+final.get("status").str(), "response", lay(final.without("billing")))
	return l.out
}

// add appends an event.
func (l *ladder) add(typ string, pairs ...any) {
	e := obj("type", typ)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		e.put(name, pairs[i+1])
	}
	if l.a.hide && e.has("delta") {
		e.put("obfuscation", padding(l.a.id, len(l.out)))
	}
	e.put("sequence_number", len(l.out))
	layout := l.x.up.profile.responding.event
	if thought := l.x.up.profile.responding.thought; thought != "" && strings.HasPrefix(typ, "response.reasoning_text.") {
		layout = thought
	}
	l.out = append(l.out, e.laid(layout))
}

// item writes all events of an item.
func (l *ladder) item(i int, item *node) {
	id := item.get("id")
	begun := item.clone()
	if begun.has("status") {
		begun.put("status", "in_progress")
	}
	switch item.get("type").str() {
	case "message":
		begun.put("content", list())
	case "reasoning":
		begun.put("summary", list())
		if item.has("encrypted_content") { // what it begins with is not what it ends with
			begun.put("encrypted_content", l.x.sealed("unfinished"))
		}
		if begun = begun.without("content"); l.x.up.profile.responding.shown {
			begun.put("content", list())
		}
	case "function_call":
		begun.put("arguments", "")
	case "custom_tool_call":
		begun.put("input", "")
	}
	l.add("response.output_item.added", "item", begun, "output_index", i)
	switch item.get("type").str() {
	case "message":
		l.message(i, item)
	case "reasoning":
		l.reasoning(i, item)
	case "function_call":
		for _, p := range pieces(item.get("arguments").str(), 6) {
			l.add("response.function_call_arguments.delta", "delta", p, "item_id", id, "output_index", i)
		}
		l.add("response.function_call_arguments.done", "arguments", item.get("arguments"), "item_id", id, "output_index", i, "name", item.get("name"))
	case "custom_tool_call":
		for _, p := range pieces(item.get("input").str(), 6) {
			l.add("response.custom_tool_call_input.delta", "delta", p, "item_id", id, "output_index", i)
		}
		l.add("response.custom_tool_call_input.done", "input", item.get("input"), "item_id", id, "output_index", i)
	}
	l.add("response.output_item.done", "item", item, "output_index", i)
}

// message writes the parts of a message.
func (l *ladder) message(i int, item *node) {
	id, part := item.get("id"), item.get("content").items()[0]
	at := func(pairs ...any) []any {
		return append([]any{"content_index", 0, "item_id", id, "output_index", i}, pairs...)
	}
	empty := part.clone()
	kind, member := "output_text", "text"
	if l.said.refusal {
		kind, member = "refusal", "refusal"
	}
	empty.put(member, "")
	if !l.said.refusal {
		empty.put("logprobs", list())
	}
	l.add("response.content_part.added", at("part", empty)...)
	for _, p := range l.said.pieces {
		if l.said.refusal {
			l.add("response.refusal.delta", at("delta", p)...)
			continue
		}
		l.add("response.output_text.delta", at("delta", p, "logprobs", responseLogprobs(l.a, []string{p}))...)
	}
	done := at(member, part.get(member))
	if !l.said.refusal {
		done = append(done, "logprobs", part.get("logprobs"))
	}
	l.add("response."+kind+".done", done...)
	l.add("response.content_part.done", at("part", part)...)
}

// reasoning writes what was thought: a summary, or the text.
func (l *ladder) reasoning(i int, item *node) {
	id := item.get("id")
	for k, part := range item.get("summary").items() {
		at := func(pairs ...any) []any {
			return append([]any{"item_id", id, "output_index", i, "summary_index", k}, pairs...)
		}
		l.add("response.reasoning_summary_part.added", at("part", obj("type", "summary_text", "text", ""))...)
		for _, p := range tokens(part.get("text").str()) {
			l.add("response.reasoning_summary_text.delta", at("delta", p)...)
		}
		l.add("response.reasoning_summary_text.done", at("text", part.get("text"))...)
		l.add("response.reasoning_summary_part.done", at("part", part)...)
	}
	for k, part := range item.get("content").items() {
		l.thought(strconv.Itoa(k), id, i, part)
	}
}

// thought writes a part of what was thought, as text.
func (l *ladder) thought(index string, id *node, i int, part *node) {
	at := func(pairs ...any) []any {
		return append([]any{"item_id", id, "output_index", i, "content_index", spelled(index)}, pairs...)
	}
	whole := l.x.up.profile.responding.shown
	if whole {
		l.add("response.content_part.added", at("part", obj("type", "reasoning_text", "text", ""))...)
	}
	for _, p := range tokens(part.get("text").str()) {
		l.add("response.reasoning_text.delta", at("delta", p)...)
	}
	l.add("response.reasoning_text.done", at("text", part.get("text"))...)
	if whole {
		l.add("response.content_part.done", at("part", part)...)
	}
}
