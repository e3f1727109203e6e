package openai_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/providers/openai"
)

// The provider's own words are kept as they are: order, spaces, numbers.
const usage = `{ "prompt_tokens":3,"completion_tokens":  2,"total_tokens":5, "queue_time":0.10,"new":[1] }`

func TestUsageOfReplies(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"id":"a","choices":[{"index":0}],"usage":` + usage + `}`: usage,
		`{"usage":null,"id":"a","choices":[{"index":0}]}`:          "",
		`{"id":"a","choices":[{"index":0}],"x":{"usage":{}}}`:      "",
	} {
		c := call(&chatv1.ChatCompletionParams{})
		m, err := provider(t, openai.Type, answering(t, "application/json", body)).ChatCompletion(t.Context(), c)
		if err != nil || m.GetId() != "a" || c.Exchange.UsageJSON != want {
			t.Errorf("%s: got %q, %v", body, c.Exchange.UsageJSON, err)
		}
	}
}

// TestUsageOfStreams shows which chunks the client sees.
func TestUsageOfStreams(t *testing.T) {
	t.Parallel()
	const (
		text   = `{"id":"a","choices":[{"index":0,"delta":{"content":"x"}}]}`
		null   = `{"id":"a","choices":[{"index":0,"delta":{"content":"x"}}],"usage":null}`
		stop   = `{"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`
		last   = `{"id":"a","choices":[],"usage":` + usage + `}`
		within = `{"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":` + usage + `}`
		azure  = `{"id":"","choices":[],"prompt_filter_results":[]}`
	)
	for name, test := range map[string]struct {
		chunks []string
		asked  bool
		seen   int
		usage  bool // the last one that the client sees has it
	}{
		"asked":                             {[]string{null, stop, last}, true, 3, true},
		"not asked":                         {[]string{null, stop, last}, false, 2, false},
		"within the last chunk, asked":      {[]string{text, within}, true, 2, true},
		"within the last chunk, not asked":  {[]string{text, within}, false, 2, false},
		"chunk without choices is no usage": {[]string{azure, stop, last}, false, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := call(&chatv1.ChatCompletionParams{})
			if test.asked {
				c.Params.StreamOptions = &chatv1.ChatStreamOptions{IncludeUsage: proto.Bool(true)}
			}
			url := answering(t, "text/event-stream", "data: "+strings.Join(append(test.chunks, "[DONE]"), "\n\ndata: ")+"\n\n")
			chunks, err := collect(t.Context(), provider(t, openai.Type, url), c)
			if err != nil || len(chunks) != test.seen {
				t.Fatalf("got %d chunks, %v; want %d", len(chunks), err, test.seen)
			}
			for i, chunk := range chunks {
				if has := chunk.GetUsage() != nil; has != (test.usage && i == len(chunks)-1) {
					t.Errorf("chunk %d has usage: %t", i, has)
				}
			}
			if c.Exchange.UsageJSON != usage {
				t.Errorf("got %q", c.Exchange.UsageJSON)
			}
		})
	}
}

func TestEndsOfStreams(t *testing.T) {
	t.Parallel()
	const (
		text   = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
		other  = "data: {\"choices\":[{\"index\":1,\"delta\":{\"content\":\"x\"}}]}\n\n"
		finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		far    = "data: {\"choices\":[{\"index\":127,\"delta\":{\"content\":\"x\"}}]}\n\n"
		farEnd = "data: {\"choices\":[{\"index\":127,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		filter = "data: {\"choices\":[]}\n\n"
		ask    = "data: {\"choices\":[],\"usage\":{}}\n\n"
		done   = "data: [DONE]\n\n"
		ok     = commonv1.ErrorReason_ERROR_REASON_UNSPECIFIED
		cut    = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED
		broken = commonv1.ErrorReason_ERROR_REASON_UPSTREAM_INVALID_REPLY
	)
	loose := openai.Compatible(openai.Quirks{Name: "loose", NoDone: true})
	for name, test := range map[string]struct {
		stream string
		strict commonv1.ErrorReason // OpenAI
		loose  commonv1.ErrorReason // a provider that leaves [DONE] out
	}{
		"in order":                       {text + finish + done, ok, ok},
		"no blank line behind [DONE]":    {text + finish + "data: [DONE]", ok, ok},
		"without [DONE]":                 {text + finish, cut, ok},
		"usage, without [DONE]":          {text + finish + ask, cut, ok},
		"without a finish reason":        {text, cut, cut},
		"[DONE] without a finish reason": {text + done, cut, cut},
		"usage, [DONE], no finish":       {text + ask + done, cut, cut},
		"without one of two":             {text + other + finish, cut, cut},
		"[DONE] without one of two":      {text + other + finish + done, cut, cut},
		"a high index":                   {text + far + finish + farEnd + done, ok, ok},
		"a high index without a finish":  {text + far + finish + done, cut, cut},
		"a verdict behind the finish":    {text + finish + text + done, ok, ok},
		"no choice at all":               {filter + done, ok, ok},
		"no choice at all, no [DONE]":    {filter, cut, cut},
		"in a chunk":                     {text + finish + "data: {\"choi", cut, cut},
		"behind a chunk, no blank line":  {text + strings.TrimSpace(finish), cut, ok},
		"not JSON":                       {text + "data: nonsense\n\n" + done, broken, broken},
		"no object":                      {text + "data: []\n\n" + done, broken, broken},
		"first chunk is not JSON":        {"data: nonsense\n\n" + done, broken, broken},
		"only a usage that nobody wants": {ask + done, broken, broken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind, want := range map[*providers.Type]commonv1.ErrorReason{&openai.Type: test.strict, &loose: test.loose} {
				c := call(&chatv1.ChatCompletionParams{})
				_, err := collect(t.Context(), provider(t, *kind, answering(t, "text/event-stream", test.stream)), c)
				got := ok
				if e := failure.As(err); e != nil {
					got = e.Reason
				} else if err != nil {
					t.Error(err)
				}
				if got != want {
					t.Errorf("%s: got %v (%v), want %v", kind.Name, got, err, want)
				}
				if a := c.Exchange.Attempts; a[len(a)-1].Reason != want && name != "only a usage that nobody wants" {
					t.Errorf("%s: recorded as %v", kind.Name, a[len(a)-1].Reason)
				}
			}
		})
	}
}

// What is ready comes without waiting, though the provider sends nothing more.
func TestReady(t *testing.T) {
	t.Parallel()
	const (
		chunk  = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"x\"}}]}\n\n"
		finish = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
		done   = "data: [DONE]\n\n"
	)
	for name, test := range map[string]struct {
		behind string
		ready  int // chunks that come without waiting, behind the first
		ended  bool
		proper bool // with io.EOF
	}{
		"nothing":            {"", 0, false, false},
		"a comment":          {": hi\n\n", 0, false, false},
		"a chunk":            {chunk, 1, false, false},
		"two":                {chunk + chunk, 2, false, false},
		"unwanted usage":     {"data: {\"choices\":[],\"usage\":{}}\n\n", 0, false, false},
		"usage, and a chunk": {"data: {\"choices\":[],\"usage\":{}}\n\n" + chunk, 1, false, false},
		"the end":            {finish + done, 1, true, true},
		"a chunk, the end":   {chunk + finish + done, 2, true, true},
		"the end, too early": {done, 0, true, false},
		"no chunk":           {"data: x\n\n", 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, release := holding(t, chunk+test.behind)
			defer release()
			s, err := provider(t, openai.Type, url).StreamChatCompletion(t.Context(), call(&chatv1.ChatCompletionParams{}))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for i := range 1 + test.ready {
				if !s.Ready() {
					t.Fatalf("chunk %d is not ready", i)
				}
				if _, err := s.Recv(); err != nil {
					t.Fatal(err)
				}
			}
			if s.Ready() != test.ended {
				t.Errorf("then ready is %t, want %t", !test.ended, test.ended)
			}
			if !test.ended {
				return
			}
			if _, err := s.Recv(); err == nil || errors.Is(err, io.EOF) != test.proper {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
