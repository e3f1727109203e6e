package demo

import (
	"iter"
	"unicode"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
)

// longestWord is where a text without spaces is cut.
const longestWord = 20

// words cuts a text into tokens: each is a word with the space behind it. Together
// they are the text.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		start, length, spaced := 0, 0, false
		for i, r := range text {
			space := unicode.IsSpace(r)
			if i > start && (spaced && !space || length == longestWord) {
				if !yield(text[start:i]) {
					return
				}
				start, length = i, 0
			}
			spaced = space
			length++
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}

func count(text string) int32 {
	var n int32
	for range words(text) {
		n++
	}
	return n
}

// usage counts the words of the messages, a part that is no text as one, and those
// of the reply once for each choice.
func (r *request) usage(answer *reply) *chatv1.CompletionUsage {
	usage := &chatv1.CompletionUsage{
		PromptTokensDetails:     &chatv1.PromptTokensDetails{CachedTokens: new(int32(0))},
		CompletionTokensDetails: &chatv1.CompletionTokensDetails{ReasoningTokens: new(int32(0))},
	}
	for _, message := range r.messages {
		text, others := textOf(message)
		usage.PromptTokens += count(text) + int32(others) //nolint:gosec // no request has that many
	}
	usage.CompletionTokens = int32(len(answer.tokens) * r.choices) //nolint:gosec // bounded by maxEcho, maxExample and maxChoices
	usage.TotalTokens = usage.GetPromptTokens() + usage.GetCompletionTokens()
	return usage
}
