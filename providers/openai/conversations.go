package openai

import (
	"context"
	"net/http"

	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// conversationKeeper keeps conversations.
type conversationKeeper struct{ o *Provider }

var _ providers.ConversationKeeper = conversationKeeper{}

const (
	conversationsPath = "conversations"
	itemsPath         = "items"
)

// CreateConversation implements providers.ConversationKeeper.
func (k conversationKeeper) CreateConversation(ctx context.Context, c *providers.Call[*conversationsv1.CreateConversationRequest]) (*conversationsv1.Conversation, error) {
	s, err := object(k.o, c, http.MethodPost, nil, conversationsPath)
	if err != nil {
		return nil, err
	}
	return k.conversation(ctx, s, func(b []byte) []byte {
		return codec.AppendConversationParams(b, c.Params.GetParams(), wire.Request)
	})
}

// GetConversation implements providers.ConversationKeeper.
func (k conversationKeeper) GetConversation(ctx context.Context, c *providers.Call[*conversationsv1.GetConversationRequest]) (*conversationsv1.Conversation, error) {
	s, err := object(k.o, c, http.MethodGet, nil, conversationsPath, c.Params.GetConversationId())
	if err != nil {
		return nil, err
	}
	return k.conversation(ctx, s, nil)
}

// UpdateConversation implements providers.ConversationKeeper.
func (k conversationKeeper) UpdateConversation(ctx context.Context, c *providers.Call[*conversationsv1.UpdateConversationRequest]) (*conversationsv1.Conversation, error) {
	s, err := object(k.o, c, http.MethodPost, nil, conversationsPath, c.Params.GetConversationId())
	if err != nil {
		return nil, err
	}
	return k.conversation(ctx, s, func(b []byte) []byte {
		return labelled(codec.AppendUpdateConversationParams(b, c.Params.GetParams(), wire.Request), c.Params.GetParams())
	})
}

// DeleteConversation implements providers.ConversationKeeper.
func (k conversationKeeper) DeleteConversation(ctx context.Context, c *providers.Call[*conversationsv1.DeleteConversationRequest]) error {
	return drop(ctx, k.o, c, conversationsPath, c.Params.GetConversationId())
}

// CreateConversationItems implements providers.ConversationKeeper.
func (k conversationKeeper) CreateConversationItems(ctx context.Context, c *providers.Call[*conversationsv1.CreateConversationItemsRequest]) (*conversationsv1.ConversationItemList, error) {
	s, err := object(k.o, c, http.MethodPost, includes(c.Params.GetInclude()), conversationsPath, c.Params.GetConversationId(), itemsPath)
	if err != nil {
		return nil, err
	}
	return k.items(ctx, s, func(b []byte) []byte {
		return codec.AppendConversationItemsParams(b, c.Params.GetParams(), wire.Request)
	})
}

// ListConversationItems implements providers.ConversationKeeper.
func (k conversationKeeper) ListConversationItems(ctx context.Context, c *providers.Call[*conversationsv1.ListConversationItemsRequest]) (*conversationsv1.ConversationItemList, error) {
	p := c.Params
	s, err := object(k.o, c, http.MethodGet, page(includes(p.GetInclude()), p.After, p.Limit, p.Order), conversationsPath, p.GetConversationId(), itemsPath)
	if err != nil {
		return nil, err
	}
	return k.items(ctx, s, nil)
}

// GetConversationItem implements providers.ConversationKeeper.
func (k conversationKeeper) GetConversationItem(ctx context.Context, c *providers.Call[*conversationsv1.GetConversationItemRequest]) (*responsesv1.Item, error) {
	s, err := object(k.o, c, http.MethodGet, includes(c.Params.GetInclude()), conversationsPath, c.Params.GetConversationId(), itemsPath, c.Params.GetItemId())
	if err != nil {
		return nil, err
	}
	m := new(responsesv1.Item)
	if err := do(ctx, k.o, s, m, codec.DecodeItem); err != nil {
		return nil, missing(err)
	}
	return m, nil
}

// DeleteConversationItem implements providers.ConversationKeeper.
func (k conversationKeeper) DeleteConversationItem(ctx context.Context, c *providers.Call[*conversationsv1.DeleteConversationItemRequest]) (*conversationsv1.Conversation, error) {
	s, err := object(k.o, c, http.MethodDelete, nil, conversationsPath, c.Params.GetConversationId(), itemsPath, c.Params.GetItemId())
	if err != nil {
		return nil, err
	}
	return k.conversation(ctx, s, nil)
}

// labelled is a change of labels that says so also where it removes them all.
func labelled(b []byte, p interface {
	GetMetadata() map[string]string
	GetExtraJson() string
}) []byte {
	if _, odd := wire.Member(p.GetExtraJson(), "metadata"); odd || len(p.GetMetadata()) > 0 {
		return b
	}
	b = b[:len(b)-1]
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	return append(b, `"metadata":{}}`...)
}

// conversation makes a call whose reply is a conversation. body writes what is sent;
// nil: nothing.
func (k conversationKeeper) conversation(ctx context.Context, s *sending, body func([]byte) []byte) (*conversationsv1.Conversation, error) {
	m := new(conversationsv1.Conversation)
	if err := send(ctx, k.o, s, body, m, codec.DecodeConversation); err != nil {
		return nil, err
	}
	return m, nil
}

// items makes a call whose reply is a list of items.
func (k conversationKeeper) items(ctx context.Context, s *sending, body func([]byte) []byte) (*conversationsv1.ConversationItemList, error) {
	m := new(conversationsv1.ConversationItemList)
	if err := send(ctx, k.o, s, body, m, codec.DecodeConversationItemList); err != nil {
		return nil, err
	}
	return m, nil
}

// send makes a call about a stored object, whose reply is a message.
func send[M any](ctx context.Context, o *Provider, s *sending, body func([]byte) []byte, m M, decode func(string, M, wire.Limits) error) error {
	if body != nil {
		s.encode(body)
		defer s.release()
	}
	return missing(do(ctx, o, s, m, decode))
}
