package providertest

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// verb is a word of a script's text.
type verb struct {
	name string
	// takes says whether it has a value: "" (none), "n" or a word for the message.
	takes string
	what  string
	apply func(*Script, string) error
}

// errVerb is any reason why a script's text cannot be read.
var errVerb = errors.New("the script's text cannot be read")

// ParseScript reads a script from text: words with a comma between them, like
// "status=503,times=2" or "hang-after=3". Values are percent-decoded, so that a
// comma can be in them. The README beside this file has all words.
func ParseScript(text string) (Script, error) {
	s := Script{Name: text}
	known := map[string]verb{}
	for _, v := range verbs() {
		known[v.name] = v
	}
	for _, word := range strings.Split(text, ",") {
		name, value, has := strings.Cut(word, "=")
		v, ok := known[name]
		switch {
		case !ok:
			return Script{}, fmt.Errorf("%w: %q is no word of it", errVerb, name)
		case has != (v.takes != ""):
			return Script{}, fmt.Errorf("%w: %q takes %q", errVerb, name, v.takes)
		}
		value, err := url.PathUnescape(value)
		if err == nil {
			err = v.apply(&s, value)
		}
		if err != nil {
			return Script{}, fmt.Errorf("%w: %q: %w", errVerb, word, err)
		}
	}
	return s, nil
}

// EnqueueText has the next chat completions answered by scripts given as text.
func (u *Upstream) EnqueueText(t testing.TB, texts ...string) {
	t.Helper()
	u.EnqueueTextAt(t, EndpointChat, texts...)
}

// EnqueueTextAt has the next requests of an endpoint answered by scripts given as
// text.
func (u *Upstream) EnqueueTextAt(t testing.TB, endpoint string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		s, err := ParseScript(text)
		if err != nil {
			t.Fatal(err)
		}
		u.EnqueueAt(endpoint, s)
	}
}

// verbs are all words.
func verbs() []verb {
	return append(append(breakVerbs(), replyVerbs()...), streamVerbs()...)
}

// breakVerbs break a reply off.
func breakVerbs() []verb {
	var out []verb
	endings := []struct {
		name string
		how  Ending
		what string
	}{
		{"hang", EndHang, "sends nothing more and leaves the connection open"},
		{"reset", EndReset, "resets the connection (TCP RST)"},
		{"drop", EndClose, "closes the connection inside the HTTP message"},
		{"truncate", EndClean, "ends the HTTP message in order, too early"},
	}
	for _, e := range endings {
		at := func(place Place) func(*Script, string) error {
			return func(s *Script, v string) error {
				s.Cut = Cut{Ending: e.how, Place: place}
				if v == "" {
					return nil
				}
				n, err := strconv.ParseInt(v, 10, 64)
				s.Cut.N = n
				return err //nolint:wrapcheck // ParseScript names the word
			}
		}
		if e.how != EndClean {
			out = append(out, verb{e.name, "", e.what + ", before the headers", at(BeforeHeaders)})
		}
		out = append(out,
			verb{e.name + "-after", "n", e.what + ", after n events; 0: after the headers", at(AfterEvents)},
			verb{e.name + "-in", "n", e.what + ", in the middle of event n", at(InEvent)},
			verb{e.name + "-bytes", "n", e.what + ", after n bytes of the body", at(AfterBytes)},
		)
	}
	return out
}

// replyVerbs change the reply as a whole.
func replyVerbs() []verb {
	return []verb{
		{"times", "n", "serves n requests before the next script; as a marker, n of n+1", countOf(func(s *Script, n int) { s.Times = n })},
		{"id", "word", "does nothing: tells equal markers apart", func(*Script, string) error { return nil }},
		{"status", "code", "answers with this status and the provider's error for it", countOf(func(s *Script, n int) { s.Status = n })},
		{"message", "text", "the error's message", word(func(s *Script, v string) { s.err().Message = v })},
		{"type", "word", "the error's type", word(func(s *Script, v string) { s.err().Type = v })},
		{"code", "word", "the error's code", word(func(s *Script, v string) { s.err().Code = v })},
		{"param", "word", "the error's param", word(func(s *Script, v string) { s.err().Param = v })},
		{"error-body", "", "answers an error's body with status 200", word(func(s *Script, _ string) { s.Status, s.Error = http.StatusOK, &APIError{} })},
		{"header", "Name:value", "adds a reply header; several of one name make several lines", header},
		{"retry-after", "value", "sets the header", word(func(s *Script, v string) { s.set("Retry-After", v) })},
		{"retry-after-ms", "value", "sets the header", word(func(s *Script, v string) { s.set("Retry-After-Ms", v) })},
		{"should-retry", "value", "sets x-should-retry", word(func(s *Script, v string) { s.set("X-Should-Retry", v) })},
		{"content-type", "type", "sets the header", word(func(s *Script, v string) { s.set("Content-Type", v) })},
		{"redirect", "code:url", "answers a redirect", redirect},
		{"html", "", "answers a proxy's page", word(htmlPage)},
		{"body", "text", "answers this body", word(func(s *Script, v string) { s.Body = []byte(v) })},
		{"no-content", "", "answers 204", word(func(s *Script, _ string) { s.Status, s.NoBody = http.StatusNoContent, true })},
		{"empty", "", "answers 200 without a body", word(func(s *Script, _ string) { s.NoBody = true })},
		{"gzip-bomb", "bytes", "answers a gzipped body that inflates to this size", countOf(func(s *Script, n int) { s.GzipBomb = int64(n) })},
		{"header-flood", "bytes", "adds header lines of this size in all", countOf(func(s *Script, n int) { s.HeaderFlood = n })},
		{"duplicate-headers", "", "sends some headers twice", word(duplicateHeaders)},
		{"conflicting-length", "", "sends two lengths (no HTTP message)", word(func(s *Script, _ string) { s.Raw = conflictingLength() })},
		{"garbage", "", "sends bytes that are no HTTP", word(func(s *Script, _ string) { s.Raw = []byte("\x00\x01 not HTTP\r\n\r\n") })},
		{"early", "", "answers before it reads the body; for queues alone", word(func(s *Script, _ string) { s.Early = true })},
		{"close", "", "says Connection: close, and closes", word(func(s *Script, _ string) { s.CloseAfter = true })},
		{"stale", "", "closes the connection when it is used again", word(func(s *Script, _ string) { s.StaleAfter = true })},
		{"replay", "file", "answers a recording", word(func(s *Script, v string) { s.Replay = v })},
		{"text", "text", "says this", word(func(s *Script, v string) { s.Text = v })},
		{"reasoning", "text", "thinks this before it", word(func(s *Script, v string) { s.Reasoning = v })},
		{"refusal", "text", "refuses with these words", word(func(s *Script, v string) { s.Refusal = v })},
		{"finish", "reason", "sets the finish reason", word(func(s *Script, v string) { s.FinishReason = v })},
		{"delay", "duration", "waits before the status line", duration(func(s *Script, d time.Duration) { s.Delay = d })},
		{"pace", "bytes", "bounds the body to bytes a second", countOf(func(s *Script, n int) { s.BytesPerSecond = n })},
		{"one-byte", "", "writes each byte of the body by itself", word(func(s *Script, _ string) { s.OneByte = true })},
		{"line", "bytes", "makes the text of the reply, or of one chunk, that large", countOf(func(s *Script, n int) { s.LineBytes = n })},
		{"malformed", "n", "breaks the JSON of event n, or of the reply", countOf(func(s *Script, n int) { s.MalformedAt = n })},
		{"no-usage", "", "leaves the usage out", word(func(s *Script, _ string) { s.NoUsage = true })},
		{"no-finish", "", "leaves the finish reasons out, and what follows", word(func(s *Script, _ string) { s.NoFinish = true })},
		{"no-finish-but-done", "", "leaves the finish reasons out, and nothing else", word(func(s *Script, _ string) { s.NoFinishButDone = true })},
	}
}

// streamVerbs change streams alone.
func streamVerbs() []verb {
	framing := func(name, what string, set func(*Framing)) verb {
		return verb{name, "", what, word(func(s *Script, _ string) { set(&s.Framing) })}
	}
	return []verb{
		{"error-at", "n", "puts an error in the place of event n, and ends", countOf(func(s *Script, n int) { s.ErrorAt = n })},
		{"no-done", "", "leaves [DONE] out", word(func(s *Script, _ string) { s.NoDone = true })},
		{"per-chunk", "duration", "waits between events", duration(func(s *Script, d time.Duration) { s.PerChunk = d })},
		framing("crlf", "ends lines with CR LF", func(f *Framing) { f.LineEnd = "\r\n" }),
		framing("cr", "ends lines with CR", func(f *Framing) { f.LineEnd = "\r" }),
		framing("bom", "begins with a byte order mark", func(f *Framing) { f.BOM = true }),
		framing("comments", "writes a comment before each event", func(f *Framing) { f.Comments = true }),
		framing("no-space", "leaves the space after \"data:\" out", func(f *Framing) { f.NoSpace = true }),
		framing("multi-line", "spreads data over several lines", func(f *Framing) { f.MultiLine = true }),
		framing("names", "writes event, id and retry lines", func(f *Framing) { f.Names = true }),
		framing("no-last-blank", "leaves the last blank line out", func(f *Framing) { f.NoLastBlank = true }),
		{"padding", "n", "puts n spaces around the JSON of events", countOf(func(s *Script, n int) { s.Framing.Padding = n })},
	}
}

// err is the script's error, made when it is needed.
func (s *Script) err() *APIError {
	if s.Error == nil {
		s.Error = &APIError{}
	}
	return s.Error
}

// set sets a reply header.
func (s *Script) set(name, value string) {
	if s.Header == nil {
		s.Header = http.Header{}
	}
	s.Header.Set(name, value)
}

// word applies a value as it is.
func word(set func(*Script, string)) func(*Script, string) error {
	return func(s *Script, v string) error {
		set(s, v)
		return nil
	}
}

// countOf applies a number.
func countOf(set func(*Script, int)) func(*Script, string) error {
	return func(s *Script, v string) error {
		n, err := strconv.Atoi(v)
		if err == nil {
			set(s, n)
		}
		return err //nolint:wrapcheck // ParseScript names the word
	}
}

// duration applies a duration.
func duration(set func(*Script, time.Duration)) func(*Script, string) error {
	return func(s *Script, v string) error {
		d, err := time.ParseDuration(v)
		if err == nil {
			set(s, d)
		}
		return err //nolint:wrapcheck // ParseScript names the word
	}
}

// header adds a reply header.
func header(s *Script, v string) error {
	name, value, ok := strings.Cut(v, ":")
	if !ok {
		return errors.New("wanted Name:value")
	}
	if s.Header == nil {
		s.Header = http.Header{}
	}
	s.Header.Add(name, strings.TrimSpace(value))
	return nil
}

// redirect answers with a Location.
func redirect(s *Script, v string) error {
	code, location, _ := strings.Cut(v, ":")
	n, err := strconv.Atoi(code)
	if err != nil {
		return err //nolint:wrapcheck // ParseScript names the word
	}
	s.Status, s.NoBody = n, true
	s.set("Location", location)
	return nil
}

// htmlPage answers as a proxy in front would.
func htmlPage(s *Script, _ string) {
	if s.Status == 0 {
		s.Status = http.StatusBadGateway
	}
	s.Body = []byte("<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body>\r\n</html>\r\n")
	s.set("Content-Type", "text/html")
}

// duplicateHeaders sends headers that a client might join, or take the wrong one of.
func duplicateHeaders(s *Script, _ string) {
	if s.Header == nil {
		s.Header = http.Header{}
	}
	s.Header["X-Request-Id"] = []string{"req_first", "req_second"}
	s.Header["X-Ratelimit-Remaining-Requests"] = []string{"1", "2"}
}

// conflictingLength is a reply whose end nobody can know.
func conflictingLength() []byte {
	return []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}")
}
