package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"regexp"
	"strings"

	"github.com/signalbox-ai/signalbox/cmd/protoc-gen-signalbox-openapi/openapi"
)

var (
	codeSpan   = regexp.MustCompile("`([^`]+)`")
	strongSpan = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	variable   = regexp.MustCompile(`\{[^}]+\}`)
	jsonToken  = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(\s*:)?`)
)

// markdown renders what the document's texts have of Markdown: paragraphs, lists,
// code and strong words.
func markdown(text string) template.HTML {
	if text == "" {
		return ""
	}
	var b strings.Builder
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Split(paragraph, "\n")
		inList := false
		for _, line := range lines {
			item, isItem := strings.CutPrefix(line, "- ")
			if isItem != inList {
				b.WriteString(map[bool]string{true: "<ul>", false: "</ul>"}[isItem])
				inList = isItem
			}
			if isItem {
				b.WriteString("<li>" + spans(item) + "</li>")
				continue
			}
			b.WriteString("<p>" + spans(line) + "</p>")
		}
		if inList {
			b.WriteString("</ul>")
		}
	}
	return template.HTML(b.String()) //nolint:gosec // spans escapes everything
}

func spans(line string) string {
	line = html.EscapeString(line)
	line = codeSpan.ReplaceAllString(line, "<code>$1</code>")
	return strongSpan.ReplaceAllString(line, "<strong>$1</strong>")
}

// pathHTML marks the variables of a path, and lets it break after its slashes.
func pathHTML(path string) template.HTML {
	text := variable.ReplaceAllStringFunc(html.EscapeString(path), func(name string) string {
		return `<span class="variable">` + name + "</span>"
	})
	breakable := strings.NewReplacer("</", "</", "/", "/<wbr>")
	return template.HTML(breakable.Replace(text)) //nolint:gosec // escaped above
}

// sample is a piece of code.
type sample struct {
	Title string
	Code  template.HTML
	// Command says that it is to be pasted.
	Command bool
}

// origin is the address in samples; the page's script puts the real one there.
const origin = "http://localhost:8080"

// samples are the requests and replies to show beside an operation.
func samples(op *openapi.Operation) []sample {
	list := []sample{{Title: "curl", Code: template.HTML(html.EscapeString(curl(op, false))), Command: true}} //nolint:gosec // escaped
	if op.StreamRPC != "" {
		list = append(list, sample{Title: "curl, streamed", Code: template.HTML(html.EscapeString(curl(op, true))), Command: true}) //nolint:gosec // escaped
	}
	for _, r := range op.Replies {
		for _, c := range r.Content {
			title := "Reply " + r.Status
			switch {
			case c.Transcript != "":
				list = append(list, sample{Title: title + ", streamed", Code: highlight(strings.TrimSpace(c.Transcript))})
			case c.Example != "":
				list = append(list, sample{Title: title, Code: highlight(indent(c.Example, ""))})
			}
		}
	}
	return list
}

// curl is a command that calls the operation.
func curl(op *openapi.Operation, stream bool) string {
	path := op.Path
	for _, p := range op.Parameters {
		if p.In == "path" {
			path = strings.ReplaceAll(path, "{"+p.Name+"}", p.Example)
		}
	}
	lines := []string{"curl " + origin + path}
	if stream {
		lines[0] = "curl -N " + origin + path
	}
	if strings.HasSuffix(path, ".binpb") {
		lines[0] = "curl -O " + origin + path
	}
	if method := strings.ToUpper(op.Method); method != http.MethodGet && op.Body == nil {
		lines = append(lines, "-X "+method)
	}
	if !op.Public {
		lines = append(lines, `-H "Authorization: Bearer $SIGNALBOX_KEY"`)
	}
	if op.Body != nil {
		body := indent(op.Body.Example, "  ")
		if stream {
			body = strings.TrimSuffix(body, "\n  }") + ",\n    \"stream\": true\n  }"
		}
		lines = append(lines, `-H "Content-Type: application/json"`, "-d '"+body+"'")
	}
	return strings.Join(lines, " \\\n  ")
}

// indent lays JSON out, each line after the first behind a prefix.
func indent(text, prefix string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), prefix, "  "); err != nil {
		return text // examples are checked by the document's own test
	}
	return b.String()
}

// highlight marks names and strings of JSON.
func highlight(text string) template.HTML {
	var b strings.Builder
	end := 0
	for _, at := range jsonToken.FindAllStringSubmatchIndex(text, -1) {
		b.WriteString(html.EscapeString(text[end:at[0]]))
		class := "string"
		if at[2] >= 0 {
			class = "name"
		}
		fmt.Fprintf(&b, `<span class="%s">%s</span>`, class, html.EscapeString(text[at[0]:at[1]]))
		end = at[1]
	}
	b.WriteString(html.EscapeString(text[end:]))
	return template.HTML(b.String()) //nolint:gosec // escaped above
}
