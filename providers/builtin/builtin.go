// Package builtin names every provider type that comes with the gateway.
package builtin

import (
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/azure"
	"github.com/signalbox-ai/signalbox/providers/compatible"
	"github.com/signalbox-ai/signalbox/providers/deepseek"
	"github.com/signalbox-ai/signalbox/providers/demo"
	"github.com/signalbox-ai/signalbox/providers/groq"
	"github.com/signalbox-ai/signalbox/providers/mistral"
	"github.com/signalbox-ai/signalbox/providers/ollama"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/openrouter"
	"github.com/signalbox-ai/signalbox/providers/vllm"
	"github.com/signalbox-ai/signalbox/providers/xai"
)

// Types are the provider types. A new one is one more line.
var Types = []providers.Type{
	openai.Type,
	azure.Type,
	groq.Type,
	xai.Type,
	openrouter.Type,
	deepseek.Type,
	mistral.Type,
	vllm.Type,
	ollama.Type,
	compatible.Type,
	demo.Type,
}
