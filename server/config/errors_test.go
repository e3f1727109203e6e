package config_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/signalbox-ai/signalbox/server/config"
)

func TestWhatIsWrongIsToldInOneLine_WithItsPlace(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("0a", 32)
	for _, test := range []struct {
		name    string
		file    string
		environ []string
		want    []string // the lines, FILE for the file's path; a line may be cut short
	}{
		{"no YAML", "server: {\n  a: [\n", nil, []string{"FILE:2: did not find expected node content"}},
		{"a tab", "server:\n\thttp_addr: x\n", nil, []string{"FILE:2: found character that cannot start any token"}},
		{"two documents", "demo: true\n---\ndemo: false\n", nil, []string{"FILE:2:1: a second document; the file must have one"}},
		{"a text", "hello\n", nil, []string{"FILE:1:1: expected fields for signalbox.config.v1.Config, got scalar"}},
		{
			"an unknown member", "server:\n  http_adr: x\n", nil,
			[]string{`FILE:2:3: unknown member "http_adr"; there are http_addr, grpc_addr, insecure, `},
		},
		{"another spelling", "server: {httpAddr: x}\n", nil, []string{`FILE:1:10: unknown member "httpAddr"; there are `}},
		{"a number for a name", "9: true\n", nil, []string{`FILE:1:1: unknown member "9"; there are `}},
		{"a member twice", "demo: true\ndemo: false\n", nil, []string{`FILE:2:1: member "demo" stands here twice`}},
		{"an empty item", "providers:\n  -\n", nil, []string{"FILE:2:4: an empty item"}},
		{"an alias", "server: &a {}\nstorage: *a\n", nil, []string{"FILE:2:10: aliases are not supported"}},
		{"the wrong kind", "server: {insecure: perhaps}\n", nil, []string{`FILE:1:20: expected bool, got "perhaps"`}},
		{"no unit", "upstream: {max_backoff: 5}\n", nil, []string{"FILE:1:25: invalid duration: missing unit"}},
		{"a rule of the proto", "upstream:\n  max_attempts: 11\n", nil, []string{"FILE:2:17: upstream.max_attempts: "}},
		{
			"several", "upstream: {max_attempts: 0, idle_timeout: -1s}\ntelemetry: {log_level: loud}\n", nil,
			[]string{"FILE:1:26: upstream.max_attempts: ", "FILE:1:43: upstream.idle_timeout: ", "FILE:2:24: telemetry.log_level: "},
		},
		{"a missing variable", "auth: {master_key: \"${KEY}\"}\n", nil, []string{"FILE:1:20: ${KEY}: the variable is not set; ${KEY:-} allows that"}},
		{"half a reference", "auth: {master_key: \"${KEY\"}\n", []string{"KEY=x"}, []string{"FILE:1:20: a reference is ${NAME} or ${NAME:-default}; write $${ for a plain ${"}},
		{
			"a value of a variable in the wrong place", "server: {insecure: \"${KEY}\"}\n", []string{"KEY=sk-canary"},
			[]string{`FILE:1:20: expected bool, got "${KEY}"`},
		},

		{
			"several of several kinds", "server: {http_adr: x}\nupstream: {max_attempts: 99, max_backoff: \"${X}\"}\n", []string{"SIGNALBOX_INSECURE=perhaps"},
			[]string{`FILE:1:10: unknown member "http_adr"`, "FILE:2:43: ${X}: the variable is not set", "FILE:2:26: upstream.max_attempts: ", "SIGNALBOX_INSECURE: must be true or false"},
		},

		{"a bad variable", "", []string{"SIGNALBOX_INSECURE=perhaps"}, []string{"SIGNALBOX_INSECURE: must be true or false"}},
		{"a bad level", "", []string{"SIGNALBOX_LOG_LEVEL=loud"}, []string{"SIGNALBOX_LOG_LEVEL: "}},

		{"a long master key", "", []string{"SIGNALBOX_MASTER_KEY=" + strings.Repeat("x", 4097)}, []string{"SIGNALBOX_MASTER_KEY: must have at most 4096 bytes"}},
		{"a master key with a space", "auth: {master_key: a b}", nil, []string{"FILE:1:20: auth.master_key: must be visible ASCII"}},
		{
			"names and secrets twice", "auth:\n  keys:\n    - {name: a, sha256: " + hash + "}\n    - {name: a, sha256: " + strings.ToUpper(hash) + "}\n", nil,
			[]string{`FILE:4:14: auth.keys[1].name: another key is named "a"`, `FILE:4:25: auth.keys[1].sha256: the secret is that of key "a" already`},
		},
		{
			"the master key as a key", "auth: {master_key: test, keys: [{name: a, sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08}]}\n", nil,
			[]string{"FILE:1:51: auth.keys[0].sha256: the secret is that of the master key already"},
		},
		{
			"patterns of models", "auth: {keys: [{name: a, sha256: " + hash + ", allowed_models: [\"*-mini\", \"\"]}]}\n", nil,
			[]string{`allowed_models[0]: "*" may only stand at the end`, "allowed_models[1]: is empty"},
		},

		{
			"an unknown type", "providers: [{name: x, type: opanai, api_key: k}]\n", nil,
			[]string{`FILE:1:29: providers[0].type: there is no type "opanai" of providers; there are "openai", "openai-like", "ollama", "azure", "openrouter", "openai_compatible", "demo"`},
		},
		{"a name that is no type", "providers: [{name: mine, api_key: k}]\n", nil, []string{`FILE:1:20: providers[0].name: there is no type "mine"`}},
		{
			"no key", "providers: [{name: openai}, {name: openai-eu, type: openai}, {name: x, type: openai}]\n", nil,
			[]string{
				`FILE:1:13: providers[0]: "openai" has no API key; set api_key, or the variable OPENAI_API_KEY`,
				`"openai-eu" has no API key; set api_key, or the variable OPENAI_EU_API_KEY`, `"x" has no API key; set api_key`,
			},
		},
		{"a key with a line break", "", []string{"OPENAI_API_KEY=a\nb"}, []string{"OPENAI_API_KEY: must be visible ASCII"}},
		{"a name twice", "providers: [{name: ollama}, {name: ollama}]\n", nil, []string{`FILE:1:36: providers[1].name: another provider is named "ollama"`}},
		{"no base URL", "providers: [{name: x, type: openai-like, api_key: k}]\n", nil, []string{`providers[0]: "x" has no base URL; set base_url`}},
		{"no base URL of a keyless one", "providers: [{name: openai_compatible}]\n", nil, []string{`providers[0]: "openai_compatible" has no base URL; set base_url, or the variable OPENAI_COMPATIBLE_BASE_URL`}},
		{
			"labels of keys", "providers:\n  - name: ollama\n    keys: [{label: a, api_key: canary-k}, {label: a, api_key: k}, {label: ollama, api_key: k}, {label: eu-b}, {label: c, api_key: canary k}]\n", nil,
			[]string{
				`FILE:3:51: providers[0].keys[1].label: another key of "ollama" has the label "a"`,
				`FILE:3:75: providers[0].keys[2].label: "ollama" is the provider's own name, which is the label of its api_key`,
				`providers[0].keys[3].label: the key "eu-b" has no secret; set api_key, or the variable OLLAMA_API_KEY_EU_B`,
				`providers[0].keys[4].api_key: must be visible ASCII`,
			},
		},
		{"no label", "providers: [{name: ollama, keys: [{api_key: canary-k}]}]\n", nil, []string{"FILE:1:35: providers[0].keys[0].label: "}},
		{"a weight beyond the limit", "providers: [{name: ollama, keys: [{label: a, api_key: canary-k, weight: 1001}]}]\n", nil, []string{"providers[0].keys[0].weight: "}},
		{"a further key with a line break", "", []string{"OLLAMA_API_KEY_A=canary\nb"}, []string{"OLLAMA_API_KEY_A: must be visible ASCII"}},
		{"a variable without a label", "", []string{"OLLAMA_API_KEY_Ä=canary"}, []string{"OLLAMA_API_KEY_Ä: "}},
		{"a label twice, by a variable", "providers: [{name: ollama, keys: [{label: ollama}]}]\n", []string{"OLLAMA_API_KEY_OLLAMA=canary"}, []string{"FILE:1:43: providers[0].keys[0].label: \"ollama\" is the provider's own name"}},
		{
			"members of other types", "providers: [{name: ollama, api_version: v, deployments: {a: b}, site_url: \"https://x\", site_name: x}]\n", nil,
			[]string{
				`FILE:1:41: providers[0].api_version: providers of the type "ollama" have none, those of "azure" do`, `providers[0].deployments: providers of the type "ollama" have none`,
				`providers[0].site_name: providers of the type "ollama" have none, those of "openrouter" do`, `providers[0].site_url: providers of the type "ollama" have none`,
			},
		},
		{"a site", "providers: [{name: openrouter, api_key: k, site_url: example.com, site_name: \"a\\nb\"}]\n", nil, []string{"FILE:1:54: providers[0].site_url: must be a URL", "providers[0].site_name: must be visible"}},
		{
			"deployments", "providers:\n  - name: azure\n    api_key: k\n    base_url: https://x\n    deployments: {a: \"\", \"\": b, c: d}\n", nil,
			[]string{`providers[0].deployments[""]: names nothing`, `FILE:5:22: providers[0].deployments["a"]: names nothing`},
		},
		{"deployments twice", "providers: [{name: azure, deployments: {a: b, a: c, d: ~}}]\n", nil, []string{`FILE:1:47: "a" stands here twice`, `FILE:1:56: an empty item`}},
		{"deployments that are none", "providers: [{name: azure, deployments: [a]}]\n", nil, []string{"FILE:1:40: "}},
		{"a reference in deployments", "providers: [{name: azure, deployments: {a: \"${NO}\"}}]\n", nil, []string{"FILE:1:44: ${NO}: the variable is not set"}},
		{"a version with a space", "", []string{"AZURE_API_KEY=k", "AZURE_BASE_URL=https://x", "AZURE_API_VERSION=a b"}, []string{"AZURE_API_VERSION: must be visible ASCII"}},

		{"a route twice", "routes: [{name: a, targets: [{model: m}]}, {name: a, targets: [{model: m}]}]\n", nil, []string{`FILE:1:51: routes[1].name: another route is named "a"`}},
		{
			"a route that names a provider", "routes: [{name: mine/x, targets: [{model: m}]}, {name: ollama/x, targets: [{model: m}]}, {name: mine, targets: [{model: m}]}]\nproviders: [{name: mine, type: ollama}]\n", nil,
			[]string{`FILE:1:17: routes[0].name: "mine" before the slash is a provider`, `routes[1].name: "ollama" before the slash is the type of a provider`},
		},
		{"slashes of a route", "routes: [{name: a/, targets: [{model: m}]}, {name: a//b, targets: [{model: m}]}]\n", nil, []string{"FILE:1:17: routes[0].name: has nothing", "routes[1].name: has nothing"}},
		{"a route by another name", "routes: [{name: \"a b\", targets: [{model: m}]}]\n", nil, []string{"FILE:1:17: routes[0].name: "}},
		{"a route without targets", "routes: [{name: a}]\n", nil, []string{"FILE:1:10: routes[0].targets: "}},
		{
			"targets", "routes:\n  - {name: a, targets: [{model: b}, {model: \" \"}, {model: a}]}\n  - {name: b, targets: [{model: m, when: {min_input_bytes: 2, max_input_bytes: 1}}]}\n", nil,
			[]string{
				`FILE:2:33: routes[0].targets[0].model: "b" is a route; a target is a model`, "routes[0].targets[1].model: is empty", `routes[0].targets[2].model: "a" is a route`,
				"routes[1].targets[0].when.max_input_bytes: is less than min_input_bytes",
			},
		},
		{"no weight", "routes: [{name: a, strategy: ROUTE_STRATEGY_WEIGHTED, targets: [{model: m, weight: 0}]}]\n", nil, []string{"FILE:1:30: routes[0].strategy: no target has a weight"}},
		{
			"names and secrets of keys", "auth: {keys: [{name: a b, sha256: canary, owner: team}]}\n", nil,
			[]string{
				"FILE:1:22: auth.keys[0].name: must be 1 to 64 letters", `FILE:1:35: auth.keys[0].sha256: must be the SHA-256 of the key, 64 hexadecimal digits: printf %s "$secret" | sha256sum`,
				`FILE:1:50: auth.keys[0].owner: must be a path of names such as "/team/alpha"`,
			},
		},
		{
			"names of values", "auth: {keys: [{name: a, sha256: " + hash + ", scopes: [SCOPE_FOO, SCOPE_CHAT]}]}\naudit: {fsync: NEVER}\n", nil,
			[]string{`there is no "SCOPE_FOO"; there are SCOPE_ANY, SCOPE_CHAT, SCOPE_RESPONSES, SCOPE_EMBEDDINGS, SCOPE_ADMIN_READ, SCOPE_RAW_IDS`, `FILE:2:16: there is no "NEVER"; there are FSYNC_INTERVAL, FSYNC_ALWAYS`},
		},
		{"the scope for nothing", "auth: {keys: [{name: a, sha256: " + hash + ", scopes: [SCOPE_UNSPECIFIED]}]}\n", nil, []string{"auth.keys[0].scopes[0]: must be a scope, such as SCOPE_CHAT"}},
		{"a number that is no value", "audit: {fsync: 7}\n", nil, []string{"FILE:1:16: audit.fsync: "}},
		{"an unknown strategy", "routes: [{name: a, strategy: BEST, targets: [{model: m}]}]\n", nil, []string{"FILE:1:30: "}},
		{"a route that takes very long", "routes: [{name: a, total_timeout: 1000000000h, targets: [{model: m}]}]\n", nil, []string{"FILE:1:35: routes[0].total_timeout: is too long"}},
		{"a wait of nothing", "routes: [{name: a, first_token_timeout: 0s, targets: [{model: m}]}]\n", nil, []string{"FILE:1:41: routes[0].first_token_timeout: "}},

		{"short keys for ids", "objects: {id_keys: [canary]}\n", nil, []string{"FILE:1:21: objects.id_keys[0]: "}},
		{"a short key for ids", "", []string{"SIGNALBOX_ID_KEY=canary"}, []string{"SIGNALBOX_ID_KEY: must have at least 32 characters"}},
		{"small objects", "objects: {max_bytes: 1}\n", nil, []string{"FILE:1:22: objects.max_bytes: "}},
		{"an empty model", "providers: [{name: ollama, models: [a, \" \"]}]\n", nil, []string{"providers[0].models[1]: is empty"}},
		{"demo refused and configured", "demo: false\nproviders: [{name: demo}]\n", nil, []string{"providers[0]: is a demonstration, and `demo` is false"}},
		{"demo asked for, its name taken", "demo: true\nproviders: [{name: demo, type: ollama}]\n", nil, []string{`demo: another provider is named "demo"`}},

		{"no address", "", []string{"SIGNALBOX_HTTP_ADDR=8080"}, []string{`SIGNALBOX_HTTP_ADDR: must be "host:port" or ":port"`}},
		{"no port", "server: {grpc_addr: \"x:70000\"}", nil, []string{`FILE:1:21: server.grpc_addr: must be "host:port" or ":port"`}},
		{"one address", "server: {http_addr: \":1\", grpc_addr: \":1\"}", nil, []string{"server.grpc_addr: is the address of the REST listener too"}},
		{"an open address without a key", "", []string{"SIGNALBOX_HTTP_ADDR=10.0.0.1:80"}, []string{"SIGNALBOX_HTTP_ADDR: 10.0.0.1:80 is beyond loopback and no key is configured; set SIGNALBOX_MASTER_KEY"}},
		{"no range", "server: {trusted_proxies: [10.0.0.1]}", nil, []string{`server.trusted_proxies[0]: must be a range such as "10.0.0.0/8"`}},

		{"no database", "", []string{"SIGNALBOX_DATABASE_URL=mysql://u:canary@h/d"}, []string{`SIGNALBOX_DATABASE_URL: must begin with "postgres://" and name a host`}},
		{"a header with credentials", "audit: {show_headers: [accept, X-Api-Key]}", nil, []string{`audit.show_headers[1]: "x-api-key" carries credentials`}},
		{"no endpoint", "", []string{"OTEL_EXPORTER_OTLP_ENDPOINT=localhost:4317"}, []string{"OTEL_EXPORTER_OTLP_ENDPOINT: must be a URL"}},
		{"a very long time", "audit: {retention: 1000000000h}", nil, []string{"audit.retention: is too long"}},
		{
			"several at once", "server: {trusted_proxies: [x]}\nproviders: [{name: q}]\n", []string{"SIGNALBOX_HTTP_ADDR=x"},
			[]string{"providers[0].name: there is no type", "SIGNALBOX_HTTP_ADDR: must be", "server.trusted_proxies[0]: must be"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "box.yaml")
			write(t, path, test.file)
			_, err := config.Load(config.Source{Path: path, Environ: test.environ, Types: types})
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(strings.ReplaceAll(err.Error(), path, "FILE"), "\n")
			if len(lines) != len(test.want) {
				t.Errorf("lines:\n%s", strings.Join(lines, "\n"))
			}
			for i, want := range test.want {
				if i < len(lines) && !strings.Contains(lines[i], want) {
					t.Errorf("got  %s\nwant %s", lines[i], want)
				}
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("a secret shows: %v", err)
			}
		})
	}
}

func TestBaseURLs(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, want, fault string }{
		{"https://api.example.com/v1/", "https://api.example.com/v1", ""},
		{"https://api.example.com", "https://api.example.com", ""},
		{" https://x:8443/a/b ", "https://x:8443/a/b", ""},
		{"http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1", ""},
		{"http://[::1]:8000", "http://[::1]:8000", ""},
		{"http://localhost", "http://localhost", ""},
		{"http://box.localhost/v1", "", "must be https"},
		{"http://api.example.com/v1", "", "must be https"},
		{"http://127.0.0.1.example.com", "", "must be https"},
		{"http://10.0.0.1", "", "must be https"},
		{"https://user:canary@x/v1", "", "must have no user"},
		{"https://x/v1?key=canary", "", "must have neither a query nor a fragment"},
		{"https://x/v1?", "", "must have neither a query nor a fragment"},
		{"https://x/v1#", "", "must have neither a query nor a fragment"},
		{"https://x/a/../v1", "", "must have a plain path"},
		{"https://x/a//b", "", "must have a plain path"},
		{"https:///v1", "", "must be a URL"},
		{"https://:443/v1", "", "must be a URL"},
		{"//x/v1", "", "must be a URL"},
		{"x/v1", "", "must be a URL"},
		{"https:x", "", "must be a URL"},
		{"ftp://x", "", "must be a URL"},
		{"https://x\x7f", "", "must be a URL"},
	} {
		c, err := load(t, "", "OPENAI_API_KEY=k", "OPENAI_BASE_URL="+test.url)
		switch {
		case test.fault != "":
			if err == nil || !strings.HasPrefix(err.Error(), "OPENAI_BASE_URL: "+test.fault) || strings.Contains(err.Error(), "canary") {
				t.Errorf("%s: error %v", test.url, err)
			}
		case err != nil:
			t.Errorf("%s: error %v", test.url, err)
		case c.Message.GetProviders()[0].GetBaseUrl() != test.want:
			t.Errorf("%s: %s", test.url, c.Message.GetProviders()[0].GetBaseUrl())
		}
	}
	if c := loaded(t, "providers: [{name: openai, api_key: k, base_url: \"http://10.0.0.1/v1\", allow_http: true}]"); c.Message.GetProviders()[0].GetBaseUrl() != "http://10.0.0.1/v1" {
		t.Error("allow_http does not allow http")
	}
}
