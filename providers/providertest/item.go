package providertest

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// itemPrefixes are how the ids of items begin, by type.
var itemPrefixes = map[string]string{
	"message": "msg", "reasoning": "rs", "function_call": "fc", "function_call_output": "fco", "custom_tool_call": "ctc",
	"custom_tool_call_output": "ctco", "compaction": "cmp", "mcp_call": "mcp", "mcp_list_tools": "mcpl", "web_search_call": "ws",
}

// itemID is the id of an item of a type.
func itemID(typ, seed string, n int) string {
	prefix := itemPrefixes[typ]
	if prefix == "" {
		prefix = "item"
	}
	return prefix + "_" + (digest(seed, typ, strconv.Itoa(n)) + digest(seed, typ))[:48]
}

// itemType is the type of an item of an input, which a message and a reference can
// leave out.
func itemType(item *node) string {
	switch {
	case item.get("type").set():
		return item.get("type").str()
	case item.has("role"):
		return "message"
	default:
		return "item_reference"
	}
}

// itemsOf are the items of an input as they are kept: whole, and with ids.
func itemsOf(input *node, seed string) []*node {
	if input == nil || input.kind == kindNull {
		return nil
	}
	if input.kind == kindString {
		input = list(obj("role", "user", "content", input))
	}
	out := make([]*node, len(input.elems))
	for i, item := range input.elems {
		out[i] = wholeItem(item, seed, i)
	}
	return out
}

// wholeItem is an item with what an input can leave out.
func wholeItem(item *node, seed string, n int) *node {
	typ := itemType(item)
	if typ == "item_reference" {
		return item
	}
	id := item.get("id").str()
	if id == "" {
		id = itemID(typ, seed, n)
	}
	out := obj("id", id, "type", typ)
	if typ == "message" {
		out.put("status", "completed")
		out.put("content", contentOf(item))
	}
	for _, m := range item.members {
		if m.name != "id" && m.name != "type" && m.name != "content" && m.value.kind != kindNull {
			out.put(m.name, m.value)
		}
	}
	if typ != "message" && item.has("content") {
		out.put("content", item.get("content"))
	}
	return out
}

// contentOf are the parts of a message's content.
func contentOf(item *node) *node {
	content := item.get("content")
	if content.kind != kindString {
		return content
	}
	if item.get("role").str() == "assistant" {
		return list(obj("type", "output_text", "annotations", list(), "logprobs", list(), "text", content))
	}
	return list(obj("type", "input_text", "text", content))
}

// sealed is what only the provider that made it can read.
func (x *exchange) sealed(text string) string {
	return "gAAAAAB" + base64.URLEncoding.EncodeToString([]byte(x.up.params.Profile+"\n"+text))
}

// unsealed says whether a content is of this provider, and what is in it.
func (x *exchange) unsealed(content string) (string, bool) {
	inside, ok := strings.CutPrefix(content, "gAAAAAB")
	b, err := base64.URLEncoding.DecodeString(inside)
	profile, text, cut := strings.Cut(string(b), "\n")
	return text, ok && err == nil && cut && profile == x.up.params.Profile
}

// resolved are the items of an input with references followed, and judged as far as
// the store can judge them.
func (x *exchange) resolved(items []*node) ([]*node, *APIError) {
	out := make([]*node, len(items))
	var failed *APIError
	x.up.store.locked(x.rec.Credential, func(s *shelf) {
		for i, item := range items {
			out[i] = item
			if failed == nil {
				out[i], failed = x.resolve(s, item, i)
			}
		}
	})
	return out, failed
}

// resolve follows one item, the nth.
func (x *exchange) resolve(s *shelf, item *node, n int) (*node, *APIError) {
	id, at := item.get("id").str(), fmt.Sprintf("input[%d]", n)
	switch typ := itemType(item); typ {
	case "item_reference":
		kept := s.items[id]
		if kept == nil {
			return item, noItem(id)
		}
		return kept, nil
	case "reasoning", "compaction":
		content := item.get("encrypted_content").str()
		if content == "" && s.items[id] == nil {
			return item, noItem(id)
		}
		if _, ok := x.unsealed(content); content != "" && !ok {
			return item, refuse(at+".encrypted_content", "invalid_encrypted_content", "The encrypted content of '%s' cannot be verified.", id)
		}
		fallthrough
	default:
		prefix := itemPrefixes[typ]
		if prefix != "" && x.up.profile.responding.prefixed && !strings.HasPrefix(id, prefix+"_") {
			return item, refuse(at+".id", "invalid_value", "Invalid '%s.id': '%s'. An id that begins with '%s' is expected.", at, id, prefix)
		}
		return item, nil
	}
}

// noItem is the error for an item that is not kept.
func noItem(id string) *APIError {
	return &APIError{Status: 404, Type: invalidRequest, Param: "input", Message: "There is no item with the id '" + id + "'."}
}

// checkOutputs judges that each call in the items has its output, and each output
// its call.
func checkOutputs(items []*node) *APIError {
	calls, outputs := map[string]bool{}, map[string]bool{}
	for _, item := range items {
		id := item.get("call_id").str()
		switch item.get("type").str() {
		case "function_call", "custom_tool_call":
			calls[id] = true
		case "function_call_output", "custom_tool_call_output":
			if !calls[id] {
				return refuse("input", "", "No tool call has the call_id '%s' of this output.", id)
			}
			outputs[id] = true
		}
	}
	for _, item := range items {
		if id := item.get("call_id").str(); calls[id] && !outputs[id] {
			return refuse("input", "", "The tool call '%s' has no output.", id)
		}
	}
	return nil
}
