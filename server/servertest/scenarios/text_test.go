package scenarios

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestLayout(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 120)
	for _, tt := range []struct{ name, text, want string }{
		{"what fits stands on one line", "{\"a\" :1.0,\n \"b\":[1,{\"c\":null}]}", `{"a": 1.0, "b": [1, {"c": null}]}` + "\n"},
		{"what does not gets lines", `{"a":"` + long + `","b":[],"c":{}}`, "{\n  \"a\": \"" + long + "\",\n  \"b\": [],\n  \"c\": {}\n}\n"},
		{"texts keep their escapes", `["\"a,b\":{\\",1e3]`, `["\"a,b\":{\\", 1e3]` + "\n"},
		{"what is no JSON stays", "data: {}\n\n", "data: {}\n\n"},
		{"a value alone", "12", "12\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := layout(tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if again := layout(layout(tt.text)); again != tt.want {
				t.Errorf("laid out twice it is %q", again)
			}
		})
	}
}

func TestDiff(t *testing.T) {
	t.Parallel()
	if got := diff("a\nb\nc\n", "a\nx\nc\nd\n"); got != "  a\n- b\n+ x\n  c\n+ d\n" {
		t.Errorf("got %q", got)
	}
	if got := diff("a\n", "a\n"); got != "" {
		t.Errorf("got %q of equal texts", got)
	}
}

func TestOrdered(t *testing.T) {
	t.Parallel()
	a, b := Section{Name: "upstream.request.json", Text: `{"b":{"z":1,"a":2},"a":1}`}, Section{Name: "upstream.request.json", Text: `{"a":1, "b":{"z":1,"a":2}}`}
	if normal(a) != normal(b) {
		t.Errorf("the order of a request's members counts: %s, %s", normal(a), normal(b))
	}
	b.Text = `{"a":1,"b":{"a":2,"z":1}}`
	if normal(a) == normal(b) {
		t.Error("the order inside a member does not count")
	}
	a.Name, b.Name = "client.reply.json", "client.reply.json"
	if b.Text = `{"a":1,"b":{"z":1,"a":2}}`; normal(a) == normal(b) {
		t.Error("the order of a reply's members does not count")
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	m := newMask()
	m.know(`{"id":"resp_givenGivenGiven1","model":"gpt-4o-mini-2024-07-18"}`)
	for _, tt := range []struct{ text, want string }{
		{`{"id":"resp_givenGivenGiven1"}`, `{"id":"resp_givenGivenGiven1"}`},
		{`{"id":"resp_madeUpMadeUp123","model":"gpt-4o-mini-2024-07-18"}`, `{"id":"<resp-1>","model":"gpt-4o-mini-2024-07-18"}`},
		{`["msg_madeUpMadeUp123","resp_other0Other00"]`, `["<msg-1>","<resp-2>"]`},
		{`{"previous_response_id":"resp_madeUpMadeUp123"}`, `{"previous_response_id":"<resp-1>"}`},
		{`{"code":"upstream_credentials_refused"}`, `{"code":"upstream_credentials_refused"}`},
		{`{"created":1769092800}`, `{"created":1769092800}`},
	} {
		if got := m.apply(tt.text); got != tt.want {
			t.Errorf("%s is %s, want %s", tt.text, got, tt.want)
		}
	}
	if got := m.apply(fmt.Sprintf(`{"created_at":%d}`, time.Now().Unix())); got != `{"created_at":"<now>"}` {
		t.Errorf("got %s", got)
	}
	if got := m.lift(`{"previous_response_id":"<resp-2>"}`); got != `{"previous_response_id":"resp_other0Other00"}` {
		t.Errorf("got %s", got)
	}
}

func TestVerbatim(t *testing.T) {
	t.Parallel()
	const asked = `{"model": "a", "messages": [{"role": "user"}], "input": "é"}`
	for sent, same := range map[string]bool{
		`{"model":"b","messages":[{"role": "user"}],"input":"é"}`:           true,
		`{"model":"b","messages":[{"role":"user"}],"input":"é"}`:            false, // spaces
		`{"model":"b","messages":[{"role":"user","content":"translated"}]}`: true,
	} {
		if err := verbatim(asked, sent); (err == nil) != same {
			t.Errorf("%s: %v", sent, err)
		}
	}
}
