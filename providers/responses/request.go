package responses

import (
	"errors"
	"slices"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// request is a response's request on its way to be a chat completion.
type request struct {
	params *responsesv1.ResponseParams // expanded
	target *planv1.Target
	chat   *chatv1.ChatCompletionParams
	losses []*commonv1.Loss
	// carries is what the chatter takes as it is; custom has the names of the custom tools
	// that functions stand for where it does not take those.
	carries carried
	custom  map[string]bool
}

// translate makes a chat completion of params, which it does not change. lossy may be
// nil. The error names the field at fault; the losses found so far come with it.
func translate(params *responsesv1.ResponseParams, target *planv1.Target, lossy providers.Lossy) (*request, error) {
	r := &request{
		params:  codec.ShallowCopyResponseParams(params),
		target:  target,
		chat:    &chatv1.ChatCompletionParams{},
		carries: carriedBy(lossy, target),
	}
	if err := codec.ExpandResponseParams(r.params, wire.Limits{}); err != nil {
		return r, unreadable(err)
	}
	for _, step := range []func() error{r.unknown, r.tools, r.toolChoice, r.settings, r.shape, r.leftOut, r.input} {
		if err := step(); err != nil {
			return r, err
		}
	}
	r.chat.Model = target.GetModel()
	return r, nil
}

func unreadable(err error) *failure.Error {
	failed := failure.Wrap(commonv1.ErrorReason_ERROR_REASON_INVALID_JSON, "The request cannot be read.", err)
	var syntax *wire.Error
	if errors.As(err, &syntax) {
		failed.Message, failed.Param = "The field "+syntax.Path+" is invalid: "+syntax.Kind.String()+".", syntax.Path
		if syntax.Kind == wire.WrongKind || syntax.Kind == wire.Conflict {
			failed.Reason = commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD
		}
	}
	return failed
}

// outgoing is the chat completion as it goes to the chatter.
func (r *request) outgoing(c *providers.ResponseCall) *providers.ChatCall {
	return &providers.ChatCall{
		Params: r.chat, Target: c.Target, Retry: c.Retry, Patch: c.Patch, Meter: c.Meter, RequestID: c.RequestID, Exchange: c.Exchange,
	}
}

// askForUsage makes a stream tell its usage, which every response has, unless the
// chatter cannot ask for it.
func (r *request) askForUsage() {
	if !r.carries.streamUsage {
		return
	}
	options := &chatv1.ChatStreamOptions{IncludeUsage: new(true)}
	if given := r.params.GetStreamOptions(); given != nil && !given.GetIncludeObfuscation() {
		options.IncludeObfuscation = given.IncludeObfuscation
	}
	r.chat.StreamOptions = options
}

// settings are the members that both APIs have, by one name or another. Metadata
// stays here: OpenAI refuses it in chat completions that are not stored.
func (r *request) settings() error {
	p, chat := r.params, r.chat
	chat.Temperature, chat.TopP = p.Temperature, p.TopP
	chat.ServiceTier = p.ServiceTier
	chat.User = p.User //nolint:staticcheck // deprecated by OpenAI, and still sent
	chat.SafetyIdentifier = p.SafetyIdentifier
	chat.PromptCacheKey = p.PromptCacheKey
	chat.PromptCacheRetention = p.PromptCacheRetention //nolint:staticcheck // as above
	chat.PromptCacheOptions = p.PromptCacheOptions
	chat.ModerationJson = given(p.GetModerationJson())
	if p.MaxOutputTokens != nil {
		chat.MaxCompletionTokens = p.MaxOutputTokens
	}
	if p.GetReasoning() != nil && p.GetReasoning().Effort != nil {
		chat.ReasoningEffort = p.GetReasoning().Effort
	}
	if slices.Contains(p.GetInclude(), includeLogprobs) || p.GetTopLogprobs() > 0 {
		chat.Logprobs, chat.TopLogprobs = new(true), p.TopLogprobs
	}
	return nil
}

// shape is the shape and the wordiness of the reply.
func (r *request) shape() error {
	text := r.params.GetText()
	if text.GetVerbosity() != "" {
		r.chat.Verbosity = text.Verbosity
	}
	for member := range wire.Members(text.GetExtraJson()) {
		name := member.Key
		r.drop("text."+name, "Chat completions have no such member.")
	}
	format := text.GetFormat()
	switch format.GetType() {
	case "", "text":
	case "json_schema":
		r.chat.ResponseFormat = &chatv1.ResponseFormat{
			Type: format.GetType(),
			JsonSchema: &chatv1.JsonSchemaFormat{
				Name:        format.GetName(),
				Description: format.Description,
				SchemaJson:  format.GetSchemaJson(),
				Strict:      format.Strict,
				ExtraJson:   format.GetExtraJson(),
			},
		}
	default:
		r.chat.ResponseFormat = &chatv1.ResponseFormat{Type: format.GetType(), ExtraJson: format.GetExtraJson()}
	}
	return nil
}

// unknown are the members without a field: those that chat completions have a field
// for go there, the others go along as they are.
func (r *request) unknown() error {
	extra := ""
	for member := range wire.Members(r.params.GetExtraJson()) {
		name, value := member.Key, member.Value
		switch {
		case empty(value):
		case claims(r.params.ProtoReflect(), name):
			return invalid(name, "The field "+name+" is of the wrong kind.")
		case slices.Contains(foreign, name):
			r.drop(name, "Responses have no such member.")
		default:
			extra = wire.AddMember(extra, name, value)
		}
	}
	if extra == "" {
		return nil
	}
	if err := codec.DecodeChatCompletionParams(extra, r.chat, wire.Limits{}); err != nil {
		return unreadable(err)
	}
	return nil
}

// foreign are the members of chat completions that would change what a reply is.
var foreign = []string{"messages", "n", "functions", "function_call", "modalities", "audio"}

// empty says whether a value that was kept as text asks for nothing.
func empty(value string) bool { return value == "null" || value == "[]" || value == "{}" }

// given is JSON text that says something, or nothing.
func given(value string) string {
	if value == "null" {
		return ""
	}
	return value
}
