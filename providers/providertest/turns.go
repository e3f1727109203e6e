package providertest

import (
	"fmt"
	"slices"
	"strings"
)

// checkTurns judges that each call of a tool has its answer right after it, and
// each answer its call before it.
func checkTurns(_ *exchange, root *node, _ string) *APIError {
	var open []string
	for i, m := range root.get("messages").items() {
		role := m.get("role").str()
		at := fmt.Sprintf("messages.[%d].role", i)
		if role == "tool" {
			id := m.get("tool_call_id").str()
			k := slices.Index(open, id)
			if k < 0 {
				return refuse(at, "", "A message of role 'tool' must answer a call in the 'tool_calls' before it; there is no '%s'.", id)
			}
			open = slices.Delete(open, k, k+1)
			continue
		}
		if len(open) > 0 {
			return unanswered(at, open)
		}
		for _, c := range m.get("tool_calls").items() {
			open = append(open, c.get("id").str())
		}
	}
	if len(open) > 0 {
		return unanswered(fmt.Sprintf("messages.[%d].role", len(root.get("messages").items())-1), open)
	}
	return nil
}

// unanswered is the error for calls without an answer.
func unanswered(at string, ids []string) *APIError {
	return refuse(at, "", "Every call in 'tool_calls' must be answered by a message of role 'tool'; missing: %s.", strings.Join(ids, ", "))
}

// checkTools judges what is said of tools that are there or not.
func checkTools(_ *exchange, root *node, _ string) *APIError {
	tools := root.get("tools").items()
	if len(tools) == 0 {
		for _, name := range []string{"tool_choice", "parallel_tool_calls"} {
			if root.get(name).set() {
				return refuse(name, "", "'%s' is only allowed when 'tools' are specified.", name)
			}
		}
		return nil
	}
	names := map[string]bool{}
	for _, t := range tools {
		if names[toolName(t)] {
			return refuse("tools", "invalid_value", "The tool '%s' is there twice.", toolName(t))
		}
		names[toolName(t)] = true
	}
	choice := root.get("tool_choice")
	wanted := []*node{choice}
	switch choice.get("type").str() {
	case "allowed_tools":
		wanted = choice.get("allowed_tools").get("tools").items()
	case "":
		return nil
	}
	for _, w := range wanted {
		if !names[toolName(w)] {
			return refuse("tool_choice", "", "The tool '%s' of 'tool_choice' is not in 'tools'.", toolName(w))
		}
	}
	return nil
}
