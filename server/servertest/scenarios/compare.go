package scenarios

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/wire"
)

// sections are what an outcome makes the file say, each with its place among those of
// its kind. A request that repeats the one before it is not said again.
func (o *outcome) sections(f *File) []Section {
	var all []Section
	for i, request := range o.requests {
		if i > 0 && request.text() == o.requests[i-1].text() {
			continue
		}
		s := Section{Round: o.round.number, Name: "upstream.request.http", Text: request.text(), reply: i}
		if request.plain(f.Instance, o.ask) {
			s.Name, s.Text = "upstream.request.json", layout(request.body)
		}
		all = append(all, s)
	}
	reply := Section{Round: o.round.number, Name: "client.reply.http", Text: o.reply.text()}
	if o.reply.start == statusLine(http.StatusOK) && len(o.reply.header) == 1 {
		switch o.reply.header.Get("Content-Type") {
		case "application/json":
			reply.Name, reply.Text = "client.reply.json", layout(o.reply.body)
		case "text/event-stream; charset=utf-8":
			reply.Name, reply.Text = nameEvents, o.reply.body
		}
	}
	all = append(all, reply)
	if o.plan != "" {
		all = append(all, Section{Round: o.round.number, Name: "plan.json", Text: o.plan})
	}
	return append(all, Section{Round: o.round.number, Name: "audit.json", Text: o.audit})
}

// plain says that nothing but the body must be said of a request: it goes to the path
// that the client called, below the instance's own, with a bearer token.
func (s sent) plain(instance string, ask message) bool {
	return s.start == strings.Replace(ask.start, " ", " /"+instance, 1) && maps.EqualFunc(s.header, http.Header{
		"Accept":        {s.header.Get("Accept")},
		"Authorization": {"Bearer key-of-" + instance},
		"Content-Type":  {"application/json"},
	}, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") })
}

// normal is a section's text without what does not count: whitespace of JSON, the order
// of headers, and that of the members of a provider's request.
func normal(s Section) string {
	m := message{body: s.Text}
	switch {
	case strings.HasSuffix(s.Name, ".json"):
	case strings.HasSuffix(s.Name, ".http"):
		read, err := readMessage(s.Text)
		if err != nil {
			return s.Text
		}
		m = read
	default:
		return s.Text
	}
	if s.kind() == kindRequest {
		m.body = ordered(m.body)
	}
	return m.text()
}

// ordered is an object with its members by name; what is in them stays as it is.
func ordered(text string) string {
	var members []string
	for p := range wire.Members(text) {
		members = append(members, text[p.Begin:p.End])
	}
	if len(members) == 0 {
		return text
	}
	slices.Sort(members)
	return "{" + strings.Join(members, ",") + "}"
}

// rewrite makes a file say what came of a round, where it says something else.
func rewrite(f *File, got *outcome) {
	count := map[string]int{}
	for _, s := range got.sections(f) {
		n := count[s.kind()]
		count[s.kind()]++
		if want, ok := got.round.expected(s.kind(), n); !ok || want.Name != s.Name || normal(want) != normal(s) {
			f.set(n, s)
		}
	}
}

// compare judges what came of a round.
func compare(t *testing.T, f *File, by door, got *outcome) {
	t.Helper()
	number := got.round.number
	count := map[string]int{}
	for _, s := range got.sections(f) {
		n := count[s.kind()]
		count[s.kind()]++
		want, ok := f.expected(number, s.kind(), n)
		if !ok {
			t.Errorf("%s: round %d does not say what %s is; -update writes it:\n%s", by.name, number, s.Name, s.Text)
			continue
		}
		wanted, have := normal(want), normal(s)
		switch {
		case by.name != doorREST && s.kind() == kindReply:
			wanted, have = common(wanted), common(have)
		case by.reordered && s.kind() == kindRequest:
			wanted, have = sorted(want), sorted(s)
		}
		if want.Name != s.Name {
			wanted, have = want.Name+"\n"+wanted, s.Name+"\n"+have
		}
		if d := diff(wanted, have); d != "" {
			t.Errorf("%s: round %d, %s (- is expected, + is what came):\n%s", by.name, number, want.Name, d)
		}
	}
	for _, kind := range []string{kindRequest, kindReply, kindPlan, kindAudit} {
		if extra, ok := f.expected(number, kind, count[kind]); ok {
			t.Errorf("%s: round %d expects a further %s, and there was none", by.name, number, extra.Name)
		}
	}
}

// expected is the nth section of a kind in a round.
func (f *File) expected(number int, kind string, n int) (Section, bool) {
	r := round{}
	for _, s := range f.Sections {
		if s.Round == number {
			r.want = append(r.want, s)
		}
	}
	return r.expected(kind, n)
}

// common is a reply without what gRPC has elsewhere: how to retry is in its details,
// and a chunk's usage is set or not.
func common(text string) string {
	lines := strings.SplitAfter(strings.ReplaceAll(text, `,"usage":null`, ""), "\n")
	var b strings.Builder
	for _, line := range lines {
		if !strings.HasPrefix(line, "retry-after") && !strings.HasPrefix(line, "x-should-retry") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// sorted is a request with the members of its body in order, and without its nulls:
// typed messages have none, and in a request they say what absence says.
func sorted(s Section) string {
	m := message{body: s.Text}
	if strings.HasSuffix(s.Name, ".http") {
		if read, err := readMessage(s.Text); err == nil {
			m = read
		}
	}
	var body any
	if json.Unmarshal([]byte(m.body), &body) == nil {
		if text, err := json.Marshal(withoutNulls(body)); err == nil {
			m.body = string(text)
		}
	}
	return m.text()
}

// withoutNulls is a value without the members that are null.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for name, member := range v {
			if member == nil {
				delete(v, name)
				continue
			}
			v[name] = withoutNulls(member)
		}
	case []any:
		for i := range v {
			v[i] = withoutNulls(v[i])
		}
	}
	return value
}
