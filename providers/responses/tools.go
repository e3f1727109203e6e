package responses

import (
	"encoding/json"
	"fmt"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// inputSchema is the parameters of a function that stands for a custom tool.
const inputSchema = `{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}`

// carriesCustomTools says whether the chatter takes custom tools as they are.
func carriesCustomTools(lossy providers.Lossy, target *planv1.Target) bool {
	probe := &chatv1.ChatCompletionParams{Tools: []*chatv1.ChatTool{{Type: "custom", Custom: &chatv1.CustomToolDefinition{Name: "probe"}}}}
	return carries(lossy, probe, target, "tools")
}

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
	case r.functions:
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
		tools, err := r.allowed(choice.GetToolsJson())
		if err != nil {
			return err
		}
		if tools == "[]" {
			return r.noneAllowed(choice.GetMode())
		}
		chat.AllowedTools = &chatv1.AllowedTools{Mode: choice.GetMode(), ToolsJson: tools}
	case choice.GetType() == "function", choice.GetType() == "custom" && r.functions:
		chat.Type, chat.Function = "function", name
	case choice.GetType() == "custom":
		chat.Custom = name
	default:
		return unsupported("tool_choice", "The provider has no built-in tool "+choice.GetType()+", which must be called.")
	}
	r.chat.ToolChoiceObject = chat
	return nil
}

// noneAllowed is a choice among tools that the provider all lacks.
func (r *request) noneAllowed(mode string) error {
	if mode == "required" {
		return unsupported("tool_choice", "The provider has none of the tools that one must be called of.")
	}
	if len(r.chat.GetTools()) > 0 {
		r.chat.ToolChoice = new("none")
	}
	return nil
}

// allowed are the tools of an allowed_tools choice as chat completions name them.
func (r *request) allowed(toolsJSON string) (string, error) {
	var tools []struct{ Type, Name string }
	if err := json.Unmarshal([]byte(toolsJSON), &tools); err != nil {
		return "", invalid("tool_choice.tools", "The allowed tools must be an array of tools with their type and name.")
	}
	out := []byte{'['}
	for _, tool := range tools {
		kind := tool.Type
		if kind == "custom" && r.functions {
			kind = "function"
		}
		if kind != "function" && kind != "custom" {
			r.drop("tool_choice.tools."+kind, "The provider has no such built-in tool.")
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, `{"type":"`...), kind...), `","`...)
		out = append(append(append(out, kind...), `":{"name":`...), quote(tool.Name)...)
		out = append(out, "}}"...)
	}
	return string(append(out, ']')), nil
}

// quote is a text as JSON.
func quote(text string) string { return string(wire.AppendString(nil, text)) }
