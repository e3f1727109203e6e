package service

import (
	"context"
	"unicode/utf8"

	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/responses"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// ConversationsDeps is what conversations need. All members are required.
type ConversationsDeps struct {
	// Keepers are the provider instances that keep conversations, by name.
	Keepers map[string]providers.ConversationKeeper
	// Objects keeps all others.
	Objects *objects.Keeper
}

// Conversations is the ConversationsService.
type Conversations struct {
	conversationsv1.UnimplementedConversationsServiceServer
	deps ConversationsDeps
}

// NewConversations returns the ConversationsService.
func NewConversations(deps ConversationsDeps) *Conversations { return &Conversations{deps: deps} }

// maxItems is how many items a request may bring.
const maxItems = 20

func checkItems(items []*responsesv1.Item) error {
	if len(items) > maxItems {
		return wrong("items", "`items` may have up to 20 items.")
	}
	for _, item := range items {
		if item.GetItemReference() != nil {
			return wrong("items", "A conversation takes items, not references to them.")
		}
	}
	return nil
}

// id is the id that whoever keeps the conversation of a call knows it by.
func (s *Conversations) id(c *call.Call, id string) (string, error) {
	return upstreamID(c, s.deps.Objects, objects.KindConversation, id)
}

// CreateConversation makes a conversation.
func (s *Conversations) CreateConversation(ctx context.Context, req *conversationsv1.CreateConversationRequest) (*conversationsv1.CreateConversationResponse, error) {
	c := call.From(ctx)
	if err := checkItems(req.GetParams().GetItems()); err != nil {
		return nil, err
	}
	if err := checkLabels(req.GetParams().GetMetadata()); err != nil {
		return nil, err
	}
	var made *conversationsv1.Conversation
	var err error
	if atProvider(c) {
		objects.Renamed(req.GetParams().GetItems())
		made, err = ask(ctx, s.deps.Keepers, &conversationsv1.CreateConversationRequest{Params: req.GetParams()}, providers.ConversationKeeper.CreateConversation)
	} else {
		made, err = s.deps.Objects.CreateConversation(ctx, ownerOf(c), req.GetParams())
	}
	if err != nil {
		return nil, err
	}
	s.naming(c).Conversation(made)
	return &conversationsv1.CreateConversationResponse{Conversation: made, Info: ended(c)}, nil
}

func (s *Conversations) naming(c *call.Call) *objects.Naming { return namingOf(c, s.deps.Objects) }

// GetConversation returns a conversation.
func (s *Conversations) GetConversation(ctx context.Context, req *conversationsv1.GetConversationRequest) (*conversationsv1.GetConversationResponse, error) {
	c := call.From(ctx)
	id, err := s.id(c, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	var found *conversationsv1.Conversation
	if atProvider(c) {
		found, err = ask(ctx, s.deps.Keepers, &conversationsv1.GetConversationRequest{ConversationId: id}, providers.ConversationKeeper.GetConversation)
	} else {
		found, err = s.deps.Objects.Conversation(ctx, ownerOf(c), id)
	}
	if err != nil {
		return nil, err
	}
	s.naming(c).Conversation(found)
	return &conversationsv1.GetConversationResponse{Conversation: found, Info: ended(c)}, nil
}

// UpdateConversation replaces the labels of a conversation.
func (s *Conversations) UpdateConversation(ctx context.Context, req *conversationsv1.UpdateConversationRequest) (*conversationsv1.UpdateConversationResponse, error) {
	c := call.From(ctx)
	id, err := s.id(c, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	if err := checkLabels(req.GetParams().GetMetadata()); err != nil {
		return nil, err
	}
	var changed *conversationsv1.Conversation
	if atProvider(c) {
		changed, err = ask(ctx, s.deps.Keepers, &conversationsv1.UpdateConversationRequest{ConversationId: id, Params: req.GetParams()}, providers.ConversationKeeper.UpdateConversation)
	} else {
		changed, err = s.deps.Objects.UpdateConversation(ctx, ownerOf(c), id, req.GetParams().GetMetadata())
	}
	if err != nil {
		return nil, err
	}
	s.naming(c).Conversation(changed)
	return &conversationsv1.UpdateConversationResponse{Conversation: changed, Info: ended(c)}, nil
}

// DeleteConversation deletes a conversation.
func (s *Conversations) DeleteConversation(ctx context.Context, req *conversationsv1.DeleteConversationRequest) (*conversationsv1.DeleteConversationResponse, error) {
	c := call.From(ctx)
	id, err := s.id(c, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	if atProvider(c) {
		_, err = ask(ctx, s.deps.Keepers, &conversationsv1.DeleteConversationRequest{ConversationId: id}, done(providers.ConversationKeeper.DeleteConversation))
	} else {
		err = s.deps.Objects.DeleteConversation(ctx, ownerOf(c), id)
	}
	if err != nil {
		return nil, err
	}
	return &conversationsv1.DeleteConversationResponse{Id: req.GetConversationId(), Deleted: true}, nil
}

// CreateConversationItems adds items to a conversation.
func (s *Conversations) CreateConversationItems(ctx context.Context, req *conversationsv1.CreateConversationItemsRequest) (*conversationsv1.CreateConversationItemsResponse, error) {
	c := call.From(ctx)
	id, err := s.id(c, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	items := req.GetParams().GetItems()
	if len(items) == 0 {
		return nil, wrong("items", "`items` must have an item.")
	}
	if err := checkItems(items); err != nil {
		return nil, err
	}
	var list *conversationsv1.ConversationItemList
	if atProvider(c) {
		objects.Renamed(items)
		list, err = ask(ctx, s.deps.Keepers, &conversationsv1.CreateConversationItemsRequest{ConversationId: id, Include: req.GetInclude(), Params: req.GetParams()},
			providers.ConversationKeeper.CreateConversationItems)
	} else {
		list, err = s.deps.Objects.AddItems(ctx, ownerOf(c), id, items)
	}
	if err != nil {
		return nil, err
	}
	s.show(c, id, list, req.GetInclude())
	return &conversationsv1.CreateConversationItemsResponse{Items: list, Info: ended(c)}, nil
}

// show makes a page of items its owner's to see.
func (s *Conversations) show(c *call.Call, id string, list *conversationsv1.ConversationItemList, include []string) {
	if !atProvider(c) {
		responses.Hide(list.GetData(), include)
	}
	s.naming(c).ItemList(id, list)
}

// ListConversationItems lists the items of a conversation.
func (s *Conversations) ListConversationItems(ctx context.Context, req *conversationsv1.ListConversationItemsRequest) (*conversationsv1.ListConversationItemsResponse, error) {
	c := call.From(ctx)
	id, err := s.id(c, req.GetConversationId())
	if err != nil {
		return nil, err
	}
	after, err := afterItem(c, s.deps.Objects, req.After)
	if err != nil {
		return nil, err
	}
	page, err := pageOf(after, req.Limit, req.Order, true)
	if err != nil {
		return nil, err
	}
	var list *conversationsv1.ConversationItemList
	if atProvider(c) {
		list, err = ask(ctx, s.deps.Keepers, &conversationsv1.ListConversationItemsRequest{
			ConversationId: id, Include: req.GetInclude(), After: after, Limit: capped(req.Limit), Order: req.Order,
		}, providers.ConversationKeeper.ListConversationItems)
	} else {
		list, err = s.deps.Objects.ConversationItems(ctx, ownerOf(c), id, page)
	}
	if err != nil {
		return nil, err
	}
	s.show(c, id, list, req.GetInclude())
	return &conversationsv1.ListConversationItemsResponse{Items: list, Info: ended(c)}, nil
}

// ids are those of a conversation and of an item of it.
func (s *Conversations) ids(c *call.Call, conversation, item string) (id, of string, err error) {
	if id, err = s.id(c, conversation); err != nil {
		return "", "", err
	}
	of, err = itemID(c, s.deps.Objects, item)
	return id, of, err
}

// GetConversationItem returns an item of a conversation.
func (s *Conversations) GetConversationItem(ctx context.Context, req *conversationsv1.GetConversationItemRequest) (*conversationsv1.GetConversationItemResponse, error) {
	c := call.From(ctx)
	id, item, err := s.ids(c, req.GetConversationId(), req.GetItemId())
	if err != nil {
		return nil, err
	}
	var found *responsesv1.Item
	if atProvider(c) {
		found, err = ask(ctx, s.deps.Keepers, &conversationsv1.GetConversationItemRequest{ConversationId: id, ItemId: item, Include: req.GetInclude()},
			providers.ConversationKeeper.GetConversationItem)
	} else {
		found, err = s.deps.Objects.ConversationItem(ctx, ownerOf(c), id, item)
	}
	if err != nil {
		return nil, err
	}
	list := &conversationsv1.ConversationItemList{Data: []*responsesv1.Item{found}}
	s.show(c, id, list, req.GetInclude())
	return &conversationsv1.GetConversationItemResponse{Item: found, Info: ended(c)}, nil
}

// DeleteConversationItem deletes an item of a conversation.
func (s *Conversations) DeleteConversationItem(ctx context.Context, req *conversationsv1.DeleteConversationItemRequest) (*conversationsv1.DeleteConversationItemResponse, error) {
	c := call.From(ctx)
	id, item, err := s.ids(c, req.GetConversationId(), req.GetItemId())
	if err != nil {
		return nil, err
	}
	var left *conversationsv1.Conversation
	if atProvider(c) {
		left, err = ask(ctx, s.deps.Keepers, &conversationsv1.DeleteConversationItemRequest{ConversationId: id, ItemId: item}, providers.ConversationKeeper.DeleteConversationItem)
	} else {
		left, err = s.deps.Objects.DeleteConversationItem(ctx, ownerOf(c), id, item)
	}
	if err != nil {
		return nil, err
	}
	s.naming(c).Conversation(left)
	return &conversationsv1.DeleteConversationItemResponse{Conversation: left, Info: ended(c)}, nil
}

// checkLabels bounds labels as OpenAI does.
func checkLabels(labels map[string]string) error {
	if len(labels) > 16 {
		return wrong("metadata", "`metadata` may have up to 16 members.")
	}
	for name, value := range labels {
		if utf8.RuneCountInString(name) > 64 || utf8.RuneCountInString(value) > 512 {
			return wrong("metadata", "Names in `metadata` may have up to 64 characters, values up to 512.")
		}
	}
	return nil
}
