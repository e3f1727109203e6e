//go:build sdk

package grpcgo

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"

	auditv1 "github.com/signalbox-ai/signalbox/gen/signalbox/audit/v1"
	chatv1 "github.com/signalbox-ai/signalbox/gen/signalbox/chat/v1"
	commonv1 "github.com/signalbox-ai/signalbox/gen/signalbox/common/v1"
	modelsv1 "github.com/signalbox-ai/signalbox/gen/signalbox/models/v1"
	planv1 "github.com/signalbox-ai/signalbox/gen/signalbox/plan/v1"
	policyv1 "github.com/signalbox-ai/signalbox/gen/signalbox/policy/v1"
	"github.com/signalbox-ai/signalbox/server/servertest/sdk/stack"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	ctx, id := named(t)
	plans := planv1.NewPlanServiceClient(dial(t, stack.Find(t).Key))
	explained, err := plans.Explain(ctx, &planv1.ExplainRequest{Call: &planv1.ExplainRequest_ChatCompletion{ChatCompletion: say("Hello")}})
	if err != nil {
		t.Fatal(err)
	}
	plan := explained.GetPlan()
	if plan.GetTarget().GetProvider() != "openai" || plan.GetTarget().GetModel() != "gpt-4o-mini" || !plan.GetTarget().GetSameDialect() ||
		plan.GetMode() != planv1.ExecutionMode_EXECUTION_MODE_TRANSLATED || plan.GetOperation() != policyv1.Operation_OPERATION_CHAT ||
		!slices.Contains(plan.GetFeatures(), policyv1.Feature_FEATURE_USAGE) || plan.GetIncomplete() != 0 {
		t.Errorf("the plan is %v", plan)
	}
	if made := create(t, say("Hello")).GetInfo().GetPlanDigest(); made != plan.GetDigest() {
		t.Errorf("the call's plan is %s, explained was %s", made, plan.GetDigest())
	}
	if n := len(stack.Find(t).Entries(t, id, stack.Arrived)); n != 0 {
		t.Errorf("an explanation called the provider")
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	ctx, _ := named(t)
	models := modelsv1.NewModelsServiceClient(dial(t, stack.Find(t).Key))
	list, err := models.ListModels(ctx, &modelsv1.ListModelsRequest{Provider: "openai"})
	if err != nil {
		t.Fatal(err)
	}
	mini := slices.IndexFunc(list.GetData(), func(m *modelsv1.Model) bool { return m.GetId() == "gpt-4o-mini" })
	if mini < 0 || !slices.Equal(list.GetData()[mini].GetProviders(), []string{"openai"}) || list.GetData()[mini].GetContextWindow() == 0 {
		t.Errorf("the list is %v", list)
	}
	for _, name := range []string{"gpt-4o-mini", "openai/gpt-4o-mini"} {
		if m, err := models.GetModel(ctx, &modelsv1.GetModelRequest{Model: name}); err != nil || m.GetModel().GetId() != name {
			t.Errorf("%s: %v, %v", name, m, err)
		}
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	key := stack.Find(t).Key
	audits := auditv1.NewAuditServiceClient(dial(t, key))
	ctx, id := named(t)
	reply, err := chat(t).CreateChatCompletion(ctx, &chatv1.CreateChatCompletionRequest{Params: say("Hello")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, _ = named(t)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var entry *auditv1.AuditEntry
	for entry.GetEnd() == 0 { // records are shipped to the store a moment later
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("no record of %s", id)
		}
		list, err := audits.ListAuditEntries(ctx, &auditv1.ListAuditEntriesRequest{Filter: &auditv1.AuditFilter{RequestId: id}})
		if err != nil || len(list.GetEntries()) > 1 {
			t.Fatalf("%v, %v", list, err)
		}
		if len(list.GetEntries()) == 1 {
			entry = list.GetEntries()[0]
		}
	}
	if entry.GetRequestId() != id || entry.GetEnd() != commonv1.CallEnd_CALL_END_COMPLETED || entry.GetEntrance() != auditv1.Entrance_ENTRANCE_GRPC ||
		entry.GetRpc() != "signalbox.chat.v1.ChatService/CreateChatCompletion" || entry.GetKeyId() != "master" || entry.GetStatusCode() != 200 ||
		entry.GetResolvedModel() != "gpt-4o-mini" || entry.GetPlanDigest() != reply.GetInfo().GetPlanDigest() || len(entry.GetAttempts()) != 1 ||
		entry.GetUsage().GetInput() != reply.GetInfo().GetUsage().GetInput() {
		t.Errorf("the record is %v", entry)
	}
	whole, err := audits.GetAuditEntry(ctx, &auditv1.GetAuditEntryRequest{EntryId: entry.GetId()})
	if err != nil || whole.GetPlan().GetDigest() != entry.GetPlanDigest() {
		t.Errorf("the whole record is %v, %v", whole, err)
	}
}

func TestHealthAndReflection(t *testing.T) {
	t.Parallel()
	ctx, _ := named(t)
	conn := dial(t, "")
	health, err := healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{})
	if err != nil || health.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("%v, %v", health, err)
	}
	reflection, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(ctx, grpc.WaitForReady(true))
	if err != nil {
		t.Fatal(err)
	}
	if err := reflection.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	list, err := reflection.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, service := range list.GetListServicesResponse().GetService() {
		names = append(names, service.GetName())
	}
	if !slices.Contains(names, "signalbox.chat.v1.ChatService") {
		t.Errorf("reflection tells of %v", names)
	}
	if err := reflection.CloseSend(); err != nil {
		t.Error(err)
	}
}
