package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/providers/providertest"
)

// The program serves what its flags say, prints its URL, and ends in order.
func TestProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"strict", []string{"-key", "sk-a,sk-b", "-log", filepath.Join(dir, "log")}, `You said: Hi`},
		{"shaped", []string{"-key", "sk-b", "-reply-bytes", "3000", "-direct", "-delay", "1ms"}, strings.Repeat("all work and no play makes a dull test upstream ", 60)},
		{"groq", []string{"-profile", "groq", "-models", "gpt-4o-mini", "-key", "sk-b"}, `"service_tier":"on_demand"`},
		{"fast", []string{"-fast", "-reply-bytes", "300"}, `all work`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			out, in := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- run(ctx, c.args, in) }()
			url, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			body := strings.NewReader(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}]}`)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSpace(url)+"/chat/completions", body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer sk-b")
			req.Header.Set("Content-Type", "application/json")
			resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), c.want) {
				t.Errorf("%d %s %v", resp.StatusCode, b, err)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		if b, err := os.ReadFile(filepath.Join(dir, "log")); err != nil || strings.Count(string(b), "\n") != 2 {
			t.Errorf("the log: %s %v", b, err)
		}
	})
}

func TestFlagsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	if err := run(t.Context(), []string{"-fast", "-log", "x"}, io.Discard); err == nil {
		t.Error("-fast took -log")
	}
	if err := run(t.Context(), []string{"-addr", "nowhere:99999"}, io.Discard); err == nil {
		t.Error("an address that is none was taken")
	}
	if err := run(t.Context(), []string{"-profile", "nobody"}, io.Discard); err == nil {
		t.Error("a provider that is none was taken")
	}
	if providertest.DefaultKey == "" {
		t.Error("no default key")
	}
}
