// Package providers is the contract between the gateway and its upstream
// providers: what an adapter is, what it can do, and what it tells of its work.
package providers

import (
	"context"
	"net/http"
	"time"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
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

// Params is what an instance is made from. All members are required but Keys.
type Params struct {
	// Config is the instance's own part of the configuration; its `api_key` is
	// empty.
	Config *configv1.Provider
	// APIKey is its secret. Empty for keyless types, and where Keys has all.
	APIKey string
	// Keys are further secrets, as Config's `keys` label and weigh them: by label.
	Keys map[string]string
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

// CompletionKeeper keeps the chat completions that were made with `store`. Ids are
// the provider's own. One that does not exist is OBJECT_NOT_FOUND.
type CompletionKeeper interface {
	GetChatCompletion(context.Context, *Call[*chatv1.GetChatCompletionRequest]) (*chatv1.ChatCompletion, error)
	ListChatCompletions(context.Context, *Call[*chatv1.ListChatCompletionsRequest]) (*chatv1.ListChatCompletionsResponse, error)
	UpdateChatCompletion(context.Context, *Call[*chatv1.UpdateChatCompletionRequest]) (*chatv1.ChatCompletion, error)
	DeleteChatCompletion(context.Context, *Call[*chatv1.DeleteChatCompletionRequest]) error
	ListChatCompletionMessages(context.Context, *Call[*chatv1.ListChatCompletionMessagesRequest]) (*chatv1.ListChatCompletionMessagesResponse, error)
}

// Embedder turns texts into vectors.
type Embedder interface {
	// Embed returns one vector for each text, in the order of the input. The error is
	// as that of ChatCompletion.
	Embed(context.Context, *EmbedCall) (*embeddingsv1.EmbeddingList, error)
}

// Responder answers responses.
type Responder interface {
	// CreateResponse returns the whole response. The error is as that of
	// ChatCompletion.
	CreateResponse(context.Context, *ResponseCall) (*responsesv1.Response, error)
	// StreamResponse returns once the provider's first event is in hand. The caller
	// closes the stream. Its io.EOF comes after "response.completed", "….incomplete" or
	// "….failed", never without one of them.
	StreamResponse(context.Context, *ResponseCall) (ResponseStream, error)
}

// ResponseKeeper keeps the responses that were made with `store`. Ids are the
// provider's own. One that does not exist is OBJECT_NOT_FOUND.
type ResponseKeeper interface {
	GetResponse(context.Context, *Call[*responsesv1.GetResponseRequest]) (*responsesv1.Response, error)
	// ResumeResponse is as StreamResponse.
	ResumeResponse(context.Context, *Call[*responsesv1.ResumeResponseRequest]) (ResponseStream, error)
	DeleteResponse(context.Context, *Call[*responsesv1.DeleteResponseRequest]) error
	CancelResponse(context.Context, *Call[*responsesv1.CancelResponseRequest]) (*responsesv1.Response, error)
	ListInputItems(context.Context, *Call[*responsesv1.ListInputItemsRequest]) (*responsesv1.ListInputItemsResponse, error)
}

// TokenCounter counts the tokens that an input would have.
type TokenCounter interface {
	CountInputTokens(context.Context, *ResponseCall) (*responsesv1.CountInputTokensResponse, error)
}

// Compactor compacts long contexts.
type Compactor interface {
	CompactResponse(context.Context, *ResponseCall) (*responsesv1.Compaction, error)
}

// ConversationKeeper keeps conversations. Ids are the provider's own. One that does
// not exist is OBJECT_NOT_FOUND.
type ConversationKeeper interface {
	CreateConversation(context.Context, *Call[*conversationsv1.CreateConversationRequest]) (*conversationsv1.Conversation, error)
	GetConversation(context.Context, *Call[*conversationsv1.GetConversationRequest]) (*conversationsv1.Conversation, error)
	UpdateConversation(context.Context, *Call[*conversationsv1.UpdateConversationRequest]) (*conversationsv1.Conversation, error)
	DeleteConversation(context.Context, *Call[*conversationsv1.DeleteConversationRequest]) error
	CreateConversationItems(context.Context, *Call[*conversationsv1.CreateConversationItemsRequest]) (*conversationsv1.ConversationItemList, error)
	ListConversationItems(context.Context, *Call[*conversationsv1.ListConversationItemsRequest]) (*conversationsv1.ConversationItemList, error)
	GetConversationItem(context.Context, *Call[*conversationsv1.GetConversationItemRequest]) (*responsesv1.Item, error)
	DeleteConversationItem(context.Context, *Call[*conversationsv1.DeleteConversationItemRequest]) (*conversationsv1.Conversation, error)
}

// Lossy cannot carry every request as it is asked. Who is not Lossy can.
type Lossy interface {
	// Losses tells what of a request would be lost on the way to the target's model,
	// in the order of the fields' names; nil: nothing. The request is the params of a
	// chat completion, of a response or of embeddings; it is not changed. It makes no
	// network call, and costs next to nothing where nothing is lost.
	Losses(request proto.Message, target *planv1.Target) []*commonv1.Loss
}

// Stream is a reply in pieces. Not safe for concurrent use.
type Stream[M any] interface {
	// Recv returns the next piece; io.EOF after the provider's own end; else a
	// *failure.Error (truncated, stalled, …) or the context's error. A piece belongs
	// to the caller.
	Recv() (M, error)
	// Ready says that Recv will not wait: the next piece, or the end, is here. What
	// was received may then be sent on together with it.
	Ready() bool
	// Close cancels the upstream call if it still runs. Idempotent.
	Close() error
}

// The streams.
type (
	// ChatStream is a chat completion in pieces.
	ChatStream = Stream[*chatv1.ChatCompletionChunk]
	// ResponseStream is a response in events.
	ResponseStream = Stream[*responsesv1.StreamEvent]
)

// Call is a call on its way to a provider.
type Call[P proto.Message] struct {
	// Params is the request. The adapter does not change it.
	Params P
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

// The calls that models answer.
type (
	// ChatCall is a chat completion on its way to a provider.
	ChatCall = Call[*chatv1.ChatCompletionParams]
	// EmbedCall is an embeddings call on its way to a provider.
	EmbedCall = Call[*embeddingsv1.EmbeddingParams]
	// ResponseCall is a response on its way to a provider.
	ResponseCall = Call[*responsesv1.ResponseParams]
)

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
	// Usage is the same by OpenAI's arithmetic, where the provider may count otherwise.
	// Nil: UsageJSON is by it.
	Usage *chatv1.CompletionUsage
}

// Attempt is one upstream call.
type Attempt struct {
	// Provider is the instance that was called.
	Provider string
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
	// UsageJSON is the provider's own usage object of this attempt. Empty: none came.
	UsageJSON string
}
