package responses_test

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/responses"
)

const recordings = "../wire/testdata/recorded"

// recorded are the recorded files of chat completions with an ending, by name.
func recorded(tb testing.TB, ending string) map[string]string {
	tb.Helper()
	return files(tb, ending, func(name string) bool {
		return !slices.Contains([]string{"responses", "conversations", "embeddings"}, path.Base(path.Dir(name)))
	})
}

// files are the recorded files with an ending that a filter takes, by name.
func files(tb testing.TB, ending string, take func(name string) bool) map[string]string {
	tb.Helper()
	out := make(map[string]string)
	err := fs.WalkDir(os.DirFS(recordings), ".", func(name string, entry fs.DirEntry, err error) error {
		base := entry.Name()
		if err != nil || entry.IsDir() || !strings.HasSuffix(base, ending) || base == "models.json" || !take(name) ||
			strings.HasPrefix(base, "request_") || strings.HasSuffix(base, "-error.json") {
			return err
		}
		text, err := os.ReadFile(recordings + "/" + name)
		out[name] = string(text)
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return out
}

// TestAStreamMakesWhatAWholeReplyMakes cuts every recorded reply into chunks at
// random.
func TestAStreamMakesWhatAWholeReplyMakes(t *testing.T) {
	t.Parallel()
	replies := recorded(t, ".json")
	if len(replies) < 30 {
		t.Fatalf("only %d replies", len(replies))
	}
	for name, text := range replies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			completion := decode(t, text, &chatv1.ChatCompletion{})
			whole, err := responses.Over(&chatter{completion: completion}).CreateResponse(t.Context(), ask(t, `{"model":"x","input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			for seed := range uint64(20) {
				random := rand.New(rand.NewPCG(seed, 1))
				events, err := stream(t, &chatter{chunks: cut(random, completion)}, ask(t, `{"model":"x","input":"Hi"}`))
				if err != nil {
					t.Fatal(err)
				}
				same(t, accumulate(events).Response(), whole)
				same(t, accumulate(events[:len(events)-1]).Response(), unended(whole))
			}
		})
	}
}

// unended is a response as the events before its last one show it.
func unended(whole *responsesv1.Response) *responsesv1.Response {
	r := proto.CloneOf(whole)
	r.Status, r.CompletedAt, r.Usage, r.IncompleteDetails = new("in_progress"), nil, nil, nil
	return r
}

func same(t *testing.T, got, want *responsesv1.Response) {
	t.Helper()
	if got, want := alike(got), alike(want); !proto.Equal(got, want) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

// TestRecordedStreams plays every recorded stream: its events keep the rules, and say
// what the chunks say.
func TestRecordedStreams(t *testing.T) {
	t.Parallel()
	streams := recorded(t, ".txt")
	for name, text := range recorded(t, ".bin") {
		streams[name] = text
	}
	if len(streams) < 30 {
		t.Fatalf("only %d streams", len(streams))
	}
	for name, text := range streams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var chunks []*chatv1.ChatCompletionChunk
			for line := range strings.Lines(text) {
				if line = strings.TrimSpace(strings.TrimPrefix(line, "data:")); strings.HasPrefix(line, "{") {
					chunks = append(chunks, decode(t, line, &chatv1.ChatCompletionChunk{}))
				}
			}
			events, err := stream(t, &chatter{chunks: chunks}, ask(t, `{"model":"x","input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			whole := join(chunks)
			want, err := responses.Over(&chatter{completion: whole}).CreateResponse(t.Context(), ask(t, `{"model":"x","input":"Hi"}`))
			if err != nil {
				t.Fatal(err)
			}
			same(t, accumulate(events).Response(), want)
		})
	}
}
