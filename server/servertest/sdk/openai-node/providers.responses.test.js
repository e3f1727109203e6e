// One program of responses, unchanged against the models of every provider: those that
// answer them, those that keep them, and those that the gateway does both for.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import { all, client, once } from './gateway.js';
import { each, responders, thinkers } from './providers.js';

const city = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
const weather = { type: 'function', name: 'weather', description: 'Tells the weather.', parameters: city, strict: true };
const traffic = { type: 'function', name: 'traffic', parameters: city, strict: false };

/** whole asserts what every response has, whoever made it. */
function whole(response, status = 'completed') {
  assert.equal(response.object, 'response');
  assert.match(response.id, /^resp_/);
  assert.equal(response.status, status);
  assert.equal(response.error, null);
  assert.ok(response.created_at > 1_500_000_000);
  assert.equal(response.usage.total_tokens, response.usage.input_tokens + response.usage.output_tokens);
  for (const item of response.output) assert.ok(item.id, JSON.stringify(item));
}

each('responds', async (p) => {
  const { data, response } = await client.responses.create({ model: p.model, input: 'Hello', instructions: 'Be brief.' }).withResponse();
  whole(data);
  assert.equal(data.output_text, 'You said: Hello');
  assert.deepEqual(data.output.map((i) => i.type), ['message']);
  assert.equal(data.output[0].role, 'assistant');
  assert.equal(data.output[0].status, 'completed');
  assert.equal(response.headers.get('x-signalbox-provider'), p.name);
}, responders);

each('responds to what is said in parts', async (p) => {
  const input = [
    { role: 'developer', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'input_text', text: 'Hel' }, { type: 'input_text', text: 'lo' }] },
    { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'What?', annotations: [] }], id: 'msg_1', status: 'completed' },
    { type: 'message', role: 'user', content: 'Again' },
  ];
  const response = await client.responses.create({ model: p.model, input, store: false, max_output_tokens: 100 });
  whole(response);
  assert.equal(response.output_text, 'You said: Again');
  assert.equal(response.store ?? false, false);
  await assert.rejects(once.responses.retrieve(response.id), OpenAI.NotFoundError, 'it is not kept');
}, responders);

each('goes on from the response before, three times, with a call of a tool', async (p) => {
  const tools = [weather, traffic];
  const first = await client.responses.create({ model: p.model, input: 'How is the weather?', tools });
  whole(first);
  const [call] = first.output.filter((i) => i.type === 'function_call');
  assert.deepEqual([call.name, JSON.parse(call.arguments), call.status], ['weather', { city: 'text' }, 'completed']);
  const second = await client.responses.create({
    model: p.model, tools, previous_response_id: first.id, input: [{ type: 'function_call_output', call_id: call.call_id, output: 'Now look at the traffic.' }],
  });
  whole(second);
  assert.equal(second.previous_response_id, first.id);
  const [next] = second.output.filter((i) => i.type === 'function_call');
  assert.equal(next.name, 'traffic');
  const third = await client.responses.create({
    model: p.model, tools, previous_response_id: second.id, input: [{ type: 'function_call_output', call_id: next.call_id, output: 'Fine.' }],
  });
  whole(third);
  assert.equal(third.output_text, 'You said: How is the weather?');
  assert.ok(third.usage.input_tokens > first.usage.input_tokens);
  const fourth = await client.responses.create({ model: p.model, previous_response_id: third.id, input: 'Hello' });
  assert.equal(fourth.output_text, 'You said: Hello');
  assert.ok(fourth.usage.input_tokens > third.usage.input_tokens - 20, 'what went before was sent');
  if (p.unlisted) return;
  const items = await all(client.responses.inputItems.list(fourth.id, { order: 'asc' }));
  assert.deepEqual(items.map((i) => i.content?.[0]?.text), ['Hello']);
}, responders);

each('has no response of another id', async (p) => {
  await assert.rejects(once.responses.create({ model: p.model, previous_response_id: 'resp_0123456789', input: 'Hello' }), (e) => {
    assert.ok(e instanceof OpenAI.NotFoundError || e instanceof OpenAI.BadRequestError, `${e}`);
    return true;
  });
}, responders);

/** helped runs the stream helper to its end, and asserts the order of its events. */
async function helped(request) {
  const events = [];
  const stream = client.responses.stream(request).on('event', (e) => events.push(e));
  const response = await stream.finalResponse();
  assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
  assert.equal(events[0].type, 'response.created');
  assert.equal(events.at(-1).type, 'response.completed');
  whole(response);
  return { events, response };
}

each('streams into the helper what it says whole', async (p) => {
  const request = { model: p.model, input: 'Hello' };
  const want = await client.responses.create(request);
  const { events, response } = await helped(request);
  assert.equal(response.output_text, want.output_text);
  assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'You said: Hello');
  const ids = new Set(events.map((e) => e.item_id ?? e.item?.id).filter(Boolean));
  assert.deepEqual([...ids], response.output.map((i) => i.id));
  assert.ok(events.every((e) => !e.response || e.response.id === response.id));
}, responders);

each('streams calls of tools into the helper', async (p) => {
  const request = { model: p.model, input: 'How is the weather?', tools: [weather, traffic] };
  const want = (await client.responses.create(request)).output.filter((i) => i.type === 'function_call');
  const { events, response } = await helped(request);
  const got = response.output.filter((i) => i.type === 'function_call');
  assert.deepEqual(got.map((c) => [c.name, c.arguments, c.status]), want.map((c) => [c.name, c.arguments, c.status]));
  assert.equal(got.length, 1);
  assert.deepEqual(got[0].parsed_arguments, { city: 'text' });
  assert.ok(events.some((e) => e.type === 'response.function_call_arguments.done'));
}, responders);

each('streams what it thinks into the helper', async (p, named) => {
  const request = { model: named(p.thinker), input: 'Hello' };
  const thought = (r) => r.output.filter((i) => i.type === 'reasoning').map((i) => [...i.content ?? [], ...i.summary].map((c) => c.text).join('')).join('');
  const want = await client.responses.create(request);
  assert.equal(thought(want), 'The user says: Hello');
  const { response } = await helped(request);
  assert.equal(thought(response), 'The user says: Hello');
  assert.deepEqual(response.output.map((i) => i.type), want.output.map((i) => i.type));
  assert.equal(response.output_text, 'You said: Hello');
  const next = await client.responses.create({ ...request, previous_response_id: response.id, input: 'Again' });
  assert.equal(next.output_text, 'You said: Again');
}, thinkers);

each('parses structured output', async (p) => {
  const schema = { type: 'object', properties: { result: { type: 'integer' } }, required: ['result'], additionalProperties: false };
  const { data, response } = await client.responses.parse({
    model: p.model, input: 'How much? Answer in JSON.', text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } },
  }).withResponse();
  whole(data);
  assert.deepEqual(JSON.parse(data.output_text), p.schema ? { reply: 'How much? Answer in JSON.' } : { result: 1 });
  if (p.schema) assert.match(response.headers.get('x-signalbox-loss'), /text\.format/);
}, responders);

each('is kept, found, listed and deleted', async (p) => {
  const made = await client.responses.create({ model: p.model, input: 'Hello', metadata: { a: 'b' } });
  const found = await client.responses.retrieve(made.id);
  assert.equal(found.output_text, 'You said: Hello');
  assert.equal(found.id, made.id);
  assert.deepEqual(found.output.map((i) => i.id), made.output.map((i) => i.id));
  if (p.unlisted) {
    await assert.rejects(all(once.responses.inputItems.list(made.id)), OpenAI.NotFoundError);
  } else {
    const items = await all(client.responses.inputItems.list(made.id));
    assert.deepEqual(items.map((i) => [i.type, i.role, i.content.map((part) => [part.type, part.text])]), [['message', 'user', [['input_text', 'Hello']]]]);
    assert.ok(items[0].id);
  }
  await client.responses.delete(made.id);
  await assert.rejects(once.responses.retrieve(made.id), OpenAI.NotFoundError);
}, responders);

/** polled asks for a response until it has ended. */
async function polled(id) {
  for (;;) {
    const response = await client.responses.retrieve(id);
    if (!['queued', 'in_progress'].includes(response.status)) return response;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

each('works in the background', async (p) => {
  if (p.waits) {
    await assert.rejects(once.responses.create({ model: p.model, input: 'Hello', background: true }), (e) => e instanceof OpenAI.BadRequestError && /background/.test(e.message));
    return;
  }
  const made = await client.responses.create({ model: p.model, input: 'Hello', background: true });
  assert.ok(['queued', 'in_progress'].includes(made.status), made.status);
  const response = await polled(made.id);
  whole(response);
  assert.equal(response.output_text, 'You said: Hello');
}, responders);

each('is left in the background, and followed again from where it was left', async (p) => {
  const left = [];
  for await (const event of await client.responses.create({ model: p.model, input: 'Hello', background: true, stream: true })) {
    left.push(event);
    if (left.length === 3) break;
  }
  const { id } = left[0].response;
  const rest = await all(await client.responses.retrieve(id, { stream: true, starting_after: left.at(-1).sequence_number }));
  const events = [...left, ...rest];
  assert.deepEqual(events.map((e) => e.sequence_number), events.map((_, i) => i));
  assert.equal(events.at(-1).type, 'response.completed');
  assert.equal(events.filter((e) => e.type === 'response.output_text.delta').map((e) => e.delta).join(''), 'You said: Hello');
}, responders.filter((p) => !p.waits));
