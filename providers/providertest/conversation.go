package providertest

import (
	"net/http"
	"slices"
	"strings"
)

// keptConversation is a conversation as it is kept.
type keptConversation struct {
	id       string
	metadata *node
	items    []*node
}

// view is the conversation as its API shows it.
func (c *keptConversation) view() *node {
	return obj("id", c.id, "object", "conversation", "created_at", modelsCreated, "metadata", c.metadata)
}

// noConversation is the error for one that is not there.
func noConversation(id string) *APIError {
	return &APIError{Status: http.StatusNotFound, Type: invalidRequest, Message: "There is no conversation with the id '" + id + "'."}
}

// withConversation finds the conversation that the path names, and has something
// done with it, while the store is locked.
func (x *exchange) withConversation(do func(*shelf, *keptConversation) (*node, *APIError)) (*node, *APIError) {
	id := x.ids[0]
	if !strings.HasPrefix(id, "conv_") {
		return nil, refuse("conversation_id", "invalid_value", "Invalid 'conversation_id': '%s'. An id that begins with 'conv' is expected.", id)
	}
	var out *node
	var failed *APIError
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		c := s.conversations[id]
		if c == nil {
			failed = noConversation(id)
			return
		}
		out, failed = do(s, c)
	})
	return out, failed
}

// bodyBy reads a body by a rule. An empty one is an empty object where that is
// allowed.
func (x *exchange) bodyBy(body []byte, have bool, r rule) (*node, *APIError) {
	root, e := x.asked(body, have)
	if e != nil {
		return nil, e
	}
	return root, r(&judge{lenient: x.up.lenient()}, "", root)
}

// createConversation makes one.
func (x *exchange) createConversation(body []byte, have bool) answer {
	if len(body) == 0 {
		body = []byte("{}")
		x.r.Header.Set("Content-Type", "application/json")
	}
	root, e := x.bodyBy(body, have, x.up.schema.rule("CreateConversationBody"))
	if e != nil {
		return x.refuse(e)
	}
	seed := x.up.store.seed(x.rec.Credential, body, true)
	items, e := x.resolved(itemsOf(root.get("items"), seed))
	if e != nil {
		return x.refuse(e)
	}
	c := &keptConversation{id: "conv_" + (seed + digest(seed))[:48], metadata: root.get("metadata"), items: items}
	if !c.metadata.set() {
		c.metadata = obj()
	}
	return x.scripted(func() answer {
		x.up.store.locked(x.rec.Credential, func(s *shelf) {
			s.conversations[c.id] = c
			s.keep(items)
		})
		return x.value(c.view())
	})
}

// getConversation answers for one.
func (x *exchange) getConversation(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(_ *shelf, c *keptConversation) (*node, *APIError) { return c.view(), nil })
	})
}

// updateConversation changes the metadata of one.
func (x *exchange) updateConversation(body []byte, have bool) answer {
	root, e := x.bodyBy(body, have, x.up.schema.rule("UpdateConversationBody"))
	if e != nil {
		return x.refuse(e)
	}
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(_ *shelf, c *keptConversation) (*node, *APIError) {
			if c.metadata = root.get("metadata"); !c.metadata.set() {
				c.metadata = obj()
			}
			return c.view(), nil
		})
	})
}

// deleteConversation forgets one; its items stay.
func (x *exchange) deleteConversation(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(s *shelf, c *keptConversation) (*node, *APIError) {
			delete(s.conversations, c.id)
			return obj("id", c.id, "object", "conversation.deleted", "deleted", true), nil
		})
	})
}

// addItems adds items to a conversation.
func (x *exchange) addItems(body []byte, have bool) answer {
	items := object(map[string]field{"items": must(array(0, 20, x.up.schema.rule("InputItem")))})
	root, e := x.bodyBy(body, have, items)
	if e != nil {
		return x.refuse(e)
	}
	if _, e := x.query("include"); e != nil {
		return x.refuse(e)
	}
	seed := x.up.store.seed(x.rec.Credential, append([]byte(x.ids[0]), body...), true)
	added, e := x.resolved(itemsOf(root.get("items"), seed))
	if e != nil {
		return x.refuse(e)
	}
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(s *shelf, c *keptConversation) (*node, *APIError) {
			c.items = append(c.items[:len(c.items):len(c.items)], added...)
			s.keep(added)
			return listOf(added, false), nil
		})
	})
}

// listItems lists the items of a conversation, the newest first.
func (x *exchange) listItems(_ []byte, _ bool) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(_ *shelf, c *keptConversation) (*node, *APIError) { return x.page(c.items, "desc", "include") })
	})
}

// withItem finds the item that the path names.
func (x *exchange) withItem(do func(c *keptConversation, i int) *node) answer {
	return x.scriptedValue(func() (*node, *APIError) {
		return x.withConversation(func(_ *shelf, c *keptConversation) (*node, *APIError) {
			i := slices.IndexFunc(c.items, func(n *node) bool { return n.get("id").str() == x.ids[1] })
			if i < 0 {
				e := noItem(x.ids[1])
				e.Param = ""
				return nil, e
			}
			return do(c, i), nil
		})
	})
}

// getItem answers for an item of a conversation.
func (x *exchange) getItem(_ []byte, _ bool) answer {
	return x.withItem(func(c *keptConversation, i int) *node { return c.items[i] })
}

// deleteItem takes an item out of a conversation.
func (x *exchange) deleteItem(_ []byte, _ bool) answer {
	return x.withItem(func(c *keptConversation, i int) *node {
		c.items = slices.Delete(slices.Clone(c.items), i, i+1)
		return c.view()
	})
}
