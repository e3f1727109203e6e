package upstream_test

import (
	"net/url"
	"strings"
	"testing"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/upstream"
)

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for url, ok := range map[string]bool{
		"https://api.example.com/v1":             true,
		"https://api.example.com/v1/":            true,
		"https://api.example.com":                true,
		"https://api.example.com:8443/a/b":       true,
		"http://127.0.0.1:11434/v1":              true,
		"http://localhost:11434/v1":              true,
		"http://[::1]:11434/v1":                  true,
		"http://127.9.9.9/v1":                    true,
		"http://api.example.com/v1":              false,
		"http://10.0.0.1/v1":                     false,
		"http://127.0.0.1.example.com/v1":        false,
		"http://localhost.example.com/v1":        false,
		"https://user:pass@api.example.com/v1":   false,
		"https://user@api.example.com/v1":        false,
		"https://api.example.com/v1?key=x":       false,
		"https://api.example.com/v1?":            false,
		"https://api.example.com/v1#x":           false,
		"https://api.example.com/v1#":            false,
		"https://api.example.com/../v1":          false,
		"https://api.example.com/%2e%2e/v1":      false,
		"https://api.example.com//v1":            false,
		"https://api.example.com/a%0d%0ab":       false,
		"https:///v1":                            false,
		"https:api.example.com":                  false,
		"ftp://api.example.com/v1":               false,
		"file:///etc/passwd":                     false,
		"api.example.com/v1":                     false,
		"https://api.example.com:port/v1":        false,
		"":                                       false,
		"https://[::1":                           false,
		"https://api.example.com/deployments/%2": false,
	} {
		_, err := upstream.New(params(url, transports["lean"], bounds()))
		if ok != (err == nil) {
			t.Errorf("%q: got error %v", url, err)
			continue
		}
		if err == nil {
			continue
		}
		e := failure.As(err)
		if e == nil || e.Reason != commonv1.ErrorReason_ERROR_REASON_INVALID_FIELD || e.Param != "base_url" {
			t.Errorf("%q: got %#v", url, err)
		}
		if strings.Contains(err.Error(), "pass") && !strings.Contains(err.Error(), "password") {
			t.Errorf("%q: the error shows it: %v", url, err)
		}
	}
}

func TestHTTPBeyondLoopbackIsAChoice(t *testing.T) {
	t.Parallel()
	p := params("http://10.0.0.1/v1", transports["lean"], bounds())
	p.AllowHTTP = true
	if _, err := upstream.New(p); err != nil {
		t.Error(err)
	}
}

// A name in the path stays one segment of it, whatever it holds.
func TestEndpointsStayBelowTheBase(t *testing.T) {
	t.Parallel()
	for name, version := range transports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := play(t, step{answer: reply("200 OK", "{}")})
			c := newClient(t, params(p.url+"/", version, bounds()))
			names := map[string]string{
				"gpt-4o":       "/v1/models/gpt-4o",
				"a/b":          "/v1/models/a%2Fb",
				"../admin":     "/v1/models/..%2Fadmin",
				"a?b#c":        "/v1/models/a%3Fb%23c",
				"a b":          "/v1/models/a%20b",
				"%2e%2e":       "/v1/models/%252e%252e",
				"ü":            "/v1/models/%C3%BC",
				"a:b@c":        "/v1/models/a:b@c",
				"...":          "/v1/models/...",
				`\..\`:         "/v1/models/%5C..%5C",
				"host.example": "/v1/models/host.example",
			}
			for model, path := range names {
				endpoint, err := c.Endpoint("models", model)
				if err != nil {
					t.Errorf("%q: %v", model, err)
					continue
				}
				if o := unary(t, c, func(call *upstream.Call) { call.Endpoint = endpoint }); o.err != nil {
					t.Errorf("%q: %v", model, o.err)
				}
				seen := p.requests()
				if got := seen[len(seen)-1].RequestURI; got != path {
					t.Errorf("%q: the peer got %q, want %q", model, got, path)
				}
			}
			endpoint, err := c.Endpoint("models", "a b")
			if err != nil {
				t.Fatal(err)
			}
			with := endpoint.WithQuery(url.Values{"api-version": {"a&b#c"}})
			for endpoint, path := range map[*upstream.Endpoint]string{&with: "/v1/models/a%20b?api-version=a%26b%23c", &endpoint: "/v1/models/a%20b"} {
				if o := unary(t, c, func(call *upstream.Call) { call.Endpoint = *endpoint }); o.err != nil {
					t.Error(o.err)
				}
				seen := p.requests()
				if got := seen[len(seen)-1].RequestURI; got != path {
					t.Errorf("with a query, the peer got %q, want %q", got, path)
				}
			}
			for _, model := range []string{"", ".", "..", "a\r\nb", "a\x00", "\x7f"} {
				if _, err := c.Endpoint("models", model); failure.As(err) == nil ||
					failure.As(err).Reason != commonv1.ErrorReason_ERROR_REASON_PATH_REFUSED {
					t.Errorf("%q: got %v, want PATH_REFUSED", model, err)
				}
			}
		})
	}
}
