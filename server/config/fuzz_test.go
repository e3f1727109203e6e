package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/config"
)

// FuzzLoad holds that whatever the file and `.env` are, Load answers: with a
// configuration or with lines that each name a place.
func FuzzLoad(f *testing.F) {
	f.Add("server: {http_addr: \":1\"}\nproviders:\n  - name: openai\n    api_key: ${A:-b}\n", "A=b\n")
	f.Add("a: b\rc: d\u2028e: f", "\"")
	f.Add("#\r#\r\u2028#\u0085server: 5", "")
	f.Add("? [a]\n: b\n", "export A='x\n")
	f.Add("x: !!binary aGk=\n<<: {demo: true}\n", "A=${B}")
	f.Add("auth: {keys: [{name: a, sha256: zz, expire_time: 5}]}", "")
	f.Add("server: {drain_lag: 9e99h, max_body_bytes: 1e30, tls: {}}", "")
	f.Add("providers:\n  - {name: azure, deployments: {a: b, a: ~, ? [x] : ${A}}, keys: [{label: a, weight: 0}]}\n", "AZURE_API_KEY_A=x\nAZURE_API_VERSION=9\n")
	f.Add("routes: [{name: a/b, hold: 1s, strategy: 2, targets: [{model: a, when: {owners: [/a], max_input_bytes: -1}}]}]\nobjects: {id_keys: [a]}\n", "SIGNALBOX_ID_KEY=a\n")
	f.Fuzz(func(t *testing.T, file, dotenv string) {
		path, env := filepath.Join(t.TempDir(), "box.yaml"), filepath.Join(t.TempDir(), ".env")
		for name, text := range map[string]string{path: file, env: dotenv} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c, err := config.Load(config.Source{Path: path, Dotenv: env, Types: types})
		if (c == nil) == (err == nil) {
			t.Fatalf("config %v, error %v", c, err)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
	})
}
