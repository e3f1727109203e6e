package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"

	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers"
	"github.com/signalbox-ai/signalbox/server/config"
)

var types = []providers.Type{
	{Name: "openai", BaseURL: "https://api.openai.com/v1"},
	{Name: "openai-like"},
	{Name: "ollama", BaseURL: "http://localhost:11434/v1", Keyless: true},
	{Name: "azure"},
	{Name: "openrouter", BaseURL: "https://openrouter.ai/api/v1"},
	{Name: "openai_compatible", Keyless: true},
	{Name: "demo", Keyless: true},
}

// load loads a file of this text, none if it is empty, with these variables.
func load(t *testing.T, file string, environ ...string) (*config.Config, error) {
	t.Helper()
	source := config.Source{Environ: environ, Types: types}
	if file != "" {
		source.Path = filepath.Join(t.TempDir(), "box.yaml")
		write(t, source.Path, file)
	}
	return config.Load(source)
}

func loaded(t *testing.T, file string, environ ...string) *config.Config {
	t.Helper()
	c, err := load(t, file, environ...)
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWithoutAnything_TheDemonstrationServesThisMachine(t *testing.T) {
	t.Parallel()
	c := loaded(t, "")
	if got := providerNames(c); !slices.Equal(got, []string{"demo"}) || !c.Message.GetDemo() {
		t.Errorf("providers %v, demo %v", got, c.Message.GetDemo())
	}
	server := c.Message.GetServer()
	if server.GetHttpAddr() != "127.0.0.1:8080" || server.GetGrpcAddr() != "127.0.0.1:9090" {
		t.Errorf("addresses %q, %q", server.GetHttpAddr(), server.GetGrpcAddr())
	}
	if !server.GetReflection() || server.GetDrainLag().AsDuration() != 0 {
		t.Errorf("reflection %v, drain lag %v", server.GetReflection(), server.GetDrainLag().AsDuration())
	}
	if !c.Keyless() || c.File != "" {
		t.Errorf("keyless %v, file %q", c.Keyless(), c.File)
	}
	wantWarnings(t, c, "Only the demonstration provider serves", "only this machine is served (127.0.0.1:8080, 127.0.0.1:9090)")
}

func TestEveryMemberThatHasADefaultIsSet(t *testing.T) {
	t.Parallel()
	c := loaded(t, "auth: {keys: [{name: a, sha256: "+strings.Repeat("0a", 32)+"}]}", "OPENAI_API_KEY=sk-1")
	// What is unset, false or empty by default.
	none := []string{
		"auth.master_key", "server.tls", "server.trusted_proxies", "storage.database_url", "catalog.cards", "audit.bodies", "audit.headers",
		"telemetry.otlp_endpoint", "auth.keys.expire_time", "auth.keys.allowed_models", "auth.keys.strict", "providers.api_key",
		"providers.models", "providers.allow_http", "providers.organization", "providers.project", "providers.keys",
		"providers.api_version", "providers.deployments", "providers.site_url", "providers.site_name", "providers.native_responses", "routes", "objects.id_keys",
	}
	eachUnset(c.Message.ProtoReflect(), "", func(member string) {
		if !slices.Contains(none, member) {
			t.Errorf("%s is not set", member)
		}
	})
}

// eachUnset calls visit with every member that is not set.
func eachUnset(message protoreflect.Message, path string, visit func(string)) {
	fields := message.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		member := strings.TrimPrefix(path+"."+string(field.Name()), ".")
		switch {
		case !message.Has(field):
			visit(member)
		case field.Message() == nil || field.Message().ParentFile().Package() == "google.protobuf":
		case field.IsList():
			for j := range message.Get(field).List().Len() {
				eachUnset(message.Get(field).List().Get(j).Message(), member, visit)
			}
		default:
			eachUnset(message.Get(field).Message(), member, visit)
		}
	}
}

func TestTheEnvironmentWinsOverTheFile_AndFlagsOverBoth(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "box.yaml")
	write(t, path, `
server: {http_addr: ":1", grpc_addr: ":2", insecure: true}
telemetry: {log_level: debug}
providers: [{name: openai, api_key: of-the-file, models: [a], organization: org}]
`)
	source := config.Source{
		Types:     types,
		Environ:   []string{"SIGNALBOX_CONFIG=" + path, "SIGNALBOX_GRPC_ADDR=:22", "SIGNALBOX_LOG_LEVEL=warn", "OPENAI_API_KEY=of-the-environment", "OPENAI_BASE_URL=https://eu.example/v1/"},
		Overrides: map[string]string{},
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	source.AddFlags(flags)
	if err := flags.Parse([]string{"--log-level", "error", "--demo"}); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.Message.GetServer().GetHttpAddr(), c.Message.GetServer().GetGrpcAddr(), c.Message.GetTelemetry().GetLogLevel(), c.File}
	if want := []string{":1", ":22", "error", path}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := providerNames(c); !slices.Equal(got, []string{"openai", "demo"}) {
		t.Errorf("providers %v", got)
	}
	openai := c.Message.GetProviders()[0]
	if openai.GetBaseUrl() != "https://eu.example/v1" || openai.GetOrganization() != "org" || !slices.Equal(openai.GetModels(), []string{"a"}) {
		t.Errorf("provider %v", openai)
	}
	if got := c.APIKeys["openai"].Reveal(); got != "of-the-environment" {
		t.Errorf("key %q", got)
	}
}

func TestDotenvAndTheFileOfTheWorkingDirectoryAreRead(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "signalbox.yaml", "server: {http_addr: \"${ADDR}\"}\n")
	write(t, ".env", "ADDR=127.0.0.1:1\nOPENAI_API_KEY=sk-dotenv\nSIGNALBOX_LOG_LEVEL=warn\n")
	source := config.Source{Types: types, Dotenv: ".env", Environ: []string{"OPENAI_API_KEY=sk-real"}}
	c, err := config.Load(source)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.File, c.Message.GetServer().GetHttpAddr(), c.Message.GetTelemetry().GetLogLevel(), c.APIKeys["openai"].Reveal()}
	if want := []string{"signalbox.yaml", "127.0.0.1:1", "warn", "sk-real"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}

	write(t, ".env", "A=1\nno assignment sk_secret\nB=2\n")
	if _, err := config.Load(source); err == nil || err.Error() != ".env:2: not of the form NAME=value" {
		t.Errorf("error %v", err)
	}
}

func TestReferencesAreExpanded(t *testing.T) {
	t.Parallel()
	c := loaded(t, `
upstream:
  max_attempts: ${N:-7}
  max_backoff: "${WAIT}"
server:
  insecure: ${TRUTH}
providers:
  - name: openai
    api_key: pre-${KEY}
    organization: "${NOTHING:-}"
    project: $${KEY}
`, "TRUTH=true", "KEY=sk-x", "WAIT=3s")
	up, openai := c.Message.GetUpstream(), c.Message.GetProviders()[0]
	if up.GetMaxAttempts() != 7 || up.GetMaxBackoff().AsDuration() != 3*time.Second || !c.Message.GetServer().GetInsecure() {
		t.Errorf("upstream %v, server %v", up, c.Message.GetServer())
	}
	if c.APIKeys["openai"].Reveal() != "pre-sk-x" || openai.GetOrganization() != "" || openai.GetProject() != "${KEY}" {
		t.Errorf("provider %v", openai)
	}
}

func TestKeysAreSettled(t *testing.T) {
	t.Parallel()
	hash := strings.Repeat("AB", 32)
	c := loaded(t, `
auth:
  keys:
    - {name: ci, sha256: `+hash+`}
    - {name: bob, sha256: `+strings.Repeat("cd", 32)+`, scopes: [SCOPE_ADMIN_READ, SCOPE_CHAT, SCOPE_CHAT], owner: /team/bob, expire_time: "2027-01-01T00:00:00Z"}
`, "SIGNALBOX_MASTER_KEY=0123456789abcdef")
	keys := c.Message.GetAuth().GetKeys()
	if keys[0].GetSha256() != strings.ToLower(hash) || keys[0].GetOwner() != "/ci" || !slices.Equal(keys[0].GetScopes(), []policyv1.Scope{policyv1.Scope_SCOPE_CHAT}) {
		t.Errorf("key %v", keys[0])
	}
	want := []policyv1.Scope{policyv1.Scope_SCOPE_CHAT, policyv1.Scope_SCOPE_ADMIN_READ}
	if keys[1].GetOwner() != "/team/bob" || !slices.Equal(keys[1].GetScopes(), want) {
		t.Errorf("key %v", keys[1])
	}
	if c.Keyless() || c.Message.GetServer().GetHttpAddr() != ":8080" || c.Message.GetServer().GetReflection() {
		t.Errorf("server %v", c.Message.GetServer())
	}
}

func TestNoSecretStandsInTheMessageOrInWarnings(t *testing.T) {
	t.Parallel()
	c := loaded(t, "providers: [{name: openai, api_key: canary-file, keys: [{label: a, weight: 2}]}]",
		"SIGNALBOX_MASTER_KEY=canary-master", "SIGNALBOX_DATABASE_URL=postgres://u:canary-pass@db/x",
		"OPENAI_EU_API_KEY=canary-eu", "OLLAMA_API_KEY=canary-ollama", "SIGNALBOX_TYPO=canary-typo",
		"OPENAI_API_KEY_A=canary-a", "SIGNALBOX_ID_KEY=canary-id-0123456789-0123456789-0123456789")
	all := prototext.Format(c.Message) + strings.Join(c.Warnings, "\n")
	if strings.Contains(all, "canary") {
		t.Errorf("a secret shows:\n%s", all)
	}
	if c.MasterKey.Reveal() != "canary-master" || c.DatabaseURL.Reveal() != "postgres://u:canary-pass@db/x" || len(c.Secrets()) != 7 {
		t.Errorf("secrets %d", len(c.Secrets()))
	}
	wantWarnings(t, c, "SIGNALBOX_TYPO means nothing", "fewer than 16 characters")
}

func TestAFileThatIsNamedMustBeThere(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(config.Source{Types: types, Path: "nowhere.yaml"}); err == nil || !strings.Contains(err.Error(), "nowhere.yaml") {
		t.Errorf("error %v", err)
	}
}

func TestTheDigestIsOfWhatDecidesPlans(t *testing.T) {
	t.Parallel()
	base := loaded(t, "", "OPENAI_API_KEY=sk-1").Digest
	if len(base) != 64 {
		t.Fatalf("digest %q", base)
	}
	for _, environ := range [][]string{
		{"OPENAI_API_KEY=sk-2"},
		{"OPENAI_API_KEY=sk-1", "SIGNALBOX_MASTER_KEY=0123456789abcdef"},
		{"OPENAI_API_KEY=sk-1", "SIGNALBOX_HTTP_ADDR=127.0.0.1:1", "SIGNALBOX_LOG_LEVEL=debug", "SIGNALBOX_DATA_DIR=/x"},
		{"OPENAI_API_KEY=sk-1", "SIGNALBOX_ID_KEY=" + strings.Repeat("k", 32)},
	} {
		if got := loaded(t, "", environ...).Digest; got != base {
			t.Errorf("%q change the digest", environ)
		}
	}
	if one, two := loaded(t, "", "OPENAI_API_KEY_A=sk-1"), loaded(t, "", "OPENAI_API_KEY_A=sk-2"); one.Digest != two.Digest || one.Digest == base {
		t.Error("a further key changes the digest, or its label does not")
	}
	for _, file := range []string{
		"routes: [{name: r, targets: [{model: m}]}]",
		"objects: {retention: 1h}",
		"providers: [{name: openai, native_responses: false}]",
		"providers: [{name: openai, keys: [{label: b, api_key: k}]}]",
		"auth: {keys: [{name: a, owner: /o, sha256: " + strings.Repeat("0", 64) + "}]}",
		"upstream: {max_attempts: 4}",
		"catalog: {cards: [{family: f, match: [x]}]}",
		"providers: [{name: openai, stream_usage: false}]",
		"providers: [{name: openai, models: [x]}]",
		"demo: true",
		"auth: {keys: [{name: a, sha256: " + strings.Repeat("0", 64) + "}]}",
	} {
		if got := loaded(t, file, "OPENAI_API_KEY=sk-1").Digest; got == base {
			t.Errorf("%s does not change the digest", file)
		}
	}
}

func TestAnEmptyFileIsAFile(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"\n", "# nothing\n", "---\n", "server:\nproviders:\n", "server: {http_addr: ~}\n"} {
		if c := loaded(t, file); c.Message.GetServer().GetHttpAddr() != "127.0.0.1:8080" {
			t.Errorf("%q: address %q", file, c.Message.GetServer().GetHttpAddr())
		}
	}
}

func providerNames(c *config.Config) []string {
	var names []string
	for _, provider := range c.Message.GetProviders() {
		names = append(names, provider.GetName())
	}
	return names
}

func wantWarnings(t *testing.T, c *config.Config, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !slices.ContainsFunc(c.Warnings, func(w string) bool { return strings.Contains(w, part) }) {
			t.Errorf("no warning %q in %q", part, c.Warnings)
		}
	}
	if len(c.Warnings) != len(parts) {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestLogsAreTextOnATerminal_ElseJSON(t *testing.T) {
	t.Parallel()
	for terminal, want := range map[bool]string{true: "text", false: "json"} {
		c, err := config.Load(config.Source{Types: types, Terminal: terminal})
		if err != nil || c.Message.GetTelemetry().GetLogFormat() != want {
			t.Errorf("terminal %v: %q, error %v", terminal, c.Message.GetTelemetry().GetLogFormat(), err)
		}
	}
}
