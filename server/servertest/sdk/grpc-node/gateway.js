// What the tests share: clients of the gateway's services, its errors, and sight of
// what the provider saw.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { after } from 'node:test';
import { create, createRegistry, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import * as grpc from '@grpc/grpc-js';
import { ErrorInfoSchema, RetryInfoSchema, StatusSchema } from './gen/status_pb.js';
import { ApiErrorSchema, ErrorReason, ErrorReasonSchema } from './gen/signalbox/common/v1/errors_pb.js';

/**
 * @import { DescMethodServerStreaming, DescMethodUnary, DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
 * @typedef {{ event: string, client_request_id: string, at: string, aborted?: boolean }} Entry
 * @typedef {{ deadline?: number, key?: string, id?: string }} Options
 */

/** patience bounds every wait, in milliseconds; reaching it is a failure. */
const patience = 20_000;

/** variable is what stack.sh tells. @param {string} name */
function variable(name) {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run this by run.sh`);
  return value;
}

const connection = new grpc.Client(variable('SIGNALBOX_GRPC'), grpc.credentials.createInsecure(), {
  'grpc.max_receive_message_length': 16 << 20,
});
after(() => connection.close());

/** newID is a request id that no other call has. */
export const newID = () => `node-${randomUUID()}`;

/** fault has the provider answer by a script, apart from those of other tests. @param {string} script */
export const fault = (script) => ({ user: `fault/${script},id=${randomUUID()}` });

/** say are the parameters of one user message. @param {string} content */
export const say = (content, members = {}) => ({ model: 'gpt-4o-mini', messages: [{ role: 'user', content }], ...members });

/** pathOf is a method as gRPC names it. @param {DescMethodUnary | DescMethodServerStreaming} method */
const pathOf = (method) => `/${method.parent.typeName}/${method.name}`;

/** head is a call's metadata and bounds. @param {Options} options @returns {[grpc.Metadata, grpc.CallOptions]} */
function head({ deadline = patience, key = variable('OPENAI_API_KEY'), id = newID() }) {
  const metadata = new grpc.Metadata();
  if (key) metadata.set('authorization', `Bearer ${key}`);
  metadata.set('x-request-id', id);
  return [metadata, { deadline: Date.now() + deadline }];
}

/**
 * start makes a unary call; `reply` has what comes of it.
 * @template {DescMessage} I
 * @template {DescMessage} O
 * @param {DescMethodUnary<I, O>} method
 * @param {MessageInitShape<I>} request
 * @param {Options} options
 */
export function start(method, request, options = {}) {
  const header = new grpc.Metadata();
  /** @type {(error: grpc.ServiceError | null, message?: MessageShape<O>) => void} */
  let done;
  /** @type {Promise<{ message: MessageShape<O>, header: grpc.Metadata }>} */
  const reply = new Promise((resolve, reject) => {
    done = (error, message) => (error || !message ? reject(error) : resolve({ message, header }));
  });
  const call = connection.makeUnaryRequest(
    pathOf(method), (message) => Buffer.from(toBinary(method.input, message)), (bytes) => fromBinary(method.output, bytes),
    create(method.input, request), ...head(options), (error, message) => done(error, message),
  );
  call.on('metadata', (received) => header.merge(received));
  return { call, reply };
}

/**
 * unary makes a unary call and returns the reply.
 * @template {DescMessage} I
 * @template {DescMessage} O
 * @param {DescMethodUnary<I, O>} method
 * @param {MessageInitShape<I>} request
 * @param {Options} options
 */
export async function unary(method, request, options = {}) {
  return (await start(method, request, options).reply).message;
}

/**
 * stream makes a streaming call.
 * @template {DescMessage} I
 * @template {DescMessage} O
 * @param {DescMethodServerStreaming<I, O>} method
 * @param {MessageInitShape<I>} request
 * @param {Options} options
 */
export function stream(method, request, options = {}) {
  return connection.makeServerStreamRequest(
    pathOf(method), (message) => Buffer.from(toBinary(method.input, message)), (bytes) => fromBinary(method.output, bytes),
    create(method.input, request), ...head(options),
  );
}

/**
 * all reads a stream to its end.
 * @template T
 * @param {AsyncIterable<T>} source
 * @param {T[]} messages take what comes, also of a stream that breaks
 */
export async function all(source, messages = []) {
  for await (const message of source) messages.push(message);
  return messages;
}

const details = createRegistry(ApiErrorSchema, ErrorInfoSchema, RetryInfoSchema);

/**
 * failure asserts the status of a call with its details, and returns them.
 * @param {Promise<unknown>} promise
 * @param {{ id: string, code: grpc.status, reason: ErrorReason, status: number, param?: string }} want
 */
export async function failure(promise, want) {
  const error = await promise.then(() => assert.fail('the call succeeded'), (/** @type {grpc.ServiceError} */ e) => e);
  assert.equal(error.code, want.code, `${error}`);
  const [bytes] = error.metadata.get('grpc-status-details-bin');
  assert.ok(Buffer.isBuffer(bytes), 'the status has no details');
  const status = fromBinary(StatusSchema, bytes);
  const found = status.details.map((any) => anyUnpack(any, details));
  const find = (/** @type {string} */ name) => found.find((message) => message?.$typeName === name);
  const api = /** @type {MessageShape<typeof ApiErrorSchema>} */ (find('signalbox.common.v1.ApiError'));
  const info = /** @type {MessageShape<typeof ErrorInfoSchema>} */ (find('google.rpc.ErrorInfo'));
  const retry = /** @type {MessageShape<typeof RetryInfoSchema> | undefined} */ (find('google.rpc.RetryInfo'));
  assert.equal(api.message, error.details);
  assert.deepEqual([api.reason, api.httpStatus, api.param], [want.reason, want.status, want.param]);
  assert.equal(info.domain, 'signalbox');
  assert.equal(info.reason, ErrorReasonSchema.value[want.reason].name);
  assert.equal(info.metadata.request_id, want.id);
  return { api, retry };
}

/** entries are what the provider has seen of a request so far. @param {string} id @param {string} event @returns {Entry[]} */
export function entries(id, event) {
  const lines = readFileSync(variable('UPSTREAM_LOG'), 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line)).filter((e) => e.client_request_id === id && e.event === event);
}

/** seen waits until the provider has seen an event of a request. @param {string} id @param {string} event @returns {Promise<Entry>} */
export async function seen(id, event) {
  const tail = spawn('tail', ['-n', '+1', '-f', variable('UPSTREAM_LOG')], { stdio: ['ignore', 'pipe', 'inherit'] });
  const timer = setTimeout(() => tail.kill(), patience);
  try {
    for await (const line of createInterface({ input: tail.stdout })) {
      const entry = JSON.parse(line);
      if (entry.client_request_id === id && entry.event === event) return entry;
    }
  } finally {
    clearTimeout(timer);
    tail.kill();
  }
  throw new Error(`the provider never saw ${event} of ${id}`);
}
