// Package vllm is a server of vLLM, which takes all of OpenAI's dialect and more.
package vllm

import "github.com/signalbox-ai/signalbox/providers/openai"

// Type is vLLM. A key is sent where one is configured.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "vllm",
	BaseURL: "http://localhost:8000/v1",
	Keyless: true,
	Replies: openai.Replies{Mend: true},

	Embeddings: &openai.Embeddings{},
})
