// Package builtin names every provider type that comes with the gateway.
package builtin

import (
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/demo"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// Types are the provider types. A new one is one more line.
var Types = []providers.Type{
	openai.Type,
	demo.Type,
}
