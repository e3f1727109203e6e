package service

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
)

// What a client sees of a stream, and when, while another target could rescue it.
func TestHold(t *testing.T) {
	t.Parallel()
	const fallback = "role B stop"
	policy := func(hold, first time.Duration, tokens int32) *planv1.RetryPolicy {
		p := &planv1.RetryPolicy{HoldTokens: tokens}
		if hold > 0 {
			p.Hold = durationpb.New(hold)
		}
		if first > 0 {
			p.FirstTokenTimeout = durationpb.New(first)
		}
		return p
	}
	none := policy(0, 0, 0)
	for _, tt := range []struct {
		name, script string
		retry        *planv1.RetryPolicy
		seen, reason string
		account      string
	}{
		{name: "the first content ends it", script: "role 1s A 1s A stop", retry: none, seen: "assistant@1s A@1s A@2s stop@2s", account: "a"},
		{name: "a cut before any content", script: "role 1s UPSTREAM_TRUNCATED", retry: none, seen: "assistant@1s B@1s stop@1s", account: "a UPSTREAM_TRUNCATED, b"},
		{name: "a cut after it", script: "role A 1s UPSTREAM_TRUNCATED", retry: none, seen: "assistant@0s A@0s", reason: "UPSTREAM_TRUNCATED of a", account: "a UPSTREAM_TRUNCATED"},
		{name: "an end without content", script: "role stop usage", retry: none, seen: "assistant@0s B@0s stop@0s", account: "a UPSTREAM_INVALID_REPLY paid, b"},
		{name: "a filter's verdict", script: "role filter usage", retry: none, seen: "assistant@0s content_filter@0s", account: "a paid"},
		{name: "not opened", script: "1s UPSTREAM_OVERLOADED", retry: none, seen: "assistant@1s B@1s stop@1s", account: "a UPSTREAM_OVERLOADED, b"},

		{name: "by number", script: "role 1s A 1s A 1s A stop", retry: policy(0, 0, 2), seen: "assistant@2s A@2s A@2s A@3s stop@3s", account: "a"},
		{name: "by number, cut before it", script: "role A 1s UPSTREAM_STALLED", retry: policy(0, 0, 2), seen: "assistant@1s B@1s stop@1s", account: "a UPSTREAM_STALLED, b"},
		{name: "by number, over before it", script: "role A 1s stop usage", retry: policy(0, 0, 9), seen: "assistant@1s A@1s stop@1s", account: "a paid"},
		{name: "by time", script: "role A 1s A 2s A stop", retry: policy(2*time.Second, 0, 0), seen: "assistant@2s A@2s A@2s A@3s stop@3s", account: "a"},
		{name: "by time, cut within it", script: "role A 1s UPSTREAM_INVALID_REPLY", retry: policy(2*time.Second, 0, 0), seen: "assistant@1s B@1s stop@1s", account: "a UPSTREAM_INVALID_REPLY, b"},
		{name: "by time, cut after it", script: "role A 3s UPSTREAM_TRUNCATED", retry: policy(2*time.Second, 0, 0), seen: "assistant@2s A@2s", reason: "UPSTREAM_TRUNCATED of a", account: "a UPSTREAM_TRUNCATED"},
		{name: "by time, over after it", script: "role A 3s usage", retry: policy(2*time.Second, 0, 0), seen: "assistant@2s A@2s", account: "a paid"},
		{name: "by time, without content until then", script: "role 3s A stop", retry: policy(2*time.Second, 0, 0), seen: "assistant@3s A@3s stop@3s", account: "a"},
		{name: "by both, number first", script: "role A A 1s A stop", retry: policy(2*time.Second, 0, 2), seen: "assistant@0s A@0s A@0s A@1s stop@1s", account: "a"},
		{name: "by both, time first", script: "role A 3s A stop", retry: policy(2*time.Second, 0, 2), seen: "assistant@2s A@2s A@3s stop@3s", account: "a"},
		{name: "by size", script: "role " + strings.Repeat("x", maxHeld) + " 1s A stop", retry: policy(0, 0, 9), seen: "assistant@0s " + strings.Repeat("x", maxHeld) + "@0s A@1s stop@1s", account: "a"},

		{name: "the first token is late", script: "role hang", retry: policy(0, 5*time.Second, 0), seen: "assistant@5s B@5s stop@5s", account: "a UPSTREAM_TIMEOUT, b"},
		{name: "the first token is late, the head late too", script: "2s role hang", retry: policy(0, 5*time.Second, 0), seen: "assistant@5s B@5s stop@5s", account: "a UPSTREAM_TIMEOUT, b"},
		{name: "the first token is in time", script: "role 4s A 4s A stop", retry: policy(0, 5*time.Second, 0), seen: "assistant@4s A@4s A@8s stop@8s", account: "a"},
		{name: "a panic", script: "role 1s panic", retry: policy(0, 5*time.Second, 0), reason: "panic: runtime error: index out of range [0] with length 0", account: "a"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				got := tour{scripts: []string{tt.script, fallback}, retry: tt.retry, stream: true}.make(t.Context())
				reason := strings.SplitN(got.reason(), "\n", 2)[0]
				if strings.Join(got.client.seen, " ") != tt.seen || reason != tt.reason || got.attempts() != tt.account {
					t.Errorf("got  %.200s, %q, %s\nwant %.200s, %q, %s", got.client.seen, reason, got.attempts(), tt.seen, tt.reason, tt.account)
				}
			})
		})
	}
}

// The last target is shown as it comes, and so is the only one.
func TestTheLastTargetIsNotHeld(t *testing.T) {
	t.Parallel()
	for _, scripts := range [][]string{{"role 1s A stop"}, {"UPSTREAM_FAILED", "role 1s A stop"}} {
		synctest.Test(t, func(t *testing.T) {
			got := tour{scripts: scripts, retry: &planv1.RetryPolicy{HoldTokens: 9}, stream: true}.make(t.Context())
			if want := "assistant@0s A@1s stop@1s"; strings.Join(got.client.seen, " ") != want || got.err != nil {
				t.Errorf("got %s, %v", got.client.seen, got.err)
			}
		})
	}
}

// Who leaves while a stream is held is gone at once, wherever it is.
func TestLeavingWhileHeld(t *testing.T) {
	t.Parallel()
	retry := &planv1.RetryPolicy{Hold: durationpb.New(time.Minute), FirstTokenTimeout: durationpb.New(time.Minute)}
	for _, tt := range []struct {
		name, script string
		after        time.Duration
		leave        int
		took         time.Duration
	}{
		{name: "before any content", script: "role hang", after: time.Second, took: time.Second},
		{name: "with content held", script: "role A hang", after: time.Second, took: time.Second},
		{name: "after the holding, while the next piece is awaited", script: "role A hang", after: 2 * time.Minute, took: 2 * time.Minute},
		{name: "while it is shown what was held", script: "role A 2m A hang", leave: 1, took: time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.after > 0 {
					stop := time.AfterFunc(tt.after, cancel)
					defer stop.Stop()
				}
				got := tour{scripts: []string{tt.script, "no"}, retry: retry, stream: true, leave: tt.leave}.make(ctx)
				if got.err == nil || got.took != tt.took || got.asked != "a" {
					t.Errorf("asked %s, after %v: %v", got.asked, got.took, got.err)
				}
			})
		})
	}
}

// What is held is let go in order, and together as far as it is there.
func TestHeldStreamIsReady(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stream := &scriptedStream{ctx: t.Context(), script: strings.Fields("role A 2s B stop")}
		ctx, cancel := context.WithCancel(t.Context())
		h := &held[*chatv1.ChatCompletionChunk]{stream: stream, cancel: cancel}
		if err := h.fill(holding{end: time.Now().Add(time.Second)}, shows); err != nil {
			t.Fatal(err)
		}
		var ready []string
		for {
			ready = append(ready, fmt.Sprint(h.Ready()))
			piece, err := h.Recv()
			if err != nil {
				break
			}
			ready = append(ready, piece.GetChoices()[0].GetDelta().GetContent())
		}
		if got, want := strings.Join(ready, " "), "true  true A false B true  true"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if err := h.Close(); err != nil || ctx.Err() == nil || !stream.closed {
			t.Errorf("%v, %v", err, ctx.Err())
		}
	})
}
