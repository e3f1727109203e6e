package rest

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	list := func() proto.Message { return &auditv1.ListAuditEntriesRequest{} }
	chat := func() proto.Message { return &chatv1.CreateChatCompletionRequest{} }
	items := func() proto.Message { return &conversationsv1.ListConversationItemsRequest{} }
	add := func() proto.Message { return &conversationsv1.CreateConversationItemsRequest{} }
	completions := func() proto.Message { return &chatv1.ListChatCompletionsRequest{} }
	for _, tt := range []struct {
		name, query string
		message     func() proto.Message
		want        string // as protobuf text
		param       string // of the failure
	}{
		{name: "nothing", message: list},
		{name: "own fields", message: list, query: "limit=5&offset=10&page_token=x&days=7", want: `limit: 5 offset: 10 page_token: "x" days: 7`},
		{name: "the filter's fields", message: list, query: "request_id=r&status_code=404&stream=true&reason=model_not_found",
			want: `filter { request_id: "r" status_code: 404 stream: true reason: ERROR_REASON_MODEL_NOT_FOUND }`},
		{name: "a time", message: list, query: "start_time=2026-11-24T00:00:00Z", want: `filter { start_time { seconds: 1795478400 } }`},
		{name: "an unknown one", message: list, query: "limitt=5", param: "limitt"},
		{name: "no number", message: list, query: "limit=many", param: "limit"},
		{name: "no truth value", message: list, query: "stream=yes", param: "stream"},
		{name: "no value of the enum", message: list, query: "reason=MODEL_NOT_FOUND", param: "reason"},
		{name: "twice", message: list, query: "limit=1&limit=2", param: "limit"},
		{name: "by the filter's name", message: list, query: "filter.request_id=r", param: "filter.request_id"},
		{name: "the provider", message: chat, query: "provider=openai", want: `options { provider: "openai" }`},
		{name: "what OpenAI would ignore", message: chat, query: "api-version=1&beta=true", want: ``},
		{name: "the way into the message", message: chat, query: "options.provider=x&params.model=y&options=z", want: ``},
		{name: "a list", message: items, query: "include[]=a&include[]=b&limit=3", want: `include: "a" include: "b" limit: 3`},
		{name: "a list without brackets", message: items, query: "include=a", want: `include: "a"`},
		{name: "a list by place", message: items, query: "include[0]=a", param: "include[0]"},
		{name: "a list beside a body", message: add, query: "include[]=a&params[x]=y&metadata[a]=b", want: `include: "a"`},
		{name: "a map", message: completions, query: "metadata[team]=a&metadata[x y]=b&model=m", want: `model: "m" metadata { key: "team" value: "a" } metadata { key: "x y" value: "b" }`},
		{name: "a map's key twice", message: completions, query: "metadata[a]=1&metadata[a]=2", param: "metadata[a]"},
		{name: "a map of too many keys", message: completions, query: manyKeys(65), param: "metadata"},
		{name: "a map without a key", message: completions, query: "metadata[]=1", param: "metadata[]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			got, want := tt.message(), tt.message()
			err = queryParser{}.Parse(got, values, utilities.NewDoubleArray([][]string{{"params"}}))
			if tt.param != "" {
				if failed := failure.As(err); failed == nil || failed.Param != tt.param {
					t.Errorf("got %v, want a failure of %s", err, tt.param)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := prototext.Unmarshal([]byte(tt.want), want); err != nil {
				t.Fatal(err)
			}
			if !proto.Equal(got, want) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

// manyKeys is a query of so many keys of metadata.
func manyKeys(n int) string {
	values := url.Values{}
	for i := range n {
		values.Set(fmt.Sprintf("metadata[k%d]", i), "v")
	}
	return values.Encode()
}
