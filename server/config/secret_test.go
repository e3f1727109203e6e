package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/config"
)

func TestASecretShowsInNoWay(t *testing.T) {
	t.Parallel()
	secret := config.NewSecret("canary")
	type holder struct {
		Shown  config.Secret
		hidden config.Secret
	}
	one := holder{Shown: secret, hidden: secret}
	var all bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t", "%p"} {
		fmt.Fprintf(&all, verb, secret)
		fmt.Fprintf(&all, verb, one)
		fmt.Fprintf(&all, verb, &one)
		fmt.Fprintf(&all, verb, []config.Secret{secret})
		fmt.Fprintf(&all, verb, map[string]config.Secret{"k": secret})
	}
	encoded, err := json.Marshal(one)
	if err != nil {
		t.Fatal(err)
	}
	all.Write(encoded)
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&all, nil), slog.NewTextHandler(&all, nil)} {
		slog.New(handler).Info("x", "secret", secret, "holder", one, "any", []any{secret})
	}
	hex := fmt.Sprintf("%x", "canary")
	if text := all.String(); strings.Contains(text, "canary") || strings.Contains(text, hex) {
		t.Errorf("the secret shows: %s", text)
	}
	if secret.Reveal() != "canary" || !secret.IsSet() {
		t.Error("the secret is lost")
	}
}

func TestTheZeroSecretIsEmpty(t *testing.T) {
	t.Parallel()
	var none config.Secret
	if none.IsSet() || none.Reveal() != "" || config.NewSecret("").IsSet() || none.String() != "[redacted]" {
		t.Error("the zero secret is not empty")
	}
}
