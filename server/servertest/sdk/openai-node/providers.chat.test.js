// One program of chat completions, unchanged against the models of every provider.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { all, client, once, say, textOf } from './gateway.js';
import { each, providers } from './providers.js';

const pixel = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const tool = (name) => ({ type: 'function', function: { name, description: `Asks for ${name}.`, parameters: city, strict: true } });

/** loose is a tool whose arguments the SDK leaves as they come. */
const loose = (name) => ({ type: 'function', function: { name, parameters: city } });

/** whole asserts what every reply has, whoever made it. */
function whole(reply, p) {
  assert.equal(reply.object, 'chat.completion');
  assert.match(reply.id, /^\S+$/);
  assert.ok(reply.created > 1_500_000_000);
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens, p.name);
  assert.ok(reply.usage.prompt_tokens > 0);
  for (const [index, choice] of reply.choices.entries()) {
    assert.equal(choice.index, index);
    assert.equal(choice.message.role, 'assistant');
    assert.ok('content' in choice.message);
  }
}

each('says', async (p) => {
  const { data, response } = await client.chat.completions.create(say('Hello', { model: p.model })).withResponse();
  whole(data, p);
  assert.equal(data.choices[0].message.content, 'You said: Hello');
  assert.equal(data.choices[0].finish_reason, 'stop');
  assert.equal(response.headers.get('x-signalbox-provider'), p.name);
  assert.equal(response.headers.get('x-signalbox-loss'), null);
});

each('says as a developer wishes', async (p) => {
  const reply = await client.chat.completions.create({
    model: p.model, messages: [{ role: 'developer', content: 'Be brief.' }, { role: 'user', content: 'Hello' }],
    max_completion_tokens: 3, seed: 7, stop: ['never'], temperature: 0.5, top_p: 0.9,
  });
  whole(reply, p);
  assert.equal(reply.choices[0].message.content.slice(0, 8), 'You said');
});

each('streams', async (p) => {
  const chunks = await all(await client.chat.completions.create(say('Hello', { model: p.model, stream: true, stream_options: { include_usage: true } })));
  assert.equal(textOf(chunks), 'You said: Hello');
  assert.equal(new Set(chunks.map((c) => `${c.id} ${c.created} ${c.model}`)).size, 1);
  assert.ok(chunks.every((c) => c.object === 'chat.completion.chunk'));
  assert.deepEqual(chunks.map((c) => c.choices[0]?.delta.role).filter(Boolean), ['assistant'], 'the role comes once');
  assert.deepEqual(chunks.flatMap((c) => c.choices.map((choice) => choice.finish_reason)).filter(Boolean), ['stop']);
  assert.equal(chunks.at(-1).choices.length, 0);
  assert.ok(chunks.at(-1).usage.total_tokens > 0);
  assert.ok(chunks.slice(0, -1).every((c) => c.usage === null));
});

each('streams without usage where none is asked for', async (p) => {
  const chunks = await all(await client.chat.completions.create(say('Hello', { model: p.model, stream: true })));
  assert.ok(chunks.every((c) => c.choices.length === 1 && c.usage === undefined));
});

each('is assembled by the helper as it is said whole', async (p) => {
  const request = say('Hello', { model: p.model });
  const want = await client.chat.completions.create(request);
  const got = await client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion();
  whole(got, p);
  assert.equal(got.choices[0].message.content, want.choices[0].message.content);
  assert.equal(got.choices[0].finish_reason, want.choices[0].finish_reason);
  assert.deepEqual(got.usage.total_tokens, want.usage.total_tokens);
});

each('thinks, in reasoning_content', async (p, named) => {
  const request = say('Hello', { model: named(p.thinker) });
  const want = await client.chat.completions.create(request);
  assert.equal(want.choices[0].message.reasoning_content, 'The user says: Hello');
  assert.equal(want.choices[0].message.content, 'You said: Hello');
  const chunks = await all(await client.chat.completions.create({ ...request, stream: true }));
  assert.equal(textOf(chunks), 'You said: Hello');
  assert.equal(chunks.flatMap((c) => c.choices).map((c) => c.delta.reasoning_content ?? '').join(''), 'The user says: Hello');
}, providers.filter((p) => p.thinker));

/** agent has three tools, each of whose answers asks for the next one. */
function agent() {
  const called = [];
  const order = ['weather', 'traffic', 'diary'];
  const answer = (name) => {
    called.push(name);
    return called.length < order.length ? `Now look at the ${order[called.length]}.` : 'Done.';
  };
  return { called, order, answer, tools: order.map((name) => tool(name)) };
}

/** runnable are an agent's tools for the SDK to call. */
const runnable = ({ tools, answer }) => tools.map((t) => ({
  ...t, function: { ...t.function, parse: JSON.parse, function: (args) => { assert.deepEqual(args, { city: 'text' }); return answer(t.function.name); } },
}));

for (const stream of [false, true]) {
  each(`calls tools in three turns, ${stream ? 'streamed' : 'whole'}`, async (p) => {
    const a = agent();
    const runner = client.chat.completions.runTools(say('How is the weather?', { model: p.model, tools: runnable(a), stream }));
    assert.equal(await runner.finalContent(), 'You said: How is the weather?');
    assert.deepEqual(a.called, a.order);
    assert.deepEqual(runner.messages.map((m) => m.role), ['user', ...Array(3).fill(['assistant', 'tool']).flat(), 'assistant']);
    const calls = runner.messages.flatMap((m) => m.tool_calls ?? []);
    assert.equal(new Set(calls.map((c) => c.id)).size, 3);
    assert.ok(calls.every((c) => c.type === 'function' && c.id));
    for (const reply of runner.allChatCompletions().slice(0, -1)) assert.equal(reply.choices[0].finish_reason, 'tool_calls');
  });
}

each('thinks between calls of tools, and is told what it thought', async (p, named) => {
  const a = agent();
  const request = say('How is the weather?', { model: named(p.thinker), tools: a.tools });
  for (;;) {
    const { message } = (await client.chat.completions.create(request)).choices[0];
    assert.equal(message.reasoning_content, 'The user says: How is the weather?');
    request.messages.push(message);
    if (!message.tool_calls) break;
    for (const c of message.tool_calls) request.messages.push({ role: 'tool', tool_call_id: c.id, content: a.answer(c.function.name) });
  }
  assert.deepEqual(a.called, a.order);
  assert.equal(request.messages.at(-1).content, 'You said: How is the weather?');
}, providers.filter((p) => p.thinker));

each('thinks between calls of the SDK, which forgets what was thought', async (p, named) => {
  const a = agent();
  const runner = once.chat.completions.runTools(say('How is the weather?', { model: named(p.thinker), tools: runnable(a) }));
  if (p.remembers) {
    await assert.rejects(runner.finalContent(), (e) => e instanceof OpenAI.BadRequestError && e.type === 'invalid_request_error' && /reasoning_content/.test(e.message));
    return;
  }
  assert.equal(await runner.finalContent(), 'You said: How is the weather?');
  assert.deepEqual(a.called, a.order);
}, providers.filter((p) => p.thinker));

for (const stream of [false, true]) {
  each(`calls tools side by side, ${stream ? 'streamed' : 'whole'}`, async (p) => {
    const asked = say('Go', { model: p.model, tools: [loose('weather'), loose('traffic')], tool_choice: 'required' });
    const ask = async (request) => {
      if (stream) return client.chat.completions.stream(request).finalChatCompletion();
      const { data, response } = await client.chat.completions.create(request).withResponse();
      if (p.unforced) assert.match(response.headers.get('x-signalbox-loss'), new RegExp(`\\b${p.unforced}\\b`));
      return data;
    };
    const { parsed, ...message } = (await ask(asked)).choices[0].message; // what the SDK adds is not for the provider
    if (p.unforced) {
      assert.equal(message.tool_calls?.length ?? 0, 0, 'nothing forces it');
      return;
    }
    assert.deepEqual(message.tool_calls.map((c) => [c.type, c.function.name, JSON.parse(c.function.arguments)]), [
      ['function', 'weather', { city: 'text' }], ['function', 'traffic', { city: 'text' }],
    ]);
    const answers = message.tool_calls.map((c) => ({ role: 'tool', tool_call_id: c.id, content: 'Fine.' }));
    const reply = await ask({ ...asked, tool_choice: 'auto', messages: [...asked.messages, message, ...answers] });
    assert.equal(reply.choices[0].message.content, 'You said: Go');
  });
}

const schema = { type: 'object', properties: { steps: { type: 'array', items: { type: 'string' } }, result: { type: 'integer' } }, required: ['steps', 'result'], additionalProperties: false };
const format = { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } };

each('parses structured output', async (p) => {
  const request = say('How much? Answer in JSON.', { model: p.model, response_format: format });
  const want = p.schema ? { reply: 'How much? Answer in JSON.' } : { steps: ['text'], result: 1 };
  const { data, response } = await client.chat.completions.parse(request).withResponse();
  assert.deepEqual(data.choices[0].message.parsed, want);
  if (p.schema) assert.ok(response.headers.get('x-signalbox-loss').includes(p.schema));
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  assert.deepEqual(JSON.parse(streamed.choices[0].message.content), want);
});

each('sees what is inline', (p) => sees(p, pixel, p.image));
each('sees what is on the web', (p) => sees(p, 'https://example.com/cat.png', p.imageURL));

/** sees shows an image, or asserts the one error of a provider that cannot see it. */
async function sees(p, url, error) {
  const call = once.chat.completions.create({
    model: p.model, messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url } }] }],
  });
  if (!error) {
    assert.equal((await call).choices[0].message.content, 'You said: What is it?');
    return;
  }
  await assert.rejects(call, (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError, `${e}`);
    assert.equal(e.type, 'invalid_request_error');
    if (error.code) assert.equal(e.code, error.code);
    if (error.param) assert.match(e.param, error.param);
    return true;
  });
}

each('tells what is lost, and refuses it where nothing may be', async (p) => {
  const request = say('Hello', { model: p.model, [p.loses]: { 50256: -100 } });
  const { response } = await client.chat.completions.create(request).withResponse();
  assert.match(response.headers.get('x-signalbox-loss'), new RegExp(`\\b${p.loses}\\b`));
  await assert.rejects(once.chat.completions.create(request, { headers: { 'X-Signalbox-Strict': 'true' } }), (e) => {
    assert.ok(e instanceof OpenAI.BadRequestError, `${e}`);
    assert.equal(e.param, p.loses);
    return true;
  });
}, providers.filter((p) => p.loses));

for (const [status, type, facts] of [
  [400, OpenAI.BadRequestError, {}],
  [404, OpenAI.NotFoundError, {}],
  [429, OpenAI.RateLimitError, {}],
  [500, OpenAI.InternalServerError, { status: 502 }],
  [503, OpenAI.InternalServerError, {}],
]) {
  for (const stream of [false, true]) {
    each(`raises the provider's ${status}, ${stream ? 'streamed' : 'whole'}`, async (p) => {
      const request = say('Hello', { model: `${p.name}/fault/status=${status}${status === 429 ? ',retry-after=7' : ''}`, stream });
      await assert.rejects(once.chat.completions.create(request), (e) => {
        assert.ok(e instanceof type, `${e.constructor.name}: ${e}`);
        assert.equal(e.status, facts.status ?? status);
        assert.ok(e.message && e.type && e.requestID);
        if (status === 429) assert.equal(e.headers.get('retry-after'), '7');
        return true;
      });
    });
  }
}

each('has no model of another name', async (p) => {
  await assert.rejects(once.chat.completions.create(say('Hello', { model: `${p.name}/no-such-model` })), OpenAI.NotFoundError);
});
