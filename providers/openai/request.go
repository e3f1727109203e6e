package openai

import (
	"slices"
	"sync"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

const (
	// spliceFrom is the size from which JSON text is sent from where it lies.
	spliceFrom = 8 << 10
	// keepBuffer is the largest buffer that is used again.
	keepBuffer = 64 << 10
	// maxRequestID is what OpenAI takes as X-Client-Request-Id.
	maxRequestID = 512
)

// request is a chat completion as it is sent.
type request struct {
	sending

	asked bool // the client wants a stream's usage
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// request makes what is sent of a call. The error is a *failure.Error: the provider
// cannot be asked that.
func (o *Provider) request(c *providers.ChatCall, stream bool) (*request, error) {
	p := codec.ShallowCopyChatCompletionParams(c.Params)
	r := &request{sending: *outgoing(o, c, o.chat), asked: p.GetStreamOptions().GetIncludeUsage()}
	p.Model = o.site.name(c.Target.GetModel())
	p.ExtraJson = without(p.ExtraJson, "model")
	switch {
	case stream:
		p.Stream = &stream
		p.ExtraJson = without(p.ExtraJson, "stream")
	case p.GetStream():
		p.Stream = nil
	}
	if c.Patch {
		o.patch(p, c, stream)
	}
	if rules := o.rules.of(c.Target, c.Patch); rules != nil {
		if err := r.rewrite(p, rules); err != nil {
			r.release()
			return nil, err
		}
	} else {
		r.encode(func(b []byte) []byte { return codec.AppendChatCompletionParams(b, p, wire.Request) }, &p.MessagesJson, &p.ToolsJson)
	}
	if o.site.byModel() {
		var err error
		if r.call.Endpoint, err = o.endpoint(p.Model, "chat", "completions"); err != nil {
			r.release()
			return nil, err
		}
	}
	if o.quirks.Replies.Mend {
		r.call.Inside = o.quirks.Replies.failure
	}
	return r, nil
}

// patch changes what the plan allows to change.
func (o *Provider) patch(p *chatv1.ChatCompletionParams, c *providers.ChatCall, stream bool) {
	if slices.Contains(c.Target.GetParameterRules(), modelsv1.ParameterRule_PARAMETER_RULE_MAX_COMPLETION_TOKENS) {
		renameMaxTokens(p)
	}
	if stream && c.Meter && o.streamUsage {
		askForUsage(p)
	}
}

// renameMaxTokens sends `max_tokens` by its newer name. One that is given by the
// newer name already counts alone, a null included.
func renameMaxTokens(p *chatv1.ChatCompletionParams) {
	if p.MaxTokens == nil { //nolint:staticcheck // the deprecated field is the point
		return
	}
	_, given := wire.Member(p.ExtraJson, "max_completion_tokens")
	if p.MaxCompletionTokens == nil && !given {
		p.MaxCompletionTokens = p.MaxTokens //nolint:staticcheck // as above
	}
	p.MaxTokens = nil //nolint:staticcheck // as above
}

// askForUsage makes the stream tell its usage, unless the client set the option in a
// way that is not ours to change.
func askForUsage(p *chatv1.ChatCompletionParams) {
	if _, odd := wire.Member(p.ExtraJson, "stream_options"); odd {
		if !isNull(p.ExtraJson, "stream_options") {
			return
		}
		p.ExtraJson = without(p.ExtraJson, "stream_options")
	}
	yes := true
	options := &chatv1.ChatStreamOptions{IncludeUsage: &yes}
	if given := p.StreamOptions; given != nil {
		if _, odd := wire.Member(given.ExtraJson, "include_usage"); odd {
			if !isNull(given.ExtraJson, "include_usage") {
				return
			}
		}
		options.IncludeObfuscation = given.IncludeObfuscation
		options.ExtraJson = without(given.ExtraJson, "include_usage")
	}
	p.StreamOptions = options
}

func isNull(extra, key string) bool {
	value, _ := wire.Member(extra, key)
	return value == "null"
}

// isRequestID says whether OpenAI takes an id for its logs.
func isRequestID(id string) bool {
	if id == "" || len(id) > maxRequestID {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}

// without returns an extra_json without one of its members.
func without(extra, key string) string {
	if _, there := wire.Member(extra, key); !there {
		return extra
	}
	out := ""
	for p := range wire.Members(extra) {
		if p.Key != key {
			out = wire.AddMember(out, p.Key, p.Value)
		}
	}
	return out
}
