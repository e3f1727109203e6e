// Package openrouter is OpenRouter, which passes requests on to other providers.
package openrouter

import (
	"cmp"
	"net/http"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

const baseURL = "https://openrouter.ai/api/v1"

// Type is OpenRouter.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "openrouter",
	BaseURL: baseURL,
	Fields: openai.Fields{
		Title: "OpenRouter",
		Rows:  append(openai.Without("store moderation"), openai.Field{Path: "messages.reasoning_content", As: "reasoning"}),
	},
	Replies: openai.Replies{Mend: true, UsageWithChoices: true, Failures: map[string]int{"error": 502}},
	Site:    site,

	Embeddings: &openai.Embeddings{},
})

// site has the headers that say for whom calls are made.
func site(c *configv1.Provider) openai.Site {
	s := openai.Site{BaseURL: cmp.Or(c.GetBaseUrl(), baseURL), Header: http.Header{}}
	if v := c.GetSiteUrl(); v != "" {
		s.Header["Http-Referer"] = []string{v}
	}
	if v := c.GetSiteName(); v != "" {
		s.Header["X-Title"] = []string{v}
	}
	return s
}
