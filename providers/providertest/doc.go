// Package providertest plays an upstream provider for tests: a real HTTP server
// that answers as strictly as OpenAI, or the provider of another profile, does,
// misbehaves on demand, and remembers what it was sent. It also has the suites that
// adapters pass.
//
// It shares no code with the gateway: bodies are read with encoding/json, so that
// a fault of our codec cannot hide itself here.
package providertest
