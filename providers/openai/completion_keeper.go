package openai

import (
	"context"
	"net/http"
	"net/url"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// completionKeeper keeps the chat completions that were made with `store`.
type completionKeeper struct{ o *Provider }

var _ providers.CompletionKeeper = completionKeeper{}

const (
	chatPath        = "chat"
	completionsPath = "completions"
)

// GetChatCompletion implements providers.CompletionKeeper.
func (k completionKeeper) GetChatCompletion(ctx context.Context, c *providers.Call[*chatv1.GetChatCompletionRequest]) (*chatv1.ChatCompletion, error) {
	s, err := object(k.o, c, http.MethodGet, nil, chatPath, completionsPath, c.Params.GetCompletionId())
	if err != nil {
		return nil, err
	}
	return k.completion(ctx, s, nil)
}

// ListChatCompletions implements providers.CompletionKeeper.
func (k completionKeeper) ListChatCompletions(ctx context.Context, c *providers.Call[*chatv1.ListChatCompletionsRequest]) (*chatv1.ListChatCompletionsResponse, error) {
	p := c.Params
	query := page(url.Values{}, p.After, p.Limit, p.Order)
	if p.Model != nil {
		query.Set("model", p.GetModel())
	}
	for key, value := range p.GetMetadata() {
		query.Set("metadata["+key+"]", value)
	}
	s, err := object(k.o, c, http.MethodGet, query, chatPath, completionsPath)
	if err != nil {
		return nil, err
	}
	m := new(chatv1.ListChatCompletionsResponse)
	return m, send(ctx, k.o, s, nil, m, codec.DecodeListChatCompletionsResponse)
}

// UpdateChatCompletion implements providers.CompletionKeeper.
func (k completionKeeper) UpdateChatCompletion(ctx context.Context, c *providers.Call[*chatv1.UpdateChatCompletionRequest]) (*chatv1.ChatCompletion, error) {
	s, err := object(k.o, c, http.MethodPost, nil, chatPath, completionsPath, c.Params.GetCompletionId())
	if err != nil {
		return nil, err
	}
	return k.completion(ctx, s, func(b []byte) []byte {
		return labelled(codec.AppendUpdateChatCompletionParams(b, c.Params.GetParams(), wire.Request), c.Params.GetParams())
	})
}

// DeleteChatCompletion implements providers.CompletionKeeper.
func (k completionKeeper) DeleteChatCompletion(ctx context.Context, c *providers.Call[*chatv1.DeleteChatCompletionRequest]) error {
	return drop(ctx, k.o, c, chatPath, completionsPath, c.Params.GetCompletionId())
}

// ListChatCompletionMessages implements providers.CompletionKeeper.
func (k completionKeeper) ListChatCompletionMessages(ctx context.Context, c *providers.Call[*chatv1.ListChatCompletionMessagesRequest]) (*chatv1.ListChatCompletionMessagesResponse, error) {
	p := c.Params
	s, err := object(k.o, c, http.MethodGet, page(url.Values{}, p.After, p.Limit, p.Order), chatPath, completionsPath, p.GetCompletionId(), "messages")
	if err != nil {
		return nil, err
	}
	m := new(chatv1.ListChatCompletionMessagesResponse)
	return m, send(ctx, k.o, s, nil, m, codec.DecodeListChatCompletionMessagesResponse)
}

// completion makes a call whose reply is a stored completion.
func (k completionKeeper) completion(ctx context.Context, s *sending, body func([]byte) []byte) (*chatv1.ChatCompletion, error) {
	m := new(chatv1.ChatCompletion)
	if err := send(ctx, k.o, s, body, m, codec.DecodeChatCompletion); err != nil {
		return nil, err
	}
	return m, nil
}
