package responses

import (
	"crypto/rand"
	"encoding/hex"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
)

// The statuses of responses and items.
const (
	inProgress = "in_progress"
	completed  = "completed"
	incomplete = "incomplete"
	failed     = "failed"
)

// newID names a thing after its kind, "resp_" and others: 24 random bytes.
func newID(kind string) string {
	var id [24]byte
	_, _ = rand.Read(id[:]) // never fails
	return kind + hex.EncodeToString(id[:])
}

// frame is the response as it is before the model said anything: what was asked, with
// OpenAI's defaults. Those of sampling are the provider's own, so they stay null.
func (r *request) frame() *responsesv1.Response {
	p := r.params
	response := &responsesv1.Response{
		Id:                   newID("resp_"),
		CreatedAt:            time.Now().Unix(),
		Model:                r.target.GetModel(),
		Status:               new(inProgress),
		Background:           new(p.GetBackground()),
		PreviousResponseId:   p.PreviousResponseId,
		Conversation:         p.GetConversationRef(),
		Instructions:         p.Instructions,
		MaxOutputTokens:      p.MaxOutputTokens,
		MaxToolCalls:         p.MaxToolCalls,
		ParallelToolCalls:    new(p.ParallelToolCalls == nil || p.GetParallelToolCalls()),
		Metadata:             p.GetMetadata(),
		Store:                new(p.Store == nil || p.GetStore()),
		Temperature:          p.Temperature,
		TopP:                 p.TopP,
		TopLogprobs:          new(p.GetTopLogprobs()),
		Reasoning:            p.GetReasoning(),
		Text:                 p.GetText(),
		ToolChoice:           p.ToolChoice,
		ToolChoiceObject:     p.GetToolChoiceObject(),
		Tools:                discreet(p.GetTools()),
		Truncation:           p.Truncation, //nolint:staticcheck // deprecated by OpenAI, and still shown
		ServiceTier:          p.ServiceTier,
		User:                 p.User, //nolint:staticcheck // as above
		SafetyIdentifier:     p.SafetyIdentifier,
		PromptCacheKey:       p.PromptCacheKey,
		PromptCacheRetention: p.PromptCacheRetention, //nolint:staticcheck // as above
		PromptCacheOptions:   p.GetPromptCacheOptions(),
		ExtraJson:            r.penalties(),
	}
	if p.Conversation != nil {
		response.Conversation = &responsesv1.ConversationRef{Id: p.GetConversation()}
	}
	if response.ToolChoice == nil && response.ToolChoiceObject == nil {
		response.ToolChoice = new("auto")
	}
	if response.Truncation == nil { //nolint:staticcheck // as above
		response.Truncation = new("disabled") //nolint:staticcheck // as above
	}
	response = proto.CloneOf(response) // the request is its caller's
	if response.Reasoning == nil {
		response.Reasoning = &responsesv1.ReasoningConfig{}
	}
	if response.Text == nil {
		response.Text = &responsesv1.TextConfig{}
	}
	if response.Text.Format == nil {
		response.Text.Format = &responsesv1.TextFormat{Type: "text"}
	}
	return response
}

// penalties are members of a response that have no field.
func (r *request) penalties() string {
	extra := wire.AddMember("", "frequency_penalty", string(wire.AppendDecimal(nil, r.chat.GetFrequencyPenalty())))
	return wire.AddMember(extra, "presence_penalty", string(wire.AppendDecimal(nil, r.chat.GetPresencePenalty())))
}

// usageOf renames what was used. Some providers leave reasoning out of what they call
// output, but not out of the total.
func usageOf(u *chatv1.CompletionUsage) *responsesv1.ResponseUsage {
	output := max(u.GetCompletionTokens(), u.GetTotalTokens()-u.GetPromptTokens())
	return &responsesv1.ResponseUsage{
		InputTokens: u.GetPromptTokens(),
		InputTokensDetails: &responsesv1.InputTokensDetails{
			CachedTokens:     u.GetPromptTokensDetails().GetCachedTokens(),
			CacheWriteTokens: cacheWrites(u.GetPromptTokensDetails()),
		},
		OutputTokens:        output,
		OutputTokensDetails: &responsesv1.OutputTokensDetails{ReasoningTokens: u.GetCompletionTokensDetails().GetReasoningTokens()},
		TotalTokens:         u.GetPromptTokens() + output,
		ExtraJson:           unclaimed(u.GetExtraJson(), (&responsesv1.ResponseUsage{}).ProtoReflect()),
	}
}

func cacheWrites(details *chatv1.PromptTokensDetails) *int32 {
	if details == nil {
		return nil
	}
	return details.CacheWriteTokens
}

// unclaimed are the members of an `extra_json` that a message it moves to has no field
// for.
func unclaimed(extra string, m protoreflect.Message) string {
	out := ""
	for member := range wire.Members(extra) {
		name, value := member.Key, member.Value
		if !claims(m, name) {
			out = wire.AddMember(out, name, value)
		}
	}
	return out
}

// claims says whether a message has a field for a member.
func claims(m protoreflect.Message, name string) bool {
	fields := m.Descriptor().Fields()
	return fields.ByName(protoreflect.Name(name)) != nil || fields.ByName(protoreflect.Name(name+"_json")) != nil
}

// merge is two `extra_json` in one. Of a member that both have, the second counts.
func merge(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	out := ""
	for member := range wire.Members(first) {
		name, value := member.Key, member.Value
		if later, ok := wire.Member(second, name); ok {
			value = later
		}
		out = wire.AddMember(out, name, value)
	}
	for member := range wire.Members(second) {
		name, value := member.Key, member.Value
		if _, ok := wire.Member(first, name); !ok {
			out = wire.AddMember(out, name, value)
		}
	}
	return out
}
