package service

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// client takes a stream, and notes when.
type client struct {
	ctx   context.Context //nolint:containedctx // a stream has its call's
	began time.Time
	seen  []string
	text  string
	info  *commonv1.CallInfo
	leave int // after so many pieces; 0: never
}

func (c *client) Send(m *chatv1.StreamChatCompletionResponse) error {
	if c.info = m.GetInfo(); m.GetChunk() == nil {
		return nil
	}
	choice := m.GetChunk().GetChoices()[0]
	word := choice.GetDelta().GetContent() + choice.GetFinishReason() + choice.GetDelta().GetRole()
	c.text += choice.GetDelta().GetContent()
	c.seen = append(c.seen, fmt.Sprintf("%s@%v", word, time.Since(c.began)))
	if len(c.seen) == c.leave {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left.")
	}
	return nil
}

func (c *client) Context() context.Context     { return c.ctx }
func (c *client) SetHeader(metadata.MD) error  { return nil }
func (c *client) SendHeader(metadata.MD) error { return nil }
func (c *client) SetTrailer(metadata.MD)       {}
func (c *client) SendMsg(any) error            { return errors.ErrUnsupported }
func (c *client) RecvMsg(any) error            { return errors.ErrUnsupported }

// tour is a call at scripted targets, named a, b and so on.
type tour struct {
	scripts []string
	retry   *planv1.RetryPolicy
	stream  bool
	timeout time.Duration
	leave   int
}

// left is what a tour leaves behind.
type left struct {
	call   *call.Call
	client *client
	text   string
	err    error
	asked  string
	limits []string
	took   time.Duration
}

func (tour tour) make(ctx context.Context) left {
	c := call.New(auditv1.Entrance_ENTRANCE_GRPC, "id")
	c.Plan = &planv1.ExecutionPlan{Retry: tour.retry, Features: []policyv1.Feature{policyv1.Feature_FEATURE_USAGE, policyv1.Feature_FEATURE_STREAMING}}
	var asked, limits []string
	chatters := map[string]providers.Chatter{}
	for i, script := range tour.scripts {
		name := string(rune('a' + i))
		chatters[name] = scripted{name: name, script: script, calls: &asked, limits: &limits}
		target := &planv1.Target{Provider: name, ProviderType: "type-" + name, Model: "model-" + name}
		if i == 0 {
			c.Plan.Target = target
		} else {
			c.Plan.Fallbacks = append(c.Plan.Fallbacks, target)
		}
	}
	if tour.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, tour.timeout)
		defer cancel()
	}
	service := NewChat(ChatDeps{Chatters: chatters, Meter: func(x *providers.Exchange) *usagev1.TokenUsage {
		return &usagev1.TokenUsage{Input: new(int32(x.UsageJSON[0]))}
	}})
	ctx = call.With(ctx, c)
	l := left{call: c, client: &client{ctx: ctx, began: time.Now(), leave: tour.leave}}
	began := time.Now()
	if tour.stream {
		l.err = service.StreamChatCompletion(&chatv1.StreamChatCompletionRequest{Params: &chatv1.ChatCompletionParams{}}, l.client)
		l.text = l.client.text
	} else {
		var reply *chatv1.CreateChatCompletionResponse
		if reply, l.err = service.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{}}); l.err == nil {
			l.text = reply.GetCompletion().GetChoices()[0].GetMessage().GetContent()
		}
	}
	l.took, l.asked, l.limits = time.Since(began), strings.Join(asked, ""), limits
	return l
}

// reason is why it failed, and who is said to have.
func (l left) reason() string {
	switch failed := failure.As(l.err); {
	case l.err == nil:
		return ""
	case failed == nil:
		return l.err.Error()
	default:
		return strings.TrimPrefix(failed.Reason.String(), "ERROR_REASON_") + " of " + l.call.Target().GetProvider()
	}
}

// attempts are the upstream calls, with who was paid for them.
func (l left) attempts() string {
	var all []string
	for i, attempt := range l.call.Outcome.Exchange.Attempts {
		text := attempt.Provider
		if attempt.Reason != commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED {
			text += " " + strings.TrimPrefix(attempt.Reason.String(), "ERROR_REASON_")
		}
		if i < len(l.call.Outcome.Paid) && l.call.Outcome.Paid[i].GetInput() == int32(attempt.Provider[0]) && attempt.UsageJSON == attempt.Provider {
			text += " paid"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// Which failures are tried elsewhere, and which of several is told.
func TestWalk(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		tour           tour
		text, reason   string
		asked, account string
	}{
		{name: "the first answers", tour: tour{scripts: []string{"Hi usage", "no"}}, text: "Hi", asked: "a", account: "a paid"},
		{name: "the third answers", tour: tour{scripts: []string{"UPSTREAM_FAILED", "UPSTREAM_UNREACHABLE", "Hi usage"}}, text: "Hi", asked: "abc", account: "a UPSTREAM_FAILED, b UPSTREAM_UNREACHABLE, c paid"},
		{name: "nothing is said", tour: tour{scripts: []string{"role stop usage", "Hi"}}, text: "Hi", asked: "ab", account: "a UPSTREAM_INVALID_REPLY paid, b"},
		{name: "nothing is said at last", tour: tour{scripts: []string{"UPSTREAM_TIMEOUT", "role stop usage"}}, asked: "ab", account: "a UPSTREAM_TIMEOUT, b paid"},
		{name: "a filter says so", tour: tour{scripts: []string{"filter", "Hi"}}, asked: "a", account: "a"},
		{name: "a failure that cost something", tour: tour{scripts: []string{"usage UPSTREAM_TRUNCATED", "Hi"}}, text: "Hi", asked: "ab", account: "a UPSTREAM_TRUNCATED paid, b"},
		{name: "a filter", tour: tour{scripts: []string{"CONTENT_FILTERED", "no"}}, reason: "CONTENT_FILTERED of a", asked: "a", account: "a CONTENT_FILTERED"},
		{name: "a long prompt", tour: tour{scripts: []string{"CONTEXT_LENGTH_EXCEEDED", "no"}}, reason: "CONTEXT_LENGTH_EXCEEDED of a", asked: "a", account: "a CONTEXT_LENGTH_EXCEEDED"},
		{name: "a refusal", tour: tour{scripts: []string{"UPSTREAM_REJECTED", "no"}}, reason: "UPSTREAM_REJECTED of a", asked: "a", account: "a UPSTREAM_REJECTED"},
		{name: "our own fault", tour: tour{scripts: []string{"INTERNAL", "no"}}, reason: "INTERNAL of a", asked: "a", account: "a INTERNAL"},
		{name: "of equal failures the first", tour: tour{scripts: []string{"UPSTREAM_RATE_LIMITED", "UPSTREAM_OVERLOADED"}}, reason: "UPSTREAM_RATE_LIMITED of a", asked: "ab", account: "a UPSTREAM_RATE_LIMITED, b UPSTREAM_OVERLOADED"},
		{name: "a rest says less", tour: tour{scripts: []string{"UPSTREAM_OVERLOADED", "NO_HEALTHY_PROVIDER"}}, reason: "UPSTREAM_OVERLOADED of a", asked: "ab", account: "a UPSTREAM_OVERLOADED"},
		{name: "a rest says less, though first", tour: tour{scripts: []string{"NO_HEALTHY_PROVIDER", "usage UPSTREAM_OVERLOADED"}}, reason: "UPSTREAM_OVERLOADED of b", asked: "ab", account: "b UPSTREAM_OVERLOADED paid"},
		{name: "a rest says more than a refusal", tour: tour{scripts: []string{"UPSTREAM_CREDENTIALS_REFUSED", "NO_HEALTHY_PROVIDER"}}, reason: "NO_HEALTHY_PROVIDER of b", asked: "ab", account: "a UPSTREAM_CREDENTIALS_REFUSED"},
		{name: "what passes says more than what does not", tour: tour{scripts: []string{"UPSTREAM_CREDENTIALS_REFUSED", "MODEL_NOT_FOUND", "UPSTREAM_TIMEOUT", "UPSTREAM_QUOTA_EXHAUSTED"}}, reason: "UPSTREAM_TIMEOUT of c", asked: "abcd", account: "a UPSTREAM_CREDENTIALS_REFUSED, b MODEL_NOT_FOUND, c UPSTREAM_TIMEOUT, d UPSTREAM_QUOTA_EXHAUSTED"},
		{name: "a refusal does not hide a failure", tour: tour{scripts: []string{"UPSTREAM_STALLED", "UPSTREAM_REJECTED", "no"}}, reason: "UPSTREAM_STALLED of a", asked: "ab", account: "a UPSTREAM_STALLED, b UPSTREAM_REJECTED"},
		{name: "a verdict does", tour: tour{scripts: []string{"UPSTREAM_FAILED", "CONTENT_FILTERED", "no"}}, reason: "CONTENT_FILTERED of b", asked: "ab", account: "a UPSTREAM_FAILED, b CONTENT_FILTERED"},
		{name: "the deadline", tour: tour{scripts: []string{"hang", "no"}, timeout: time.Second}, reason: "context deadline exceeded", asked: "a", account: "a"},
		{
			name: "the total is over", asked: "a", account: "a UPSTREAM_TIMEOUT", reason: "UPSTREAM_TIMEOUT of a",
			tour: tour{scripts: []string{"2s UPSTREAM_TIMEOUT", "no"}, retry: &planv1.RetryPolicy{TotalTimeout: durationpb.New(time.Second)}},
		},
	} {
		for _, stream := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stream %t", tt.name, stream), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					tt.tour.stream = stream
					got := tt.tour.make(t.Context())
					if got.text != tt.text || got.reason() != tt.reason || got.asked != tt.asked || got.attempts() != tt.account {
						t.Errorf("got %q, %q, asked %s, %s\nwant %q, %q, asked %s, %s", got.text, got.reason(), got.asked, got.attempts(), tt.text, tt.reason, tt.asked, tt.account)
					}
					x := got.call.Outcome.Exchange
					told, id := got.call.Target().GetProvider(), "id-"+got.call.Target().GetProvider()
					if strings.HasPrefix(tt.reason, "NO_HEALTHY") {
						id = "" // it was not called
					}
					if x.UpstreamRequestID != id || got.call.Info().GetModel() != "model-"+told || x.UsageJSON != "" && x.UsageJSON != told {
						t.Errorf("told of %s: %+v", told, x)
					}
				})
			})
		}
	}
}

// How long each target is waited for.
func TestPolicyOfEachTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		got := tour{scripts: []string{"1s UPSTREAM_FAILED", "1s UPSTREAM_FAILED", "Hi"}, retry: &planv1.RetryPolicy{
			FirstByteTimeout: durationpb.New(time.Minute), FirstTokenTimeout: durationpb.New(5 * time.Second), MaxWait: &durationpb.Duration{},
			TotalTimeout: durationpb.New(10 * time.Second),
		}}.make(t.Context())
		if want := "[5s true 10s 5s true 9s 1m0s false 8s]"; fmt.Sprint(got.limits) != want {
			t.Errorf("got %v, want %s", got.limits, want)
		}
		got = tour{scripts: []string{"Hi"}, retry: &planv1.RetryPolicy{FirstByteTimeout: durationpb.New(time.Minute)}}.make(t.Context())
		if want := "[1m0s false 0s]"; fmt.Sprint(got.limits) != want {
			t.Errorf("got %v, want %s", got.limits, want)
		}
	})
}
