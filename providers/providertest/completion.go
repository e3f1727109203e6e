package providertest

import "encoding/json"

// The structs of a completion have their members in OpenAI's order. A RawMessage
// with omitempty has three states: left out, null, and a value.

// null is JSON's.
const null = "null"

type completion struct {
	ID                string   `json:"id"`
	Object            string   `json:"object"`
	Created           int64    `json:"created"`
	Model             string   `json:"model"`
	Choices           []choice `json:"choices"`
	Usage             *usage   `json:"usage,omitempty"`
	ServiceTier       string   `json:"service_tier"`
	SystemFingerprint string   `json:"system_fingerprint"`
}

type choice struct {
	Index        int             `json:"index"`
	Message      message         `json:"message"`
	Logprobs     json.RawMessage `json:"logprobs,omitempty"` // left out by models that reason
	FinishReason *string         `json:"finish_reason"`
}

type message struct {
	Role         string            `json:"role"`
	Content      *string           `json:"content"`
	ToolCalls    []toolCall        `json:"tool_calls,omitempty"`
	FunctionCall *function         `json:"function_call,omitempty"`
	Refusal      *string           `json:"refusal"`
	Annotations  []json.RawMessage `json:"annotations"`
	Audio        *audio            `json:"audio,omitempty"`
}

type toolCall struct {
	Index    *int      `json:"index,omitempty"` // in deltas alone
	ID       string    `json:"id,omitempty"`
	Type     string    `json:"type,omitempty"`
	Function *function `json:"function,omitempty"`
	Custom   *custom   `json:"custom,omitempty"`
}

type function struct {
	Name      string `json:"name,omitempty"`
	Arguments string `json:"arguments"`
}

type custom struct {
	Name  string `json:"name,omitempty"`
	Input string `json:"input"`
}

type audio struct {
	ID         string `json:"id,omitempty"`
	Data       string `json:"data,omitempty"`
	ExpiresAt  int64  `json:"expires_at,omitempty"`
	Transcript string `json:"transcript,omitempty"`
}

type usage struct {
	PromptTokens     int           `json:"prompt_tokens"`
	CompletionTokens int           `json:"completion_tokens"`
	TotalTokens      int           `json:"total_tokens"`
	Prompt           promptUsage   `json:"prompt_tokens_details"`
	Completion       completionUse `json:"completion_tokens_details"`
}

type promptUsage struct {
	CachedTokens int `json:"cached_tokens"`
	AudioTokens  int `json:"audio_tokens"`
}

type completionUse struct {
	ReasoningTokens          int `json:"reasoning_tokens"`
	AudioTokens              int `json:"audio_tokens"`
	AcceptedPredictionTokens int `json:"accepted_prediction_tokens"`
	RejectedPredictionTokens int `json:"rejected_prediction_tokens"`
}

type chunk struct {
	ID                string          `json:"id"`
	Object            string          `json:"object"`
	Created           int64           `json:"created"`
	Model             string          `json:"model"`
	ServiceTier       string          `json:"service_tier"`
	SystemFingerprint string          `json:"system_fingerprint"`
	Choices           []chunkChoice   `json:"choices"`
	Usage             json.RawMessage `json:"usage,omitempty"` // left out unless asked for
	Obfuscation       string          `json:"obfuscation,omitempty"`
}

type chunkChoice struct {
	Index        int             `json:"index"`
	Delta        delta           `json:"delta"`
	Logprobs     json.RawMessage `json:"logprobs,omitempty"`
	FinishReason *string         `json:"finish_reason"`
}

type delta struct {
	Role         string          `json:"role,omitempty"`
	Content      json.RawMessage `json:"content,omitempty"`
	ToolCalls    []toolCall      `json:"tool_calls,omitempty"`
	FunctionCall *function       `json:"function_call,omitempty"`
	Refusal      json.RawMessage `json:"refusal,omitempty"`
	Audio        *audio          `json:"audio,omitempty"`
}

type logprobs struct {
	Content []tokenLogprob `json:"content"`
	Refusal []tokenLogprob `json:"refusal"`
}

type tokenLogprob struct {
	Token       string         `json:"token"`
	Logprob     float64        `json:"logprob"`
	Bytes       []int          `json:"bytes"`
	TopLogprobs []tokenLogprob `json:"top_logprobs,omitzero"`
}

// quoted is a text as JSON.
func quoted(s string) json.RawMessage {
	b, _ := marshal(s) // a string cannot fail
	return b
}
