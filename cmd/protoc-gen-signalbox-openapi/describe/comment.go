package describe

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/protobuf/compiler/protogen"
)

// prose returns a comment as Markdown: its lines joined into paragraphs, lists
// kept.
func prose(comments protogen.Comments) string {
	var paragraphs []string
	var lines []string
	flush := func() {
		if len(lines) > 0 {
			paragraphs = append(paragraphs, strings.Join(lines, "\n"))
			lines = nil
		}
	}
	for line := range strings.Lines(string(comments)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			flush()
		case strings.HasPrefix(line, "- ") || len(lines) == 0:
			lines = append(lines, line)
		default:
			lines[len(lines)-1] += " " + line
		}
	}
	flush()
	return strings.Join(paragraphs, "\n\n")
}

// sentences splits a paragraph after each full stop that a capital letter, a quote
// or a backtick follows.
func sentences(paragraph string) []string {
	var list []string
	start := 0
	for i := 0; i+2 < len(paragraph); i++ {
		if paragraph[i] != '.' || paragraph[i+1] != ' ' {
			continue
		}
		if next := paragraph[i+2]; next >= 'A' && next <= 'Z' || next == '"' || next == '`' {
			list = append(list, paragraph[start:i+1])
			start = i + 2
		}
	}
	return append(list, paragraph[start:])
}

// summary is the first sentence of a text, without its full stop.
func summary(text string) string {
	first, _, _ := strings.Cut(text, "\n\n")
	return strings.TrimSuffix(sentences(first)[0], ".")
}

// How comments of fields that hold JSON text read where there is no text, but the
// JSON itself.
var jsonText = []string{
	", as the JSON text of an array", ", an array",
	" as the JSON text of an array", ", an array",
	"Members without a field here, as one JSON object", "Members without a name here",
	", as JSON text", "",
	" as JSON text", "",
	", as text", "",
	"Empty: ", "Absent: ",
}

// asJSON is a comment about JSON text as one about the JSON.
func asJSON(text string) string { return strings.NewReplacer(jsonText...).Replace(text) }

var quoted = regexp.MustCompile("`[a-z_]+`")

// said returns what the comment of a field says to those who see JSON. Where one member has a
// field for each kind, advice on which field to set means nothing to them, nor do
// the fields' own names.
func (m *member) said(f *field, siblings map[string]string) string {
	text := prose(f.Comments.Leading)
	if f.raw || f.deferred {
		text = asJSON(text)
	}
	if len(m.fields) > 1 {
		text, _, _ = strings.Cut(text, "\n\n")
		text = keep(text, func(sentence string) bool { return !m.advises(sentence) })
	}
	text = keep(text, saysMore)
	for _, hidden := range m.hidden {
		text = drop(text, "`"+hidden+"`")
	}
	return quoted.ReplaceAllStringFunc(text, func(name string) string {
		if key, ok := siblings[strings.Trim(name, "`")]; ok {
			return "`" + key + "`"
		}
		return name
	})
}

// keep returns the sentences of a text up to the first one that is not wanted. Texts of
// several paragraphs are returned as they are.
func keep(text string, wanted func(sentence string) bool) string {
	if strings.Contains(text, "\n\n") {
		return text
	}
	list := sentences(text)
	if i := slices.IndexFunc(list, func(sentence string) bool { return !wanted(sentence) }); i >= 0 {
		list = list[:i]
	}
	return strings.Join(list, " ")
}

// drop returns a text without the sentences that hold some words.
func drop(text, words string) string {
	if !strings.Contains(text, words) || strings.Contains(text, "\n\n") {
		return text
	}
	list := slices.DeleteFunc(sentences(text), func(sentence string) bool { return strings.Contains(sentence, words) })
	return strings.Join(list, " ")
}

// saysMore says whether a sentence says something that the document has no other
// place for.
func saysMore(sentence string) bool {
	return sentence != "Required." && !strings.HasPrefix(sentence, "REST: ")
}

// advises says whether a sentence is about the choice between the member's fields.
func (m *member) advises(sentence string) bool {
	for _, f := range m.fields {
		if strings.Contains(sentence, "`"+string(f.Desc.Name())+"`") {
			return true
		}
	}
	return strings.Contains(sentence, "one of the two")
}
