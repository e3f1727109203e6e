package providers_test

import (
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers"
)

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	const url, user, query, path, https = "must be a URL", "must have no user", "must have neither a query", "must have a plain path", "must be https"
	for text, fault := range map[string]string{
		"https://api.example.com":         "",
		"https://api.example.com/v1":      "",
		"https://api.example.com/v1/":     "",
		"https://api.example.com:8443/a":  "",
		"http://localhost:11434/v1":       "",
		"http://LOCALHOST/v1":             "",
		"http://127.9.9.9/v1":             "",
		"http://[::1]:8000/v1":            "",
		"http://[::ffff:127.0.0.1]/v1":    "",
		"":                                url,
		"api.example.com/v1":              url,
		"//api.example.com/v1":            url,
		"https:api.example.com":           url,
		"https:///v1":                     url,
		"https://:443/v1":                 url,
		"ftp://api.example.com":           url,
		"https://x:port":                  url,
		"https://x\x7f":                   url,
		"https://user:canary@x/v1":        user,
		"https://canary@x/v1":             user,
		"https://x/v1?key=canary":         query,
		"https://x/v1?":                   query,
		"https://x/v1#canary":             query,
		"https://x/v1#":                   query,
		"https://x/../v1":                 path,
		"https://x/%2e%2e/v1":             path,
		"https://x//v1":                   path,
		"https://x/v1//":                  path,
		"https://x/a%0d%0ab":              path,
		"http://api.example.com/v1":       https,
		"http://10.0.0.1/v1":              https,
		"http://127.0.0.1.example.com/v1": https,
		"http://localhost.example.com/v1": https,
		"http://box.localhost/v1":         https,
	} {
		u, err := providers.CheckBaseURL(text, false)
		switch {
		case fault == "" && (err != nil || u.String() != text):
			t.Errorf("%q: %v, error %v", text, u, err)
		case fault != "" && (err == nil || !strings.HasPrefix(err.Error(), fault) || strings.Contains(err.Error(), "canary")):
			t.Errorf("%q: error %v, want %s", text, err, fault)
		}
		if _, err := providers.CheckBaseURL(text, true); (err == nil) != (fault == "" || fault == https) {
			t.Errorf("%q, http allowed: error %v", text, err)
		}
	}
}
