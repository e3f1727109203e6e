import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { all, client, named, once } from './gateway.js';
import { providers } from './providers.js';

suite('models', () => {
  test('are listed', async () => {
    const models = await all(client.models.list());
    const ids = models.map((m) => m.id);
    assert.ok(ids.includes('gpt-4o-mini') && ids.includes('o3-mini'));
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(models.every((m) => m.object === 'model' && Number.isInteger(m.created) && typeof m.owned_by === 'string'));
    assert.ok(providers.every((p) => ids.includes(p.model)), 'those of all providers are there');
    const mini = models.find((m) => m.id === 'gpt-4o-mini');
    assert.ok(mini.created > 0 && mini.owned_by === 'system');
  });

  test('are found by name', async () => {
    const model = await client.models.retrieve('gpt-4o-mini');
    assert.equal(model.id, 'gpt-4o-mini');
    assert.equal(model.object, 'model');
  });

  test('are found by provider and name, whose slash the SDK encodes', async () => {
    const { data, response } = await client.models.retrieve('openai/gpt-4o-mini').withResponse();
    assert.ok(response.url.endsWith('/models/openai%2Fgpt-4o-mini'));
    assert.equal(data.id, 'openai/gpt-4o-mini');
  });

  test('that are unknown are not found', async () => {
    const { id, options } = named();
    await assert.rejects(once.models.retrieve('no-such-model', options), (e) => {
      assert.ok(e instanceof OpenAI.NotFoundError);
      assert.equal(e.code, 'model_not_found');
      assert.equal(e.type, 'invalid_request_error');
      assert.equal(e.requestID, id);
      return true;
    });
  });
});
