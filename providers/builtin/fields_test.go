package builtin_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	wirev1 "github.com/signalbox-ai/signalbox/gen/signalbox/wire/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/wire"
	"github.com/signalbox-ai/signalbox/providers/wire/codec"
)

// vendors are members that clients send and OpenAI does not know.
var vendors = []string{
	`"top_k":41`, `"min_p":0.041`, `"repetition_penalty":1.041`, `"thinking":{"type":"disabled-x"}`, `"extra_body":{"a":"x-extra"}`,
	`"reasoning":{"effort":"x-effort"}`, `"reasoning_format":"x-parsed"`, `"include_reasoning":true`, `"random_seed":4141`, `"safe_prompt":true`,
	`"prompt_mode":"x-reasoning"`, `"provider":{"order":["x-order"]}`, `"models":["x-models"]`, `"options":{"num_ctx":4142}`, `"keep_alive":"x5m"`,
	`"format":"x-json"`, `"think":true`, `"search_parameters":{"mode":"x-auto"}`, `"deferred":true`, `"chat_template_kwargs":{"a":"x-kwargs"}`,
	`"guided_json":{"type":"x-object"}`, `"safety_settings":[{"category":"x-cat"}]`, `"new_tomorrow":"x-new"`,
	`"messages":[{"role":"user","content":"hi","cache_control":{"type":"x-ephemeral"}}]`,
	`"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"x-ephemeral"}}]}]`,
	`"messages":[{"role":"assistant","content":"hi","prefix":true}]`,
	`"tools":[{"type":"function","function":{"name":"f"},"cache_control":{"type":"x-ephemeral"}}]`,
}

// otherwise are the members that reach a provider in another way, by type and path.
var otherwise = map[string]string{
	"groq messages.tool_calls.index":       "the calls' order tells it",
	"mistral messages.tool_calls.id":       "it is spelled as Mistral takes it",
	"mistral messages.tool_call_id":        "it is spelled as Mistral takes it",
	"mistral stream_options.include_usage": "the usage is told always",
}

// leaf is one member of a request, in a document that has little else.
type leaf struct {
	path string // "messages.name"
	json string // the document
	mark string // a text that only its value has
}

// leaves are all members of a request that have a field, and those of vendors.
func leaves(t *testing.T) []leaf {
	t.Helper()
	var all []leaf
	descend(new(chatv1.ChatCompletionParams).ProtoReflect().Descriptor(), "", func(value string) string { return value }, nil, func(path, document, mark string) {
		all = append(all, leaf{path, complete(t, document), mark})
	})
	for _, vendor := range vendors {
		var member map[string]any
		if err := json.Unmarshal([]byte("{"+vendor+"}"), &member); err != nil {
			t.Fatal(vendor)
		}
		path, mark := innermost(member)
		all = append(all, leaf{path, complete(t, "{"+vendor+"}"), mark})
	}
	return all
}

// innermost is the last leaf of a document: vendors' leaves stand last.
func innermost(v any) (path, mark string) {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Backward(slices.Sorted(func(yield func(string) bool) {
			for name := range v {
				if (name != "role" && name != "content" && name != "type" && name != "function" && name != "text" || len(v) == 1) && !yield(name) {
					return
				}
			}
		})) {
			below, mark := innermost(v[name])
			return strings.TrimSuffix(name+"."+below, "."), mark
		}
		for _, one := range v { // a message: what is remarkable is in its content
			if list, ok := one.([]any); ok {
				below, mark := innermost(list)
				return "content." + below, mark
			}
		}
		return "", ""
	case []any:
		return innermost(v[0])
	default:
		text, _ := json.Marshal(v)
		return "", string(text)
	}
}

// descend walks the fields of a message; wrap puts a member of it into a document.
func descend(d protoreflect.MessageDescriptor, above string, wrap func(string) string, seen []protoreflect.FullName, found func(path, document, mark string)) {
	if slices.Contains(seen, d.FullName()) {
		return
	}
	seen = append(slices.Clone(seen), d.FullName())
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		shape, _ := proto.GetExtension(f.Options(), wirev1.E_Field).(*wirev1.FieldShape)
		name := string(f.Name())
		if shape.GetRaw() || shape.GetDeferred() {
			name = strings.TrimSuffix(name, "_json")
		}
		if shape.GetKey() != "" {
			name = shape.GetKey()
		}
		path := strings.TrimPrefix(above+"."+name, ".")
		if name == "extra_json" || shape.GetDeferred() || path == "model" || path == "stream" || path == "messages.role" {
			continue
		}
		in := func(value string) string {
			if f.IsList() {
				value = "[" + value + "]"
			}
			return wrap(fmt.Sprintf("{%q:%s}", name, value))
		}
		if f.Kind() == protoreflect.MessageKind && !f.IsMap() {
			descend(f.Message(), path, in, seen, found)
			continue
		}
		value := sample(f, shape, path)
		found(path, in(value), strings.Trim(value, `{}`))
	}
}

// sample is a value of a field that no other field has, as far as its kind allows.
func sample(f protoreflect.FieldDescriptor, shape *wirev1.FieldShape, path string) string {
	switch {
	case f.IsMap() && f.MapValue().Kind() == protoreflect.DoubleKind:
		return fmt.Sprintf(`{"%d":7}`, 7000+f.Number())
	case f.IsMap():
		return fmt.Sprintf(`{"k":"value of %s"}`, path)
	case shape.GetRaw():
		return fmt.Sprintf(`{"type":"value of %s"}`, path)
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		return fmt.Sprintf("%q", "value of "+path)
	case protoreflect.BoolKind:
		if path == "parallel_tool_calls" {
			return "false"
		}
		return "true"
	case protoreflect.DoubleKind:
		return fmt.Sprintf("0.0%d1", 700+f.Number())
	default:
		return fmt.Sprintf("%d", 700+f.Number())
	}
}

// complete gives a document what every request has.
func complete(t *testing.T, document string) string {
	t.Helper()
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &m); err != nil {
		t.Fatal(document)
	}
	out := `{"model":"m1"`
	if messages := string(m["messages"]); messages != "" && !strings.Contains(messages, `"role"`) {
		role := "user"
		if strings.Contains(messages, "tool_calls") || strings.Contains(messages, "reasoning") {
			role = "assistant"
		}
		m["messages"] = json.RawMessage(`[{"role":"` + role + `",` + messages[2:])
	}
	if m["messages"] == nil {
		m["messages"] = json.RawMessage(`[{"role":"user","content":"hi"}]`)
	}
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range m {
			if !yield(name) {
				return
			}
		}
	}) {
		out += fmt.Sprintf(",%q:%s", name, m[name])
	}
	var full chatv1.ChatCompletionParams // as our codec spells it
	if err := codec.DecodeChatCompletionParams(out+"}", &full, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	if err := codec.ExpandChatCompletionParams(&full, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	return string(codec.AppendChatCompletionParams(nil, &full, wire.Request))
}

// listener is an upstream that answers anything, and tells what it was sent last.
type listener struct {
	url  string
	lock sync.Mutex
	body string
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := new(listener)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		l.lock.Lock()
		l.body = string(body)
		l.lock.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"a","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}`)
	}))
	t.Cleanup(s.Close)
	l.url = s.URL
	return l
}

// take returns the last body, once.
func (l *listener) take() string {
	l.lock.Lock()
	defer l.lock.Unlock()
	body := l.body
	l.body = ""
	return body
}

// adapter is what this test needs of a provider.
type adapter interface {
	providers.Chatter
	providers.Lossy
	Fields() openai.Fields
}

func instance(t *testing.T, kind providers.Type, config *configv1.Provider) adapter {
	t.Helper()
	config.Name, config.Type = "acme", kind.Name
	p, err := kind.New(providers.Params{
		Config: config, APIKey: "key-1", Version: "1",
		Upstream: &configv1.Upstream{
			MaxAttempts: proto.Int32(1), MaxBackoff: durationpb.New(time.Second), ConnectTimeout: durationpb.New(20 * time.Second),
			HeaderTimeout: durationpb.New(20 * time.Second), FirstEventTimeout: durationpb.New(20 * time.Second),
			IdleTimeout: durationpb.New(20 * time.Second), MaxEventBytes: proto.Int64(4 << 20), RetryBudgetPercent: proto.Int32(100),
			BreakerFailurePercent: proto.Int32(100), BreakerRest: durationpb.New(time.Second),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p.(adapter)
}

// Whatever a request has, a provider is sent it, or its loss is told: nothing is lost
// in silence, and nothing is told that is not so. Messages as text and messages as
// fields come to the same.
func TestEveryFieldIsSentOrLost(t *testing.T) {
	t.Parallel()
	all := leaves(t)
	if len(all) < 120 {
		t.Fatalf("only %d fields were found", len(all))
	}
	configs := map[string]*configv1.Provider{}
	for _, kind := range builtin.Types {
		if kind.Dialect == providers.DialectOpenAI {
			configs[kind.Name] = new(configv1.Provider)
		}
	}
	configs["azure 2024-02-01"] = &configv1.Provider{ApiVersion: "2024-02-01"}
	for name, config := range configs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := listen(t)
			config.BaseUrl = up.url
			typ, _, _ := strings.Cut(name, " ")
			kind := builtin.Types[slices.IndexFunc(builtin.Types, func(k providers.Type) bool { return k.Name == typ })]
			p := instance(t, kind, config)
			for _, one := range all {
				check(t, p, up, one, otherwise[name+" "+one.path] != "")
			}
		})
	}
}

// check asks for one leaf, in both forms. A hidden one is neither seen nor lost.
func check(t *testing.T, p adapter, up *listener, one leaf, hidden bool) {
	t.Helper()
	params := new(chatv1.ChatCompletionParams)
	if err := codec.DecodeChatCompletionParams(one.json, params, wire.Limits{}); err != nil {
		t.Fatalf("%s: %v", one.json, err)
	}
	target := &planv1.Target{Model: "m1"}
	losses := p.Losses(params, target)
	body, failed := sent(t.Context(), p, up, params, target)
	covers := func(l *commonv1.Loss) bool {
		return l.GetField() == one.path || strings.HasPrefix(one.path, l.GetField()+".")
	}
	lost := slices.IndexFunc(losses, covers) >= 0
	seen := strings.Contains(body, one.mark) && (one.mark != "true" && one.mark != "false" || strings.Contains(body, `"`+one.path[strings.LastIndexByte(one.path, '.')+1:]+`":`))
	if hidden == (seen != lost) || failed != nil && !lost || len(losses) > 1 {
		t.Errorf("%s: seen %t, lost %v (%v)\nasked %s\nsent  %s", one.path, seen, losses, failed, one.json, body)
	}
	for _, l := range losses {
		if l.GetKind() == commonv1.LossKind_LOSS_KIND_UNSPECIFIED || !strings.HasSuffix(l.GetDetail(), ".") {
			t.Errorf("%s: %v", one.path, l)
		}
	}
	typed := proto.CloneOf(params)
	if err := codec.ExpandChatCompletionParams(typed, wire.Limits{}); err != nil {
		t.Fatal(err)
	}
	if again := p.Losses(typed, target); !slices.EqualFunc(again, losses, func(a, b *commonv1.Loss) bool { return proto.Equal(a, b) }) {
		t.Errorf("%s: as fields %v, as text %v", one.path, again, losses)
	}
	if again, _ := sent(t.Context(), p, up, typed, target); !same(again, body) {
		t.Errorf("%s: as fields %s, as text %s", one.path, again, body)
	}
}

func sent(ctx context.Context, p adapter, up *listener, params *chatv1.ChatCompletionParams, target *planv1.Target) (string, error) {
	before := proto.CloneOf(params)
	_, err := p.ChatCompletion(ctx, &providers.ChatCall{Params: params, Target: target, Patch: true, Exchange: new(providers.Exchange)})
	if !proto.Equal(before, params) {
		err = fmt.Errorf("the request was changed, and %w", err)
	}
	return up.take(), err
}

// same compares two JSON texts.
func same(a, b string) bool {
	var x, y any
	return a == b || json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
