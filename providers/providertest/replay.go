package providertest

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
)

//go:embed testdata
var recordings embed.FS

// Recordings returns the names of recorded completions and lists of models, like
// "gomodel/openai/chat_completion.json", that Replay takes.
func Recordings() []string { return RecordingsOf(EndpointChat) }

// RecordingsOf returns the names of what was recorded at an endpoint:
// EndpointResponses and EndpointEmbeddings have folders of their own.
func RecordingsOf(endpoint string) []string {
	var names []string
	_ = fs.WalkDir(recordings, "testdata", func(p string, d fs.DirEntry, err error) error { // an embedded tree does not fail
		if err == nil && !d.IsDir() && path.Ext(p) != ".md" && recordedAt(p) == endpoint {
			names = append(names, strings.TrimPrefix(p, "testdata/"))
		}
		return err
	})
	slices.Sort(names)
	return names
}

// recordedAt is the endpoint that a file was recorded at.
func recordedAt(name string) string {
	switch path.Base(path.Dir(name)) {
	case "responses":
		return EndpointResponses
	case "embeddings":
		return EndpointEmbeddings
	default:
		return EndpointChat
	}
}

// Recording returns the bytes that Replay sends for a name, and whether they are a
// stream.
func Recording(name string) (body []byte, stream bool, err error) {
	a, err := replay(name)
	if err != nil {
		return nil, false, err
	}
	if a.framed != nil {
		return bytes.Join(a.framed, nil), true, nil
	}
	return a.body, false, nil
}

// replay is the reply of a recording: its bytes as they are. Chunks that were
// recorded without framing are framed as OpenAI does: events of a response have
// their names, chunks end with [DONE].
func replay(name string) (answer, error) {
	raw, err := recordings.ReadFile("testdata/" + path.Clean(name))
	if err != nil {
		return answer{}, fmt.Errorf("no recording %q", name)
	}
	switch {
	case strings.HasSuffix(name, ".json"):
		status := http.StatusOK
		if strings.Contains(path.Base(name), "-error.") {
			status = http.StatusBadRequest
		}
		return jsonAnswer(status, raw), nil
	case strings.HasSuffix(name, ".chunks.txt"):
		a := unframed(bytes.Split(bytes.TrimSpace(raw), []byte("\n")))
		a.framed = frame(a.events, Framing{})
		return a, nil
	default:
		a := streamAnswer(nil)
		a.framed = bytes.SplitAfter(raw, []byte("\n\n"))
		if n := len(a.framed); len(bytes.TrimSpace(a.framed[n-1])) == 0 { // what follows the last event
			a.framed[n-2] = append(a.framed[n-2], a.framed[n-1]...)
			a.framed = a.framed[:n-1]
		}
		return a, nil
	}
}

// unframed is a stream whose events were recorded without framing.
func unframed(lines [][]byte) answer {
	events := make([]*node, 0, len(lines))
	for _, line := range lines {
		n, _, err := parse(line)
		if err != nil || n.get("type") == nil {
			return chunksAnswer(lines)
		}
		events = append(events, n)
	}
	a := streamAnswer(named(events))
	for i, line := range lines { // as it was recorded
		a.events[i].data = line
	}
	return a
}
