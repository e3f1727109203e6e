package server

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/server/config"
)

// assembled is a gateway before the demonstration provider, on any free ports, with
// this file of configuration and these variables. It is not run.
func assembled(t *testing.T, log *slog.Logger, file string, environ ...string) *Server {
	t.Helper()
	path := filepath.Join(t.TempDir(), "signalbox.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	environ = append(environ, "SIGNALBOX_DATA_DIR="+t.TempDir(), "SIGNALBOX_HTTP_ADDR=127.0.0.1:0", "SIGNALBOX_GRPC_ADDR=127.0.0.1:0")
	cfg, err := config.Load(config.Source{Path: path, Environ: environ, Types: builtin.Types})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(t.Context(), Params{Config: cfg, Types: builtin.Types, Log: log, Version: "test", Extra: nil, Spoil: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestAnnouncedCommandsFitTheConfiguration(t *testing.T) {
	t.Parallel()
	const (
		keys     = "auth: {keys: [{name: a, sha256: 0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a}]}\n"
		hidden   = "server: {reflection: false}\n"
		master   = "SIGNALBOX_MASTER_KEY=0123456789abcdef"
		protoset = "curl -so signalbox.binpb http://REST/proto/signalbox.binpb && grpcurl -protoset signalbox.binpb "
		ask      = `-d '{"params":{"model":"demo-echo","messages":[{"role":"user","content":"Hello"}]}}' GRPC signalbox.chat.v1.ChatService/CreateChatCompletion`
	)
	for _, test := range []struct {
		name, file string
		environ    []string
		bearer     string // -H and its value, for curl and grpcurl
		key        string // for the SDK
		grpcurl    string
	}{
		{"no key", "", nil, "", "none", "grpcurl -plaintext "},
		{"a master key", "", []string{master}, `-H "Authorization: Bearer $SIGNALBOX_MASTER_KEY" `, "$SIGNALBOX_MASTER_KEY", "grpcurl -plaintext "},
		{"keys alone", keys, nil, `-H "Authorization: Bearer $SIGNALBOX_KEY" `, "$SIGNALBOX_KEY", "grpcurl -plaintext "},
		{"both", keys, []string{master}, `-H "Authorization: Bearer $SIGNALBOX_MASTER_KEY" `, "$SIGNALBOX_MASTER_KEY", "grpcurl -plaintext "},
		{"no reflection", hidden, nil, "", "none", protoset + "-plaintext "},
		{"keys alone, no reflection", keys + hidden, nil, `-H "Authorization: Bearer $SIGNALBOX_KEY" `, "$SIGNALBOX_KEY", protoset + "-plaintext "},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := assembled(t, slog.New(slog.DiscardHandler), test.file, test.environ...)
			places := strings.NewReplacer("REST", s.HTTPAddr(), "GRPC", s.GRPCAddr())
			for i, want := range []string{
				`curl http://REST/v1/chat/completions ` + test.bearer +
					`-H 'Content-Type: application/json' -d '{"model":"demo-echo","messages":[{"role":"user","content":"Hello"}]}'`,
				`OPENAI_BASE_URL=http://REST/v1 OPENAI_API_KEY="` + test.key + `" node -e 'new (require("openai"))().chat.completions.create(` +
					`{model:"demo-echo",messages:[{role:"user",content:"Hello"}]}).then(r=>console.log(r.choices[0].message.content))'`,
				test.grpcurl + test.bearer + ask,
			} {
				if got := s.firstCalls()[i]; got != places.Replace(want) {
					t.Errorf("got  %s\nwant %s", got, places.Replace(want))
				}
			}
		})
	}
}

func TestAnnounceTellsWhatServes(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := assembled(t, slog.New(slog.NewJSONHandler(&log, nil)), "")
	s.Announce(&bytes.Buffer{})
	for line := range bytes.Lines(log.Bytes()) {
		var serving struct {
			Msg        string   `json:"msg"`
			Rest       string   `json:"rest"`
			Providers  []string `json:"providers"`
			ModelCards string   `json:"model_cards"`
		}
		if err := json.Unmarshal(line, &serving); err != nil {
			t.Fatal(err)
		}
		if serving.Msg != "serving" {
			continue
		}
		if serving.Rest != s.HTTPAddr() || len(serving.Providers) != 1 || serving.ModelCards == "" || serving.ModelCards != s.catalog.CardsVersion() {
			t.Errorf("%s", line)
		}
		return
	}
	t.Errorf("no line says what serves: %s", log.Bytes())
}
