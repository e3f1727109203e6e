// Package mistral is Mistral AI, which speaks OpenAI's dialect with names of its own,
// and refuses what it does not know.
package mistral

import (
	"crypto/sha256"
	"encoding/base32"
	"regexp"
	"slices"

	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is Mistral AI.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "mistral",
	BaseURL: "https://api.mistral.ai/v1",
	Fields:  fields,
	Replies: openai.Replies{Mend: true, UsageWithChoices: true, Failures: map[string]int{"error": 502}},

	Embeddings: &openai.Embeddings{Fields: vectorFields, Vectors: openai.PlainVectors, Words: "Mistral"},
})

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Mistral",
	Only: map[string]string{
		"": "model messages stream tools temperature top_p max_tokens stop random_seed metadata response_format" +
			" presence_penalty frequency_penalty n prediction parallel_tool_calls prompt_mode guardrails" +
			" prompt_cache_key safe_prompt",
		"messages": "role content prefix",
		"messages.content": "type text image_url document_url document_name reference_ids file_id" +
			" thinking closed signature",
		"messages.tool_calls":          "type index",
		"messages.tool_calls.function": "name arguments",
		"tools.function":               "name description parameters strict",
	},
	Rows: slices.Concat([]openai.Field{
		{Path: "max_completion_tokens", As: "max_tokens"},
		{Path: "seed", As: "random_seed"},
		{Path: "reasoning_effort", Values: []openai.Value{
			{From: `"minimal"`, To: `"none"`, Near: true},
			{From: `"low"`, To: `"high"`, Near: true},
			{From: `"medium"`, To: `"high"`, Near: true},
			{From: `"xhigh"`, To: `"high"`, Near: true},
			{From: `"max"`, To: `"high"`, Near: true},
		}},
		{
			Path: "stream_options", Drop: true,
			Same: []string{`{"include_usage":true}`, `{"include_usage":false}`}, // it tells the usage always
			Why:  "Mistral has no options of streams; it tells the usage always.",
		},
		{Path: "messages.role", Values: []openai.Value{{From: `"developer"`, To: `"system"`}}},
		{Path: "messages.tool_calls.id", Spell: callID},
		{Path: "messages.tool_call_id", Spell: callID},
		{Path: "messages.tool_calls.custom", Refuse: true, Why: "Mistral knows no calls of custom tools."},
		{Path: "messages.content.input_audio.data", Refuse: true, Why: "Mistral takes audio as text or URL alone."},
		{Path: "messages.content.file", Refuse: true, Why: "Mistral takes files as `document_url` or `file_id` alone."},
		{Path: "tools.custom", Refuse: true, Why: "Mistral knows no custom tools."},
		{Path: "tool_choice.allowed_tools", Refuse: true, Why: "Mistral cannot choose among some of the tools."},
	}, openai.Without("logprobs store verbosity modalities service_tier messages.name tools.cache_control")),
}

// vectorFields are the members of requests for embeddings.
var vectorFields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Mistral",
	Only:  map[string]string{"": "model input output_dimension output_dtype metadata"},
	Rows:  append(openai.Without("user"), openai.Field{Path: "dimensions", As: "output_dimension"}),
}

var isCallID = regexp.MustCompile(`^[a-zA-Z0-9]{9}$`)

// callID makes an id of a tool call that Mistral takes, the same one for the same id.
func callID(id string) string {
	if isCallID.MatchString(id) {
		return id
	}
	sum := sha256.Sum256([]byte(id))
	return base32.StdEncoding.EncodeToString(sum[:])[:9]
}
