package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// replayers are the types that recorded streams of responses are of, by the beginning of
// their files' names.
var replayers = map[string]string{
	"gomodel/openai/": providertest.ProfileOpenAI, "vercel-ai/openai/": providertest.ProfileOpenAI, "vercel-ai/open-responses/": providertest.ProfileOpenAI,
	"gomodel/xai/": providertest.ProfileXAI, "vercel-ai/xai/": providertest.ProfileXAI, "vercel-ai/azure/": providertest.ProfileAzure,
}

// replay is a recorded stream, and the type that it is of.
type replay struct{ name, kind, body string }

// replays are all recorded streams of responses that come to an end.
func replays(t *testing.T) []replay {
	t.Helper()
	var all []replay
	for _, name := range providertest.RecordingsOf(providertest.EndpointResponses) {
		body, stream, err := providertest.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		for prefix, kind := range replayers {
			if stream && strings.HasPrefix(name, prefix) && !strings.Contains(name, "-error.") {
				all = append(all, replay{name, kind, string(body)})
			}
		}
	}
	if len(all) < 25 {
		t.Fatalf("only %d streams", len(all))
	}
	return all
}

// recorded are the events of a recording, up to the first end: some files have several
// streams.
func (r replay) recorded(t *testing.T) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(r.body) {
		data, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var event map[string]any
		if err := json.Unmarshal([]byte(data), &event); err != nil {
			t.Fatal(err)
		}
		all = append(all, event)
		if typ := event["type"]; typ == "response.completed" || typ == "response.incomplete" || typ == "response.failed" {
			return all
		}
	}
	t.Fatalf("%s has no end", r.name)
	return nil
}

// start is a gateway before an upstream that plays recordings.
func (r replay) start(t *testing.T) (*servertest.Gateway, *providertest.Upstream) {
	t.Helper()
	up := providertest.Start(t)
	url := up.URL()
	if r.kind == providertest.ProfileAzure {
		up = providertest.Start(t, providertest.Playing(r.kind))
		url = up.URL()
	}
	return servertest.Start(t, servertest.File(fmt.Sprintf("upstream: {max_attempts: 1, breaker_failure_percent: 100}\nproviders:\n"+
		"  - {name: p, type: %s, base_url: %q, api_key: %s, discover: false, models: [gpt-4o-mini]}\n", r.kind, url, up.Key()))), up
}

// Recorded streams of responses pass the gateway as they are: their events are the
// provider's, in its order, with all their members, but for ids, which are sealed, and
// for what xAI leaves out.
func TestRecordedResponses(t *testing.T) {
	t.Parallel()
	for _, r := range replays(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			gw, up := r.start(t)
			up.EnqueueAt(providertest.EndpointResponses, providertest.Script{Replay: r.name})
			got := respondREST(t.Context(), t, gw, wish{id: "replay", stream: true, loose: true})
			want := r.recorded(t)
			last := want[len(want)-1]["type"]
			if got.failed != nil || got.whole == (last == "response.failed") {
				t.Fatalf("%d, %.800s", got.status, got.raw)
			}
			seen := replay{name: r.name, body: got.raw}.recorded(t)
			ids := map[string]string{}
			for _, event := range want {
				for len(seen) > 0 && seen[0]["type"] == "response.content_part.added" && event["type"] != "response.content_part.added" && r.kind == providertest.ProfileXAI {
					seen = seen[1:]
				}
				if len(seen) == 0 {
					t.Fatalf("%v is missing", event)
				}
				if event["sequence_number"] == nil || r.kind == providertest.ProfileXAI {
					delete(event, "sequence_number")
					delete(seen[0], "sequence_number")
				}
				if diff := compareTrees("", event, seen[0], ids); diff != "" {
					t.Errorf("%v: %s", event["type"], diff)
				}
				seen = seen[1:]
			}
			if len(seen) > 0 {
				t.Errorf("%d events too many", len(seen))
			}
			if len(ids) == 0 || len(slices.Compact(slices.Sorted(maps.Values(ids)))) != len(ids) {
				t.Errorf("the ids are %v", ids)
			}
		})
	}
}

// compareTrees tells where a tree of JSON is not the recorded one; an id may have become
// one of ours, the same one everywhere. Empty: nowhere.
func compareTrees(path string, want, got any, ids map[string]string) string {
	switch want := want.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v", path, got)
		}
		for _, name := range slices.Sorted(maps.Keys(want)) {
			value, there := object[name]
			if !there && want[name] != nil {
				return fmt.Sprintf("%s.%s is missing", path, name)
			}
			if diff := compareTrees(path+"."+name, want[name], value, ids); diff != "" {
				return diff
			}
		}
		for name, value := range object {
			if _, there := want[name]; !there && !hollow(value) {
				return fmt.Sprintf("%s.%s is %v, and was not there", path, name, value)
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) != len(want) {
			return fmt.Sprintf("%s is %v, want %v", path, got, want)
		}
		for i := range want {
			if diff := compareTrees(fmt.Sprintf("%s[%d]", path, i), want[i], list[i], ids); diff != "" {
				return diff
			}
		}
	case string:
		text, ok := got.(string)
		if ok && text != want && strings.Contains(text, "xsb1_") && (ids[want] == "" || ids[want] == text) {
			ids[want] = text
			return ""
		}
		if text != want {
			return fmt.Sprintf("%s is %v, want %q", path, got, want)
		}
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s is %v, want %v", path, got, want)
		}
	}
	return ""
}

// hollow is a member that OpenAI always sends and a shortened recording has not: null,
// [] or {}.
func hollow(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case []any:
		return len(value) == 0
	case map[string]any:
		return len(value) == 0
	default:
		return false
	}
}

// A recorded stream that is cut, behind any event or inside, is never shown as complete.
// The table says how it was shown.
func TestRecordedResponsesCut(t *testing.T) {
	t.Parallel()
	for _, r := range replays(t) {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			gw, up := r.start(t)
			n := len(r.recorded(t))
			outcomes := map[string]int{}
			step := 1 + n/25
			for at := range n {
				if at%step != 0 && at < n-2 {
					continue
				}
				for _, cut := range []providertest.Cut{
					{Ending: providertest.EndClean, Place: providertest.AfterEvents, N: int64(at)}, {Ending: providertest.EndClean, Place: providertest.InEvent, N: int64(at + 1)},
				} {
					up.EnqueueAt(providertest.EndpointResponses, providertest.Script{Replay: r.name, Cut: cut})
					got := respondREST(t.Context(), t, gw, wish{id: fmt.Sprintf("cut-%d-%d", cut.Place, cut.N), stream: true, loose: true})
					if got.whole || got.failed == nil || len(got.events) > 0 && got.response.GetStatus() != "failed" {
						t.Fatalf("cut at %v, and shown as %s: %.600s", cut, got.response.GetStatus(), got.raw)
					}
					outcomes[fmt.Sprintf("%d %s, response %q", got.status, got.failed.GetCode(), got.response.GetStatus())]++
				}
			}
			for _, outcome := range slices.Sorted(maps.Keys(outcomes)) {
				t.Logf("| %s | %d events | %s | %d cuts |", r.name, n, outcome, outcomes[outcome])
			}
		})
	}
}
