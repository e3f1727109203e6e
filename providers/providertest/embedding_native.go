package providertest

// nativeRule is the shape of a request of Ollama's own API.
func nativeRule() rule {
	words := array(0, 1<<20, text)
	return object(map[string]field{
		"model": must(text), "input": must(either(text, words)), "truncate": may(nullable(boolean)),
		"dimensions": may(nullable(integer(1, 1<<20))), "options": may(nullable(anyObject)), "keep_alive": may(anything),
	})
}

// embedNative answers for embeddings by Ollama's own API.
func (x *exchange) embedNative(body []byte, have bool) answer {
	root, e := x.asked(body, have)
	if e != nil {
		return x.refuse(e)
	}
	if e := nativeRule()(&judge{lenient: true}, "", root); e != nil {
		return x.refuse(e)
	}
	model, size, e := x.embedder(root)
	if e != nil {
		return x.refuse(e)
	}
	return x.scripted(func() answer {
		vectors, used := list(), 0
		input := root.get("input")
		if input.kind == kindString || len(input.elems) > 0 {
			for _, text := range inputs(input) {
				used += len(tokens(text))
				vectors.elems = append(vectors.elems, floats(Vector(text, size)))
			}
		}
		return x.value(obj(
			"model", model, "embeddings", vectors, "total_duration", 14143917, "load_duration", 1019500, "prompt_eval_count", used,
		))
	})
}
