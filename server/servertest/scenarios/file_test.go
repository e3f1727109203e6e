package scenarios

import (
	"strings"
	"testing"
)

const twoRounds = `What it shows.

-- client.json --
{"model": "m"}
-- upstream.reply.json --
{"id": "1"}
-- upstream.reply.sse --
data: [DONE]

-- client.events --
data: [DONE]

-- 2.client.http --
GET /v1/responses/<resp-1>
x-signalbox-strict: true
-- 2.client.reply.json --
{}
`

func TestFile(t *testing.T) {
	t.Parallel()
	f, err := parse("x/openai/plain.txtar", twoRounds)
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "openai/plain" || f.Instance != "openai" || string(f.bytes()) != twoRounds {
		t.Errorf("%s of %s is written as\n%s", f.Name, f.Instance, f.bytes())
	}
	rounds, err := f.rounds()
	if err != nil {
		t.Fatal(err)
	}
	if len(rounds) != 2 || len(rounds[0].replies) != 2 || rounds[0].ask.start != "POST "+chatPath || rounds[0].replies[1].body != "data: [DONE]\n\n" {
		t.Errorf("got %+v", rounds[0])
	}
	if ask := rounds[1].ask; ask.start != "GET /v1/responses/<resp-1>" || ask.header.Get("X-Signalbox-Strict") != "true" || ask.body != "" {
		t.Errorf("got %+v", ask)
	}
}

// TestSet writes sections where they belong: requests before their replies, the rest in
// the order in which it happens.
func TestSet(t *testing.T) {
	t.Parallel()
	f, err := parse("x/openai/plain.txtar", twoRounds)
	if err != nil {
		t.Fatal(err)
	}
	f.set(0, Section{Round: 1, Name: "upstream.request.json", Text: "{}\n"})
	f.set(1, Section{Round: 1, Name: "upstream.request.http", Text: "POST /x\n", reply: 1})
	f.set(0, Section{Round: 1, Name: "client.reply.http", Text: "HTTP/1.1 503\n"})
	f.set(0, Section{Round: 1, Name: "plan.json", Text: "{}\n"})
	f.set(0, Section{Round: 2, Name: "audit.json", Text: "{}\n"})
	var names []string
	for _, s := range f.Sections {
		names = append(names, s.Name)
	}
	want := "client.json upstream.request.json upstream.reply.json upstream.request.http upstream.reply.sse client.reply.http plan.json " +
		"client.http client.reply.json audit.json"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestFileThatIsNone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ text, want string }{
		{"Nothing follows.\n", "no section"},
		{"-- client.json --\n{}\n", "no comment"},
		{"X.\n-- client.xml --\n", `"client.xml"`},
		{"X.\n-- client.json --\n{}\n-- 3.client.json --\n{}\n", "round 3"},
		{"X.\n-- upstream.reply.json --\n{}\n", "begins with"},
		{"X.\n-- client.json --\n{}\n-- client.json --\n{}\n", "already"},
		{"X.\n-- client.json --\n{}\n-- upstream.reply.json --\n@nowhere.json\n", "nowhere.json"},
		{"X.\n-- client.http --\n{}\n", "no method"},
	} {
		f, err := parse("x/y/z.txtar", tt.text)
		if err == nil {
			_, err = f.rounds()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %q", tt.text, err, tt.want)
		}
	}
}
