package audit

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/types/known/durationpb"

	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	configv1 "github.com/signalbox-ai/signalbox/gen/signalbox/config/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	usagev1 "github.com/signalbox-ai/signalbox/gen/signalbox/usage/v1"
	"github.com/signalbox-ai/signalbox/server/call"
	"github.com/signalbox-ai/signalbox/server/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testConfig() *configv1.Audit {
	return &configv1.Audit{
		ShowHeaders:   []string{"content-type", "user-agent"},
		MaxBodyBytes:  new(int64(1 << 20)),
		Retention:     durationpb.New(720 * time.Hour),
		Fsync:         configv1.Fsync_FSYNC_INTERVAL,
		MaxSpoolBytes: new(int64(1 << 30)),
		OnFull:        configv1.OnFull_ON_FULL_SHED,
	}
}

func newTestLog(t testing.TB, store Store, config *configv1.Audit) *Log {
	t.Helper()
	if config == nil {
		config = testConfig()
	}
	l, err := New(Params{Dir: t.TempDir(), Store: store, Config: config, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

type nullStore struct{}

func (nullStore) Append(context.Context, []*storage.Record) error           { return nil }
func (nullStore) Interrupt(context.Context, storage.Open) (int, error)      { return 0, nil }
func (nullStore) DeleteBefore(context.Context, time.Time, int) (int, error) { return 0, nil }

func fill(c *call.Call) {
	c.HTTPMethod, c.Path = "POST", "/v1/chat/completions"
	c.Client = call.Client{Address: "10.0.0.1", UserAgent: "OpenAI/Python 1.0"}
	c.RPC = "signalbox.chat.v1.ChatService/CreateChatCompletion"
	c.Policy = chatPolicy
	c.Principal = master
	c.Plan = &planv1.ExecutionPlan{
		Digest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", RequestId: c.RequestID,
		Method: c.RPC, Operation: policyv1.Operation_OPERATION_CHAT, Mode: planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED,
		Requested: &planv1.RequestedSelector{Model: "gpt-4o-mini"},
		Target: &planv1.Target{Provider: "openai", ProviderType: "openai", Model: "gpt-4o-mini", SameDialect: true,
			ParameterRules: []modelsv1.ParameterRule{1}},
		Retry:        &planv1.RetryPolicy{MaxAttempts: 3, MaxBackoff: durationpb.New(8 * time.Second)},
		ConfigDigest: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		Features:     []policyv1.Feature{1, 4, 5},
	}
	c.Outcome.Planned = time.Now()
	c.Outcome.Usage = &usagev1.TokenUsage{Input: new(int32(9)), Output: new(int32(12))}
	c.Outcome.End = commonv1.CallEnd_CALL_END_COMPLETED
}

var (
	chatPolicy = &policyv1.MethodPolicy{
		Operation: policyv1.Operation_OPERATION_CHAT, Scope: policyv1.Scope_SCOPE_CHAT, Audit: policyv1.AuditLevel_AUDIT_LEVEL_BODIES,
	}
	master = &call.Principal{Name: "master", Owner: "/", All: true}
)
