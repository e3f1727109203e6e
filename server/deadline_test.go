package server_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// within makes a call with a deadline: REST says it in a header, gRPC in its own.
func within(t *testing.T, p pair, way entrance, a ask, limit time.Duration) seen {
	t.Helper()
	if way.name == "REST" {
		a.header = []string{"X-Request-Timeout", limit.String()}
		return way.make(t.Context(), t, p.gw, a)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	return way.make(ctx, t, p.gw, a)
}

// A deadline is over everything: retries, targets, and a stream to its end.
func TestDeadlineIsOverAll(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, first, second, route string
		stream                     bool
		want                       string
	}{
		{name: "at the first target", first: "hang", want: "refused with DEADLINE_EXCEEDED: first 0 DEADLINE_EXCEEDED"},
		{
			name: "at the second target", first: "hang", second: "hang", route: "first_token_timeout: 0.1s, ",
			want: "refused with DEADLINE_EXCEEDED: first 0 UPSTREAM_TIMEOUT, second 0 DEADLINE_EXCEEDED",
		},
		{
			name: "at the second target of a stream", first: "hang-after=1", second: "hang", route: "first_token_timeout: 0.1s, ", stream: true,
			want: "refused with DEADLINE_EXCEEDED: first 200 UPSTREAM_TIMEOUT, second 0 DEADLINE_EXCEEDED",
		},
		{name: "while a stream is held", first: "hang-after=3", route: hold, stream: true, want: "refused with DEADLINE_EXCEEDED: first 200 DEADLINE_EXCEEDED"},
		{name: "inside a stream", first: "hang-after=3", stream: true, want: "broken off with DEADLINE_EXCEEDED: first 200 DEADLINE_EXCEEDED"},
		{name: "in time", want: "answered by first: first 200"},
	} {
		for _, way := range entrances {
			t.Run(tt.name+", "+way.name, func(t *testing.T) {
				t.Parallel()
				p := startPair(t, "", tt.route)
				limit := 2 * time.Second // gRPC ends a call the sooner before its deadline, the longer that is
				if tt.first == "" {
					limit = time.Minute
				} else {
					p.first.EnqueueText(t, tt.first)
				}
				if tt.second != "" {
					p.second.EnqueueText(t, tt.second)
				}
				got := within(t, p, way, ask{id: "call", stream: tt.stream, model: "fast"}, limit)
				entry := p.gw.Record("call").GetEntry()
				if row := outcome(got, entry); row != tt.want {
					t.Errorf("got  %s\nwant %s", row, tt.want)
				}
				if got.failed == nil {
					return
				}
				if entry.GetEnd() != commonv1.CallEnd_CALL_END_CANCELLED || got.chunks == 0 && got.status != http.StatusGatewayTimeout ||
					way.name == "gRPC" && got.code != codes.DeadlineExceeded || way.name == "REST" && got.failed.GetCode() != "deadline_exceeded" {
					t.Errorf("ended %v, status %d %v: %s", entry.GetEnd(), got.status, got.code, got.raw)
				}
			})
		}
	}
}

// A route's total is the gateway's own limit: the provider was too slow, not the client
// too impatient.
func TestTotalTimeoutOfARoute(t *testing.T) {
	t.Parallel()
	for _, way := range entrances {
		p := startPair(t, "", "total_timeout: 0.4s, first_token_timeout: 0.2s, ")
		p.first.EnqueueText(t, "hang")
		p.second.EnqueueText(t, "hang")
		got := way.make(t.Context(), t, p.gw, ask{id: "call", model: "fast"})
		want := "refused with UPSTREAM_TIMEOUT: first 0 UPSTREAM_TIMEOUT, second 0 UPSTREAM_TIMEOUT"
		if row := outcome(got, p.gw.Record("call").GetEntry()); row != want || got.status != http.StatusGatewayTimeout {
			t.Errorf("%s: got %d %s", way.name, got.status, row)
		}
	}
}

// Headers that cannot be read are refused, and nobody is asked.
func TestHeadersThatCannotBeRead(t *testing.T) {
	t.Parallel()
	up := providertest.Start(t)
	gw := servertest.Start(t, servertest.Upstream(up))
	body := servertest.ChatBody(model, "Hello")
	for _, tt := range []struct {
		name, value string
		good        bool
	}{
		{"X-Request-Timeout", "30", true},
		{"X-Request-Timeout", "2.5", true},
		{"X-Request-Timeout", "20000ms", true},
		{"X-Request-Timeout", "1m30s", true},
		{"X-Request-Timeout", "99999999999", true}, // as long as the longest
		{"X-Request-Timeout", "100000h", true},
		{"X-Request-Timeout", "", true},
		{"X-Request-Timeout", "0", false},
		{"X-Request-Timeout", "0s", false},
		{"X-Request-Timeout", "-1", false},
		{"X-Request-Timeout", "-1s", false},
		{"X-Request-Timeout", "+1s", false},
		{"X-Request-Timeout", "soon", false},
		{"X-Request-Timeout", "1e3", false},
		{"X-Request-Timeout", "1.2.3", false},
		{"X-Request-Timeout", ".", false},
		{"X-Request-Timeout", "inf", false},
		{"X-Request-Timeout", "NaN", false},
		{"X-Request-Timeout", "30 s", false},
		{"X-Request-Timeout", strings.Repeat("9", 400), false},
		{"X-Signalbox-Strict", "true", true},
		{"X-Signalbox-Strict", "false", true},
		{"X-Signalbox-Strict", "", true},
		{"X-Signalbox-Strict", "1", false},
		{"X-Signalbox-Strict", "True", false},
	} {
		calls := up.Calls()
		reply := gw.Post(chatPath, body, tt.name, tt.value)
		if good := reply.Status == http.StatusOK; good != tt.good || (up.Calls() > calls) != tt.good {
			t.Errorf("%s %q: got %d %s", tt.name, tt.value, reply.Status, reply.Body)
		}
		if tt.good {
			continue
		}
		if failed := reply.Failure(t); reply.Status != 400 || failed.Param == nil || *failed.Param != strings.ToLower(tt.name) || !strings.Contains(failed.Message, *failed.Param) {
			t.Errorf("%s %q: got %s", tt.name, tt.value, reply.Body)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, gw.REST+chatPath, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header = http.Header{"Authorization": {"Bearer " + servertest.MasterKey}, "Content-Type": {"application/json"}, "X-Request-Timeout": {"20", "30"}}
	twice, err := gw.Client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	if err := twice.Body.Close(); err != nil || twice.StatusCode != 400 {
		t.Errorf("twice: got %d, %v", twice.StatusCode, err)
	}
	if reply := gw.Do(http.MethodGet, "/v1/models", "", "X-Request-Timeout", "soon"); reply.Status != 400 {
		t.Errorf("of another route: got %d %s", reply.Status, reply.Body)
	}
}
