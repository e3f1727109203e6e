package page

import (
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

func TestMarkdown(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"paragraphs", "One.\n\nTwo.", "<p>One.</p><p>Two.</p>"},
		{"a list behind a line", "Some:\n\n- `a`\n- **b**", "<p>Some:</p><ul><li><code>a</code></li><li><strong>b</strong></li></ul>"},
		{"a line behind a list", "- a\nb", "<ul><li>a</li></ul><p>b</p>"},
		{"what looks like HTML", "`<key>` & <b>", "<p><code>&lt;key&gt;</code> &amp; &lt;b&gt;</p>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := string(markdown(tc.text)); got != tc.want {
				t.Errorf("it renders %s", got)
			}
		})
	}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	model := &openapi.Parameter{Name: "model", In: "path", Example: "openai/gpt-4o-mini"}
	for _, tc := range []struct {
		name   string
		op     *openapi.Operation
		stream bool
		want   string
	}{
		{
			"a path with its example", &openapi.Operation{Method: "get", Path: "/v1/models/{model}", Parameters: []*openapi.Parameter{model}}, false,
			`curl http://localhost:8080/v1/models/openai/gpt-4o-mini -H "Authorization: Bearer $SIGNALBOX_KEY"`,
		},
		{"without credentials", &openapi.Operation{Method: "get", Path: "/health", Public: true}, false, `curl http://localhost:8080/health`},
		{"without a body", &openapi.Operation{Method: "delete", Path: "/a", Public: true}, false, `curl http://localhost:8080/a -X DELETE`},
		{
			"streamed", &openapi.Operation{Method: "post", Path: "/a", Public: true, Body: &openapi.Body{Example: `{"b":1}`}}, true,
			`curl -N http://localhost:8080/a -H "Content-Type: application/json" -d '{ "b": 1, "stream": true }'`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(strings.Fields(strings.ReplaceAll(curl(tc.op, tc.stream), "\\\n", "")), " "); got != tc.want {
				t.Errorf("it is %s", got)
			}
		})
	}
}
