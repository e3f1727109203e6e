package providertest

// compatibleProfile is a server with OpenAI's dialect and nothing more: members
// that OpenAI always writes are not there.
func compatibleProfile() *profile {
	p := &profile{
		base:       "/v1",
		serves:     set([]string{serveChat, serveModels, serveEmbeddings}),
		credential: []string{"Authorization"},
		keyless:    true,
		lenient:    true,
		thinkers:   []string{"thinking"},
		models:     same("local-model", "local-thinking", "local-embed"),
		model:      entry("organization_owner"),
		voice: &voice{
			reply:     "id object created model choices usage",
			choice:    "index message finish_reason",
			message:   "role content reasoning_content tool_calls",
			call:      "id type function",
			chunk:     "id object created model choices usage",
			part:      "index delta finish_reason",
			delta:     "role content reasoning_content tool_calls",
			piece:     "index id type function",
			id:        func(a *ask) string { return "chatcmpl-" + a.id[:21] },
			callID:    prefixed("call_", 9),
			usage:     usageLaid("prompt_tokens completion_tokens total_tokens", "", ""),
			reasoning: "reasoning_content",
		},
		embedding: &embedding{
			sizes:  map[string]int{"local-embed": 384},
			fields: openAIEmbedding().fields,
			empty:  true,
			reply:  "object data model usage", entry: "object embedding index",
			usage: embeddingUsage("prompt_tokens total_tokens"),
		},
		envelope: inEnvelope(openAIError),
	}
	p.list = func(ids []string) *node { return obj("object", "list", "data", p.entries(ids)) }
	return p
}
