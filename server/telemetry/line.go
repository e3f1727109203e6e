package telemetry

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

// logCall writes the call's line: at info when the gateway or a provider failed,
// else at debug. Never content, never credentials: nothing that the client typed
// but its request id, which is visible ASCII.
func logCall(ctx context.Context, log *slog.Logger, c *call.Call, failed *failure.Error, end time.Time, trace string) {
	status, level := statusOf(failed), slog.LevelDebug
	if status >= http.StatusInternalServerError {
		level = slog.LevelInfo
	}
	if !log.Enabled(ctx, level) {
		return
	}
	target := c.Target()
	attrs := make([]slog.Attr, 0, 16)
	attrs = append(attrs,
		slog.String("request_id", c.RequestID), slog.String("call_id", c.ID),
		slog.String("rpc", named(c.RPC)), slog.String("entrance", entranceNames[entranceOf(c)]),
		slog.Int("status", status), slog.String("end", endName(c)),
		slog.Float64("duration_ms", float64(end.Sub(c.Start).Microseconds())/1000), slog.Int("attempts", len(c.Outcome.Exchange.Attempts)))
	if target != nil {
		attrs = append(attrs, slog.String("provider", target.GetProvider()), slog.String("model", target.GetModel()))
	}
	if c.Principal != nil {
		attrs = append(attrs, slog.String("principal", c.Principal.Name))
	}
	if trace != "" {
		attrs = append(attrs, slog.String("trace_id", trace))
	}
	if failed != nil {
		attrs = append(attrs, slog.String("reason", reasonName(failed.Reason)))
		if cause := networkCause(failed); cause != nil {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
	}
	log.LogAttrs(ctx, level, "call", attrs...)
}

// networkCause is what the network did to a call, if that is why it failed. Other
// causes are not for this line: only these are sure to hold addresses and numbers
// alone, neither bodies nor URLs.
func networkCause(failed *failure.Error) error {
	var (
		name        *net.DNSError
		operation   *net.OpError
		certificate *tls.CertificateVerificationError
		alert       tls.AlertError
		number      syscall.Errno
	)
	switch {
	case errors.As(failed.Cause, &operation):
		return operation
	case errors.As(failed.Cause, &name):
		return name
	case errors.As(failed.Cause, &certificate):
		return certificate
	case errors.As(failed.Cause, &alert):
		return alert
	case errors.As(failed.Cause, &number):
		return number
	case errors.Is(failed.Cause, io.ErrUnexpectedEOF):
		return io.ErrUnexpectedEOF
	case errors.Is(failed.Cause, io.EOF):
		return io.EOF
	default:
		return nil
	}
}
