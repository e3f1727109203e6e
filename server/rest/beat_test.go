package rest

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/server/call"
)

// A silent stream of named events is kept alive by comments, which are no events and
// change no number.
func TestSilentEventsAreKeptAlive(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	p := newReply(recorder, httptest.NewRequestWithContext(t.Context(), "POST", "/v1/responses", nil), call.New(auditv1.Entrance_ENTRANCE_REST, ""), nil)
	p.stream = true
	defer p.close()
	for n := range int32(2) {
		if err := p.event(&responsesv1.StreamEvent{Type: "response.queued", SequenceNumber: n, Event: &responsesv1.StreamEvent_Lifecycle{Lifecycle: &responsesv1.LifecycleEvent{}}}); err != nil {
			t.Fatal(err)
		}
		if err := p.FlushError(); err != nil {
			t.Fatal(err)
		}
		p.beat() // it is not silent yet
		p.mu.Lock()
		p.last = time.Now().Add(-2 * keepAlive)
		p.mu.Unlock()
		p.beat()
	}
	blocks := strings.Split(strings.TrimSuffix(recorder.Body.String(), "\n\n"), "\n\n")
	if len(blocks) != 4 || blocks[1] != ": keep-alive" || blocks[3] != ": keep-alive" ||
		!strings.HasPrefix(blocks[0], "event: response.queued\ndata: {") || !strings.Contains(blocks[2], `"sequence_number":1`) {
		t.Errorf("the client reads %q", blocks)
	}
}
