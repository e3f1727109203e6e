package responses_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers/responses"
)

// native are the recorded streams of providers that have responses of their own: each
// response's events.
func native(t *testing.T) map[string][][]*responsesv1.StreamEvent {
	t.Helper()
	out := make(map[string][][]*responsesv1.StreamEvent)
	for name, text := range files(t, ".txt", func(name string) bool { return strings.Contains(name, "/responses/") }) {
		var all [][]*responsesv1.StreamEvent
		for line := range strings.Lines(text) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "data:"))
			if !strings.HasPrefix(line, "{") {
				continue
			}
			event := decode(t, line, &responsesv1.StreamEvent{})
			if event.GetType() == "response.created" {
				all = append(all, nil)
			}
			if len(all) == 0 {
				t.Fatalf("%s begins with %s", name, event.GetType())
			}
			all[len(all)-1] = append(all[len(all)-1], event)
		}
		out[name] = all
	}
	if len(out) < 30 {
		t.Fatalf("only %d streams", len(out))
	}
	return out
}

// TestNativeStreams accumulates every recorded stream of a provider's own: with its
// end, the last response; without it, the same items.
func TestNativeStreams(t *testing.T) {
	t.Parallel()
	for name, all := range native(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, events := range all {
				last := events[len(events)-1].GetLifecycle().GetResponse()
				if last == nil {
					t.Fatalf("the last event is %v", events[len(events)-1])
				}
				a := accumulate(events)
				if !a.Ended() || !proto.Equal(a.Response(), last) {
					t.Errorf("got  %v\nwant %v", a.Response(), last)
				}
				before := accumulate(events[:len(events)-1])
				items := before.Response().GetOutput()
				if before.Ended() || len(items) != len(last.GetOutput()) {
					t.Fatalf("%d items of %d", len(items), len(last.GetOutput()))
				}
				for i, item := range items {
					if got, want := words(item), words(last.GetOutput()[i]); got != want {
						t.Errorf("item %d:\ngot  %s\nwant %s", i, got, want)
					}
				}
				cutOff(t, events, items)
			}
		})
	}
}

// words is all that an item says, without the ids that some providers give anew.
func words(item *responsesv1.Item) string {
	text := item.GetType() + ":" + item.GetFunctionCall().GetArguments() + item.GetCustomToolCall().GetInput() + item.GetMcp().GetArguments()
	for _, part := range append(append(item.GetMessage().GetContentParts(), item.GetReasoning().GetContent()...), item.GetReasoning().GetSummary()...) {
		text += part.GetText() + part.GetRefusal()
	}
	return text
}

// cutOff breaks a stream off at random: what had come is a beginning of the whole. Some
// recordings were shortened, deltas only; their items are let be.
func cutOff(t *testing.T, events []*responsesv1.StreamEvent, whole []*responsesv1.Item) {
	t.Helper()
	random := rand.New(rand.NewPCG(5, 5))
	all := accumulate(without(events, ".done")).Response().GetOutput()
	for range 10 {
		for i, item := range accumulate(events[:1+random.IntN(len(events)-1)]).Response().GetOutput() {
			if got, want := words(item), words(whole[i]); words(all[i]) == want && !strings.HasPrefix(want, got) {
				t.Fatalf("item %d, cut off, is %q, and was to be %q", i, got, want)
			}
		}
	}
}

// without are the events but the last one, and but those with an ending.
func without(events []*responsesv1.StreamEvent, endings ...string) []*responsesv1.StreamEvent {
	return slices.DeleteFunc(slices.Clone(events[:len(events)-1]), func(e *responsesv1.StreamEvent) bool {
		return slices.ContainsFunc(endings, func(ending string) bool { return strings.HasSuffix(e.GetType(), ending) })
	})
}

// TestItemsWithoutTheirEnd says that items are put together from their texts alone.
func TestItemsWithoutTheirEnd(t *testing.T) {
	t.Parallel()
	fromDeltas := 0
	for name, all := range native(t) {
		for _, events := range all {
			last := events[len(events)-1].GetLifecycle().GetResponse().GetOutput()
			for i, item := range accumulate(without(events, "_item.done", "_part.done")).Response().GetOutput() {
				if got, want := words(item), words(last[i]); got != want {
					t.Errorf("%s: item %d:\ngot  %s\nwant %s", name, i, got, want)
				}
			}
			for i, item := range accumulate(without(events, ".done")).Response().GetOutput() {
				if text := words(item); text == words(last[i]) && !strings.HasSuffix(text, ":") {
					fromDeltas++
				}
			}
		}
	}
	if fromDeltas < 40 {
		t.Errorf("only %d items are what their deltas say", fromDeltas)
	}
}

func TestAnAccumulatorGivesUp(t *testing.T) {
	t.Parallel()
	events, err := stream(t, &chatter{chunks: deltas(t, "stop", `{"content":"He"}`, `{"content":"llo"}`)}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	a := responses.NewAccumulator(int64(proto.Size(events[0])))
	a.Add(events[0])
	if a.Response() == nil {
		t.Error("it gave up at its limit")
	}
	for _, event := range events[1 : len(events)-1] {
		a.Add(event)
	}
	if a.Response() != nil || a.Ended() {
		t.Error("it holds more than its limit")
	}
	if failed := a.Failed(nil); len(failed) != 1 || failed[0].GetSequenceNumber() != int32(len(events)-1) {
		t.Errorf("failed with %v", failed)
	}
	a.Add(events[len(events)-1])
	if a.Response() != nil || !a.Ended() {
		t.Error("it does not know the end")
	}
}

// TestAResponseWithoutOutput has its items from the events: some providers leave them
// out of the last one.
func TestAResponseWithoutOutput(t *testing.T) {
	t.Parallel()
	events, err := stream(t, &chatter{chunks: deltas(t, "stop", `{"content":"Hello"}`)}, ask(t, `{"input":"Hi"}`))
	if err != nil {
		t.Fatal(err)
	}
	events[len(events)-1].GetLifecycle().GetResponse().Output = nil
	if got := outline(accumulate(events).Response()); got != "completed; message output_text=Hello" {
		t.Error(got)
	}
}
