// Streams that were recorded at the providers, through the gateway, into the SDK's
// helpers: what they make of them is what the recordings say.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { suite, test } from 'node:test';
import OpenAI from 'openai';
import { all, client, once, say } from './gateway.js';
import { responders } from './providers.js';

const testdata = new URL('../../../../providers/providertest/testdata/', import.meta.url);

/** recorded are the events of a recording, framed or one in each line. */
function recorded(name) {
  const lines = readFileSync(new URL(name, testdata), 'utf8').split('\n').map((line) => line.replace(/^data: ?/, '').trim());
  return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
}

/** streams are the recorded streams that providers replay, with their models. */
async function streams(kept) {
  const found = [];
  for (const p of responders) {
    for (const { id } of await all(client.models.list({ query: { provider: p.name } }))) {
      const name = id.match(/(?:^|\/)replay\/(.*\.(?:txt|sse))$/)?.[1];
      if (name && name.includes('/responses/') === kept) found.push([name, `${p.name}/replay/${name}`]);
    }
  }
  return found;
}

/** said puts together what chunks say, by choice, whatever names their provider has. */
function said(chunks) {
  const choices = [];
  for (const choice of chunks.flatMap((c) => c.choices ?? [])) {
    const to = choices[choice.index ?? 0] ??= { content: '', refusal: '', thought: '', calls: [] };
    const { content, refusal, reasoning_content: thought, reasoning, tool_calls: calls } = choice.delta ?? {};
    for (const part of Array.isArray(content) ? content : [{ type: 'text', text: content ?? '' }]) {
      if (part.type === 'thinking') to.thought += part.thinking.map((t) => t.text).join('');
      else to.content += part.text;
    }
    to.refusal += refusal ?? '';
    to.thought += thought ?? reasoning ?? '';
    for (const call of calls ?? []) {
      const at = call.id ? to.calls.findIndex((c) => c.id === call.id && c.index === call.index) : to.calls.findIndex((c) => c.index === call.index);
      const into = to.calls[at] ?? (to.calls.push({ id: call.id, index: call.index, name: '', arguments: '' }), to.calls.at(-1));
      into.name += call.function?.name ?? '';
      into.arguments += call.function?.arguments ?? '';
    }
  }
  return choices.map(({ calls, ...rest }) => ({ ...rest, calls: calls.map((c) => [c.name, c.arguments]) }));
}

const chats = await streams(false);
const answers = await streams(true);

suite('recorded completions', () => {
  test('are there', () => assert.ok(chats.length >= 25, `${chats.length}`));

  for (const [name, model] of chats) {
    test(name, async () => {
      const want = said(recorded(name));
      const chunks = [];
      const runner = client.chat.completions.stream(say('Again', { model, stream_options: { include_usage: true } })).on('chunk', (c) => chunks.push(c));
      const reply = await runner.finalChatCompletion();
      const got = reply.choices.map(({ message: m }, i) => ({
        content: m.content ?? '', refusal: m.refusal ?? '', thought: said(chunks)[i].thought, calls: (m.tool_calls ?? []).map((c) => [c.function.name, c.function.arguments]),
      }));
      assert.deepEqual(got, want);
      assert.ok(reply.choices.every((c) => ['stop', 'length', 'tool_calls', 'content_filter'].includes(c.finish_reason)));
      assert.ok(reply.choices.flatMap((c) => c.message.tool_calls ?? []).every((c) => c.id && c.type === 'function'));
    });
  }
});

/** shown is what an item says, without the ids that the gateway gives. */
const shown = (value) => JSON.parse(JSON.stringify(value, (key, v) => (['id', 'item_id', 'approval_request_id', 'parsed', 'parsed_arguments'].includes(key) || v === null ? undefined : v)));

/** beyond are recordings that the helper cannot read, wherever they come from. */
const beyond = {
  'openai-apply-patch-tool.1': /Unhandled response stream event/, // it knows no such events
  'openai-shell-container.1': /Unhandled response stream event/,
  'openai-phase.1': /missing output at index 2/, // an item was cut out of the recording
};

/** turned says which items have another id in the end than they had before. */
function turned(events, response) {
  const ids = new Map(events.filter((e) => e.type === 'response.output_item.done').map((e) => [e.output_index, e.item.id]));
  return response.output.map((item, index) => item.id !== ids.get(index));
}

suite('recorded responses', () => {
  test('are there', () => assert.ok(answers.length >= 25, `${answers.length}`));

  for (const [name, model] of answers) {
    const all = recorded(name);
    const recording = all.slice(0, all.findIndex((e) => ['response.completed', 'response.failed', 'response.incomplete'].includes(e.type)) + 1);
    const last = recording.at(-1);
    const helped = () => {
      const texts = [];
      return { texts, response: once.responses.stream({ model, input: 'Again' }).on('response.output_text.delta', (e) => texts.push(e)).finalResponse() };
    };

    if (last.type === 'response.failed') {
      test(`${name} fails`, () => assert.rejects(helped().response, (e) => e instanceof OpenAI.OpenAIError && e.message.includes(last.response.error.message)));
      continue;
    }

    test(`${name}, event by event`, async () => {
      const events = [];
      for await (const event of await once.responses.create({ model, input: 'Again', stream: true })) events.push(event);
      const kinds = events.map((e) => e.type);
      const told = (kind) => !name.includes('xai') || !kind.startsWith('response.content_part.'); // xAI leaves out what the SDK needs
      assert.deepEqual(kinds.filter(told), recording.map((e) => e.type).filter(told));
      if (!name.includes('xai')) {
        assert.deepEqual(events.map((e) => e.sequence_number), recording.map((e) => e.sequence_number ?? 0));
      }
      assert.deepEqual(events.map((e) => e.delta).filter(Boolean), recording.map((e) => e.delta).filter(Boolean));
      assert.deepEqual(shown(events.at(-1).response.output), shown(last.response.output));
      assert.deepEqual(turned(events, events.at(-1).response), turned(recording, last.response));
    });

    const reason = Object.entries(beyond).find(([part]) => name.includes(part))?.[1];
    if (reason) {
      test(`${name} is beyond the helper`, () => assert.rejects(helped().response, reason));
      continue;
    }

    test(name, async () => {
      const { texts, response } = helped();
      const got = await response;
      assert.equal(got.status, last.response.status);
      assert.deepEqual(shown(got.output), shown(last.response.output));
      for (const e of texts.filter((text, i) => texts[i + 1]?.output_index !== text.output_index || texts[i + 1].content_index !== text.content_index)) {
        assert.equal(e.snapshot, got.output[e.output_index].content[e.content_index].text, 'what was put together is what the end has');
      }
    });
  }
});
