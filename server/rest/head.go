package rest

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
)

// maxHeaders is how many header lines a request may have.
const maxHeaders = 100

// modelPrefix is where SDKs send ids with an encoded slash: "openai%2Fgpt-4o".
const modelPrefix = "/v1/models/"

// checkHead refuses what no honest client sends, before anything is routed by it:
// paths that mean different things to different parsers, and headers that occur
// twice where one must decide.
func checkHead(r *http.Request) error {
	if doubtful(r) {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "Where the request ends is told in two ways.")
	}
	if r.URL.Host != "" || r.URL.Scheme != "" || r.URL.Opaque != "" {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The gateway is no proxy: the request must name a path alone.")
	}
	lines := 0
	for _, values := range r.Header {
		lines += len(values)
	}
	if lines > maxHeaders {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The request has more than 100 headers.")
	}
	for _, name := range []string{"Authorization", "X-Api-Key", "X-Request-Id", "Content-Type", timeoutHeader, strictHeader} {
		if len(r.Header[name]) > 1 {
			return failure.New(commonv1.ErrorReason_ERROR_REASON_INVALID_REQUEST, "The header "+name+" is there more than once.")
		}
	}
	if !cleanPath(r.URL.Path, r.URL.EscapedPath()) {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_PATH_REFUSED, "The path holds what no route may hold.")
	}
	return nil
}

// cleanPath accepts a path that has one meaning alone. Only an id behind
// /v1/models/ may hold an encoded slash.
func cleanPath(decoded, escaped string) bool {
	if !strings.HasPrefix(decoded, "/") || strings.HasSuffix(decoded, streamVerb) || !utf8.ValidString(decoded) {
		return false
	}
	for i := range len(decoded) {
		if ch := decoded[i]; ch < ' ' || ch == 0x7f || ch == '\\' || ch == ';' {
			return false
		}
	}
	for _, segment := range strings.Split(decoded[1:], "/") {
		if segment == "." || segment == ".." || segment == "" && decoded != "/" {
			return false
		}
	}
	if !strings.Contains(escaped, "%") {
		return true
	}
	lower := strings.ToLower(escaped)
	if strings.HasPrefix(lower, modelPrefix) {
		lower = strings.ReplaceAll(lower, "%2f", "/")
	}
	for _, encoded := range []string{"%2e", "%2f", "%5c", "%25"} {
		if strings.Contains(lower, encoded) {
			return false
		}
	}
	return true
}

// credential is the bearer token, or the key in the header that Anthropic's and
// Azure's clients use.
func credential(header http.Header) string {
	authorization := header.Get("Authorization")
	if scheme, token, ok := strings.Cut(authorization, " "); ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if authorization != "" && !strings.EqualFold(strings.TrimSpace(authorization), "Bearer") {
		return authorization // a variable that was empty leaves the bare scheme
	}
	return header.Get("X-Api-Key")
}

// clientAddress is the address of the connection, or, when that is a trusted
// proxy, the right-most address in x-forwarded-for that is not one.
func clientAddress(r *http.Request, trusted []netip.Prefix) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	if len(trusted) == 0 || !within(host, trusted) {
		return host
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := strings.TrimSpace(hops[i])
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		host = hop
		if !within(hop, trusted) {
			break
		}
	}
	return host
}

func within(address string, prefixes []netip.Prefix) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return false
	}
	for _, prefix := range prefixes {
		if prefix.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}
