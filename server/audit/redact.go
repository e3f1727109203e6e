package audit

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/signalbox-ai/signalbox/server/call"
)

// headerNames are the names of headers whose values are shown, in lower case.
type headerNames map[string]struct{}

// newHeaderNames takes the configured list, and leaves out what carries credentials:
// those are never shown.
func newHeaderNames(list []string) headerNames {
	names := headerNames{}
	for _, name := range list {
		if name = strings.ToLower(name); !secretHeader(name) {
			names[name] = struct{}{}
		}
	}
	return names
}

// request is the client's headers, one "name: value" each, in the order of names.
func (h headerNames) request(header map[string][]string) []string {
	lines := make([]string, 0, len(header))
	for name, values := range header {
		for _, value := range values {
			lines = append(lines, h.line(name, value))
		}
	}
	slices.Sort(lines)
	return lines
}

// response is the headers of the reply.
func (h headerNames) response(c *call.Call) []string {
	var lines []string
	c.EachHeader(func(name, value string) { lines = append(lines, h.line(name, value)) })
	slices.Sort(lines)
	return lines
}

func (h headerNames) line(name, value string) string {
	name = strings.ToLower(cut(name, maxName))
	if _, shown := h[name]; !shown {
		return fmt.Sprintf("%s: [%d bytes]", name, len(value))
	}
	return name + ": " + cut(value, maxMessage)
}

// secretHeader knows headers that carry credentials, by the words that their names
// are made of, so that it also knows those that nobody has listed.
func secretHeader(name string) bool {
	name = squeeze(name)
	for _, part := range []string{"authorization", "authentication", "cookie", "apikey", "secret", "password", "credential", "signature", "portkey"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	if name == "idempotencykey" {
		return false
	}
	for _, end := range []string{"key", "token", "auth", "xbfvk"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// secretMember knows JSON members whose values are credentials.
func secretMember(name string) bool {
	const longest = 40
	if len(name) > longest {
		return false
	}
	switch squeeze(name) {
	case "apikey", "xapikey", "xgoogapikey", "anthropicapikey", "openaiapikey", "accesskey", "secretkey", "secretaccesskey",
		"privatekey", "password", "passwd", "passphrase", "secret", "clientsecret", "credential", "credentials",
		"token", "accesstoken", "refreshtoken", "idtoken", "authtoken", "bearertoken", "sessiontoken", "securitytoken",
		"authorization", "proxyauthorization", "authorizationtoken", "cookie", "setcookie":
		return true
	default:
		return false
	}
}

// squeeze is a name in lower case without the characters that people separate words
// with.
func squeeze(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == ' ' || r == '.':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return r
		}
	}, name)
}

const redacted = `"[redacted]"`

// redactJSON replaces the values of members that are named like credentials, of
// whatever kind they are, also in JSON that stands in the arguments of a tool call.
// Without such members it returns its argument. It takes any bytes: the arguments
// of a tool call need not be JSON.
func redactJSON(b []byte) []byte {
	r := redactor{in: b, logprobs: -1}
	for r.at < len(b) {
		switch b[r.at] {
		case '"':
			r.string()
		case '{', '[':
			r.depth++
			r.at++
		case '}', ']':
			if r.depth--; r.depth <= r.logprobs {
				r.logprobs = -1
			}
			r.at++
		default:
			r.at++
		}
	}
	if r.out == nil {
		return b
	}
	return append(r.out, b[r.copied:]...)
}

// redactor is a scan over JSON text. It keeps no tree, so that neither depth nor
// faults of the text can hurt.
type redactor struct {
	in    []byte
	at    int
	depth int
	// logprobs is the depth of the member "logprobs" that the scan is in. In there
	// "token" is a piece of the reply.
	logprobs int
	// out has what is finished, up to copied. Nil: nothing was replaced.
	out    []byte
	copied int
}

// string reads a string, and the value behind it if it is the name of a member that
// needs care.
func (r *redactor) string() {
	start := r.at
	r.at = stringEnd(r.in, start)
	value := skipSpace(r.in, r.at)
	if value >= len(r.in) || r.in[value] != ':' {
		return
	}
	name := unquote(r.in[start:r.at])
	r.at = skipSpace(r.in, value+1)
	switch {
	case name == "logprobs" && r.logprobs < 0:
		r.logprobs = r.depth
	case name == "token" && r.logprobs >= 0:
	case secretMember(name):
		r.replace(valueEnd(r.in, r.at), redacted)
	case name == "arguments" || name == "input":
		r.nested()
	}
}

// nested redacts JSON that stands in a string.
func (r *redactor) nested() {
	if r.at >= len(r.in) || r.in[r.at] != '"' {
		return
	}
	end := stringEnd(r.in, r.at)
	text := unquote(r.in[r.at:end])
	if !strings.HasPrefix(strings.TrimSpace(text), "{") {
		return
	}
	shown := string(redactJSON([]byte(text)))
	if shown == text {
		r.at = end
		return
	}
	quoted, err := json.Marshal(shown)
	if err != nil {
		quoted = []byte(redacted)
	}
	r.replace(end, string(quoted))
}

// replace puts text in the place of what lies before end. A null stays.
func (r *redactor) replace(end int, text string) {
	if string(r.in[r.at:end]) != "null" {
		r.out = append(append(r.out, r.in[r.copied:r.at]...), text...)
		r.copied = end
	}
	r.at = end
}

// stringEnd is where the string that begins at i ends.
func stringEnd(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(b)
}

// valueEnd is where the value that begins at i ends.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = stringEnd(b, i)
		case '{', '[':
			depth++
			i++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
			i++
		case ',':
			if depth == 0 {
				return i
			}
			i++
			continue
		default:
			i++
			continue
		}
		if depth == 0 {
			return i
		}
	}
	return len(b)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// unquote is the text of a JSON string; of one that is none, what stands there.
func unquote(b []byte) string {
	const quotes = 2
	if len(b) < quotes {
		return string(b)
	}
	if inner := b[1 : len(b)-1]; !slices.Contains(inner, '\\') {
		return string(inner)
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return string(b)
	}
	return text
}
