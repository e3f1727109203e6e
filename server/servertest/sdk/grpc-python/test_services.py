"""The services beside chat."""

import time

from gateway import PATIENCE, GatewayTest, entries, named, new_id, say, unary
from signalbox.audit.v1 import audit_pb2, audit_service_pb2, audit_service_pb2_grpc
from signalbox.common.v1 import common_pb2
from signalbox.models.v1 import models_service_pb2, models_service_pb2_grpc
from signalbox.plan.v1 import plan_pb2, plan_service_pb2, plan_service_pb2_grpc


class Services(GatewayTest):
    def test_a_plan_is_explained_without_a_call(self):
        request_id = new_id()
        plans = plan_service_pb2_grpc.PlanServiceStub(self.channel)
        request = plan_service_pb2.ExplainRequest(chat_completion=say("Hello"))
        plan = plans.Explain(request, **named(request_id)).plan
        self.assertEqual((plan.target.provider, plan.target.model), ("openai", "gpt-4o-mini"))
        self.assertEqual(plan.mode, plan_pb2.EXECUTION_MODE_TRANSLATED)
        self.assertEqual(self.chat.CreateChatCompletion(unary(), **named()).info.plan_digest, plan.digest)
        self.assertEqual(entries(request_id, "arrived"), [])

    def test_models_are_listed_and_found(self):
        models = models_service_pb2_grpc.ModelsServiceStub(self.channel)
        listed = models.ListModels(models_service_pb2.ListModelsRequest(provider="openai"), **named())
        self.assertEqual([list(m.providers) for m in listed.data if m.id == "gpt-4o-mini"], [["openai"]])
        for name in ("gpt-4o-mini", "openai/gpt-4o-mini"):
            found = models.GetModel(models_service_pb2.GetModelRequest(model=name), **named())
            self.assertEqual(found.model.id, name)

    def test_a_call_has_its_record(self):
        audits = audit_service_pb2_grpc.AuditServiceStub(self.channel)
        request_id = new_id()
        info = self.chat.CreateChatCompletion(unary(), **named(request_id)).info
        request = audit_service_pb2.ListAuditEntriesRequest(filter={"request_id": request_id})
        listed, late = [], time.monotonic() + PATIENCE
        while not listed or not listed[0].end:  # records are shipped to the store a moment later
            self.assertLess(time.monotonic(), late, "there is no record")
            listed = audits.ListAuditEntries(request, **named()).entries
        self.assertEqual(len(listed), 1)
        entry = listed[0]
        self.assertEqual(
            (entry.request_id, entry.end, entry.entrance, entry.plan_digest, entry.usage.output),
            (request_id, common_pb2.CALL_END_COMPLETED, audit_pb2.ENTRANCE_GRPC, info.plan_digest, info.usage.output),
        )
        whole = audits.GetAuditEntry(audit_service_pb2.GetAuditEntryRequest(entry_id=entry.id), **named())
        self.assertEqual(whole.plan.digest, info.plan_digest)
