package providertest

import (
	"net/http"
	"net/url"
	"strings"
)

// Endpoints that scripts are queued for, as Request.Endpoint names them: the method,
// and the path under the provider's base.
const (
	EndpointChat       = "POST /chat/completions"
	EndpointModels     = "GET /models"
	EndpointModel      = "GET /models/{id}"
	EndpointEmbeddings = "POST /embeddings"
	// EndpointEmbed is Ollama's own.
	EndpointEmbed = "POST /api/embed"

	EndpointCompletions        = "GET /chat/completions"
	EndpointCompletion         = "GET /chat/completions/{id}"
	EndpointUpdateCompletion   = "POST /chat/completions/{id}"
	EndpointDeleteCompletion   = "DELETE /chat/completions/{id}"
	EndpointCompletionMessages = "GET /chat/completions/{id}/messages"

	EndpointResponses      = "POST /responses"
	EndpointResponse       = "GET /responses/{id}"
	EndpointDeleteResponse = "DELETE /responses/{id}"
	EndpointCancelResponse = "POST /responses/{id}/cancel"
	EndpointInputItems     = "GET /responses/{id}/input_items"
	EndpointInputTokens    = "POST /responses/input_tokens"
	EndpointCompact        = "POST /responses/compact"

	EndpointConversations      = "POST /conversations"
	EndpointConversation       = "GET /conversations/{id}"
	EndpointUpdateConversation = "POST /conversations/{id}"
	EndpointDeleteConversation = "DELETE /conversations/{id}"
	EndpointAddItems           = "POST /conversations/{id}/items"
	EndpointItems              = "GET /conversations/{id}/items"
	EndpointItem               = "GET /conversations/{id}/items/{item}"
	EndpointDeleteItem         = "DELETE /conversations/{id}/items/{item}"
)

// The abilities that a profile serves, each with its endpoints.
const (
	serveChat       = "chat"
	serveModels     = "models"
	serveEmbeddings = "embeddings"
	serveNative     = "native"
	// serveKept is stored completions.
	serveKept = "kept completions"
	// serveResponses is to answer; the others are what can be done with a response.
	serveResponses     = "responses"
	serveStored        = "stored responses"
	serveCancel        = "cancel"
	serveInputItems    = "input items"
	serveTokens        = "input tokens"
	serveCompact       = "compact"
	serveConversations = "conversations"
)

// endpoint is a method of a path, and what answers it.
type endpoint struct {
	// name is the method and the pattern of the path.
	name string
	// ability is what a profile must serve.
	ability string
	serve   func(x *exchange, body []byte, have bool) answer
}

// endpoints are all of them.
func endpoints() []endpoint {
	return []endpoint{
		{EndpointChat, serveChat, (*exchange).chat},
		{EndpointModels, serveModels, (*exchange).listModels},
		{EndpointModel, serveModels, (*exchange).oneModel},
		{EndpointEmbeddings, serveEmbeddings, (*exchange).embed},
		{EndpointEmbed, serveNative, (*exchange).embedNative},

		{EndpointCompletions, serveKept, (*exchange).listCompletions},
		{EndpointCompletion, serveKept, (*exchange).getCompletion},
		{EndpointUpdateCompletion, serveKept, (*exchange).updateCompletion},
		{EndpointDeleteCompletion, serveKept, (*exchange).deleteCompletion},
		{EndpointCompletionMessages, serveKept, (*exchange).listMessages},

		{EndpointResponses, serveResponses, (*exchange).respond},
		{EndpointInputTokens, serveTokens, (*exchange).countTokens},
		{EndpointCompact, serveCompact, (*exchange).compact},
		{EndpointResponse, serveStored, (*exchange).getResponse},
		{EndpointDeleteResponse, serveStored, (*exchange).deleteResponse},
		{EndpointCancelResponse, serveCancel, (*exchange).cancelResponse},
		{EndpointInputItems, serveInputItems, (*exchange).inputItems},

		{EndpointConversations, serveConversations, (*exchange).createConversation},
		{EndpointConversation, serveConversations, (*exchange).getConversation},
		{EndpointUpdateConversation, serveConversations, (*exchange).updateConversation},
		{EndpointDeleteConversation, serveConversations, (*exchange).deleteConversation},
		{EndpointAddItems, serveConversations, (*exchange).addItems},
		{EndpointItems, serveConversations, (*exchange).listItems},
		{EndpointItem, serveConversations, (*exchange).getItem},
		{EndpointDeleteItem, serveConversations, (*exchange).deleteItem},
	}
}

// target is where a request goes.
type target struct {
	endpoint
	// ids are the values of the braces in the pattern, in order.
	ids []string
	// deployment is the model that the path names, as at Azure.
	deployment string
	// version is the API's version that the query names, where it is a date.
	version string
	// known says that the path is one; then the method may be wrong.
	known bool
	// refusal is why the URL is not taken, whatever it names.
	refusal *APIError
}

// find returns where a request goes. Its endpoint is without a name if there is none.
func (u *Upstream) find(r *http.Request) target {
	place, t := u.place(r)
	if t.refusal != nil || place == "" {
		return t
	}
	for _, e := range endpoints() {
		method, pattern, _ := strings.Cut(e.name, " ")
		ids, ok := match(pattern, place)
		if !ok || !u.profile.serves[e.ability] {
			continue
		}
		t.known = true
		if method == r.Method {
			t.endpoint, t.ids = e, ids
			return t
		}
	}
	return t
}

// match returns the values of a pattern's braces. Values are unescaped after the
// path is cut, so that a slash can be in them.
func match(pattern, path string) ([]string, bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return nil, false
	}
	var ids []string
	for i, w := range want {
		if !strings.HasPrefix(w, "{") {
			if w != got[i] {
				return nil, false
			}
			continue
		}
		id, err := url.PathUnescape(got[i])
		if err != nil || id == "" {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

// place returns the path under the base. Empty: it is elsewhere.
func (u *Upstream) place(r *http.Request) (string, target) {
	if u.profile.place != nil {
		return u.profile.place(r)
	}
	path := r.URL.EscapedPath()
	if strings.HasPrefix(path, "/api/") && u.profile.base != "/api/v1" { // what is not OpenAI's dialect
		return path, target{}
	}
	place, ok := strings.CutPrefix(path, u.profile.base)
	if !ok || !strings.HasPrefix(place, "/") {
		return "", target{}
	}
	return place, target{}
}

// nowhere is the reply to a request that has no endpoint.
func (x *exchange) nowhere() answer {
	if x.known {
		return x.refuse(&APIError{
			Status: http.StatusMethodNotAllowed, Type: invalidRequest,
			Message: "This path does not take " + x.r.Method + ".",
		})
	}
	return x.refuse(&APIError{
		Status: http.StatusNotFound, Type: invalidRequest, Code: "unknown_url",
		Message: "There is nothing at " + x.r.Method + " " + x.r.URL.EscapedPath() + ".",
	})
}
