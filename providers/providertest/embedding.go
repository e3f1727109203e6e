package providertest

import (
	"math"
	"net/http"
	"strings"
)

// embedding is how a provider embeds texts.
type embedding struct {
	// sizes are the dimensions of its models' vectors. A model that is not there embeds
	// nothing.
	sizes map[string]int
	// fixed are the models that take no `dimensions`.
	fixed map[string]bool
	// fields are the members of a request, beside model and input.
	fields map[string]field
	// noTokens says that token ids are no input; empty, that "" is.
	noTokens, empty bool
	// reply and entry are the members of the reply, and of a vector in it.
	reply, entry string
	// usage counts.
	usage func(tokens int) *node
}

// openAIEmbedding is how OpenAI embeds.
func openAIEmbedding() *embedding {
	return &embedding{
		sizes: map[string]int{"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536},
		fixed: set([]string{"text-embedding-ada-002"}),
		fields: map[string]field{
			"encoding_format": may(nullable(oneOf("float", "base64"))),
			"dimensions":      may(nullable(integer(1, math.MaxInt32))),
			"user":            may(text),
		},
		reply: "object data model usage",
		entry: "object index embedding",
		usage: embeddingUsage("prompt_tokens total_tokens"),
	}
}

// embeddingUsage counts with the members of a layout.
func embeddingUsage(layout string) func(int) *node {
	return func(tokens int) *node {
		return obj(
			"prompt_tokens", tokens, "total_tokens", tokens, "completion_tokens", 0, "prompt_tokens_details", nil, "cost", 0.000001,
		).laid(layout)
	}
}

// rule is the shape of a request.
func (e *embedding) rule() rule {
	fields := map[string]field{"model": must(text), "input": must(e.input)}
	for name, f := range e.fields {
		fields[name] = f
	}
	return object(fields)
}

// input takes a text, several, token ids, or several lists of them.
func (e *embedding) input(j *judge, path string, n *node) *APIError {
	if n.kind == kindString {
		return e.text(j, path, n)
	}
	ids := array(1, 2048, integer(0, 200_000))
	return array(1, 2048, func(j *judge, at string, one *node) *APIError {
		switch first := n.elems[0].kind; {
		case e.noTokens && one.kind != kindString:
			return wrongType(at, "a string", one)
		case first == kindNumber:
			return integer(0, 200_000)(j, at, one)
		case first == kindArray:
			return ids(j, at, one)
		case one.kind != kindString:
			return wrongType(at, "a string", one)
		default:
			return e.text(j, at, one)
		}
	})(j, path, n)
}

// text takes a text, which may have to have something in it.
func (e *embedding) text(_ *judge, path string, n *node) *APIError {
	if n.text == "" && !e.empty {
		return refuse(path, "", "Invalid '%s': the input cannot be an empty string.", path)
	}
	return nil
}

// embed answers for embeddings.
func (x *exchange) embed(body []byte, have bool) answer {
	root, e := x.asked(body, have)
	if e != nil {
		return x.refuse(e)
	}
	by := x.up.profile.embedding
	if e := by.rule()(&judge{lenient: x.up.lenient()}, "", root); e != nil {
		return x.refuse(e)
	}
	model, size, e := x.embedder(root)
	if e != nil {
		return x.refuse(e)
	}
	return x.scripted(func() answer {
		data, used := list(), 0
		for i, text := range inputs(root.get("input")) {
			used += max(1, len(tokens(text)))
			data.elems = append(data.elems, obj(
				"object", "embedding", "index", i, "embedding", x.vector(root, text, size),
			).laid(by.entry))
		}
		reply := obj(
			"id", "embd-"+digest(string(body)), "object", "list", "created", modelsCreated, "data", data, "model", model,
			"provider", "OpenAI", "usage", by.usage(used),
		)
		if x.script.NoUsage {
			reply = reply.without("usage")
		}
		return x.value(reply.laid(by.reply))
	})
}

// embedder returns the model that embeds, by the name that replies carry, and the
// size of its vectors.
func (x *exchange) embedder(root *node) (string, int, *APIError) {
	id := root.get("model").str()
	if x.deployment != "" {
		id = x.deployment
	}
	model, ok := x.up.models.find(id)
	if !ok {
		return "", 0, noModel(id)
	}
	by := x.up.profile.embedding
	size, ok := by.sizes[model]
	if !ok && (len(x.up.params.Models) > 0 || strings.HasPrefix(id, faultPrefix) || strings.HasPrefix(id, replayPrefix)) {
		size, ok = 8, true // a model of the test's own
	}
	if !ok {
		return "", 0, &APIError{
			Status: http.StatusForbidden, Type: invalidRequest, Message: "The model '" + id + "' makes no embeddings.",
		}
	}
	for _, name := range []string{"dimensions", "output_dimension"} {
		n, ok := root.get(name).integer()
		switch {
		case !ok:
		case by.fixed[model]:
			return "", 0, refuse(name, "", "This model takes no '%s'.", name)
		case int(n) > size:
			return "", 0, refuse(name, "", "Invalid value for '%s': %d is more than the model's %d.", name, n, size)
		default:
			size = int(n)
		}
	}
	return model, size, nil
}

// vector is a text's vector in the format that was asked for.
func (x *exchange) vector(root *node, text string, size int) *node {
	v := Vector(text, size)
	if root.get("encoding_format").str() == "base64" && !x.up.params.FloatsOnly {
		return packed(v)
	}
	return floats(v)
}

// inputs are the texts of an input; token ids are their JSON.
func inputs(input *node) []string {
	switch {
	case input.kind == kindString:
		return []string{input.text}
	case input.elems[0].kind == kindNumber:
		return []string{string(input.compact())}
	}
	out := make([]string, len(input.elems))
	for i, one := range input.elems {
		if out[i] = one.text; one.kind == kindArray {
			out[i] = string(one.compact())
		}
	}
	return out
}
