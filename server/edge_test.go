package server_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// hostileHeaders are what clients send in the hope that somebody behind us believes it.
var hostileHeaders = [][]string{
	{"Grpc-Metadata-X-Signalbox-Provider", "elsewhere"},
	{"Grpc-Metadata-Authorization", "Bearer other"},
	{"Grpc-Metadata-X-Request-Id", "forged"},
	{"Grpc-Timeout", "1n"},
	{"Grpc-Trace-Bin", "AAAA"},
	{"Grpc-Encoding", "gzip"},
	{"X-Forwarded-For", "203.0.113.7"},
	{"X-Forwarded-Host", "elsewhere.example"},
	{"X-Forwarded-Proto", "gopher"},
	{"X-Forwarded-Prefix", "/admin"},
	{"X-Original-Url", "/admin/api/v1/audit/log"},
	{"X-Rewrite-Url", "/admin/api/v1/audit/log"},
	{"Forwarded", "for=203.0.113.7;host=elsewhere.example"},
	{"X-Real-Ip", "203.0.113.7"},
	{"True-Client-Ip", "203.0.113.7"},
	{"Via", "1.1 elsewhere"},
	{"X-Http-Method-Override", "DELETE"},
	{"X-Http-Method", "DELETE"},
	{"X-Method-Override", "DELETE"},
	{"Connection", "X-Hop, Authorization", "X-Hop", "a"},
	{"Keep-Alive", "timeout=1"},
	{"Te", "trailers"},
	{"Trailer", "Authorization"},
	{"Proxy-Authorization", "Basic YTpi"},
	{"Proxy-Connection", "keep-alive"},
	{"X-Signalbox-Plan", "forged"},
	{"X-Signalbox-Provider", "elsewhere"},
	{"X-Signalbox-Model", "gpt-4o"},
	{"X-Signalbox-Key", "master"},
	{"Openai-Organization", "org-of-somebody"},
	{"Openai-Project", "proj-of-somebody"},
	{"Openai-Beta", "assistants=v2"},
	{"X-Client-Request-Id", "forged"},
	{"Idempotency-Key", "again"},
	{"X-Goog-Api-Key", "k"},
	{"Api-Key", "k"},
	{"X-Api-Key", "k"},
	{"X_Api_Key", "k"},
	{"Cookie", "session=1"},
	{"Baggage", "a=b"},
	{"Range", "bytes=0-5"},
	{"If-None-Match", "*"},
	{"Accept", "text/event-stream"},
	{"Accept-Encoding", "br;q=1, identity;q=0"},
	{"Origin", "https://elsewhere.example"},
	{"User-Agent", "curl/0"},
	{"X-Stainless-Lang", "js"},
	{"Max-Forwards", "0"},
	{"Authority", "elsewhere.example"},
	{"Content-Language", "en"},
}

// outcomeOf is what came of a call, as far as a header must not have changed it.
func outcomeOf(t *testing.T, gw *servertest.Gateway, up *providertest.Upstream, id string) string {
	t.Helper()
	record := gw.Record(id)
	entry := normalised(record.GetEntry())
	entry.UsageJson = ""
	plan := record.GetPlan()
	plan.RequestId = ""
	var sent string
	for _, request := range up.Chats() {
		if request.ClientRequestID == id {
			delete(request.Header, "X-Client-Request-Id")
			delete(request.Header, "Traceparent")
			names := slices.Sorted(maps.Keys(request.Header))
			for _, name := range names {
				sent += fmt.Sprintf("%s: %q\n", name, request.Header[name])
			}
			sent += string(request.Body)
		}
	}
	if sent == "" {
		t.Errorf("nothing went upstream for %s", id)
	}
	return fmt.Sprintf("%v\n%v\n%s", entry, plan, sent)
}

// A header that is not meant for the gateway changes nothing, and reaches nobody.
func TestRequestHeadersChangeNothing(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t) // it refuses a header of a client, and fails the test
	gw := servertest.Start(t, servertest.Upstream(up))
	body := servertest.ChatBody(model, "Hello")
	plain := gw.Post(chatPath, body, "X-Request-Id", "plain")
	want := outcomeOf(t, gw, up, "plain")
	client := chatv1.NewChatServiceClient(gw.GRPC)
	request := &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{
		Model: model, Messages: []*chatv1.ChatMessage{{Role: "user", Content: proto.String("Hello")}},
	}}
	for i, header := range hostileHeaders {
		t.Run(header[0], func(t *testing.T) {
			t.Parallel()
			gw := gw.In(t)
			id := fmt.Sprintf("rest-%d", i)
			reply := gw.Post(chatPath, body, append(slices.Clone(header), "X-Request-Id", id)...)
			if reply.Status != 200 || reply.Header.Get("Content-Type") != plain.Header.Get("Content-Type") || reply.Header.Get("X-Signalbox-Plan") != plain.Header.Get("X-Signalbox-Plan") {
				t.Fatalf("got %d %v %s", reply.Status, reply.Header, reply.Body)
			}
			if got := outcomeOf(t, gw, up, id); got != want {
				t.Errorf("REST: got\n%s\nwant\n%s", got, want)
			}
			name := strings.ToLower(header[0])
			if name == "connection" || name == "te" || strings.HasPrefix(name, "grpc-") && !strings.HasPrefix(name, "grpc-metadata") || strings.HasPrefix(name, "proxy-c") || name == "keep-alive" {
				return // of the protocol itself
			}
			id = fmt.Sprintf("grpc-%d", i)
			ctx := metadata.AppendToOutgoingContext(servertest.WithRequestID(t.Context(), id), name, header[1])
			if _, err := client.CreateChatCompletion(ctx, request); err != nil {
				t.Fatalf("gRPC: %v", err)
			}
			if got := outcomeOf(t, gw, up, id); got != want {
				t.Errorf("gRPC: got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// replyHeaders are all that a client is ever sent, beside the provider's rate limits.
var replyHeaders = []string{
	"Content-Type", "Content-Length", "Date", "X-Content-Type-Options", "Cache-Control", "X-Accel-Buffering", "Vary",
	"X-Request-Id", "X-Signalbox-Plan", "X-Signalbox-Provider", "X-Signalbox-Model", "X-Signalbox-Loss",
	"Openai-Version", "Openai-Processing-Ms", "Openai-Model", "Retry-After", "Retry-After-Ms", "X-Should-Retry",
}

// forged are headers of a provider, each of which a client could take for ours, or
// which tell of the operator's account.
const forged = "header=Server:evil,header=Alt-Svc:h3,header=Strict-Transport-Security:max-age=1,header=Openai-Organization:org-of-ours," +
	"header=Openai-Project:proj-of-ours,header=X-Signalbox-Plan:forged,header=X-Signalbox-Provider:forged,header=X-Signalbox-Model:forged," +
	"header=Access-Control-Allow-Origin:*,header=Location:https%3A//elsewhere.example,header=X-Request-Id:req_theirs,header=Refresh:0," +
	"header=Grpc-Status:7,header=Grpc-Message:forged,header=Trailer:X-T,header=Www-Authenticate:Basic,header=Content-Disposition:attachment," +
	"header=X-Powered-By:php,header=Anthropic-Organization-Id:org,header=Set-Cookie:a=b,header=Link:x,header=X-Content-Type-Options:sniff," +
	"header=Openai-Model:gpt-4o-mini-2024-07-18,header=X-Ratelimit-Reset-Images:1s"

// checkReplyHeaders looks at the headers of a reply.
func checkReplyHeaders(t *testing.T, id string, header http.Header) {
	t.Helper()
	for name, values := range header {
		switch {
		case strings.HasPrefix(name, "X-Ratelimit-"), slices.Contains(replyHeaders, name), name == "Allow", name == "Connection":
		default:
			t.Errorf("the client was sent %s: %q", name, values)
		}
		if slices.Contains(values, "forged") || len(values) > 1 {
			t.Errorf("the client was sent %s: %q", name, values)
		}
	}
	if header.Get("X-Request-Id") != id || header.Get("Set-Cookie") != "" {
		t.Errorf("got %v", header)
	}
	for name, want := range map[string]string{
		"X-Ratelimit-Remaining-Tokens": "199900", "X-Ratelimit-Reset-Images": "1s", "Openai-Version": "2020-10-01",
		"Openai-Model": "gpt-4o-mini-2024-07-18", "X-Signalbox-Provider": "openai", "X-Signalbox-Model": model,
	} {
		if header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, header.Get(name), want)
		}
	}
}

// Of a provider's headers only those reach the client that are for it.
func TestReplyHeadersAreListed(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up), servertest.File("upstream:\n  max_attempts: 1\n  breaker_failure_percent: 100\n"))
	for _, script := range []string{"", "status=429,retry-after=1,should-retry=true", "status=400", "status=500"} {
		for _, stream := range []bool{false, true} {
			for _, way := range entrances {
				id := fmt.Sprintf("%s-%s-%v", way.name, strings.ReplaceAll(script, " ", ""), stream)
				id = strings.Map(func(r rune) rune {
					if r == ',' || r == '=' {
						return '-'
					}
					return r
				}, id)
				up.EnqueueText(t, strings.TrimPrefix(script+","+forged, ","))
				got := way.make(t.Context(), t, gw, ask{id: id, stream: stream})
				if (got.failed != nil) != (script != "") {
					t.Fatalf("%s: got %d %s", id, got.status, got.raw)
				}
				t.Log(id)
				checkReplyHeaders(t, id, got.header)
			}
		}
	}
}

// No query sets a member of a request that its proto does not name for it.
func TestQueriesSetNothing(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	body := servertest.ChatBody(model, "Hello")
	gw.Post(chatPath, body, "X-Request-Id", "plain")
	want := outcomeOf(t, gw, up, "plain")
	for i, query := range []string{
		"options.provider=elsewhere", "options.headers[authorization]=x", "options[provider]=elsewhere", "options.providerr=x",
		"params.model=gpt-4o", "params.messages_json=[]", "params.messagesJson=[]", "params.stream=true", "params.extra_json={}",
		"model=gpt-4o", "messages=x", "messages_json=[]", "stream=true", "extra_json={}", "user=x", "temperature=2",
		"PROVIDER=elsewhere", "Provider=elsewhere", "alt=sse", "$alt=json", "fields=id", "access_token=x", "api_key=x", "key=x",
		"callback=x", "_method=DELETE", "method=DELETE", "grpc-timeout=1n", "a[b][c]=d", "%00=x", "x=%00",
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			gw := gw.In(t)
			id := fmt.Sprintf("q-%d", i)
			if reply := gw.Post(chatPath+"?"+strings.NewReplacer("[", "%5B", "]", "%5D", "{", "%7B", "}", "%7D").Replace(query), body, "X-Request-Id", id); reply.Status != 200 {
				t.Fatalf("got %d %s", reply.Status, reply.Body)
			}
			if got := outcomeOf(t, gw, up, id); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
	for query, param := range map[string]string{"provider=openai&provider=elsewhere": "provider", "provider=elsewhere": "provider"} {
		if reply := gw.Post(chatPath+"?"+query, body); reply.Status < 400 || *reply.Failure(t).Param != param {
			t.Errorf("%s: got %d %s", query, reply.Status, reply.Body)
		}
	}
	for _, path := range []string{
		"/v1/models/" + model + "?id=gpt-4o", "/v1/models?page_size=x", "/admin/api/v1/audit/log?filter.request_id=plain",
		"/admin/api/v1/audit/log?request_id=a&request_id=b", "/admin/api/v1/audit/log?filter[request_id]=a", "/v1/models?a=%zz", "/v1/models?a;b",
	} {
		if reply := gw.Do("GET", path, ""); reply.Status != 400 {
			t.Errorf("%s: got %d %s", path, reply.Status, reply.Body)
		}
	}
}

// What stands in the path is not set by the query.
func TestPathsAreAboveQueries(t *testing.T) {
	t.Parallel()
	gw := servertest.Start(t, servertest.Upstream(providertest.Start(t)))
	if reply := gw.Do("GET", "/v1/models/"+model+"?model=gpt-4o", ""); !strings.Contains(reply.Body, `"id":"`+model+`"`) {
		t.Errorf("got %d %s", reply.Status, reply.Body)
	}
}
