package providertest

// keptResponse is a response as it is kept: whole, and how much of it is seen.
type keptResponse struct {
	// final is the response when all is done.
	final *node
	// context is what it continued; input is what it added.
	context, input []*node
	events         []*node
	// streamed says that it was made with `stream`; background, in the background.
	streamed, background bool
	// status is what is seen of a background response, until it is that of final.
	status string
	// polls is how often it is asked for before it goes on; negative: it waits.
	polls int
}

// view is the response as it is seen now.
func (r *keptResponse) view(by *responding) *node {
	return asStatus(r.final, r.status).laid(by.layout)
}

// asStatus is a response that is not done yet, or not any more.
func asStatus(final *node, status string) *node {
	if status == "" || status == final.get("status").str() {
		return final
	}
	out := final.clone()
	out.put("status", status)
	out.put("output", list())
	out.put("incomplete_details", nil)
	out.put("completed_at", nil)
	out.put("usage", nil)
	return out
}

// object is the response of a turn.
func (t *turn) object(output *node, usage *node, status string) *node {
	root := t.root
	or := func(name string, otherwise any) *node {
		if v := root.get(name); v.set() {
			return v
		}
		return valueOf(otherwise)
	}
	reasoning := root.get("reasoning")
	effort := reasoning.get("effort")
	if !effort.set() && reasons(t.model) {
		effort = valueOf("medium")
	}
	r := obj(
		"id", t.id, "object", "response", "created_at", modelsCreated, "status", status, "background", t.background,
		"completed_at", modelsCreated+1, "error", nil, "frequency_penalty", spelled("0.0"), "incomplete_details", nil,
		"instructions", or("instructions", nil), "max_output_tokens", or("max_output_tokens", nil), "max_tool_calls", or("max_tool_calls", nil),
		"model", t.model, "output", output, "parallel_tool_calls", or("parallel_tool_calls", true), "presence_penalty", spelled("0.0"),
		"previous_response_id", or("previous_response_id", nil), "prompt_cache_key", or("prompt_cache_key", nil),
		"prompt_cache_retention", or("prompt_cache_retention", nil),
		"reasoning", obj("effort", effort, "summary", reasoning.get("summary")),
		"safety_identifier", or("safety_identifier", nil), "service_tier", "default", "store", t.kept,
		"temperature", or("temperature", spelled("1.0")), "text", t.text(), "tool_choice", or("tool_choice", "auto"), "tools", t.tools(),
		"top_logprobs", or("top_logprobs", 0), "top_p", or("top_p", spelled("1.0")), "truncation", or("truncation", "disabled"),
		"usage", usage, "user", or("user", nil), "metadata", or("metadata", obj()),
	)
	if t.conversation != "" {
		r.put("conversation", obj("id", t.conversation))
	}
	return r
}

// text is how the text is shaped, with what the request left out.
func (t *turn) text() *node {
	format := t.root.get("text").get("format")
	verbosity := t.root.get("text").get("verbosity")
	if !format.set() {
		format = obj("type", "text")
	}
	if format.get("type").str() == "json_schema" {
		strict := format.get("strict")
		if !strict.set() {
			strict = valueOf(true)
		}
		format = obj(
			"type", "json_schema", "description", format.get("description"), "name", format.get("name"),
			"schema", format.get("schema"), "strict", strict,
		)
	}
	if !verbosity.set() {
		verbosity = valueOf("medium")
	}
	return obj("format", format, "verbosity", verbosity)
}

// tools are the tools with what the request left out.
func (t *turn) tools() *node {
	out := list()
	for _, tool := range t.root.get("tools").items() {
		if tool.get("type").str() == "function" {
			strict := tool.get("strict")
			if !strict.set() {
				strict = valueOf(true)
			}
			whole := obj(
				"type", "function", "description", tool.get("description"), "name", tool.get("name"),
				"parameters", tool.get("parameters"), "strict", strict,
			)
			for _, m := range tool.members {
				if !whole.has(m.name) {
					whole.put(m.name, m.value)
				}
			}
			tool = whole
		}
		out.elems = append(out.elems, tool)
	}
	return out
}
