package responses

import (
	"cmp"
	"slices"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// What `include` may ask for that chat completions have something to say about.
const (
	includeLogprobs  = "message.output_text.logprobs"
	includeReasoning = "reasoning.encrypted_content"
)

// included are further values of `include`. They ask for parts of items that a chat
// never makes, so that nothing is missing without them, or for parts of the input.
var included = []string{
	includeLogprobs,
	includeReasoning,
	"file_search_call.results",
	"web_search_call.results",
	"web_search_call.action.sources",
	"message.input_image.image_url",
	"computer_call_output.output.image_url",
	"code_interpreter_call.outputs",
}

// Losses tells what of a response's request is lost on the way to the target's model
// by chat completions: by the translation, and by the chatter, whose lossy may be nil.
// It names the fields as responses do, in their order. A request that cannot be
// translated at all has the losses that were found before the fault.
func Losses(params *responsesv1.ResponseParams, target *planv1.Target, lossy providers.Lossy) []*commonv1.Loss {
	r, err := translate(params, target, lossy)
	if err == nil && lossy != nil {
		for _, loss := range lossy.Losses(r.chat, target) {
			r.lose(loss.GetKind(), nameOf(loss.GetField()), loss.GetDetail())
		}
	}
	slices.SortStableFunc(r.losses, func(a, b *commonv1.Loss) int { return cmp.Compare(a.GetField(), b.GetField()) })
	return r.losses
}

// lose notes a loss. A field is named once, for what became of it first.
func (r *request) lose(kind commonv1.LossKind, field, detail string) {
	for _, loss := range r.losses {
		if loss.GetField() == field {
			return
		}
	}
	r.losses = append(r.losses, &commonv1.Loss{Field: field, Kind: kind, Detail: detail})
}

func (r *request) drop(field, detail string) {
	r.lose(commonv1.LossKind_LOSS_KIND_DROPPED, field, detail)
}

// leftOut are the members that chat completions have nothing for.
func (r *request) leftOut() error {
	p := r.params
	if given(p.GetPromptJson()) != "" {
		return unsupported("prompt", "The provider has no prompt templates.")
	}
	if p.GetTruncation() == "auto" { //nolint:staticcheck // deprecated by OpenAI, and still sent
		r.drop("truncation", "An input that is too long is refused, not cut.")
	}
	if p.MaxToolCalls != nil {
		r.drop("max_tool_calls", "The provider has no built-in tools to limit.")
	}
	if given(p.GetContextManagementJson()) != "" {
		r.drop("context_management", "The context is not compacted by itself.")
	}
	if p.GetStreamOptions().GetIncludeObfuscation() {
		r.drop("stream_options.include_obfuscation", "Events are not padded.")
	}
	for _, value := range p.GetInclude() {
		if !slices.Contains(included, value) {
			r.drop("include", "There is no such thing to include: "+value+".")
		}
	}
	r.leftOutOfReasoning(p.GetReasoning())
	return nil
}

func (r *request) leftOutOfReasoning(reasoning *responsesv1.ReasoningConfig) {
	if reasoning.GetSummary() != "" || reasoning.GetGenerateSummary() != "" { //nolint:staticcheck // as above
		r.lose(commonv1.LossKind_LOSS_KIND_APPROXIMATED, "reasoning.summary", "The reasoning is shown as the provider shows it, if it does.")
	}
	if reasoning.GetMode() != "" && reasoning.GetMode() != "standard" {
		r.drop("reasoning.mode", "Chat completions have one mode.")
	}
	if reasoning.GetContext() != "" && reasoning.GetContext() != "auto" {
		r.drop("reasoning.context", "The provider decides which turns' reasoning the model sees.")
	}
	for member := range wire.Members(reasoning.GetExtraJson()) {
		name, value := member.Key, member.Value
		if !empty(value) {
			r.drop("reasoning."+name, "Chat completions have no such member.")
		}
	}
}

// carried is what a chatter takes as it is, of what can be said in another way.
type carried struct{ customTools, allowedTools, streamUsage bool }

// carriedBy asks a chatter, by a small request, for what it reports no loss.
func carriedBy(lossy providers.Lossy, target *planv1.Target) carried {
	if lossy == nil {
		return carried{true, true, true}
	}
	probe := &chatv1.ChatCompletionParams{
		Tools: []*chatv1.ChatTool{{Type: "custom", Custom: &chatv1.CustomToolDefinition{Name: "probe"}}},
		ToolChoiceObject: &chatv1.ChatToolChoice{
			Type: "allowed_tools", AllowedTools: &chatv1.AllowedTools{Mode: "auto", ToolsJson: `[{"type":"custom","custom":{"name":"probe"}}]`},
		},
		StreamOptions: &chatv1.ChatStreamOptions{IncludeUsage: new(true)},
	}
	losses := lossy.Losses(probe, target)
	without := func(field string) bool {
		return !slices.ContainsFunc(losses, func(loss *commonv1.Loss) bool {
			return loss.GetField() == field || strings.HasPrefix(loss.GetField(), field+".")
		})
	}
	return carried{customTools: without("tools"), allowedTools: without("tool_choice"), streamUsage: without("stream_options")}
}

// renamed are the paths that responses name differently, the longest of a stem first.
var renamed = []struct{ chat, responses string }{
	{"response_format.json_schema", "text.format"},
	{"response_format", "text.format"},
	{"verbosity", "text.verbosity"},
	{"max_completion_tokens", "max_output_tokens"},
	{"reasoning_effort", "reasoning.effort"},
	{"logprobs", "include"},
	{"tools.function", "tools"},
	{"tools.custom.format", "tools.format"},
	{"messages.content.image_url.detail", "input.content.detail"},
	{"messages.content.file.file_data", "input.content.file_data"},
	{"messages.content.file.file_id", "input.content.file_id"},
	{"messages.content.file.filename", "input.content.filename"},
	{"messages.reasoning_content", "input.reasoning"},
	{"messages.reasoning_details", "input.reasoning"},
	{"messages.reasoning", "input.reasoning"},
	{"messages.tool_calls.function", "input.function_call"},
	{"messages.tool_calls.custom", "input.custom_tool_call"},
	{"messages.tool_calls", "input.function_call"},
	{"messages.tool_call_id", "input.call_id"},
	{"messages", "input"},
}

// nameOf is what responses call a field of a chat completion.
func nameOf(chat string) string {
	for _, path := range renamed {
		if rest, ok := strings.CutPrefix(chat, path.chat); ok && (rest == "" || rest[0] == '.') {
			return path.responses + rest
		}
	}
	return chat
}

// renameParam gives an error of the chatter's the field's name in responses. The places
// of messages are none of items.
func renameParam(err error) error {
	why := failure.As(err)
	if why == nil || why.Param == "" {
		return err
	}
	renamed := *why
	if renamed.Param = nameOf(why.Param); strings.HasPrefix(why.Param, "messages[") {
		renamed.Param = "input"
	}
	return &renamed
}
