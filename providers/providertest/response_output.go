package providertest

import "strings"

// played is what becomes of a turn.
func (x *exchange) played(t *turn) *keptResponse {
	by := x.up.profile.responding
	a := t.ask()
	said := x.compose(a)[0]
	status, reason := "completed", ""
	switch said.finish {
	case "length":
		status, reason = "incomplete", "max_output_tokens"
	case "content_filter":
		status, reason = "incomplete", "content_filter"
	}
	output := list(x.output(t, a, &said, status)...)
	used := counted(a, []spoken{said})
	usage := obj(
		"input_tokens", used.prompt, "input_tokens_details", obj("cached_tokens", 0), "output_tokens", used.completion,
		"output_tokens_details", obj("reasoning_tokens", used.reasoning), "total_tokens", used.prompt+used.completion,
	)
	final := t.object(output, usage, status)
	if reason != "" {
		final.put("incomplete_details", obj("reason", reason))
		final.put("completed_at", nil)
	}
	streamed := t.root.get("stream").is()
	if by.more != nil {
		by.more(final, streamed)
	}
	if x.script.NoUsage && !streamed {
		final.put("usage", nil)
	}
	kept := &keptResponse{
		final: final, context: t.context, input: t.input, streamed: streamed, background: t.background, status: status,
	}
	kept.events = x.ladder(t, a, kept.final, &said)
	if t.background && !streamed {
		kept.status, kept.polls = "queued", x.up.params.BackgroundPolls
		if kept.polls == 0 {
			kept.polls = 2
		}
	}
	return kept
}

// output are the items that a turn makes.
func (x *exchange) output(t *turn, a *ask, said *spoken, status string) []*node {
	by := x.up.profile.responding
	var out []*node
	add := func(item *node) { out = append(out, item.laid(by.items[item.get("type").str()])) }
	if item := x.reasoningItem(t, said); item != nil {
		add(item)
	}
	for k, c := range said.calls {
		id := "call_" + digest(t.seed, c.name, string(rune('a'+k)))[:24]
		if c.typ == "custom" {
			add(obj("id", itemID("custom_tool_call", t.seed, k), "type", "custom_tool_call", "status", "completed", "call_id", id, "input", c.arguments, "name", c.name))
			continue
		}
		add(obj("id", itemID("function_call", t.seed, k), "type", "function_call", "status", "completed", "arguments", c.arguments, "call_id", id, "name", c.name))
	}
	if len(said.calls) == 0 {
		add(obj(
			"id", itemID("message", t.seed, len(t.input)+1), "type", "message", "status", status,
			"content", list(x.textPart(a, said, said.pieces)), "role", "assistant",
		))
	}
	return out
}

// textPart is a part of a message with these pieces.
func (x *exchange) textPart(a *ask, said *spoken, pieces []string) *node {
	by := x.up.profile.responding
	text := strings.Join(pieces, "")
	if said.refusal {
		return obj("type", "refusal", "refusal", text).laid(by.part)
	}
	return obj("type", "output_text", "annotations", list(), "logprobs", responseLogprobs(a, pieces), "text", text).laid(by.part)
}

// responseLogprobs are the likelihoods of a text's pieces: none unless asked for.
func responseLogprobs(a *ask, pieces []string) *node {
	if probs := logprobsOf(a, false, pieces).get("content"); probs != nil {
		return probs
	}
	return list()
}

// reasoningItem is what was thought. Nil: nothing.
func (x *exchange) reasoningItem(t *turn, said *spoken) *node {
	by := x.up.profile.responding
	thought := strings.Join(said.reasoning, "")
	if thought == "" && !reasons(t.model) {
		return nil
	}
	item := obj("id", itemID("reasoning", t.seed, 0), "type", "reasoning", "status", "completed", "summary", list())
	if t.root.get("reasoning").get("summary").set() && !by.bare && !by.shown {
		item.put("summary", list(obj("type", "summary_text", "text", summaryOf(thought))))
	}
	if by.bare || by.shown {
		item.put("content", list(obj("type", "reasoning_text", "text", thought).laid("text type")))
		if by.shown {
			item.put("content", list(obj("type", "reasoning_text", "text", thought)))
		}
	}
	for _, include := range t.root.get("include").items() {
		if include.str() == "reasoning.encrypted_content" {
			item.put("encrypted_content", x.sealed(t.seed))
		}
	}
	return item
}

// summaryOf is a summary of a thought that may not be shown.
func summaryOf(thought string) string {
	if thought == "" {
		return "**Answering** the user."
	}
	return thought
}
