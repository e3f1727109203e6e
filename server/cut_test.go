package server_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// cutConfig makes one attempt a call, so that a cut is seen as it is.
const cutConfig = "upstream:\n  max_attempts: 1\n  breaker_failure_percent: 100\n"

// A stream that breaks off is never shown as complete, wherever it is cut and
// however; what came before the cut is shown as it came.
func TestStreamsCutAnywhere(t *testing.T) {
	t.Parallel()
	for _, ending := range []providertest.Ending{providertest.EndClean, providertest.EndClose, providertest.EndReset} {
		for _, way := range entrances {
			t.Run(fmt.Sprintf("%s, ending %d", way.name, ending), func(t *testing.T) {
				t.Parallel()
				up := providertest.Start(t)
				gw := servertest.Start(t, servertest.Upstream(up), servertest.File(cutConfig))
				whole := way.make(t.Context(), t, gw, ask{id: "whole", stream: true})
				total := up.Chats()[0].Bytes
				for n := int64(0); n <= total; n++ {
					if n%17 != 0 && n < total-3 {
						continue
					}
					up.Enqueue(providertest.Script{Cut: providertest.Cut{Ending: ending, Place: providertest.AfterBytes, N: n}})
					got := way.make(t.Context(), t, gw, ask{id: fmt.Sprintf("cut-%d", n), stream: true})
					// A clean end stands for the blank line after [DONE].
					complete := n == total || ending == providertest.EndClean && n >= total-2
					checkCut(t, got, whole, complete)
				}
			})
		}
	}
}

// checkCut compares a stream that was cut with the whole one.
func checkCut(t *testing.T, got, whole seen, complete bool) {
	t.Helper()
	switch {
	case complete:
		if !got.whole || got.content != whole.content {
			t.Errorf("complete, but %d %s", got.status, got.raw)
		}
	case got.whole || got.failed == nil:
		t.Errorf("cut, but shown as complete: %s", got.raw)
	case got.chunks == 0 && got.failed.GetCode() != "upstream_truncated" && got.failed.GetCode() != "upstream_invalid_reply",
		got.chunks > 0 && got.failed.GetCode() != "upstream_truncated":
		t.Errorf("after %d chunks: %v", got.chunks, got.failed)
	case !strings.HasPrefix(whole.content, got.content):
		t.Errorf("%q is not the beginning of %q", got.content, whole.content)
	}
}

// Recorded streams of OpenAI's, cut between events and inside of them.
func TestRecordedStreamsCutAtEachEvent(t *testing.T) {
	t.Parallel()
	for _, name := range providertest.Recordings() {
		body, stream, err := providertest.Recording(name)
		if err != nil {
			t.Fatal(err)
		}
		if !stream || len(body) > 20_000 || !strings.HasPrefix(name, "openai-python/") && !strings.HasPrefix(name, "gomodel/openai/") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := providertest.Start(t)
			gw := servertest.Start(t, servertest.Upstream(up), servertest.File(cutConfig))
			up.Enqueue(providertest.Script{Replay: name})
			whole := overREST(t.Context(), t, gw, ask{id: "whole", stream: true})
			if !whole.whole {
				t.Fatalf("got %d %s", whole.status, whole.raw)
			}
			count := int64(bytes.Count(body, []byte("data:")))
			for n := range count {
				for _, place := range []providertest.Place{providertest.AfterEvents, providertest.InEvent} {
					at := n
					if place == providertest.InEvent {
						at = n + 1
					}
					up.Enqueue(providertest.Script{Replay: name, Cut: providertest.Cut{Ending: providertest.EndClean, Place: place, N: at}})
					got := overREST(t.Context(), t, gw, ask{id: fmt.Sprintf("cut-%d-%d", place, at), stream: true})
					checkCut(t, got, whole, false)
				}
			}
		})
	}
}

// A redirect is never followed: who answers it would see prompt and key.
func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := providertest.Start(t)
		up := providertest.Start(t)
		gw := servertest.Start(t, servertest.Upstream(up))
		for _, way := range entrances {
			for _, stream := range []bool{false, true} {
				up.EnqueueText(t, fmt.Sprintf("redirect=%d:%s/chat/completions", status, elsewhere.URL()))
				id := fmt.Sprintf("%s-%t-%d", way.name, stream, status)
				got := way.make(t.Context(), t, gw, ask{id: id, stream: stream})
				if got.status != 502 || got.failed.GetCode() != "upstream_invalid_reply" || strings.Contains(got.raw, elsewhere.Addr()) || got.header.Get("Location") != "" {
					t.Errorf("%s: %d %s %v", id, got.status, got.raw, got.header)
				}
				if attempts := gw.Record(id).GetEntry().GetAttempts(); len(attempts) != 1 || int(attempts[0].GetHttpStatus()) != status {
					t.Errorf("%s: attempts %v", id, attempts)
				}
			}
		}
		if _, ever := elsewhere.Connections(); ever != 0 {
			t.Errorf("the address of a redirect was visited %d times", ever)
		}
	}
}

// A provider that refuses before it has read the request ends the upload.
func TestEarlyRefusalEndsTheUpload(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	large := strings.Repeat("word ", 4<<20)
	for _, way := range entrances {
		for _, stream := range []bool{false, true} {
			up.EnqueueText(t, "early,status=403,message=No.")
			id := fmt.Sprintf("%s-%t", way.name, stream)
			got := way.make(t.Context(), t, gw, ask{id: id, stream: stream, content: large})
			if got.status != 502 || got.failed.GetCode() != "upstream_credentials_refused" {
				t.Errorf("%s: %d %s", id, got.status, got.raw)
			}
			if err := up.AwaitNoConnections(t.Context()); err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
	}
	if i := slices.IndexFunc(up.Chats(), func(r providertest.Request) bool { return r.Received }); i >= 0 {
		t.Errorf("call %d sent its whole body", i)
	}
}
