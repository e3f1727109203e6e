// The CA of an upstream is believed as one that an operator has installed. That can
// be said once in a process.
//
//go:debug x509usefallbackroots=1

package openai_test

import (
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"testing"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/openai"
	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// secured is an upstream behind TLS that all tests share.
var secured *providertest.Upstream

// trusting runs the tests while secured is up.
type trusting struct{ *testing.M }

// Run implements goleak.TestingM.
func (m trusting) Run() int {
	up, err := providertest.Listen("127.0.0.1:0", providertest.Params{TLS: true, Models: []string{"m1"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer up.Close()
	secured = up
	x509.SetFallbackRoots(up.CAs())
	code := m.M.Run()
	for _, v := range up.TakeViolations() {
		fmt.Fprintln(os.Stderr, v)
		code = 1
	}
	return code
}

// Behind TLS a provider is spoken to in HTTP/2, all calls over one connection, unless
// it is configured otherwise.
func TestHTTP2(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version configv1.HttpVersion
		want    string
	}{
		"unsaid": {configv1.HttpVersion_HTTP_VERSION_UNSPECIFIED, "HTTP/2.0"},
		"2":      {configv1.HttpVersion_HTTP_VERSION_2, "HTTP/2.0"},
		"1":      {configv1.HttpVersion_HTTP_VERSION_1, "HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := provider(t, openai.Type, secured.URL(), func(p *providers.Params) { p.Config.HttpVersion = test.version })
			id := rand.Text()
			ask := func() *providers.ChatCall {
				c := call(new(chatv1.ChatCompletionParams))
				c.RequestID = id
				return c
			}
			reply, err := p.ChatCompletion(t.Context(), ask())
			if err != nil || reply.GetChoices()[0].GetMessage().GetContent() != "You said: hi" {
				t.Fatalf("got %v, %v", reply, err)
			}
			const streams = 16
			var all sync.WaitGroup
			for range streams {
				all.Go(func() {
					if got, err := collect(t.Context(), p, ask()); err != nil || len(got) < 3 {
						t.Errorf("got %v, %v", got, err)
					}
				})
			}
			all.Wait()
			requests, connections := 0, map[string]bool{}
			for _, r := range secured.Requests() {
				if r.ClientRequestID != id {
					continue
				}
				requests++
				connections[r.Connection] = true
				if r.Proto != test.want || r.Credential != key {
					t.Errorf("spoke %s with credential %q, want %s", r.Proto, r.Credential, test.want)
				}
			}
			if requests != 1+streams || test.want == "HTTP/2.0" && len(connections) != 1 {
				t.Errorf("%d requests over %d connections", requests, len(connections))
			}
		})
	}
}
