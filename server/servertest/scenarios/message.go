package scenarios

import (
	"bufio"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// message is a request or a reply of HTTP, as sections have them.
type message struct {
	// start is the first line: "POST /v1/chat/completions", or "HTTP/1.1 200 OK".
	start  string
	header http.Header
	body   string
}

// readMessage reads a section that is written as HTTP: a first line, header lines, an
// empty line, the body.
func readMessage(text string) (message, error) {
	head, body, _ := strings.Cut(text, "\n\n")
	m := message{header: http.Header{}, body: body}
	lines := bufio.NewScanner(strings.NewReader(head))
	for first := true; lines.Scan(); first = false {
		line := lines.Text()
		if first {
			m.start = line
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return m, fmt.Errorf("%q is no header line", line)
		}
		m.header.Add(name, strings.TrimSpace(value))
	}
	return m, nil
}

// text is the message as a section.
func (m message) text() string {
	var b strings.Builder
	if m.start != "" {
		b.WriteString(m.start + "\n")
	}
	names := make([]string, 0, len(m.header))
	for name := range m.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range m.header[name] {
			fmt.Fprintf(&b, "%s: %s\n", strings.ToLower(name), value)
		}
	}
	if body := layout(m.body); body != "" {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(body)
		if !strings.HasSuffix(body, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// status is the status code of a reply.
func (m message) status() (int, error) {
	fields := strings.Fields(m.start)
	if len(fields) < 2 {
		return 0, fmt.Errorf("%q is no status line", m.start)
	}
	code, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0, fmt.Errorf("%q is no status line", m.start)
	}
	return code, nil
}

// statusLine is the first line of a reply.
func statusLine(status int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s", status, http.StatusText(status))
}

// upstreamReply is what the provider answers by a section. A body that is the line
// "@<recording>" is that of a recording of providertest.
func upstreamReply(s Section) (message, error) {
	m := message{start: statusLine(http.StatusOK), header: http.Header{}, body: s.Text}
	switch s.Name {
	case "upstream.reply.json":
		m.header.Set("Content-Type", "application/json")
	case "upstream.reply.sse":
		m.header.Set("Content-Type", "text/event-stream")
	default:
		var err error
		if m, err = readMessage(s.Text); err != nil {
			return m, err
		}
	}
	if name, ok := strings.CutPrefix(strings.TrimSpace(m.body), "@"); ok {
		body, _, err := providertest.Recording(name)
		if err != nil {
			return m, err
		}
		m.body = string(body)
	}
	return m, nil
}
