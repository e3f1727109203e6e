package demo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// maxChoices is OpenAI's bound of `n`.
const maxChoices = 128

// fault is why a request is refused. An alias keeps signatures short.
type fault = failure.Error

// request is a chat completion, read and found good.
type request struct {
	params   *chatv1.ChatCompletionParams
	messages []*chatv1.ChatMessage
	choices  int
	// limit is how many tokens the reply may have. Negative: any number.
	limit int
}

// read expands the request and refuses what OpenAI would refuse too.
func read(params *chatv1.ChatCompletionParams) (*request, *fault) {
	params = codec.ShallowCopyChatCompletionParams(params)
	if err := codec.ExpandChatCompletionParams(params, wire.Limits{}); err != nil {
		return nil, unreadable(err)
	}
	r := &request{params: params, messages: params.GetMessages(), choices: 1, limit: -1}
	for _, check := range []func() *fault{r.checkMessages, r.checkNumbers, r.checkTools, r.checkFormat} {
		if failed := check(); failed != nil {
			return nil, failed
		}
	}
	return r, nil
}

func unreadable(err error) *fault {
	var syntax *wire.Error
	if !errors.As(err, &syntax) {
		return failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The request cannot be read.", err)
	}
	failed := invalid(syntax.Path, "%s.", syntax.Kind)
	if syntax.Kind != wire.WrongKind && syntax.Kind != wire.Conflict {
		failed.Reason = commonv1.ErrorReason_ERROR_REASON_INVALID_JSON
	}
	return failed
}

func invalid(param, format string, args ...any) *fault {
	return &fault{
		Reason:  commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD,
		Message: fmt.Sprintf("The field "+param+" is invalid: "+format, args...),
		Param:   param,
	}
}

func (r *request) checkMessages() *fault {
	if len(r.messages) == 0 {
		return invalid("messages", "it must have at least one message.")
	}
	for i, message := range r.messages {
		param := fmt.Sprintf("messages[%d]", i)
		empty := message.Content == nil && len(message.GetContentParts()) == 0
		switch message.GetRole() {
		case "system", "developer", "user":
			if empty {
				return invalid(param+".content", "it must be text, or an array of parts.")
			}
		case "tool":
			if message.GetToolCallId() == "" {
				return invalid(param+".tool_call_id", "it must name the call that the message answers.")
			}
			if empty {
				return invalid(param+".content", "it must be text, or an array of parts.")
			}
		case "assistant", "function":
		default:
			return invalid(param+".role", "it must be developer, system, user, assistant or tool.")
		}
		for j, part := range message.GetContentParts() {
			if kindOf(part) == "" {
				return invalid(fmt.Sprintf("%s.content[%d]", param, j), "it must be text, an image, audio, a file or a refusal.")
			}
		}
	}
	return nil
}

// kindOf is what a part of content is; empty when it is nothing.
func kindOf(part *chatv1.ChatContentPart) string {
	switch {
	case part.Text != nil:
		return "text"
	case part.GetImageUrl().GetUrl() != "":
		return "image"
	case part.GetInputAudio().GetData() != "":
		return "audio"
	case part.GetFile() != nil:
		return "file"
	case part.Refusal != nil:
		return "refusal"
	default:
		return ""
	}
}

func (r *request) checkNumbers() *fault {
	if r.params.N != nil {
		r.choices = int(r.params.GetN())
		if r.choices < 1 || r.choices > maxChoices {
			return invalid("n", "it must be from 1 to %d.", maxChoices)
		}
	}
	limit, param := r.params.MaxCompletionTokens, "max_completion_tokens"
	if limit == nil {
		limit, param = r.params.MaxTokens, "max_tokens" //nolint:staticcheck // older clients send it
	}
	if limit != nil {
		if *limit < 1 {
			return invalid(param, "it must be at least 1.")
		}
		r.limit = int(*limit)
	}
	switch {
	case r.params.GetLogprobs():
		return invalid("logprobs", "a demonstration has no probabilities.")
	case slices.Contains(r.params.GetModalities(), "audio"):
		return invalid("modalities", "a demonstration only writes.")
	}
	return nil
}

func (r *request) checkTools() *fault {
	for i, tool := range r.params.GetTools() {
		if nameOf(tool) == "" {
			return invalid(fmt.Sprintf("tools[%d]", i), "it must be a function or a custom tool with a name.")
		}
	}
	if name := r.chosen(); name != "" && r.tool(name) == nil {
		return invalid("tool_choice", "there is no tool %q.", name)
	}
	choice := r.params.GetToolChoice()
	if r.params.ToolChoice != nil && !slices.Contains([]string{"none", "auto", "required"}, choice) {
		return invalid("tool_choice", "it must be none, auto, required or a tool.")
	}
	if r.mustCall() && len(r.params.GetTools()) == 0 {
		return invalid("tool_choice", "there are no tools.")
	}
	return nil
}

// chosen is the tool that the request insists on; empty: none.
func (r *request) chosen() string {
	choice := r.params.GetToolChoiceObject()
	if name := choice.GetFunction().GetName(); name != "" {
		return name
	}
	return choice.GetCustom().GetName()
}

// mustCall says whether the request insists on a call of some tool.
func (r *request) mustCall() bool {
	return r.params.GetToolChoice() == "required" || r.chosen() != "" ||
		r.params.GetToolChoiceObject().GetAllowedTools().GetMode() == "required"
}

func (r *request) tool(name string) *chatv1.ChatTool {
	for _, tool := range r.params.GetTools() {
		if nameOf(tool) == name {
			return tool
		}
	}
	return nil
}

func nameOf(tool *chatv1.ChatTool) string {
	if name := tool.GetFunction().GetName(); name != "" {
		return name
	}
	return tool.GetCustom().GetName()
}

func (r *request) checkFormat() *fault {
	format := r.params.GetResponseFormat()
	if format.GetType() == "json_schema" && format.GetJsonSchema().GetSchemaJson() == "" {
		return invalid("response_format.json_schema", "it must have a schema.")
	}
	return nil
}

// textOf is the text of a message, and how many parts of it are none.
func textOf(message *chatv1.ChatMessage) (text string, others int) {
	if message.Content != nil {
		return message.GetContent(), 0
	}
	var all strings.Builder
	for _, part := range message.GetContentParts() {
		if part.Text == nil {
			others++
			continue
		}
		if all.Len() > 0 {
			all.WriteByte('\n')
		}
		all.WriteString(part.GetText())
	}
	return all.String(), others
}
