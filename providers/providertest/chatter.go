package providertest

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	"github.com/signalbox-ai/signalbox/providers"
)

// ChatterFactory makes the adapter under test, for an upstream at base with a key
// that it knows, bounded by up.
type ChatterFactory func(t testing.TB, base, key string, up *configv1.Upstream) providers.Chatter

// Quirk is a difference between OpenAI's dialect and that of a provider.
type Quirk int

// EndsWithoutDone says that streams are complete when every choice has its finish
// reason, [DONE] or not.
const EndsWithoutDone Quirk = iota + 1

// RunChatter is what every adapter passes that speaks OpenAI's dialect of chat:
// good replies arrive whole, and each misbehaviour of the upstream gives the one
// failure that is meant for it.
func RunChatter(t *testing.T, factory ChatterFactory, quirks ...Quirk) {
	s := &suite{factory: factory, quirks: set(quirks)}
	t.Run("unary", s.testUnary)
	t.Run("stream", s.testStream)
	t.Run("request", s.testRequest)
	t.Run("recordings", s.testRecordings)
	t.Run("framings", s.testFramings)
	t.Run("failures", s.testFailures)
	t.Run("connections", s.testConnections)
	t.Run("retries", s.testRetries)
	t.Run("cuts", s.testCuts)
	t.Run("leaving", s.testLeaving)
}

// suite is what all its tests share.
type suite struct {
	factory ChatterFactory
	quirks  map[Quirk]bool
}

// Times of the bounds that the suite sets. What hangs is waited for shortly; where
// nothing hangs, a busy machine must not matter.
const (
	shortWait  = 300 * time.Millisecond
	longWait   = 20 * time.Second
	maxBackoff = 50 * time.Millisecond
	attempts   = 3
	eventLimit = 4 << 20
)

// bounds are an adapter's, with a wait for everything that can hang.
func bounds(wait time.Duration) *configv1.Upstream {
	return &configv1.Upstream{
		MaxAttempts:           proto.Int32(attempts),
		MaxBackoff:            durationpb.New(maxBackoff),
		ConnectTimeout:        durationpb.New(longWait),
		HeaderTimeout:         durationpb.New(wait),
		FirstEventTimeout:     durationpb.New(wait),
		IdleTimeout:           durationpb.New(wait),
		MaxEventBytes:         proto.Int64(eventLimit),
		RetryBudgetPercent:    proto.Int32(100),
		BreakerFailurePercent: proto.Int32(100),
		BreakerRest:           durationpb.New(time.Second),
	}
}

// rig is an upstream and an adapter for it.
type rig struct {
	t       testing.TB
	up      *Upstream
	chatter providers.Chatter
}

// rig starts both.
func (s *suite) rig(t testing.TB, wait time.Duration, opts ...Option) *rig {
	t.Helper()
	up := Start(t, opts...)
	return &rig{t: t, up: up, chatter: s.factory(t, up.URL(), up.Key(), bounds(wait))}
}

// say is a call with one message of a user.
func say(words string) *providers.ChatCall {
	return call(&chatv1.ChatCompletionParams{Messages: []*chatv1.ChatMessage{{Role: "user", Content: proto.String(words)}}})
}

// call is a call with these params, as the service makes it: the model of the
// params is the client's selector, that of the target the provider's name.
func call(params *chatv1.ChatCompletionParams) *providers.ChatCall {
	params.Model = "alias-of-the-client"
	return aimed(params, "gpt-4o-mini")
}

// result is how a call went: a reply, or what came of a stream, and the error.
type result struct {
	reply  *chatv1.ChatCompletion
	chunks []*chatv1.ChatCompletionChunk
	// opened says that a stream was returned.
	opened bool
	err    error
}

// run makes the call, by either method, to its end.
func (r *rig) run(ctx context.Context, c *providers.ChatCall, stream bool) (out result) {
	r.t.Helper()
	if !stream {
		out.reply, out.err = r.chatter.ChatCompletion(ctx, c)
		return out
	}
	s, err := r.chatter.StreamChatCompletion(ctx, c)
	if err != nil {
		out.err = err
		return out
	}
	out.opened = true
	for {
		chunk, err := s.Recv()
		if err != nil {
			out.err = err
			break
		}
		out.chunks = append(out.chunks, chunk)
	}
	if _, again := s.Recv(); !errors.Is(again, out.err) {
		r.t.Errorf("Recv after %v gave %v", out.err, again)
	}
	for range 2 {
		if err := s.Close(); err != nil {
			r.t.Errorf("Close: %v", err)
		}
	}
	if errors.Is(out.err, io.EOF) {
		out.err = nil
	}
	return out
}

// text is all text of the first choice.
func (r result) text() string {
	var b strings.Builder
	for _, c := range r.reply.GetChoices() {
		if c.GetIndex() == 0 {
			b.WriteString(c.GetMessage().GetContent())
		}
	}
	for _, chunk := range r.chunks {
		for _, c := range chunk.GetChoices() {
			if c.GetIndex() == 0 {
				b.WriteString(c.GetDelta().GetContent())
			}
		}
	}
	return b.String()
}

// finish is the finish reason of the first choice.
func (r result) finish() string {
	reason := ""
	for _, c := range r.reply.GetChoices() {
		if c.GetIndex() == 0 {
			reason = c.GetFinishReason()
		}
	}
	for _, chunk := range r.chunks {
		for _, c := range chunk.GetChoices() {
			if c.GetIndex() == 0 && c.FinishReason != nil {
				reason = c.GetFinishReason()
			}
		}
	}
	return reason
}

// both runs a test for each of the two methods.
func both(t *testing.T, test func(t *testing.T, stream bool)) {
	t.Helper()
	for _, stream := range []bool{false, true} {
		name := "unary"
		if stream {
			name = "stream"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, stream)
		})
	}
}
