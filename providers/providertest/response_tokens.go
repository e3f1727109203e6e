package providertest

// countTokens answers how many tokens an input has.
func (x *exchange) countTokens(body []byte, have bool) answer {
	t, e := x.measured("TokenCountsBody", body, have)
	if e != nil {
		return x.refuse(e)
	}
	return x.scripted(func() answer {
		return x.value(obj("object", "response.input_tokens", "input_tokens", t.ask().prompt))
	})
}

// compact answers with a shorter context: what users said, and the rest sealed.
func (x *exchange) compact(body []byte, have bool) answer {
	t, e := x.measured("CompactResponseMethodPublicBody", body, have)
	if e != nil {
		return x.refuse(e)
	}
	return x.scripted(func() answer {
		output := list()
		for _, item := range append(t.context[:len(t.context):len(t.context)], t.input...) {
			if item.get("role").str() == "user" {
				output.elems = append(output.elems, item)
			}
		}
		output.elems = append(output.elems, obj(
			"id", itemID("compaction", t.seed, 0), "type", "compaction", "encrypted_content", x.sealed("compaction of "+t.seed),
		))
		prompt := t.ask().prompt
		return x.value(obj(
			"id", t.id, "object", "response.compaction", "created_at", modelsCreated, "output", output,
			"usage", obj(
				"input_tokens", prompt, "input_tokens_details", obj("cached_tokens", 0), "output_tokens", 16,
				"output_tokens_details", obj("reasoning_tokens", 0), "total_tokens", prompt+16,
			),
		))
	})
}

// measured reads a request about an input that nothing answers.
func (x *exchange) measured(rule string, body []byte, have bool) (*turn, *APIError) {
	root, e := x.asked(body, have)
	if e != nil {
		return nil, e
	}
	if e := x.up.schema.rule(rule)(&judge{lenient: x.up.lenient()}, "", root); e != nil {
		return nil, e
	}
	model := root.get("model").str()
	if known, ok := x.up.models.find(model); ok {
		model = known
	} else if model != "" {
		e := noModel(model)
		e.Status, e.Param = 400, "model"
		return nil, e
	}
	return x.newTurn(root, body, model)
}
