// Package providers is the contract between the gateway and its upstream
// providers: what an adapter is, what it can do, and what it tells of its work.
package providers

import (
	"context"
	"net/http"
	"time"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
)

// Type is a kind of provider. `builtin` has the slice of all of them.
type Type struct {
	// Name is the type's name, "openai": the prefix of its variables in the
	// environment, in upper case, and `type` in the file.
	Name string
	// BaseURL is where its API is unless configured otherwise.
	BaseURL string
	// Keyless says that it needs no API key.
	Keyless bool
	// Dialect is the API that it speaks.
	Dialect Dialect
	// New makes an instance. It makes no network call.
	New func(Params) (Provider, error)
}

// Dialect is an API that providers speak. Requests in a provider's own dialect go
// through byte for byte.
type Dialect uint8

const (
	// DialectOwn is one that requests are translated for.
	DialectOwn Dialect = iota
	// DialectOpenAI is OpenAI's.
	DialectOpenAI
)

// Params is what an instance is made from. All members are required.
type Params struct {
	// Config is the instance's own part of the configuration; its `api_key` is
	// empty.
	Config *configv1.Provider
	// APIKey is its secret. Empty for keyless types.
	APIKey string
	// Upstream says how calls are retried and bounded. All its members are set.
	Upstream *configv1.Upstream
	// Version is the gateway's version, for the user agent.
	Version string
}

// Provider is one configured instance. What it can do beside having a name are the
// small interfaces below, asked for by assertion. Safe for concurrent use.
type Provider interface {
	// Name is the instance's name.
	Name() string
	// Type is the name of its type.
	Type() string
	// Close ends idle connections. Calls under way go on.
	Close() error
}

// Lister can tell its models.
type Lister interface {
	// ListModels asks the provider. The ids are the provider's own names.
	ListModels(context.Context) ([]*modelsv1.Model, error)
}

// Chatter answers chat completions.
type Chatter interface {
	// ChatCompletion returns the whole reply. The error is a *failure.Error, or
	// the context's.
	ChatCompletion(context.Context, *ChatCall) (*chatv1.ChatCompletion, error)
	// StreamChatCompletion returns once the provider's first chunk is in hand, so
	// that a failure before it is a plain error. The caller closes the stream.
	StreamChatCompletion(context.Context, *ChatCall) (ChatStream, error)
}

// ChatStream is a reply in pieces. Not safe for concurrent use.
type ChatStream interface {
	// Recv returns the next chunk; io.EOF after the provider's own end; else a
	// *failure.Error (truncated, stalled, …) or the context's error. A chunk
	// belongs to the caller.
	Recv() (*chatv1.ChatCompletionChunk, error)
	// Ready says that Recv will not wait: the next chunk, or the end, is here. What
	// was received may then be sent on together with it.
	Ready() bool
	// Close cancels the upstream call if it still runs. Idempotent.
	Close() error
}

// ChatCall is a chat completion on its way to a provider.
type ChatCall struct {
	// Params is the request. The adapter does not change it.
	Params *chatv1.ChatCompletionParams
	// Target is where it goes: the model is taken from here, not from Params.
	Target *planv1.Target
	// Retry bounds attempts and waits.
	Retry *planv1.RetryPolicy
	// Patch allows the adapter to apply the target's parameter rules, and to ask
	// for usage in Meter's stead.
	Patch bool
	// Meter asks for a stream's usage, where Patch allows it.
	Meter bool
	// RequestID is the call's request id, for the provider's own logs.
	RequestID string
	// Exchange takes what happened. Required.
	Exchange *Exchange
}

// Exchange is what an adapter tells of the upstream calls that it makes for one
// call. The adapter fills it until ChatCompletion, or the stream's last Recv,
// returns; then its caller reads it.
type Exchange struct {
	// Attempts are the upstream calls, in order; the last one is under way while a
	// stream is.
	Attempts []Attempt
	// Header has the reply headers that callers get: x-ratelimit-*, openai-*.
	Header http.Header
	// UpstreamRequestID is the provider's id of the last attempt.
	UpstreamRequestID string
	// Connected is when the last attempt had its connection. Zero: never.
	Connected time.Time
	// UsageJSON is the provider's own usage object. Empty: it gave none.
	UsageJSON string
}

// Attempt is one upstream call.
type Attempt struct {
	// Model is the model that was asked.
	Model string
	// Start is when it began.
	Start time.Time
	// Duration is how long it took; of a stream, to its end.
	Duration time.Duration
	// HTTPStatus is what the provider answered. 0: nothing.
	HTTPStatus int
	// Reason is why it failed. Unspecified when it did not.
	Reason commonv1.ErrorReason
	// UpstreamRequestID is the provider's id of it.
	UpstreamRequestID string
	// Credential is the label of the credential, never the credential.
	Credential string
}
