package openai

import "github.com/signalbox-ai/signalbox/providers"

// Responses says how much of OpenAI's responses a provider has.
type Responses uint8

const (
	// NoResponses is a provider without them.
	NoResponses Responses = iota
	// StatelessResponses answers them and keeps none.
	StatelessResponses
	// StoredResponses answers and keeps them.
	StoredResponses
	// AllResponses keeps conversations as well, counts tokens and compacts.
	AllResponses
)

// withAbilities is the provider with what it can beside chat completions. An ability
// that it has not is no method of it.
func withAbilities(o *Provider, vectors providers.Embedder, responses Responses, completions bool) providers.Provider {
	switch {
	case responses == AllResponses && completions && vectors != nil:
		return struct {
			*Provider
			providers.Embedder
			responder
			responseKeeper
			counter
			conversationKeeper
			completionKeeper
		}{o, vectors, responder{o}, responseKeeper{o}, counter{o}, conversationKeeper{o}, completionKeeper{o}}
	case responses == NoResponses && completions && vectors != nil:
		return struct {
			*Provider
			providers.Embedder
			completionKeeper
		}{o, vectors, completionKeeper{o}}
	case responses >= StoredResponses && vectors != nil:
		return struct {
			*Provider
			providers.Embedder
			responder
			responseKeeper
		}{o, vectors, responder{o}, responseKeeper{o}}
	case responses >= StoredResponses:
		return struct {
			*Provider
			responder
			responseKeeper
		}{o, responder{o}, responseKeeper{o}}
	case responses == StatelessResponses && vectors != nil:
		return struct {
			*Provider
			providers.Embedder
			responder
		}{o, vectors, responder{o}}
	case responses == StatelessResponses:
		return struct {
			*Provider
			responder
		}{o, responder{o}}
	case vectors != nil:
		return struct {
			*Provider
			providers.Embedder
		}{o, vectors}
	default:
		return o
	}
}
