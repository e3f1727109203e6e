// Package xai is xAI, whose usage leaves the reasoning out of the output.
package xai

import (
	"slices"

	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is xAI.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "xai",
	BaseURL: "https://api.x.ai/v1",
	Fields:  fields,
	Replies: openai.Replies{Mend: true},

	Responses:      openai.StoredResponses,
	ResponseFields: responseFields,
	SparseEvents:   true,
})

// responseFields are the members of requests for responses.
var responseFields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "xAI",
	Rows: append(openai.Without("context_management moderation"),
		openai.Field{
			Path: "background", Same: []string{"false", "null"}, Refuse: true,
			Why: "xAI makes no responses in the background.",
		},
		openai.Field{Path: "prompt", Same: []string{"null"}, Refuse: true, Why: "xAI has no prompt templates."}),
}

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "xAI",
	Rows: slices.Concat([]openai.Field{
		// Most models refuse even the penalty that is none.
		{Path: "frequency_penalty", Same: []string{"0"}},
		{Path: "presence_penalty", Same: []string{"0"}},
		{Path: "reasoning_effort", Values: []openai.Value{
			{From: `"minimal"`, To: `"low"`, Near: true},
			{From: `"max"`, To: `"high"`, Near: true},
		}},
		{Path: "deferred", Drop: true, Same: []string{"false"}, Why: "The gateway waits for replies."},
		{Path: "messages.role", Values: []openai.Value{{From: `"developer"`, To: `"system"`}}},
		{Path: "messages.reasoning", As: "reasoning_content"},
		{Path: "tools.custom", Refuse: true, Why: "xAI knows no custom tools."},
	}, openai.Without("logit_bias store metadata verbosity modalities audio prediction safety_identifier prompt_cache_key"+
		" prompt_cache_retention prompt_cache_options moderation functions function_call stream_options.include_obfuscation")),
}
