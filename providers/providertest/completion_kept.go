package providertest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// keptCompletion is a completion that was made with `store`.
type keptCompletion struct {
	// reply is the completion; messages are what it was asked.
	reply    *node
	messages []*node
}

// keepCompletion stores a completion, if its request wants that.
func (x *exchange) keepCompletion(a *ask, said []spoken) {
	if !x.up.profile.serves[serveKept] || !a.root.get("store").is() {
		return
	}
	metadata := a.root.get("metadata")
	if !metadata.set() {
		metadata = obj()
	}
	reply := x.reply(a, said)
	reply.put("metadata", metadata)
	kept := &keptCompletion{reply: reply}
	for i, m := range a.root.get("messages").items() {
		kept.messages = append(kept.messages, keptMessage(reply.get("id").str(), i, m))
	}
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		id := reply.get("id").str()
		s.completions[id] = kept
		s.completed = append(s.completed, id)
	})
}

// keptMessage is a message of a request as the list of them has it.
func keptMessage(id string, i int, m *node) *node {
	out := obj("id", id+"-"+strconv.Itoa(i), "role", m.get("role"), "content", nil, "name", m.get("name"), "content_parts", nil)
	if content := m.get("content"); content.set() && content.kind == kindArray {
		out.put("content_parts", content)
	} else {
		out.put("content", content)
	}
	return out
}

// withCompletion finds the completion that the path names, and has something done
// with it, while the store is locked.
func (x *exchange) withCompletion(do func(*shelf, *keptCompletion) (*node, *APIError)) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		var out *node
		var failed *APIError
		x.up.store.locked(x.rec.Credential, func(s *shelf) {
			c := s.completions[x.ids[0]]
			if c == nil {
				failed = &APIError{
					Status: http.StatusNotFound, Type: invalidRequest, Param: "id",
					Message: "There is no stored completion with the id '" + x.ids[0] + "'.",
				}
				return
			}
			out, failed = do(s, c)
		})
		return out, failed
	})
}

// listCompletions lists stored completions, the oldest first.
func (x *exchange) listCompletions(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		values, e := x.query("limit", "order", "after", "model", "metadata")
		if e != nil {
			return nil, e
		}
		var items []*node
		x.up.store.locked(x.rec.Credential, func(s *shelf) {
			for _, id := range s.completed {
				items = append(items, s.completions[id].reply)
			}
		})
		for name, value := range values {
			key, ok := strings.CutPrefix(name, "metadata[")
			key = strings.TrimSuffix(key, "]")
			items = slices.DeleteFunc(items, func(n *node) bool {
				return ok && n.get("metadata").get(key).str() != value[0] || name == "model" && !strings.HasPrefix(n.get("model").str(), value[0])
			})
		}
		return x.page(items, "asc", "model", "metadata")
	})
}

// getCompletion answers for a stored completion.
func (x *exchange) getCompletion(_ []byte, _ bool) answer {
	return x.withCompletion(func(_ *shelf, c *keptCompletion) (*node, *APIError) { return c.reply, nil })
}

// updateCompletion changes the metadata of a stored completion.
func (x *exchange) updateCompletion(body []byte, have bool) answer {
	root, e := x.bodyBy(body, have, object(map[string]field{"metadata": must(nullable(textMap(16, 64, 512)))}))
	if e != nil {
		return x.refuse(e)
	}
	return x.withCompletion(func(_ *shelf, c *keptCompletion) (*node, *APIError) {
		metadata := root.get("metadata")
		if !metadata.set() {
			metadata = obj()
		}
		c.reply = c.reply.clone() // the old one may be on its way to somebody
		c.reply.put("metadata", metadata)
		return c.reply, nil
	})
}

// deleteCompletion forgets a stored completion.
func (x *exchange) deleteCompletion(_ []byte, _ bool) answer {
	return x.withCompletion(func(s *shelf, _ *keptCompletion) (*node, *APIError) {
		delete(s.completions, x.ids[0])
		s.completed = slices.DeleteFunc(s.completed, func(id string) bool { return id == x.ids[0] })
		return obj("object", "chat.completion.deleted", "id", x.ids[0], "deleted", true), nil
	})
}

// listMessages lists what a stored completion was asked.
func (x *exchange) listMessages(_ []byte, _ bool) answer {
	return x.withCompletion(func(_ *shelf, c *keptCompletion) (*node, *APIError) { return x.page(c.messages, "asc") })
}
