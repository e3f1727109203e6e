package responses

import (
	"encoding/json"
	"fmt"
	"slices"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// inputSchema is the parameters of a function that stands for a custom tool.
const inputSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// tools are functions and custom tools; what OpenAI runs itself cannot be emulated.
func (r *request) tools() error {
	for i, tool := range r.params.GetTools() {
		switch tool.GetType() {
		case "function", "custom":
			if tool.GetName() == "" {
				return invalid(fmt.Sprintf("tools[%d].name", i), "A tool must have a name.")
			}
			r.chat.Tools = append(r.chat.Tools, r.tool(tool))
		default:
			r.drop("tools."+tool.GetType(), "The provider has no such built-in tool.")
		}
	}
	if len(r.chat.Tools) > 0 {
		r.chat.ParallelToolCalls = r.params.ParallelToolCalls // OpenAI refuses it without tools
	}
	return nil
}

func (r *request) tool(tool *responsesv1.ResponseTool) *chatv1.ChatTool {
	chat := &chatv1.ChatTool{Type: tool.GetType()}
	for member := range wire.Members(tool.GetExtraJson()) {
		name, value := member.Key, member.Value
		switch {
		case name == "cache_control":
			chat.ExtraJson = wire.AddMember(chat.ExtraJson, name, value)
		case !empty(value) && value != "false":
			r.drop("tools."+name, "Tools of chat completions have no such member.")
		}
	}
	switch {
	case tool.GetType() == "function":
		chat.Function = &chatv1.FunctionDefinition{
			Name: tool.GetName(), Description: tool.Description, ParametersJson: given(tool.GetParametersJson()), Strict: tool.Strict,
		}
	case !r.carries.customTools:
		chat.Type, chat.Function = "function", r.standIn(tool)
	default:
		chat.Custom = &chatv1.CustomToolDefinition{
			Name: tool.GetName(), Description: tool.Description, FormatJson: chatFormat(tool.GetFormatJson()),
		}
	}
	return chat
}

// standIn is the function that stands for a custom tool.
func (r *request) standIn(tool *responsesv1.ResponseTool) *chatv1.FunctionDefinition {
	if r.custom == nil {
		r.custom = make(map[string]bool)
	}
	r.custom[tool.GetName()] = true
	r.lose(commonv1.LossKind_LOSS_KIND_EMULATED, "tools.custom", "A function with one text parameter stands for a custom tool.")
	function := &chatv1.FunctionDefinition{Name: tool.GetName(), Description: tool.Description, ParametersJson: inputSchema}
	var grammar struct{ Type, Syntax, Definition string }
	if json.Unmarshal([]byte(tool.GetFormatJson()), &grammar) == nil && grammar.Type == "grammar" {
		r.lose(commonv1.LossKind_LOSS_KIND_APPROXIMATED, "tools.format", "The model is told the grammar; nothing makes it follow.")
		text := fmt.Sprintf("The input must match this %s grammar:\n%s", grammar.Syntax, grammar.Definition)
		if function.Description != nil {
			text = function.GetDescription() + "\n\n" + text
		}
		function.Description = &text
	}
	return function
}

// chatFormat is the format of a custom tool's input, whose grammar chat completions
// put into an object of its own.
func chatFormat(format string) string {
	var grammar struct {
		Type       string          `json:"type"`
		Syntax     json.RawMessage `json:"syntax"`
		Definition json.RawMessage `json:"definition"`
	}
	if json.Unmarshal([]byte(format), &grammar) != nil || grammar.Type != "grammar" || grammar.Definition == nil || grammar.Syntax == nil {
		return given(format)
	}
	return fmt.Sprintf(`{"type":"grammar","grammar":{"definition":%s,"syntax":%s}}`, grammar.Definition, grammar.Syntax)
}

// toolChoice is which tools must or may be called. Without tools there is nothing to
// choose, and OpenAI refuses to be told.
func (r *request) toolChoice() error {
	choice := r.params.GetToolChoiceObject()
	switch {
	case choice != nil:
		return r.chooseTool(choice)
	case len(r.chat.GetTools()) > 0:
		r.chat.ToolChoice = r.params.ToolChoice
	case r.params.GetToolChoice() == "required":
		return unsupported("tool_choice", "The provider has none of the tools that one must be called of.")
	}
	return nil
}

func (r *request) chooseTool(choice *responsesv1.ResponseToolChoice) error {
	chat := &chatv1.ChatToolChoice{Type: choice.GetType()}
	name := &chatv1.ToolName{Name: choice.GetName()}
	switch {
	case choice.GetType() == "allowed_tools":
		return r.allow(choice)
	case choice.GetType() == "function", choice.GetType() == "custom" && !r.carries.customTools:
		chat.Type, chat.Function = "function", name
	case choice.GetType() == "custom":
		chat.Custom = name
	default:
		return unsupported("tool_choice", "The provider has no built-in tool "+choice.GetType()+", which must be called.")
	}
	r.chat.ToolChoiceObject = chat
	return nil
}

// allow limits the tools to some of them. Where the chatter cannot, the others are not
// sent: the model may then call the same ones.
func (r *request) allow(choice *responsesv1.ResponseToolChoice) error {
	var allowed []allowedTool
	if err := json.Unmarshal([]byte(choice.GetToolsJson()), &allowed); err != nil {
		return invalid("tool_choice.tools", "The allowed tools must be an array of tools with their type and name.")
	}
	var kept []allowedTool
	for _, tool := range allowed {
		if tool.Type == "custom" && !r.carries.customTools {
			tool.Type = "function"
		}
		if tool.Type == "function" || tool.Type == "custom" {
			kept = append(kept, tool)
		} else {
			r.drop("tool_choice.tools."+tool.Type, "The provider has no such built-in tool.")
		}
	}
	switch {
	case len(kept) == 0 && choice.GetMode() == "required":
		return unsupported("tool_choice", "The provider has none of the tools that one must be called of.")
	case len(r.chat.GetTools()) == 0:
	case len(kept) == 0:
		r.chat.ToolChoice = new("none")
	case r.carries.allowedTools:
		r.chat.ToolChoiceObject = &chatv1.ChatToolChoice{
			Type: choice.GetType(), AllowedTools: &chatv1.AllowedTools{Mode: choice.GetMode(), ToolsJson: toolsJSON(kept)},
		}
	default:
		r.lose(commonv1.LossKind_LOSS_KIND_EMULATED, "tool_choice.allowed_tools", "Tools that are not allowed are not sent.")
		r.chat.Tools = slices.DeleteFunc(r.chat.GetTools(), func(tool *chatv1.ChatTool) bool {
			name := tool.GetFunction().GetName() + tool.GetCustom().GetName()
			return !slices.Contains(kept, allowedTool{tool.GetType(), name})
		})
		if len(r.chat.GetTools()) > 0 {
			r.chat.ToolChoice = new(choice.GetMode())
		}
	}
	return nil
}

// allowedTool is a tool as responses name one of those allowed.
type allowedTool struct{ Type, Name string }

// toolsJSON are tools as chat completions name those allowed.
func toolsJSON(tools []allowedTool) string {
	out := []byte{'['}
	for i, tool := range tools {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"type":"%s","%s":{"name":%s}}`, tool.Type, tool.Type, quote(tool.Name))
	}
	return string(append(out, ']'))
}

// quote is a text as JSON.
func quote(text string) string { return string(wire.AppendString(nil, text)) }
