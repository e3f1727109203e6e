package providertest

import (
	"strconv"
	"strings"
)

// chosenCalls returns the tools that a choice calls. forced says that the request
// names the one to call.
func (x *exchange) chosenCalls(a *ask, i int) (calls []toolCall, forced bool) {
	tools := a.root.get("tools").items()
	choice := a.root.get("tool_choice")
	switch {
	case choice.str() == "none" || len(tools) == 0:
		return nil, false
	case choice.str() == "required":
		if p := a.root.get("parallel_tool_calls"); p.set() && !p.is() {
			tools = tools[:1]
		}
		tools = tools[:min(2, len(tools))]
	case choice.get("type").str() == "allowed_tools":
		allowed := choice.get("allowed_tools")
		tools = ofName(tools, toolName(first(allowed.get("tools").items())))
		if allowed.get("mode").str() == "auto" {
			tools = mentioned(a, tools)
		}
	case choice.get("type").str() == "function" || choice.get("type").str() == "custom":
		tools, forced = ofName(tools, toolName(choice)), true
	default:
		tools = mentioned(a, tools)
	}
	for k, t := range tools {
		calls = append(calls, callOf(t, x.up.profile.voice.callID(digest(a.id, strconv.Itoa(i), strconv.Itoa(k)))))
	}
	return calls, forced
}

// mentioned returns the first tool that the last message names, be it of a user or
// the answer of a tool.
func mentioned(a *ask, tools []*node) []*node {
	messages := a.root.get("messages").items()
	if len(messages) == 0 {
		return nil
	}
	text := a.last
	switch last := messages[len(messages)-1]; last.get("role").str() {
	case "user":
	case "tool":
		text = textOf(last.get("content"))
	default:
		return nil
	}
	for _, t := range tools {
		if strings.Contains(text, toolName(t)) {
			return []*node{t}
		}
	}
	return nil
}

// ofName returns the tool of a name.
func ofName(tools []*node, name string) []*node {
	for _, t := range tools {
		if toolName(t) == name {
			return []*node{t}
		}
	}
	return nil
}

// toolName is the name of a tool, or of a choice of one.
func toolName(t *node) string {
	if t.get("type").str() == "custom" {
		return t.get("custom").get("name").str()
	}
	return t.get("function").get("name").str()
}

// callOf calls a tool with what its schema demands.
func callOf(t *node, id string) toolCall {
	if t.get("type").str() == "custom" {
		return toolCall{id: id, typ: "custom", name: toolName(t), arguments: "print(1)"}
	}
	return toolCall{id: id, typ: "function", name: toolName(t), arguments: instance(t.get("function").get("parameters"))}
}

// chosenFunction returns the call of a deprecated function.
func chosenFunction(a *ask) *toolCall {
	functions := a.root.get("functions").items()
	name := a.root.get("function_call").get("name").str()
	for _, f := range functions {
		own := f.get("name").str()
		auto := a.root.get("function_call").str() != "none" && strings.Contains(a.last, own)
		if own == name || name == "" && auto {
			return &toolCall{name: own, arguments: instance(f.get("parameters"))}
		}
	}
	return nil
}

// first returns the first of the nodes, or nil.
func first(nodes []*node) *node {
	if len(nodes) == 0 {
		return nil
	}
	return nodes[0]
}
