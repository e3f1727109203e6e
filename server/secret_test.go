package server_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	"github.com/signalbox-ai/signalbox/providers/builtin"
	"github.com/signalbox-ai/signalbox/providers/providertest"
	"github.com/signalbox-ai/signalbox/server"
	"github.com/signalbox-ai/signalbox/server/config"
	"github.com/signalbox-ai/signalbox/server/servertest"
)

// The canaries: secrets that are found wherever they come out. Letters and digits
// alone, so that no escape changes them.
const (
	canaryMaster   = "skcanary1MasterQx7Lw2Vn9"
	canaryKey      = "skcanary2LimitedRy8Mx3Wo"
	canaryProvider = "skcanary3ProviderSz9Ny4Xp"
	canaryHeader   = "skcanary4HeaderTa1Oz5Yq"
	canaryQuery    = "skcanary5QueryUb2Pa6Zr"
	canaryMember   = "skcanary6MemberVc3Qb7As"
	canaryWrong    = "skcanary7WrongWd4Rc8Bt"
	canaryDatabase = "skcanary8DatabaseXe5Sd9Cu"
)

var canaries = []string{canaryMaster, canaryKey, canaryProvider, canaryHeader, canaryQuery, canaryMember, canaryWrong, canaryDatabase}

// sinks are the places where something of a call may come out, by what they are.
type sinks struct {
	mu   sync.Mutex
	seen map[string][]byte
}

func (s *sinks) add(what string, text []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string][]byte{}
	}
	s.seen[what] = append(append(s.seen[what], '\n'), text...)
}

// Write makes a log of it.
func (s *sinks) Write(line []byte) (int, error) {
	s.add("the log", line)
	return len(line), nil
}

// disguises are a canary as it stands, and as encodings would hide it.
func disguises(canary string) [][]byte {
	all := [][]byte{[]byte(canary), []byte(canary[:16]), []byte(hex.EncodeToString([]byte(canary)))}
	for shift := range 3 { // base64, wherever it begins
		encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + canary))
		all = append(all, []byte(encoded[4:len(encoded)-4]))
	}
	return all
}

// search looks for canaries in all places, but for those that are allowed there.
func (s *sinks) search(t *testing.T, allowed map[string]string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for what, text := range s.seen {
		for _, canary := range canaries {
			if allowed[what] == canary {
				continue
			}
			for _, spelling := range disguises(canary) {
				if at := bytes.Index(text, spelling); at >= 0 {
					t.Errorf("%s is in %s: …%q…", canary, what, text[max(0, at-120):min(len(text), at+80)])
					break
				}
			}
		}
	}
}

// folder takes every file of a folder.
func (s *sinks) folder(t *testing.T, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		s.add("a file "+entry.Name(), text)
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// Export makes a collector of traces of it.
func (s *sinks) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.add("the traces", []byte(prototext.Format(request)))
	return &collector.ExportTraceServiceResponse{}, nil
}

// collect serves the collector, and returns its URL.
func (s *sinks) collect(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	traces := grpc.NewServer()
	collector.RegisterTraceServiceServer(traces, struct {
		collector.UnsafeTraceServiceServer
		*sinks
	}{nil, s})
	served := make(chan error, 1)
	go func() { served <- traces.Serve(listener) }()
	t.Cleanup(func() {
		traces.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// secretConfig keeps and shows all that can be kept and shown.
func secretConfig() string {
	return fmt.Sprintf(`
auth:
  keys:
    - {name: limited, sha256: %x, scopes: [SCOPE_CHAT]}
audit:
  bodies: true
  headers: true
  show_headers: [content-type, x-request-id, user-agent, accept]
upstream:
  max_attempts: 2
  max_backoff: 0.01s
  breaker_failure_percent: 100
telemetry:
  log_level: debug
`, sha256.Sum256([]byte(canaryKey)))
}

// secretHeaders carry canaries in every place where a client may have one.
func secretHeaders() []string {
	header := []string{"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	for _, name := range []string{
		"Cookie", "Api-Key", "X-Goog-Api-Key", "Proxy-Authorization", "X-Auth-Token", "X-Access-Token", "Anthropic-Api-Key", "X-Amz-Security-Token",
		"X-Portkey-Api-Key", "X-Litellm-Api-Key", "Helicone-Auth", "Cf-Aig-Authorization", "Grpc-Metadata-Authorization", "X-Bf-Vk", "X-Some-Secret",
		"X_Api_Key", "Ocp-Apim-Subscription-Key", "X-Csrf-Token", "Baggage", "Tracestate", "X-Forwarded-For", "Referer", "X-Unheard-Of",
	} {
		header = append(header, name, canaryHeader)
	}
	return header
}

// secretBody has canaries in members that are named like credentials, where the gateway
// knows no member of that name.
func secretBody(members ...string) string {
	message := fmt.Sprintf(`{"role":"user","content":"Hello","api_key":"%[1]s","password":["%[1]s"],"x":{"client_secret":{"a":"%[1]s"},"API-Key":"%[1]s"}}`, canaryMember)
	called := fmt.Sprintf(`{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\"password\":\"%[1]s\"}"}}]},{"role":"tool","tool_call_id":"c1","content":"done"}`, canaryMember)
	return fmt.Sprintf(`{"model":%q,"messages":[%s,%s],"access_token":"%s"%s}`, model, message, called, canaryMember, strings.Join(append([]string{""}, members...), ","))
}

// leaks are ways of a provider to show the key that it was sent.
func leaks() []string {
	k := canaryProvider
	return []string{
		"", "status=401,message=Incorrect API key " + k, "status=403,message=" + k, "status=400,message=bad key " + k + ",param=" + k + ",code=" + k + ",type=" + k,
		"status=404,message=" + k, "status=429,message=" + k + ",retry-after-ms=1", "status=500,message=" + k, "status=503,body=" + k, "status=400,body={\"detail\":\"" + k + "\"}",
		"status=400,body={\"error\":{\"message\":\"m\"%2C\"" + k + "\":\"" + k + "\"%2C\"innererror\":{\"code\":\"" + k + "\"}}}",
		"status=400,content-type=text/html,body=<p>" + k + "</p>", "body=no JSON " + k, "content-type=text/html,body=<p>" + k + "</p>", "body={\"error\":\"" + k + "\"}",
		"body={\"choices\":[]%2C\"x\":\"" + k + "\"}", "redirect=307:http%3A//127.0.0.1:1/" + k, "status=302,header=Location:" + k,
		"header=X-Request-Id:" + k + ",header=Openai-Version:" + k + ",header=X-Ratelimit-Reset-Tokens:" + k + ",header=X-Ratelimit-" + k + ":1,header=Openai-Processing-Ms:" + k,
		"error-at=2,message=" + k + ",code=" + k, "malformed=2", "truncate-after=2", "reset-after=1", "drop", "garbage", "error-body,message=" + k, "finish=content_filter",
		"status=400,body=" + strings.Repeat("x", 1020) + k,
	}
}

// Secrets are where they must be, and nowhere else: whatever is called, whatever comes
// of it, and with everything recorded that can be.
func TestSecretsDoNotLeave(t *testing.T) {
	t.Parallel()
	all := &sinks{}
	up := providertest.Start(t, func(p *providertest.Params) { p.Keys, p.AcceptUnknown = []string{canaryProvider}, true })
	gw := servertest.Start(t, servertest.Upstream(up), servertest.Env("SIGNALBOX_MASTER_KEY", canaryMaster), servertest.Env("OTEL_EXPORTER_OTLP_ENDPOINT", all.collect(t)),
		servertest.File(secretConfig()), servertest.Log(all))
	master := gw.Dial(canaryMaster)
	calls := 0
	for i, leak := range leaks() {
		for _, stream := range []string{"false", "true"} {
			for _, key := range []string{canaryKey, canaryMaster} {
				if leak != "" {
					up.EnqueueText(t, leak, leak) // it is tried twice
				}
				secretREST(t, gw, all, fmt.Sprintf("rest-%d-%s", i, stream), key, secretBody(`"stream":`+stream))
				up.ClearScripts()
				if leak != "" {
					up.EnqueueText(t, leak, leak)
				}
				secretGRPC(t, all, gw.Dial(key), stream == "true")
				up.ClearScripts()
				calls += 2
			}
		}
	}
	secretRefusals(t, gw, all)
	checkSent(t, up, calls)
	for _, path := range []string{"/metrics", "/openapi.json", "/docs", "/health", "/health/ready", "/proto/signalbox.binpb", "/v1/models", "/admin/api/v1/audit/log?limit=100"} {
		reply := gw.Do("GET", path, "", "Authorization", "Bearer "+canaryMaster)
		all.add(path, []byte(fmt.Sprint(reply.Header)+reply.Body))
	}
	secretRecords(t, all, master)
	all.folder(t, gw.DataDir)
	var announced bytes.Buffer
	gw.Server.Announce(&announced)
	all.add("what is told at the start", announced.Bytes())
	gw.Stop()
	if files := all.folder(t, gw.DataDir); files < 2 {
		t.Errorf("%d files were searched", files)
	}
	if all.seen["the traces"] == nil || all.seen["the log"] == nil {
		t.Error("nothing was logged or traced")
	}
	all.search(t, nil)
}

// secretREST makes a call over REST and takes all that comes of it.
func secretREST(t *testing.T, gw *servertest.Gateway, all *sinks, id, key, body string) {
	t.Helper()
	header := append(secretHeaders(), "Authorization", "Bearer "+key, "X-Request-Id", id)
	reply := gw.Post(chatPath+"?api_key="+canaryQuery+"&access_token="+canaryQuery, body, header...)
	all.add("a reply of REST", []byte(fmt.Sprint(reply.Header)+reply.Body))
}

// secretGRPC does it over gRPC.
func secretGRPC(t *testing.T, all *sinks, conn *grpc.ClientConn, stream bool) {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), secretHeaders()...) // names become lower-case
	params := &chatv1.ChatCompletionParams{
		Model: model, ExtraJson: fmt.Sprintf(`{"api_key":"%[1]s","x":{"password":"%[1]s"}}`, canaryMember),
		MessagesJson: fmt.Sprintf(`[{"role":"user","content":"Hello","api_key":"%s"}]`, canaryMember),
	}
	client := chatv1.NewChatServiceClient(conn)
	var head, trailer metadata.MD
	var err error
	if stream {
		var chunks grpc.ServerStreamingClient[chatv1.StreamChatCompletionResponse]
		chunks, err = client.StreamChatCompletion(ctx, &chatv1.StreamChatCompletionRequest{Params: params}, grpc.Header(&head), grpc.Trailer(&trailer))
		if err == nil {
			var messages []*chatv1.StreamChatCompletionResponse
			messages, err = receive(t, chunks)
			for _, message := range messages {
				all.add("a message of gRPC", []byte(prototext.Format(message)))
			}
		}
	} else {
		var reply *chatv1.CreateChatCompletionResponse
		reply, err = client.CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: params}, grpc.Header(&head), grpc.Trailer(&trailer))
		all.add("a message of gRPC", []byte(prototext.Format(reply)))
	}
	all.add("the metadata of gRPC", []byte(fmt.Sprint(head, trailer)))
	if err != nil {
		all.add("a status of gRPC", []byte(prototext.Format(status.Convert(err).Proto())))
	}
}

// secretRefusals are calls that do not reach a provider.
func secretRefusals(t *testing.T, gw *servertest.Gateway, all *sinks) {
	t.Helper()
	for _, call := range []struct{ method, path, body, authorization string }{
		{"POST", chatPath, secretBody(), canaryWrong},
		{"POST", chatPath, secretBody(), "Bearer " + canaryWrong},
		{"POST", chatPath, secretBody(), "Basic " + canaryWrong},
		{"POST", chatPath, secretBody(), "Bearer  " + canaryKey + canaryWrong},
		{"GET", "/admin/api/v1/audit/log?api_key=" + canaryQuery, "", "Bearer " + canaryKey},
		{"GET", "/admin/api/v1/audit/log", "", "Bearer " + canaryKey},
		{"GET", "/v1/nothing?api_key=" + canaryQuery, "", "Bearer " + canaryKey},
		{"POST", chatPath, `{"api_key":"` + canaryMember + `",`, "Bearer " + canaryKey},
		{"POST", chatPath, `{"api_key":"` + canaryMember + `"}`, "Bearer " + canaryKey},
		{"POST", chatPath, `{"api_key":"a","api_key":"` + canaryMember + `"}`, "Bearer " + canaryKey},
		{"POST", chatPath, servertest.ChatBody("no-such-model", "x", `"api_key":"`+canaryMember+`"`), "Bearer " + canaryKey},
		{"POST", chatPath, servertest.ChatBody(model, "x", `"temperature":99,"api_key":"`+canaryMember+`"`), "Bearer " + canaryKey},
		{"POST", "/v1/plan:explain", `{"chat_completion":` + secretBody() + `}`, "Bearer " + canaryMaster},
		{"GET", "/v1/models/" + model + "?key=" + canaryQuery, "", "Bearer " + canaryKey},
	} {
		reply := gw.Do(call.method, call.path, call.body, append(secretHeaders(), "Authorization", call.authorization)...)
		all.add("a refusal of REST", []byte(fmt.Sprint(reply.Header)+strings.ReplaceAll(reply.Body, "?", "")))
	}
	reply := gw.Post(chatPath, secretBody(), "Authorization", "", "X-Api-Key", canaryKey)
	if reply.Status != 200 {
		t.Errorf("the key in X-Api-Key: got %d %s", reply.Status, reply.Body)
	}
	secretGRPC(t, all, gw.Dial(canaryWrong), false)
	secretGRPC(t, all, gw.Dial(canaryWrong), true)
	plan, err := planv1.NewPlanServiceClient(gw.Dial(canaryMaster)).Explain(t.Context(), &planv1.ExplainRequest{
		Call: &planv1.ExplainRequest_ChatCompletion{ChatCompletion: &chatv1.ChatCompletionParams{Model: model, MessagesJson: "[]"}}, KeyId: "limited",
	})
	if err != nil {
		t.Error(err)
	}
	all.add("a plan", []byte(prototext.Format(plan)))
}

// checkSent looks at what the provider was sent: its own key, in its place, and of the
// client's secrets none but those that stand in the client's own words.
func checkSent(t *testing.T, up *providertest.Upstream, calls int) {
	t.Helper()
	sent := &sinks{}
	chats := up.Chats()
	if len(chats) < calls {
		t.Errorf("%d calls went upstream, of %d", len(chats), calls)
	}
	for _, request := range up.Requests() {
		if got := request.Header["Authorization"]; len(got) != 1 || got[0] != "Bearer "+canaryProvider {
			t.Errorf("the provider was sent the credentials %q", got)
		}
		header := request.Header.Clone()
		header.Del("Authorization")
		sent.add("the provider's headers", []byte(fmt.Sprint(request.Method, request.Path, header)))
		sent.add("the provider's bodies", request.Body)
	}
	sent.search(t, map[string]string{"the provider's bodies": canaryMember})
}

// secretRecords takes all records, as an administrator reads them.
func secretRecords(t *testing.T, all *sinks, master *grpc.ClientConn) {
	t.Helper()
	client := auditv1.NewAuditServiceClient(master)
	bodies, headers, token := 0, 0, ""
	for {
		list, err := client.ListAuditEntries(t.Context(), &auditv1.ListAuditEntriesRequest{PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		all.add("the list of records", []byte(prototext.Format(list)))
		for _, entry := range list.GetEntries() {
			record, err := client.GetAuditEntry(t.Context(), &auditv1.GetAuditEntryRequest{EntryId: entry.GetId()})
			if err != nil {
				t.Fatal(err)
			}
			all.add("a record", []byte(prototext.Format(record)))
			if strings.Contains(record.GetBodies().GetRequestJson(), "redacted") {
				bodies++
			}
			if strings.Contains(fmt.Sprint(record.GetBodies().GetRequestHeaders()), "cookie: [") {
				headers++
			}
		}
		if token = list.GetNextPageToken(); token == "" {
			break
		}
	}
	if bodies == 0 || headers == 0 {
		t.Errorf("%d records have a body without its secrets, %d have headers", bodies, headers)
	}
}

// What is said of a configuration, good or bad, does not say its secrets, and neither
// does a configuration that somebody prints.
func TestConfigurationsDoNotTellSecrets(t *testing.T) {
	t.Parallel()
	all := &sinks{}
	dir := t.TempDir()
	good := []string{
		"SIGNALBOX_MASTER_KEY=" + canaryMaster, "OPENAI_API_KEY=" + canaryProvider, "SIGNALBOX_HTTP_ADDR=127.0.0.1:0", "SIGNALBOX_GRPC_ADDR=127.0.0.1:0", "SIGNALBOX_DATA_DIR=" + dir,
	}
	for name, environ := range map[string][]string{
		"good":                         nil,
		"a database":                   {"SIGNALBOX_DATABASE_URL=postgres://user:" + canaryDatabase + "@127.0.0.1:1/db?sslmode=disable"},
		"a database with a second key": {"SIGNALBOX_DATABASE_URL=postgres://127.0.0.1:1/db?user=u&password=" + canaryDatabase},
		"a database at no port":        {"SIGNALBOX_DATABASE_URL=postgres://user:" + canaryDatabase + "@host:notaport/db"},
		"a database with a bad escape": {"SIGNALBOX_DATABASE_URL=postgres://user:" + canaryDatabase + "%zz@host/db"},
		"a database with a bad option": {"SIGNALBOX_DATABASE_URL=postgres://user:" + canaryDatabase + "@host/db?sslmode=odd"},
		"a database with two keys":     {"SIGNALBOX_DATABASE_URL=postgres://host/db?sslmode=odd&password=" + canaryDatabase},
		"a database of another kind":   {"SIGNALBOX_DATABASE_URL=mysql://user:" + canaryDatabase + "@host/db"},
		"words for a database":         {"SIGNALBOX_DATABASE_URL=host=127.0.0.1 password=" + canaryDatabase},
		"a provider key with a space":  {"OPENAI_API_KEY=" + canaryProvider + "\x01"},
		"a URL with a password":        {"OPENAI_BASE_URL=https://user:" + canaryProvider + "@host/v1"},
		"a URL with a query":           {"OPENAI_BASE_URL=https://host/v1?key=" + canaryProvider},
		"a URL that is none":           {"OPENAI_BASE_URL=" + canaryProvider},
		"a master key with a space":    {"SIGNALBOX_MASTER_KEY=" + canaryMaster + "\x01"},
		"a key twice":                  {"OPENAI_TWO_API_KEY=" + canaryProvider},
		"further keys":                 {"OPENAI_API_KEY_B=" + canaryKey, "SIGNALBOX_ID_KEY=" + canaryKey + canaryMaster},
		"a further key with a space":   {"OPENAI_API_KEY_B=" + canaryKey + "\x01"},
		"a further key from a file":    {"OPENAI_API_KEY_FILE=" + canaryKey},
		"a short key for ids":          {"SIGNALBOX_ID_KEY=" + canaryKey},
		"an unknown variable":          {"SIGNALBOX_UNKNOWN_KEY=" + canaryMaster},
		"an endpoint with a password":  {"OTEL_EXPORTER_OTLP_ENDPOINT=http://user:" + canaryKey + "@127.0.0.1:1"},
		"an endpoint that is none":     {"OTEL_EXPORTER_OTLP_ENDPOINT=" + canaryKey + "://%zz"},
	} {
		tellConfiguration(t, all, name, config.Source{Types: builtin.Types, Environ: append(append([]string{}, good...), environ...)})
	}
	for i, text := range []string{
		"auth:\n  master_key: [" + canaryMaster + "]\n", "auth:\n  master_key: \"" + canaryMaster + "\n", "auth:\n  keys:\n    - {name: x, sha256: " + canaryKey + "}\n",
		"auth:\n  keys:\n    - {name: x, secret: " + canaryKey + "}\n", "providers:\n  - {name: openai, api_key: {a: " + canaryProvider + "}}\n", "storage: {database_url: 7, x: " + canaryDatabase + "}\n",
		"storage: {database_url: \"postgres://u:" + canaryDatabase + "@h:x/d\"}\n", "providers:\n  - {name: openai, api_keys: " + canaryProvider + "}\n", canaryMaster, "auth: " + canaryMaster + "\n",
		"providers:\n  - {name: openai, keys: [{label: b, api_key: " + canaryKey + "}]}\nobjects: {id_keys: [" + canaryKey + canaryMaster + "]}\n",
		"providers:\n  - {name: openai, keys: [" + canaryKey + "]}\n", "providers:\n  - {name: openai, keys: {b: " + canaryKey + "}}\n",
		"providers:\n  - {name: openai, keys: [{label: openai, api_key: " + canaryKey + "}]}\n", "objects: {id_keys: [" + canaryKey + "]}\n", "objects: {id_keys: " + canaryKey + "}\n",
	} {
		path := filepath.Join(dir, fmt.Sprintf("%d.yaml", i))
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		tellConfiguration(t, all, text, config.Source{Types: builtin.Types, Environ: good, Path: path})
	}
	all.search(t, nil)
}

// tellConfiguration takes all that is said of a configuration: by its check, by the
// start, and by printers.
func tellConfiguration(t *testing.T, all *sinks, name string, source config.Source) {
	t.Helper()
	what := "the configuration with " + name
	cfg, err := config.Load(source)
	all.add(what, []byte(fmt.Sprint(err)))
	if err != nil {
		return
	}
	all.add(what, []byte(fmt.Sprint(cfg.Warnings)))
	printed, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	all.add(what, []byte(fmt.Sprintf("%s %v %+v %#v %s %s", printed, cfg, cfg, cfg, prototext.Format(cfg.Message), cfg.Digest)))
	log := slog.New(slog.NewJSONHandler(all, &slog.HandlerOptions{Level: slog.LevelDebug}))
	log.Info("printed", "config", cfg, "message", cfg.Message, "clone", proto.Clone(cfg.Message))
	s, err := server.New(t.Context(), server.Params{Config: cfg, Types: builtin.Types, Log: log, Version: "test", Extra: nil, Spoil: true})
	all.add(what, []byte(fmt.Sprint(err)))
	if err != nil {
		return
	}
	var announced bytes.Buffer
	s.Announce(&announced)
	all.add(what, announced.Bytes())
	if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
		all.add(what, []byte(err.Error()))
	}
}
