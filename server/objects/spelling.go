package objects

import responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"

// inParts is an item whose text, which a caller may write as it is, stands in a part: as
// lists of items have it.
func inParts(item *responsesv1.Item) *responsesv1.Item {
	message := item.GetMessage()
	if message == nil {
		return item
	}
	if message.Content != nil {
		kind := "input_text"
		if message.GetRole() == "assistant" {
			kind = "output_text"
		}
		message.ContentParts = []*responsesv1.ContentPart{{Type: kind, Text: message.Content}}
		message.Content = nil
	}
	if message.Status == nil {
		message.Status = new("completed")
	}
	return item
}
