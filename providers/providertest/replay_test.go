package providertest

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each recording is answered byte for byte, and is in the README of its source's
// folder by licence.
func TestReplaysByteForByte(t *testing.T) {
	t.Parallel()
	up := Start(t)
	names := slices.Concat(Recordings(), RecordingsOf(EndpointResponses), RecordingsOf(EndpointEmbeddings))
	if len(names) < 100 || len(Recordings()) < 40 || len(RecordingsOf(EndpointEmbeddings)) == 0 {
		t.Errorf("only %d recordings", len(names))
	}
	for _, name := range names {
		want, stream, err := Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(name, ".chunks.txt") && !bytes.Equal(raw, want) {
			t.Errorf("%s was changed", name)
		}
		up.Enqueue(Script{Replay: name})
		resp, body := post(t, up, plainBody)
		_, marked := post(t, up, strings.Replace(plainBody, "gpt-4o-mini", "replay/"+name, 1))
		if body != string(want) || marked != body {
			t.Errorf("%s came with %d bytes, want %d", name, len(body), len(want))
		}
		if got := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream"); got != stream {
			t.Errorf("%s has content type %s", name, resp.Header.Get("Content-Type"))
		}
		source, _, _ := strings.Cut(name, "/")
		if readme, err := os.ReadFile(filepath.Join("testdata", source, "README.md")); err != nil || !strings.Contains(string(readme), "Licence: ") {
			t.Errorf("%s has no licence beside it", name)
		}
	}
}

// A recorded stream can be cut at each of its events.
func TestCutsRecordings(t *testing.T) {
	t.Parallel()
	up := Start(t)
	const name = "gomodel/openai/chat_completion_stream.txt"
	whole, _, err := Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	for n := range bytes.Count(whole, []byte("\n\n")) {
		up.Enqueue(Script{Replay: name, Cut: Cut{Ending: EndClean, Place: AfterEvents, N: int64(n)}})
		_, body := post(t, up, plainBody)
		if !bytes.HasPrefix(whole, []byte(body)) || strings.Count(body, "\n\n") != n {
			t.Errorf("cut after %d events: %q", n, body)
		}
	}
	up.Enqueue(Script{Replay: "nothing"})
	if resp, _ := post(t, up, plainBody); resp.StatusCode != 400 {
		t.Errorf("a recording that is not there: %d", resp.StatusCode)
	}
}
