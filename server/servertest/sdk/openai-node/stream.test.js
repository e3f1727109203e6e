// Replies that come piece by piece.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { ChatCompletionStream } from 'openai/lib/ChatCompletionStream';
import { z } from 'zod';
import { all, client, entries, fault, named, once, say, textOf } from './gateway.js';

const stream = true;

suite('stream', () => {
  test('comes in pieces that make the whole', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream })));
    assert.ok(chunks.length > 3);
    assert.ok(chunks.every((c) => c.object === 'chat.completion.chunk' && c.id === chunks[0].id && c.created === chunks[0].created));
    assert.equal(chunks[0].choices[0].delta.role, 'assistant');
    assert.equal(textOf(chunks), 'You said: Hello');
    assert.deepEqual(chunks.map((c) => c.choices[0].finish_reason), [...Array(chunks.length - 1).fill(null), 'stop']);
  });

  test('says nothing of usage unless asked', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream })));
    assert.ok(chunks.every((c) => !('usage' in c) && c.choices.length === 1));
  });

  test('has the usage in a chunk of its own where asked', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream, stream_options: { include_usage: true } })));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.ok(last.usage.total_tokens > 0);
    assert.ok(chunks.every((c) => c.usage === null));
  });

  test('adopts the request id', async () => {
    const { id, options } = named();
    const { data, request_id } = await client.chat.completions.create(say('Hello', { stream }), options).withResponse();
    await all(data);
    assert.equal(request_id, id);
    assert.equal(entries(id, 'arrived').length, 1);
  });

  test('has several choices', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream, n: 2 })));
    assert.equal(textOf(chunks, 0), 'You said: Hello');
    assert.equal(textOf(chunks, 1), 'You said: Hello (choice 2)');
  });

  test('has log probabilities', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream, logprobs: true, top_logprobs: 1 })));
    const tokens = chunks.flatMap((c) => c.choices[0].logprobs?.content ?? []);
    assert.equal(tokens.map((t) => t.token).join(''), 'You said: Hello');
  });

  test('keeps every character', async () => {
    const words = 'Grüße, 世界 👩‍👩‍👧 \u05e9\u05dc\u05d5\u05dd e\u0301 "\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&\n\ndata: [DONE]\n\n';
    const chunks = await all(await client.chat.completions.create(say(words, { stream })));
    assert.equal(textOf(chunks), `You said: ${words}`);
  });

  test('carries a long line', async () => {
    const chunks = await all(await client.chat.completions.create(say('Hello', { stream, ...fault('line=3000000') })));
    assert.equal(textOf(chunks).length, 3_000_000 + ' and on.'.length);
  });

  for (const framing of ['crlf', 'comments', 'no-space', 'multi-line', 'names', 'bom', 'cr', 'no-last-blank', 'one-byte', 'padding=3']) {
    test(`is the same however the provider frames it: ${framing}`, async () => {
      const chunks = await all(await client.chat.completions.create(say('Hello', { stream, ...fault(framing) })));
      assert.equal(textOf(chunks), 'You said: Hello');
      assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
    });
  }
});

suite('stream helper', () => {
  test('assembles the reply', async () => {
    const runner = client.chat.completions.stream(say('Hello', { stream_options: { include_usage: true } }));
    const seen = [];
    runner.on('content', (delta, snapshot) => seen.push([delta, snapshot]));
    const reply = await runner.finalChatCompletion();
    assert.equal(reply.choices[0].message.content, 'You said: Hello');
    assert.equal(reply.choices[0].finish_reason, 'stop');
    assert.equal(seen.map(([delta]) => delta).join(''), 'You said: Hello');
    assert.equal(seen.at(-1)[1], 'You said: Hello');
    assert.equal((await runner.totalUsage()).total_tokens, reply.usage.total_tokens);
    assert.equal(await runner.finalContent(), 'You said: Hello');
  });

  test('assembles log probabilities and refusals', async () => {
    const events = [];
    const runner = client.chat.completions.stream(say('Hello', { logprobs: true, ...fault('refusal=I will not.') }))
      .on('refusal.done', (e) => events.push(e.refusal))
      .on('logprobs.refusal.done', (e) => events.push(e.refusal.map((t) => t.token).join('')));
    const { message } = (await runner.finalChatCompletion()).choices[0];
    assert.equal(message.refusal, 'I will not.');
    assert.deepEqual(events.sort(), ['I will not.', 'I will not.']);
  });

  test('parses structured output', async () => {
    const Answer = z.object({ steps: z.array(z.string()), result: z.number() });
    let parsed;
    const runner = client.chat.completions.stream(say('How much?', { response_format: zodResponseFormat(Answer, 'answer') }))
      .on('content.done', (e) => { parsed = e.parsed; });
    const reply = await runner.finalChatCompletion();
    assert.deepEqual(reply.choices[0].message.parsed, { steps: ['text'], result: 1 });
    assert.deepEqual(parsed, reply.choices[0].message.parsed);
  });

  test('sees a reply that was cut short', async () => {
    const Answer = z.object({ result: z.number() });
    const runner = client.chat.completions.stream(say('How much?', { max_tokens: 2, response_format: zodResponseFormat(Answer, 'answer') }));
    await assert.rejects(runner.finalChatCompletion(), OpenAI.LengthFinishReasonError);
  });

  test('goes through a proxy of the user\'s own', async () => {
    const source = client.chat.completions.stream(say('Hello')).toReadableStream();
    const reply = await ChatCompletionStream.fromReadableStream(source).finalChatCompletion();
    assert.equal(reply.choices[0].message.content, 'You said: Hello');
  });
});

suite('a broken stream', () => {
  test('that fails in the middle raises the error after the pieces before it', async () => {
    const { id, options } = named();
    const request = say('Hello', { stream, ...fault('error-at=3,message=The model fell over.,code=fallen') });
    const { data } = await once.chat.completions.create(request, options).withResponse();
    const chunks = [];
    await assert.rejects(async () => { for await (const c of data) chunks.push(c); }, (e) => {
      assert.ok(e instanceof OpenAI.APIError, `${e}`);
      assert.match(e.message, /The model fell over/);
      assert.equal(e.type, 'server_error');
      assert.equal(e.requestID, id);
      return true;
    });
    assert.equal(chunks.length, 2);
    assert.equal(entries(id, 'arrived').length, 1, 'what was shown is not tried again');
  });

  for (const script of ['truncate-after=3', 'drop-after=3', 'reset-after=3', 'truncate-in=4', 'no-done', 'no-finish', 'malformed=3']) {
    test(`raises and never looks like success: ${script}`, async () => {
      const { id, options } = named();
      const source = await once.chat.completions.create(say('Hello', { stream, ...fault(script) }), options);
      await assert.rejects(all(source), (e) => {
        assert.ok(e instanceof OpenAI.APIError, `${e}`);
        assert.equal(e.type, 'server_error');
        assert.match(e.code, /^upstream_/);
        return true;
      });
      assert.equal(entries(id, 'arrived').length, 1);
    });

    test(`and so it does with the helper: ${script}`, async () => {
      await assert.rejects(once.chat.completions.stream(say('Hello', fault(script))).finalChatCompletion(), OpenAI.APIError);
    });
  }

  test('that fails before its first piece is tried again', async () => {
    const { id, options } = named();
    const chunks = await all(await once.chat.completions.create(say('Hello', { stream, ...fault('error-at=1,times=1') }), options));
    assert.equal(textOf(chunks), 'You said: Hello');
    assert.equal(entries(id, 'arrived').length, 2);
  });

  test('that is refused has no stream at all', async () => {
    const request = say('Hello', { stream, ...fault('status=429,retry-after=20') });
    await assert.rejects(once.chat.completions.create(request), (e) => e instanceof OpenAI.RateLimitError && e.headers.get('retry-after') === '20');
  });
});
