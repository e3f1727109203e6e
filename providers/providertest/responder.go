package providertest

import (
	"context"
	"errors"
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	responsesv1 "github.com/signalbox-ai/signalbox/gen/signalbox/responses/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// ResponderFactory makes the adapter under test, as ChatterFactory does.
type ResponderFactory func(t testing.TB, base, key string, up *configv1.Upstream) providers.Responder

// RunResponder is what every adapter passes that speaks OpenAI's dialect of
// responses: good ones arrive whole, event by event, and each misbehaviour of the
// upstream gives the one failure that is meant for it.
func RunResponder(t *testing.T, factory ResponderFactory) {
	s := &responderSuite{factory: factory}
	whole := trial{endpoint: EndpointResponses, model: "gpt-4o-mini", make: s.tryWhole}
	stream := trial{endpoint: EndpointResponses, model: "gpt-4o-mini", stream: true, make: s.tryStream}
	t.Run("unary", s.testUnary)
	t.Run("stream", s.testStream)
	t.Run("calls", s.testCalls)
	t.Run("request", s.testRequest)
	t.Run("recordings", s.testRecordings)
	t.Run("framings", s.testFramings)
	t.Run("cuts", s.testCuts)
	t.Run("failures of replies", func(t *testing.T) { whole.faults(t, wholeFaults()) })
	t.Run("failures of streams", func(t *testing.T) { stream.faults(t, eventFaults()) })
	t.Run("leaving replies", whole.leaving)
	t.Run("leaving streams", stream.leaving)
}

// responderSuite is what all its tests share.
type responderSuite struct{ factory ResponderFactory }

// responseCall is a call with these params for a model.
func responseCall(params *responsesv1.ResponseParams, model string) *providers.ResponseCall {
	params.Model = proto.String("alias-of-the-client")
	return aimed(params, model)
}

// greet is a call with a word of a user.
func greet() *providers.ResponseCall {
	return responseCall(&responsesv1.ResponseParams{Input: proto.String("Hello.")}, "gpt-4o-mini")
}

// responded is how a call went: a response, or what came of a stream, and the error.
type responded struct {
	whole  *responsesv1.Response
	events []*responsesv1.StreamEvent
	err    error
}

// run makes a call with a new adapter, by either method, to its end.
func (s *responderSuite) run(ctx context.Context, t testing.TB, at site, c *providers.ResponseCall, stream bool) (out responded) {
	t.Helper()
	adapter := s.factory(t, at.base, at.key, at.bounds)
	if !stream {
		out.whole, out.err = adapter.CreateResponse(ctx, c)
		return out
	}
	events, err := adapter.StreamResponse(ctx, c)
	if err != nil {
		out.err = err
		return out
	}
	return drained(t, events)
}

// drained reads a stream to its end, and closes it twice. io.EOF is no error.
func drained(t testing.TB, events providers.ResponseStream) (out responded) {
	t.Helper()
	for {
		e, err := events.Recv()
		if err != nil {
			out.err = err
			break
		}
		out.events = append(out.events, e)
	}
	if _, again := events.Recv(); !errors.Is(again, out.err) {
		t.Errorf("Recv after %v gave %v", out.err, again)
	}
	for range 2 {
		if err := events.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if errors.Is(out.err, io.EOF) {
		out.err = nil
	}
	return out
}

// tryWhole and tryStream are calls that are made for their failures.
func (s *responderSuite) tryWhole(ctx context.Context, t testing.TB, at site, x *providers.Exchange) (int, error) {
	c := greet()
	c.Exchange = x
	return 0, s.run(ctx, t, at, c, false).err
}

func (s *responderSuite) tryStream(ctx context.Context, t testing.TB, at site, x *providers.Exchange) (int, error) {
	c := greet()
	c.Exchange = x
	got := s.run(ctx, t, at, c, true)
	n := len(got.events)
	if n > 0 && got.events[n-1].GetError() != nil { // the failure itself, which an adapter may hand on
		n--
	}
	return n, got.err
}

// final is the response as it ended: the reply, or that of the last event.
func (r responded) final() *responsesv1.Response {
	if r.whole != nil || len(r.events) == 0 {
		return r.whole
	}
	return r.events[len(r.events)-1].GetLifecycle().GetResponse()
}

// text is all text of the messages: of the deltas, for a stream.
func (r responded) text() string {
	out := ""
	for _, item := range r.whole.GetOutput() {
		for _, part := range item.GetMessage().GetContentParts() {
			out += part.GetText()
		}
		out += item.GetMessage().GetContent()
	}
	for _, e := range r.events {
		if e.GetType() == "response.output_text.delta" {
			out += e.GetDelta().GetDelta()
		}
	}
	return out
}

// eventFaults are the misbehaviours of streams of events.
func eventFaults() []fault {
	return []fault{
		{script: "status=400,message=No.,param=n,code=bad_n,times=-1", reasons: because(rejected), calls: 1},
		{script: "status=401,times=-1", reasons: because(refusedKey), calls: 1},
		{script: "status=500,times=-1", reasons: because(failed), calls: attempts},
		{script: "status=503,times=-1", reasons: because(overloaded), calls: attempts},
		{script: "status=429,retry-after=30,times=-1", reasons: because(rateLimited), calls: 1},
		{script: "reset,times=-1", reasons: because(unreachable), calls: attempts},
		{script: "hang,times=-1", reasons: because(timedOut)},
		{script: "hang-after=0,times=-1", reasons: because(timedOut)},
		{script: "hang-after=2", reasons: because(stalled), calls: 1, chunks: 2},
		{script: "hang-in=3", reasons: because(stalled), calls: 1, chunks: 2},
		{script: "reset-after=2", reasons: because(truncated), calls: 1, chunks: 2},
		{script: "drop-after=4", reasons: because(truncated), calls: 1, chunks: 4},
		{script: "truncate-after=2", reasons: because(truncated), calls: 1, chunks: 2},
		{script: "truncate-in=3", reasons: because(truncated), calls: 1, chunks: 2},
		{script: "no-finish", reasons: because(truncated), calls: 1, chunks: 12},
		{script: "truncate-after=0,times=-1", reasons: because(invalidReply, truncated)},
		{script: "error-at=3", reasons: because(failed), calls: 1, chunks: 2},
		{script: "error-at=3,code=server_is_overloaded", reasons: because(overloaded), calls: 1, chunks: 2},
		{script: "error-at=5,type=insufficient_quota,code=insufficient_quota", reasons: because(noFunds), calls: 1, chunks: 4},
		{script: "malformed=1,times=-1", reasons: because(invalidReply)},
		{script: "malformed=3", reasons: because(invalidReply), calls: 1, chunks: 2},
		{script: "line=5000000", reasons: because(invalidReply), calls: 1, chunks: 4},
		{script: "empty,times=-1", reasons: because(invalidReply)},
		{script: "status=200,html,times=-1", reasons: because(invalidReply)},
		{script: "error-body,times=-1", reasons: because(failed, invalidReply)},
		{script: "gzip-bomb=1073741824,times=-1", reasons: because(invalidReply)},
		{script: "garbage,times=-1", reasons: because(invalidReply, unreachable)},
	}
}
