// Package compatible is any other server that speaks OpenAI's dialect, as well as it
// can: requests go through as they are, replies are made OpenAI's.
package compatible

import "github.com/signalbox-ai/signalbox/providers/openai"

// Type is such a server. It has no base URL of its own; a key is sent where one is
// configured.
var Type = openai.Compatible(openai.Quirks{ //nolint:gochecknoglobals // a row of builtin's table
	Name:    "openai_compatible",
	Keyless: true,
	NoDone:  true,
	Replies: openai.Replies{Mend: true},

	Embeddings: &openai.Embeddings{Vectors: openai.AskedVectors},
})
