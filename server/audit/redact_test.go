package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/call"
)

func TestSecretsInBodiesAreReplaced(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, in, want string }{
		{"nothing to hide", `{"model":"m","messages":[{"role":"user","content":"my password: \"x\""}]}`, ""},
		{"a text", `{"api_key":"CANARY","model":"m"}`, `{"api_key":"[redacted]","model":"m"}`},
		{"spelled otherwise", `{"Api-Key":"CANARY","APIKEY":"CANARY","apiKey" : "CANARY"}`, `{"Api-Key":"[redacted]","APIKEY":"[redacted]","apiKey" : "[redacted]"}`},
		{"spelled with escapes", `{"p\u0061ssword":"CANARY"}`, `{"p\u0061ssword":"[redacted]"}`},
		{"an object", `{"credentials":{"user":"CANARY","x":["CANARY"]},"a":1}`, `{"credentials":"[redacted]","a":1}`},
		{"a list", `{"secret":["CANARY",{"a":"}"}],"a":1}`, `{"secret":"[redacted]","a":1}`},
		{"a number", `{"token":12345}`, `{"token":"[redacted]"}`},
		{"null stays", `{"token":null,"password":""}`, `{"token":null,"password":"[redacted]"}`},
		{"deep inside", `[[{"a":{"tools":[{"headers":{"Authorization":"Bearer CANARY"}}]}}]]`, `[[{"a":{"tools":[{"headers":{"Authorization":"[redacted]"}}]}}]]`},
		{"in arguments of a tool call", `{"function":{"arguments":"{\"password\": \"CANARY\", \"n\": 1}"}}`, `{"function":{"arguments":"{\"password\": \"[redacted]\", \"n\": 1}"}}`},
		{"in arguments that break off", `{"arguments":"{\"password\": \"CANA"}`, `{"arguments":"{\"password\": \"[redacted]\""}`},
		{"tokens of the reply are words", `{"logprobs":{"content":[{"token":"Hi","logprob":-1,"top_logprobs":[{"token":"Hi"}]}]},"token":"CANARY"}`,
			`{"logprobs":{"content":[{"token":"Hi","logprob":-1,"top_logprobs":[{"token":"Hi"}]}]},"token":"[redacted]"}`},
		{"names that only look alike", `{"max_tokens":5,"prompt_tokens":3,"token_count":1,"secretary":"s","key":"k"}`, ""},
		{"a value that is a name", `{"type":"password","x":"secret"}`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			want := test.want
			if want == "" {
				want = test.in
			}
			got := string(redactJSON([]byte(test.in)))
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			if !json.Valid([]byte(got)) {
				t.Errorf("%s is no JSON", got)
			}
		})
	}
}

func FuzzRedactJSON(f *testing.F) {
	for _, seed := range []string{`{"password":"x"}`, `{"arguments":"{\"token\":1}"}`, `{"a":[`, `"`, `{"secret":`, `}]}"\`, `{"logprobs":{"token":""}}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got := redactJSON(slices.Clone(in))
		if json.Valid(in) && !json.Valid(got) {
			t.Errorf("%q became %q, which is no JSON", in, got)
		}
		if again := redactJSON(slices.Clone(got)); json.Valid(in) && string(again) != string(got) {
			t.Errorf("redacting twice gives %q, once %q", again, got)
		}
	})
}

func TestHeadersAreShownByAllowList(t *testing.T) {
	t.Parallel()
	names := newHeaderNames([]string{"Content-Type", "user-agent", "Authorization", "x-api-key", "Cookie", "x-my-secret-thing", "X-Company-Token", "api-key"})
	header := map[string][]string{
		"Content-Type": {"application/json"}, "User-Agent": {"curl/8", "second"}, "X-Other": {"CANARY-other"}, "X-Empty": {""},
		"Authorization": {"Bearer CANARY"}, "X-Api-Key": {"CANARY"}, "Cookie": {"a=CANARY"}, "X-My-Secret-Thing": {"CANARY"},
		"X-Company-Token": {"CANARY"}, "Api-Key": {"CANARY"},
	}
	got := names.request(header)
	want := []string{
		"api-key: [6 bytes]", "authorization: [13 bytes]", "content-type: application/json", "cookie: [8 bytes]", "user-agent: curl/8",
		"user-agent: second", "x-api-key: [6 bytes]", "x-company-token: [6 bytes]", "x-empty: [0 bytes]", "x-my-secret-thing: [6 bytes]", "x-other: [12 bytes]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c := &call.Call{RequestID: "r-1"}
	c.Outcome.Exchange.Header = map[string][]string{"Openai-Organization": {"CANARY"}, "X-Ratelimit-Remaining-Tokens": {"7"}}
	shown := newHeaderNames([]string{"x-request-id", "x-ratelimit-remaining-tokens"}).response(c)
	if want := []string{"openai-organization: [6 bytes]", "x-ratelimit-remaining-tokens: 7", "x-request-id: r-1"}; !slices.Equal(shown, want) {
		t.Errorf("got  %q\nwant %q", shown, want)
	}
	if all := strings.Join(append(got, shown...), "\n"); strings.Contains(all, "CANARY") {
		t.Errorf("a secret is shown:\n%s", all)
	}
}

// The redaction list that our security research asks for, name by name.
func TestCredentialHeadersAreKnown(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"authorization", "proxy-authorization", "x-api-key", "api-key", "x-goog-api-key", "ocp-apim-subscription-key", "x-amz-security-token",
		"cookie", "set-cookie", "x-auth-token", "x-access-token", "x-csrf-token", "anthropic-api-key", "x-litellm-api-key", "x-portkey-api-key",
		"x-portkey-virtual", "x-bf-vk", "helicone-auth", "cf-aig-authorization", "grpc-metadata-authorization", "X-GoModel-Key",
	} {
		if !secretHeader(name) {
			t.Errorf("%s is not known to carry credentials", name)
		}
	}
	for _, name := range []string{"content-type", "accept", "user-agent", "x-request-id", "idempotency-key", "x-ratelimit-limit-tokens"} {
		if secretHeader(name) {
			t.Errorf("%s is taken for a credential", name)
		}
	}
}
