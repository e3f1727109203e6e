package providertest

import "strings"

// ask is what a request for a completion asks for.
type ask struct {
	root   *node
	model  string // as replies name it
	asked  string // as the request names it
	stream bool
	usage  bool // a stream's last chunk has the usage
	hide   bool // chunks are padded
	n      int
	limit  int // of tokens; 0: none
	id     string
	prompt int // tokens
	last   string
	// mute hides what is thought; thinks has a model think that would not.
	mute, thinks bool
}

// newAsk reads a checked request.
func newAsk(root *node, body []byte, model string) *ask {
	options := root.get("stream_options")
	a := &ask{
		root:   root,
		model:  model,
		asked:  root.get("model").str(),
		stream: root.get("stream").is(),
		usage:  options.get("include_usage").is(),
		hide:   !options.get("include_obfuscation").set() || options.get("include_obfuscation").is(),
		n:      1,
		id:     digest(string(body)),
	}
	if n, ok := root.get("n").integer(); ok {
		a.n = int(n)
	}
	for _, name := range []string{"max_completion_tokens", "max_tokens"} {
		if n, ok := root.get(name).integer(); ok && a.limit == 0 {
			a.limit = int(n)
		}
	}
	a.prompt = 3 // each reply is primed with three
	for _, m := range root.get("messages").items() {
		text := textOf(m.get("content"))
		a.prompt += 3 + len(tokens(text)) + imageTokens*len(partsOf(m.get("content"), "image_url"))
		if m.get("role").str() == "user" {
			a.last = text
		}
	}
	for _, t := range root.get("tools").items() {
		a.prompt += 7 + len(tokens(textOf(t.get("function").get("description"))))
	}
	return a
}

// imageTokens is what a small image costs.
const imageTokens = 85

// textOf joins the text of a content, string or parts.
func textOf(content *node) string {
	if content.str() != "" {
		return content.str()
	}
	var b strings.Builder
	for _, p := range partsOf(content, "text") {
		b.WriteString(p.get("text").str())
	}
	return b.String()
}

// partsOf returns the parts of a type.
func partsOf(content *node, typ string) []*node {
	var out []*node
	for _, p := range content.items() {
		if p.get("type").str() == typ {
			out = append(out, p)
		}
	}
	return out
}
