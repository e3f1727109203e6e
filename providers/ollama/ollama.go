// Package ollama is Ollama, which needs no key, and ignores what it does not know of
// OpenAI's dialect.
package ollama

import (
	"cmp"
	"slices"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is Ollama.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "ollama",
	BaseURL: baseURL,
	Keyless: true,
	Fields:  fields,
	Replies: openai.Replies{Mend: true, NewIDs: true},
	Site:    site,

	Embeddings: &embeddings,
})

const baseURL = "http://localhost:11434/v1"

// site takes the base URL apart: below its root there is Ollama's native API, too.
func site(c *configv1.Provider) openai.Site {
	base := strings.TrimRight(cmp.Or(c.GetBaseUrl(), baseURL), "/")
	if root, versioned := strings.CutSuffix(base, "/v1"); versioned {
		return openai.Site{BaseURL: root, Path: []string{"v1"}}
	}
	return openai.Site{BaseURL: base}
}

// native is why members of its own API are not sent.
const native = "Ollama reads it in its native API alone."

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Ollama",
	Rows: slices.Concat([]openai.Field{
		{Path: "max_completion_tokens", As: "max_tokens"},
		{Path: "reasoning_effort", Values: []openai.Value{
			{From: `"minimal"`, To: `"low"`, Near: true},
			{From: `"xhigh"`, To: `"high"`, Near: true},
			{From: `"max"`, To: `"high"`, Near: true},
		}},
		{Path: "options", Drop: true, Why: native},
		{Path: "keep_alive", Drop: true, Why: native},
		{Path: "format", Drop: true, Why: native},
		{Path: "think", Drop: true, Why: native},
		{Path: "messages.role", Values: []openai.Value{{From: `"developer"`, To: `"system"`}}},
		{Path: "messages.reasoning_content", As: "reasoning"},
		{
			Path: "messages.content.image_url.url", Prefix: "http", Refuse: true,
			Why: "Ollama takes images as data URLs alone; nothing is fetched for it.",
		},
		{Path: "tools.custom", Refuse: true, Why: "Ollama knows no custom tools."},
	}, openai.Without("n tool_choice logit_bias parallel_tool_calls user verbosity modalities audio prediction service_tier"+
		" store metadata safety_identifier prompt_cache_key prompt_cache_retention prompt_cache_options web_search_options"+
		" moderation functions function_call stream_options.include_obfuscation messages.refusal messages.annotations"+
		" messages.audio messages.reasoning_details messages.content.image_url.detail tools.function.strict")),
}
