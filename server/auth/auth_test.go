package auth_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/auth"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/config"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// keyed is an Auth with the master key "master-secret" and the keys "chat-secret",
// "reader-secret" and "old-secret", which expired at noon.
func keyed(t *testing.T, now time.Time) *auth.Auth {
	t.Helper()
	a, err := auth.New(auth.Params{
		MasterKey: config.NewSecret("master-secret"),
		Keys: []*configv1.Key{
			{Name: "chat", Sha256: hash("chat-secret"), Owner: "/team/chat", Scopes: []policyv1.Scope{policyv1.Scope_SCOPE_CHAT}, Strict: true},
			{Name: "reader", Sha256: hash("reader-secret"), Owner: "/reader", Scopes: []policyv1.Scope{policyv1.Scope_SCOPE_ADMIN_READ}},
			{Name: "old", Sha256: hash("old-secret"), Owner: "/old", Scopes: []policyv1.Scope{policyv1.Scope_SCOPE_CHAT}, ExpireTime: timestamppb.New(noon)},
		},
		Providers: nil,
		Now:       func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// open passes a call with a credential through the step, to an RPC that needs a
// scope; unspecified: to none.
func open(t *testing.T, a *auth.Auth, credential string, scope policyv1.Scope) (*call.Call, *failure.Error) {
	t.Helper()
	c := call.New(auditv1.Entrance_ENTRANCE_REST, "")
	c.Credential = credential
	if scope != policyv1.Scope_SCOPE_UNSPECIFIED {
		c.Policy = &policyv1.MethodPolicy{Scope: scope}
	}
	err := a.Step().Open(t.Context(), c)
	if c.Credential != "" {
		t.Error("the credential is still on the call")
	}
	var failed *failure.Error
	if err != nil && !errors.As(err, &failed) {
		t.Fatalf("error of another type: %v", err)
	}
	return c, failed
}

func TestACredentialBecomesAPrincipal_OrIsRefused(t *testing.T) {
	t.Parallel()
	const (
		missing  = commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_MISSING
		invalid  = commonv1.ErrorReason_ERROR_REASON_CREDENTIALS_INVALID
		expired  = commonv1.ErrorReason_ERROR_REASON_KEY_EXPIRED
		scope    = commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING
		chats    = policyv1.Scope_SCOPE_CHAT
		reads    = policyv1.Scope_SCOPE_ADMIN_READ
		anything = policyv1.Scope_SCOPE_ANY
	)
	for _, test := range []struct {
		name       string
		credential string
		scope      policyv1.Scope
		principal  string
		reason     commonv1.ErrorReason
	}{
		{"a key with the scope", "chat-secret", chats, "chat", 0},
		{"a key where any will do", "reader-secret", anything, "reader", 0},
		{"the master key, everywhere", "master-secret", reads, "master", 0},
		{"none", "", chats, "", missing},
		{"one that nobody has", "chat-secreT", chats, "", invalid},
		{"the beginning of one", "chat-secre", chats, "", invalid},
		{"the hash of one", hash("chat-secret"), chats, "", invalid},
		{"the name of one", "chat", chats, "", invalid},
		{"one with more around it", " chat-secret", chats, "", invalid},
		{"one that is no text", "\x00\xff", chats, "", invalid},
		{"a very long one", strings.Repeat("x", 5000), chats, "", invalid},
		{"one that has expired", "old-secret", chats, "", expired},
		{"a key without the scope", "reader-secret", chats, "reader", scope},
		{"a key without the scope, the other way", "chat-secret", reads, "chat", scope},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, failed := open(t, keyed(t, noon), test.credential, test.scope)
			if failed == nil && test.reason != 0 || failed != nil && failed.Reason != test.reason {
				t.Fatalf("failure %v, want %v", failed, test.reason)
			}
			if got := nameOf(c.Principal); got != test.principal {
				t.Errorf("principal %q, want %q", got, test.principal)
			}
		})
	}
}

func TestWhereNoRPCWasReached_NobodyIsRefused(t *testing.T) {
	t.Parallel()
	for credential, principal := range map[string]string{"": "", "nobody's": "", "old-secret": "", "reader-secret": "reader"} {
		c, failed := open(t, keyed(t, noon), credential, policyv1.Scope_SCOPE_UNSPECIFIED)
		if failed != nil || nameOf(c.Principal) != principal {
			t.Errorf("%q: principal %q, failure %v", credential, nameOf(c.Principal), failed)
		}
	}
}

func TestAKeyLivesUntilItsTime(t *testing.T) {
	t.Parallel()
	c, failed := open(t, keyed(t, noon.Add(-time.Nanosecond)), "old-secret", policyv1.Scope_SCOPE_CHAT)
	if failed != nil || nameOf(c.Principal) != "old" {
		t.Errorf("principal %q, failure %v", nameOf(c.Principal), failed)
	}
}

func TestRefusalsTellNothing(t *testing.T) {
	t.Parallel()
	a := keyed(t, noon)
	_, unknown := open(t, a, "unknown", policyv1.Scope_SCOPE_CHAT)
	_, malformed := open(t, a, strings.Repeat("x", 5000), policyv1.Scope_SCOPE_CHAT)
	if unknown.Error() != malformed.Error() || unknown.HTTPStatus() != 401 {
		t.Errorf("%v, %v", unknown, malformed)
	}
	_, scope := open(t, a, "reader-secret", policyv1.Scope_SCOPE_CHAT)
	if scope.HTTPStatus() != 403 || scope.Message != "The API key lacks the scope SCOPE_CHAT, which this call needs. A key of the configuration has those of its auth.keys[].scopes." {
		t.Errorf("%d %s", scope.HTTPStatus(), scope.Message)
	}
	for _, failed := range []*failure.Error{unknown, malformed, scope} {
		if strings.Contains(failed.Error(), "secret") {
			t.Errorf("a secret shows: %v", failed)
		}
	}
}

func TestAPolicyWithoutAScopeLetsOnlyTheMasterIn(t *testing.T) {
	t.Parallel()
	c := call.New(auditv1.Entrance_ENTRANCE_GRPC, "")
	c.Credential, c.Policy = "chat-secret", &policyv1.MethodPolicy{}
	if err := keyed(t, noon).Step().Open(t.Context(), c); err == nil {
		t.Error("let in")
	}
}

func TestWithoutKeysEverybodyIsAnonymous_AndMayDoEverything(t *testing.T) {
	t.Parallel()
	a, err := auth.New(auth.Params{MasterKey: config.Secret{}, Keys: nil, Providers: nil, Now: nil})
	if err != nil {
		t.Fatal(err)
	}
	for _, credential := range []string{"", "anything"} {
		c, failed := open(t, a, credential, policyv1.Scope_SCOPE_ADMIN_READ)
		if failed != nil || nameOf(c.Principal) != auth.Anonymous || !c.Principal.All {
			t.Errorf("%q: principal %v, failure %v", credential, c.Principal, failed)
		}
	}
	if _, ok := a.Principal(auth.Anonymous); !ok {
		t.Error("anonymous has no principal")
	}
}

func TestPrincipalsAreKnownByName(t *testing.T) {
	t.Parallel()
	a := keyed(t, noon)
	chat, ok := a.Principal("chat")
	if !ok || chat.Owner != "/team/chat" || !chat.Strict || chat.All || !chat.Holds(policyv1.Scope_SCOPE_CHAT) || chat.Holds(policyv1.Scope_SCOPE_ADMIN_READ) {
		t.Errorf("chat %+v", chat)
	}
	master, ok := a.Principal(auth.Master)
	if !ok || master.Owner != "/" || !master.All {
		t.Errorf("master %+v", master)
	}
	if old, ok := a.Principal("old"); !ok || !old.Expires.Equal(noon) {
		t.Errorf("old %+v", old)
	}
	for _, name := range []string{"", "nobody", auth.Anonymous, "chat-secret"} {
		if p, ok := a.Principal(name); ok {
			t.Errorf("%q: %+v", name, p)
		}
	}
}

func TestKeysThatCannotBeToldApartAreRefused(t *testing.T) {
	t.Parallel()
	key := func(name, sum string) *configv1.Key { return &configv1.Key{Name: name, Sha256: sum} }
	for name, keys := range map[string][]*configv1.Key{
		"one secret":            {key("a", hash("x")), key("b", hash("x"))},
		"one name":              {key("a", hash("x")), key("a", hash("y"))},
		"the master's secret":   {key("a", hash("master"))},
		"the master's name":     {key("master", hash("x"))},
		"a hash that is no hex": {key("a", "zz")},
		"a short hash":          {key("a", "00")},
	} {
		if _, err := auth.New(auth.Params{MasterKey: config.NewSecret("master"), Keys: keys, Providers: nil, Now: nil}); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestAllowedModels(t *testing.T) {
	t.Parallel()
	configured := []*configv1.Provider{
		{Name: "openai-eu", Type: "openai"},
		{Name: "openai-us", Type: "openai"},
		{Name: "router", Type: "openrouter"},
		{Name: "anthropic", Type: "anthropic"},
	}
	for _, test := range []struct {
		selector string
		allowed  []string // "provider model"
		refused  []string
	}{
		{"gpt-5", []string{"openai-eu gpt-5", "router gpt-5"}, []string{"openai-eu gpt-5-mini", "openai-eu gpt", "router openai/gpt-5"}},
		{"gpt-5*", []string{"openai-eu gpt-5", "router gpt-5-mini"}, []string{"openai-eu gpt-4o", "router openai/gpt-5"}},
		{"*", []string{"openai-eu gpt-5", "router openai/gpt-5"}, nil},
		{"anthropic/*", []string{"anthropic claude-x"}, []string{"router anthropic/claude-x", "openai-eu claude-x"}},
		{"anthropic/claude-x", []string{"anthropic claude-x"}, []string{"anthropic claude-y", "router anthropic/claude-x"}},
		// A type stands for its instances.
		{"openai/gpt-5*", []string{"openai-eu gpt-5", "openai-us gpt-5-mini"}, []string{"router openai/gpt-5", "router gpt-5", "openai-eu gpt-4o"}},
		// What is no provider is a part of the model's own name.
		{"meta-llama/*", []string{"router meta-llama/llama-3", "openai-eu meta-llama/x"}, []string{"router llama-3", "router mistralai/x"}},
		{"router/meta-llama/*", []string{"router meta-llama/llama-3"}, []string{"openai-eu meta-llama/x", "router x"}},
		{"router/", nil, []string{"router x"}},
	} {
		a, err := auth.New(auth.Params{
			MasterKey: config.Secret{}, Providers: configured, Now: nil,
			Keys: []*configv1.Key{{Name: "a", Sha256: hash("x"), AllowedModels: []string{"nothing-else", test.selector}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := a.Principal("a")
		for _, pair := range test.allowed {
			if provider, model, _ := strings.Cut(pair, " "); !auth.Allows(p, provider, model) {
				t.Errorf("%s does not allow %s", test.selector, pair)
			}
		}
		for _, pair := range test.refused {
			if provider, model, _ := strings.Cut(pair, " "); auth.Allows(p, provider, model) {
				t.Errorf("%s allows %s", test.selector, pair)
			}
		}
	}
	for _, p := range []*call.Principal{{}, {All: true, AllowedModels: []string{"x"}}} {
		if !auth.Allows(p, "any", "model") {
			t.Errorf("%+v may not use every model", p)
		}
	}
}

func TestAllowedRoutes(t *testing.T) {
	t.Parallel()
	configured := []*configv1.Provider{{Name: "mine", Type: "openai"}}
	for _, test := range []struct {
		selector string
		allowed  []string
		refused  []string
	}{
		{"fast", []string{"fast"}, []string{"fast-2", "team/fast"}},
		{"fast*", []string{"fast", "fast-2"}, []string{"team/fast"}},
		{"*", []string{"fast", "team/fast"}, nil},
		{"team/*", []string{"team/fast"}, []string{"fast", "team"}},
		// A selector that names a provider, or its type, names its models alone.
		{"mine/*", nil, []string{"fast", "mine/fast"}},
		{"openai/*", nil, []string{"fast", "openai/fast"}},
	} {
		a, err := auth.New(auth.Params{
			MasterKey: config.Secret{}, Providers: configured, Now: nil,
			Keys: []*configv1.Key{{Name: "a", Sha256: hash("x"), AllowedModels: []string{"nothing-else", test.selector}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		p, _ := a.Principal("a")
		for _, route := range test.allowed {
			if !auth.AllowsRoute(p, route) {
				t.Errorf("%s does not allow %s", test.selector, route)
			}
		}
		for _, route := range test.refused {
			if auth.AllowsRoute(p, route) {
				t.Errorf("%s allows %s", test.selector, route)
			}
		}
	}
	for _, p := range []*call.Principal{{}, {All: true, AllowedModels: []string{"x"}}} {
		if !auth.AllowsRoute(p, "any") {
			t.Errorf("%+v may not use every route", p)
		}
	}
}

func nameOf(p *call.Principal) string {
	if p == nil {
		return ""
	}
	return p.Name
}
