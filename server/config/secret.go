package config

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is all that a secret shows of itself.
const redacted = "[redacted]"

// Secret is text that no printer, encoder or logger shows. The zero value is an
// empty secret.
type Secret struct {
	// A function, because printers that go through unexported fields by reflection
	// stop at one.
	reveal func() string
}

// NewSecret returns the secret that text is.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{reveal: func() string { return text }}
}

// Reveal returns the text. It is for the one place that needs it.
func (s Secret) Reveal() string {
	if s.reveal == nil {
		return ""
	}
	return s.reveal()
}

// IsSet says whether there is any text.
func (s Secret) IsSet() bool { return s.reveal != nil }

// String is "[redacted]".
func (s Secret) String() string { return redacted }

// GoString is "[redacted]".
func (s Secret) GoString() string { return redacted }

// Format writes "[redacted]", whatever the verb.
func (s Secret) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, redacted) }

// MarshalJSON is "[redacted]", quoted.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// MarshalText is "[redacted]".
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue is "[redacted]".
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }
