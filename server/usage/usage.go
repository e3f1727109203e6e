// Package usage counts the tokens of calls, one way for all providers.
package usage

import (
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
)

// OfCompletion tells OpenAI's arithmetic apart into disjoint classes: its details
// are parts of their totals. Classes that the provider did not report stay unset.
// Nil gives nil: nothing is known.
func OfCompletion(u *chatv1.CompletionUsage) *usagev1.TokenUsage {
	if u == nil {
		return nil
	}
	in, out := u.GetPromptTokensDetails(), u.GetCompletionTokensDetails()
	usage := &usagev1.TokenUsage{}
	if in != nil {
		usage.CacheRead = in.CachedTokens
		usage.InputAudio = in.AudioTokens
		usage.InputImage = in.ImageTokens
		if written := in.GetCacheWriteTokens(); written > 0 {
			usage.CacheWrites = []*usagev1.CacheWrite{{Tokens: written}}
		}
	}
	usage.Input = rest(u.GetPromptTokens(), in.GetCachedTokens(), in.GetAudioTokens(), in.GetImageTokens(), in.GetCacheWriteTokens())
	if out != nil {
		usage.Reasoning = out.ReasoningTokens
		usage.OutputAudio = out.AudioTokens
		usage.RejectedPrediction = out.RejectedPredictionTokens
	}
	usage.Output = rest(u.GetCompletionTokens(), out.GetReasoningTokens(), out.GetAudioTokens(), out.GetRejectedPredictionTokens())
	return usage
}

// OfResponse is OfCompletion for the usage of a response.
func OfResponse(u *responsesv1.ResponseUsage) *usagev1.TokenUsage {
	if u == nil {
		return nil
	}
	in, out := u.GetInputTokensDetails(), u.GetOutputTokensDetails()
	usage := &usagev1.TokenUsage{
		Input:  rest(u.GetInputTokens(), in.GetCachedTokens(), in.GetCacheWriteTokens()),
		Output: rest(u.GetOutputTokens(), out.GetReasoningTokens()),
	}
	if in != nil {
		usage.CacheRead = new(in.GetCachedTokens())
		if written := in.GetCacheWriteTokens(); written > 0 {
			usage.CacheWrites = []*usagev1.CacheWrite{{Tokens: written}}
		}
	}
	if out != nil {
		usage.Reasoning = new(out.GetReasoningTokens())
	}
	return usage
}

// OfEmbeddings is OfCompletion for the usage of embeddings, which have no output.
func OfEmbeddings(u *embeddingsv1.EmbeddingUsage) *usagev1.TokenUsage {
	if u == nil {
		return nil
	}
	return &usagev1.TokenUsage{Input: rest(u.GetPromptTokens())}
}

// rest is what a total leaves beside its parts. Parts that exceed it leave nothing,
// never less.
func rest(total int32, parts ...int32) *int32 {
	for _, part := range parts {
		total -= part
	}
	total = max(total, 0)
	return &total
}
