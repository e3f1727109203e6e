package plan

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	embeddingsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/embeddings/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// capabilities is what a request asks of a model, in the order of the numbers. The
// messages are not looked into: they may be as long as a book, and a plan must not
// cost more for it.
func capabilities(params proto.Message) []modelsv1.Capability {
	switch request := params.(type) {
	case *chatv1.ChatCompletionParams:
		return chatCapabilities(request)
	case *responsesv1.ResponseParams:
		return responseCapabilities(request)
	case *embeddingsv1.EmbeddingParams:
		return []modelsv1.Capability{modelsv1.Capability_CAPABILITY_EMBEDDINGS}
	default:
		return nil
	}
}

func responseCapabilities(params *responsesv1.ResponseParams) []modelsv1.Capability {
	asked := []modelsv1.Capability{modelsv1.Capability_CAPABILITY_CHAT}
	if len(params.GetTools()) > 0 || hasTools(params.GetToolsJson()) {
		asked = append(asked, modelsv1.Capability_CAPABILITY_TOOLS)
	}
	if params.GetText().GetFormat().GetType() == "json_schema" {
		asked = append(asked, modelsv1.Capability_CAPABILITY_JSON_SCHEMA)
	}
	if params.GetReasoning().GetEffort() != "" {
		asked = append(asked, modelsv1.Capability_CAPABILITY_REASONING)
	}
	if params.TopLogprobs != nil {
		asked = append(asked, modelsv1.Capability_CAPABILITY_LOGPROBS)
	}
	return asked
}

func chatCapabilities(params *chatv1.ChatCompletionParams) []modelsv1.Capability {
	asked := []modelsv1.Capability{modelsv1.Capability_CAPABILITY_CHAT}
	//nolint:staticcheck // clients still send the deprecated `functions`
	if len(params.GetTools()) > 0 || hasTools(params.GetToolsJson()) || len(params.GetFunctions()) > 0 {
		asked = append(asked, modelsv1.Capability_CAPABILITY_TOOLS)
	}
	if params.GetResponseFormat().GetJsonSchema() != nil {
		asked = append(asked, modelsv1.Capability_CAPABILITY_JSON_SCHEMA)
	}
	if params.ReasoningEffort != nil {
		asked = append(asked, modelsv1.Capability_CAPABILITY_REASONING)
	}
	if slices.Contains(params.GetModalities(), "audio") {
		asked = append(asked, modelsv1.Capability_CAPABILITY_AUDIO_OUTPUT)
	}
	if params.GetLogprobs() {
		asked = append(asked, modelsv1.Capability_CAPABILITY_LOGPROBS)
	}
	return asked
}

// hasTools says whether a JSON array of tools has any.
func hasTools(text string) bool {
	return strings.Trim(text, "[] \t\r\n") != ""
}
