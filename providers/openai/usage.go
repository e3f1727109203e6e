package openai

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// mendUsage brings a usage to OpenAI's arithmetic, in which details are parts of their
// totals. Nil stays nil.
func mendUsage(u *chatv1.CompletionUsage) {
	if u == nil {
		return
	}
	if u.GetPromptTokensDetails().GetCachedTokens() == 0 {
		if hit, ok := count(u.GetExtraJson(), "prompt_cache_hit_tokens"); ok { // DeepSeek
			if u.PromptTokensDetails == nil {
				u.PromptTokensDetails = new(chatv1.PromptTokensDetails)
			}
			u.PromptTokensDetails.CachedTokens = proto.Int32(hit)
		}
	}
	in, out, total := int64(u.GetPromptTokens()), int64(u.GetCompletionTokens()), int64(u.GetTotalTokens())
	reasoning := int64(u.GetCompletionTokensDetails().GetReasoningTokens())
	switch {
	case reasoning > 0 && total == in+out+reasoning: // xAI: the total says that the output is without it
		u.CompletionTokens += int32(reasoning) //nolint:gosec // the sum is within the total
	case total == 0:
		u.TotalTokens = u.GetPromptTokens() + u.GetCompletionTokens()
	}
}

// usageElsewhere is the usage that Groq has in a place of its own; nil: none.
func usageElsewhere(extra string) *chatv1.CompletionUsage {
	text := usageElsewhereOf(extra)
	if text == "" {
		return nil
	}
	u := new(chatv1.CompletionUsage)
	if codec.DecodeCompletionUsage(text, u, wire.Limits{}) != nil {
		return nil
	}
	return u
}

// usageElsewhereOf is the text of it; "": none.
func usageElsewhereOf(extra string) string {
	for _, name := range []string{"x_groq", "usage"} {
		if extra, _ = wire.Member(extra, name); extra == "" || extra[0] != '{' {
			return ""
		}
	}
	return strings.Clone(extra) // without the reply around it
}

// count is a member that counts tokens.
func count(extra, name string) (int32, bool) {
	text, _ := wire.Member(extra, name)
	n, err := strconv.ParseInt(text, 10, 32)
	return int32(n), err == nil && n >= 0
}
