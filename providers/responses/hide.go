package responses

import (
	"slices"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/wire"
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

// discreet are tools as they may be kept and shown: a remote server's credentials belong
// to the request alone.
func discreet(tools []*responsesv1.ResponseTool) []*responsesv1.ResponseTool {
	shown := make([]*responsesv1.ResponseTool, 0, len(tools))
	for _, tool := range tools {
		if tool.GetType() == "mcp" && tool.GetExtraJson() != "" {
			tool = proto.CloneOf(tool)
			kept := ""
			for member := range wire.Members(tool.GetExtraJson()) {
				if member.Key != "authorization" && member.Key != "headers" {
					kept = wire.AddMember(kept, member.Key, member.Value)
				}
			}
			tool.ExtraJson = kept
		}
		shown = append(shown, tool)
	}
	return shown
}

// Unpacked is an item that any provider can read: a context that was compacted here is
// the message that it stands for.
func Unpacked(item *responsesv1.Item) *responsesv1.Item {
	summary, ours := decodeCompaction(item.GetCompaction().GetEncryptedContent())
	if !ours {
		return item
	}
	return &responsesv1.Item{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{
		Role: user, Content: new(summaryLead + summary),
	}}}
}
