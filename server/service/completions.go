package service

import (
	"context"
	"errors"
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/audit"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
)

// keeping is a completion that shall be kept.
type keeping struct {
	service  *Chat
	params   *chatv1.ChatCompletionParams
	owner    string
	instance string // that keeps it, too. Empty: none does
	id       string // by which it is kept; empty: not known yet
	names    *objects.Naming
	pieces   *audit.Chat // of a stream
}

// keeping is how the completion of a call is kept. Nil: it is not.
func (s *Chat) keeping(c *call.Call, params *chatv1.ChatCompletionParams) *keeping {
	if !params.GetStore() {
		return nil
	}
	k := &keeping{service: s, params: params, owner: ownerOf(c), pieces: audit.NewChat(maxKept)}
	if target := c.Outcome.Target; target.GetEmulated() {
		k.id = objects.NewCompletionID()
	} else {
		k.instance = target.GetProvider()
	}
	k.names = s.deps.Objects.Naming(k.instance, k.owner)
	return k
}

// maxKept is how large a streamed completion may be that is kept.
const maxKept = 32 << 20

// chunk takes a piece down, and gives it the id that its owner asks for it by.
func (k *keeping) chunk(chunk *chatv1.ChatCompletionChunk) {
	if k == nil {
		return
	}
	if k.id == "" {
		k.id = chunk.GetId()
	}
	k.pieces.Add(chunk)
	chunk.Id = k.names.CompletionID(k.id)
}

// end keeps a completion that came in pieces.
func (k *keeping) end(ctx context.Context) error {
	if k == nil {
		return nil
	}
	whole := k.pieces.Completion()
	if whole == nil {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_REQUEST_TOO_LARGE, "The completion is larger than the gateway keeps.")
	}
	return k.keep(ctx, whole)
}

// keep keeps a whole completion, and gives it the id that its owner asks for it by.
func (k *keeping) keep(ctx context.Context, completion *chatv1.ChatCompletion) error {
	if k == nil {
		return nil
	}
	if k.id == "" {
		k.id = completion.GetId()
	}
	completion.Id = k.id
	err := k.service.deps.Objects.KeepCompletion(ctx, k.owner, k.instance, k.params, completion)
	completion.Id = k.names.CompletionID(k.id)
	return err
}

// ref is the stored completion that a call is about.
func (s *Chat) ref(c *call.Call, id string) (objectid.Ref, error) {
	ref, _, err := s.deps.Objects.Open(objects.KindCompletion, id, ownerOf(c), mayUseRaw(c))
	return ref, err
}

// GetChatCompletion returns a stored completion.
func (s *Chat) GetChatCompletion(ctx context.Context, req *chatv1.GetChatCompletionRequest) (*chatv1.GetChatCompletionResponse, error) {
	c := call.From(ctx)
	ref, err := s.ref(c, req.GetCompletionId())
	if err != nil {
		return nil, err
	}
	var completion *chatv1.ChatCompletion
	if atProvider(c) {
		completion, err = ask(ctx, s.deps.Keepers, &chatv1.GetChatCompletionRequest{CompletionId: ref.UpstreamID}, providers.CompletionKeeper.GetChatCompletion)
	} else {
		completion, err = s.deps.Objects.Completion(ctx, ownerOf(c), "", ref.UpstreamID)
	}
	if err != nil {
		return nil, err
	}
	namingOf(c, s.deps.Objects).Completion(completion)
	return &chatv1.GetChatCompletionResponse{Completion: completion, Info: ended(c)}, nil
}

// ListChatCompletions lists the owner's stored completions, at whatever provider.
func (s *Chat) ListChatCompletions(ctx context.Context, req *chatv1.ListChatCompletionsRequest) (*chatv1.ListChatCompletionsResponse, error) {
	c := call.From(ctx)
	page, err := pageOf(nil, req.Limit, req.Order, false)
	if err != nil {
		return nil, err
	}
	var after *objectid.Ref
	if id := req.GetAfter(); id != "" {
		ref, _, err := s.deps.Objects.Open(objects.KindCompletion, id, ownerOf(c), false)
		if err != nil {
			return nil, noCursor()
		}
		after = &ref
	}
	return s.deps.Objects.Completions(ctx, ownerOf(c), req.GetModel(), req.GetMetadata(), after, page)
}

// UpdateChatCompletion replaces the labels of a stored completion.
func (s *Chat) UpdateChatCompletion(ctx context.Context, req *chatv1.UpdateChatCompletionRequest) (*chatv1.UpdateChatCompletionResponse, error) {
	c := call.From(ctx)
	ref, err := s.ref(c, req.GetCompletionId())
	if err != nil {
		return nil, err
	}
	labels := req.GetParams().GetMetadata()
	if err := checkLabels(labels); err != nil {
		return nil, err
	}
	var completion *chatv1.ChatCompletion
	if atProvider(c) {
		completion, err = ask(ctx, s.deps.Keepers, &chatv1.UpdateChatCompletionRequest{CompletionId: ref.UpstreamID, Params: req.GetParams()}, providers.CompletionKeeper.UpdateChatCompletion)
		if err == nil {
			_, err = s.deps.Objects.UpdateCompletion(ctx, ownerOf(c), c.Outcome.Target.GetProvider(), ref.UpstreamID, labels)
			err = unlessMissing(err)
		}
	} else {
		completion, err = s.deps.Objects.UpdateCompletion(ctx, ownerOf(c), "", ref.UpstreamID, labels)
	}
	if err != nil {
		return nil, err
	}
	namingOf(c, s.deps.Objects).Completion(completion)
	return &chatv1.UpdateChatCompletionResponse{Completion: completion, Info: ended(c)}, nil
}

// DeleteChatCompletion deletes a stored completion.
func (s *Chat) DeleteChatCompletion(ctx context.Context, req *chatv1.DeleteChatCompletionRequest) (*chatv1.DeleteChatCompletionResponse, error) {
	c := call.From(ctx)
	ref, err := s.ref(c, req.GetCompletionId())
	if err != nil {
		return nil, err
	}
	if atProvider(c) {
		_, err = ask(ctx, s.deps.Keepers, &chatv1.DeleteChatCompletionRequest{CompletionId: ref.UpstreamID}, done(providers.CompletionKeeper.DeleteChatCompletion))
		if unlessMissing(err) == nil { // what is gone there is not listed here
			known := s.deps.Objects.DeleteCompletion(ctx, ownerOf(c), c.Outcome.Target.GetProvider(), ref.UpstreamID)
			err = errors.Join(err, unlessMissing(known))
		}
	} else {
		err = s.deps.Objects.DeleteCompletion(ctx, ownerOf(c), "", ref.UpstreamID)
	}
	if err != nil {
		return nil, err
	}
	return &chatv1.DeleteChatCompletionResponse{Id: req.GetCompletionId(), Deleted: true}, nil
}

// unlessMissing is an error, unless it says that there is nothing: what a provider keeps
// outlives what the gateway knows of it.
func unlessMissing(err error) error {
	if failed := failure.As(err); failed != nil && failed.Reason == commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND {
		return nil
	}
	return err
}

// ListChatCompletionMessages lists the messages that led to a stored completion.
func (s *Chat) ListChatCompletionMessages(ctx context.Context, req *chatv1.ListChatCompletionMessagesRequest) (*chatv1.ListChatCompletionMessagesResponse, error) {
	c := call.From(ctx)
	ref, err := s.ref(c, req.GetCompletionId())
	if err != nil {
		return nil, err
	}
	page, err := pageOf(req.After, req.Limit, req.Order, false)
	if err != nil {
		return nil, err
	}
	if page.After, err = s.placeOf(c, page.After, ref); err != nil {
		return nil, err
	}
	if atProvider(c) {
		if page.After != "" {
			page.After = ref.UpstreamID + "-" + page.After
		}
		list, err := ask(ctx, s.deps.Keepers, &chatv1.ListChatCompletionMessagesRequest{
			CompletionId: ref.UpstreamID, After: given(page.After), Limit: capped(req.Limit), Order: req.Order,
		}, providers.CompletionKeeper.ListChatCompletionMessages)
		if err == nil {
			namingOf(c, s.deps.Objects).Messages(ref.UpstreamID, list)
		}
		return list, err
	}
	return s.deps.Objects.Messages(ctx, ownerOf(c), "", ref.UpstreamID, page)
}

// placeOf is the place of a message that a page begins after, which its id has behind
// that of its completion. Empty: at the beginning.
func (s *Chat) placeOf(c *call.Call, after string, ref objectid.Ref) (string, error) {
	if after == "" {
		return "", nil
	}
	end := strings.LastIndexByte(after, '-')
	if end < 0 {
		return "", noCursor()
	}
	of, err := s.ref(c, after[:end])
	if err != nil || of.UpstreamID != ref.UpstreamID {
		return "", noCursor()
	}
	return after[end+1:], nil
}
