package objects

import (
	"strings"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/server/objectid"
)

// Naming gives what one provider instance made for one owner the ids that the owner
// knows it by. It changes the messages that it is given. Not safe for concurrent use:
// a call has its own, which remembers what it named.
type Naming struct {
	sealer          *objectid.Sealer
	instance, owner string
	// at is the place of the store's items: the object that they belong to.
	at    string
	known map[string]string
}

func newNaming(sealer *objectid.Sealer, instance, owner string) *Naming {
	return &Naming{sealer: sealer, instance: instance, owner: owner, known: make(map[string]string, 4)}
}

// id is the owner's id for an upstream's: it begins as those of its kind do. Ours, and
// none, stay as they are.
func (n *Naming) id(kind Kind, id string) string {
	if id == "" {
		return ""
	}
	if named, ok := n.known[id]; ok {
		return named
	}
	named := id
	if _, err := n.sealer.Open(id, n.owner); err != nil {
		prefix := kind
		if own := Kind(prefixOf(id)); kind == KindItem && own != "" && KindItem.has(string(own)) {
			prefix = own // it says of which type
		}
		named = n.sealer.Seal(string(prefix), n.instance, n.owner, id)
	}
	n.known[id] = named
	return named
}

// item is the owner's id for an item.
func (n *Naming) item(id string) string {
	if n.at != "" {
		id = *placed(&id, n.at)
	}
	return n.id(KindItem, id)
}

// of says which response or conversation of the store the items belong to.
func (n *Naming) of(at, id string) {
	if n.instance == "" {
		n.at = at + id
	}
}

// prefixOf is how an upstream's id begins: "resp_", "chatcmpl-". Empty: with nothing
// that says what it is.
func prefixOf(id string) string {
	at := strings.IndexAny(id, "_-")
	if at < 2 || at > 10 {
		return ""
	}
	for _, letter := range []byte(id[:at]) {
		if letter < 'a' || letter > 'z' {
			return ""
		}
	}
	return id[:at+1]
}

// optional names an id that may not be there.
func (n *Naming) optional(kind Kind, id *string) *string {
	if id == nil || *id == "" {
		return id
	}
	named := n.id(kind, *id)
	return &named
}

func (n *Naming) optionalItem(id *string) *string {
	if id == nil || *id == "" {
		return id
	}
	named := n.item(*id)
	return &named
}

// InResponse says that the items to be named are those of a response.
func (n *Naming) InResponse(id string) { n.of(atResponse, id) }

// Messages names the messages that led to a chat completion, which have ids behind that
// of the completion.
func (n *Naming) Messages(completion string, m *chatv1.ListChatCompletionMessagesResponse) {
	named := n.CompletionID(completion)
	change := func(id *string) *string {
		if id == nil {
			return nil
		}
		rest, behind := strings.CutPrefix(*id, completion)
		if !behind {
			return id
		}
		whole := named + rest
		return &whole
	}
	for _, message := range m.GetData() {
		message.Id = change(message.Id)
	}
	m.FirstId, m.LastId = change(m.FirstId), change(m.LastId)
}

// ResponseID is the owner's id for a response.
func (n *Naming) ResponseID(id string) string { return n.id(KindResponse, id) }

// Response names a response, and what it names itself.
func (n *Naming) Response(m *responsesv1.Response) {
	if m == nil {
		return
	}
	n.of(atResponse, m.GetId())
	m.Id = n.id(KindResponse, m.GetId())
	m.PreviousResponseId = n.optional(KindResponse, m.PreviousResponseId)
	if m.Conversation != nil {
		m.Conversation.Id = n.id(KindConversation, m.Conversation.GetId())
	}
	n.Items(m.GetOutput())
}

// ItemsOf names items of a conversation.
func (n *Naming) ItemsOf(conversation string, list []*responsesv1.Item) {
	n.of(atConversation, conversation)
	n.Items(list)
}

// Items names items.
func (n *Naming) Items(list []*responsesv1.Item) {
	for _, item := range list {
		n.Item(item)
	}
}

// Item names an item.
func (n *Naming) Item(item *responsesv1.Item) {
	eachID(item, n.optionalItem)
}

// eachID replaces the ids in an item by what change makes of them. A nil that it
// returns takes the id away, where the item can do without.
func eachID(item *responsesv1.Item, change func(*string) *string) {
	switch arm := item.GetItem().(type) {
	case *responsesv1.Item_Message:
		arm.Message.Id = change(arm.Message.Id)
	case *responsesv1.Item_FunctionCall:
		arm.FunctionCall.Id = change(arm.FunctionCall.Id)
	case *responsesv1.Item_CustomToolCall:
		arm.CustomToolCall.Id = change(arm.CustomToolCall.Id)
	case *responsesv1.Item_ToolOutput:
		arm.ToolOutput.Id = change(arm.ToolOutput.Id)
	case *responsesv1.Item_Reasoning:
		arm.Reasoning.Id = change(arm.Reasoning.Id)
	case *responsesv1.Item_Mcp:
		arm.Mcp.Id = change(arm.Mcp.Id)
		arm.Mcp.ApprovalRequestId = change(arm.Mcp.ApprovalRequestId)
	case *responsesv1.Item_BuiltinTool:
		arm.BuiltinTool.Id = change(arm.BuiltinTool.Id)
	case *responsesv1.Item_Compaction:
		arm.Compaction.Id = change(arm.Compaction.Id)
	case *responsesv1.Item_ItemReference:
		if id := change(&arm.ItemReference.Id); id != nil {
			arm.ItemReference.Id = *id
		}
	}
}

// Event names what an event is about.
func (n *Naming) Event(event *responsesv1.StreamEvent) {
	switch arm := event.GetEvent().(type) {
	case *responsesv1.StreamEvent_Lifecycle:
		n.Response(arm.Lifecycle.GetResponse())
	case *responsesv1.StreamEvent_OutputItem:
		n.Item(arm.OutputItem.GetItem())
	case *responsesv1.StreamEvent_ContentPart:
		arm.ContentPart.ItemId = n.item(arm.ContentPart.GetItemId())
	case *responsesv1.StreamEvent_Delta:
		arm.Delta.ItemId = n.optionalItem(arm.Delta.ItemId)
	case *responsesv1.StreamEvent_Done:
		arm.Done.ItemId = n.optionalItem(arm.Done.ItemId)
	case *responsesv1.StreamEvent_ToolProgress:
		arm.ToolProgress.ItemId = n.item(arm.ToolProgress.GetItemId())
	case *responsesv1.StreamEvent_Annotation:
		arm.Annotation.ItemId = n.item(arm.Annotation.GetItemId())
	case *responsesv1.StreamEvent_PartialImage:
		arm.PartialImage.ItemId = n.item(arm.PartialImage.GetItemId())
	case *responsesv1.StreamEvent_ShellOutput:
		arm.ShellOutput.ItemId = n.item(arm.ShellOutput.GetItemId())
	}
}

// Compaction names a compacted context, and what it is made of.
func (n *Naming) Compaction(m *responsesv1.Compaction) {
	if m != nil {
		m.Id = n.id(KindResponse, m.GetId())
		n.Items(m.GetOutput())
	}
}

// Conversation names a conversation.
func (n *Naming) Conversation(m *conversationsv1.Conversation) {
	if m != nil {
		m.Id = n.id(KindConversation, m.GetId())
	}
}

// ItemList names the items of a page of a conversation.
func (n *Naming) ItemList(conversation string, m *conversationsv1.ConversationItemList) {
	if m == nil {
		return
	}
	n.of(atConversation, conversation)
	n.Items(m.GetData())
	m.FirstId, m.LastId = n.optionalItem(m.FirstId), n.optionalItem(m.LastId)
}

// InputItems names the items of a page of a response's input.
func (n *Naming) InputItems(response string, m *responsesv1.ListInputItemsResponse) {
	if m == nil {
		return
	}
	n.of(atResponse, response)
	n.Items(m.GetData())
	m.FirstId, m.LastId = n.optionalItem(m.FirstId), n.optionalItem(m.LastId)
}

// CompletionID is the owner's id for a chat completion.
func (n *Naming) CompletionID(id string) string { return n.id(KindCompletion, id) }

// Completion names a chat completion.
func (n *Naming) Completion(m *chatv1.ChatCompletion) {
	if m != nil {
		m.Id = n.id(KindCompletion, m.GetId())
	}
}
