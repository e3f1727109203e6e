// Calls of tools.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { zodFunction } from 'openai/helpers/zod';
import { z } from 'zod';
import { all, client, say } from './gateway.js';

const place = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer', minimum: 3 } }, required: ['city', 'days'], additionalProperties: false };
const weather = { type: 'function', function: { name: 'weather', description: 'Tells the weather.', parameters: place, strict: true } };
const traffic = { type: 'function', function: { name: 'traffic', parameters: place } };
const shell = { type: 'custom', custom: { name: 'shell', description: 'Runs a program.' } };
const tools = [weather, traffic];

/** calls are the calls of a message, without their ids. */
const calls = (message) => message.tool_calls.map((c) => [c.function.name, JSON.parse(c.function.arguments)]);

suite('tools', () => {
  test('are called in parallel', async () => {
    const reply = await client.chat.completions.create(say('Go', { tools, tool_choice: 'required' }));
    const { message, finish_reason } = reply.choices[0];
    assert.deepEqual(calls(message), [['weather', { city: 'text', days: 3 }], ['traffic', { city: 'text', days: 3 }]]);
    assert.equal(finish_reason, 'tool_calls');
    assert.equal(message.content, null);
    assert.notEqual(message.tool_calls[0].id, message.tool_calls[1].id);
    assert.ok(message.tool_calls.every((c) => c.type === 'function'));
  });

  for (const [name, members, want] of [
    ['are called one at a time', { tool_choice: 'required', parallel_tool_calls: false }, ['weather']],
    ['are called by name', { tool_choice: { type: 'function', function: { name: 'traffic' } } }, ['traffic']],
    ['are chosen from some', { tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [traffic] } } }, ['traffic']],
    ['are the model\'s choice', {}, ['weather']],
    ['are not called', { tool_choice: 'none' }, undefined],
  ]) {
    test(name, async () => {
      const reply = await client.chat.completions.create(say('How is the weather?', { tools, ...members }));
      assert.deepEqual(reply.choices[0].message.tool_calls?.map((c) => c.function.name), want);
    });
  }

  test('of free text are called', async () => {
    const reply = await client.chat.completions.create(say('Go', { tools: [shell], tool_choice: { type: 'custom', custom: { name: 'shell' } } }));
    const [call] = reply.choices[0].message.tool_calls;
    assert.deepEqual([call.type, call.custom], ['custom', { name: 'shell', input: 'print(1)' }]);
  });

  test('are answered in the next turn', async () => {
    const asked = say('How is the weather?', { tools });
    const first = await client.chat.completions.create(asked);
    const { message } = first.choices[0];
    const answers = message.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: [{ type: 'text', text: 'Sunny.' }] }));
    const second = await client.chat.completions.create({ ...asked, messages: [...asked.messages, message, ...answers] });
    assert.equal(second.choices[0].message.content, 'You said: How is the weather?');
  });
});

suite('tools in streams', () => {
  test('come with their arguments in pieces', async () => {
    const chunks = await all(await client.chat.completions.create(say('Go', { tools, tool_choice: 'required', stream: true })));
    const deltas = chunks.flatMap((c) => c.choices[0].delta.tool_calls ?? []);
    assert.ok(deltas.every((d) => Number.isInteger(d.index)));
    assert.deepEqual(deltas.filter((d) => d.id).map((d) => [d.index, d.type, d.function.name, d.function.arguments]), [
      [0, 'function', 'weather', ''], [1, 'function', 'traffic', ''],
    ]);
    for (const index of [0, 1]) {
      const pieces = deltas.filter((d) => d.index === index).map((d) => d.function.arguments);
      assert.ok(pieces.length > 2);
      assert.deepEqual(JSON.parse(pieces.join('')), { city: 'text', days: 3 });
    }
    assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
  });

  test('are assembled by the helper', async () => {
    const done = [];
    const runner = client.chat.completions.stream(say('Go', { tools: [zodFunction({ name: 'weather', parameters: z.object({ city: z.string() }) }), traffic], tool_choice: 'required' }))
      .on('tool_calls.function.arguments.done', (e) => done.push([e.index, e.name, e.parsed_arguments ?? JSON.parse(e.arguments)]));
    const { message } = (await runner.finalChatCompletion()).choices[0];
    assert.deepEqual(calls(message), [['weather', { city: 'text' }], ['traffic', { city: 'text', days: 3 }]]);
    assert.deepEqual(done, [[0, 'weather', { city: 'text' }], [1, 'traffic', { city: 'text', days: 3 }]]);
  });
});

suite('runTools', () => {
  /** runnable is a tool that the SDK calls itself, and what it was called with. */
  function runnable() {
    const called = [];
    const tool = zodFunction({
      name: 'weather',
      parameters: z.object({ city: z.string() }),
      function: async (args) => { called.push(args); return 'Sunny.'; },
    });
    return { tool, called };
  }

  for (const stream of [false, true]) {
    test(`calls and answers until the reply is there, ${stream ? 'streamed' : 'whole'}`, async () => {
      const { tool, called } = runnable();
      const runner = client.chat.completions.runTools(say('How is the weather?', { tools: [tool], stream }));
      assert.equal(await runner.finalContent(), 'You said: How is the weather?');
      assert.deepEqual(called, [{ city: 'text' }]);
      assert.deepEqual(runner.messages.map((m) => m.role), ['user', 'assistant', 'tool', 'assistant']);
      assert.equal(runner.allChatCompletions().length, 2);
    });
  }
});
