// One program of embeddings, unchanged against the models of every provider that has
// some, in every format.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { client, once } from './gateway.js';
import { each, providers } from './providers.js';

const embedders = providers.filter((p) => p.embedder);

/** floats are the numbers of a vector in whatever format, as single-precision ones. */
function floats(vector) {
  if (typeof vector !== 'string') return Array.from(vector, Math.fround);
  const bytes = Buffer.from(vector, 'base64');
  return Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));
}

/** refused says that an error is one of the request's, and says why. */
const refused = (e) => (e instanceof OpenAI.BadRequestError || e instanceof OpenAI.UnprocessableEntityError) && /dimension|input|token/i.test(e.message);

const same = (a, b) => a.length === b.length && a.every((number, i) => number === b[i]);

for (const [format, kind] of [[undefined, 'object'], ['float', 'object'], ['base64', 'string']]) {
  each(`embeds in the format ${format}`, async (p, named) => {
    const request = { model: named(p.embedder), input: ['Hello', 'Grüße, 世界'], encoding_format: format };
    const { data, response } = await client.embeddings.create(request).withResponse();
    assert.equal(data.object, 'list');
    assert.equal(response.headers.get('x-signalbox-provider'), p.name);
    assert.deepEqual(data.data.map((e) => [e.object, e.index, typeof e.embedding]), [['embedding', 0, kind], ['embedding', 1, kind]]);
    assert.ok(data.usage.prompt_tokens > 0 && data.usage.total_tokens >= data.usage.prompt_tokens, JSON.stringify(data.usage));
    const vectors = data.data.map((e) => floats(e.embedding));
    assert.ok(vectors.every((v) => v.length === p.size), `${vectors[0].length} numbers`);
    assert.ok(!same(vectors[0], vectors[1]));
    const plain = await client.embeddings.create({ ...request, encoding_format: 'float' });
    assert.ok(same(vectors[0], floats(plain.data[0].embedding)) && same(vectors[1], floats(plain.data[1].embedding)));
    const single = await client.embeddings.create({ ...request, input: 'Hello' });
    assert.ok(same(floats(single.data[0].embedding), vectors[0]));
  }, embedders);
}

each('embeds as short as is asked for, or says why not', async (p, named) => {
  const call = once.embeddings.create({ model: named(p.embedder), input: 'Hello', dimensions: 64 });
  if (p.fixed) {
    await assert.rejects(call, refused);
    return;
  }
  assert.equal((await call).data[0].embedding.length, 64);
}, embedders);

each('embeds tokens, or says why not', async (p, named) => {
  const call = once.embeddings.create({ model: named(p.embedder), input: [9906, 11] });
  if (p.tokenless) {
    await assert.rejects(call, refused);
    return;
  }
  assert.equal((await call).data[0].embedding.length, p.size);
}, embedders);

each('embeds nothing', async (p) => {
  await assert.rejects(once.embeddings.create({ model: p.model, input: 'Hello' }), (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError, `${e}`);
    assert.equal(e.code, 'unsupported_operation');
    return true;
  });
}, providers.filter((p) => !p.embedder));
