package telemetry

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"
)

// NewLogger returns a logger that writes one line for each record. level is
// "debug", "info", "warn" or "error"; format is "json" or "text", and empty means
// text on a terminal, else JSON. No value can forge a line, or a terminal's
// commands.
func NewLogger(level, format string, w io.Writer, isTerminal bool) *slog.Logger {
	var at slog.Level
	if err := at.UnmarshalText([]byte(level)); err != nil {
		at = slog.LevelInfo // also the default; the configuration takes no other
	}
	options := &slog.HandlerOptions{Level: at}
	if format == "text" || format == "" && isTerminal {
		return slog.New(slog.NewTextHandler(&escaping{w: w}, options))
	}
	return slog.New(slog.NewJSONHandler(&escaping{w: w}, options))
}

// escaping escapes what slog lets pass, though terminals and viewers obey it:
// delete, the C1 controls, and marks that turn the direction of text. In JSON they
// can only stand in strings, where the escape means the same.
type escaping struct{ w io.Writer }

// Write writes one record. slog's handler calls it for one at a time.
func (e *escaping) Write(line []byte) (int, error) {
	clean := line
	if bytes.ContainsFunc(line, obeyed) {
		clean = make([]byte, 0, len(line)+64)
		for _, r := range string(line) {
			if obeyed(r) {
				clean = fmt.Appendf(clean, `\u%04x`, r)
			} else {
				clean = utf8.AppendRune(clean, r)
			}
		}
	}
	if _, err := e.w.Write(clean); err != nil {
		return 0, fmt.Errorf("write the log: %w", err)
	}
	return len(line), nil
}

func obeyed(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r == 0x61c || r >= 0x200e && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
