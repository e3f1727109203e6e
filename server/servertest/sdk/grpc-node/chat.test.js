import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { equals } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { ChatCompletionSchema } from './gen/signalbox/chat/v1/chat_pb.js';
import { ChatService } from './gen/signalbox/chat/v1/chat_service_pb.js';
import { CallEnd } from './gen/signalbox/common/v1/common_pb.js';
import { ErrorReason } from './gen/signalbox/common/v1/errors_pb.js';
import { all, entries, failure, fault, newID, say, seen, start, stream, unary } from './gateway.js';

const { createChatCompletion, streamChatCompletion } = ChatService.method;

/** @import { StreamChatCompletionResponse } from './gen/signalbox/chat/v1/chat_service_pb.js' */

/** textOf is what a stream says. @param {StreamChatCompletionResponse[]} messages */
const textOf = (messages) => messages.flatMap((m) => m.chunk?.choices ?? []).map((c) => c.delta?.content ?? '').join('');

suite('unary', () => {
  test('answers with its facts', async () => {
    const id = newID();
    const { message: { completion, info }, header } = await start(createChatCompletion, { params: say('Hello') }, { id }).reply;
    assert.equal(completion?.choices[0].message?.content, 'You said: Hello');
    assert.equal(completion?.choices[0].finishReason, 'stop');
    assert.equal(info?.requestId, id);
    assert.equal(info?.providerType, 'openai');
    assert.equal(info?.attempts, 1);
    assert.equal(info?.end, CallEnd.COMPLETED);
    assert.equal((info?.usage?.input ?? 0) + (info?.usage?.output ?? 0), completion?.usage?.totalTokens);
    for (const [name, value] of [
      ['x-request-id', id], ['x-signalbox-plan', info?.planDigest], ['x-signalbox-provider', info?.provider],
      ['x-signalbox-model', info?.model], ['x-ratelimit-remaining-requests', '9999'],
    ]) assert.deepEqual(header.get(/** @type {string} */ (name)), [value]);
    assert.equal(entries(id, 'arrived').length, 1);
  });

  test('says the same with the verbatim twins', async () => {
    const parametersJson = '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}';
    const typed = await unary(createChatCompletion, { params: say('How is the weather?', { tools: [{ function: { name: 'weather', parametersJson } }] }) });
    const twin = await unary(createChatCompletion, { params: {
      model: 'gpt-4o-mini',
      messagesJson: '[{"role":"user","content":"How is the weather?"}]',
      toolsJson: `[{"type":"function","function":{"name":"weather","parameters":${parametersJson}}}]`,
    } });
    assert.ok(typed.completion && twin.completion && equals(ChatCompletionSchema, typed.completion, twin.completion));
    assert.equal(typed.info?.planDigest, twin.info?.planDigest);
    const [call] = twin.completion.choices[0].message?.toolCalls ?? [];
    assert.equal(call.function?.name, 'weather');
    assert.equal(call.function?.arguments, '{"city":"text"}');
  });

  test('calls tools, and takes their answers', async () => {
    const tools = ['weather', 'traffic'].map((name) => ({ function: { name, parametersJson: '{"type":"object","properties":{}}' } }));
    const asked = say('Go', { tools, toolChoice: 'required' });
    const message = (await unary(createChatCompletion, { params: asked })).completion?.choices[0].message;
    assert.ok(message);
    assert.deepEqual(message.toolCalls.map((c) => [c.type, c.function?.name]), [['function', 'weather'], ['function', 'traffic']]);
    const answers = message.toolCalls.map((c) => ({ role: 'tool', toolCallId: c.id, content: 'Done.' }));
    const { completion } = await unary(createChatCompletion, { params: say('', { tools, messages: [...asked.messages, message, ...answers] }) });
    assert.equal(completion?.choices[0].message?.content, 'You said: Go');
  });

  test('keeps every character, and long texts', async () => {
    const odd = 'Grüße, 世界 👩‍👩‍👧 e\u0301 "\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&';
    const short = await unary(createChatCompletion, { params: say(odd) });
    assert.equal(short.completion?.choices[0].message?.content, `You said: ${odd}`);
    const long = await unary(createChatCompletion, { params: say('long '.repeat(200_000), fault('line=3000000')) });
    assert.equal(long.completion?.choices[0].message?.content?.length, 3_000_000);
  });
});

suite('stream', () => {
  for (const asked of [false, true]) {
    test(`has its facts first and last, ${asked ? 'and the usage that was asked for' : 'and no usage between'}`, async () => {
      const id = newID();
      const members = asked ? { streamOptions: { includeUsage: true } } : {};
      const messages = await all(stream(streamChatCompletion, { params: say('Hello', members) }, { id }));
      const [first, last] = [messages[0], messages[messages.length - 1]];
      assert.equal(textOf(messages), 'You said: Hello');
      assert.equal(first.info?.requestId, id);
      assert.equal(first.info?.end, CallEnd.UNSPECIFIED);
      assert.ok(first.chunk && !last.chunk);
      assert.equal(last.info?.end, CallEnd.COMPLETED);
      assert.ok((last.info?.usage?.output ?? 0) > 0);
      assert.ok(messages.slice(1, -1).every((m) => m.chunk && !m.info));
      assert.equal(messages.filter((m) => m.chunk?.usage).length, asked ? 1 : 0);
    });
  }

  test('has header metadata', async () => {
    const id = newID();
    const source = stream(streamChatCompletion, { params: say('Hello') }, { id });
    const header = new Promise((resolve) => source.once('metadata', resolve));
    const [first] = await all(source);
    assert.deepEqual((await header).get('x-request-id'), [id]);
    assert.deepEqual((await header).get('x-signalbox-plan'), [first.info?.planDigest]);
  });

  test('has tool calls in pieces', async () => {
    const tools = [{ function: { name: 'weather', parametersJson: '{"type":"object","properties":{"city":{"type":"string"}}}' } }];
    const messages = await all(stream(streamChatCompletion, { params: say('Go', { tools, toolChoiceObject: { function: { name: 'weather' } } }) }));
    const pieces = messages.flatMap((m) => m.chunk?.choices ?? []).flatMap((c) => c.delta?.toolCalls ?? []);
    assert.ok(pieces.length > 2 && pieces.every((p) => p.index === 0));
    assert.equal(pieces.map((p) => p.function?.arguments ?? '').join(''), '{"city":"text"}');
  });

  for (const script of ['truncate-after=3', 'reset-after=3', 'no-done']) {
    test(`that breaks has its facts and then the status: ${script}`, async () => {
      const id = newID();
      /** @type {StreamChatCompletionResponse[]} */
      const messages = [];
      await failure(all(stream(streamChatCompletion, { params: say('Hello', fault(script)) }, { id }), messages),
        { id, code: grpc.status.UNAVAILABLE, reason: ErrorReason.UPSTREAM_TRUNCATED, status: 502 });
      assert.equal(messages.at(-1)?.info?.end, CallEnd.TRUNCATED);
    });
  }
});

suite('leaving', () => {
  /** aborted asserts that the provider saw the client of a request leave. @param {string} id */
  async function aborted(id) {
    assert.equal((await seen(id, 'ended')).aborted, true);
    assert.equal(entries(id, 'arrived').length, 1);
  }
  const cancelled = { code: grpc.status.CANCELLED };
  const late = { code: grpc.status.DEADLINE_EXCEEDED };

  test('a cancelled call ends at the provider', async () => {
    const id = newID();
    const { call, reply } = start(createChatCompletion, { params: say('Hello', fault('hang')) }, { id });
    const rejected = assert.rejects(reply, cancelled);
    await seen(id, 'arrived');
    call.cancel();
    await rejected;
    await aborted(id);
  });

  test('a cancelled stream ends at the provider', async () => {
    const id = newID();
    const source = stream(streamChatCompletion, { params: say('Hello', fault('hang-after=3')) }, { id });
    source.once('data', () => source.cancel());
    await assert.rejects(new Promise((resolve, reject) => source.on('error', reject).on('end', resolve)), cancelled);
    await aborted(id);
  });

  test('a call whose deadline passes ends at the provider', async () => {
    const id = newID();
    await assert.rejects(unary(createChatCompletion, { params: say('Hello', fault('hang')) }, { id, deadline: 1000 }), late);
    await aborted(id);
  });

  test('a stream whose deadline passes ends at the provider', async () => {
    const id = newID();
    await assert.rejects(all(stream(streamChatCompletion, { params: say('Hello', fault('hang-after=3')) }, { id, deadline: 1000 })), late);
    await aborted(id);
  });
});

suite('errors', () => {
  const { INVALID_ARGUMENT, NOT_FOUND, RESOURCE_EXHAUSTED, UNAUTHENTICATED, UNAVAILABLE } = grpc.status;
  for (const [name, params, options, want] of /** @type {const} */ ([
    ['an unknown model', say('Hello', { model: 'no-such-model' }), {}, { code: NOT_FOUND, reason: ErrorReason.MODEL_NOT_FOUND, status: 404, param: 'model' }],
    ['no messages', { model: 'gpt-4o-mini' }, {}, { code: INVALID_ARGUMENT, reason: ErrorReason.INVALID_FIELD, status: 400, param: 'messages' }],
    ['an unknown parameter', say('Hello', { extraJson: '{"frobnicate":1}' }), {}, { code: INVALID_ARGUMENT, reason: ErrorReason.UPSTREAM_REJECTED, status: 400, param: 'frobnicate' }],
    ['a wrong key', say('Hello'), { key: 'sk-of-nobody' }, { code: UNAUTHENTICATED, reason: ErrorReason.CREDENTIALS_INVALID, status: 401 }],
    ['no key', say('Hello'), { key: '' }, { code: UNAUTHENTICATED, reason: ErrorReason.CREDENTIALS_MISSING, status: 401 }],
    ['a rate limit', say('Hello', fault('status=429,retry-after=20')), {}, { code: RESOURCE_EXHAUSTED, reason: ErrorReason.UPSTREAM_RATE_LIMITED, status: 429 }],
    ['an overload', say('Hello', fault('status=503')), {}, { code: UNAVAILABLE, reason: ErrorReason.UPSTREAM_OVERLOADED, status: 503 }],
  ])) {
    test(`${name}, unary and streamed`, async () => {
      let id = newID();
      const { retry } = await failure(unary(createChatCompletion, { params }, { ...options, id }), { ...want, id });
      if (name === 'a rate limit') assert.equal(retry?.retryDelay?.seconds, 20n);
      id = newID();
      await failure(all(stream(streamChatCompletion, { params }, { ...options, id })), { ...want, id });
    });
  }
});
