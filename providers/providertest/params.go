package providertest

// Params is what an upstream is made from. The zero value is good: one key, a
// list of models like OpenAI's, orderly replies.
type Params struct {
	// Profile is the provider that it plays, as ProfileGroq. Empty: ProfileOpenAI.
	Profile string
	// Keys are the API keys that it knows. Empty: DefaultKey, and servers that need no
	// key take calls without one.
	Keys []string
	// Models are the models that it has, beside those of markers. Nil: a selection of
	// the provider's.
	Models []string
	// BodyLimit is the largest request body in bytes. 0: 128 MiB.
	BodyLimit int64
	// KeepRequests is how many requests are remembered, the newest ones. 0: all;
	// negative: none.
	KeepRequests int
	// LogPath is a file that gets a JSON line for each arrival and each end of a
	// call, each in one write. Empty: none.
	LogPath string
	// TLS serves HTTPS, with HTTP/2 and HTTP/1.1, by a certificate for 127.0.0.1
	// and localhost of a CA of its own.
	TLS bool
	// AcceptUnknown takes members that the provider does not know, as compatible
	// servers do.
	AcceptUnknown bool
	// FloatsOnly answers embeddings as numbers, also where base64 was asked for.
	FloatsOnly bool
	// BackgroundPolls is how often a background response is asked for until it is done.
	// 0: 2; negative: it waits for FinishBackground.
	BackgroundPolls int
	// AllowHeaders are request headers that it takes beside those that a provider
	// expects. "*" allows any: for clients that talk to it directly.
	AllowHeaders []string
	// Always is how requests are answered that no queued script and no marker
	// claims.
	Always Script
	// Chunks is the number of content chunks of a stream. 0: by the reply.
	Chunks int
	// ChunkBytes is the size of the text in each of them. 0: by the reply.
	ChunkBytes int
	// ReplyBytes is the size of the text of a reply that is not a stream. 0: by
	// the reply.
	ReplyBytes int
}

// Option changes Params before an upstream starts.
type Option func(*Params)

// Playing has an upstream play a provider, as ProfileGroq.
func Playing(profile string) Option { return func(p *Params) { p.Profile = profile } }
