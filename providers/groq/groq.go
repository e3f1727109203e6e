// Package groq is Groq, which speaks OpenAI's dialect and refuses what it does not
// know of it.
package groq

import (
	"slices"

	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is Groq.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "groq",
	BaseURL: "https://api.groq.com/openai/v1",
	Fields:  fields,
	Replies: openai.Replies{Mend: true, UsageWithChoices: true},
})

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Groq",
	Only: map[string]string{
		"": "model messages stream tools temperature top_p max_completion_tokens max_tokens response_format stop" +
			" frequency_penalty presence_penalty seed parallel_tool_calls user functions function_call" +
			" include_reasoning reasoning_format citation_options compound_custom disable_tool_validation" +
			" documents exclude_domains include_domains search_settings",
		"stream_options":               "include_usage",
		"messages":                     "role content tool_call_id function_call",
		"messages.content":             "type text document",
		"messages.content.image_url":   "url detail",
		"messages.tool_calls":          "id type",
		"messages.tool_calls.function": "name arguments",
	},
	Rows: slices.Concat([]openai.Field{
		{Path: "reasoning_effort", Values: []openai.Value{
			{From: `"minimal"`, To: `"low"`, Near: true},
			{From: `"xhigh"`, To: `"high"`, Near: true},
			{From: `"max"`, To: `"high"`, Near: true},
		}},
		{
			Path:   "service_tier",
			Values: []openai.Value{{From: `"default"`, To: `"on_demand"`}},
			Takes:  []string{`"auto"`, `"on_demand"`, `"flex"`, `"performance"`},
			Why:    "Groq has other tiers.",
		},
		{Path: "messages.role", Values: []openai.Value{{From: `"developer"`, To: `"system"`}}},
		{Path: "messages.tool_calls.index", Moot: true},
		{Path: "messages.tool_calls.custom", Refuse: true, Why: "Groq knows no calls of custom tools."},
		{Path: "messages.content.input_audio", Refuse: true, Why: "Groq takes no audio in messages."},
		{Path: "messages.content.file", Refuse: true, Why: "Groq takes no files in messages."},
		{Path: "tools.custom", Refuse: true, Why: "Groq knows no custom tools."},
		{Path: "tool_choice.allowed_tools", Refuse: true, Why: "Groq cannot choose among some of the tools."},
	}, openai.Without("n logit_bias logprobs top_logprobs store verbosity modalities messages.name tools.cache_control"+
		" stream_options.include_obfuscation")),
}
