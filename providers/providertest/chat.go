package providertest

import "strings"

// chat answers a chat completion. have says that a script was queued for it, so
// that markers count no more.
func (x *exchange) chat(body []byte, have bool) answer {
	root, e := x.asked(body, have)
	if e != nil {
		return x.refuse(e)
	}
	model, e := x.check(root)
	if e != nil {
		return x.refuse(e)
	}
	a := newAsk(root.without(x.up.profile.ignores...), body, model)
	if x.up.profile.serves[serveKept] && a.root.get("store").is() {
		a.id = x.up.store.seed(x.rec.Credential, body, true)
	}
	if show := x.up.profile.thinking; show != nil {
		a.mute, a.thinks = show(root)
	}
	return x.scripted(func() answer {
		said := x.compose(a)
		x.keepCompletion(a, said)
		if a.stream {
			return x.chunks(x.events(a, said))
		}
		return x.value(x.reply(a, said))
	})
}

// chunks is a stream of chunks as the provider frames and breaks it.
func (x *exchange) chunks(chunks []*node) answer {
	data := make([][]byte, len(chunks))
	for i, c := range chunks {
		data[i] = c.compact()
	}
	a := chunksAnswer(data)
	v := x.up.profile.voice
	a.events[0].before = v.comments
	if v.failing != nil {
		a.failing = func(e *APIError, _ int) (out []event) {
			for _, d := range v.failing(e, chunks[0]) {
				out = append(out, event{data: d})
			}
			return out
		}
	}
	return a
}

// asked reads the JSON of a request, and takes the script that it names.
func (x *exchange) asked(body []byte, have bool) (*node, *APIError) {
	root, e := x.parseBody(body)
	if e != nil {
		return nil, e
	}
	x.up.records.update(x.rec, func(r *Request) {
		r.Model, r.Stream = root.get("model").str(), root.get("stream").is()
	})
	return root, x.marked(root, have)
}

// parseBody reads the JSON of a request.
func (x *exchange) parseBody(body []byte) (*node, *APIError) {
	if media, _, _ := strings.Cut(x.r.Header.Get("Content-Type"), ";"); strings.TrimSpace(media) != "application/json" {
		return nil, refuse("", "unsupported_content_type", "The content type %q is not supported; send application/json.", media)
	}
	root, twice, err := parse(body)
	if err != nil {
		return nil, refuse("", "", "The body cannot be read: %s.", err)
	}
	if len(twice) > 0 {
		return nil, x.violation("the body has a member twice: " + twice[0])
	}
	if root.kind != kindObject {
		return nil, refuse("", "invalid_type", "The body must be an object.")
	}
	return root, nil
}

// marked takes the script that the request's own marker names.
func (x *exchange) marked(root *node, have bool) *APIError {
	if have {
		return nil
	}
	for _, marker := range []string{root.get("model").str(), root.get("user").str()} {
		var text string
		switch {
		case strings.HasPrefix(marker, faultPrefix):
			text = strings.TrimPrefix(marker, faultPrefix)
		case strings.HasPrefix(marker, replayPrefix):
			text = "replay=" + strings.TrimPrefix(marker, replayPrefix)
		default:
			continue
		}
		s, err := ParseScript(text)
		if err != nil {
			return refuse("model", "invalid_value", "The marker cannot be read: %s.", err)
		}
		if x.up.queue.due(marker, s.Times) {
			x.script = s
		}
		return nil
	}
	return nil
}
