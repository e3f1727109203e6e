package apidoc

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	_ "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
)

// described is the document, as far as the tests look into it.
type described struct {
	OpenAPI string `json:"openapi"`
	Paths   map[string]map[string]struct {
		ID        string `json:"operationId"`
		Scope     string `json:"x-signalbox-scope"`
		RPC       string `json:"x-signalbox-rpc"`
		StreamRPC string `json:"x-signalbox-stream-rpc"`
		Security  *[]any `json:"security"`
		// Parameters are in the path and in the query.
		Parameters []struct {
			Name     string `json:"name"`
			In       string `json:"in"`
			Required bool   `json:"required"`
		} `json:"parameters"`
		Body struct {
			Content map[string]media `json:"content"`
		} `json:"requestBody"`
		Responses map[string]struct {
			Content map[string]media `json:"content"`
		} `json:"responses"`
	} `json:"paths"`
	Components struct {
		Schemas schemas `json:"schemas"`
	} `json:"components"`
	Reasons []struct {
		Reason string `json:"reason"`
		Status string `json:"http_status"`
		Code   string `json:"grpc_code"`
	} `json:"x-signalbox-error-reasons"`
}

type media struct {
	Schema  any `json:"schema"`
	Example any `json:"example"`
}

func readDocument(t *testing.T) described {
	t.Helper()
	var d described
	if err := json.Unmarshal(document, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// eachMethod calls see with every RPC of ours that REST has.
func eachMethod(see func(protoreflect.MethodDescriptor, *annotations.HttpRule)) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				rule, _ := proto.GetExtension(methods.Get(j).Options(), annotations.E_Http).(*annotations.HttpRule)
				if strings.HasPrefix(string(file.Package()), "signalbox.") && rule != nil {
					see(methods.Get(j), rule)
				}
			}
		}
		return true
	})
}

func verbAndPath(rule *annotations.HttpRule) (verb, path string) {
	switch pattern := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		verb, path = "get", pattern.Get
	case *annotations.HttpRule_Post:
		verb, path = "post", pattern.Post
	case *annotations.HttpRule_Delete:
		verb, path = "delete", pattern.Delete
	}
	return verb, regexp.MustCompile(`=[^}]*}`).ReplaceAllString(path, "}")
}

func TestEveryRPCOfRESTIsDescribed(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("openapi is %q", d.OpenAPI)
	}
	seen := 0
	eachMethod(func(method protoreflect.MethodDescriptor, rule *annotations.HttpRule) {
		seen++
		rpc := string(method.Parent().FullName()) + "/" + string(method.Name())
		verb, path := verbAndPath(rule)
		op, ok := d.Paths[strings.TrimSuffix(path, ":stream")][verb]
		switch {
		case !ok:
			t.Errorf("%s: there is no %s %s", rpc, verb, path)
		case method.IsStreamingServer() && op.StreamRPC != rpc:
			t.Errorf("%s: the stream of %s is %q", rpc, path, op.StreamRPC)
		case method.IsStreamingServer():
		case op.RPC != rpc || !strings.EqualFold(op.ID, string(method.Name())):
			t.Errorf("%s: described as %q, operation %q", rpc, op.RPC, op.ID)
		}
		policy, _ := proto.GetExtension(method.Options(), policyv1.E_Method).(*policyv1.MethodPolicy)
		if want := strings.ToLower(strings.TrimPrefix(policy.GetScope().String(), "SCOPE_")); op.Scope != want {
			t.Errorf("%s: scope is %q, want %q", rpc, op.Scope, want)
		}
	})
	if seen == 0 {
		t.Error("no RPC was found")
	}
	for path := range d.Paths {
		if strings.HasSuffix(path, ":stream") {
			t.Errorf("%s is no path that a caller may use", path)
		}
	}
}

func TestOnlyRoutesOfTheGatewayArePublic(t *testing.T) {
	t.Parallel()
	for path, item := range readDocument(t).Paths {
		for verb, op := range item {
			public := op.Security != nil && len(*op.Security) == 0
			if public != (op.RPC == "") {
				t.Errorf("%s %s: public is %v", verb, path, public)
			}
		}
	}
}

func TestParametersAreThoseThatTheProtosName(t *testing.T) {
	t.Parallel()
	const options = " query:provider header:x-signalbox-strict"
	const page = " query:after query:limit query:order"
	want := map[string]string{
		"createChatCompletion":       "query:provider header:x-signalbox-strict",
		"getChatCompletion":          "path:completion_id" + options,
		"listChatCompletions":        "query:model query:metadata" + page + options,
		"updateChatCompletion":       "path:completion_id" + options,
		"deleteChatCompletion":       "path:completion_id" + options,
		"listChatCompletionMessages": "path:completion_id" + page + options,
		"createResponse":             "query:provider header:x-signalbox-strict",
		"getResponse":                "path:response_id query:include" + options + " query:stream query:starting_after query:include_obfuscation",
		"deleteResponse":             "path:response_id" + options,
		"cancelResponse":             "path:response_id" + options,
		"listInputItems":             "path:response_id query:include" + page + options,
		"countInputTokens":           "query:provider header:x-signalbox-strict",
		"compactResponse":            "query:provider header:x-signalbox-strict",
		"createConversation":         "query:provider header:x-signalbox-strict",
		"getConversation":            "path:conversation_id" + options,
		"updateConversation":         "path:conversation_id" + options,
		"deleteConversation":         "path:conversation_id" + options,
		"createConversationItems":    "path:conversation_id query:include" + options,
		"listConversationItems":      "path:conversation_id query:include" + page + options,
		"getConversationItem":        "path:conversation_id path:item_id query:include" + options,
		"deleteConversationItem":     "path:conversation_id path:item_id" + options,
		"createEmbeddings":           "query:provider header:x-signalbox-strict",

		"listModels":    "query:provider query:capability",
		"getModel":      "path:model",
		"explain":       "",
		"getAuditEntry": "path:entry_id",
		"listAuditEntries": "query:start_time query:end_time query:request_id query:model query:provider query:path query:status_code query:reason query:stream " +
			"query:key_id query:owner query:method query:error_type query:search query:limit query:page_token query:offset query:days query:start_date query:end_date",
	}
	for _, item := range readDocument(t).Paths {
		for _, op := range item {
			var got []string
			bounded := false
			for _, p := range op.Parameters {
				if p.In == "header" && p.Name == "x-request-timeout" {
					bounded = true
					continue
				}
				got = append(got, p.In+":"+p.Name)
				if p.Required != (p.In == "path") {
					t.Errorf("%s: %s required is %v", op.ID, p.Name, p.Required)
				}
			}
			wanted, isCall := want[op.ID]
			if text := strings.Join(got, " "); text != wanted || bounded != isCall {
				t.Errorf("%s takes %q, want %q", op.ID, text, wanted)
			}
		}
	}
}

func TestExamplesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	for path, item := range d.Paths {
		for verb, op := range item {
			all := []map[string]media{op.Body.Content}
			for _, response := range op.Responses {
				all = append(all, response.Content)
			}
			for _, content := range all {
				for mediaType, m := range content {
					if m.Example == nil {
						continue
					}
					if err := d.Components.Schemas.validate(m.Schema, m.Example); err != nil {
						t.Errorf("%s %s %s: %v", verb, path, mediaType, err)
					}
				}
			}
		}
	}
}

func TestAStreamIsTheOtherReplyOfItsPath(t *testing.T) {
	t.Parallel()
	op := readDocument(t).Paths["/v1/chat/completions"]["post"]
	if got := slices.Sorted(maps.Keys(op.Responses["200"].Content)); !slices.Equal(got, []string{"application/json", "text/event-stream"}) {
		t.Errorf("the reply is one of %v", got)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, schema, text string
		valid              bool
	}{
		{"the least request", "ChatCompletionParams", `{"model":"m","messages":[{"role":"user","content":"hi"}]}`, true},
		{"messages are required", "ChatCompletionParams", `{"model":"m"}`, false},
		{"messages are no text", "ChatCompletionParams", `{"model":"m","messages":"hi"}`, false},
		{"a model has a name", "ChatCompletionParams", `{"model":"","messages":[]}`, false},
		{"unknown members pass", "ChatCompletionParams", `{"model":"m","messages":[],"top_k":4}`, true},
		{"stop is a text", "ChatCompletionParams", `{"model":"m","messages":[],"stop":"a"}`, true},
		{"stop is a list", "ChatCompletionParams", `{"model":"m","messages":[],"stop":["a","b"]}`, true},
		{"stop is null", "ChatCompletionParams", `{"model":"m","messages":[],"stop":null}`, true},
		{"stop is no number", "ChatCompletionParams", `{"model":"m","messages":[],"stop":1}`, false},
		{"tool_choice is a word", "ChatCompletionParams", `{"model":"m","messages":[],"tool_choice":"auto"}`, true},
		{"tool_choice is an object", "ChatCompletionParams", `{"model":"m","messages":[],"tool_choice":{"type":"function","function":{"name":"f"}}}`, true},
		{"tool_choice is no list", "ChatCompletionParams", `{"model":"m","messages":[],"tool_choice":[]}`, false},
		{"whole numbers only", "ChatCompletionParams", `{"model":"m","messages":[],"n":1.5}`, false},
		{"null for a number", "ChatCompletionParams", `{"model":"m","messages":[],"n":null}`, true},
		{"values of a map", "ChatCompletionParams", `{"model":"m","messages":[],"logit_bias":{"50256":-100}}`, true},
		{"texts in a map of numbers", "ChatCompletionParams", `{"model":"m","messages":[],"logit_bias":{"50256":"x"}}`, false},
		{"free JSON", "ChatCompletionParams", `{"model":"m","messages":[],"web_search_options":{"a":[1]}}`, true},
		{"a schema as parameters", "FunctionDefinition", `{"name":"f","parameters":{"type":"object"}}`, true},
		{"content in parts", "ChatMessageInput", `{"role":"user","content":[{"type":"text","text":"x","cache_control":{}}]}`, true},
		{"a question without content", "ChatMessageInput", `{"role":"assistant"}`, true},
		{"an answer has its nulls", "ChatMessage", `{"role":"assistant","content":null,"refusal":null,"annotations":[]}`, true},
		{"an answer without its nulls", "ChatMessage", `{"role":"assistant","annotations":[]}`, false},
		{"a voice by name", "AudioParams", `{"voice":"alloy"}`, true},
		{"a voice of one's own", "AudioParams", `{"voice":{"id":"voice_1"}}`, true},
		{"the object's constant", "ListModelsResponse", `{"object":"list","data":[]}`, true},
		{"another constant", "ListModelsResponse", `{"object":"models","data":[]}`, false},
		{"a plan is asked for a call", "ExplainRequest", `{}`, false},
		{"unknown members of our own objects", "ExplainRequest", `{"chat_completion":{"model":"m","messages":[]},"models":1}`, false},
		{"a duration", "CacheWrite", `{"tokens":1,"ttl":"1.5s"}`, true},
		{"no duration", "CacheWrite", `{"tokens":1,"ttl":"1m"}`, false},
		{"an enum", "Attempt", `{"provider":"","model":"","http_status":0,"reason":"model_not_found","upstream_request_id":"","credential":""}`, true},
		{"no value of the enum", "Attempt", `{"provider":"","model":"","http_status":0,"reason":"MODEL_NOT_FOUND","upstream_request_id":"","credential":""}`, false},
		{"an error", "ErrorReply", `{"error":{"message":"m","type":"t","param":null,"code":null}}`, true},
		{"an error without its nulls", "ErrorReply", `{"error":{"message":"m","type":"t"}}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := readDocument(t).Components.Schemas.validateText(tc.schema, tc.text)
			if valid := err == nil; valid != tc.valid {
				t.Errorf("valid is %v: %v", valid, err)
			}
		})
	}
}

func TestFactsForGRPCAreHidden(t *testing.T) {
	t.Parallel()
	d := readDocument(t)
	for schema, hidden := range map[string][]string{
		"ApiError": {"reason", "http_status", "retryable", "retry_after", "info", "upstream_body", "extra_json"},
		"Model":    {"providers", "capabilities", "context_window", "max_output_tokens", "stale"},
		"ChatCompletionParams": {
			"messages_json", "tools_json", "tool_choice_object", "stop_sequences", "function_call_object",
		},
	} {
		properties, _ := d.Components.Schemas[schema].(map[string]any)["properties"].(map[string]any)
		if len(properties) == 0 {
			t.Errorf("%s has no members", schema)
		}
		for _, name := range hidden {
			if _, ok := properties[name]; ok {
				t.Errorf("%s shows %s", schema, name)
			}
		}
	}
}
