import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { CallEnd } from './gen/signalbox/common/v1/common_pb.js';
import { ConversationsService } from './gen/signalbox/conversations/v1/conversations_service_pb.js';
import { EmbeddingsService } from './gen/signalbox/embeddings/v1/embeddings_service_pb.js';
import { ResponsesService } from './gen/signalbox/responses/v1/responses_service_pb.js';
import { all, newID, stream, unary } from './gateway.js';

/**
 * @import { Item, Response } from './gen/signalbox/responses/v1/responses_pb.js'
 * @import { StreamResponseResponse } from './gen/signalbox/responses/v1/responses_service_pb.js'
 */

const { createResponse, streamResponse, getResponse, deleteResponse } = ResponsesService.method;

/** responders answer responses themselves, or the gateway does it by their chat. */
const responders = ['openai/gpt-4o-mini', 'xai/grok-3', 'deepseek/deepseek-chat', 'groq-own/llama-3.3-70b-versatile'];

/** textOf is what an item says. @param {Item} item */
const textOf = ({ item }) => (item.case === 'message' ? item.value.contentParts.map((p) => p.text ?? '').join('') : '');

/** outputText is what a response says. @param {Response | undefined} response */
const outputText = (response) => response?.output.map(textOf).join('');

suite('responses', () => {
  for (const model of responders) {
    test(`of ${model} are made, streamed, and deleted`, async () => {
      const id = newID();
      const { response, info } = await unary(createResponse, { params: { model, input: 'Hello' } }, { id });
      assert.equal(outputText(response), 'You said: Hello');
      assert.equal(info?.requestId, id);
      assert.equal(info?.end, CallEnd.COMPLETED);
      const params = { model, input: 'Again', previousResponseId: response?.id };
      const messages = /** @type {StreamResponseResponse[]} */ (await all(stream(streamResponse, { params })));
      const events = messages.flatMap((m) => m.event ?? []);
      assert.deepEqual(events.map((e) => e.sequenceNumber), events.map((_, i) => i));
      assert.equal(events.map((e) => (e.event.case === 'delta' && e.type === 'response.output_text.delta' ? e.event.value.delta : '')).join(''), 'You said: Again');
      const last = events.at(-1);
      assert.equal(last?.type, 'response.completed');
      assert.equal(last?.event.case === 'lifecycle' && outputText(last.event.value.response), 'You said: Again');
      assert.equal(messages.at(-1)?.info?.end, CallEnd.COMPLETED);
      await unary(deleteResponse, { responseId: response?.id });
      await assert.rejects(unary(getResponse, { responseId: response?.id }), { code: grpc.status.NOT_FOUND });
    });
  }
});

test('a conversation with all of them', async () => {
  const { conversation } = await unary(ConversationsService.method.createConversation, { params: {} });
  for (const model of responders) {
    const { response } = await unary(createResponse, { params: { model, input: model, conversation: conversation?.id } });
    assert.equal(outputText(response), `You said: ${model}`);
  }
  const { items } = await unary(ConversationsService.method.listConversationItems, { conversationId: conversation?.id, order: 'asc' });
  assert.deepEqual(items?.data.map(textOf), responders.flatMap((model) => [model, `You said: ${model}`]));
});

suite('embeddings', () => {
  for (const [model, size] of /** @type {[string, number][]} */ ([['openai/text-embedding-3-small', 1536], ['mistral/mistral-embed', 1024], ['ollama/nomic-embed-text', 768]])) {
    test(`of ${model} are packed numbers in every format`, async () => {
      const vectors = [];
      for (const encodingFormat of [undefined, 'float', 'base64']) {
        const { embeddings, info } = await unary(EmbeddingsService.method.createEmbeddings, { params: { model, inputs: ['Hello', 'World'], encodingFormat } });
        assert.deepEqual(embeddings?.data.map((e) => [e.index, e.vector.length]), [[0, size], [1, size]]);
        assert.ok(info?.usage?.input);
        vectors.push(embeddings?.data[0].vector);
      }
      assert.deepEqual(vectors[1], vectors[0]);
      assert.deepEqual(vectors[2], vectors[0]);
    });
  }
});
