package providertest

// openAIProfile is OpenAI.
func openAIProfile() *profile {
	p := &profile{
		base: "/v1",
		serves: set([]string{serveChat, serveModels, serveEmbeddings,
			serveKept, serveResponses, serveStored, serveCancel, serveInputItems, serveTokens, serveCompact, serveConversations,
		}),
		credential: []string{"Authorization"},
		headers:    []string{"Openai-Organization", "Openai-Project"},
		senses:     []sense{checkTurns, checkTools, checkTogether, checkModel},
		models:     knownModels,
		model:      entry("system"),
		voice:      openAIVoice(),
		embedding:  openAIEmbedding(),
		responding: openAIResponding(),
		envelope:   inEnvelope(openAIError),
		indents:    true,
		requestID:  "X-Request-Id",
		limits:     true,
		openai:     true,
		header: map[string]string{
			"Openai-Version": "2020-10-01", "Openai-Organization": "providertest",
			"Access-Control-Expose-Headers": "X-Request-ID",
		},
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}

// openAIVoice is how OpenAI spells completions.
func openAIVoice() *voice {
	return &voice{
		reply:   "id object created model choices usage service_tier system_fingerprint",
		choice:  "index message logprobs finish_reason",
		message: "role content tool_calls function_call refusal annotations audio",
		call:    "id type function custom",
		chunk:   "id object created model service_tier system_fingerprint choices usage obfuscation",
		part:    "index delta logprobs finish_reason",
		delta:   "role content tool_calls function_call refusal audio",
		piece:   "index id type function custom",
		id:      func(a *ask) string { return "chatcmpl-" + a.id },
		callID:  prefixed("call_", 24),
		usage: usageLaid(
			"prompt_tokens completion_tokens total_tokens prompt_tokens_details completion_tokens_details",
			"cached_tokens audio_tokens",
			"reasoning_tokens audio_tokens accepted_prediction_tokens rejected_prediction_tokens",
		),
		nullUsage: true,
	}
}

// knownModels is a selection: plain ones, reasoning ones, and one each of those
// that tell apart what only few can do.
var knownModels = []known{
	{"gpt-4o", "gpt-4o-2024-08-06"},
	{"gpt-4o-mini", "gpt-4o-mini-2024-07-18"},
	{"gpt-4o-audio-preview", "gpt-4o-audio-preview-2025-06-03"},
	{"gpt-4.1", "gpt-4.1-2025-04-14"},
	{"gpt-4.1-mini", "gpt-4.1-mini-2025-04-14"},
	{"gpt-4.1-nano", "gpt-4.1-nano-2025-04-14"},
	{"gpt-3.5-turbo", "gpt-3.5-turbo-0125"},
	{"o3", "o3-2025-04-16"},
	{"o3-mini", "o3-mini-2025-01-31"},
	{"o4-mini", "o4-mini-2025-04-16"},
	{"gpt-5", "gpt-5-2025-08-07"},
	{"gpt-5-mini", "gpt-5-mini-2025-08-07"},
	{"gpt-5-nano", "gpt-5-nano-2025-08-07"},
	{"gpt-5-chat-latest", "gpt-5-chat-latest"},
	{"text-embedding-3-small", "text-embedding-3-small"},
	{"text-embedding-3-large", "text-embedding-3-large"},
	{"text-embedding-ada-002", "text-embedding-ada-002"},
}
