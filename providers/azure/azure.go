// Package azure is Azure OpenAI: OpenAI's dialect at deployments of one's own.
package azure

import (
	"net/url"
	"slices"
	"strings"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Type is Azure OpenAI. It has no base URL of its own.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:      "azure",
	KeyHeader: "api-key",
	Fields:    fields,
	Replies:   openai.Replies{Mend: true},
	Site:      site,

	Embeddings:     &openai.Embeddings{},
	Responses:      openai.StoredResponses,
	ResponseFields: responseFields,
})

// site is where a resource has its deployments: at URLs without versions, where the
// deployment is the request's model, or, with a version, at a URL of each deployment.
// The base URL may be the resource's, or that of its API.
func site(c *configv1.Provider) openai.Site {
	resource := strings.TrimSuffix(strings.TrimRight(c.GetBaseUrl(), "/"), "/v1")
	resource = strings.TrimSuffix(resource, "/openai")
	s := openai.Site{Names: c.GetDeployments(), Listed: true, Version: c.GetApiVersion()}
	switch {
	case resource == "": // none is configured
	case s.Version == "":
		s.BaseURL = resource + "/openai/v1"
	default:
		s.BaseURL = resource + "/openai"
		s.Path = []string{"deployments", openai.Deployment}
		s.Query = url.Values{"api-version": {s.Version}}
	}
	return s
}

// responseFields are the members of requests for responses.
var responseFields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Azure",
	Rows: append(openai.Without("context_management moderation"),
		openai.Field{Path: "prompt", Same: []string{"null"}, Refuse: true, Why: "Azure has no prompt templates."}),
}

// undated is after all versions that have a date.
const undated = "2026-01-01"

var fields = openai.Fields{ //nolint:gochecknoglobals // a table
	Title: "Azure",
	Rows: slices.Concat(openai.Without("messages.reasoning_content messages.reasoning messages.reasoning_details"), []openai.Field{
		{Path: "tools", Since: "2023-12-01"},
		{Path: "tool_choice", Since: "2023-12-01"},
		{Path: "response_format", Since: "2023-12-01"},
		{Path: "seed", Since: "2023-12-01"},
		{Path: "logprobs", Since: "2024-02-01"},
		{Path: "top_logprobs", Since: "2024-02-01"},
		{Path: "parallel_tool_calls", Since: "2024-08-01"},
		{Path: "stream_options", Since: "2024-09-01"},
		{Path: "max_completion_tokens", Since: "2024-09-01", As: "max_tokens"},
		{Path: "reasoning_effort", Since: "2024-12-01"},
		{Path: "store", Since: "2024-12-01"},
		{Path: "metadata", Since: "2024-12-01"},
		{Path: "modalities", Since: "2025-01-01"},
		{Path: "audio", Since: "2025-01-01"},
		{Path: "prediction", Since: "2025-01-01"},
		{Path: "service_tier", Since: undated},
		{Path: "verbosity", Since: undated},
		{Path: "safety_identifier", Since: undated},
		{Path: "prompt_cache_key", Since: undated},
		{Path: "prompt_cache_retention", Since: undated},
		{Path: "prompt_cache_options", Since: undated},
		{Path: "web_search_options", Since: undated},
		{Path: "moderation", Since: undated},
	}),
}
