package objects_test

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
)

// shelf is what one caller has in one place.
type shelf struct {
	model                                         string
	response, output, conversation, item, message string
	completion                                    string
}

// route is one way to name an object: an RPC, and the field of its request that does.
type route struct {
	rpc, field string
	// subject is the kind of object that the field names.
	subject func(shelf) string
	// other names an object of another kind, which is not there either.
	other func(shelf) string
	// method, path and body are the request over REST, grpc that over gRPC, for an id.
	// What else they name are own objects of the caller.
	method string
	path   func(own shelf, id string) string
	body   func(own shelf, id string) string
	grpc   func(own shelf, id string) proto.Message
	stream bool
	// code is the error's. Empty: "not_found".
	code string
	// local says that only the gateway's own store has the objects, native that only a
	// provider can be asked so.
	local, native bool
}

func aResponse(s shelf) string     { return s.response }
func aConversation(s shelf) string { return s.conversation }
func aCompletion(s shelf) string   { return s.completion }
func anItem(s shelf) string        { return s.item }
func anOutput(s shelf) string      { return s.output }
func aMessage(s shelf) string      { return s.message }

// onPath is a path with an id at its end, or before a further part.
func onPath(before, behind string) func(shelf, string) string {
	return func(_ shelf, id string) string { return before + id + behind }
}

func nothing(shelf, string) string { return "" }

func always(text string) func(shelf, string) string {
	return func(shelf, string) string { return text }
}

const (
	responsesRPC     = "signalbox.responses.v1.ResponsesService/"
	conversationsRPC = "signalbox.conversations.v1.ConversationsService/"
	chatRPC          = "signalbox.chat.v1.ChatService/"
)

// routes has a row for each field of each RPC that names an object.
func routes() []route {
	return slices.Concat(responseRoutes(), inputRoutes(), conversationRoutes(), completionRoutes())
}

func responseRoutes() []route {
	ofResponse := func(rpc, method, behind string, stream bool, grpc func(id string) proto.Message) route {
		return route{
			rpc: responsesRPC + rpc, field: "response_id", subject: aResponse, other: aConversation, method: method,
			path: onPath("/v1/responses/", behind), body: nothing, stream: stream,
			grpc: func(_ shelf, id string) proto.Message { return grpc(id) },
		}
	}
	return []route{
		ofResponse("GetResponse", http.MethodGet, "", false, func(id string) proto.Message { return &responsesv1.GetResponseRequest{ResponseId: id} }),
		ofResponse("ResumeResponse", http.MethodGet, "?stream=true", true, func(id string) proto.Message { return &responsesv1.ResumeResponseRequest{ResponseId: id} }),
		ofResponse("DeleteResponse", http.MethodDelete, "", false, func(id string) proto.Message { return &responsesv1.DeleteResponseRequest{ResponseId: id} }),
		ofResponse("CancelResponse", http.MethodPost, "/cancel", false, func(id string) proto.Message { return &responsesv1.CancelResponseRequest{ResponseId: id} }),
		ofResponse("ListInputItems", http.MethodGet, "/input_items", false, func(id string) proto.Message { return &responsesv1.ListInputItemsRequest{ResponseId: id} }),
		{
			rpc: responsesRPC + "ListInputItems", field: "after", subject: anOutput, other: aResponse, code: "invalid_cursor", method: http.MethodGet,
			path: func(own shelf, id string) string { return "/v1/responses/" + own.response + "/input_items?after=" + id }, body: nothing,
			grpc: func(own shelf, id string) proto.Message {
				return &responsesv1.ListInputItemsRequest{ResponseId: own.response, After: &id}
			},
		},
	}
}

// inputRoutes are those whose request for a response names objects.
func inputRoutes() []route {
	rpcs := []struct {
		name, path, more string
		stream, native   bool
		wrap             func(*responsesv1.ResponseParams) proto.Message
	}{
		{"CreateResponse", "/v1/responses", "", false, false, func(p *responsesv1.ResponseParams) proto.Message {
			return &responsesv1.CreateResponseRequest{Params: p}
		}},
		{"StreamResponse", "/v1/responses", `,"stream":true`, true, false, func(p *responsesv1.ResponseParams) proto.Message {
			return &responsesv1.StreamResponseRequest{Params: p}
		}},
		{"CountInputTokens", "/v1/responses/input_tokens", "", false, true, func(p *responsesv1.ResponseParams) proto.Message {
			return &responsesv1.CountInputTokensRequest{Params: p}
		}},
		{"CompactResponse", "/v1/responses/compact", "", false, false, func(p *responsesv1.ResponseParams) proto.Message {
			return &responsesv1.CompactResponseRequest{Params: p}
		}},
	}
	fields := []struct {
		name           string
		subject, other func(shelf) string
		member         func(id string) string
		params         func(p *responsesv1.ResponseParams, id string)
	}{
		{"previous_response_id", aResponse, aConversation,
			func(id string) string { return `"input":"Hi","previous_response_id":"` + id + `"` },
			func(p *responsesv1.ResponseParams, id string) { p.PreviousResponseId = &id }},
		{"conversation", aConversation, aResponse,
			func(id string) string { return `"input":"Hi","conversation":"` + id + `"` },
			func(p *responsesv1.ResponseParams, id string) { p.Conversation = &id }},
		{"conversation_ref", aConversation, aResponse,
			func(id string) string { return `"input":"Hi","conversation":{"id":"` + id + `"}` },
			func(p *responsesv1.ResponseParams, id string) {
				p.ConversationRef = &responsesv1.ConversationRef{Id: id}
			}},
		{"item_reference", anOutput, aResponse,
			func(id string) string { return `"input":[{"type":"item_reference","id":"` + id + `"}]` },
			func(p *responsesv1.ResponseParams, id string) {
				p.Input = nil
				p.InputItems = []*responsesv1.Item{{Type: "item_reference", Item: &responsesv1.Item_ItemReference{ItemReference: &responsesv1.ItemReference{Id: id}}}}
			}},
	}
	var all []route
	for _, rpc := range rpcs {
		for _, field := range fields {
			if rpc.name == "CompactResponse" && strings.HasPrefix(field.name, "conversation") {
				continue // OpenAI's has none; see TestEveryIDHasItsRow
			}
			all = append(all, route{
				rpc: responsesRPC + rpc.name, field: field.name, subject: field.subject, other: field.other,
				method: http.MethodPost, path: always(rpc.path), stream: rpc.stream, native: rpc.native,
				body: func(own shelf, id string) string {
					return `{"model":"` + own.model + `",` + field.member(id) + rpc.more + `}`
				},
				grpc: func(own shelf, id string) proto.Message {
					p := &responsesv1.ResponseParams{Model: &own.model, Input: new("Hi")}
					field.params(p, id)
					return rpc.wrap(p)
				},
			})
		}
	}
	return all
}

func conversationRoutes() []route {
	ofConversation := func(rpc, method, behind, body string, grpc func(id string) proto.Message) route {
		return route{
			rpc: conversationsRPC + rpc, field: "conversation_id", subject: aConversation, other: aResponse, method: method,
			path: onPath("/v1/conversations/", behind), body: always(body),
			grpc: func(_ shelf, id string) proto.Message { return grpc(id) },
		}
	}
	labels := map[string]string{"x": "y"}
	items := []*responsesv1.Item{{Type: "message", Item: &responsesv1.Item_Message{Message: &responsesv1.MessageItem{Role: "user", Content: new("Hi")}}}}
	all := []route{
		ofConversation("GetConversation", http.MethodGet, "", "", func(id string) proto.Message {
			return &conversationsv1.GetConversationRequest{ConversationId: id}
		}),
		ofConversation("UpdateConversation", http.MethodPost, "", `{"metadata":{"x":"y"}}`, func(id string) proto.Message {
			return &conversationsv1.UpdateConversationRequest{ConversationId: id, Params: &conversationsv1.UpdateConversationParams{Metadata: labels}}
		}),
		ofConversation("DeleteConversation", http.MethodDelete, "", "", func(id string) proto.Message {
			return &conversationsv1.DeleteConversationRequest{ConversationId: id}
		}),
		ofConversation("CreateConversationItems", http.MethodPost, "/items", `{"items":[{"role":"user","content":"Hi"}]}`, func(id string) proto.Message {
			return &conversationsv1.CreateConversationItemsRequest{ConversationId: id, Params: &conversationsv1.ConversationItemsParams{Items: items}}
		}),
		ofConversation("ListConversationItems", http.MethodGet, "/items", "", func(id string) proto.Message {
			return &conversationsv1.ListConversationItemsRequest{ConversationId: id}
		}),
		ofConversation("GetConversationItem", http.MethodGet, "/items/msg_x", "", func(id string) proto.Message {
			return &conversationsv1.GetConversationItemRequest{ConversationId: id, ItemId: "msg_x"}
		}),
		ofConversation("DeleteConversationItem", http.MethodDelete, "/items/msg_x", "", func(id string) proto.Message {
			return &conversationsv1.DeleteConversationItemRequest{ConversationId: id, ItemId: "msg_x"}
		}),
		{
			rpc: conversationsRPC + "ListConversationItems", field: "after", subject: anItem, other: aResponse, code: "invalid_cursor", method: http.MethodGet,
			path: func(own shelf, id string) string {
				return "/v1/conversations/" + own.conversation + "/items?after=" + id
			}, body: nothing,
			grpc: func(own shelf, id string) proto.Message {
				return &conversationsv1.ListConversationItemsRequest{ConversationId: own.conversation, After: &id}
			},
		},
	}
	ofItem := func(rpc, method string, grpc func(conversation, item string) proto.Message) route {
		return route{
			rpc: conversationsRPC + rpc, field: "item_id", subject: anItem, other: aResponse, method: method, body: nothing,
			path: func(own shelf, id string) string { return "/v1/conversations/" + own.conversation + "/items/" + id },
			grpc: func(own shelf, id string) proto.Message { return grpc(own.conversation, id) },
		}
	}
	return append(all,
		ofItem("GetConversationItem", http.MethodGet, func(conversation, item string) proto.Message {
			return &conversationsv1.GetConversationItemRequest{ConversationId: conversation, ItemId: item}
		}),
		ofItem("DeleteConversationItem", http.MethodDelete, func(conversation, item string) proto.Message {
			return &conversationsv1.DeleteConversationItemRequest{ConversationId: conversation, ItemId: item}
		}),
	)
}

func completionRoutes() []route {
	ofCompletion := func(rpc, method, behind, body string, grpc func(id string) proto.Message) route {
		return route{
			rpc: chatRPC + rpc, field: "completion_id", subject: aCompletion, other: aResponse, method: method,
			path: onPath("/v1/chat/completions/", behind), body: always(body),
			grpc: func(_ shelf, id string) proto.Message { return grpc(id) },
		}
	}
	return []route{
		ofCompletion("GetChatCompletion", http.MethodGet, "", "", func(id string) proto.Message { return &chatv1.GetChatCompletionRequest{CompletionId: id} }),
		ofCompletion("UpdateChatCompletion", http.MethodPost, "", `{"metadata":{"x":"y"}}`, func(id string) proto.Message {
			return &chatv1.UpdateChatCompletionRequest{CompletionId: id, Params: &chatv1.UpdateChatCompletionParams{Metadata: map[string]string{"x": "y"}}}
		}),
		ofCompletion("DeleteChatCompletion", http.MethodDelete, "", "", func(id string) proto.Message { return &chatv1.DeleteChatCompletionRequest{CompletionId: id} }),
		ofCompletion("ListChatCompletionMessages", http.MethodGet, "/messages", "", func(id string) proto.Message {
			return &chatv1.ListChatCompletionMessagesRequest{CompletionId: id}
		}),
		{
			rpc: chatRPC + "ListChatCompletionMessages", field: "after", subject: aMessage, other: aResponse, code: "invalid_cursor", method: http.MethodGet,
			path: func(own shelf, id string) string {
				return "/v1/chat/completions/" + own.completion + "/messages?after=" + id
			}, body: nothing,
			grpc: func(own shelf, id string) proto.Message {
				return &chatv1.ListChatCompletionMessagesRequest{CompletionId: own.completion, After: &id}
			},
		},
		{
			rpc: chatRPC + "ListChatCompletions", field: "after", subject: aCompletion, other: aResponse, code: "invalid_cursor", method: http.MethodGet,
			path: onPath("/v1/chat/completions?after=", ""), body: nothing, local: true,
			grpc: func(_ shelf, id string) proto.Message { return &chatv1.ListChatCompletionsRequest{After: &id} },
		},
	}
}

// noObjects are fields with the names of ids that name no object of a caller, each with
// what they name.
var noObjects = map[string]string{
	"signalbox.audit.v1.AuditService/GetAuditEntry entry_id":                                 "records are everybody's who may read them",
	responsesRPC + "CompactResponse conversation":                                            "OpenAI's has none; it is looked up as any other",
	responsesRPC + "CompactResponse conversation_ref":                                        "as above",
	"signalbox.plan.v1.PlanService/Explain previous_response_id":                             "a plan says where an object is, by its id alone, and shows nothing of it",
	"signalbox.plan.v1.PlanService/Explain conversation":                                     "as above",
	"signalbox.plan.v1.PlanService/Explain conversation_ref":                                 "as above",
	"signalbox.plan.v1.PlanService/Explain item_reference":                                   "as above",
	"signalbox.audit.v1.AuditService/ListAuditEntries request_id":                            "calls have no owners' objects",
	"signalbox.audit.v1.AuditService/ListAuditEntries key_id":                                "as above",
	"signalbox.plan.v1.PlanService/Explain key_id":                                           "the public name of a key",
	"signalbox.conversations.v1.ConversationsService/CreateConversation item_reference":      "refused: see TestConversationsTakeItems",
	"signalbox.conversations.v1.ConversationsService/CreateConversationItems item_reference": "as above",
}

var named = regexp.MustCompile(`^(after|id|.*_id)$`)

// idsIn are the fields of a request that name something.
func idsIn(request protoreflect.MessageDescriptor) []string {
	var found []string
	for i := range request.Fields().Len() {
		field := request.Fields().Get(i)
		switch {
		case field.Kind() == protoreflect.StringKind && named.MatchString(string(field.Name())):
			found = append(found, string(field.Name()))
		case field.Kind() != protoreflect.MessageKind:
		case field.Message().FullName() == "signalbox.responses.v1.ResponseParams":
			found = append(found, "previous_response_id", "conversation", "conversation_ref", "item_reference")
		case strings.HasSuffix(string(field.Message().Name()), "Filter"):
			found = append(found, idsIn(field.Message())...)
		case field.Name() == "params" && field.Message().Fields().ByName("items") != nil:
			found = append(found, "item_reference")
		}
	}
	return found
}

// A new RPC, or a new field, that names an object needs a row here.
func TestEveryIDHasItsRow(t *testing.T) {
	t.Parallel()
	rows, used := map[string]bool{}, map[string]bool{}
	for _, row := range routes() {
		rows[row.rpc+" "+row.field] = true
	}
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "signalbox.") {
			return true
		}
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				method := service.Methods().Get(j)
				for _, field := range idsIn(method.Input()) {
					name := string(service.FullName()) + "/" + string(method.Name()) + " " + field
					used[name] = true
					if !rows[name] && noObjects[name] == "" {
						t.Errorf("%s names something, and has no row", name)
					}
				}
			}
		}
		return true
	})
	for _, name := range slices.Concat(slices.Collect(maps.Keys(rows)), slices.Collect(maps.Keys(noObjects))) {
		if !used[name] {
			t.Errorf("the row %s is for nothing", name)
		}
	}
}
