package responses

import (
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// words sets the content of a message: text as text, and only where it must be, parts.
func (r *request) words(to *chatv1.ChatMessage, text *string, parts []*responsesv1.ContentPart) {
	if text != nil || len(parts) == 0 {
		to.Content = text
		return
	}
	chat := make([]*chatv1.ChatContentPart, 0, len(parts))
	for _, part := range parts {
		chat = append(chat, r.part(part))
	}
	first := chat[0]
	switch {
	case len(chat) > 1 || first.ExtraJson != "":
		to.ContentParts = chat
	case first.Text != nil:
		to.Content = first.Text
	case first.Refusal != nil && to.GetRole() == assistant:
		to.Refusal = first.Refusal
	default:
		to.ContentParts = chat
	}
}

// part is a piece of content as chat completions have it. Annotations and log
// probabilities of earlier replies are nothing that a model reads.
func (r *request) part(part *responsesv1.ContentPart) *chatv1.ChatContentPart {
	chat := &chatv1.ChatContentPart{Type: part.GetType(), ExtraJson: part.GetExtraJson()}
	switch part.GetType() {
	case "input_text", "output_text", "text", "summary_text", "reasoning_text":
		chat.Type, chat.Text = "text", new(part.GetText())
	case "refusal":
		chat.Refusal = new(part.GetRefusal())
	case "input_image", "computer_screenshot":
		r.image(chat, part)
	case "input_file":
		r.file(chat, part)
	case "input_audio":
		audio, _ := wire.Member(part.GetExtraJson(), "input_audio")
		sound := &chatv1.InputAudio{}
		if codec.DecodeInputAudio(audio, sound, wire.Limits{}) == nil {
			chat.InputAudio, chat.ExtraJson = sound, ""
		}
	default:
		chat.Text = part.Text
	}
	return chat
}

// image is an image by its address. An uploaded one is a file, which is the nearest
// thing that chat completions have.
func (r *request) image(chat *chatv1.ChatContentPart, part *responsesv1.ContentPart) {
	if part.ImageUrl == nil && part.FileId != nil {
		r.lose(commonv1.LossKind_LOSS_KIND_APPROXIMATED, "input.content.file_id", "An uploaded image is sent as a file.")
		chat.Type, chat.File = "file", &chatv1.FileContent{FileId: part.FileId}
		return
	}
	chat.Type, chat.ImageUrl = "image_url", &chatv1.ImageUrl{Url: part.GetImageUrl(), Detail: part.Detail}
}

// file is a file by its id or its contents. One by its address goes along as it is:
// some providers read it.
func (r *request) file(chat *chatv1.ChatContentPart, part *responsesv1.ContentPart) {
	chat.Type, chat.File = "file", &chatv1.FileContent{FileId: part.FileId, Filename: part.Filename, FileData: part.FileData}
	if part.FileUrl != nil {
		r.lose(commonv1.LossKind_LOSS_KIND_APPROXIMATED, "input.content.file_url", "The provider may not read files from their address.")
		chat.File.ExtraJson = wire.AddMember("", "file_url", quote(part.GetFileUrl()))
	}
	if part.Detail != nil {
		r.drop("input.content.detail", "Files of chat completions have no detail.")
	}
}
