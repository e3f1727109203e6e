// Package objects_test asks whole gateways for what they and their providers keep for
// callers: whose it is, where it is, and what becomes of it.
package objects_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/grpclog"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

func TestMain(m *testing.M) {
	grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard))
	goleak.VerifyTestMain(m)
}

// patience bounds every wait; reaching it is a failure, never a result.
const patience = 20 * time.Second

// The models that the tests use, by what their providers keep: everything, nothing but
// responses, nothing.
const (
	native   = "openai/gpt-4o-mini"
	stored   = "xai/grok-3-mini"
	emulated = "groq/llama-3.1-8b-instant"
	thinking = "deepseek/deepseek-reasoner"
)

// modelOf is the model of each provider.
var modelOf = map[string]string{"openai": "gpt-4o-mini", "xai": "grok-3-mini", "groq": "llama-3.1-8b-instant", "deepseek": "deepseek-reasoner"}

// world is a gateway with one provider of each kind.
type world struct {
	*servertest.Gateway

	ups map[string]*providertest.Upstream
	// key is who asks: see keys.
	key string
}

// keys are the callers, by name: with their owners, and whether they may use raw ids.
var keys = []struct {
	name, owner string
	raw         bool
}{
	{"a", "/team/a", false}, {"b", "/team/b", false}, {"team", "/team", false}, {"raw", "/raw", true},
}

func secretOf(name string) string {
	if name == "master" {
		return servertest.MasterKey
	}
	return "sk-signalbox-key-of-" + name
}

// text is the configuration of a world.
func (w *world) text(more string) string {
	var b strings.Builder
	b.WriteString(more + "\nauth:\n  keys:\n")
	for _, key := range keys {
		scopes := "SCOPE_CHAT, SCOPE_RESPONSES"
		if key.raw {
			scopes += ", SCOPE_RAW_IDS"
		}
		fmt.Fprintf(&b, "    - {name: %s, owner: %s, sha256: %x, scopes: [%s]}\n", key.name, key.owner, sha256.Sum256([]byte(secretOf(key.name))), scopes)
	}
	b.WriteString("providers:\n")
	for _, name := range []string{"openai", "groq", "xai", "deepseek"} {
		up := w.ups[name]
		fmt.Fprintf(&b, "  - {name: %s, base_url: %q, api_key: %s, discover: false, models: [%s]}\n", name, up.URL(), up.Key(), modelOf[name])
	}
	return b.String()
}

// providersOf starts the providers of a world.
func providersOf(t *testing.T) *world {
	t.Helper()
	w := &world{ups: map[string]*providertest.Upstream{}, key: "master"}
	for _, profile := range []string{providertest.ProfileOpenAI, providertest.ProfileGroq, providertest.ProfileXAI, providertest.ProfileDeepSeek} {
		w.ups[profile] = providertest.Start(t, providertest.Playing(profile))
	}
	return w
}

// start starts a world; more is what else its configuration says.
func start(t *testing.T, more string, options ...servertest.Option) *world {
	t.Helper()
	w := providersOf(t)
	w.Gateway = startText(t, w.text(more), options...)
	return w
}

// startText starts a gateway with a configuration.
func startText(t *testing.T, text string, options ...servertest.Option) *servertest.Gateway {
	t.Helper()
	return servertest.Start(t, append(options, servertest.File(text))...)
}

// as is the world as one of the callers sees it.
func (w *world) as(key string) *world {
	other := *w
	other.key = key
	return &other
}

// in is the world for a subtest.
func (w *world) in(t *testing.T) *world {
	t.Helper()
	other := *w
	other.Gateway = w.Gateway.In(t)
	return &other
}

// ask makes a REST request.
func (w *world) ask(method, path, body string, header ...string) servertest.Reply {
	return w.Do(method, path, body, append([]string{"Authorization", "Bearer " + secretOf(w.key)}, header...)...)
}

// object is a JSON object of a reply.
type object map[string]any

// text is a member that is a string.
func (o object) text(name string) string {
	s, _ := o[name].(string)
	return s
}

// list is a member that is a list of objects.
func (o object) list(name string) []object {
	all, _ := o[name].([]any)
	list := make([]object, 0, len(all))
	for _, one := range all {
		member, _ := one.(map[string]any)
		list = append(list, member)
	}
	return list
}

// must makes a REST request that succeeds.
func (w *world) must(t *testing.T, method, path, body string, header ...string) object {
	t.Helper()
	reply := w.ask(method, path, body, header...)
	if reply.Status != http.StatusOK {
		t.Fatalf("%s %s %s: %d %s", method, path, body, reply.Status, reply.Body)
	}
	return parse(t, reply.Body)
}

// parse reads a JSON object.
func parse(t *testing.T, text string) object {
	t.Helper()
	var o object
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return o
}

// fails makes a REST request that fails with a status and a code, and returns its error.
func (w *world) fails(t *testing.T, status int, code, method, path, body string) servertest.Failure {
	t.Helper()
	reply := w.ask(method, path, body)
	failed := reply.Failure(t)
	if reply.Status != status || failed.Code == nil || *failed.Code != code {
		t.Fatalf("%s %s %s: %d %s, want %d %s", method, path, body, reply.Status, reply.Body, status, code)
	}
	return failed
}

// respond makes a response; more are further members of its request.
func (w *world) respond(t *testing.T, model, input string, more ...string) object {
	t.Helper()
	return w.must(t, http.MethodPost, "/v1/responses", responseBody(model, input, more...))
}

func responseBody(model, input string, more ...string) string {
	return fmt.Sprintf(`{"model":%q,"input":%q%s}`, model, input, strings.Join(append([]string{""}, more...), ","))
}

// said is the text of a response.
func said(response object) string {
	var b strings.Builder
	for _, item := range response.list("output") {
		for _, part := range item.list("content") {
			if item.text("type") == "message" {
				b.WriteString(part.text("text"))
			}
		}
	}
	return b.String()
}

// sent are the bodies that a provider was sent at an endpoint.
func (w *world) sent(provider, endpoint string) []string {
	var bodies []string
	for _, request := range w.ups[provider].Requests() {
		if request.Endpoint == endpoint {
			bodies = append(bodies, string(request.Body))
		}
	}
	return bodies
}

// asked is how often providers were asked for anything but their models.
func (w *world) asked() int {
	n := 0
	for _, up := range w.ups {
		for _, request := range up.Requests() {
			if request.Endpoint != providertest.EndpointModels {
				n++
			}
		}
	}
	return n
}

// last is the last of the bodies that a provider was sent, with what it has of a list.
func last(t *testing.T, bodies []string) object {
	t.Helper()
	if len(bodies) == 0 {
		t.Fatal("the provider was not asked")
	}
	return parse(t, bodies[len(bodies)-1])
}

// words are the roles and texts of messages, or of items, in order.
func words(list []object) []string {
	var all []string
	for _, one := range list {
		text, plain := one["content"].(string)
		for _, part := range one.list("content") {
			text += part.text("text")
		}
		if role := one.text("role"); role != "" && (plain || text != "") {
			all = append(all, role+": "+text)
		}
	}
	return all
}

// idsOf are the ids of a list.
func idsOf(list []object) []string {
	ids := make([]string, 0, len(list))
	for _, one := range list {
		ids = append(ids, one.text("id"))
	}
	return ids
}

// until asks again until what it asked for is so.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it does not come: %s", what)
		}
	}
}

func equal(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// eventsOf are the events of a stream.
func eventsOf(t *testing.T, reply servertest.Reply) []object {
	t.Helper()
	if reply.Status != http.StatusOK {
		t.Fatalf("got %d %s", reply.Status, reply.Body)
	}
	var all []object
	for line := range strings.Lines(reply.Body) {
		text, data := strings.CutPrefix(line, "data: ")
		if !data || strings.HasPrefix(text, "[DONE]") {
			continue
		}
		all = append(all, parse(t, text))
	}
	return all
}

// endOf is the response that a stream ends with.
func endOf(t *testing.T, reply servertest.Reply) object {
	t.Helper()
	all := eventsOf(t, reply)
	if len(all) == 0 {
		t.Fatalf("no events in %s", reply.Body)
	}
	response, ok := all[len(all)-1]["response"].(map[string]any)
	if !ok {
		t.Fatalf("the stream ends with %v", all[len(all)-1])
	}
	return response
}
