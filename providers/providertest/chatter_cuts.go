package providertest

import (
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/failure"
)

// testCuts cuts a recorded stream in many places, each in three ways: never is what
// came taken for the whole.
func (s *suite) testCuts(t *testing.T) {
	t.Parallel()
	const name = "gomodel/openai/chat_completion_stream.txt"
	const step = 13 // over all offsets within an event, since their lengths differ
	body, _, err := Recording(name)
	if err != nil {
		t.Fatal(err)
	}
	end := strings.Index(string(body), "data: "+done)
	for _, ending := range []Ending{EndClean, EndClose, EndReset} {
		t.Run([]string{EndClean: "clean", EndClose: "closed", EndReset: "reset"}[ending], func(t *testing.T) {
			t.Parallel()
			r := s.rig(t, longWait)
			for n := 1; n < end; n += step {
				r.up.Enqueue(Script{Replay: name, Cut: Cut{Ending: ending, Place: AfterBytes, N: int64(n)}})
				c := say("Again.")
				c.Retry.MaxAttempts = 1
				got := r.run(t.Context(), c, true)
				whole := strings.Count(string(body[:n]), "\n\n")
				if len(got.chunks) > whole+1 || len(got.chunks) < whole && ending != EndReset {
					t.Errorf("cut after %d bytes: %d chunks of %d events", n, len(got.chunks), whole)
				}
				if s.quirks[EndsWithoutDone] && got.err == nil && strings.Contains(string(body[:n]), `"finish_reason":"stop"`) {
					continue
				}
				reasons := because(truncated)
				if whole == 0 { // nothing came that says more
					reasons = because(truncated, invalidReply, unreachable)
				}
				if e := failure.As(got.err); e == nil || !slices.Contains(reasons, e.Reason) {
					t.Errorf("cut after %d bytes: %v, want %v", n, got.err, reasons)
				}
			}
		})
	}
}
