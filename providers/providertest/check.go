package providertest

import (
	"strings"
)

// sense judges what the shape of a request does not show.
type sense func(x *exchange, root *node, model string) *APIError

// check judges a request for a completion as the provider would, and returns the
// model's name for the reply.
func (x *exchange) check(root *node) (string, *APIError) {
	u := x.up
	if e := u.shape(&judge{lenient: u.lenient(), roles: u.profile.roles}, "", root); e != nil {
		return "", e
	}
	id := root.get("model").str()
	if x.deployment != "" {
		id = x.deployment
	}
	if id == "" {
		return "", refuse("model", "missing_required_parameter", "You must provide a model.")
	}
	model, ok := u.models.find(id)
	if !ok {
		return "", noModel(id)
	}
	for _, judges := range u.profile.senses {
		if e := judges(x, root, model); e != nil {
			return "", e
		}
	}
	return model, nil
}

// lenient says whether members that are not known are taken.
func (u *Upstream) lenient() bool { return u.params.AcceptUnknown || u.profile.lenient }

// checkTogether judges members that need or exclude each other.
func checkTogether(_ *exchange, root *node, _ string) *APIError {
	switch {
	case root.get("stream_options").set() && !root.get("stream").is():
		return refuse("stream_options", "", "The 'stream_options' parameter is only allowed when 'stream' is enabled.")
	case root.get("top_logprobs").set() && !root.get("logprobs").is():
		return refuse("top_logprobs", "", "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.")
	case root.get("max_tokens").set() && root.get("max_completion_tokens").set():
		return refuse("max_tokens", "invalid_parameter_combination",
			"Only one of 'max_tokens' and 'max_completion_tokens' may be set.")
	case root.get("response_format").get("type").str() == "json_object" && !mentionsJSON(root):
		return refuse("messages", "",
			"One of 'messages' must have the word 'json' for a 'response_format' of type 'json_object'.")
	}
	return nil
}

// mentionsJSON says whether some message has the word.
func mentionsJSON(root *node) bool {
	for _, m := range root.get("messages").items() {
		if strings.Contains(strings.ToLower(textOf(m.get("content"))), "json") {
			return true
		}
	}
	return false
}

// checkModel judges what only some models take.
func checkModel(_ *exchange, root *node, model string) *APIError {
	if strings.HasPrefix(model, "text-embedding") {
		e := noModel(model)
		e.Code, e.Param, e.Message = "", "model", "The model '"+model+"' does not chat."
		return e
	}
	if reasons(model) {
		return checkReasoning(root)
	}
	if root.get("reasoning_effort").set() {
		return unsupported("reasoning_effort")
	}
	if v := root.get("verbosity").str(); v != "" && v != "medium" {
		return refuse("verbosity", "unsupported_value",
			"Unsupported value: 'verbosity' does not support '%s' with this model. Supported values are: 'medium'.", v)
	}
	if root.get("web_search_options").set() && !strings.Contains(model, "search") {
		return unsupported("web_search_options")
	}
	return checkAudio(root, model)
}

// checkReasoning judges what models that reason do not take.
func checkReasoning(root *node) *APIError {
	if root.get("max_tokens").set() {
		return refuse("max_tokens", "unsupported_parameter",
			"Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.")
	}
	for _, fixed := range []struct {
		name    string
		allowed float64
	}{{"temperature", 1}, {"top_p", 1}, {"presence_penalty", 0}, {"frequency_penalty", 0}} {
		n := root.get(fixed.name)
		if f, ok := n.float(); ok && f != fixed.allowed {
			return refuse(fixed.name, "unsupported_value",
				"Unsupported value: '%s' does not support %s with this model. Only the default (%g) value is supported.",
				fixed.name, n.text, fixed.allowed)
		}
	}
	for _, name := range []string{"logprobs", "top_logprobs", "logit_bias", "stop"} {
		if n := root.get(name); n.set() && (n.kind != kindBool || n.yes) {
			return unsupported(name)
		}
	}
	return nil
}

// checkAudio judges the wish for a spoken reply.
func checkAudio(root *node, model string) *APIError {
	wants := false
	for _, m := range root.get("modalities").items() {
		wants = wants || m.str() == "audio"
	}
	switch {
	case !wants:
		return nil
	case !strings.Contains(model, "audio"):
		return refuse("modalities", "invalid_value", "This model does not speak; ask for 'text' alone.")
	case !root.get("audio").set():
		return refuse("audio", "missing_required_parameter", "Missing required parameter: 'audio'.")
	case root.get("stream").is() && root.get("audio").get("format").str() != "pcm16":
		return refuse("audio.format", "unsupported_value",
			"Unsupported value: 'audio.format' must be 'pcm16' when 'stream' is enabled.")
	}
	return nil
}

// unsupported is the error for a member that the model does not take.
func unsupported(name string) *APIError {
	return refuse(name, "unsupported_parameter", "Unsupported parameter: '%s' is not supported with this model.", name)
}
