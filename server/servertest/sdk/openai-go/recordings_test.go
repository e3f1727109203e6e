//go:build sdk

package openaigo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// recordings are the recorded streams of an endpoint that providers replay, by the
// models that replay them.
func recordings(t *testing.T, endpoint string) map[string]string {
	t.Helper()
	c := client(t)
	found := map[string]string{}
	for _, p := range responders() {
		pager := c.Models.ListAutoPaging(t.Context(), option.WithQuery("provider", p.name))
		for pager.Next() {
			_, name, replays := strings.Cut(pager.Current().ID, "replay/")
			if !replays || !slices.Contains(providertest.RecordingsOf(endpoint), name) {
				continue
			}
			if _, stream, err := providertest.Recording(name); err != nil || stream {
				found[p.selector("replay/"+name)] = name
			}
		}
		if err := pager.Err(); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) < 25 {
		t.Errorf("there are %d", len(found))
	}
	return found
}

// lines are the events of a recording.
func lines[T any](t *testing.T, name string) []T {
	t.Helper()
	body, _, err := providertest.Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for line := range strings.Lines(string(body)) {
		data, ok := strings.CutPrefix(strings.TrimSpace(line), "data:")
		if data = strings.TrimSpace(data); !ok || data == "[DONE]" {
			continue
		}
		var one T
		if err := json.Unmarshal([]byte(data), &one); err != nil {
			t.Fatalf("%v in %s", err, data)
		}
		all = append(all, one)
	}
	return all
}

// piece is a chunk as far as an independent reading of it goes.
type piece struct {
	Choices []struct {
		Index int
		Delta struct {
			Content   any
			Refusal   string
			ToolCalls []struct {
				Index    *int
				ID       string
				Function struct{ Name, Arguments string }
			} `json:"tool_calls"`
		}
	}
}

// told is what a choice says: text, refusal, and each call's name and arguments.
type told struct {
	text, refusal string
	calls         []string
}

// together puts pieces together, without the SDK.
func together(pieces []piece) []told {
	var out []told
	var at []map[string]int
	for _, p := range pieces {
		for _, choice := range p.Choices {
			for len(out) <= choice.Index {
				out, at = append(out, told{}), append(at, map[string]int{})
			}
			to, places := &out[choice.Index], at[choice.Index]
			to.text += words(choice.Delta.Content)
			to.refusal += choice.Delta.Refusal
			for _, call := range choice.Delta.ToolCalls {
				key := fmt.Sprint("id ", call.ID)
				if call.Index != nil {
					key = fmt.Sprint("index ", *call.Index)
				}
				place, known := places[key]
				if !known {
					place = len(to.calls)
					places[key], to.calls = place, append(to.calls, "")
				}
				to.calls[place] += call.Function.Name + call.Function.Arguments
			}
		}
	}
	return out
}

// words are the text of a content, be it a text or parts, without what is thought.
func words(content any) string {
	switch c := content.(type) {
	case string:
		return c
	case []any:
		var all strings.Builder
		for _, part := range c {
			if text, ok := part.(map[string]any)["text"].(string); ok {
				all.WriteString(text)
			}
		}
		return all.String()
	default:
		return ""
	}
}

func TestRecordedCompletions(t *testing.T) {
	t.Parallel()
	c := client(t)
	for model, name := range recordings(t, providertest.EndpointChat) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			request := say("Again")
			request.Model, request.StreamOptions.IncludeUsage = model, openai.Bool(true)
			_, whole, err := drain(t, c.Chat.Completions.NewStreaming(t.Context(), request))
			if err != nil {
				t.Fatal(err)
			}
			var got []told
			for _, choice := range whole.Choices {
				one := told{text: choice.Message.Content, refusal: choice.Message.Refusal}
				for _, call := range choice.Message.ToolCalls {
					one.calls = append(one.calls, call.Function.Name+call.Function.Arguments)
				}
				got = append(got, one)
			}
			want := together(lines[piece](t, name))
			if !slices.EqualFunc(got, want, func(a, b told) bool {
				return a.text == b.text && a.refusal == b.refusal && slices.Equal(a.calls, b.calls)
			}) {
				t.Errorf("put together are\n%q, recorded\n%q", got, want)
			}
		})
	}
}

// recorded is an event as far as an independent reading of it goes.
type recorded struct {
	Type     string
	Delta    any // mostly a text
	Response *struct {
		Status string
		Output []struct {
			Type, Name string
			Content    []struct{ Text string }
		}
		Error *struct{ Message string }
	}
}

func TestRecordedResponses(t *testing.T) {
	t.Parallel()
	c := once(t)
	for model, name := range recordings(t, providertest.EndpointResponses) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := lines[recorded](t, name)
			end := slices.IndexFunc(all, func(e recorded) bool {
				return slices.Contains([]string{"response.completed", "response.failed", "response.incomplete"}, e.Type)
			})
			want := all[end].Response
			request := provider{}.respond("Again", "")
			request.Model = model
			stream := c.Responses.NewStreaming(t.Context(), request)
			if want.Error != nil {
				for stream.Next() {
					continue
				}
				if err := stream.Err(); err == nil || !strings.Contains(err.Error(), want.Error.Message) {
					t.Errorf("the stream ends with %v", err)
				}
				return
			}
			if strings.Contains(name, "id-rotation") { // the accumulator takes no response whose id changes
				var kinds []string
				for stream.Next() {
					kinds = append(kinds, stream.Current().Type)
				}
				if stream.Err() != nil || !slices.EqualFunc(kinds, all[:end+1], func(kind string, e recorded) bool { return kind == e.Type }) {
					t.Errorf("the events are %v, %v", kinds, stream.Err())
				}
				return
			}
			got, events := accumulate(t, stream)
			if string(got.Status) != want.Status || len(got.Output) != len(want.Output) {
				t.Fatalf("put together is %s", got.RawJSON())
			}
			for i, item := range want.Output {
				var text string
				for _, part := range item.Content {
					text += part.Text
				}
				var said string
				for _, part := range got.Output[i].Content {
					said += part.Text
				}
				if got.Output[i].Type != item.Type || got.Output[i].Name != item.Name || said != text {
					t.Errorf("item %d is %s, want %+v", i, got.Output[i].RawJSON(), item)
				}
			}
			var spoken strings.Builder
			for _, e := range all[:end] {
				if e.Type == "response.output_text.delta" {
					spoken.WriteString(words(e.Delta))
				}
			}
			if deltas(events) != spoken.String() {
				t.Errorf("the deltas say %q, recorded are %q", deltas(events), spoken.String())
			}
		})
	}
}
