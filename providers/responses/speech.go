package responses

import (
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// source is the dialect that a reply's reasoning is shown from. Some providers tell
// it in two at once.
type source uint8

const (
	unknownSource source = iota
	fromReasoningContent
	fromReasoning
	fromDetails
	fromThinking
)

// add takes what a message, or a piece of one, says: first what was thought, then
// words, then where they are from.
func (a *assembler) add(m *chatv1.ChatMessage, logprobs *chatv1.ChoiceLogprobs) {
	a.think(m)
	tokens := tokensOf(logprobs.GetContent())
	if m.GetContent() != "" || len(tokens) > 0 {
		a.speak(outputText, m.GetContent(), tokens)
	}
	for _, part := range m.GetContentParts() {
		if part.GetText() != "" && part.GetType() != thinking {
			a.speak(outputText, part.GetText(), nil)
		}
		if part.GetRefusal() != "" {
			a.speak(refusal, part.GetRefusal(), nil)
		}
	}
	if m.GetRefusal() != "" {
		a.speak(refusal, m.GetRefusal(), nil)
	}
	for _, annotation := range m.GetAnnotations() {
		a.cite(annotationOf(annotation))
	}
}

// think takes reasoning in, and shows what can be shown.
func (a *assembler) think(m *chatv1.ChatMessage) {
	a.thoughts.content.add(m.ReasoningContent)
	a.thoughts.reasoning.add(m.Reasoning)
	a.muse(fromReasoningContent, reasoningText, m.GetReasoningContent(), nil)
	a.muse(fromReasoning, reasoningText, m.GetReasoning(), nil)
	for _, piece := range m.GetReasoningDetails() {
		detail := a.thoughts.detail(piece)
		a.muse(fromDetails, reasoningText, piece.GetText(), detail)
		a.muse(fromDetails, summaryText, piece.GetSummary(), detail)
	}
	for _, part := range m.GetContentParts() {
		if part.GetType() == thinking {
			text := thinkingText(part)
			a.thoughts.thinking.add(&text)
			a.muse(fromThinking, reasoningText, text, nil)
		}
	}
}

// muse shows reasoning, if the reply's is shown from this source.
func (a *assembler) muse(from source, kind partKind, text string, detail *detail) {
	if text == "" || a.source != unknownSource && a.source != from {
		return
	}
	a.source = from
	if a.said == nil || a.said.kind != "reasoning" {
		a.hush()
		a.said = a.open("reasoning", "rs_", nil)
	}
	if open := a.said.open; open == nil || open.kind != kind || open.source != detail {
		a.events.begin(a.said, kind, detail)
	}
	a.events.grow(a.said, text, nil)
}

// speak adds to the message.
func (a *assembler) speak(kind partKind, text string, tokens []string) {
	if a.said == nil || a.said.kind != "message" {
		a.hush()
		a.flush()
		a.said = a.open("message", "msg_", nil)
	}
	if open := a.said.open; open == nil || open.kind != kind {
		a.events.begin(a.said, kind, nil)
		if kind == outputText {
			for _, annotation := range a.cited {
				a.events.cite(a.said, annotation)
			}
			a.cited = nil
		}
	}
	if text != "" || len(tokens) > 0 {
		a.events.grow(a.said, text, tokens)
	}
}

// cite adds a source to the text; to the next one if there is none.
func (a *assembler) cite(annotation *responsesv1.Annotation) {
	if a.said == nil || a.said.open == nil || a.said.open.kind != outputText {
		a.cited = append(a.cited, annotation)
		return
	}
	a.events.cite(a.said, annotation)
}

// hush completes the message or the reasoning under way.
func (a *assembler) hush() { a.close(completed) }

func (a *assembler) close(status string) {
	i := a.said
	if i == nil {
		return
	}
	a.said = nil
	a.events.finish(i)
	if i.kind == "reasoning" {
		i.sealed = a.thoughts.take()
	}
	i.status = status
	a.events.item("response.output_item.done", i)
}

// flush makes an item of reasoning that cannot be shown, and that no item has: the
// next turn needs it all the same.
func (a *assembler) flush() {
	if a.said != nil || a.thoughts.empty() {
		return
	}
	a.said = a.open("reasoning", "rs_", nil)
	a.hush()
}

func annotationOf(chat *chatv1.ChatAnnotation) *responsesv1.Annotation {
	annotation := &responsesv1.Annotation{Type: chat.GetType(), ExtraJson: chat.GetExtraJson()}
	if url := chat.GetUrlCitation(); url != nil {
		annotation.Url, annotation.Title = new(url.GetUrl()), new(url.GetTitle())
		annotation.StartIndex, annotation.EndIndex = new(url.GetStartIndex()), new(url.GetEndIndex())
		annotation.ExtraJson = merge(annotation.ExtraJson, url.GetExtraJson())
	}
	return annotation
}

// tokensOf are tokens with their probabilities, each as JSON text.
func tokensOf(tokens []*chatv1.TokenLogprob) []string {
	var out []string
	for _, token := range tokens {
		out = append(out, string(codec.AppendTokenLogprob(nil, token, wire.Reply)))
	}
	return out
}
