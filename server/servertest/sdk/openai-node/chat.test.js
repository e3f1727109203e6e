// Replies that come whole.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';
import { client, entries, fault, named, once, say } from './gateway.js';

const Weather = z.object({ city: z.string(), celsius: z.number(), sky: z.enum(['clear', 'clouds']) });

suite('chat completion', () => {
  test('answers', async () => {
    const reply = await client.chat.completions.create(say('Hello'));
    assert.equal(reply.object, 'chat.completion');
    assert.match(reply.id, /^chatcmpl-/);
    assert.equal(reply.model, 'gpt-4o-mini-2024-07-18');
    assert.deepEqual(reply.choices, [{
      index: 0, finish_reason: 'stop', logprobs: null,
      message: { role: 'assistant', content: 'You said: Hello', refusal: null, annotations: [] },
    }]);
    assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
    assert.equal(reply.usage.completion_tokens_details.reasoning_tokens, 0);
  });

  test('adopts the request id and passes it on', async () => {
    const { id, options } = named();
    const reply = await client.chat.completions.create(say('Hello'), options);
    assert.equal(reply._request_id, id);
    assert.equal(entries(id, 'arrived').length, 1);
  });

  test('makes a request id where none is given', async () => {
    const reply = await client.chat.completions.create(say('Hello'));
    assert.match(reply._request_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    assert.equal(entries(reply._request_id, 'arrived').length, 1);
  });

  test('tells plan, provider and rate limits in headers', async () => {
    const { data, response } = await client.chat.completions.create(say('Hello', { model: 'openai/gpt-4o-mini' })).withResponse();
    assert.equal(data.choices[0].message.content, 'You said: Hello');
    assert.match(response.headers.get('x-signalbox-plan'), /^[0-9a-f]{64}$/);
    assert.equal(response.headers.get('x-signalbox-provider'), 'openai');
    assert.equal(response.headers.get('x-signalbox-model'), 'gpt-4o-mini');
    assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '9999');
    assert.equal(response.headers.get('set-cookie'), null);
  });

  test('gives as many choices as are asked for', async () => {
    const reply = await client.chat.completions.create(say('Hello', { n: 3 }));
    assert.deepEqual(reply.choices.map((c) => [c.index, c.message.content]), [
      [0, 'You said: Hello'], [1, 'You said: Hello (choice 2)'], [2, 'You said: Hello (choice 3)'],
    ]);
  });

  test('gives log probabilities', async () => {
    const reply = await client.chat.completions.create(say('Hello', { logprobs: true, top_logprobs: 2 }));
    const { content } = reply.choices[0].logprobs;
    assert.equal(content.map((t) => t.token).join(''), 'You said: Hello');
    for (const token of content) {
      assert.ok(token.logprob < 0);
      assert.deepEqual(token.bytes, [...Buffer.from(token.token)]);
      assert.equal(token.top_logprobs.length, 2);
      assert.equal(token.top_logprobs[0].token, token.token);
    }
  });

  test('keeps every character', async () => {
    const words = 'Grüße, 世界 👩‍👩‍👧 \u05e9\u05dc\u05d5\u05dd e\u0301 "\\/\b\f\n\r\t\u0001\u2028\u2029 </script>&';
    const reply = await client.chat.completions.create(say(words));
    assert.equal(reply.choices[0].message.content, `You said: ${words}`);
  });

  test('carries a long prompt and a long reply', async () => {
    const reply = await client.chat.completions.create(say('long '.repeat(400_000), fault('line=3000000')));
    assert.equal(reply.choices[0].message.content.length, 3_000_000);
    assert.ok(reply.usage.prompt_tokens > 400_000);
  });

  test('carries images', async () => {
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const plain = await client.chat.completions.create(say('What is this?'));
    const reply = await client.chat.completions.create(say([
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${pixel}`, detail: 'low' } },
      { type: 'image_url', image_url: { url: 'https://example.com/cat.png' } },
    ]));
    assert.equal(reply.choices[0].message.content, 'You said: What is this?');
    assert.equal(reply.usage.prompt_tokens - plain.usage.prompt_tokens, 2 * 85);
  });

  test('gives models that reason what they take', async () => {
    const reply = await client.chat.completions.create(say('Hello', { model: 'o3-mini', max_tokens: 500, reasoning_effort: 'low' }));
    assert.equal(reply.choices[0].finish_reason, 'stop');
    assert.equal(reply.usage.completion_tokens_details.reasoning_tokens, 64);
  });

  test('passes a refusal on', async () => {
    const reply = await client.chat.completions.create(say('Hello', fault('refusal=I will not.')));
    assert.equal(reply.choices[0].message.refusal, 'I will not.');
    assert.equal(reply.choices[0].message.content, null);
  });

  test('speaks', async () => {
    const reply = await client.chat.completions.create(say('Hello', {
      model: 'gpt-4o-audio-preview', modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' },
    }));
    const { audio } = reply.choices[0].message;
    assert.equal(audio.transcript, 'You said: Hello');
    assert.equal(Buffer.from(audio.data, 'base64').toString(), audio.transcript);
  });
});

suite('structured output', () => {
  test('follows the schema', async () => {
    const reply = await client.chat.completions.create(say('Weather?', { response_format: zodResponseFormat(Weather, 'weather') }));
    assert.deepEqual(Object.keys(JSON.parse(reply.choices[0].message.content)), ['city', 'celsius', 'sky']);
  });

  test('parse() gives the typed value', async () => {
    const reply = await client.chat.completions.parse(say('Weather?', { response_format: zodResponseFormat(Weather, 'weather') }));
    assert.deepEqual(reply.choices[0].message.parsed, { city: 'text', celsius: 1, sky: 'clear' });
  });

  test('parse() sees a reply that was cut short', async () => {
    const request = say('Weather?', { response_format: zodResponseFormat(Weather, 'weather'), max_tokens: 2 });
    await assert.rejects(client.chat.completions.parse(request), OpenAI.LengthFinishReasonError);
  });

  test('parse() sees a filtered reply', async () => {
    const request = say('Weather?', { response_format: zodResponseFormat(Weather, 'weather'), ...fault('finish=content_filter') });
    await assert.rejects(client.chat.completions.parse(request), OpenAI.ContentFilterFinishReasonError);
  });

  test('a schema that the provider refuses is a bad request', async () => {
    const schema = { type: 'object', properties: { a: { type: 'string' } } };
    const request = say('Hello', { response_format: { type: 'json_schema', json_schema: { name: 'bad', strict: true, schema } } });
    await assert.rejects(once.chat.completions.create(request), (e) => e instanceof OpenAI.BadRequestError && e.param === 'response_format');
  });
});
