package providertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// expectedHeaders are what a provider may be sent. Everything else came from the
// gateway's client, or tells of it.
var expectedHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "Content-Type",
	"Traceparent", "Tracestate", "User-Agent", "X-Client-Request-Id",
}

// credentialHeaders are those that some provider takes keys in.
var credentialHeaders = []string{"Authorization", "Api-Key", "X-Api-Key", "X-Goog-Api-Key"}

// allowedHeaders is the set of those that an upstream takes.
func allowedHeaders(p *profile, more []string) map[string]bool {
	s := set(slices.Concat(expectedHeaders, p.credential, p.headers))
	for _, h := range more {
		if h == "*" {
			return nil
		}
		s[http.CanonicalHeaderKey(h)] = true
	}
	return s
}

// authorize checks who calls, and that no header of somebody else came along.
func (x *exchange) authorize() *APIError {
	if e := x.foreignHeaders(); e != nil {
		return e
	}
	token := x.rec.Credential
	if token == "" {
		if x.up.keyless {
			return nil
		}
		e := defaultError(http.StatusUnauthorized)
		e.Code = ""
		e.Message = "No API key was given. Send it in the header " + x.up.profile.credential[0] + "."
		return e
	}
	if !x.up.keys[token] && !x.up.keyless {
		if len(token) > 12 {
			token = token[:4] + strings.Repeat("*", 8) + token[len(token)-4:]
		}
		e := defaultError(http.StatusUnauthorized)
		e.Message = "The API key " + token + " is not valid."
		return e
	}
	return nil
}

// foreignHeaders makes a violation of each header that must not come.
func (x *exchange) foreignHeaders() *APIError {
	if x.up.allowed == nil {
		return nil
	}
	var found *APIError
	for name, values := range x.r.Header {
		var what string
		switch {
		case x.rec.Credential == "" && slices.Contains(credentialHeaders, name): // a key in the wrong header, which is none
			continue
		case !x.up.allowed[name]:
			what = fmt.Sprintf("the header %s must not reach a provider", name)
		case len(values) > 1 && (name == "Authorization" || name == "Content-Type"):
			what = fmt.Sprintf("the header %s came %d times", name, len(values))
		default:
			continue
		}
		found = x.violation(what)
	}
	if kinds := count(x.up.profile.credential, func(name string) bool { return x.r.Header.Get(name) != "" }); kinds > 1 {
		found = x.violation("two credentials came in two headers")
	}
	return found
}

// violation notes one, and is the reply to it.
func (x *exchange) violation(what string) *APIError {
	x.up.records.violation(fmt.Sprintf("request %d, %s %s: %s", x.rec.N, x.rec.Method, x.rec.Path, what))
	return &APIError{
		Status: http.StatusBadRequest, Type: "providertest_violation", Code: "violation", Message: "Test upstream: " + what + ".",
	}
}
