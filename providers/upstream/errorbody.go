package upstream

import (
	"bytes"
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxExtra bounds what is kept of an error's further members.
const maxExtra = 1 << 10

// errorBody is a provider's error, whatever shape it came in.
type errorBody struct {
	status  int
	message string
	kind    string // `type`
	code    string
	param   string
	inner   string        // a more exact word behind code or type
	extra   string        // further members of the error object, as one JSON object
	wait    time.Duration // how long to wait, said in the body; 0: not said
}

// members are those of an object; values are JSON text.
type members map[string]json.RawMessage

// parseErrorBody understands OpenAI's envelope, an error that is a string, a flat
// object, any of them in an array, and plain text. Of anything else, such as an HTML
// page, nothing is told.
func parseErrorBody(text []byte) errorBody {
	text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")))
	outer, ok := object(text)
	if !ok {
		return errorBody{message: plainText(text)}
	}
	var b errorBody
	switch value := outer["error"]; {
	case isObject(value):
		inner, _ := object(value)
		b = fromMembers(inner)
		b.inherit(outer)
	case isString(value):
		b.message = str(value)
		b.code, b.kind = word(outer["code"]), word(outer["type"])
		b.readFilter()
	default:
		b = fromMembers(outer)
	}
	return b
}

// fromMembers reads an error object.
func fromMembers(m members) errorBody {
	b := errorBody{
		message: str(m["message"]),
		kind:    word(m["type"]),
		code:    word(m["code"]),
		param:   str(m["param"]),
	}
	if inner, ok := object(m["message"]); ok { // Mistral's
		b.message = detail(inner["detail"])
	}
	if b.message == "" {
		within, _ := object(m["message"])
		b.message = cmp.Or(detail(m["detail"]), detail(within["detail"]))
	}
	if b.message == "" {
		b.message = str(m["msg"])
	}
	if state := word(m["status"]); state != "" && b.kind == "" && !isNumber(m["status"]) {
		b.kind = state // Google's
	}
	b.readInner(m)
	for _, name := range []string{"message", "type", "code", "param", "object"} {
		delete(m, name)
	}
	if len(m) > 0 {
		var extra strings.Builder
		encoder := json.NewEncoder(&extra)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(m); err == nil && extra.Len() <= maxExtra {
			b.extra = strings.TrimSpace(extra.String())
		}
	}
	return b
}

// filterSentence begins what xAI says, with 403, of a prompt that its filter refuses.
// Behind it stand the team and the id of the gateway's key, which callers need not know.
const filterSentence = "Content violates usage guidelines"

func (b *errorBody) readFilter() {
	if strings.HasPrefix(b.message, filterSentence) {
		b.message, b.code, b.inner = filterSentence+".", "", "content_filter"
	}
}

// inherit takes what a provider puts beside the error object.
func (b *errorBody) inherit(outer members) {
	if b.code == "" {
		b.code = word(outer["code"])
	}
	if b.message == "" {
		b.message = str(outer["message"])
	}
}

// readInner looks into the places where providers hide the exact cause: Azure's
// innererror, OpenRouter's metadata of a moderation, Google's details.
func (b *errorBody) readInner(m members) {
	if inner, ok := object(m["innererror"]); ok {
		b.inner = word(inner["code"])
	}
	if moderation, ok := object(m["metadata"]); ok && moderation["flagged_input"] != nil {
		b.inner = "content_filter"
	}
	var details []json.RawMessage
	if json.Unmarshal(m["details"], &details) != nil {
		return
	}
	for _, raw := range details {
		d, _ := object(raw)
		if reason := word(d["reason"]); reason != "" && b.inner == "" {
			b.inner = reason
		}
		if wait, err := time.ParseDuration(str(d["retryDelay"])); err == nil && wait > 0 {
			b.wait = wait
		}
	}
}

// parseInside finds an error in a reply of 200 or in an event of a stream: a member
// `error` that says something, or an object that calls itself an error. Of each
// chunk of a good stream only the first line runs, and of a response, which has such a
// member that is null.
func parseInside(text []byte) (errorBody, bool) {
	if !mentionsError(text) {
		return errorBody{}, false
	}
	outer, ok := object(text)
	if !ok {
		return errorBody{}, false
	}
	value := outer["error"]
	flat := word(outer["object"]) == "error" || word(outer["type"]) == "error"
	if !isObject(value) && str(value) == "" && !flat {
		return errorBody{}, false
	}
	b := parseErrorBody(text)
	b.status = b.guessStatus()
	return b, true
}

// mentionsError says whether "error" stands in a text as anything but the name of a
// null.
func mentionsError(text []byte) bool {
	for {
		_, rest, found := bytes.Cut(text, []byte(`"error"`))
		if !found {
			return false
		}
		text = bytes.TrimLeft(rest, " \t\r\n")
		value, named := bytes.CutPrefix(text, []byte(":"))
		if !named || !bytes.HasPrefix(bytes.TrimLeft(value, " \t\r\n"), []byte("null")) {
			return true
		}
	}
}

// object reads an object, or the first one of an array.
func object(text []byte) (members, bool) {
	if len(text) > 0 && text[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(text, &list) != nil || len(list) == 0 || !isObject(list[0]) {
			return nil, false
		}
		text = list[0]
	}
	var m members
	if !isObject(text) || json.Unmarshal(text, &m) != nil {
		return nil, false
	}
	return m, true
}

func isObject(text []byte) bool { return startsWith(text, '{') }
func isString(text []byte) bool { return startsWith(text, '"') }

func isNumber(text []byte) bool {
	return len(text) > 0 && (text[0] == '-' || text[0] >= '0' && text[0] <= '9')
}

func startsWith(text []byte, c byte) bool {
	text = bytes.TrimLeft(text, " \t\r\n")
	return len(text) > 0 && text[0] == c
}

// str is the text of a JSON string, "" of anything else.
func str(text []byte) string {
	var s string
	if !isString(text) || json.Unmarshal(text, &s) != nil {
		return ""
	}
	return s
}

// word is str that takes numbers, too.
func word(text []byte) string {
	if isNumber(text) {
		return string(text)
	}
	return str(text)
}

// detail is FastAPI's: a sentence, or a list of objects with one each. Mistral has it in
// its message.
func detail(text []byte) string {
	if s := str(text); s != "" {
		return s
	}
	var list []struct {
		Message string `json:"msg"`
	}
	if json.Unmarshal(text, &list) != nil || len(list) == 0 {
		return ""
	}
	return list[0].Message
}

// plainText is a body that is a short sentence, "" of any other: pages of proxies
// are not for callers.
func plainText(text []byte) string {
	if len(text) > maxMessage || !utf8.Valid(text) || bytes.ContainsAny(text, "<{[\x00") {
		return ""
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// maxRetryAfter is the longest wait that is believed.
const maxRetryAfter = 24 * time.Hour

// retryAfterOf is how long the provider asks to wait; false: it does not say. said
// is what its body says.
func retryAfterOf(h http.Header, said time.Duration) (time.Duration, bool) {
	if d, ok := parseWait(first(h, retryAfterMS), time.Millisecond); ok {
		return d, true
	}
	text := first(h, retryAfter)
	if d, ok := parseWait(text, time.Second); ok {
		return d, true
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(time.Until(at), 0), maxRetryAfter), true
	}
	return min(said, maxRetryAfter), said > 0
}

// parseWait reads a number, whole or not, of units.
func parseWait(text string, unit time.Duration) (time.Duration, bool) {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n >= 0) { // not NaN either
		return 0, false
	}
	if n >= float64(maxRetryAfter/unit) {
		return maxRetryAfter, true
	}
	return time.Duration(n * float64(unit)), true
}

func first(h http.Header, name string) string {
	if values := h[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}
