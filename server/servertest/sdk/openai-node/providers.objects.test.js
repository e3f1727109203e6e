// One program of conversations and of stored chat completions, unchanged against the
// models of every provider: those that keep them, and those that the gateway keeps for.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { all, client, once, say } from './gateway.js';
import { each, providers, responders } from './providers.js';

suite('conversations', () => {
  test('are made, found, changed and deleted', async () => {
    const made = await client.conversations.create({ metadata: { a: 'b' }, items: [{ type: 'message', role: 'user', content: 'Hello' }] });
    assert.match(made.id, /^conv_/);
    assert.equal(made.object, 'conversation');
    assert.deepEqual(await client.conversations.retrieve(made.id), made);
    const changed = await client.conversations.update(made.id, { metadata: { c: 'd' } });
    assert.deepEqual([changed.id, changed.metadata], [made.id, { c: 'd' }]);
    const gone = await client.conversations.delete(made.id);
    assert.deepEqual([gone.id, gone.deleted, gone.object], [made.id, true, 'conversation.deleted']);
    await assert.rejects(once.conversations.retrieve(made.id), OpenAI.NotFoundError);
  });

  test('have items', async () => {
    const { id } = await client.conversations.create({});
    const added = await client.conversations.items.create(id, { items: [
      { type: 'message', role: 'user', content: 'One' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Two' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Three', annotations: [] }] },
    ] });
    assert.deepEqual(added.data.map((i) => i.content[0].text), ['One', 'Two', 'Three']);
    const listed = await all(client.conversations.items.list(id, { limit: 2 }));
    assert.deepEqual(listed.map((i) => i.id), added.data.map((i) => i.id).reverse());
    const found = await client.conversations.items.retrieve(added.data[1].id, { conversation_id: id });
    assert.deepEqual(found, added.data[1]);
    assert.equal((await client.conversations.items.delete(found.id, { conversation_id: id })).id, id);
    await assert.rejects(once.conversations.items.retrieve(found.id, { conversation_id: id }), OpenAI.NotFoundError);
    assert.equal((await all(client.conversations.items.list(id, { order: 'asc' }))).length, 2);
  });
});

each('talks in a conversation', async (p) => {
  const { id } = await client.conversations.create({ items: [{ type: 'message', role: 'user', content: 'Hello' }] });
  const first = await client.responses.create({ model: p.model, conversation: id, input: 'One' });
  assert.equal(first.output_text, 'You said: One');
  assert.deepEqual(first.conversation, { id });
  const stream = client.responses.stream({ model: p.model, conversation: { id }, input: 'Two' });
  const second = await stream.finalResponse();
  assert.equal(second.output_text, 'You said: Two');
  assert.ok(second.usage.input_tokens > first.usage.input_tokens, 'what went before was sent');
  const items = await all(client.conversations.items.list(id, { order: 'asc' }));
  assert.deepEqual(items.map((i) => [i.role, i.content[0].text]), [
    ['user', 'Hello'], ['user', 'One'], ['assistant', 'You said: One'], ['user', 'Two'], ['assistant', 'You said: Two'],
  ]);
  assert.equal(new Set(items.map((i) => i.id)).size, items.length);
}, responders);

for (const stream of [false, true]) {
  each(`keeps a chat completion, ${stream ? 'streamed' : 'whole'}`, async (p) => {
    const tag = randomUUID();
    const request = say('Hello', { model: p.model, store: true, metadata: { tag } });
    const made = stream ? await client.chat.completions.stream(request).finalChatCompletion() : await client.chat.completions.create(request);
    const found = await client.chat.completions.retrieve(made.id);
    assert.equal(found.id, made.id);
    assert.equal(found.choices[0].message.content, 'You said: Hello');
    assert.deepEqual(found.metadata, { tag });
    const messages = await all(client.chat.completions.messages.list(made.id));
    assert.deepEqual(messages.map((m) => [m.role, m.content]), [['user', 'Hello']]);
    assert.deepEqual((await all(client.chat.completions.list({ metadata: { tag } }))).map((c) => c.id), [made.id]);
    const changed = await client.chat.completions.update(made.id, { metadata: { tag: 'other' } });
    assert.deepEqual([changed.id, changed.metadata], [made.id, { tag: 'other' }]);
    assert.deepEqual(await all(client.chat.completions.list({ metadata: { tag } })), []);
    const gone = await client.chat.completions.delete(made.id);
    assert.deepEqual([gone.id, gone.deleted], [made.id, true]);
    await assert.rejects(once.chat.completions.retrieve(made.id), OpenAI.NotFoundError);
  }, providers);
}
