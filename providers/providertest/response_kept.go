package providertest

import (
	"strconv"
)

// keep stores a response, and what it adds to its conversation.
func (x *exchange) keep(t *turn, r *keptResponse) {
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		s.responses[t.id] = r
		s.keep(r.input)
		s.keep(r.final.get("output").items())
		if c := s.conversations[t.conversation]; c != nil {
			c.items = append(append(c.items[:len(c.items):len(c.items)], r.input...), r.final.get("output").items()...)
		}
	})
}

// withResponse finds the response that the path names, and has something done with
// it, while the store is locked.
func (x *exchange) withResponse(do func(*shelf, *keptResponse) (*node, *APIError)) (*node, *APIError) {
	id := x.ids[0]
	if e := x.checkID("response_id", id); e != nil {
		return nil, e
	}
	var out *node
	var failed *APIError
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		r := s.responses[id]
		if r == nil {
			failed = &APIError{Status: 404, Type: invalidRequest, Message: "There is no response with the id '" + id + "'."}
			return
		}
		out, failed = do(s, r)
	})
	return out, failed
}

// scriptedValue is a value, or an error, as the script changes it.
func (x *exchange) scriptedValue(orderly func() (*node, *APIError)) answer {
	return x.scripted(func() answer {
		n, e := orderly()
		if e != nil {
			return x.refuse(e)
		}
		return x.value(n)
	})
}

// getResponse answers for a stored response, or for its events.
func (x *exchange) getResponse(_ []byte, _ bool) answer {
	values, e := x.query("include", "stream", "starting_after", "include_obfuscation")
	if e != nil {
		return x.refuse(e)
	}
	if values.Get("stream") == "true" {
		return x.resume(values.Get("starting_after"), values.Get("include_obfuscation") != "false")
	}
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withResponse(func(_ *shelf, r *keptResponse) (*node, *APIError) {
			r.poll()
			return r.view(x.up.profile.responding), nil
		})
	})
}

// poll counts that a background response was asked for, and has it go on.
func (r *keptResponse) poll() {
	if r.polls == 0 {
		return
	}
	if r.status == "queued" || r.status == "in_progress" {
		r.status = "in_progress"
		if r.polls--; r.polls == 0 {
			r.status = r.final.get("status").str()
		}
	}
}

// resume streams a stored response's events after one.
func (x *exchange) resume(after string, obfuscated bool) answer {
	from := -1
	if after != "" {
		n, err := strconv.Atoi(after)
		if err != nil || n < 0 {
			return x.refuse(refuse("starting_after", "invalid_type", "Invalid type for 'starting_after': expected an integer."))
		}
		from = n
	}
	x.up.records.update(x.rec, func(r *Request) { r.Stream = true })
	var events []*node
	_, e := x.withResponse(func(_ *shelf, r *keptResponse) (*node, *APIError) {
		if !r.streamed {
			return nil, refuse("stream", "", "Only a response that was made with 'stream' can be streamed again.")
		}
		for _, event := range r.events {
			if n, _ := asInt(event.get("sequence_number")); n > from {
				events = append(events, event)
			}
		}
		return nil, nil //nolint:nilnil // the events are what counts
	})
	switch {
	case e != nil:
		return x.refuse(e)
	case len(events) == 0:
		return x.refuse(refuse("starting_after", "invalid_value", "There is no event after %s.", after))
	case !obfuscated:
		for i := range events {
			events[i] = events[i].without("obfuscation")
		}
	}
	return x.scripted(func() answer { return x.eventsAnswer(events) })
}

// deleteResponse forgets a response.
func (x *exchange) deleteResponse(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withResponse(func(s *shelf, _ *keptResponse) (*node, *APIError) {
			delete(s.responses, x.ids[0])
			return obj("id", x.ids[0], "object", "response", "deleted", true), nil
		})
	})
}

// cancelResponse ends a background response.
func (x *exchange) cancelResponse(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withResponse(func(_ *shelf, r *keptResponse) (*node, *APIError) {
			if !r.background {
				return nil, refuse("", "", "Only a background response can be cancelled.")
			}
			if r.polls != 0 && (r.status == "queued" || r.status == "in_progress") {
				r.status, r.polls = "cancelled", 0
			}
			return r.view(x.up.profile.responding), nil
		})
	})
}

// inputItems lists what a response was made from.
func (x *exchange) inputItems(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withResponse(func(_ *shelf, r *keptResponse) (*node, *APIError) {
			return x.page(r.input, "desc", "include")
		})
	})
}

// FinishBackground has the background responses that wait come to their end: those
// of all keys.
func (u *Upstream) FinishBackground() {
	u.store.mu.Lock()
	defer u.store.mu.Unlock()
	for _, s := range u.store.shelves {
		for _, r := range s.responses {
			if r.polls != 0 && (r.status == "queued" || r.status == "in_progress") {
				r.polls, r.status = 0, r.final.get("status").str()
			}
		}
	}
}
