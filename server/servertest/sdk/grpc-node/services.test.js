import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { AuditService } from './gen/signalbox/audit/v1/audit_service_pb.js';
import { Entrance } from './gen/signalbox/audit/v1/audit_pb.js';
import { ChatService } from './gen/signalbox/chat/v1/chat_service_pb.js';
import { CallEnd } from './gen/signalbox/common/v1/common_pb.js';
import { ModelsService } from './gen/signalbox/models/v1/models_service_pb.js';
import { ExecutionMode } from './gen/signalbox/plan/v1/plan_pb.js';
import { PlanService } from './gen/signalbox/plan/v1/plan_service_pb.js';
import { entries, newID, say, unary } from './gateway.js';

suite('services', () => {
  test('a plan is explained without a call', async () => {
    const id = newID();
    const { plan } = await unary(PlanService.method.explain, { call: { case: 'chatCompletion', value: say('Hello') } }, { id });
    assert.equal(plan?.target?.provider, 'openai');
    assert.equal(plan?.target?.model, 'gpt-4o-mini');
    assert.equal(plan?.mode, ExecutionMode.TRANSLATED);
    const { info } = await unary(ChatService.method.createChatCompletion, { params: say('Hello') });
    assert.equal(info?.planDigest, plan?.digest);
    assert.equal(entries(id, 'arrived').length, 0);
  });

  test('models are listed and found', async () => {
    const { data } = await unary(ModelsService.method.listModels, { provider: 'openai' });
    assert.deepEqual(data.find((m) => m.id === 'gpt-4o-mini')?.providers, ['openai']);
    for (const model of ['gpt-4o-mini', 'openai/gpt-4o-mini']) {
      assert.equal((await unary(ModelsService.method.getModel, { model })).model?.id, model);
    }
  });

  test('a call has its record', { timeout: 20_000 }, async () => {
    const id = newID();
    const { info } = await unary(ChatService.method.createChatCompletion, { params: say('Hello') }, { id });
    let entry;
    while (!entry?.end) { // records are shipped to the store a moment later
      await pause(10);
      [entry] = (await unary(AuditService.method.listAuditEntries, { filter: { requestId: id } })).entries;
    }
    assert.equal(entry.requestId, id);
    assert.equal(entry.end, CallEnd.COMPLETED);
    assert.equal(entry.entrance, Entrance.GRPC);
    assert.equal(entry.planDigest, info?.planDigest);
    assert.equal(entry.usage?.output, info?.usage?.output);
    const whole = await unary(AuditService.method.getAuditEntry, { entryId: entry.id });
    assert.equal(whole.plan?.digest, info?.planDigest);
  });
});
