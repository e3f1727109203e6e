package audit

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/providers/failure"
	"github.com/signalbox-ai/signalbox/server/call"
)

func everything(c *configv1.Audit) { c.Bodies, c.Headers = true, true }

// canary stands in every place where a secret may be.
const canary = "CANARY-7f3a"

func canaryParams() *chatv1.ChatCompletionParams {
	return &chatv1.ChatCompletionParams{
		Model:        "gpt-4o-mini",
		MessagesJson: `[{"role":"user","content":"Hi"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"login","arguments":"{\"user\":\"bob\",\"password\":\"` + canary + `\"}"}}]}]`,
		ToolsJson:    `[{"type":"mcp","server_url":"https://x","headers":{"Authorization":"Bearer ` + canary + `"}}]`,
		ExtraJson:    `{"api_key":"` + canary + `"}`,
	}
}

func canaryCall() (c *call.Call) {
	made := newCall(chatRPC)
	made.Credential = canary
	made.RequestHeader = map[string][]string{
		"Authorization": {"Bearer " + canary}, "X-Api-Key": {canary}, "Api-Key": {canary}, "Cookie": {canary}, "X-Goog-Api-Key": {canary},
		"Content-Type": {"application/json"}, "X-Unknown": {canary},
	}
	made.Outcome.Exchange.Header = map[string][]string{"Set-Cookie": {canary}, "Openai-Organization": {canary}}
	return made
}

func (r *rig) end() *auditv1.GetAuditEntryResponse {
	r.t.Helper()
	_, ends := onDisk(r.t, r.dir)
	if len(ends) != 1 {
		r.t.Fatalf("%d end records, want 1", len(ends))
	}
	return ends[0]
}

func TestBodiesAndHeadersAreKeptWithoutSecrets(t *testing.T) {
	t.Parallel()
	r := newRig(t, everything, func(c *configv1.Audit) {
		c.ShowHeaders = append(c.ShowHeaders, "authorization", "set-cookie", "x-api-key")
	})
	c := canaryCall()
	r.serve(c, &chatv1.CreateChatCompletionRequest{Params: canaryParams()}, func() error {
		return r.chain.Reply(t.Context(), c, &chatv1.CreateChatCompletionResponse{Completion: &chatv1.ChatCompletion{
			Id: "chatcmpl-1", Model: "gpt-4o-mini", Choices: []*chatv1.Choice{{
				Message: &chatv1.ChatMessage{Role: "assistant", Content: new("Hello"), ToolCalls: []*chatv1.ToolCall{{
					Id: new("2"), Function: &chatv1.FunctionCall{Name: new("f"), Arguments: new(`{"client_secret":"` + canary + `"}`)},
				}}},
			}},
		}})
	})
	bodies := r.end().GetBodies()
	for _, part := range []string{`"content":"Hi"`, `"model":"gpt-4o-mini"`, `bob`, `"api_key":"[redacted]"`, `"Authorization":"[redacted]"`} {
		if !strings.Contains(bodies.GetRequestJson(), part) {
			t.Errorf("the request lacks %s:\n%s", part, bodies.GetRequestJson())
		}
	}
	for _, part := range []string{`"object":"chat.completion"`, `"content":"Hello"`, `client_secret`} {
		if !strings.Contains(bodies.GetResponseJson(), part) {
			t.Errorf("the reply lacks %s:\n%s", part, bodies.GetResponseJson())
		}
	}
	for _, text := range []string{bodies.GetRequestJson(), bodies.GetResponseJson()} {
		if !json.Valid([]byte(text)) {
			t.Errorf("a body is no JSON: %s", text)
		}
	}
	if !slices.Contains(bodies.GetRequestHeaders(), "content-type: application/json") || !slices.Contains(bodies.GetRequestHeaders(), "authorization: [18 bytes]") {
		t.Errorf("the request's headers are %q", bodies.GetRequestHeaders())
	}
	if !slices.Contains(bodies.GetResponseHeaders(), "x-request-id: "+c.RequestID) {
		t.Errorf("the reply's headers are %q", bodies.GetResponseHeaders())
	}
	r.wantNoCanary()
}

// wantNoCanary looks through every byte of the spool.
func (r *rig) wantNoCanary() {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.dir, "*", "*"))
	if err != nil || len(files) < 2 {
		r.t.Fatalf("the spool has %v, %v", files, err)
	}
	for _, file := range files {
		if data, err := os.ReadFile(file); err != nil || strings.Contains(string(data), canary) {
			r.t.Errorf("%s has a secret, or cannot be read: %v", file, err)
		}
	}
}

func TestBodiesAreKeptByConfigurationAndPolicyAlone(t *testing.T) {
	t.Parallel()
	facts := func(c *call.Call) { c.Policy.Audit = policyv1.AuditLevel_AUDIT_LEVEL_FACTS }
	for _, test := range []struct {
		name            string
		config          func(*configv1.Audit)
		call            func(*call.Call)
		bodies, headers bool
	}{
		{"off", func(*configv1.Audit) {}, nil, false, false},
		{"bodies", func(c *configv1.Audit) { c.Bodies = true }, nil, true, false},
		{"headers", func(c *configv1.Audit) { c.Headers = true }, nil, false, true},
		{"both", everything, nil, true, true},
		{"both, for an RPC of facts only", everything, facts, false, false},
		{"both, for no RPC", everything, func(c *call.Call) { c.Policy = nil }, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, test.config)
			c := canaryCall()
			if test.call != nil {
				test.call(c)
			}
			r.serve(c, &chatv1.CreateChatCompletionRequest{Params: canaryParams()}, func() error {
				return r.chain.Reply(t.Context(), c, &chatv1.CreateChatCompletionResponse{Completion: &chatv1.ChatCompletion{}})
			})
			bodies := r.end().GetBodies()
			if has := bodies.GetRequestJson() != "" && bodies.GetResponseJson() != ""; has != test.bodies {
				t.Errorf("bodies are kept: %t, want %t", has, test.bodies)
			}
			if has := len(bodies.GetRequestHeaders()) > 0 && len(bodies.GetResponseHeaders()) > 0; has != test.headers {
				t.Errorf("headers are kept: %t, want %t", has, test.headers)
			}
			if !test.bodies && !test.headers && bodies != nil {
				t.Errorf("something is kept: %v", bodies)
			}
			r.keep.under.Range(func(any, any) bool { t.Error("a call that is over is still remembered"); return false })
		})
	}
}

func TestAStreamIsKeptAssembled(t *testing.T) {
	t.Parallel()
	chunks := recorded(t)["testdata/streams/openai-python-parallel-tools.txt"]
	for _, test := range []struct {
		name string
		upTo int
		err  error
	}{
		{"whole", len(chunks), nil},
		{"cut", len(chunks) / 2, failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_TRUNCATED, "cut")},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, everything)
			c := newCall(chatRPC)
			c.Plan.Features = append(c.Plan.Features, policyv1.Feature_FEATURE_STREAMING)
			r.serve(c, &chatv1.StreamChatCompletionRequest{Params: canaryParams()}, func() error {
				for _, text := range chunks[:test.upTo] {
					chunk := decodeChunk(t, text)
					if err := r.chain.Reply(t.Context(), c, &chatv1.StreamChatCompletionResponse{Chunk: chunk}); err != nil {
						return err
					}
					proto.Reset(chunk)
				}
				if err := r.chain.Reply(t.Context(), c, &chatv1.StreamChatCompletionResponse{Info: c.Info()}); err != nil {
					return err
				}
				return test.err
			})
			got := r.end()
			want := assemble(t, chunks[:test.upTo])
			var kept map[string]any
			if err := json.Unmarshal([]byte(got.GetBodies().GetResponseJson()), &kept); err != nil {
				t.Fatal(err)
			}
			wantText, _ := json.Marshal(want) //nolint:errchkjson // it came from JSON
			keptText, _ := json.Marshal(kept) //nolint:errchkjson // it came from JSON
			if string(wantText) != string(keptText) {
				t.Errorf("kept %s\nwant %s", keptText, wantText)
			}
		})
	}
}

func TestBodiesThatAreTooLongAreLeftOutAndMarked(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 3000)
	request := func(text string) *chatv1.CreateChatCompletionRequest {
		return &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "m", MessagesJson: `["` + text + `"]`}}
	}
	chunk := func(text string) proto.Message {
		return &chatv1.StreamChatCompletionResponse{Chunk: &chatv1.ChatCompletionChunk{Choices: []*chatv1.ChunkChoice{{Delta: &chatv1.ChatDelta{Content: &text}}}}}
	}
	whole := func(text string) proto.Message {
		return &chatv1.CreateChatCompletionResponse{Completion: &chatv1.ChatCompletion{Choices: []*chatv1.Choice{{Message: &chatv1.ChatMessage{Content: &text}}}}}
	}
	for _, test := range []struct {
		name                   string
		request                proto.Message
		replies                []proto.Message
		keptRequest, keptReply bool
		truncated              bool
	}{
		{"short", request("a"), []proto.Message{whole("b")}, true, true, false},
		{"a long request", request(long), []proto.Message{whole("b")}, false, true, true},
		{"a long reply", request("a"), []proto.Message{whole(long)}, true, false, true},
		{"a reply that only its escapes make long", request("a"), []proto.Message{whole(strings.Repeat("\x01", 900))}, true, false, true},
		{"a long stream", request("a"), []proto.Message{chunk(long[:1000]), chunk(long[:1000]), chunk(long[:1000])}, true, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, everything, func(c *configv1.Audit) { c.MaxBodyBytes = new(int64(2000)) })
			c := newCall(chatRPC)
			r.serve(c, test.request, func() error {
				for _, reply := range test.replies {
					if err := r.chain.Reply(t.Context(), c, reply); err != nil {
						return err
					}
				}
				return nil
			})
			bodies := r.end().GetBodies()
			if got := bodies.GetRequestJson() != ""; got != test.keptRequest {
				t.Errorf("the request is kept: %t, want %t", got, test.keptRequest)
			}
			if got := bodies.GetResponseJson() != ""; got != test.keptReply {
				t.Errorf("the reply is kept: %t, want %t", got, test.keptReply)
			}
			if bodies.GetTruncated() != test.truncated {
				t.Errorf("truncated is %t, want %t", bodies.GetTruncated(), test.truncated)
			}
		})
	}
}

func TestTheRequestIsKeptAsTheClientSentIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, everything)
	request := &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "m", MessagesJson: "[1]"}}
	r.serve(newCall(chatRPC), request, func() error { request.Params.MessagesJson = "[2]"; return nil })
	if got := r.end().GetBodies().GetRequestJson(); !strings.Contains(got, "[1]") {
		t.Errorf("kept %s", got)
	}
}

// Above four fifths of the spool bodies are left out; the facts are kept.
func TestBodiesGoFirst(t *testing.T) {
	t.Parallel()
	r := newRig(t, everything, small)
	long := &chatv1.CreateChatCompletionRequest{Params: &chatv1.ChatCompletionParams{Model: "m", MessagesJson: `["` + strings.Repeat("x", 30_000) + `"]`}}
	for range 40 {
		r.serve(newCall(chatRPC), long, nil)
	}
	begins, ends := onDisk(t, r.dir)
	without := 0
	for _, end := range ends {
		if end.GetBodies() == nil {
			without++
		}
	}
	if len(begins) != 40 || len(ends) != 40 || without == 0 || without == 40 {
		t.Errorf("%d begins, %d ends, %d of them without bodies", len(begins), len(ends), without)
	}
	r.metrics.want(t, ShedBodies, without)
	r.metrics.want(t, ShedEnded, 0)
}

// What comes from outside may be anything.
func TestOddTextsAreRecorded(t *testing.T) {
	t.Parallel()
	r := newRig(t, everything)
	c := newCall(chatRPC)
	c.Path, c.Client.UserAgent = "/\xff\xfe", strings.Repeat("é", 200_000)
	c.RequestHeader = map[string][]string{"User-Agent": {"\xff"}, "X-\xff": {"1"}}
	c.Plan.Requested.Model = strings.Repeat("m", 1<<20)
	c.Outcome.Exchange.UsageJSON = strings.Repeat("7", 1<<20)
	r.serve(c, &chatv1.CreateChatCompletionRequest{}, func() error {
		return failure.New(commonv1.ErrorReason_ERROR_REASON_UPSTREAM_FAILED, "bad \xff"+strings.Repeat("y", 1<<20))
	})
	got := r.end()
	if size := proto.Size(got); size > 64<<10 {
		t.Errorf("the record has %d bytes", size)
	}
	if got.GetEntry().GetPath() != "/\uFFFD" || got.GetPlan() != nil || got.GetEntry().GetUsageJson() != "" {
		t.Errorf("the record is %s", protojson.Format(got)[:2000])
	}
	if c.Plan.GetRequested().GetModel() != strings.Repeat("m", 1<<20) || c.Path != "/\xff\xfe" {
		t.Error("recording changed the call")
	}
	r.run()
	r.store.awaitCount(t, 1)
}
