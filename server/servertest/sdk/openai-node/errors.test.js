// What goes wrong, by the classes that the SDK makes of it.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { client, entries, fault, named, once, patience, say, seen } from './gateway.js';

/** raises asserts the error of a call, and that it carries the call's request id. */
async function raises(promise, id, type, facts) {
  await assert.rejects(promise, (e) => {
    assert.equal(e.constructor, type, `${e}`);
    assert.equal(e.requestID, id);
    for (const [name, value] of Object.entries(facts)) assert.deepEqual(e[name], value, `${name} of ${e}`);
    return true;
  });
}

suite('refusals', () => {
  test('an unknown parameter, by the provider', async () => {
    const { id, options } = named();
    await raises(once.chat.completions.create(say('Hello', { frobnicate: 1 }), options), id, OpenAI.BadRequestError,
      { status: 400, code: 'unknown_parameter', param: 'frobnicate', type: 'invalid_request_error' });
  });

  test('a member of the wrong kind', async () => {
    const { id, options } = named();
    await raises(once.chat.completions.create(say('Hello', { n: 'many' }), options), id, OpenAI.BadRequestError,
      { status: 400, param: 'n', type: 'invalid_request_error' });
  });

  test('no messages', async () => {
    const { id, options } = named();
    await raises(once.chat.completions.create({ model: 'gpt-4o-mini' }, options), id, OpenAI.BadRequestError, { status: 400, param: 'messages' });
  });

  test('a wrong key', async () => {
    const stranger = new OpenAI({ apiKey: 'sk-of-nobody', maxRetries: 0 });
    const { id, options } = named();
    await raises(stranger.chat.completions.create(say('Hello'), options), id, OpenAI.AuthenticationError,
      { status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
    assert.equal(entries(id, 'arrived').length, 0);
  });

  test('an unknown model', async () => {
    const { id, options } = named();
    await raises(once.chat.completions.create(say('Hello', { model: 'no-such-model' }), options), id, OpenAI.NotFoundError,
      { status: 404, code: 'model_not_found', param: 'model', type: 'invalid_request_error' });
    assert.equal(entries(id, 'arrived').length, 0);
  });

  test('an unknown route and a wrong method', async () => {
    const { id, options } = named();
    await raises(once.get('/no/such/route', options), id, OpenAI.NotFoundError, { status: 404, code: 'route_not_found' });
    const other = named();
    await raises(once.put('/chat/completions', { ...other.options, body: {} }), other.id, OpenAI.APIError, { status: 405, code: 'method_not_allowed' });
  });

  for (const [status, type, facts] of [
    [400, OpenAI.BadRequestError, {}],
    [404, OpenAI.NotFoundError, {}],
    [409, OpenAI.ConflictError, {}],
    [422, OpenAI.UnprocessableEntityError, {}],
    [429, OpenAI.RateLimitError, { code: 'rate_limit_exceeded' }],
    [500, OpenAI.InternalServerError, { status: 502, code: 'upstream_failed' }],
    [503, OpenAI.InternalServerError, { code: 'server_is_overloaded' }],
  ]) {
    test(`the provider's ${status}`, async () => {
      const { id, options } = named();
      await raises(once.chat.completions.create(say('Hello', fault(`status=${status}`)), options), id, type, { status, ...facts });
    });
  }
});

suite('retries', () => {
  test('the SDK does not try again where the provider refuses the gateway\'s own key', async () => {
    for (const status of [401, 403]) {
      const { id, options } = named();
      await raises(client.chat.completions.create(say('Hello', fault(`status=${status}`)), options), id, OpenAI.InternalServerError,
        { status: 502, code: 'upstream_credentials_refused' });
      assert.equal(entries(id, 'arrived').length, 1);
    }
  });

  test('the gateway tries again, so that the SDK sees success', async () => {
    for (const script of ['status=503,times=2', 'status=500,times=2', 'reset,times=2', 'status=429,retry-after-ms=20,times=2']) {
      const { id, options } = named();
      const reply = await once.chat.completions.create(say('Hello', fault(script)), options);
      assert.equal(reply.choices[0].message.content, 'You said: Hello');
      assert.equal(entries(id, 'arrived').length, 3, script);
    }
  });

  test('the SDK waits as long as the provider says', async () => {
    const { id, options } = named();
    const reply = await client.chat.completions.create(say('Hello', fault('status=429,retry-after-ms=700,times=1')), options);
    assert.equal(reply.choices[0].message.content, 'You said: Hello');
    const [first, second, ...more] = entries(id, 'arrived').map((e) => Date.parse(e.at));
    assert.ok(second - first >= 700, `came again after ${second - first} ms`);
    assert.equal(more.length, 0);
  });

  test('a wait that would freeze the SDK is cut', async () => {
    await assert.rejects(once.chat.completions.create(say('Hello', fault('status=429,retry-after=3600'))), (e) => {
      assert.ok(e instanceof OpenAI.RateLimitError);
      assert.equal(e.headers.get('retry-after'), '120');
      return true;
    });
  });

  test('the SDK does not try again what no retry can mend', async () => {
    const { id, options } = named();
    const request = say('Hello', fault('status=429,type=insufficient_quota,code=insufficient_quota'));
    await assert.rejects(client.chat.completions.create(request, options), (e) => {
      assert.ok(e instanceof OpenAI.RateLimitError);
      assert.equal(e.code, 'insufficient_quota');
      assert.equal(e.headers.get('x-should-retry'), 'false');
      return true;
    });
    assert.equal(entries(id, 'arrived').length, 1);
  });
});

suite('leaving', () => {
  /** aborted asserts that the provider saw the client of a request leave. */
  async function aborted(id) {
    const end = await seen(id, 'ended');
    assert.equal(end.aborted, true);
    assert.equal(entries(id, 'arrived').length, 1);
  }

  test('an aborted call ends at the provider', async () => {
    const { id, options } = named();
    const controller = new AbortController();
    const call = once.chat.completions.create(say('Hello', fault('hang')), { ...options, signal: controller.signal });
    const rejected = assert.rejects(call, OpenAI.APIUserAbortError);
    await seen(id, 'arrived');
    controller.abort();
    await rejected;
    await aborted(id);
  });

  test('an aborted stream ends at the provider', async () => {
    const { id, options } = named();
    const controller = new AbortController();
    const source = await once.chat.completions.create(say('Hello', { stream: true, ...fault('hang-after=3') }), { ...options, signal: controller.signal });
    const chunks = [];
    for await (const chunk of source) { // the SDK ends an aborted stream without an error
      chunks.push(chunk);
      if (chunks.length === 3) controller.abort();
    }
    assert.equal(chunks.length, 3);
    await aborted(id);
  });

  test('a stream that is left ends at the provider', async () => {
    const { id, options } = named();
    for await (const chunk of await once.chat.completions.create(say('Hello', { stream: true, ...fault('hang-after=3') }), options)) {
      assert.equal(chunk.object, 'chat.completion.chunk');
      break;
    }
    await aborted(id);
  });

  test('an aborted helper ends at the provider', async () => {
    const { id, options } = named();
    const runner = once.chat.completions.stream(say('Hello', fault('hang-after=3')), options);
    runner.once('chunk', () => runner.abort());
    await assert.rejects(runner.finalChatCompletion(), OpenAI.APIUserAbortError);
    await aborted(id);
  });

  test('a call that takes too long ends at the provider', async () => {
    const { id, options } = named();
    const call = once.chat.completions.create(say('Hello', fault('hang')), { ...options, timeout: 1000 });
    await assert.rejects(call, OpenAI.APIConnectionTimeoutError);
    await aborted(id);
  });

  test('a slow call is waited for', async () => {
    const reply = await once.chat.completions.create(say('Hello', fault('delay=300ms')), { timeout: patience });
    assert.equal(reply.choices[0].message.content, 'You said: Hello');
  });
});
