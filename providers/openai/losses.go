package openai

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

var _ providers.Lossy = (*Provider)(nil)

// Fields is what the type takes of requests for chat completions: what Losses goes by.
func (o *Provider) Fields() Fields { return o.quirks.Fields }

// Losses implements providers.Lossy: it writes the request and throws it away.
func (o *Provider) Losses(m proto.Message, target *planv1.Target) []*commonv1.Loss {
	var losses []*commonv1.Loss
	switch given := m.(type) {
	case *chatv1.ChatCompletionParams:
		losses = o.chatLosses(given, o.rules.of(target, true))
	case *responsesv1.ResponseParams:
		losses = responseLosses(given, o.responding.of(target, true))
	case *embeddingsv1.EmbeddingParams:
		losses = o.embeddingLosses(given, o.embedding.of(target, true))
	}
	slices.SortFunc(losses, func(a, b *commonv1.Loss) int { return cmp.Compare(a.GetField(), b.GetField()) })
	return losses
}

func (o *Provider) chatLosses(given *chatv1.ChatCompletionParams, rules []*rules) []*commonv1.Loss {
	if rules == nil {
		return nil
	}
	p := codec.ShallowCopyChatCompletionParams(given)
	p.Model = ""
	var r request
	defer r.release()
	return r.apply(p, rules).losses
}

func responseLosses(given *responsesv1.ResponseParams, rules []*rules) []*commonv1.Loss {
	if rules == nil {
		return nil
	}
	p := codec.ShallowCopyResponseParams(given)
	p.Model = nil
	if !concern(rules, "input") {
		p.Input, p.InputJson, p.InputItems = nil, "", nil
	}
	if !concern(rules, "tools") {
		p.ToolsJson, p.Tools = "", nil
	}
	return rewrite(string(codec.AppendResponseParams(nil, p, wire.Request)), rules).losses
}

func (o *Provider) embeddingLosses(given *embeddingsv1.EmbeddingParams, rules []*rules) []*commonv1.Loss {
	if o.quirks.Embeddings == nil {
		return nil
	}
	losses := o.quirks.Embeddings.tokens(given).losses
	if rules == nil {
		return losses
	}
	p := codec.ShallowCopyEmbeddingParams(given)
	p.Model, p.EncodingFormat = "", nil // whatever the provider's form, the caller gets theirs
	p.Input, p.InputJson, p.Inputs, p.InputTokens, p.InputTokenLists = nil, "", nil, nil, nil
	return append(losses, rewrite(string(codec.AppendEmbeddingParams(nil, p, wire.Request)), rules).losses...)
}

// ruled are the rules for requests of one kind.
type ruled struct {
	own   []*rules // the type's: one, or none
	cards map[modelsv1.ParameterRule]*rules
}

// newRuled makes them ready for a version of the API.
func newRuled(f Fields, version string, cards map[modelsv1.ParameterRule]Fields) ruled {
	r := ruled{cards: map[modelsv1.ParameterRule]*rules{}}
	if own := f.compile(version); own != nil {
		r.own = []*rules{own}
	}
	for rule, fields := range cards {
		r.cards[rule] = fields.compile("")
	}
	return r
}

// of are the rules of the provider, then, where they may be applied, those of the
// target's model; nil where requests go through as they are.
func (r ruled) of(target *planv1.Target, patch bool) []*rules {
	own := r.own // of capacity 1
	if !patch {
		return own
	}
	for _, rule := range target.GetParameterRules() {
		if card := r.cards[rule]; card != nil {
			own = append(own, card)
		}
	}
	return own
}

// concern says whether any rule is about a top member, or what is in it.
func concern(all []*rules, member string) bool {
	return slices.ContainsFunc(all, func(r *rules) bool { return r.root.members[member] != nil })
}
