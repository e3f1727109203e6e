package rest

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

func testRoutes(t *testing.T) *routes {
	t.Helper()
	rs, err := newRoutes([]protoreflect.FileDescriptor{
		chatv1.File_signalbox_chat_v1_chat_service_proto,
		modelsv1.File_signalbox_models_v1_models_service_proto,
		planv1.File_signalbox_plan_v1_plan_service_proto,
		auditv1.File_signalbox_audit_v1_audit_service_proto,
		responsesv1.File_signalbox_responses_v1_responses_service_proto,
		conversationsv1.File_signalbox_conversations_v1_conversations_service_proto,
	})
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// request is a request line as it stands on the wire, not cleaned by a client.
func request(t *testing.T, method, target string) *http.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, "/", nil)
	r.URL = u
	return r
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	rs := testRoutes(t)
	for _, tt := range []struct{ method, target, want string }{
		{"POST", "/v1/chat/completions", "signalbox.chat.v1.ChatService/CreateChatCompletion"},
		{"POST", "/v1/chat/completions?provider=openai", "signalbox.chat.v1.ChatService/CreateChatCompletion"},
		{"DELETE", "/v1/chat/completions", "METHOD_NOT_ALLOWED"},
		{"DELETE", "/v1/models/a", "METHOD_NOT_ALLOWED"},
		{"CONNECT", "/v1/chat/completions", "METHOD_NOT_ALLOWED"},
		{"POST", "/v1/chat/completions:stream", "PATH_REFUSED"},
		{"POST", "/v1/chat/completions/", "PATH_REFUSED"},
		{"POST", "/v1/chat", "ROUTE_NOT_FOUND"},
		{"GET", "/", "ROUTE_NOT_FOUND"},
		{"GET", "/v1/models", "signalbox.models.v1.ModelsService/ListModels"},
		{"GET", "/v1/models/gpt-4o", "signalbox.models.v1.ModelsService/GetModel"},
		{"GET", "/v1/models/openai/gpt-4o", "signalbox.models.v1.ModelsService/GetModel"},
		{"GET", "/v1/models/openai%2Fgpt-4o", "signalbox.models.v1.ModelsService/GetModel"},
		{"GET", "/v1/models/openai%2fgpt-4o", "signalbox.models.v1.ModelsService/GetModel"},
		{"GET", "/v1/models/ft:gpt-4o:acme::1", "signalbox.models.v1.ModelsService/GetModel"},
		{"GET", "/v1/models/a%2F..%2Fb", "PATH_REFUSED"},
		{"GET", "/v1/models/%2e%2e/admin", "PATH_REFUSED"},
		{"GET", "/v1/models/a%252Fb", "PATH_REFUSED"},
		{"GET", "/v1/models/a%5Cb", "PATH_REFUSED"},
		{"GET", "/v1/models/a;b", "PATH_REFUSED"},
		{"GET", "/v1/models/a%00b", "PATH_REFUSED"},
		{"GET", "/v1//models", "PATH_REFUSED"},
		{"GET", "/v1/./models", "PATH_REFUSED"},
		{"GET", "/v1/x/../models", "PATH_REFUSED"},
		{"GET", "/admin%2Fapi/v1/audit/log", "PATH_REFUSED"},
		{"GET", "/admin/api/v1/audit/log", "signalbox.audit.v1.AuditService/ListAuditEntries"},
		{"GET", "/admin/api/v1/audit/log/0198", "signalbox.audit.v1.AuditService/GetAuditEntry"},
		{"GET", "/v1/chat/completions", "signalbox.chat.v1.ChatService/ListChatCompletions"},
		{"DELETE", "/v1/chat/completions/chatcmpl-1", "signalbox.chat.v1.ChatService/DeleteChatCompletion"},
		{"POST", "/v1/responses/resp_1/cancel", "signalbox.responses.v1.ResponsesService/CancelResponse"},
		{"POST", "/v1/responses/compact", "signalbox.responses.v1.ResponsesService/CompactResponse"},
		{"GET", "/v1/responses/resp_1", "signalbox.responses.v1.ResponsesService/GetResponse"},
		{"GET", "/v1/responses/resp_1:stream", "PATH_REFUSED"},
		{"GET", "/v1/responses/resp_1/input_items", "signalbox.responses.v1.ResponsesService/ListInputItems"},
		{"GET", "/v1/conversations/conv_1/items/msg_1", "signalbox.conversations.v1.ConversationsService/GetConversationItem"},
		{"POST", "/v1/plan:explain", "signalbox.plan.v1.PlanService/Explain"},
	} {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			t.Parallel()
			route, refused := rs.match(request(t, tt.method, tt.target))
			var got string
			if refused != nil {
				got = strings.TrimPrefix(failure.As(refused.err).Reason.String(), "ERROR_REASON_")
			} else {
				got = route.rpc
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	t.Parallel()
	if _, refused := testRoutes(t).match(request(t, "DELETE", "/v1/chat/completions")); refused.allow != "POST, GET" {
		t.Errorf("Allow %q", refused.allow)
	}
}

func TestHeadersThatDecideStandOnce(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Request-Id", "Content-Type"} {
		r := request(t, "POST", "/v1/chat/completions")
		r.Header[name] = []string{"a", "b"}
		if err := checkHead(r); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("two %s headers give %v", name, err)
		}
	}
	r := request(t, "GET", "/v1/models")
	r.Header["X-Many"] = make([]string, maxHeaders+1)
	if checkHead(r) == nil {
		t.Error("101 headers pass")
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("127.0.0.0/8")}
	for _, tt := range []struct {
		name, remote, forwarded, want string
		trusted                       []netip.Prefix
	}{
		{"nobody is trusted", "127.0.0.1:1", "1.2.3.4", "127.0.0.1", nil},
		{"the peer is not a proxy", "9.9.9.9:1", "1.2.3.4", "9.9.9.9", trusted},
		{"one proxy", "10.0.0.1:1", "1.2.3.4", "1.2.3.4", trusted},
		{"a client that lies", "10.0.0.1:1", "8.8.8.8, 1.2.3.4", "1.2.3.4", trusted},
		{"two proxies", "10.0.0.1:1", "1.2.3.4, 10.0.0.2", "1.2.3.4", trusted},
		{"garbage", "10.0.0.1:1", "1.2.3.4, x", "10.0.0.1", trusted},
		{"none", "10.0.0.1:1", "", "10.0.0.1", trusted},
		{"IPv6", "[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1", trusted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := request(t, "GET", "/v1/models")
			r.RemoteAddr = tt.remote
			if tt.forwarded != "" {
				r.Header.Set("X-Forwarded-For", tt.forwarded)
			}
			if got := clientAddress(r, tt.trusted); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCredential(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ authorization, apiKey, want string }{
		{"Bearer abc", "", "abc"},
		{"bearer  abc ", "", "abc"},
		{"", "abc", "abc"},
		{"Bearer abc", "other", "abc"},
		{"Basic abc", "", "Basic abc"},
		{"Bearer", "", ""},
		{"Bearer ", "", ""},
		{"", "", ""},
	} {
		header := http.Header{}
		if tt.authorization != "" {
			header.Set("Authorization", tt.authorization)
		}
		if tt.apiKey != "" {
			header.Set("X-Api-Key", tt.apiKey)
		}
		if got := credential(header); got != tt.want {
			t.Errorf("%+v gives %q", tt, got)
		}
	}
}

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"": false, "gzip": true, "deflate, gzip;q=0.5": true, "GZIP": true, "gzip;q=0": false, "gzip; q=0.000": false, "gzip;Q=0.0": false, "gzip;q=0.1": true, "gzip;q=x": false, "br": false, "x-gzip": false,
	} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {accept}}); got != want {
			t.Errorf("%q: %v", accept, got)
		}
	}
}
