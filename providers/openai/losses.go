package openai

import (
	"cmp"
	"slices"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

var _ providers.Lossy = (*Provider)(nil)

// Fields is what the type takes of requests: what Losses goes by.
func (o *Provider) Fields() Fields { return o.quirks.Fields }

// Losses implements providers.Lossy: it writes the request and throws it away.
func (o *Provider) Losses(m proto.Message, target *planv1.Target) []*commonv1.Loss {
	given, ok := m.(*chatv1.ChatCompletionParams)
	rules := o.rulesFor(target, true)
	if !ok || rules == nil {
		return nil
	}
	p := codec.ShallowCopyChatCompletionParams(given)
	p.Model = ""
	var r request
	defer r.release()
	losses := r.apply(p, rules).losses
	slices.SortFunc(losses, func(a, b *commonv1.Loss) int { return cmp.Compare(a.GetField(), b.GetField()) })
	return losses
}

// rulesFor are the rules of the provider, then those of the target's model; nil where
// requests go through as they are.
func (o *Provider) rulesFor(target *planv1.Target, patch bool) []*rules {
	own := o.rules // of capacity 1
	if !patch {
		return own
	}
	for _, rule := range target.GetParameterRules() {
		if r := o.parameters[rule]; r != nil {
			own = append(own, r)
		}
	}
	return own
}
