package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// OpenAI's classes of errors.
const (
	invalidRequest = "invalid_request_error"
	serverError    = "server_error"
)

// APIError is an error as OpenAI spells it.
type APIError struct {
	// Status is the HTTP status.
	Status int `json:"-"`
	// Message is for people.
	Message string `json:"message"`
	// Type is the class.
	Type string `json:"type"`
	// Param is the request member at fault. Empty: null.
	Param string `json:"param"`
	// Code is the code. Empty: null.
	Code string `json:"code"`
}

// node is the error with OpenAI's members; empty ones are null.
func (e *APIError) node() *node {
	return obj("message", e.Message, "type", e.Type, "param", orNull(e.Param), "code", orNull(e.Code))
}

// event is the error as the data of a stream's event.
func (e *APIError) event() []byte { return obj("error", e.node()).compact() }

// refuse is a 400 about a member of the request.
func refuse(param, code, format string, args ...any) *APIError {
	return &APIError{
		Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...), Type: invalidRequest, Param: param, Code: code,
	}
}

// defaultError is what OpenAI says with a status.
func defaultError(status int) *APIError {
	e := &APIError{Status: status, Type: invalidRequest, Message: "The request was refused."}
	switch status {
	case http.StatusUnauthorized:
		e.Code, e.Message = "invalid_api_key", "The API key is not valid."
	case http.StatusForbidden:
		e.Code, e.Message = "unsupported_country_region_territory", "This country, region or territory is not served."
	case http.StatusNotFound:
		e.Code, e.Message = "model_not_found", "The model does not exist, or this key has no access to it."
	case http.StatusRequestEntityTooLarge:
		e.Code, e.Message = "request_too_large", "The request is too large."
	case http.StatusTooManyRequests:
		e.Type, e.Code, e.Message = "requests", "rate_limit_exceeded", "The rate limit is reached."
	case http.StatusServiceUnavailable:
		e.Type, e.Code, e.Message = "service_unavailable_error", "server_is_overloaded", "The servers are overloaded."
	default:
		if status >= http.StatusInternalServerError {
			e.Type, e.Message = serverError, "The server had an error."
		}
	}
	return e
}

// orNull is a text, or null for an empty one.
func orNull(s string) *node {
	if s == "" {
		return nil
	}
	return valueOf(s)
}

// marshal is json.Marshal without the escapes for HTML.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// indented is marshal with two spaces a level.
func indented(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // no value of ours can fail
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
