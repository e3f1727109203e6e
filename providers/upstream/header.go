package upstream

import (
	"bytes"
	"cmp"
	"errors"
	"net/http"
	"net/textproto"
	"sort"
	"strings"
)

// The headers of a reply that matter to this package alone.
const (
	contentType     = "Content-Type"
	contentEncoding = "Content-Encoding"
	requestID       = "X-Request-Id"
	otherRequestID  = "Request-Id" // Anthropic's
	azureRequestID  = "Apim-Request-Id"
)

// And those that go to callers, beside all that begin with rateLimitPrefix.
const (
	retryAfter      = "Retry-After"
	retryAfterMS    = "Retry-After-Ms"
	shouldRetry     = "X-Should-Retry"
	rateLimitPrefix = "X-Ratelimit-"
)

// kept are the headers that are read at all, by length, so that a lookup costs
// nothing for most of the others.
var kept = [...][]string{
	10: {otherRequestID},
	11: {retryAfter},
	12: {contentType, requestID, "Openai-Model"},
	14: {retryAfterMS, shouldRetry, "Openai-Version"},
	15: {azureRequestID},
	16: {contentEncoding},
	20: {"Openai-Processing-Ms"},
	24: {"X-Ratelimit-Limit-Tokens", "X-Ratelimit-Reset-Tokens"},
	26: {"X-Ratelimit-Limit-Requests", "X-Ratelimit-Reset-Requests"},
	28: {"X-Ratelimit-Remaining-Tokens"},
	30: {"X-Ratelimit-Remaining-Requests"},
}

// keepHeader returns the canonical name of a reply's header that this package or
// the caller reads, "" for the others: cookies, the organization, and whatever else
// is none of the caller's business.
func keepHeader(name string) string {
	if len(name) < len(kept) {
		for _, known := range kept[len(name)] {
			if equalFold(name, known) {
				return known
			}
		}
	}
	if len(name) > len(rateLimitPrefix) && equalFold(name[:len(rateLimitPrefix)], rateLimitPrefix) {
		return textproto.CanonicalMIMEHeaderKey(name)
	}
	return ""
}

// equalFold compares ASCII text of equal length.
func equalFold(name, known string) bool {
	for i := range known {
		a, b := name[i], known[i]
		if a != b && (a^b != 0x20 || a|0x20 < 'a' || a|0x20 > 'z') {
			return false
		}
	}
	return true
}

// takeOwn removes the headers that are not for callers, and returns what they say.
func takeOwn(h http.Header) (mediaType, encoding, id string) {
	mediaType, encoding, id = h.Get(contentType), h.Get(contentEncoding), h.Get(requestID)
	id = cmp.Or(id, h.Get(otherRequestID), h.Get(azureRequestID))
	for _, name := range [...]string{contentType, contentEncoding, requestID, otherRequestID, azureRequestID} {
		delete(h, name)
	}
	mediaType, _, _ = strings.Cut(mediaType, ";")
	return strings.ToLower(strings.TrimSpace(mediaType)), strings.ToLower(encoding), clip(id, maxIDLength)
}

// maxIDLength is how much of a provider's request id is kept.
const maxIDLength = 256

var (
	acceptJSON   = []string{"application/json"}
	acceptEvents = []string{"text/event-stream"}
	identity     = []string{"identity"}
)

// header builds the headers of an attempt. The credential comes last: nothing can
// replace it.
func (c *Client) header(call *Call, accept []string, key *Credential) http.Header {
	h := make(http.Header, len(call.Header)+6)
	for name, values := range call.Header {
		h[name] = values
	}
	if len(call.Body) > 0 {
		h[contentType] = acceptJSON
	}
	h["Accept"] = accept
	h["Accept-Encoding"] = identity
	h["User-Agent"] = c.userAgent
	key.Authorize(h)
	return h
}

// longest drops secrets too short to be any, and puts long ones first, so that one
// that holds another goes as a whole.
func longest(keys []Credential) []string {
	var out []string
	for _, key := range keys {
		for _, s := range key.Secrets {
			if len(s) >= 4 {
				out = append(out, s)
			}
		}
	}
	sort.Slice(out, func(i, j int) bool { return len(out[i]) > len(out[j]) })
	return out
}

// scrub replaces the secrets in a text.
func (c *Client) scrub(text string) string {
	for _, secret := range c.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	return text
}

// hidden is an error whose text held a secret.
type hidden struct {
	text string
	err  error
}

// hide scrubs the text of a cause, which goes to logs.
func (c *Client) hide(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if clean := c.scrub(text); clean != text {
		return &hidden{text: clean, err: err}
	}
	return err
}

// Error implements error.
func (h *hidden) Error() string { return h.text }

// Is makes the kind of the error known, without its text.
func (h *hidden) Is(target error) bool { return errors.Is(h.err, target) }

// scrubHeader does it for all values of a header.
func (c *Client) scrubHeader(h http.Header) {
	for _, values := range h {
		for i, value := range values {
			values[i] = c.scrub(value)
		}
	}
}

// scrubBytes is scrub for bytes.
func (c *Client) scrubBytes(text []byte) []byte {
	for _, secret := range c.secrets {
		text = bytes.ReplaceAll(text, []byte(secret), []byte("[redacted]"))
	}
	return text
}

// clip shortens a text to at most limit bytes, at the edge of a character.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && text[limit]&0xc0 == 0x80 {
		limit--
	}
	return text[:limit]
}
