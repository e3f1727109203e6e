package telemetry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/telemetry"
)

// Whatever a value holds, a record is one line, and holds nothing that a terminal
// obeys.
func TestLogLinesCannotBeForged(t *testing.T) {
	t.Parallel()
	evil := []string{
		"a\nlevel=ERROR msg=forged", "a\r\n{\"level\":\"ERROR\"}", "\x1b[2J", "\u009b2J", "\x7f", "\u0085next", "\u2028", "\u202eturned", "\u2066x",
		`"quoted" \ =`, "\xff\xfe", "\x00", "zero\u200bwidth",
	}
	for _, format := range []string{"json", "text"} {
		for _, value := range evil {
			t.Run(fmt.Sprintf("%s %q", format, value), func(t *testing.T) {
				t.Parallel()
				var b bytes.Buffer
				log := telemetry.NewLogger("info", format, &b, false)
				record := slog.NewRecord(time.Now(), slog.LevelInfo, value, 0)
				record.Add(value, value, "error", errors.New(value), "any", map[string]string{value: value}, slog.Group(value, "in", value))
				if err := log.Handler().Handle(t.Context(), record); err != nil {
					t.Fatal(err)
				}
				line, ok := strings.CutSuffix(b.String(), "\n")
				if !ok || strings.ContainsAny(line, "\n\r\x1b\x7f\x00\u0085\u009b\u2028\u202e\u2066") {
					t.Errorf("the line is %q", b.String())
				}
				if format == "json" {
					var read map[string]any
					if err := json.Unmarshal(b.Bytes(), &read); err != nil {
						t.Fatalf("not JSON: %v: %s", err, line)
					}
					if want := strings.ToValidUTF8(value, "\ufffd"); read["error"] != want && read["error"] != "\ufffd\ufffd" {
						t.Errorf("the value is %q, want %q", read["error"], want)
					}
				}
			})
		}
	}
}

// Level and format as configured; text is what people see on a terminal.
func TestLogLevelAndFormat(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		level, format string
		terminal      bool
		json          bool
		lines         int // of debug, info, warn, error
	}{
		{"debug", "json", true, true, 4},
		{"info", "text", false, false, 3},
		{"warn", "", false, true, 2},
		{"error", "", true, false, 1},
		{"", "", false, true, 3},
	} {
		var b bytes.Buffer
		log := telemetry.NewLogger(tc.level, tc.format, &b, tc.terminal)
		log.Debug("x")
		log.Info("x")
		log.Warn("x")
		log.Error("x")
		if n := strings.Count(b.String(), "\n"); n != tc.lines || strings.HasPrefix(b.String(), "{") != tc.json {
			t.Errorf("%+v: %s", tc, b.String())
		}
	}
}

// One line for each call: at info where the gateway or a provider failed, so that a
// quiet log means that all is well.
func TestLogLineOfCalls(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, tc := range []struct {
		name  string
		call  *call.Call
		err   error
		level string
		want  map[string]any
	}{
		{"completed", chat("gpt-4o"), nil, "DEBUG", map[string]any{
			"rpc": createRPC, "entrance": "rest", "status": 200.0, "end": "completed", "provider": "openai", "model": "gpt-4o", "attempts": 1.0, "principal": "alice", "reason": nil,
		}},
		{"refused", chat("gpt-4o"), failure.New(commonv1.ErrorReason_ERROR_REASON_SCOPE_MISSING, "No."), "DEBUG", map[string]any{"status": 403.0, "reason": "scope_missing"}},
		{"left", stream("gpt-4o"), failure.New(commonv1.ErrorReason_ERROR_REASON_CANCELLED, "The client left."), "DEBUG", map[string]any{
			"status": 499.0, "end": "cancelled", "entrance": "grpc",
		}},
		{"upstream out of reach", chat("gpt-4o"), failure.Wrap(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_UNREACHABLE, "No.", fmt.Errorf("post: %w", refused)), "INFO", map[string]any{
			"status": 502.0, "reason": "upstream_unreachable", "cause": "dial tcp: connection refused",
		}},
		{"fault of ours", chat("gpt-4o"), errors.New("the prompt was: secret"), "INFO", map[string]any{"status": 500.0, "reason": "internal", "cause": nil}},
		{"no route", call.New(0, "client-id"), failure.New(commonv1.ErrorReason_ERROR_REASON_ROUTE_NOT_FOUND, "No."), "DEBUG", map[string]any{
			"rpc": "none", "request_id": "client-id", "status": 404.0, "provider": nil, "principal": nil,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, off())
			r.pass(tc.call, tc.err)
			var line map[string]any
			if err := json.Unmarshal([]byte(r.log.String()), &line); err != nil {
				t.Fatalf("not one line: %v: %s", err, r.log)
			}
			if line["level"] != tc.level || line["msg"] != "call" || line["call_id"] != tc.call.ID {
				t.Errorf("the line is %v", line)
			}
			if took, ok := line["duration_ms"].(float64); !ok || took < 0 {
				t.Errorf("duration_ms = %v", line["duration_ms"])
			}
			hasAttributes(t, "line", line, tc.want)
		})
	}
}
