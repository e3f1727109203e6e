package plan_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	conversationsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/conversations/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/catalog"
	"github.com/signalbox-ai/signalbox/server/objectid"
	"github.com/signalbox-ai/signalbox/server/objects"
	"github.com/signalbox-ai/signalbox/server/plan"
)

// Where a call about a stored object goes is in the object's id, or in the call.
func TestStoredObjects(t *testing.T) {
	t.Parallel()
	ids, err := objectid.New([]string{"a key of at least thirty-two characters"})
	if err != nil {
		t.Fatal(err)
	}
	keeps := plan.Instance{Responds: true, KeepsResponses: true, KeepsConversations: true, KeepsCompletions: true}
	models, err := catalog.New(catalog.Params{
		Log: slog.New(slog.DiscardHandler), Config: &configv1.Catalog{RefreshInterval: durationpb.New(time.Hour)},
	})
	if err != nil {
		t.Fatal(err)
	}
	planner := plan.New(plan.Params{
		Catalog: models, Order: []string{"groq", "openai", "azure", "xai"},
		Instances: map[string]plan.Instance{"groq": {Chats: true}, "openai": keeps, "azure": keeps, "xai": {Responds: true, KeepsResponses: true}},
		Objects:   objects.New(objects.Params{Store: nil, IDs: ids, Config: &configv1.Objects{}, Now: nil}),
		Upstream:  &configv1.Upstream{}, ConfigDigest: "",
	})
	there := ids.Seal("resp_", "openai", "/a", "resp_1")
	at := func(provider string) *commonv1.CallOptions { return &commonv1.CallOptions{Provider: provider} }
	response := func(id, provider string) proto.Message {
		return &responsesv1.GetResponseRequest{ResponseId: id, Options: at(provider)}
	}
	const (
		missing     = commonv1.ErrorReason_ERROR_REASON_OBJECT_NOT_FOUND
		conflict    = commonv1.ErrorReason_ERROR_REASON_SELECTOR_CONFLICT
		unsupported = commonv1.ErrorReason_ERROR_REASON_UNSUPPORTED_OPERATION
		unknown     = commonv1.ErrorReason_ERROR_REASON_PROVIDER_NOT_FOUND
	)
	for _, tt := range []struct {
		name    string
		request proto.Message
		raw     bool
		want    string // the targets; empty: the gateway alone
		reason  commonv1.ErrorReason
	}{
		{name: "at its provider", request: response(there, ""), want: "openai"},
		{name: "at its provider, which is named", request: response(there, "openai"), want: "openai"},
		{name: "at another one", request: response(there, "azure"), reason: conflict},
		{name: "at one that there is not", request: response(there, "nowhere"), reason: unknown},
		{name: "at none", request: response(ids.Seal("resp_", "", "/a", "resp_1"), "")},
		{name: "at a provider, but it is the gateway's", request: response(ids.Seal("resp_", "", "/a", "resp_1"), "openai"), reason: conflict},
		{name: "at a provider that is gone", request: response(ids.Seal("resp_", "gone", "/a", "resp_1"), ""), reason: missing},
		{name: "at a provider that keeps none", request: response(ids.Seal("resp_", "groq", "/a", "resp_1"), ""), reason: missing},
		{name: "foreign", request: response(ids.Seal("resp_", "openai", "/b", "resp_1"), ""), reason: missing},
		{name: "of the owner below", request: response(ids.Seal("resp_", "openai", "/a/b", "resp_1"), ""), reason: missing},
		{name: "of another kind", request: response(ids.Seal("conv_", "openai", "/a", "conv_1"), ""), reason: missing},
		{name: "raw", request: response("resp_1", ""), reason: missing},
		{name: "raw, of who may", request: response("resp_1", ""), raw: true, want: "openai azure xai"},
		{name: "raw, of who may, at one", request: response("resp_1", "xai"), raw: true, want: "xai"},
		{name: "raw, of who may, at one that keeps none", request: response("resp_1", "groq"), raw: true, reason: unsupported},
		{name: "a raw conversation", request: &conversationsv1.GetConversationRequest{ConversationId: "conv_1"}, raw: true, want: "openai azure"},
		{name: "a new conversation", request: &conversationsv1.CreateConversationRequest{}},
		{name: "a new conversation at a provider", request: &conversationsv1.CreateConversationRequest{Options: at("openai")}, want: "openai"},
		{name: "a new conversation at one that keeps none", request: &conversationsv1.CreateConversationRequest{Options: at("xai")}, reason: unsupported},
		{name: "a list", request: &chatv1.ListChatCompletionsRequest{}},
		{name: "a list of a provider, which is everybody's", request: &chatv1.ListChatCompletionsRequest{Options: at("openai")}, reason: unsupported},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			principal := &call.Principal{Name: "a", Owner: "/a"}
			if tt.raw {
				principal.Scopes = []policyv1.Scope{policyv1.Scope_SCOPE_RAW_IDS}
			}
			made, err := planner.Derive(plan.Question{RPC: rpc, Policy: &policyv1.MethodPolicy{}, Principal: principal, Request: tt.request})
			var targets []string
			for _, target := range append([]*planv1.Target{made.GetTarget()}, made.GetFallbacks()...) {
				if target != nil {
					targets = append(targets, target.GetProvider())
				}
			}
			reason := commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
			if failed := failure.As(err); failed != nil {
				reason = failed.Reason
			}
			if got := strings.Join(targets, " "); got != tt.want || reason != tt.reason || made.GetIncomplete() != tt.reason {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
