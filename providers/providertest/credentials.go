package providertest

import (
	"fmt"
	"net/http"
	"strings"
)

// expectedHeaders are what a provider may be sent. Everything else came from the
// gateway's client, or tells of it.
var expectedHeaders = []string{
	"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "Content-Type",
	"Openai-Organization", "Openai-Project", "Traceparent", "Tracestate", "User-Agent", "X-Client-Request-Id",
}

// allowedHeaders is the set of those that an upstream takes.
func allowedHeaders(more []string) map[string]bool {
	s := set(expectedHeaders)
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
		return &APIError{
			Status: http.StatusUnauthorized, Type: invalidRequest,
			Message: "No API key was given. Send it in a header: Authorization: Bearer KEY.",
		}
	}
	if !x.up.keys[token] {
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
		case !x.up.allowed[name]:
			what = fmt.Sprintf("the header %s must not reach a provider", name)
		case len(values) > 1 && (name == "Authorization" || name == "Content-Type"):
			what = fmt.Sprintf("the header %s came %d times", name, len(values))
		default:
			continue
		}
		found = x.violation(what)
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
