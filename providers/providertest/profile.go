package providertest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// The providers that an upstream plays, for Params.Profile.
const (
	ProfileOpenAI     = "openai"
	ProfileAzure      = "azure"
	ProfileGroq       = "groq"
	ProfileXAI        = "xai"
	ProfileOpenRouter = "openrouter"
	ProfileDeepSeek   = "deepseek"
	ProfileMistral    = "mistral"
	ProfileVLLM       = "vllm"
	ProfileOllama     = "ollama"
	ProfileCompatible = "openai_compatible"
)

// profile is a provider as the upstream plays it: all that is its own, as data.
type profile struct {
	// base is the path that its endpoints are under.
	base string
	// place finds the path under the base. Nil: by the base alone.
	place func(*http.Request) (string, target)
	// serves are the abilities that it has.
	serves map[string]bool

	// credential are the headers that a key may come in. Authorization carries a
	// bearer token.
	credential []string
	// keyless says that it takes calls without a key, unless the test sets some.
	keyless bool
	// headers are the request headers that it takes beside what all take.
	headers []string

	// grammar is how its requests for completions differ from OpenAI's.
	grammar *grammar
	// roles says that its errors name the role of a message that is wrong.
	roles bool
	// lenient says that it takes members that it does not know.
	lenient bool
	// ignores are members that it takes and does not heed.
	ignores []string
	// senses judge what the shape does not show.
	senses []sense
	// thinking says whether what is thought is hidden, and whether a model thinks that
	// would not. Nil: neither.
	thinking func(root *node) (mute, thinks bool)
	// thinkers are parts of the names of models that think.
	thinkers []string

	// models are those that it has, model is one in its list, and list is the list.
	models []known
	model  func(id string) *node
	list   func(ids []string) *node
	// catalogue says that the list is not of what can be called.
	catalogue bool

	// voice is how it spells completions.
	voice *voice
	// embedding is how it embeds texts. Nil: it does not.
	embedding *embedding
	// responding is how it answers responses. Nil: it does not.
	responding *responding
	// envelope is how it spells an error of an endpoint, and its status.
	envelope func(e *APIError, endpoint string) (int, *node)
	// indents says that its JSON is laid out for people.
	indents bool
	// requestID is the reply header with the id of a request. Empty: none.
	requestID string
	// header are the headers of all replies; limits says that rate limits are told,
	// openai that OpenAI's are there.
	header         map[string]string
	limits, openai bool
}

// profiles makes each of them.
var profiles = map[string]func() *profile{
	ProfileOpenAI:     openAIProfile,
	ProfileAzure:      azureProfile,
	ProfileGroq:       groqProfile,
	ProfileXAI:        xaiProfile,
	ProfileOpenRouter: openRouterProfile,
	ProfileDeepSeek:   deepSeekProfile,
	ProfileMistral:    mistralProfile,
	ProfileVLLM:       vllmProfile,
	ProfileOllama:     ollamaProfile,
	ProfileCompatible: compatibleProfile,
}

// Profiles returns the names that Params.Profile takes.
func Profiles() []string { return slices.Sorted(maps.Keys(profiles)) }

// thinks says whether a model shows what it thinks.
func (p *profile) thinks(model string) bool {
	return slices.ContainsFunc(p.thinkers, func(part string) bool { return strings.Contains(model, part) })
}

// same are models whose replies carry the name that they are asked by.
func same(ids ...string) []known {
	out := make([]known, len(ids))
	for i, id := range ids {
		out[i] = known{id, id}
	}
	return out
}

// inEnvelope is OpenAI's form of an error, with the members of a layout.
func inEnvelope(layout string) func(*APIError, string) (int, *node) {
	return func(e *APIError, _ string) (int, *node) { return e.Status, obj("error", e.node().laid(layout)) }
}

// openAIError are the members of OpenAI's errors.
const openAIError = "message type param code"

// usageLaid counts with the members of layouts: of the usage, of its prompt's and
// of its completion's details.
func usageLaid(layout, prompt, completion string) func(counts) *node {
	return func(c counts) *node {
		return obj(
			"prompt_tokens", c.prompt, "completion_tokens", c.completion, "total_tokens", c.prompt+c.completion,
			"prompt_tokens_details", obj(
				"text_tokens", c.prompt, "cached_tokens", 0, "audio_tokens", 0, "image_tokens", 0,
			).laid(prompt),
			"completion_tokens_details", obj(
				"reasoning_tokens", c.reasoning, "audio_tokens", c.audio,
				"accepted_prediction_tokens", 0, "rejected_prediction_tokens", 0,
			).laid(completion),
			"prompt_cache_hit_tokens", 0, "prompt_cache_miss_tokens", c.prompt,
		).laid(layout)
	}
}

// uuid is a bare UUID from a digest.
func uuid(seed string) string {
	d := digest(seed, "uuid") + digest(seed, "more")
	return d[:8] + "-" + d[8:12] + "-" + d[12:16] + "-" + d[16:20] + "-" + d[20:32]
}

// prefixed makes ids of a prefix and so many characters of a digest.
func prefixed(prefix string, n int) func(string) string {
	return func(digest string) string { return prefix + digest[:n] }
}
