// Package deepseek is DeepSeek, which ignores what it does not know of OpenAI's
// dialect, and wants its reasoning back when tools were called.
package deepseek

import (
	"slices"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is DeepSeek.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "deepseek",
	BaseURL: "https://api.deepseek.com",
	Fields:  fields,
	Replies: openai.Replies{
		Mend: true, UsageWithChoices: true,
		Failures: map[string]int{"insufficient_system_resource": 503},
	},
})

// onlyWithTools is when DeepSeek reads reasoning: it refuses a turn with tool calls
// without it, and its older models refuse any other turn with it.
const onlyWithTools = "DeepSeek reads reasoning of conversations with tool calls alone."

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "DeepSeek",
	Rows: slices.Concat([]openai.Field{
		{Path: "max_completion_tokens", As: "max_tokens"},
		{Path: "reasoning_effort", Values: []openai.Value{
			{From: `"none"`, To: `{"type":"disabled"}`, As: "thinking"},
			{From: `"minimal"`, To: `"low"`, Near: true},
			{From: `"medium"`, To: `"high"`, Near: true},
			{From: `"xhigh"`, To: `"high"`, Near: true},
		}},
		{Path: "response_format.type", Values: []openai.Value{{From: `"json_schema"`, To: `"json_object"`}}},
		{
			Path: "response_format.json_schema", Drop: true,
			Kind: commonv1.LossKind_LOSS_KIND_APPROXIMATED,
			Why:  "DeepSeek is asked for JSON, but cannot be held to a schema.",
		},
		{Path: "messages.role", Values: []openai.Value{{From: `"developer"`, To: `"system"`}}},
		{Path: "messages.reasoning_content", Drop: true, Unless: "tool_calls", Why: onlyWithTools},
		{Path: "messages.reasoning", As: "reasoning_content", Drop: true, Unless: "tool_calls", Why: onlyWithTools},
		{Path: "tools.custom", Refuse: true, Why: "DeepSeek knows no custom tools."},
	}, openai.Without("n seed logit_bias parallel_tool_calls service_tier store metadata user verbosity modalities audio"+
		" prediction safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options web_search_options"+
		" moderation functions function_call messages.reasoning_details stream_options.include_obfuscation")),
}
