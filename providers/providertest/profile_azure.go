package providertest

import (
	"net/http"
	"strconv"
	"strings"
)

// azureProfile is Azure OpenAI: OpenAI's models behind deployments, with filters of
// its own. Its base is that of the newer API; the older one is under "/openai".
func azureProfile() *profile {
	p := openAIProfile()
	p.base = "/openai/v1"
	p.place = azurePlace
	p.credential = []string{"Api-Key", "Authorization"}
	p.headers = []string{"X-Ms-Client-Request-Id"}
	p.grammar = &grammar{more: map[string]map[string]field{"request": {"model": may(text)}}}
	p.serves = set([]string{
		serveChat, serveModels, serveEmbeddings, serveKept, serveResponses, serveStored, serveCancel, serveInputItems,
	})
	p.responding = azureResponding()
	p.embedding.fields["model"] = may(text)
	p.senses = []sense{checkVersion, checkTurns, checkTools, checkTogether, checkModel}
	p.voice = azureVoice()
	p.envelope = azureError
	p.indents, p.openai, p.catalogue = false, false, true
	p.header = map[string]string{"X-Ms-Region": "Sweden Central", "Apim-Request-Id": "a3f2c1d0-0000-4000-8000-000000000001"}
	p.model = func(id string) *node {
		return obj(
			"status", "succeeded", "capabilities", obj("fine_tune", false, "inference", true, "completion", false, "chat_completion", true, "embeddings", false),
			"lifecycle_status", "generally-available", "deprecation", obj("inference", modelsCreated+31536000),
			"id", id, "created_at", modelsCreated, "updated_at", modelsCreated, "object", "model",
		)
	}
	p.list = func(ids []string) *node { return obj("data", p.entries(ids), "object", "list") }
	return p
}

// azurePlace finds the path of either API: "/openai/v1/…" without a version or with
// a word for one, and "/openai/…", by deployment or not, with a dated version.
func azurePlace(r *http.Request) (string, target) {
	version := r.URL.Query().Get("api-version")
	if place, ok := strings.CutPrefix(r.URL.EscapedPath(), "/openai/v1/"); ok {
		switch version {
		case "", "v1", "preview", "latest":
			return "/" + place, target{}
		}
		return "", target{refusal: &APIError{Status: http.StatusBadRequest, Code: "BadRequest", Message: "This API version is not supported here."}}
	}
	place, ok := strings.CutPrefix(r.URL.EscapedPath(), "/openai/")
	if !ok {
		return "", target{}
	}
	if !dated(version) {
		return "", target{refusal: &APIError{Status: http.StatusNotFound, Code: "404", Message: "There is no such resource."}}
	}
	t := target{version: version}
	rest, deployed := strings.CutPrefix(place, "deployments/")
	if !deployed { // completions and embeddings are those of a deployment, and responses came late
		if strings.HasPrefix(place, "chat/") || strings.HasPrefix(place, "embeddings") || strings.HasPrefix(place, "responses") && version < "2025-03-01" {
			return "", target{}
		}
		return "/" + place, t
	}
	name, action, _ := strings.Cut(rest, "/")
	if action != "chat/completions" && action != "embeddings" {
		return "", target{}
	}
	t.deployment = name
	return "/" + action, t
}

// dated says whether a version is a date, or one of a preview.
func dated(version string) bool {
	day, _, _ := strings.Cut(version, "-preview")
	return len(day) == 10 && day[4] == '-' && day[7] == '-' && day >= "2022-12-01"
}

// azureSince are members of requests and the first version that knows them. Those
// that no dated version knows have the far future.
var azureSince = map[string]string{
	"tools": "2023-12-01", "tool_choice": "2023-12-01", "response_format": "2023-12-01", "seed": "2023-12-01", "logprobs": "2024-02-01",
	"top_logprobs": "2024-02-01", "parallel_tool_calls": "2024-08-01", "stream_options": "2024-09-01", "max_completion_tokens": "2024-09-01",
	"store": "2024-10-01", "metadata": "2024-10-01", "reasoning_effort": "2024-12-01", "prediction": "2025-01-01", "modalities": "2025-01-01",
	"audio": "2025-01-01", "verbosity": "9", "safety_identifier": "9", "prompt_cache_key": "9", "prompt_cache_retention": "9",
	"prompt_cache_options": "9", "web_search_options": "9", "moderation": "9", "service_tier": "9",
}

// checkVersion judges that a dated version knows all members.
func checkVersion(x *exchange, root *node, _ string) *APIError {
	if x.version == "" {
		return nil
	}
	for _, m := range root.members {
		if azureSince[m.name] > x.version {
			return refuse("", "", "Unrecognized request argument: %s.", m.name)
		}
	}
	return nil
}

// azureVoice is OpenAI's with the members by alphabet, and the filters.
func azureVoice() *voice {
	v := openAIVoice()
	v.reply = "choices created id model object prompt_filter_results service_tier system_fingerprint usage"
	v.choice = "content_filter_results finish_reason index logprobs message"
	v.message = "annotations audio content function_call refusal role tool_calls"
	v.call = "custom function id type"
	v.chunk = "choices created id model obfuscation object prompt_filter_results system_fingerprint usage"
	v.part = "content_filter_results delta finish_reason index logprobs"
	v.delta = "audio content function_call refusal role tool_calls"
	v.piece = "custom function id index type"
	v.usage = usageLaid(
		"completion_tokens completion_tokens_details prompt_tokens prompt_tokens_details total_tokens",
		"audio_tokens cached_tokens", "accepted_prediction_tokens audio_tokens reasoning_tokens rejected_prediction_tokens",
	)
	v.leading = func() *node {
		return obj(
			"choices", list(), "created", 0, "id", "", "model", "", "object", "",
			"prompt_filter_results", list(obj("prompt_index", 0, "content_filter_results", unfiltered("jailbreak"))),
		)
	}
	v.more = func(n *node, m moment) {
		n.put("system_fingerprint", nil)
		if !m.stream {
			n.put("prompt_filter_results", list(obj("prompt_index", 0, "content_filter_results", unfiltered("jailbreak"))))
		}
	}
	v.within = func(choice, says *node, m moment) {
		results := obj()
		if !m.stream || says.get("content").str() != "" {
			results = unfiltered()
		}
		choice.put("content_filter_results", results)
	}
	return v
}

// azureResponding is OpenAI's, with what the filters found, and without
// conversations.
func azureResponding() *responding {
	by := openAIResponding()
	by.less = []string{"conversation", "prompt", "context_management", "moderation"}
	by.layout = strings.Replace(by.layout, "completed_at ", "completed_at content_filters ", 1)
	by.more = func(response *node, _ bool) {
		response.put("content_filters", list(obj(
			"blocked", false, "source_type", "prompt", "content_filter_raw", nil, "content_filter_results", unfiltered("jailbreak"),
			"content_filter_offsets", obj("start_offset", 0, "end_offset", 18, "check_offset", 0),
		)))
	}
	return by
}

// unfiltered is what the filters found: nothing.
func unfiltered(detected ...string) *node {
	n := obj()
	add := func(name string) { n.put(name, obj("filtered", false, "severity", "safe")) }
	add("hate")
	for _, name := range detected {
		n.put(name, obj("filtered", false, "detected", false))
	}
	for _, name := range []string{"self_harm", "sexual", "violence"} {
		add(name)
	}
	return n
}

// azureError is OpenAI's envelope for what the models refuse, and the service's own,
// with the status as a text, for everything else.
func azureError(e *APIError, _ string) (int, *node) {
	switch {
	case e.Code == "content_filter":
		found := unfiltered("jailbreak")
		found.put("violence", obj("filtered", true, "severity", "high"))
		return http.StatusBadRequest, obj("error", obj(
			"message", e.Message, "type", nil, "param", "prompt", "code", "content_filter", "status", http.StatusBadRequest,
			"innererror", obj("code", "ResponsibleAIPolicyViolation", "content_filter_result", found),
		))
	case e.Code == "model_not_found":
		return e.Status, obj("error", obj("code", "DeploymentNotFound", "message", e.Message))
	case e.Type == invalidRequest && e.Status == http.StatusBadRequest:
		return e.Status, obj("error", e.node())
	case e.Status == http.StatusBadRequest && e.Code != "":
		return e.Status, obj("error", obj("code", e.Code, "message", e.Message))
	default:
		return e.Status, obj("error", obj("code", strconv.Itoa(e.Status), "message", e.Message))
	}
}
