package openai

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// errNoChoice says that a reply is an object, and no completion: each has a choice.
var errNoChoice = errors.New("openai: a completion without a choice")

// ChatCompletion implements providers.Chatter.
func (o *Provider) ChatCompletion(ctx context.Context, c *providers.ChatCall) (*chatv1.ChatCompletion, error) {
	r, err := o.request(c, false)
	if err != nil {
		return nil, err
	}
	defer r.release()
	var m *chatv1.ChatCompletion
	err = o.client.Do(ctx, &r.call, func(reply string) error {
		m = new(chatv1.ChatCompletion)
		if err := codec.DecodeChatCompletion(reply, m, wire.Limits{}); err != nil {
			return err
		}
		if len(m.GetChoices()) == 0 {
			return errNoChoice
		}
		if m.Usage != nil {
			c.Exchange.UsageJSON = usageOf(reply)
		}
		if o.quirks.Replies.Mend {
			o.mend(m, c)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// mend makes a reply OpenAI's.
func (o *Provider) mend(m *chatv1.ChatCompletion, c *providers.ChatCall) {
	if m.Usage == nil {
		c.Exchange.UsageJSON = usageElsewhereOf(m.GetExtraJson())
	}
	o.quirks.Replies.completion(m, c.Target.GetModel())
	c.Exchange.Usage = proto.CloneOf(m.GetUsage())
}

// usageOf is the text of the usage in a reply or chunk that was decoded.
func usageOf(text string) string {
	usage, _ := wire.LastMember(text, "usage")
	return strings.Clone(usage) // without the reply around it
}
