package responses

import (
	"slices"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// Items are the items that an event shows, to be read or changed in place.
func Items(event *responsesv1.StreamEvent) []*responsesv1.Item {
	if item := event.GetOutputItem().GetItem(); item != nil {
		return []*responsesv1.Item{item}
	}
	return event.GetLifecycle().GetResponse().GetOutput()
}

// Hide takes out of items what a client did not ask for by `include`: the encrypted
// reasoning that every item of ours carries for the next turn. Keep the items first.
func Hide(items []*responsesv1.Item, include []string) {
	if slices.Contains(include, includeReasoning) {
		return
	}
	for _, item := range items {
		if reasoning := item.GetReasoning(); reasoning != nil {
			reasoning.EncryptedContent = nil
		}
	}
}
